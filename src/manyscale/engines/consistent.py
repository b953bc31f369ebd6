"""Consistent values of algebraic variables: at the start, after each jump of the state, and where a formula switches."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from manyscale.errors import SimulationError
from manyscale.kernels.kernel import Kernel


def make_consistent(kernel: Kernel, t: float, y: np.ndarray, p: np.ndarray) -> np.ndarray:
    """y with f_i(t, y, p) = 0 in algebraic rows and M y unchanged in the others.

    Fast reactions relax to the equilibrium that they themselves lead to; algebraic rules are solved by Newton's method
    from the present values. Errors: SimulationError naming the equation that could not be solved.
    """
    mass = kernel.mass(p)
    if mass is None:
        return y
    if any(reaction.fast for reaction in kernel.model.reactions):
        return _relaxed(kernel, t, y, p)
    return _solved(kernel, mass, t, y, p)


@np.errstate(over="ignore")  # values may run away while the root is looked for
def _solved(kernel: Kernel, mass: np.ndarray, t: float, y: np.ndarray, p: np.ndarray) -> np.ndarray:
    algebraic = ~mass.any(axis=1)
    start, y = y, y.copy()
    scale = np.maximum(np.abs(y), 1e-3 * max(np.abs(y).max(initial=0.0), 1e-30))
    residual = _residual(kernel, mass, algebraic, start, t, y, p)
    for _ in range(100):
        matrix = np.where(algebraic[:, None], kernel.jacobian(t, y, p), mass)
        if not np.isfinite(matrix).all():
            break
        try:
            change = np.linalg.solve(matrix, -residual)
        except np.linalg.LinAlgError:
            change = np.linalg.lstsq(matrix, -residual, rcond=None)[0]
        if not np.isfinite(change).all():
            break
        for halvings in range(30):
            trial = y + change * 0.5**halvings
            new = _residual(kernel, mass, algebraic, start, t, trial, p)
            if np.isfinite(new).all() and np.linalg.norm(new) <= (1 - 1e-4) * np.linalg.norm(residual) + 1e-300:
                break
        small = np.abs(trial - y).max() <= 1e-13 * scale.max() or np.all(np.abs(trial - y) <= 1e-12 * scale)
        y, residual = trial, new
        if small and np.linalg.norm(residual) <= 1e-6 * (1 + np.linalg.norm(y)):
            return y
    if np.isfinite(residual).all() and np.linalg.norm(residual) < 1e-9 * (1 + np.linalg.norm(y)):
        return y
    worst = int(np.argmax(np.where(algebraic, np.nan_to_num(np.abs(residual), nan=np.inf), -1)))
    raise SimulationError(
        f"no consistent values at t = {t:g}: the algebraic equation of {kernel.system.states[worst]!r} has no solution "
        "near the initial values; give initial values that satisfy it"
    )


def _residual(kernel, mass, algebraic, start, t, y, p) -> np.ndarray:
    return np.where(algebraic, kernel.rhs(t, y, p), mass @ (y - start))


def _relaxed(kernel: Kernel, t: float, y: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Where the fast reactions alone take y: implicit Euler in their own time, with steps that grow.

    Unlike Newton's method this cannot end at an equilibrium from which the reactions lead away.
    """
    system, model = kernel.system, kernel.model
    fast = [j for j, reaction in enumerate(model.reactions) if reaction.fast]
    matrix = np.zeros((kernel.size, len(model.reactions)))
    for i, j, x in system.stoichiometry:
        if j in fast:
            matrix[i, j] = float(x)
    matrix *= _amount_factors(kernel, t, y, p)[:, None]
    found = relaxed(
        lambda state: matrix @ kernel.rates(t, state, p),
        lambda state: matrix @ kernel.rate_jacobian(t, state, p),
        y,
        size_of_terms=lambda state: np.abs(matrix).max() * (1 + np.abs(kernel.rates(t, state, p)).max()),
    )
    if found is None:
        raise SimulationError(f"the fast reactions find no equilibrium at t = {t:g}; make them ordinary reactions")
    return found


def relaxed(
    flow: Callable[[np.ndarray], np.ndarray], slope: Callable[[np.ndarray], np.ndarray], y: np.ndarray, *,
    size_of_terms: Callable[[np.ndarray], float], steps: int = 2000,
) -> np.ndarray | None:  # fmt: skip
    """Where y' = flow(y) leads from y, what is positive staying so; None where it comes to no rest.

    By implicit Euler steps that grow, so that unlike Newton's method it cannot end at an equilibrium from which the flow
    leads away (pseudo-transient continuation: Kelley & Keyes, SIAM J. Numer. Anal. 35:508, 1998). slope: (n, n), of the
    flow. size_of_terms: of what is added up in the flow, which says what counts as zero.
    """
    positive = y >= 0
    now = flow(y)
    speed = np.abs(now).max(initial=0.0)
    if not speed:
        return y
    size = max(np.abs(y).max(), 1e-300)
    step = 0.01 * size / speed
    identity, matrix, quiet = np.eye(len(y)), slope(y), 0
    for _ in range(steps):
        try:
            trial = y + np.linalg.solve(identity / step - matrix, now)
        except np.linalg.LinAlgError:
            trial = np.full_like(y, np.nan)
        change = np.abs(trial - y).max()
        if not np.isfinite(trial).all() or (trial[positive] < -1e-14 * size).any() or change > 0.2 * size:
            step *= 0.3
            if step < 1e-250:
                break
            continue
        y = np.where(positive, np.maximum(trial, 0.0), trial)
        now, matrix = flow(y), slope(y)
        step = min(step * 3.0, 1e250)
        quiet = quiet + 1 if change <= 1e-15 * size else 0
        if quiet >= 3 and np.abs(now).max() <= 1e-12 * size_of_terms(y):
            return y
    return y if np.abs(now).max() <= 1e-8 * speed else None


def _amount_factors(kernel: Kernel, t: float, y: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Factors that turn amounts into the states, compartment by compartment (conversion factors cancel in a balance)."""
    model, system = kernel.model, kernel.system
    factors = np.ones(kernel.size)
    for i, (id, is_amount, is_species) in enumerate(
        zip(system.states, system.state_is_amount, system.state_is_species)
    ):
        if not is_species:
            continue
        species = model[id]
        names = [species.conversion_factor or model.conversion_factor]
        if names[0]:
            factors[i] = kernel.observe(names, np.array([t]), y[None], p)[0, 0]
        if not is_amount:
            factors[i] /= kernel.observe((species.compartment,), np.array([t]), y[None], p)[0, 0]
    return factors
