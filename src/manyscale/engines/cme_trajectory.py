"""Probabilities over time, and everything that follows from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from manyscale.engines.trajectory import Trajectory
from manyscale.errors import InputError
from manyscale.kernels.flatten import near
from manyscale.kernels.propensity_code import PropensityCode


@dataclass(frozen=True)
class Snapshot:
    """States (rows of numbers of molecules) and their probabilities at one time; `bound` on the error in l1."""

    counts: np.ndarray
    probabilities: np.ndarray
    bound: float


class CmeTrajectory(Trajectory):
    """Distributions over time. `run[id]` is the mean; `bound` (time,) bounds ||p - p_exact||_1, so that every probability
    of a set of states is right to half of it."""

    def __init__(
        self, code: PropensityCode, times: np.ndarray, p: np.ndarray, snapshots: Sequence[Snapshot], stats, remarks
    ):
        self.code, self.snapshots = code, tuple(snapshots)
        self.molecule = code.scale(p)
        means = [s.probabilities @ s.counts / max(s.probabilities.sum(), 1e-300) for s in snapshots]
        states = np.array(means).reshape(len(snapshots), code.kernel.size) * self.molecule
        super().__init__(code.kernel, times, states, p, stats=stats, remarks=tuple(remarks))
        self.bound = np.array([s.bound for s in snapshots])

    def __repr__(self) -> str:
        return f"<CmeTrajectory of {super().__repr__()[1:-1]}, {self.stats.get('states', 0)} states>"

    def _row(self, t: float | None) -> Snapshot:
        if t is None:
            return self.snapshots[-1]
        row = int(np.argmin(np.abs(self.times - t)))
        if not np.isclose(self.times[row], t, rtol=1e-9, atol=0.0):
            raise InputError(f"t = {t:g} is none of the output times; the nearest is {self.times[row]:g}")
        return self.snapshots[row]

    def _place(self, id: str) -> int:
        names = self.kernel.system.states
        if id not in names:
            raise InputError(f"{id!r} is no species that reactions change{near(id, names)}")
        return names.index(id)

    def distribution(self, t: float | None = None) -> tuple[np.ndarray, np.ndarray]:
        """(states as rows of numbers of molecules in the order of `species`, their probabilities) at an output time
        (default: the last)."""
        found = self._row(t)
        return found.counts, found.probabilities

    @property
    def species(self) -> tuple[str, ...]:
        """Ids in the order of the columns of `distribution`."""
        return self.kernel.system.states

    def marginal(self, id: str, t: float | None = None) -> np.ndarray:
        """Probabilities of 0, 1, 2, ... molecules of a species at an output time."""
        found, i = self._row(t), self._place(id)
        return np.bincount(found.counts[:, i], weights=found.probabilities)

    def joint(self, one: str, other: str, t: float | None = None) -> np.ndarray:
        """Probabilities of numbers of molecules of two species: entry (n, m)."""
        found, i, j = self._row(t), self._place(one), self._place(other)
        table = np.zeros((found.counts[:, i].max() + 1, found.counts[:, j].max() + 1))
        np.add.at(table, (found.counts[:, i], found.counts[:, j]), found.probabilities)
        return table

    def probability(self, holds, t: float | None = None) -> float:
        """Probability of the states for which `holds` (a function of columns by id, as arrays) is true."""
        found = self._row(t)
        columns = {id: found.counts[:, i] for i, id in enumerate(self.species)}
        return float(found.probabilities[np.asarray(holds(columns), dtype=bool)].sum())

    def covariance(self, t: float | None = None) -> np.ndarray:
        """Covariances of the species' values in the order of `species`, shape (time, n, n), or (n, n) at a time."""
        if t is None:
            return np.array([self.covariance(float(one)) for one in self.times])
        found = self._row(t)
        weights = found.probabilities / max(found.probabilities.sum(), 1e-300)
        centred = found.counts - weights @ found.counts
        return (centred * weights[:, None]).T @ centred * np.outer(self.molecule, self.molecule)

    def variance(self, id: str) -> np.ndarray:
        """Variance of a species' value, shape (time,)."""
        i = self._place(id)
        return self.covariance()[:, i, i]

    def std(self, id: str) -> np.ndarray:
        """Standard deviation of a species' value, shape (time,)."""
        return np.sqrt(self.variance(id))

    def fano(self, id: str) -> np.ndarray:
        """Variance over mean of the number of molecules, shape (time,)."""
        with np.errstate(all="ignore"):
            return self.variance(id) / self[id] / self.molecule[self._place(id)]
