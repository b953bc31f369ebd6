"""From jumps to a hybrid of jumps, diffusion and flow: which reactions run continuously, and whether the law survives.

The thresholds of the hybrid are no proof, so distributions are compared with those of exact paths, or, where exact paths
take too long, with those of a hybrid whose thresholds are four times higher. Estimated, at the model's own values.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from manyscale.bridges.bridge import Bridge
from manyscale.bridges.certificate import Assumption, Certificate, ErrorStatement, Refusal, source_hash, versions
from manyscale.engines.hybrid import simulate_hybrid
from manyscale.engines.jump import simulate_jump
from manyscale.engines.trajectory import Trajectory
from manyscale.errors import InputError, SimulationError, UnsupportedError
from manyscale.kernels import compile_model
from manyscale.kernels.kernel import Kernel
from manyscale.kernels.propensity_code import propensity_code
from manyscale.model.expr import Symbol
from manyscale.model.model import Model
from manyscale.model.question import Question
from manyscale.scales import resolve
from manyscale.scales.measure import Scales

NAME = "partition"
NORM = "largest Kolmogorov distance between distributions of an observable at one time"
TIMES = 12  # at which distributions are compared
GRID = 60  # times at which numbers of molecules are looked at
HIGHER = 4.0  # thresholds of the hybrid that stands for exact paths
MOST_JUMPS = 2_000_000_000  # of all exact paths together
SURE = 1.36  # Kolmogorov's 95 % point
SHARE = 1e-3  # of the time for which a reaction has to run continuously to count


def attempt(model: Model, scales: Scales | None = None, question: Question | None = None, *,
            partition: Mapping[str, str] | None = None, langevin_above: float = 100.0, counts: bool = False,
            paths: int = 5000, seed: int = 0) -> Bridge | Refusal:  # fmt: skip
    """The bridge to the hybrid model (`coarse.level` is "hybrid", ids are the same), with an estimated certificate.

    partition: reactions that are always "jump", "langevin" or "ode"; langevin_above: molecules from which the others leave
    the jumps; counts: amounts without units are numbers of molecules; paths: of each sample, which decides what can be
    told apart (1.36 sqrt(2 / paths)). The certificate's bound is the distance found and that resolution.

    Refused where a reaction in the continuous part touches few molecules (the number said), where nothing ever runs
    continuously, where exact paths take fewer steps, and where distributions differ by more than the tolerance.
    """
    if not isinstance(paths, (int, np.integer)) or paths < 100:
        raise InputError(f"paths={paths!r}: give a whole number from 100 on")
    question = resolve(model, question)
    kernel = compile_model(model)
    pilot = _Pilot(kernel, question, dict(partition or {}), float(langevin_above), counts, int(paths), int(seed))
    try:
        hybrid = pilot.hybrid(pilot.seed)
        refused = pilot.few(hybrid) or pilot.idle(hybrid)
        if refused is not None:
            return refused
        reference, exact = pilot.reference()
    except (UnsupportedError, SimulationError) as failure:
        return Refusal(NAME, str(failure).splitlines()[0])
    dearer = pilot.dearer(hybrid, reference) if exact else None
    if dearer is not None:
        return dearer
    return _judged(pilot, hybrid, reference, exact)


def _judged(pilot: _Pilot, hybrid: Trajectory, reference: Trajectory, exact: bool) -> Bridge | Refusal:
    question, model = pilot.question, pilot.kernel.model
    distances = {id: pilot.distance(id, hybrid, reference) for id in question.observables if id in hybrid.ids}
    if not distances:
        return Refusal(NAME, "no observable has a value in the hybrid model")
    worst = max(distances, key=lambda id: distances[id])
    resolution = SURE * np.sqrt(1.0 / hybrid.replicates + 1.0 / reference.replicates)
    if distances[worst] - resolution > question.tolerance:
        return Refusal(
            NAME, f"the distribution of {worst} differs by {distances[worst]:.3g} from that of "
            f"{'exact paths' if exact else 'a hybrid with higher thresholds'}; raise langevin_above or let more reactions jump",
            distances[worst], question.tolerance, worst,
        )  # fmt: skip
    ids = [s.id for s in model.species]
    return Bridge(
        name=NAME, fine=model if model.level == "jump" else replace(model, level="jump"),
        coarse=replace(model, level="hybrid"),
        restrict={id: Symbol(id) for id in ids if id in pilot.kernel.system.state_index},
        lift={id: Symbol(id) for id in ids},
        parameters={k.id: Symbol(k.id) for k in model.parameters if k.constant},
        certificate=_certificate(pilot, hybrid, distances, float(resolution), exact),
    )  # fmt: skip


def _certificate(
    pilot: _Pilot, hybrid: Trajectory, distances: Mapping[str, float], resolution: float, exact: bool
) -> Certificate:
    worst = max(distances.values())
    against = "exact paths" if exact else f"a hybrid with thresholds {HIGHER:g} times higher"
    steps = hybrid.stats["jumps"] + hybrid.stats["steps"]
    return Certificate(
        tier="estimated",
        claim=f"the hybrid has the distributions of {against} within {worst + resolution:.3g} at {TIMES} times "
        f"({steps / hybrid.replicates:.3g} jumps and steps per path). " + "; ".join(_parts(hybrid)),
        assumptions=(
            Assumption(f"continuous reactions change species of at least {pilot.above / 2:g} molecules", "checked"),
            Assumption(f"samples of {hybrid.replicates} and {pilot.compared} paths resolve {resolution:.2g}", "checked"),
            Assumption("the model's own values; other initial values and constants were not looked at", "assumed"),
        ),
        error=ErrorStatement(NORM, worst, worst + resolution, per_observable=dict(distances), points=1),
        recipe={"method": NAME, "langevin_above": pilot.above, "partition": dict(pilot.partition), "paths": pilot.paths,
                "seed": pilot.seed, "counts": pilot.counts, "horizon": float(pilot.question.horizon)},
        source_hash=source_hash(pilot.kernel.model), versions=versions(),
    )  # fmt: skip


def _parts(hybrid: Trajectory) -> list[str]:
    return [one for one in hybrid.remarks if one.startswith(("jump", "langevin", "ode"))]


@dataclass
class _Pilot:
    """Samples that decide."""

    kernel: Kernel
    question: Question
    partition: dict[str, str]
    above: float
    counts: bool
    paths: int
    seed: int
    compared: int = 0

    @property
    def times(self) -> np.ndarray:
        return np.linspace(0.0, float(self.question.horizon), GRID + 1)

    def hybrid(self, seed: int, factor: float = 1.0) -> Trajectory:
        return simulate_hybrid(
            self.kernel, self.times, replicates=self.paths, seed=seed, counts=self.counts, partition=self.partition,
            langevin_above=factor * self.above, ode_above=factor * max(1e7, self.above),
        )  # fmt: skip

    def reference(self) -> tuple[Trajectory, bool]:
        """(sample, whether it is exact)."""
        try:
            few = simulate_jump(self.kernel, self.times[-1:], replicates=8, seed=self.seed + 1, counts=self.counts,
                                max_steps=MOST_JUMPS // 100)  # fmt: skip
            number = int(min(self.paths, MOST_JUMPS / max(few.stats["jumps"] / 8, 1.0)))
        except (SimulationError, UnsupportedError):  # too many jumps, or rates that depend on time
            number = 0
        self.compared = number if number >= 100 else self.paths
        if number < 100:
            return self.hybrid(self.seed + 1, HIGHER), False
        exact = simulate_jump(self.kernel, self.times, replicates=number, seed=self.seed + 1, counts=self.counts)
        return exact, True

    def few(self, run: Trajectory) -> Refusal | None:
        """A reaction that was told to run continuously and changes few molecules."""
        code = propensity_code(self.kernel, self.counts)
        p = np.asarray(run.parameters)
        molecules = run.states / code.scale(p if p.ndim == 1 else p[0])
        for one in code.reactions:
            word = self.partition.get(one.reaction, "jump")
            if word == "jump" or run.partition[one.reaction]["jump"] > 1.0 - SHARE:
                continue
            for i, number in one.change:
                level = molecules[:, 1:, i] / abs(number)
                least = max(float(level.min()), 0.0)
                if least < self.above / 2:
                    k = int(np.unravel_index(np.argmin(level), level.shape)[1]) + 1
                    name = self.kernel.system.states[i]
                    return Refusal(
                        NAME, f"{one.reaction} is in the continuous part ({word}) and changes {name}, of which there "
                        f"are {least * abs(number):.3g} molecules at t = {self.times[k]:.3g}; let it jump",
                        least, self.above / 2, name,
                    )  # fmt: skip
        return None

    def idle(self, run: Trajectory) -> Refusal | None:
        """Nothing runs continuously."""
        most = max((1.0 - share["jump"] for share in run.partition.values()), default=0.0)
        if most > SHARE:
            return None
        code = propensity_code(self.kernel, self.counts)
        largest = float(np.max(run.states / code.scale(np.asarray(run.parameters)))) if run.states.size else 0.0
        return Refusal(
            NAME, f"no reaction runs continuously: species reach {largest:.3g} molecules, reactions leave the jumps from "
            f"{self.above:g} of all they change, and only where that saves steps; use level='jump'", largest, self.above,
        )  # fmt: skip

    def dearer(self, run: Trajectory, exact: Trajectory) -> Refusal | None:
        """Exact paths take fewer steps."""
        own = (run.stats["jumps"] + run.stats["steps"]) / run.replicates
        theirs = exact.stats["jumps"] / exact.replicates
        if own < theirs:
            return None
        return Refusal(
            NAME,
            f"exact paths take {theirs:.3g} jumps, the hybrid {own:.3g} jumps and steps; use level='jump'",
            own,
            theirs,
        )

    def distance(self, id: str, first: Trajectory, second: Trajectory) -> float:
        """Largest distance between the distributions of an observable over the times."""
        rows = np.unique(np.linspace(1, GRID, TIMES).astype(int))
        a, b = (np.asarray(run[id])[:, rows] for run in (first, second))
        return max(_kolmogorov(a[:, k], b[:, k]) for k in range(len(rows)))


def _kolmogorov(a: np.ndarray, b: np.ndarray) -> float:
    """Distance of two samples; what differs by less than rounding is the same."""
    size = max(float(np.abs(a).max()), float(np.abs(b).max()), 1e-300)
    a, b = np.sort(np.round(a / size, 9)), np.sort(np.round(b / size, 9))
    points = np.concatenate([a, b])
    here = np.searchsorted(a, points, side="right") / len(a)
    there = np.searchsorted(b, points, side="right") / len(b)
    return float(np.max(np.abs(here - there)))
