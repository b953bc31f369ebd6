"""Equations of the linear noise approximation, in symbols: drift, its slopes, and what each reaction adds to the noise.

Means follow the macroscopic rates v_j, deviations dn of molecule numbers obey d(dn) = J dn dt + noise, so that
dC/dt = J C + C J' + sum_j s_j s_j' v_j, and the mean of the jump process is displaced by d with
dd_i/dt = sum_k J_ik d_k + sum_j s_ij (1/2 sum_kl H_j,kl C_kl + a_j - v_j), a_j the propensity (van Kampen, Stochastic
Processes in Physics and Chemistry, ch. 10; Grima, J. Chem. Phys. 133:035101, 2010).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from manyscale.errors import UnsupportedError
from manyscale.kernels.kernel import Kernel
from manyscale.kernels.propensities import JumpSystem, Propensity, jump_system
from manyscale.kernels.system import System
from manyscale.model.algebra import differentiate, simplify
from manyscale.model.expr import ZERO, Expr, Number, Symbol, Time, add, mul, substitute, symbols, walk


@dataclass(frozen=True)
class NoiseEquations:
    """Rates in events per time as formulas in model units; slopes per molecule. States in the order of the kernel."""

    kernel: Kernel
    jump: JumpSystem

    @property
    def states(self) -> tuple[str, ...]:
        return self.kernel.system.states

    @property
    def reactions(self) -> tuple[Propensity, ...]:
        return self.jump.propensities

    @cached_property
    def written(self) -> Written:
        return Written(self.kernel.system)

    @cached_property
    def rates(self) -> tuple[Expr, ...]:
        """Macroscopic rate of each direction of each reaction."""
        return tuple(self.written.out(one.macroscopic) for one in self.reactions)

    @cached_property
    def excess(self) -> tuple[Expr, ...]:
        """Propensity minus macroscopic rate: of order one where the rate is of the order of the system's size."""
        found = []
        for one, rate in zip(self.reactions, self.rates):
            found.append(ZERO if one.limit is None else simplify(self.written.out(one.formula) - rate))
        return tuple(found)

    @cached_property
    def changes(self) -> np.ndarray:
        """Molecules of each state that each reaction makes, shape (n, reactions)."""
        matrix = np.zeros((len(self.states), len(self.reactions)))
        for j, one in enumerate(self.reactions):
            for i, number in one.change:
                matrix[i, j] = number
        return matrix

    @cached_property
    def slopes(self) -> tuple[dict[int, Expr], ...]:
        """Of each rate by molecule numbers: state -> formula, without zeros."""
        return tuple(dict(self._gradient(rate)) for rate in self.rates)

    @cached_property
    def curvatures(self) -> tuple[dict[tuple[int, int], Expr], ...]:
        """Second derivatives of each rate by molecule numbers k <= l, without zeros."""
        found = []
        for slopes in self.slopes:
            rows = {k: self._gradient(slope) for k, slope in slopes.items()}
            found.append({(k, m): s for k, row in rows.items() for m, s in row.items() if k <= m})
        return tuple(found)

    def _gradient(self, formula: Expr) -> dict[int, Expr]:
        index, found = self.kernel.system.state_index, {}
        for name in sorted(symbols(formula) & set(index)):
            slope = differentiate(formula, name)
            if slope != ZERO:
                found[index[name]] = mul(slope, self.jump.molecule[index[name]])
        return found

    @cached_property
    def drift_slopes(self) -> dict[tuple[int, int], Expr]:
        """The Jacobian J of the means in molecules: (i, k) -> formula."""
        terms: dict[tuple[int, int], list[Expr]] = {}
        for one, slopes in zip(self.reactions, self.slopes):
            for i, number in one.change:
                for k, slope in slopes.items():
                    terms.setdefault((i, k), []).append(mul(Number(float(number)), slope))
        return {key: add(*parts) for key, parts in terms.items()}

    @cached_property
    def diffusion(self) -> dict[tuple[int, int], Expr]:
        """sum_j s_ij s_kj v_j for i <= k: (i, k) -> formula."""
        terms: dict[tuple[int, int], list[Expr]] = {}
        for one, rate in zip(self.reactions, self.rates):
            for i, a in one.change:
                for k, b in one.change:
                    if i <= k:
                        terms.setdefault((i, k), []).append(mul(Number(float(a * b)), rate))
        return {key: add(*parts) for key, parts in terms.items()}

    # values

    def rates_at(self, t: float, y: np.ndarray, p: np.ndarray) -> np.ndarray:
        """Events per time of each reaction, shape (reactions,)."""
        return self.kernel.evaluate(self.rates, t, y, p) if self.rates else np.zeros(0)

    def jacobian_at(self, t: float, y: np.ndarray, p: np.ndarray) -> np.ndarray:
        """J in molecules, shape (n, n)."""
        matrix = np.zeros((len(self.states),) * 2)
        if self.drift_slopes:
            rows, columns = zip(*self.drift_slopes)
            matrix[list(rows), list(columns)] = self.kernel.evaluate(self._slope_formulas, t, y, p)
        return matrix

    @cached_property
    def _slope_formulas(self) -> tuple[Expr, ...]:
        return tuple(self.drift_slopes.values())

    def molecule_at(self, p: np.ndarray) -> np.ndarray:
        """What one molecule is in the units of each state, shape (n,)."""
        if not self.states:
            return np.zeros(0)
        return self.kernel.evaluate(self.jump.molecule, 0.0, np.zeros(len(self.states)), p)


def noise_equations(kernel: Kernel, counts: bool = False) -> NoiseEquations:
    """The linear noise approximation of a compiled model, made once per kernel.

    counts: amounts without units are numbers of molecules. Errors: as `kernels.propensities.jump_system`.
    """
    found = kernel.__dict__.setdefault("_noise_equations", {})
    if counts not in found:
        found[counts] = NoiseEquations(kernel, jump_system(kernel, counts))
    return found[counts]


class Written:
    """Formulas of a system with everything written out that depends on a state, or has no id in the model."""

    def __init__(self, system: System):
        self.system = system
        self.known: dict[str, Expr] = {}
        moving = set(system.state_symbols)
        for name in system.schedule:
            formula = self.out(system.definitions[name])
            if symbols(formula) & moving or not name.isidentifier():
                self.known[name] = formula

    def out(self, formula: Expr) -> Expr:
        used = {name: self.known[name] for name in symbols(formula) & set(self.known)}
        return substitute(formula, used) if used else formula


def still_in_states(formulas: Iterable[Expr | None], system: System) -> bool:
    """Whether none of the formulas depends on a state."""
    written, moving = Written(system), set(system.state_symbols)
    return not any(symbols(written.out(one)) & moving for one in formulas if one is not None)


def refuse_events_of_states(system: System, level: str) -> None:
    """Errors: UnsupportedError for an event whose time depends on the state: each path would have its own."""
    for event in system.events:
        values = event.formulas if event.delay is not None else ()
        if not still_in_states((event.trigger, event.delay, event.priority, *values), system):
            raise UnsupportedError(
                "events",
                f"level '{level}': event {event.id} happens when the state says so, which is another time on every path; "
                "use level='jump'",
            )


def depends_on_time(formulas: Iterable[Expr]) -> bool:
    """Whether time itself occurs."""
    return any(type(node) is Time for formula in formulas for node in walk(formula))


def free_name(wanted: str, used: set[str]) -> str:
    """A name that is not in use, and now is."""
    name, k = wanted, 1
    while name in used:
        k += 1
        name = f"{wanted}_{k}"
    used.add(name)
    return name


def local_names(system: System, used: set[str]) -> Mapping[str, str]:
    """Names without a dot for local parameters "reaction.k"."""
    return {name: free_name(name.replace(".", "_"), used) for name in system.parameters if "." in name}


def renamed(formula: Expr, names: Mapping[str, str]) -> Expr:
    """The formula with other symbols."""
    here = {name: Symbol(names[name]) for name in symbols(formula) & set(names)}
    return substitute(formula, here) if here else formula
