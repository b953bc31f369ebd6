"""Level "lna": means, covariances and the displacement of the means by noise, as one model for the ODE solver."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from manyscale.engines.lna_equations import (
    NoiseEquations,
    free_name,
    local_names,
    noise_equations,
    refuse_events_of_states,
    renamed,
)
from manyscale.engines.noise_trajectory import NoiseTrajectory
from manyscale.engines.ode import simulate_ode
from manyscale.engines.start import initial_state
from manyscale.engines.trajectory import Trajectory
from manyscale.errors import InputError
from manyscale.kernels import compile_model
from manyscale.kernels.kernel import Kernel
from manyscale.model.algebra import differentiate
from manyscale.model.expr import ONE, ZERO, Expr, Number, Symbol, add, mul, power
from manyscale.model.model import Model
from manyscale.model.parts import Parameter, Rule

LARGEST = 150  # species: their covariances are n (n + 1) / 2 further equations


@dataclass(frozen=True)
class NoiseModel:
    """`model`: the given one with covariances of molecule numbers and displacements of means as further variables.

    covariance: (i, k), i <= k -> its parameter. displacement: per state. local: new names of local parameters.
    """

    equations: NoiseEquations
    model: Model
    covariance: Mapping[tuple[int, int], str]
    displacement: tuple[str, ...]
    local: Mapping[str, str]

    def values(self, values: Mapping[str, float] | None) -> dict[str, float]:
        """Overrides for the new model from overrides for the given one."""
        return {self.local.get(id, id): value for id, value in (values or {}).items()}


def simulate_lna(kernel: Kernel, times, *, values: Mapping[str, float] | None = None, counts: bool = False,
                 rtol: float = 1e-6, atol=None, method: str = "auto", seed: int | None = None,
                 max_steps: int = 10_000_000, progress: Callable[[float], None] | None = None) -> NoiseTrajectory:  # fmt: skip
    """Linear noise approximation from a start without noise: `run[id]` is the macroscopic mean.

    counts: amounts without units are numbers of molecules. Errors: UnsupportedError for what has no meaning as a jump
    process or has too many species; InputError; SimulationError as level "ode".
    """
    made = noise_model(kernel, counts)
    if np.ndim(atol):
        raise InputError("level 'lna' has more equations than the model has states: give atol as one number, or none")
    run = simulate_ode(compile_model(made.model), times, values=made.values(values), rtol=rtol, atol=atol,
                       method=method, seed=seed, max_steps=max_steps, progress=progress)  # fmt: skip
    _, p = initial_state(kernel, values)
    return collected(made, run, p)


def collected(made: NoiseModel, run: Trajectory, p: np.ndarray) -> NoiseTrajectory:
    """The result of a run of the noise model, in terms of the given model."""
    kernel = made.equations.kernel
    n, rows = kernel.size, len(run.times)
    covariance = np.zeros((rows, n, n))
    for (i, k), name in made.covariance.items():
        covariance[:, i, k] = covariance[:, k, i] = run[name]
    displacement = np.stack([run[name] for name in made.displacement], axis=1) if n else np.zeros((rows, 0))
    mean = mean_trajectory(kernel, run, p, made.local, np.stack([run[id] for id in kernel.system.states], axis=1))
    return NoiseTrajectory(mean, covariance, made.equations, displacement=displacement, level="lna",
                           remarks=(*made.equations.jump.remarks, *run.remarks))  # fmt: skip


def mean_trajectory(
    kernel: Kernel, run: Trajectory, p: np.ndarray, local: Mapping[str, str], states: np.ndarray
) -> Trajectory:
    """A trajectory of the given model with these states; parameters follow those of `run`, which events may change."""
    if run.parameters.ndim == 2:
        p = np.tile(p, (len(run.times), 1))
        for k, name in enumerate(kernel.system.parameters):
            column = run.kernel.system.parameter_index.get(local.get(name, name))
            if column is not None:
                p[:, k] = run.parameters[:, column]
    return Trajectory(kernel, run.times, states, p, stats=run.stats, remarks=run.remarks, events=run.events)


def noise_model(kernel: Kernel, counts: bool = False) -> NoiseModel:
    """The model of means and covariances, made once per kernel; it can be written and run like any other."""
    found = kernel.__dict__.setdefault("_noise_models", {})
    if counts not in found:
        found[counts] = _Augmentation(noise_equations(kernel, counts)).result()
    return found[counts]


class _Augmentation:
    def __init__(self, equations: NoiseEquations):
        self.equations, self.model = equations, equations.kernel.model
        system = equations.kernel.system
        if system.size > LARGEST:
            raise InputError(
                f"level 'lna': {system.size} species have {system.size * (system.size + 1) // 2:,} covariances; reduce the "
                f"model to {LARGEST} species, or use level='jump' or 'langevin'"
            )
        refuse_events_of_states(system, "lna")
        self.used = set(self.model.by_id)
        self.local = local_names(system, self.used)
        self.added: list[Parameter] = [
            Parameter(new, value=_local_value(self.model, old)) for old, new in self.local.items()
        ]
        self.rules: list[Rule] = []
        ids = equations.states
        n = len(ids)
        self.covariance = {
            (i, k): self._variable(f"cov_{ids[i]}_{ids[k]}") for i in range(n) for k in range(i, n)
        }  # fmt: skip
        self.displacement = tuple(self._variable(f"shift_{id}") for id in ids)
        self.slopes = {
            (i, k): self._named(f"slope_{ids[i]}_{ids[k]}", formula)
            for (i, k), formula in equations.drift_slopes.items()
        }

    def _variable(self, wanted: str) -> str:
        name = free_name(wanted, self.used)
        self.added.append(Parameter(name, value=0.0, constant=False))
        return name

    def _named(self, wanted: str, formula: Expr) -> Expr:
        """A formula under a name of its own, so that many equations can share it."""
        formula = renamed(formula, self.local)
        if isinstance(formula, Number | Symbol):
            return formula
        name = free_name(wanted, self.used)
        self.added.append(Parameter(name, constant=False))
        self.rules.append(Rule("assignment", formula, name))
        return Symbol(name)

    def of(self, i: int, k: int) -> Symbol:
        """The covariance of two states."""
        return Symbol(self.covariance[(i, k) if i <= k else (k, i)])

    def result(self) -> NoiseModel:
        equations, n = self.equations, self.equations.kernel.size
        rows = [[(k, s) for (a, k), s in self.slopes.items() if a == i] for i in range(n)]
        diffusion = {key: renamed(formula, self.local) for key, formula in equations.diffusion.items()}
        for (i, k), name in self.covariance.items():
            terms = [mul(slope, self.of(m, k)) for m, slope in rows[i]]
            terms += [mul(slope, self.of(i, m)) for m, slope in rows[k]]
            self.rules.append(Rule("rate", add(*terms, diffusion.get((i, k), ZERO)), name))
        push = self._push()
        for i, name in enumerate(self.displacement):
            terms = [mul(slope, Symbol(self.displacement[k])) for k, slope in rows[i]]
            self.rules.append(Rule("rate", add(*terms, *push[i]), name))
        events = tuple(self._event(k) for k in range(len(self.model.events)))
        model = self.model.replace(
            id=f"{self.model.id}_lna", level="ode", reactions=self._reactions(), events=events,
            parameters=(*self.model.parameters, *self.added), rules=(*self.model.rules, *self.rules),
        )  # fmt: skip
        return NoiseModel(equations, model, self.covariance, self.displacement, self.local)

    def _push(self) -> list[list[Expr]]:
        """What noise and the discreteness of molecules add to the means, per state."""
        equations = self.equations
        push: list[list[Expr]] = [[] for _ in equations.states]
        for one, excess, curvature in zip(equations.reactions, equations.excess, equations.curvatures):
            parts = [renamed(excess, self.local)] if excess != ZERO else []
            for (k, m), formula in curvature.items():
                factor = Number(0.5 if k == m else 1.0)
                parts.append(mul(factor, renamed(formula, self.local), self.of(k, m)))
            if not parts:
                continue
            total = self._named(f"push_{one.reaction}", add(*parts))
            for i, number in one.change:
                push[i].append(mul(Number(float(number)), total))
        return push

    def _reactions(self) -> tuple:
        """The given reactions at their macroscopic rates, without local parameters."""
        rates = dict(self.equations.kernel.system.rates)
        limits: dict[str, Expr] = {}
        for one in self.equations.reactions:
            if one.limit is not None and one.constant is None and not self._split(one.reaction):
                limits[one.reaction] = mul(Number(1.0 / self.equations.jump.per_unit), one.limit)
        found = []
        for reaction in self.model.reactions:
            rate = renamed(limits.get(reaction.id, rates[reaction.id]), self.local)
            found.append(replace(reaction, rate=rate, local=()))
        return tuple(found)

    def _split(self, reaction: str) -> bool:
        return sum(one.reaction == reaction for one in self.equations.reactions) > 1

    def _event(self, k: int):
        """The event with what it does to covariances: those of the new values by the slopes of its assignments."""
        event, lowered = self.model.events[k], self.equations.kernel.system.events[k]
        index = self.equations.kernel.system.state_index
        jumps: dict[int, dict[int, Expr]] = {}
        for target, formula in zip(lowered.targets, map(self.equations.written.out, lowered.formulas)):
            if target.kind == "state":
                jumps[target.index] = {
                    index[s]: mul(differentiate(formula, s), self._ratio(target.index, index[s]))
                    for s in index
                    if differentiate(formula, s) != ZERO
                }
        if not jumps:
            return event
        made = list(event.assignments)
        for (i, j), name in self.covariance.items():
            if i in jumps or j in jumps:
                left, right = jumps.get(i, {i: ONE}), jumps.get(j, {j: ONE})
                parts = [mul(a, b, self.of(m, q)) for m, a in left.items() for q, b in right.items()]
                made.append((name, renamed(add(*parts), self.local)))
        for i, slopes in jumps.items():
            parts = [mul(a, Symbol(self.displacement[m])) for m, a in slopes.items()]
            made.append((self.displacement[i], renamed(add(*parts), self.local)))
        return replace(event, assignments=tuple(made))

    def _ratio(self, i: int, k: int) -> Expr:
        """Molecules per unit of state i, over the same of state k."""
        molecule = self.equations.jump.molecule
        return ONE if molecule[i] == molecule[k] else mul(molecule[k], power(molecule[i], Number(-1.0)))


def _local_value(model: Model, name: str) -> float | None:
    reaction, _, own = name.partition(".")
    return next(k.value for k in model[reaction].local if k.id == own)
