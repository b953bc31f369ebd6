"""Delay differential equations: what the solver needs besides the equations.

Method of steps on the dense output of the steps taken so far; the solver stops where a jump or a kink comes back after
a lag (Bellen & Zennaro, Numerical Methods for Delay Differential Equations, 2003, chapter 2).
"""

from __future__ import annotations

import bisect

import numpy as np

from manyscale.errors import SimulationError
from manyscale.kernels.kernel import Kernel

ORDERS = 4  # a kink gets smoother with each lag; after so many the error control does not notice it
MOST = 20_000


def lags_now(kernel: Kernel, t: float, y: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Lags at (t, y). Errors: SimulationError for a negative one."""
    lags = kernel.evaluate(tuple(d.lag for d in kernel.system.delays), t, y, p)
    if (lags < 0).any() or np.isnan(lags).any():
        worst = int(np.argmax((lags < 0) | np.isnan(lags)))
        raise SimulationError(f"a delay is {lags[worst]:g} at t = {t:g}; delays look back, they cannot be negative")
    return lags


def solver_options(kernel: Kernel, y: np.ndarray, p: np.ndarray) -> dict:
    """Options of `_core.Run`: formulas of the delays, and steps no longer than the shortest lag."""
    formulas = kernel.delay_formulas()
    lags = lags_now(kernel, 0.0, y, p)
    options = dict(zip(("lags", "arguments", "past"), formulas))
    shortest = lags[lags > 0].min(initial=np.inf)
    return {**options, "max_step": float(shortest)} if np.isfinite(shortest) else options


class Breakpoints:
    """Times at which a jump or kink of the solution comes back through a delay, ascending."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def add(self, t: float, lags: np.ndarray, end: float) -> None:
        """The solution is not smooth at t: neither will it be one lag later, two lags later, ..."""
        lags = np.unique(lags[lags > 0])
        generation = {t}
        for _ in range(ORDERS):
            generation = {when + lag for when in generation for lag in lags if when + lag < end}
            for when in generation:
                place = bisect.bisect_left(self.times, when)
                near = self.times[max(place - 1, 0) : place + 1]
                if all(abs(other - when) > 1e-12 * when for other in near) and len(self.times) < MOST:
                    self.times.insert(place, when)

    def next_after(self, t: float) -> float:
        """The next one (infinite: none); earlier ones are forgotten."""
        place = bisect.bisect_right(self.times, t * (1 + 1e-14))
        del self.times[:place]
        return self.times[0] if self.times else np.inf
