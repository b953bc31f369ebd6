"""Consistent values of algebraic variables: at the start, and after each jump of the state."""

from __future__ import annotations

import numpy as np

from manyscale.errors import SimulationError
from manyscale.kernels.kernel import Kernel


def make_consistent(kernel: Kernel, t: float, y: np.ndarray, p: np.ndarray) -> np.ndarray:
    """The y nearest in Newton's sense with f_i(t, y, p) = 0 in algebraic rows and M y unchanged in the others.

    Errors: SimulationError naming the equation that could not be solved.
    """
    mass = kernel.mass(p)
    if mass is None:
        return y
    algebraic = ~mass.any(axis=1)
    start, y = y, y.copy()
    scale = np.maximum(np.abs(y), 1e-3 * max(np.abs(y).max(initial=0.0), 1e-30))
    residual = _residual(kernel, mass, algebraic, start, t, y, p)
    for _ in range(100):
        matrix = np.where(algebraic[:, None], kernel.jacobian(t, y, p), mass)
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
        if small:
            return y
    if np.isfinite(residual).all() and np.linalg.norm(residual) < 1e-9 * (1 + np.linalg.norm(y)):
        return y
    worst = int(np.nanargmax(np.where(algebraic, np.abs(residual), -1)))
    raise SimulationError(
        f"no consistent values at t = {t:g}: the algebraic equation of {kernel.system.states[worst]!r} has no solution "
        "near the initial values; give initial values that satisfy it"
    )


def _residual(kernel, mass, algebraic, start, t, y, p) -> np.ndarray:
    return np.where(algebraic, kernel.rhs(t, y, p), mass @ (y - start))
