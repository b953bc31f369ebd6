"""Paths of molecules that events stop: one walk for every level that makes paths."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from manyscale.engines.events import EndlessEvents, EventQueue
from manyscale.errors import SimulationError
from manyscale.kernels.kernel import Kernel


class Walker(Protocol):
    """A path of a level that stops where the truth of some trigger may have changed."""

    def restart(self, t: float, y: np.ndarray, p: np.ndarray, active: np.ndarray) -> None:
        """Go on from here. `active`: truths of the triggers."""

    def advance(self, stop: float, times: np.ndarray, out: np.ndarray) -> tuple[str, float, int, int]:
        """To `stop`, with rows of `out` at `times`: ("reached", "watch" or what went wrong, time, rows, reaction)."""

    def state(self) -> np.ndarray:
        """The state now, in the model's units."""


def walk(walker: Walker, kernel: Kernel, times: np.ndarray, start: tuple[np.ndarray, np.ndarray], seed: tuple[int, int],
         out: np.ndarray, rows: np.ndarray, fail) -> None:  # fmt: skip
    """One path from `start` = (y, p) to the last time; `out` gets states (times, n), `rows` parameters (times, np).

    seed: of the order of events that are due together. fail(status, t, reaction) raises for what goes wrong.
    """
    (y, p), end = start, float(times[-1])
    t, written = 0.0, 0
    queue = EventQueue(kernel, int(np.random.SeedSequence(seed).generate_state(1)[0]))
    while True:
        try:
            y, p, _ = queue.process(t, y, p)
        except EndlessEvents as endless:
            raise SimulationError(f"{endless}; look at their triggers") from None
        walker.restart(t, y, p, queue.active)
        due = queue.next_time <= end
        stop = min(queue.next_time, end)
        upto = int(np.searchsorted(times, stop, side="left" if due else "right"))
        status, t, count, reaction = walker.advance(stop, times[written:upto], out[written:])
        rows[written : written + count] = p
        written += count
        y = walker.state()
        if status not in ("reached", "watch"):
            fail(status, t, reaction)
        if status == "reached" and not due:
            return
