"""Level "tau": paths of the jump process by leaps, approximate and never negative."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from numbers import Real

import numpy as np

from manyscale import _core
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
    by jumps (what is true within a leap only is not seen). first: number of the first replicate. Values are whole
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
    are in `passage` of the result.
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
        self.start = self._start(self.y / self.scale)

    def _start(self, exact: np.ndarray) -> np.ndarray:
        """Molecules at the start, whole ones for jumps."""
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
        try:
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
                most_steps=self.max_steps, **{"parts": 1, **self.options},
            )  # fmt: skip
            self.tally += tally
            if status != "reached":
                self._fail(status, path, t, reaction)
            self.done += size
            size = next_size(size, time.monotonic() - begun)
            if self.progress is not None:
                self.progress(self.done / count)

    @property
    def stats(self) -> dict:
        """Numbers of steps of each kind, seconds, the seed."""
        found = dict(zip(TALLY, map(int, self.tally)))
        return {**found, "seconds": time.monotonic() - self.begun, "seed": self.seed}

    def _result(self, out: np.ndarray, passed: np.ndarray, replicates: int | None) -> Trajectory:
        states = out if replicates is not None else (out[0] if len(out) else np.empty((0, len(self.y))))
        times = self.times if replicates is not None else self.times[: len(states)]
        run = Trajectory(self.kernel, times, states, self.p, stats=self.stats, remarks=tuple(self.told()))
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
