"""Level "tau": paths of the jump process by leaps, approximate and never negative."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from numbers import Real

import numpy as np

from manyscale import _core
from manyscale.engines.event_paths import walk
from manyscale.engines.molecules import broken_law, next_size, seed_number, stochastic_start, whole_molecules
from manyscale.engines.ode import output_times
from manyscale.engines.passage import Passages, condition_of
from manyscale.engines.progress import cores
from manyscale.engines.trajectory import Trajectory
from manyscale.errors import InputError, SimulationError
from manyscale.kernels.kernel import Kernel
from manyscale.kernels.leap_code import LeapCode, leap_code

SCHEMES = ("auto", "explicit", "implicit", "trapezoidal", "second_order")
TALLY = ("leaps", "jumps", "rejected", "implicit", "touched")
LOOKS = 1000  # at least so many at conditions and triggers on a path of the Langevin equation
TIMED_STEPS = 100  # at least so many looks at rates that depend on time
OFTEN = 0.01  # share of steps at the boundary from which a Langevin path is warned of


def simulate_tau(kernel: Kernel, times, *, values: Mapping[str, float] | None = None, replicates: int | None = None,
                 seed: int | None = None, counts: bool = False, method: str = "auto", epsilon: float = 0.03,
                 step: float | None = None, until: str | None = None, max_steps: int = 1_000_000_000,
                 first: int = 0, progress: Callable[[float], None] | None = None) -> Trajectory:  # fmt: skip
    """Paths of the jump process by leaps of many jumps at once. The same seed gives the same paths, whatever the threads.

    epsilon: share by which propensities may change within a leap; errors go to zero with it, and for small values, few
    molecules, or leaps of fewer than ten jumps, the path is exact. step: leaps of this length instead. method:
    "explicit" (Cao, Gillespie & Petzold 2006), "second_order" (Anderson & Koyama 2012), "implicit" (Rathinam et al. 2003:
    for fast reversible reactions; means are right, fluctuations of what is fast are too small), "trapezoidal" (Cao &
    Petzold 2005: implicit, fluctuations kept), or "auto": second_order, implicit where that allows leaps a hundred times
    longer. until: a condition that ends a path; the leap in which it becomes true is done again in smaller ones, at last
    by jumps (what is true within a leap only is not seen); triggers of events likewise. Rates that depend on time: no leap is longer than
    the time in which they change by a small share (2 epsilon, or its root where the scheme is of second order), and jumps
    one by one see the rate in the middle of such a time. first: number of the first replicate. Values are whole
    molecules, never negative, and conserved sums stay exactly. Errors: as at level "jump".
    """
    options = {"gaussian": False, "scheme": scheme_name(method), **step_options(epsilon, step)}
    return LeapWork(kernel, counts, "tau", times, values, seed, max_steps, progress, options, until).paths(
        replicates, first
    )


def scheme_name(method: str) -> str:
    if method not in SCHEMES:
        raise InputError(f"method {method!r} is not known here; choose {', '.join(SCHEMES)}")
    return method


def step_options(epsilon: float, step: float | None) -> dict[str, float]:
    if not (isinstance(epsilon, Real) and 0.0 < epsilon < 1.0):
        raise InputError(f"epsilon={epsilon!r}: give a share between 0 and 1, such as 0.03")
    if step is not None and not (isinstance(step, Real) and 0.0 < step < np.inf):
        raise InputError(f"step={step!r}: give a positive time, or leave it out")
    return {"epsilon": float(epsilon), "step": float(step or 0.0)}


@dataclass
class LeapWork:
    """One call: a model, output times, a seed, and how to leap (`options` of the core's `run_leaps`).

    until: a condition such as "X > 100" that ends a path; its values stay from there on as they are then, and the times
    are in `passage` of the result. Events stop paths likewise, and go on.
    """

    kernel: Kernel
    counts: bool
    level: str
    times: np.ndarray
    values: Mapping[str, float] | None
    seed: int | None
    max_steps: int
    progress: Callable[[float], None] | None
    options: dict
    until: str | None = None
    tally: np.ndarray = field(default_factory=lambda: np.zeros(len(TALLY), dtype=np.int64))

    def __post_init__(self):
        kernel = self.kernel
        self.times = output_times(self.times)
        condition = None if self.until is None else condition_of(kernel, self.until)
        self.code: LeapCode = leap_code(kernel, self.counts, self.level, condition)
        self.y, self.p = stochastic_start(kernel, self.values)
        self.seed = seed_number(self.seed)
        self.remarks, self.begun = list(self.code.remarks), time.monotonic()
        self.scale = self.code.scale(self.p)
        self.start = self.molecules(self.y / self.scale)
        self.longest = float(self.times[-1]) / TIMED_STEPS if self.code.timed else 0.0
        self.look = float(self.times[-1]) / LOOKS

    def molecules(self, exact: np.ndarray) -> np.ndarray:
        """Molecules to start from, whole ones for jumps."""
        if not self.options["gaussian"]:
            return whole_molecules(self.kernel, exact, self.remarks)
        if (exact < 0.0).any():
            worst = self.kernel.system.states[int(np.argmin(exact))]
            raise InputError(f"{worst} starts with {exact.min():g} molecules; give a number that is not negative")
        return exact

    def paths(self, replicates: int | None, first: int = 0) -> Trajectory:
        """The paths `first`, `first + 1`, ...; what is done when it stops early is in `.partial` of the error."""
        out = np.empty((replicates or 1, len(self.times), len(self.y)))
        passed = np.full(len(out), np.inf)
        self.done = 0
        events = bool(self.kernel.system.events)
        self.rows = np.empty((len(out), len(self.times), len(self.p))) if events else None
        try:
            if events:
                self.watched(out, first)
            else:
                self.fill(out, passed, first)
        except (KeyboardInterrupt, SimulationError) as stop:
            stop.partial = self._result(out[: self.done], passed[: self.done], replicates)  # type: ignore[union-attr]
            raise
        return self._result(out, passed, replicates)

    def fill(self, out: np.ndarray, passed: np.ndarray, first: int) -> None:
        """Rows of `out` and times in `passed`, piece by piece; `self.done` tells how many."""
        count, threads, size = len(out), cores(), 1
        self.done = 0
        while self.done < count:
            size, begun = min(size, count - self.done), time.monotonic()
            here = slice(self.done, self.done + size)
            tally, status, path, t, reaction = _core.run_leaps(
                self.code.model, p=self.p, scale=self.scale, counts=self.start, times=self.times, seed=self.seed,
                first=first + self.done, out=out[here], passed=passed[here], threads=min(threads, size),
                most_steps=self.max_steps, longest=self.longest, look=self.look, **{"parts": 1, **self.options},
            )  # fmt: skip
            self.tally += tally
            if status != "reached":
                self._fail(status, path, t, reaction)
            self.done += size
            size = next_size(size, time.monotonic() - begun)
            if self.progress is not None:
                self.progress(self.done / count)

    def watched(self, out: np.ndarray, first: int) -> None:
        """Paths that events stop, one after the other."""
        for self.done in range(len(out)):
            stream = first + self.done
            walker = _Walker(self, stream)

            def fail(status: str, t: float, reaction: int, stream: int = stream):
                self._fail(status, stream, t, reaction)

            try:
                walk(
                    walker,
                    self.kernel,
                    self.times,
                    (self.y, self.p),
                    (self.seed, stream),
                    out[self.done],
                    self.rows[self.done],
                    fail,
                )
            finally:
                self.tally += walker.path.tally()
            if self.progress is not None:
                self.progress((self.done + 1) / len(out))
        self.done = len(out)

    @property
    def stats(self) -> dict:
        """Numbers of steps of each kind, seconds, the seed."""
        found = dict(zip(TALLY, map(int, self.tally)))
        return {**found, "seconds": time.monotonic() - self.begun, "seed": self.seed}

    def _result(self, out: np.ndarray, passed: np.ndarray, replicates: int | None) -> Trajectory:
        states = out if replicates is not None else (out[0] if len(out) else np.empty((0, len(self.y))))
        times = self.times if replicates is not None else self.times[: len(states)]
        p = self.p if self.rows is None else self.rows[: self.done]
        if self.rows is not None and replicates is None and len(p):
            p = p[0]
        run = Trajectory(self.kernel, times, states, p, stats=self.stats, remarks=tuple(self.told()))
        if self.until is not None:
            run.passage = Passages(self.until, passed, self.times[-1], self.kernel.model.time_units)
        return run

    def told(self) -> list[str]:
        """Remarks on the reading of the model and on what happened on the way."""
        found, steps = list(self.remarks), dict(zip(TALLY, map(int, self.tally)))
        if self.options["gaussian"]:
            share = steps["touched"] / max(steps["leaps"], 1)
            found.append(
                "Langevin equation with a boundary at zero: where a species would become negative, the reactions that draw "
                "from it proceed by less, so that it ends at zero (steps in which that was so: stats['touched'])"
            )
            if share > OFTEN:
                found.append(
                    f"WARNING: the boundary was touched in more than {OFTEN:.0%} of the steps; the Langevin equation is no good description of so few "
                    "molecules: use level='jump' or 'tau'"
                )
        if steps["implicit"]:
            found.append("implicit steps were taken: fluctuations of variables that relax within a step are too small")
        return found

    def _fail(self, status: str, path: int, t: float, reaction: int) -> None:
        if status == "step_limit":
            raise SimulationError(
                f"{self.max_steps:,} steps were not enough: replicate {path} reached t = {t:g} of {self.times[-1]:g}; raise "
                "max_steps or epsilon, shorten the time, or use level='ode' for so many molecules"
            )
        if status == "stuck":
            raise SimulationError(f"no step is small enough at t = {t:g} (replicate {path}); use level='jump'")
        name = self.code.system.propensities[reaction].reaction
        raise broken_law(name, status, path, t)


class _Walker:
    """One path, stopped at events."""

    def __init__(self, work: LeapWork, stream: int):
        self.work, self.p, self.scale = work, work.p, work.scale
        kind = _core.LangevinPath if work.options["gaussian"] else _core.LeapPath
        options = work.options
        self.path = kind(
            work.code.model, options["scheme"], options["epsilon"], options["step"], work.longest, work.look,
            work.p, work.scale, work.seed, stream, work.max_steps,
        )  # fmt: skip

    def restart(self, t: float, y: np.ndarray, p: np.ndarray, active: np.ndarray) -> None:
        if p is not self.p:
            self.p, self.scale = p, self.work.code.scale(p)
            self.path.set_parameters(p, self.scale)
        self.path.start(t, self.work.molecules(y / self.scale), active.astype(np.uint8))

    def advance(self, stop: float, times: np.ndarray, out: np.ndarray) -> tuple[str, float, int, int]:
        status, *rest = self.path.advance(stop, times, out)
        return ("watch" if status == "passed" else status, *rest)

    def state(self) -> np.ndarray:
        return self.path.counts() * self.scale
