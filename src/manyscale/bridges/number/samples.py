"""Exact paths at some times, and the linear noise approximation beside them: what bridges in number are judged by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from manyscale.engines.jump import simulate_jump
from manyscale.engines.lna import simulate_lna
from manyscale.engines.noise_trajectory import NoiseTrajectory
from manyscale.engines.trajectory import Trajectory
from manyscale.errors import InputError, ManyscaleError
from manyscale.kernels.kernel import Kernel
from manyscale.model.question import Question

TIMES = 25
MOST_JUMPS = 2_000_000_000
LEAST_SPREAD = 1e-9  # of the mean: smaller fluctuations are rounding


@dataclass(frozen=True)
class Samples:
    """Paths of a jump process. ids: observables that are species."""

    kernel: Kernel
    run: Trajectory
    ids: tuple[str, ...]
    counts: bool
    seed: int

    @property
    def times(self) -> np.ndarray:
        return self.run.times

    @property
    def paths(self) -> int:
        return int(self.run.states.shape[0])

    def mean(self, id: str) -> np.ndarray:
        """Mean over paths, shape (time,)."""
        return self.run[id].mean(axis=0)

    def std(self, id: str) -> np.ndarray:
        """Standard deviation over paths, shape (time,)."""
        return self.run[id].std(axis=0)

    def error(self, id: str) -> np.ndarray:
        """Standard error of the mean, shape (time,)."""
        return self.std(id) / np.sqrt(self.paths)

    @cached_property
    def noise(self) -> NoiseTrajectory | None:
        """The linear noise approximation at the same times; None where it has none."""
        try:
            return simulate_lna(self.kernel, self.times, counts=self.counts)
        except ManyscaleError:
            return None

    def relative_spread(self, id: str) -> float:
        """Standard deviation over mean at the last time."""
        mean = float(np.abs(self.mean(id)[-1]))
        return float(self.std(id)[-1] / mean) if mean > 0 else 0.0

    def excess(self) -> tuple[float, str]:
        """(largest ratio of the standard deviation to that of linear noise at the last time, its id)."""
        found = (1.0, "")
        for id in self.ids if self.noise is not None else ():
            linear = float(self.noise.std(id)[-1])
            if linear > LEAST_SPREAD * max(float(np.abs(self.mean(id)[-1])), 1e-300):
                found = max(found, (float(self.std(id)[-1]) / linear, id))
        return found

    def displacement(self) -> tuple[float, str]:
        """(largest shift of a mean by noise, as a share of its largest value, its id), to leading order in 1/size."""
        found = (0.0, self.ids[0] if self.ids else "")
        for id in self.ids if self.noise is not None else ():
            size = float(np.abs(self.mean(id)).max())
            if size > 0:
                found = max(found, (float(np.abs(self.noise.displacement(id)).max()) / size, id))
        return found

    def dead(self, rows: Mapping[str, np.ndarray]) -> float:
        """Share of the paths on which nothing changed over the last quarter of the time while `rows` did, or stayed where
        the paths never were."""
        late = self.run.states[:, 3 * len(self.times) // 4 :]
        still = (late == late[:, :1]).all(axis=(1, 2))
        if not still.any():
            return 0.0
        far = np.zeros(len(still), dtype=bool)
        for id, row in rows.items():
            gap = np.abs(self.run[id][:, -1] - row[-1])
            far |= gap > 0.5 * max(float(np.abs(row[-1])), 1e-300)
        return float((still & far).mean())


def sampled(kernel: Kernel, question: Question, *, counts: bool, paths: int, seed: int) -> Samples:
    """Exact paths over the question's horizon. Errors: InputError; those of level "jump"."""
    if not isinstance(paths, (int, np.integer)) or paths < 100:
        raise InputError(f"paths={paths!r}: give a whole number from 100 on")
    times = np.linspace(0.0, float(question.horizon), TIMES)  # type: ignore[arg-type]
    run = simulate_jump(
        kernel, times, replicates=int(paths), seed=int(seed), counts=counts, max_steps=MOST_JUMPS // int(paths)
    )
    ids = tuple(id for id in question.observables if id in kernel.system.state_index)
    if not ids:
        raise InputError("no observable is a species that reactions change; name one that is")
    return Samples(kernel, run, ids, counts, int(seed))
