"""Deterministic simulation: the core's solver, events, algebraic equations and delays."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from manyscale import _core
from manyscale.engines.consistent import make_consistent
from manyscale.engines.constraints import violations
from manyscale.engines.delays import Breakpoints, lags_now, solver_options
from manyscale.engines.events import EndlessEvents, EventQueue
from manyscale.engines.start import initial_state, without_value
from manyscale.engines.tolerance import absolute_tolerance, check_tolerance, coarser_tolerance, whole_floor
from manyscale.engines.trajectory import Trajectory
from manyscale.errors import InputError, SimulationError
from manyscale.kernels.kernel import Kernel

METHODS = ("auto", "bdf", "rosenbrock", "explicit")
FIRST_CHUNK = 2000  # steps until the first look at interruption and progress
CHUNK_SECONDS = 0.2
RESTLESS = 0.4  # share of rejected steps above which errors are taken for noise
FAILING = 0.5  # failed iterations per step above which another method goes on
LOOKS = 50  # least number of steps where formulas switch
SLIDING = 500  # switches in a row within SLIDING_SHARE of the run: the solution slides along a condition
SLIDING_SHARE = 1e-5
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
    hurry: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None  # see `simulate_hurried`
    written: int = 0
    states: np.ndarray = field(init=False)
    p_rows: np.ndarray | None = field(init=False, default=None)
    remarks: list[str] = field(default_factory=list)

    def __post_init__(self):
        system = self.kernel.system
        self.states = np.empty((len(self.times), self.kernel.size))
        self.end = float(self.times[-1])
        self.queue = EventQueue(self.kernel, self.seed) if system.events else None
        self.delayed, self.has_mass = bool(system.delays), system.mass is not None
        if self.queue is not None or self.delayed:
            self.p_rows = np.empty((len(self.times), len(self.p)))
        if self.has_mass:
            self.y = make_consistent(self.kernel, self.t, self.y, self.p)
        self.breaks = Breakpoints() if self.delayed else None
        self.chunk, self.steps, self.switches, self.switched_at, self.relaxed = FIRST_CHUNK, 0, 0, 0.0, 0
        self.rejected = 0
        atol, tracking = absolute_tolerance(system, self.y, self.rtol, self.atol)
        if self.atol is None:
            atol = np.maximum(atol, whole_floor(self.kernel, self.y, self.p, self.rtol))
        options = solver_options(self.kernel, self.y, self.p) if self.delayed else {}
        if system.roots:
            options["max_step"] = min(self._longest_step(), options.get("max_step", np.inf))
        self.rescued, self.newton = False, 0
        self.settings = {"atol": atol, "tracking": tracking, "hurry": self.hurry, **options}
        self.run = self._solver(self.method)

    def _solver(self, method: str):
        return _core.Run(
            self.kernel.new_equations(), self.p, self.rtol, method=method, max_steps=self.chunk, **self.settings
        )

    def _rescue(self) -> bool:
        """Go on with the Rosenbrock method, which needs no iteration, where that of BDF keeps failing; once a run."""
        if self.method != "auto" or self.rescued or self.delayed or not self.kernel.system.size:
            return False
        self.rescued = True
        self.run = self._solver("rosenbrock")
        self.run.start(self.t, self.y)
        self.rejected = self.newton = 0
        return True

    def _longest_step(self) -> float:
        """Switches are looked for four times a step: at least that often between two output times, and 200 times in all."""
        gaps = np.diff(self.times, prepend=0.0)
        longest = float(np.median(gaps[gaps > 0])) if (gaps > 0).any() else np.inf
        return min(longest, self.end / LOOKS) if self.end > 0 else np.inf

    def finish(self) -> Trajectory:
        """The trajectory of what has been computed."""
        p = self.p if self.p_rows is None else self.p_rows[: self.written]
        log = tuple(self.queue.log) if self.queue else ()
        return Trajectory(
            self.kernel, self.times[: self.written], self.states[: self.written], p,
            stats=self.run.statistics, remarks=tuple(self.remarks), events=log,
        )  # fmt: skip

    def integrate(self) -> Trajectory:
        """To the last time, through all events."""
        self.run.start(self.t, self.y)
        self._mark_break()
        self._settle(switched=False)
        while True:
            stop, due = self._next_stop()
            # The value at the time of an event is the one after it, so outputs at that time wait.
            upto = int(np.searchsorted(self.times, stop, side="left" if due else "right"))
            begun = time.monotonic()
            status, t, count, blame, size = self.run.advance(
                stop, self.times[self.written : upto], self.states[self.written :]
            )
            self.t, self.y = t, self.run.y
            self._fill(count)
            if status == "step_limit":
                self._long_run(time.monotonic() - begun)
            elif status == "reached":
                if due:
                    self._settle(switched=False)
                elif self.t >= self.end and self.written == len(self.times):
                    self._last_look()
                    return self.finish()
            elif status == "root":
                self._count_switch()
                self._settle(switched=True)
            else:
                self._give_up(status, blame, size)

    def _next_stop(self) -> tuple[float, bool]:
        """(time, whether an execution of an event is due then)"""
        stop, due = self.end, False
        if self.queue is not None and self.queue.next_time <= stop:
            stop, due = self.queue.next_time, True
        if self.breaks is not None:
            kink = self.breaks.next_after(self.t)
            if kink < stop:
                stop, due = kink, False
        return stop, due

    def _settle(self, switched: bool) -> None:
        """Carry out the events that are due; start anew where the state jumped or a formula switched."""
        jumped = self._events()
        if switched and self.has_mass and not jumped:
            self.y = make_consistent(self.kernel, self.t, self.y, self.p)
        if jumped:
            self.run.set_parameters(self.p)
        if jumped or switched:
            self.run.start(self.t, self.y, True)
            self._mark_break()

    def _events(self) -> bool:
        """Process what is due now; True when something was assigned."""
        if self.queue is None:
            return False
        if self.delayed:
            self.p = self.run.parameters_at(self.t, np.ascontiguousarray(self.y))
        try:
            self.y, self.p, changed = self.queue.process(self.t, self.y, self.p)
        except EndlessEvents as endless:
            raise SimulationError(f"{endless}; look at their triggers", partial=self.finish()) from None
        if changed and self.has_mass:
            self.y = make_consistent(self.kernel, self.t, self.y, self.p)
        return changed

    def _last_look(self) -> None:
        for remark in violations(self.kernel, self.times, self.states, self.p if self.p_rows is None else self.p_rows):
            self.remarks.append(remark)

    def _mark_break(self) -> None:
        if self.breaks is not None:
            lags = lags_now(self.kernel, self.t, self.y, self.p)
            self.breaks.add(self.t, lags, self.end)
            longest = self._longest_step() if self.kernel.system.roots else np.inf
            self.run.max_step = float(lags[lags > 0].min(initial=longest))

    def _fill(self, count: int) -> None:
        rows = slice(self.written, self.written + count)
        self.written += count
        if self.p_rows is None or not count:
            return
        self.p_rows[rows] = self.p
        if self.delayed:
            for k in range(rows.start, rows.stop):
                self.p_rows[k] = self.run.parameters_at(float(self.times[k]), np.ascontiguousarray(self.states[k]))

    def _count_switch(self) -> None:
        """Tells of progress now and then, and ends a run that slides along a condition."""
        self.switches += 1
        if self.switches % SLIDING:
            return
        if self.t - self.switched_at < SLIDING_SHARE * self.end:
            raise SimulationError(
                f"at t = {self.t:g} of {self.end:g} a condition keeps switching to and fro: the solution slides along it; "
                "make the switch gradual, or add a little hysteresis", partial=self.finish(),
            )  # fmt: skip
        self.switched_at = self.t
        if self.progress is not None:
            self.progress(self.t / self.end if self.end else 1.0)

    def _long_run(self, seconds: float) -> None:
        self.steps += self.chunk
        if self.progress is not None:
            self.progress(self.t / self.end if self.end else 1.0)
        if self.steps >= self.max_steps:
            raise SimulationError(
                f"{self.steps} steps were not enough: reached t = {self.t:g} of {self.end:g}; loosen rtol, shorten the "
                "time, or raise max_steps", partial=self.finish(),
            )  # fmt: skip
        self._calm()
        pace = CHUNK_SECONDS / max(seconds, 1e-6)
        self.chunk = int(np.clip(self.chunk * np.clip(pace, 0.1, 10.0), 10, 1_000_000))
        self.run.max_steps = min(self.chunk, max(self.max_steps - self.steps, 1))

    def _calm(self) -> None:
        """Less extreme absolute tolerances where so many steps of the last chunk were rejected that errors must be noise:
        a state far below the others that is only kept at zero by what rounding leaves."""
        rejected, newton = self.run.statistics["rejected"], self.run.statistics["newton_failures"]
        if newton - self.newton > FAILING * self.chunk and self._rescue():
            return
        self.newton = newton
        if rejected - self.rejected > RESTLESS * self.chunk >= RESTLESS * FIRST_CHUNK / 2:
            self._relax()
        self.rejected = rejected

    def _relax(self) -> bool:
        """Raise the absolute tolerances, where they were chosen here and not too often yet."""
        if self.atol is not None or self.relaxed >= 2 or not self.kernel.system.size:
            return False
        self.relaxed += 1
        self.run.raise_tolerances(coarser_tolerance(self.kernel.system, self.y, self.relaxed))
        self.run.start(self.t, self.y)
        return True

    def _give_up(self, status: str, blame: int, size: float) -> None:
        """Try once more with less extreme absolute tolerances, where they were chosen here; else tell what happened."""
        system = self.kernel.system
        if status == "too_small" and (self._rescue() or self._relax()):
            return
        if status == "not_finite" and self.t == 0.0:
            missing = without_value(self.kernel, self.p)
            if missing:
                raise SimulationError(f"no value for {missing}; give one in the model or with values={{...}}")
        who, value = "?", np.nan
        if 0 <= blame < system.size:
            who, value = system.states[blame], self.y[blame]
        raise SimulationError(
            f"integration stopped at t = {self.t:g} of {self.times[-1]:g}: {REASONS[status]} (step {size:.3g}); worst is "
            f"{who!r} = {value:.6g}. It may blow up or hit a singularity there: check its rate laws and initial values, "
            "or try another rtol or method", partial=self.finish(),
        )  # fmt: skip


def output_times(times) -> np.ndarray:
    """Times as a float array: ascending, finite, not before the start at 0. Errors: InputError."""
    try:
        array = np.ascontiguousarray(np.atleast_1d(np.asarray(times, dtype=float)))
    except (TypeError, ValueError):
        raise InputError(f"times must be numbers, not {times!r}") from None
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
    times = output_times(times)
    kernel.spread_table()
    y, p = initial_state(kernel, values)
    run = OdeRun(kernel, times, y, p, check_tolerance(rtol), atol, method, seed, max_steps, progress)
    try:
        return run.integrate()
    except KeyboardInterrupt as interruption:
        interruption.partial = run.finish()  # type: ignore[attr-defined]
        raise


def simulate_hurried(
    kernel: Kernel, times: np.ndarray, y: np.ndarray, p: np.ndarray, hurry: tuple[np.ndarray, np.ndarray, np.ndarray], *,
    rtol: float = 1e-6, max_steps: int = 10_000_000,
) -> Trajectory:  # fmt: skip
    """Integrate from (times[0], y) with some directions sped up: hurry = (rows, variables, values) adds value * (rate of
    state `variable`) to the rate of state `row`. For models without algebraic equations and delays.

    Errors: SimulationError."""
    rows, variables, values = hurry
    entries = np.asarray(rows, np.int32), np.asarray(variables, np.int32), np.asarray(values, float)
    run = OdeRun(kernel, times, y, p, rtol, max_steps=max_steps, t=float(times[0]), hurry=entries)
    return run.integrate()
