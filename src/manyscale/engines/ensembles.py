"""Many paths at once: moments or histograms instead of paths, or paths on disk; interrupted and gone on with."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

import manyscale
from manyscale.engines.ensembles_gather import Histogram, Moments
from manyscale.engines.molecules import seed_number
from manyscale.engines.ode import output_times
from manyscale.engines.passage import Passages
from manyscale.engines.streaming import Record, StoredPaths
from manyscale.engines.trajectory import Trajectory
from manyscale.errors import InputError, SimulationError
from manyscale.kernels.kernel import Kernel
from manyscale.kernels.propensities import jump_system
from manyscale.model.fingerprint import source_hash

KEEP = ("paths", "moments", "histogram")
BLOCK_SECONDS = 2.0  # between two savings
BLOCK_ROOM = 20_000_000  # numbers in a block of paths


def simulate_many(run_level: Callable[..., Trajectory], kernel: Kernel, times, given: Mapping, *, level: str,
                  keep: str = "paths", file: str | Path | None = None, observables=None, width: int = 1):  # fmt: skip
    """Run `given["replicates"]` paths of a level block by block, and keep only what was asked.

    keep: "moments" (a `Moments`), "histogram" (a `Histogram` with bins of `width` molecules), or "paths", which need a
    `file` (NetCDF, .nc; a `StoredPaths`). With `file` the same call goes on after an interruption, with the same result
    to the last bit as without it. observables: ids to keep (default: the species that reactions change).

    Errors: InputError for what does not fit together. Ctrl-C and SimulationError leave what is done in `.partial`.
    """
    return _Many(run_level, kernel, times, dict(given), level, keep, file, observables, width).run()


class _Many:
    def __init__(
        self, run_level, kernel: Kernel, times, given: dict, level: str, keep: str, file, observables, width: int
    ):
        if keep not in KEEP:
            raise InputError(f"keep={keep!r}: choose {', '.join(KEEP)}")
        if keep == "paths" and file is None:
            raise InputError("paths are kept in memory without these options; give file='....nc' to keep them on disk")
        self.replicates = given.pop("replicates", None) or 0
        if self.replicates < 1:
            raise InputError("give replicates=..., the number of paths")
        self.run_level, self.kernel, self.times, self.keep, self.width = (
            run_level,
            kernel,
            output_times(times),
            keep,
            width,
        )
        self.progress = given.pop("progress", None)
        self.ids = self._ids(observables)
        seed = given.pop("seed", None)
        asked = {"manyscale": manyscale.__version__, "model": source_hash(kernel.model), "level": level, "keep": keep,
                 "times": self.times.tolist(), "ids": list(self.ids), "width": width,
                 **{name: _plain(value) for name, value in sorted(given.items())}}  # fmt: skip
        self.record = None
        if file is not None:
            self.record = Record(file, asked)
            known = self.record.known_seed()
            seed = known if seed is None else seed
        self.seed = seed_number(seed)
        self.given = given
        self.begun, self.stats = time.monotonic(), {}
        if self.record is not None:
            self.record.asked["seed"] = self.seed
            self.record.check()

    def _ids(self, observables) -> tuple[str, ...]:
        system = self.kernel.system
        if observables is None:
            return tuple(s for s, is_species in zip(system.states, system.state_is_species) if is_species)
        ids = (observables,) if isinstance(observables, str) else tuple(observables)
        unknown = [id for id in ids if id not in self.kernel.names]
        if unknown:
            raise InputError(f"the model has no {', '.join(unknown)}")
        return ids

    def _block(self, first: int, count: int) -> Trajectory:
        return self.run_level(
            self.kernel, self.times, replicates=count, seed=self.seed, first=first, progress=None, **self.given
        )

    def _sample(self) -> Trajectory:
        """A run of no paths, which knows what values mean."""
        y, p = self.kernel.initial(self.given.get("values"))
        sample = Trajectory(self.kernel, self.times, np.empty((0, len(self.times), len(y))), p)
        if self.given.get("until") is not None:
            until = self.given["until"]
            sample.passage = Passages(until, np.empty(0), self.times[-1], self.kernel.model.time_units)
        return sample

    def _gathered(self, sample: Trajectory) -> Moments | Histogram:
        if self.keep == "moments":
            return Moments(sample, self.ids)
        system = jump_system(self.kernel, bool(self.given.get("counts")))
        y, p = self.kernel.initial(self.given.get("values"))
        return Histogram(sample, self.ids, self.kernel.evaluate(system.molecule, 0.0, y, p), self.width)

    def run(self):
        """Do what is not done yet."""
        if self.record is not None and 0 < self.record.finished() != self.replicates:
            raise InputError(
                f"{self.record.file} is finished and holds {self.record.finished()} replicates; ask for so many, or choose "
                "another name"
            )
        sample = self._sample()
        return self._paths(sample) if self.keep == "paths" else self._sums(sample)

    def _sums(self, sample: Trajectory):
        gathered = self._gathered(sample)
        if self.record is not None:
            self.record.restore(gathered)
        saved = time.monotonic()

        def take(run: Trajectory) -> None:
            nonlocal saved
            gathered.add(run)
            if self.record is not None and time.monotonic() - saved > BLOCK_SECONDS:
                self.record.keep_state(gathered)
                saved = time.monotonic()

        try:
            self._loop(gathered.count, take)
        except (KeyboardInterrupt, SimulationError) as stop:
            gathered.stats = self._told()
            if self.record is not None:
                self.record.keep_state(gathered)
                stop.kept = self.record.parts  # type: ignore[union-attr]
            stop.partial = gathered  # type: ignore[union-attr]
            raise
        gathered.stats = self._told()
        if self.record is not None and not self.record.finished():
            self.record.finish_state(gathered)
        return gathered

    def _paths(self, sample: Trajectory) -> StoredPaths:
        record = self.record
        assert record is not None
        if not record.finished():
            done = sum(count for _, count, _ in record.blocks())

            def take(run: Trajectory) -> None:
                nonlocal done
                values = np.moveaxis(run.values_of(self.ids), 0, 1)  # (replicate, id, time)
                if run.passage is not None:
                    passed = np.broadcast_to(run.passage.times[:, None, None], (*values.shape[:2], 1))
                    values = np.concatenate([values, passed], axis=2)
                record.keep_paths(done, values)
                done += len(values)

            try:
                self._loop(done, take)
            except (KeyboardInterrupt, SimulationError) as stop:
                stop.partial, stop.kept = self._read_back(sample), record.parts  # type: ignore[union-attr]
                raise
            record.finish_paths(sample, self.ids, self._told())
        return StoredPaths(record.file, sample, self.ids)

    def _read_back(self, sample: Trajectory):
        """The paths on disk so far, in memory: values by id, shape (replicate, time)."""
        assert self.record is not None
        found = [np.load(path)[..., : len(self.times)] for _, _, path in self.record.blocks()]
        values = np.concatenate(found) if found else np.empty((0, len(self.ids), len(self.times)))
        return {id: values[:, k] for k, id in enumerate(self.ids)}

    def _loop(self, done: int, take: Callable[[Trajectory], None]) -> None:
        """Blocks from replicate `done` on; also what an interrupted block had finished is taken."""
        room = max(1, BLOCK_ROOM // (len(self.times) * max(self.kernel.size, 1)))
        size = 1
        while done < self.replicates:
            size, begun = min(size, self.replicates - done, room), time.monotonic()
            try:
                run = self._block(done, size)
            except (KeyboardInterrupt, SimulationError) as stop:
                part = getattr(stop, "partial", None)
                if part is not None and len(part.states):
                    self._count(part)
                    take(part)
                raise
            self._count(run)
            take(run)
            done += size
            size = int(np.clip(size * BLOCK_SECONDS / max(time.monotonic() - begun, 1e-4), 1, max(4 * size, 64)))
            if self.progress is not None:
                self.progress(done / self.replicates)

    def _count(self, run: Trajectory) -> None:
        for name, value in run.stats.items():
            if name not in ("seconds", "seed"):
                self.stats[name] = self.stats.get(name, 0) + value

    def _told(self) -> dict:
        return {**self.stats, "seconds": time.monotonic() - self.begun, "seed": self.seed}


def _plain(value):
    """As JSON keeps it."""
    if isinstance(value, Mapping):
        return {str(name): float(one) for name, one in sorted(value.items())}
    return value.item() if isinstance(value, np.generic) else value
