"""Level "jump": exact paths of the jump process, one by one or many on threads."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from manyscale import _core
from manyscale.engines.event_paths import walk
from manyscale.engines.molecules import broken_law, next_size, seed_number, stochastic_start, whole_molecules
from manyscale.engines.ode import output_times
from manyscale.engines.progress import cores
from manyscale.engines.tau import LeapWork
from manyscale.engines.trajectory import Trajectory
from manyscale.errors import SimulationError
from manyscale.kernels.jump_code import JumpCode, jump_code
from manyscale.kernels.kernel import Kernel

FIRST_PIECE, PIECE_SECONDS = 10_000, 0.2  # jumps of one path, and then about how long, between two looks at Ctrl-C
TIMED_STEPS = 100  # at least so many steps where propensities change between the jumps


def simulate_jump(kernel: Kernel, times, *, values: Mapping[str, float] | None = None, replicates: int | None = None,
                  seed: int | None = None, counts: bool = False, max_steps: int = 1_000_000_000, first: int = 0,
                  until: str | None = None, method: str = "auto", progress: Callable[[float], None] | None = None) -> Trajectory:  # fmt: skip
    """Exact paths of the jump process. The same seed gives the same paths, whatever the number of threads.

    counts: amounts without units are numbers of molecules. first: number of the first replicate. until: a condition
    such as "X > 100" that ends a path at the jump that makes it true, exactly; the times are in `passage` of the result,
    values stay as they are then. method: "direct" (sums of all propensities, many paths at a time), "rejection" (candidates
    from bounds, for large networks of elementary steps) or "auto", which takes the faster one for such a network and for
    one path or an ensemble. Rates that depend on time, volumes that change and rate rules: a jump comes when the integral of
    all propensities, found together with the flow to 1e-9 per step, reaches an exponential number; a rate that is large only
    for less than a hundredth of the time can be overlooked unless an output time is near. Values are in the model's own
    units, shape (time,), or (replicate, time).

    Errors: InputError, UnsupportedError for what has no meaning as a jump process, SimulationError (with `.partial`)
    where a propensity becomes negative or infinite.
    """
    if until is not None:
        options = {"gaussian": False, "scheme": "exact", "epsilon": 0.03, "step": 0.0}
        work = LeapWork(kernel, counts, "jump", times, values, seed, max_steps, progress, options, until)
        return work.paths(replicates, first)
    times = output_times(times)
    code = jump_code(kernel, counts, method, many=replicates is not None)
    y, p = stochastic_start(kernel, values)
    job = _Work(code, times, y, p, seed_number(seed), max_steps, progress, first)
    run = job.watched if kernel.system.events else job.free
    return run(replicates)


@dataclass
class _Work:
    """One call: a start, output times and a seed."""

    code: JumpCode
    times: np.ndarray
    y: np.ndarray
    p: np.ndarray
    seed: int
    max_steps: int
    progress: Callable[[float], None] | None
    first: int = 0  # number of the first replicate

    def __post_init__(self):
        self.remarks = list(self.code.remarks)
        self.begun, self.jumps = time.monotonic(), 0
        self.longest = float(self.times[-1]) / TIMED_STEPS

    def free(self, replicates: int | None) -> Trajectory:
        """Paths without events, on all threads."""
        count = replicates or 1
        scale, constants = self.code.at(self.p)
        start = self.whole(self.y, scale)
        out = np.empty((count, len(self.times), len(self.y)))
        if self.code.lanes:
            return self._in_lanes(out, replicates, scale, constants, start)
        if replicates is None:
            return self._alone(out, scale, constants, start)
        threads, done, size = cores(), 0, 1
        try:
            while done < count:
                size = min(size, count - done)
                begun = time.monotonic()
                jumps, status, path, t, reaction = _core.run_paths(
                    self.code.model, self.p, scale, constants, start, self.times, self.seed, self.first + done,
                    out[done : done + size], min(threads, size), self.max_steps, self.longest,
                )  # fmt: skip
                self.jumps += jumps
                if status != "reached":
                    self._fail(status, path, t, reaction)
                done += size
                size = next_size(size, time.monotonic() - begun)
                self._note(done / count)
        except (KeyboardInterrupt, SimulationError) as stop:
            stop.partial = self._result(out[:done], replicates)  # type: ignore[union-attr]
            raise
        return self._result(out, replicates)

    def _alone(self, out: np.ndarray, scale, constants, start) -> Trajectory:
        """One path, in pieces, so that it can be interrupted; the same as among others."""
        path = _core.JumpPath(self.code.model, self.p, scale, constants, self.seed, self.first, self.longest)
        path.start(0.0, start)
        done, piece = 0, FIRST_PIECE
        try:
            while True:
                begun, before = time.monotonic(), path.steps
                status, t, count, reaction = path.advance(
                    float(self.times[-1]), self.times[done:], out[0, done:], min(piece, self.max_steps - before)
                )
                done, self.jumps = done + count, path.steps
                self._note(t / self.times[-1] if self.times[-1] > 0 else 1.0)
                if status == "reached":
                    return self._result(out, None)
                if status != "step_limit" or path.steps >= self.max_steps:
                    self._fail(status, self.first, t, reaction)
                piece = int(piece * np.clip(PIECE_SECONDS / max(time.monotonic() - begun, 1e-6), 0.1, 10.0)) + 1
        except (KeyboardInterrupt, SimulationError) as stop:
            stop.partial = self._result(out[:, :done], None)  # type: ignore[union-attr]
            raise

    def _in_lanes(self, out: np.ndarray, replicates: int | None, scale, constants, start) -> Trajectory:
        """As many paths at a time as the vector registers have lanes, on each thread."""
        done = np.zeros(len(out), dtype=np.uint8)
        threads = min(cores(), -(-len(out) // self.code.lanes))
        try:
            self.jumps, status, path, t, reaction = _core.run_lanes(
                self.code.model, self.p, scale, constants, start, self.times, self.seed, self.first, out, done, threads,
                self.max_steps, self.progress,
            )  # fmt: skip
            if status != "reached":
                self._fail(status, path, t, reaction)
        except (KeyboardInterrupt, SimulationError) as stop:
            whole = len(done) if done.all() else int(done.argmin())  # the first ones, without a hole
            stop.partial = self._result(out[:whole], replicates)  # type: ignore[union-attr]
            raise
        self._note(1.0)
        return self._result(out, replicates)

    def watched(self, replicates: int | None) -> Trajectory:
        """Paths that events stop, one after the other."""
        count = replicates or 1
        out = np.full((count, len(self.times), len(self.y)), np.nan)
        rows = np.empty((count, len(self.times), len(self.p)))
        done = 0
        try:
            for done in range(count):
                self._path(self.first + done, out[done], rows[done])
                self._note((done + 1) / count)
        except (KeyboardInterrupt, SimulationError) as stop:
            stop.partial = self._result(out[:done], replicates, rows[:done])  # type: ignore[union-attr]
            raise
        return self._result(out, replicates, rows)

    def _path(self, stream: int, out: np.ndarray, rows: np.ndarray) -> None:
        walker = _Walker(self, stream)

        def fail(status: str, t: float, reaction: int):
            self._fail(status, stream, t, reaction)

        walk(walker, self.code.kernel, self.times, (self.y, self.p), (self.seed, stream), out, rows, fail)
        self.jumps += walker.path.steps

    def whole(self, y: np.ndarray, scale: np.ndarray) -> np.ndarray:
        """Molecules; what is no whole number is rounded, and said. What flows stays."""
        flowing = [i for i, _ in self.code.system.flows]
        still = np.array(y, dtype=float)
        still[flowing] = 0.0
        counts = whole_molecules(self.code.kernel, still / scale, self.remarks)
        counts[flowing] = y[flowing]
        return counts

    def _result(self, out: np.ndarray, replicates: int | None, rows: np.ndarray | None = None) -> Trajectory:
        p = self.p if rows is None else rows
        if replicates is None:
            states = out[0] if len(out) else np.empty((0, len(self.y)))
            p = p if rows is None else (rows[0] if len(rows) else self.p)
            times = self.times[: len(states)]
        else:
            states, times = out, self.times
        stats = {"jumps": self.jumps, "seconds": time.monotonic() - self.begun, "seed": self.seed}
        return Trajectory(self.code.kernel, times, states, p, stats=stats, remarks=tuple(self.remarks))

    def _note(self, share: float) -> None:
        if self.progress is not None:
            self.progress(share)

    def _fail(self, status: str, path: int, t: float, reaction: int) -> None:
        if status == "step_limit":
            raise SimulationError(
                f"{self.max_steps:,} jumps were not enough: replicate {path} reached t = {t:g} of {self.times[-1]:g}; raise "
                "max_steps, shorten the time, or use level='ode' for so many molecules"
            )
        if reaction < 0:
            raise SimulationError(
                f"what rate rules or rates that depend on time do right after t = {t:g} has no finite value (replicate {path}); "
                "correct the model or end before"
            )
        name = self.code.system.propensities[reaction].reaction
        raise broken_law(name, status, path, t)


class _Walker:
    """One path, stopped at events."""

    def __init__(self, work: _Work, stream: int):
        self.work = work
        self.scale, constants = work.code.at(work.p)
        self.p = work.p
        self.path = _core.JumpPath(work.code.model, work.p, self.scale, constants, work.seed, stream, work.longest)

    def restart(self, t: float, y: np.ndarray, p: np.ndarray, active: np.ndarray) -> None:
        if p is not self.p:
            self.p = p
            self.scale, constants = self.work.code.at(p)
            self.path.set_parameters(p, self.scale, constants)
        self.path.start(t, self.work.whole(y, self.scale))

    def advance(self, stop: float, times: np.ndarray, out: np.ndarray) -> tuple[str, float, int, int]:
        return self.path.advance(stop, times, out, self.work.max_steps)

    def state(self) -> np.ndarray:
        return self.path.counts() * self.scale
