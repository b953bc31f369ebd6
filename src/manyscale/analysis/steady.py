"""Steady states: pseudo-transient continuation, then Newton's method on the conserved quotient, else integration.

Kelley & Keyes, SIAM J. Numer. Anal. 35:508 (1998) for the continuation; the quotient makes the Jacobian regular.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from manyscale import _core
from manyscale.analysis.stability import Quotient, conserved_quotient, row_factors, stability
from manyscale.engines.consistent import make_consistent
from manyscale.engines.simulate import as_model
from manyscale.engines.tolerance import absolute_tolerance, typical_sizes
from manyscale.errors import InputError, SimulationError
from manyscale.kernels import compile_model
from manyscale.kernels.kernel import Kernel
from manyscale.model.model import Model

__all__ = ["SteadyState", "steady_state"]

GOOD = 1e-9  # largest relative residual of a steady state
KEPT = 1e-7  # largest change of a conserved sum, as a share of its terms
NEGLIGIBLE = 1e-12  # share of the largest state of the same kind


@dataclass(frozen=True)
class SteadyState:
    """A steady state with the conserved sums of the initial state.

    values: by id, everything that has a value. states, parameters: vectors in the kernel's order. residual: largest
    net change of a state as a share of what flows through it. eigenvalues: on the conserved quotient, per time unit.
    stable: None where an eigenvalue is zero to rounding. method: how it was found.
    """

    values: Mapping[str, float]
    states: np.ndarray
    parameters: np.ndarray
    residual: float
    eigenvalues: np.ndarray
    stable: bool | None
    kind: str
    method: str
    remarks: tuple[str, ...] = ()

    def __getitem__(self, id: str) -> float:
        return self.values[id]

    def __repr__(self) -> str:
        return f"<SteadyState: {self.kind}, residual {self.residual:.1e}, by {self.method}>"


def steady_state(model: Model | str | Path, values: Mapping[str, float] | None = None) -> SteadyState:
    """The steady state reached from the initial values (or with the same conserved sums, where that is unstable).

    values: overrides of initial values and parameters by id. Events do not act; a remark says so.
    Errors: InputError for a model that depends on time or has delays; SimulationError where none is found, with the
    reason (oscillation, unbounded growth).
    """
    kernel = compile_model(as_model(model))
    y, p = kernel.initial(values)
    _refuse_impossible(kernel, y, p)
    if kernel.system.mass is not None:
        y = make_consistent(kernel, 0.0, y, p)
    quotient = conserved_quotient(kernel, 0.0, y, p)
    found, method = _find(kernel, y, p, quotient)
    residual = relative_residual(kernel, found, p)
    spectrum = stability(kernel, 0.0, found, p, quotient)
    remarks = ("events do not act on a steady state",) if kernel.system.events else ()
    return SteadyState(
        kernel.values(0.0, found, p), found, p, residual, spectrum.eigenvalues, spectrum.stable, spectrum.kind, method,
        remarks,
    )  # fmt: skip


def _refuse_impossible(kernel: Kernel, y: np.ndarray, p: np.ndarray) -> None:
    if not np.isfinite(y).all():
        names = ", ".join(kernel.system.states[i] for i in np.flatnonzero(~np.isfinite(y))[:5])
        raise InputError(f"no initial value for {names}; give one in the model or with values={{...}}")
    if kernel.system.delays:
        raise InputError("the model has delays; steady states of such models are not computed, simulate it instead")
    for t in (0.0, 1.0, 17.3, 1e3):
        if np.any(kernel.time_derivative(t, y, p)):
            raise InputError("the model depends on time, so it has no steady state; fix what depends on time first")


def relative_residual(kernel: Kernel, y: np.ndarray, p: np.ndarray) -> float:
    """Largest net change of a state as a share of the gross change: reactions, or |J| |y| for rules.

    A change that would matter only for a state 1e12 times smaller than the largest of its kind counts little.
    """
    if not kernel.size:
        return 0.0
    f, gross = kernel.rhs(0.0, y, p), gross_change(kernel, y, p)
    speed = np.abs(np.diag(kernel.jacobian(0.0, y, p)))
    negligible = NEGLIGIBLE * typical_sizes(kernel.system, y) * np.maximum(speed, slowest_speed(speed))
    with np.errstate(all="ignore"):
        share = np.where(f == 0.0, 0.0, np.abs(f) / np.maximum(np.maximum(gross, negligible), 1e-300))
    return float(share.max()) if np.isfinite(share).all() else np.inf


def gross_change(kernel: Kernel, y: np.ndarray, p: np.ndarray) -> np.ndarray:
    """How much flows through each state per time: |N| |v| for reactions, |J| |y| for rules, whichever is larger."""
    system = kernel.system
    gross = np.abs(kernel.jacobian(0.0, y, p)) @ np.abs(y)
    if system.rates:
        rates = np.abs(kernel.rates(0.0, y, p))
        row, column, weight = _balance(kernel)
        flow = np.bincount(row, weights=weight * rates[column], minlength=kernel.size)
        gross = np.maximum(gross, flow * np.abs(row_factors(kernel, 0.0, y, p)))
    return gross


@lru_cache(maxsize=4)
def _balance(kernel: Kernel) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows, columns and absolute values of the stoichiometry."""
    entries = kernel.system.balance
    return (
        np.array([i for i, _, _ in entries], dtype=int), np.array([j for _, j, _ in entries], dtype=int),
        np.array([abs(float(x)) for _, _, x in entries]),
    )  # fmt: skip


def slowest_speed(speed: np.ndarray) -> float:
    """The smallest own rate |J_ii| that is not hopelessly small beside the others (0: none)."""
    return float(speed[speed >= 1e-6 * np.median(speed[speed > 0])].min()) if speed.any() else 0.0


def _find(kernel: Kernel, y: np.ndarray, p: np.ndarray, quotient: Quotient) -> tuple[np.ndarray, str]:
    if not kernel.size:
        return y, "nothing changes"
    with np.errstate(all="ignore"):
        near = pseudo_transient(kernel, y, p)
        found = newton(kernel, near, y, p, quotient)
        if _good(kernel, found, y, p, quotient.laws):
            return found, "pseudo-transient continuation and Newton's method"
        past = []
        for late in _integrated(kernel, y, p):
            past.append(late)
            found = newton(kernel, late, y, p, quotient)
            if _good(kernel, found, y, p, quotient.laws):
                return found, "time integration and Newton's method"
            if _good(kernel, late, y, p, quotient.laws):
                return late, "time integration"
    raise SimulationError(_why_none(kernel, past))


def _good(kernel: Kernel, found: np.ndarray, start: np.ndarray, p: np.ndarray, laws: np.ndarray) -> bool:
    """Stationary, finite, with the conserved sums of the start, and without negative amounts where the start had none."""
    if not np.isfinite(found).all() or relative_residual(kernel, found, p) > GOOD:
        return False
    if (np.abs(laws @ (found - start)) > KEPT * (np.abs(laws) @ np.maximum(np.abs(found), np.abs(start)))).any():
        return False
    species = np.asarray(kernel.system.state_is_species, dtype=bool)
    return bool((found[species & (start >= 0)] >= -1e-9 * max(np.abs(found).max(), 1e-300)).all())


def pseudo_transient(kernel: Kernel, y: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Implicit Euler with steps that grow; keeps conserved sums to rounding, and amounts from becoming negative."""
    mass = kernel.mass(p)
    mass = np.eye(kernel.size) if mass is None else mass
    positive = np.asarray(kernel.system.state_is_species, dtype=bool) & (y >= 0)
    f, jacobian = kernel.rhs(0.0, y, p), kernel.jacobian(0.0, y, p)
    step = 0.1 / max(
        float(np.abs(jacobian).sum(axis=1).max()), float(np.abs(f).max()) / max(np.abs(y).max(), 1e300), 1e-300
    )
    for _ in range(1000 if kernel.size < 50 else 150):
        try:
            change = np.linalg.solve(mass / step - jacobian, f)
        except np.linalg.LinAlgError:
            return y
        trial = y + change
        new = kernel.rhs(0.0, trial, p)
        size = max(np.abs(y).max(), np.abs(trial).max(), 1e-300)
        if not np.isfinite(new).all() or (trial[positive] < -1e-9 * size).any():
            step *= 0.2
            if step < 1e-200:
                return y
            continue
        y, f = np.where(positive, np.maximum(trial, 0.0), trial) if (trial[positive] < 0).any() else trial, new
        jacobian = kernel.jacobian(0.0, y, p)
        moved = np.abs(change).max() / size
        step = min(step * (2.0 if moved > 0.1 else 5.0), 1e200)
        if moved < 1e-10 and relative_residual(kernel, y, p) <= GOOD:
            break
    return y


def newton(kernel: Kernel, y: np.ndarray, start: np.ndarray, p: np.ndarray, quotient: Quotient, most: int = 50):
    """Newton's method for f = 0 with the conserved sums of `start`; scaled by the size of states, with damping."""
    keep, laws = quotient.independent, quotient.laws
    totals = laws @ start
    best, best_residual = y, relative_residual(kernel, y, p)
    positive, singular = np.asarray(kernel.system.state_is_species, dtype=bool) & (start >= 0), 0
    for _ in range(most):
        scale = np.maximum(np.abs(y), 1e-9 * max(np.abs(y).max(), 1e-300))
        matrix = np.vstack([kernel.jacobian(0.0, y, p)[keep], laws]) * scale
        right = -np.concatenate([kernel.rhs(0.0, y, p)[keep], laws @ y - totals])
        rows = np.abs(matrix).max(axis=1)
        rows[rows == 0] = 1.0
        if not (np.isfinite(matrix).all() and np.isfinite(right).all()):
            break
        try:
            change = np.linalg.solve(matrix / rows[:, None], right / rows) * scale
        except np.linalg.LinAlgError:
            singular += 1
            if singular > 3:
                break
            change = np.linalg.lstsq(matrix / rows[:, None], right / rows, rcond=None)[0] * scale
        if not np.isfinite(change).all():
            break
        falling = positive & (change < 0) & (y > 0)
        factor = min(1.0, 0.9 * float((y[falling] / -change[falling]).min(initial=np.inf)))
        y = y + factor * change
        residual = relative_residual(kernel, y, p)
        if residual < best_residual or (
            residual <= GOOD and factor == 1.0 and np.abs(laws @ y - totals).max(initial=0) == 0
        ):
            best, best_residual = y, residual
        if (np.abs(change) <= 1e-14 * scale).all():
            break
    return best


def _integrated(kernel: Kernel, y: np.ndarray, p: np.ndarray):
    """States at later and later times."""

    atol, tracking = absolute_tolerance(kernel.system, y, 1e-8, None)
    run = _core.Run(kernel.new_equations(), p, 1e-8, atol, tracking=tracking, max_steps=3_000)
    run.start(0.0, y)
    unit = 1.0 / (slowest_speed(np.abs(np.diag(kernel.jacobian(0.0, y, p)))) or 1.0)
    switches = 0
    for power in range(7):
        end = unit * 10.0**power
        status = "root"
        while status == "root" and switches < 200:
            switches += 1
            status = run.advance(end, np.empty(0), np.empty((0, kernel.size)))[0]
            if status == "root":
                run.start(run.t, run.y, True)
        if status != "reached":
            return
        yield run.y


def _why_none(kernel: Kernel, past: list[np.ndarray]) -> str:
    """What happens instead of a steady state, in words, from states at later and later times."""
    if len(past) >= 2:
        names = kernel.system.states
        growth = np.abs(past[-1]) / np.maximum(np.abs(past[-2]), 1e-300)
        worst = int(np.argmax(np.where(np.abs(past[-1]) > 1e-6 * np.abs(past[-1]).max(), growth, 0.0)))
        if growth[worst] > 5.0:
            return (
                f"no steady state found: {names[worst]!r} keeps growing (it rises in proportion to time or faster); "
                "balance its production with a loss, or simulate instead"
            )
        change = np.abs(past[-1] - past[-2]) / np.maximum(np.abs(past[-1]), 1e-300)
        worst = int(np.argmax(np.where(np.abs(past[-1]) > 1e-9 * np.abs(past[-1]).max(), change, 0.0)))
        return (
            f"no steady state found: the solution keeps changing (most of all {names[worst]!r}), it oscillates or "
            "settles very slowly; simulate instead, or start nearer to a steady state with values={...}"
        )
    return "no steady state found: the integration does not get far either; simulate the model to see where it stops"
