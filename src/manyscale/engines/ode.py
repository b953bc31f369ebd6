"""Deterministic simulation: the core's solver, events, algebraic equations and delays."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from manyscale import _core
from manyscale.engines.consistent import make_consistent
from manyscale.engines.events import EndlessEvents, EventQueue
from manyscale.engines.tolerance import absolute_tolerance, check_tolerance
from manyscale.engines.trajectory import Trajectory
from manyscale.errors import InputError, SimulationError
from manyscale.kernels.kernel import Kernel

METHODS = ("auto", "bdf", "rosenbrock", "explicit")
CHUNK = 20_000  # steps between looks at interruption and progress
REASONS = {
    "too_small": "the step size became too small",
    "not_finite": "the equations gave a value that is not a finite number",
}


@dataclass
class OdeRun:
    """One integration in progress; keeps what has been computed when something goes wrong."""

    kernel: Kernel
    times: np.ndarray
    y: np.ndarray
    p: np.ndarray
    rtol: float
    atol: object = None
    method: str = "auto"
    seed: int | None = None
    max_steps: int = 10_000_000
    progress: Callable[[float], None] | None = None
    t: float = 0.0
    written: int = 0
    states: np.ndarray = field(init=False)
    p_rows: np.ndarray | None = field(init=False, default=None)
    remarks: list[str] = field(default_factory=list)

    def __post_init__(self):
        self.states = np.empty((len(self.times), self.kernel.size))
        system = self.kernel.system
        self.queue = EventQueue(self.kernel, self.seed) if system.events else None
        if system.events or system.delays:
            self.p_rows = np.empty((len(self.times), len(self.p)))
        self.has_mass = system.mass is not None
        if self.has_mass:
            self.y = make_consistent(self.kernel, self.t, self.y, self.p)
        self.run = self._new_run()

    def _new_run(self) -> _core.Run:
        atol, tracking = absolute_tolerance(self.kernel.system, self.y, self.rtol, self.atol)
        options = {}
        if self.kernel.system.delays:
            lags, arguments = self.kernel.delay_formulas()
            shortest = min_lag(self.kernel, self.t, self.y, self.p)
            options = {"lags": lags, "arguments": arguments}
            if shortest > 0:
                options["max_step"] = shortest
        return _core.Run(
            self.kernel.new_equations(), self.p, self.rtol, atol,
            method=self.method, max_steps=CHUNK, tracking=tracking, **options,
        )  # fmt: skip

    def finish(self) -> Trajectory:
        """The trajectory of what has been computed."""
        p = self.p if self.p_rows is None else self.p_rows[: self.written]
        log = tuple(self.queue.log) if self.queue else ()
        return Trajectory(
            self.kernel, self.times[: self.written], self.states[: self.written], p,
            stats=self.run.statistics, remarks=tuple(self.remarks), events=log,
        )  # fmt: skip

    def _events(self) -> bool:
        """Process what is due now; True when the state jumped."""
        if self.queue is None:
            return False
        try:
            self.y, self.p, changed = self.queue.process(self.t, self.y, self.p)
        except EndlessEvents as endless:
            raise SimulationError(f"{endless}; look at their triggers", partial=self.finish()) from None
        if changed and self.has_mass:
            self.y = make_consistent(self.kernel, self.t, self.y, self.p)
        return changed

    def _fill(self, count: int) -> None:
        if self.p_rows is None or not count:
            return
        rows = slice(self.written, self.written + count)
        self.p_rows[rows] = self.p
        if self.kernel.system.delays:
            for k in range(self.written, self.written + count):
                self.p_rows[k] = self.run.parameters_at(float(self.times[k]), np.ascontiguousarray(self.states[k]))

    def integrate(self) -> Trajectory:
        """To the last time, through all events."""
        self._events()
        if self.queue is not None:
            self.run.set_parameters(self.p)
        self.run.start(self.t, self.y)
        end, steps = float(self.times[-1]) if len(self.times) else 0.0, 0
        while True:
            stop = min(end, self.queue.next_time) if self.queue else end
            # An output at the instant of a pending execution shows the state after it.
            upto = len(self.times) if stop >= end and not self._due_at(stop) else int(np.searchsorted(self.times, stop))
            status, self.t, count, blame, size = self.run.advance(
                stop, self.times[self.written : upto], self.states[self.written :]
            )
            self._fill(count)
            self.written += count
            self.y = self.run.y
            if status == "step_limit":
                steps += CHUNK
                self._long_run(steps, end)
                continue
            if status not in ("reached", "root"):
                self._give_up(status, blame, size)
            if self._events():
                self.run.set_parameters(self.p)
                self.run.start(self.t, self.y, True)
            elif status == "root":
                self.run.start(self.t, self.y, True)
            if self.written == len(self.times) and self.t >= end:
                return self.finish()

    def _due_at(self, stop: float) -> bool:
        return self.queue is not None and self.queue.next_time <= stop

    def _long_run(self, steps: int, end: float) -> None:
        if self.progress is not None:
            self.progress(self.t / end if end else 1.0)
        if steps >= self.max_steps:
            raise SimulationError(
                f"{steps} steps were not enough: reached t = {self.t:g} of {end:g}; loosen rtol, shorten the time, or raise "
                "max_steps", partial=self.finish(),
            )  # fmt: skip

    def _give_up(self, status: str, blame: int, size: float) -> None:
        system = self.kernel.system
        who = system.states[blame] if 0 <= blame < system.size else "?"
        value = self.y[blame] if 0 <= blame < system.size else np.nan
        raise SimulationError(
            f"integration stopped at t = {self.t:g} of {self.times[-1]:g}: {REASONS[status]} (step {size:.3g}); worst is "
            f"{who!r} = {value:.6g}. It may blow up or hit a singularity there: check its rate laws and initial values, "
            "or try another rtol or method", partial=self.finish(),
        )  # fmt: skip


def min_lag(kernel: Kernel, t: float, y: np.ndarray, p: np.ndarray) -> float:
    """Shortest positive delay now (0: none)."""
    lags = kernel.evaluate(tuple(d.lag for d in kernel.system.delays), t, y, p)
    return float(min((lag for lag in lags if lag > 0), default=0.0))


def output_times(times) -> np.ndarray:
    """Times as a float array: ascending, finite, not before the start at 0. Errors: InputError."""
    array = np.ascontiguousarray(np.atleast_1d(np.asarray(times, dtype=float)))
    if array.ndim != 1 or array.size == 0:
        raise InputError("times must be a list of at least one number")
    if not np.isfinite(array).all():
        raise InputError("times must be finite numbers")
    if array[0] < 0:
        raise InputError(f"the model starts at t = 0; times begin at {array[0]:g}")
    if (array[1:] < array[:-1]).any():
        where = int(np.argmax(np.diff(array) < 0))
        raise InputError(f"times must ascend; {array[where]:g} is followed by {array[where + 1]:g}")
    return array


def simulate_ode(kernel: Kernel, times, *, values: Mapping[str, float] | None = None, rtol: float = 1e-6, atol=None,
                 method: str = "auto", seed: int | None = None, max_steps: int = 10_000_000,
                 progress: Callable[[float], None] | None = None) -> Trajectory:  # fmt: skip
    """Integrate from t = 0. Errors: InputError, SimulationError (with `.partial`)."""
    if method not in METHODS:
        raise InputError(f"unknown method {method!r}; use one of {', '.join(METHODS)}")
    y, p = kernel.initial(values)
    bad = ~np.isfinite(y)
    if bad.any():
        names = ", ".join(kernel.system.states[i] for i in np.flatnonzero(bad)[:5])
        raise InputError(f"no initial value for {names}; give one in the model or with values={{...}}")
    run = OdeRun(
        kernel, output_times(times), y, p, check_tolerance(rtol), atol, method, seed, max_steps, progress
    )
    try:
        return run.integrate()
    except KeyboardInterrupt as interruption:
        interruption.partial = run.finish()  # type: ignore[attr-defined]
        raise


class Progress:
    """A bar on the terminal for runs that take more than a second; silent otherwise."""

    def __init__(self, label: str):
        self.label, self.begun, self.bar = label, time.monotonic(), None

    def __call__(self, share: float) -> None:
        import sys

        if threading.current_thread() is not threading.main_thread() or not sys.stderr.isatty():
            return
        if self.bar is None and time.monotonic() - self.begun > 1.0:
            from rich.console import Console
            from rich.progress import Progress as Bar

            self.bar = Bar(console=Console(stderr=True), transient=True)
            self.bar.start()
            self.task = self.bar.add_task(self.label, total=1.0)
        if self.bar is not None:
            self.bar.update(self.task, completed=share)

    def close(self) -> None:
        if self.bar is not None:
            self.bar.stop()
