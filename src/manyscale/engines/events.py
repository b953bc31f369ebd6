"""SBML's event semantics: triggers, delays, priorities, persistence, values taken at trigger or at execution time.

Events that are due at the same time with equal priority (or none) execute in a random order drawn from the seed, as
SBML Level 3 asks; the same seed gives the same order.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from manyscale.kernels.kernel import Kernel

MOST_EXECUTIONS = 10_000  # at one instant: more means that events trigger each other without end


@dataclass
class Pending:
    """An execution that has been triggered and not yet carried out."""

    time: float
    event: int
    values: np.ndarray | None


@dataclass
class EventQueue:
    """What has been triggered so far. `process` brings everything due at one instant to an end."""

    kernel: Kernel
    seed: int | None = None
    active: np.ndarray = field(init=False)  # trigger values at the last look
    pending: list[Pending] = field(default_factory=list)
    log: list[tuple[float, str]] = field(default_factory=list)  # executions: (time, event id)

    def __post_init__(self):
        self.active = np.array([event.initial_value for event in self.kernel.system.events], dtype=bool)
        self._random = np.random.default_rng(self.seed)

    @property
    def next_time(self) -> float:
        """When the next pending execution is due (infinite: none)."""
        return min((item.time for item in self.pending), default=np.inf)

    def process(self, t: float, y: np.ndarray, p: np.ndarray) -> tuple[np.ndarray, np.ndarray, bool]:
        """(y, p, changed) after everything due at t, including what the executions trigger themselves."""
        changed = False
        for _ in range(MOST_EXECUTIONS):
            self._look(t, y, p)
            due = [item for item in self.pending if item.time <= t]
            if not due:
                return y, p, changed
            item = self._choose(due, t, y, p)
            self.pending.remove(item)
            values = item.values
            if values is None:
                values = self.kernel.event_values(item.event, t, y, p)
            y, p = self.kernel.apply_event(item.event, values, t, y, p)
            self.log.append((t, self.kernel.system.events[item.event].id))
            changed = True
        raise EndlessEvents(t, self.kernel.system.events[item.event].id)

    def _look(self, t: float, y: np.ndarray, p: np.ndarray) -> None:
        now = self.kernel.triggers(t, y, p)
        events = self.kernel.system.events
        self.pending = [q for q in self.pending if events[q.event].persistent or now[q.event]]
        for index in np.flatnonzero(now & ~self.active):
            event = events[index]
            delay = self.kernel.event_delay(index, t, y, p)
            values = self.kernel.event_values(index, t, y, p) if event.use_trigger_values else None
            self.pending.append(Pending(t + max(delay, 0.0), int(index), values))
        self.active = now

    def _choose(self, due: list[Pending], t: float, y: np.ndarray, p: np.ndarray) -> Pending:
        if len(due) == 1:
            return due[0]
        first = min(item.time for item in due)
        due = [item for item in due if item.time == first]
        ranks = np.array([self.kernel.event_priority(item.event, t, y, p) for item in due])
        ranks = np.where(np.isnan(ranks), -np.inf, ranks)
        best = np.flatnonzero(ranks == ranks.max())
        return due[int(self._random.choice(best))] if len(best) > 1 else due[int(best[0])]


class EndlessEvents(Exception):
    """Events kept triggering each other at one instant."""

    def __init__(self, t: float, event: str):
        super().__init__(f"events trigger each other without end at t = {t:g} (last: {event})")
