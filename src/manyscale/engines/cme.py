"""Level "cme": the probability of every state over time, on a set of states that follows where probability goes."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from manyscale.engines.cme_space import StateSpace, check_limits
from manyscale.engines.cme_steps import Krylov
from manyscale.engines.cme_trajectory import CmeTrajectory, Snapshot
from manyscale.engines.ode import output_times
from manyscale.engines.start import initial_state, without_value
from manyscale.errors import InputError, SimulationError, UnsupportedError
from manyscale.kernels.kernel import Kernel
from manyscale.kernels.propensity_code import PropensityCode, propensity_code

FIRST_LAYERS = 6  # jumps around the start that are taken in at first
SHARES = (0.5, 0.25, 0.2)  # of the tolerance: lost at the border, states left out, time steps
WORTH = 0.3  # share of states that has to be superfluous for a new, smaller set
DEFAULT_STATES = 2_000_000


def simulate_cme(kernel: Kernel, times, *, values: Mapping[str, float] | None = None, counts: bool = False,
                 tolerance: float = 1e-6, limits: Mapping[str, int] | None = None, whole: bool = False,
                 max_states: int = DEFAULT_STATES,
                 progress: Callable[[float], None] | None = None) -> CmeTrajectory:  # fmt: skip
    """Probabilities of all states by finite state projection on a moving set of states.

    tolerance: largest ||p - p_exact||_1 at the last time; `run.bound` has the bound reached at each time. limits: largest
    number of molecules by species id, which then cannot be exceeded (jumps beyond are lost probability, and so part of
    the bound). whole: keep every state that can be reached within the limits, instead of following
    the probability. counts: amounts without units are numbers of molecules. Errors: those of `jump_system`; InputError;
    SimulationError (with `.partial`) where more than `max_states` states would be needed. Ctrl-C keeps what is done.
    """
    times = output_times(times)
    if not 1e-12 <= tolerance < 1.0:
        raise InputError(f"tolerance={tolerance!r}: give a number from 1e-12 to 1, the largest error in l1")
    code = propensity_code(kernel, counts)
    y, p = initial_state(kernel, values)
    missing = without_value(kernel, p)
    if missing:
        raise InputError(f"no value for {missing}; give one in the model or with values={{...}}")
    work = _Projection(code, times, y, p, tolerance, limits, max_states, progress, whole)
    return work.run()


def state_space(code: PropensityCode, y: np.ndarray, p: np.ndarray, limits: Mapping[str, int] | None) -> StateSpace:
    """The set with the start alone. Errors: UnsupportedError for events and laws that depend on time; InputError."""
    kernel = code.kernel
    if kernel.system.events:
        raise UnsupportedError("events", "level 'cme' does not support events; use level='jump'")
    if code.timed:
        raise UnsupportedError("time", f"level 'cme': the rate of {code.timed[0]} depends on time; use level='jump'")
    scale = code.scale(p)
    start = np.round(y / scale)
    if (start < 0).any():
        raise InputError(f"{kernel.system.states[int(start.argmin())]} starts with {start.min():g} molecules")
    index = {id: i for i, id in enumerate(kernel.system.states)}
    return StateSpace(
        lambda rows: code.propensities(rows, p, scale),
        code.changes().astype(np.int64),
        start,
        check_limits(limits, index),
    )


@dataclass
class _Projection:
    code: PropensityCode
    times: np.ndarray
    y: np.ndarray
    p: np.ndarray
    tolerance: float
    limits: Mapping[str, int] | None
    max_states: int
    progress: Callable[[float], None] | None
    whole: bool = False
    snapshots: list[Snapshot] = field(default_factory=list)

    def __post_init__(self):
        self.begun = time.monotonic()
        self.space = state_space(self.code, self.y, self.p, self.limits)
        self.now, self.end = 0.0, float(self.times[-1])
        self.error = 0.0  # of the time steps
        self.products, self.largest = 0, 0

    def run(self) -> CmeTrajectory:
        """To the last time."""
        self.density = np.ones(1)
        try:
            if self.end > 0.0:
                self._grow(2**31 if self.whole else FIRST_LAYERS)
                self._prepare(0.0)
            for stop in self.times:
                while self.now < stop:
                    self._step(float(stop))
                    if self.progress is not None:
                        self.progress(self.now / self.end)
                self._write()
        except KeyboardInterrupt as stopped:
            stopped.partial = self.result()  # type: ignore[attr-defined]
            raise
        except SimulationError as stopped:
            stopped.partial = self.result()
            raise
        return self.result()

    def result(self) -> CmeTrajectory:
        stats = {"states": self.largest, "products": self.products, "seconds": time.monotonic() - self.begun}
        remarks = self.code.system.remarks
        return CmeTrajectory(self.code, self.times[: len(self.snapshots)], self.p, self.snapshots, stats, remarks)

    def _prepare(self, step: float) -> None:
        matrix, self.leak = self.space.generator()
        self.krylov = Krylov(matrix, step)
        self.largest = max(self.largest, len(self.space))

    def _grow(self, layers: int, members: np.ndarray | None = None) -> None:
        before = len(self.space)
        if members is None:
            members = np.arange(before)
        new = self.space.grow(members, layers, self.max_states)
        if len(self.space) >= self.max_states and new:
            raise SimulationError(
                f"more than {self.max_states:,} states are needed at t = {self.now:g} of {self.end:g} (so far "
                f"{1.0 - self.density.sum():.2g} of the probability is missing); raise max_states or tolerance, give "
                "limits, or use level='jump'"
            )
        self.density = np.concatenate([self.density, np.zeros(len(self.space) - before)])

    def _step(self, stop: float) -> None:
        """One step, with more states as long as too much probability leaves them."""
        lost, left_out, stepping = (share * self.tolerance / self.end for share in SHARES)
        layers = 2
        while True:
            krylov = self.krylov
            done = krylov.products
            try:
                after, length, error = krylov.advance(self.density, stop - self.now, stepping)
            except FloatingPointError:
                raise SimulationError(f"the time steps became too small at t = {self.now:g}; raise tolerance") from None
            self.products += krylov.products - done
            leaving = float(self.density.sum() - after.sum()) - error
            if leaving <= lost * length:
                break
            flow = self.leak * np.maximum(self.density, np.maximum(after, 0.0))
            if length * flow.sum() < 0.1 * leaving:  # it went through the border within the step
                flow = self.leak
            order = np.argsort(-flow)
            enough = int(np.searchsorted(np.cumsum(flow[order]), flow.sum() * (1 - 0.1 * lost * length / leaving))) + 1
            before = len(self.space)
            self._grow(layers, order[:enough])
            if len(self.space) == before:  # only limits hold it back
                break
            self._prepare(krylov.step)
            layers = min(2 * layers, 64)
        self.density, self.now, self.error = after, self.now + length, self.error + error
        if stop - self.now < 1e-12 * self.end:
            self.now = stop
        self._drop(left_out * length)

    def _drop(self, budget: float) -> None:
        """Leave out states that hardly have any probability, where that is worth a new set."""
        order = np.argsort(self.density)
        low = np.cumsum(np.maximum(self.density[order], 0.0))
        count = int(np.searchsorted(low, budget))
        if self.whole or count < WORTH * len(self.density) or count < 64:
            return
        kept = np.sort(order[count:])
        near = np.zeros(len(self.space), dtype=bool)
        near[kept] = True  # and what they reach in one jump, which gets it next
        for j in range(len(self.space.changes)):
            _, target = self.space.transitions(j, kept)
            near[target[target >= 0]] = True
        if near.sum() > (1.0 - WORTH) * len(self.space):
            return
        members = np.flatnonzero(near)
        self.density = np.maximum(self.density[members], 0.0)
        self.space.keep(members)
        self._prepare(self.krylov.step)

    def _write(self) -> None:
        positive = np.maximum(self.density, 0.0)
        negative = float((positive - self.density).sum())
        missing = max(1.0 - float(positive.sum()), 0.0)
        bound = missing + 2.0 * self.error + 2.0 * negative
        self.snapshots.append(Snapshot(self.space.counts, positive, bound))
        if bound > self.tolerance and not self.limits:
            raise SimulationError(
                f"at t = {self.now:g} the error may be {bound:.2g}, and {self.tolerance:g} is asked for; raise tolerance, or use "
                "level='jump'"
            )
