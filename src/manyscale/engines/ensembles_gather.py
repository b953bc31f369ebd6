"""What is kept of many paths instead of the paths: moments, or histograms.

Everything is added up replicate after replicate, so that results do not depend on how replicates are taken together.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from manyscale.engines.passage import Passages
from manyscale.engines.trajectory import Trajectory
from manyscale.errors import InputError

ROOM = 4_000_000  # numbers in a temporary array
MOST_CELLS = 50_000_000  # of a histogram


class _Gathered:
    """What both kinds have: the number of replicates, the meaning of ids, passages."""

    def __init__(self, sample: Trajectory, ids: tuple[str, ...]):
        self.sample, self.ids, self.times, self.model = sample, ids, sample.times, sample.model
        self.count = 0
        self.remarks: tuple[str, ...] = sample.remarks
        self.stats: dict = {}
        self._passed: list[np.ndarray] = []

    @property
    def replicates(self) -> int:
        """Number of paths that were added."""
        return self.count

    @property
    def passage(self) -> Passages | None:
        """First-passage times, where paths ended by a condition."""
        if self.sample.passage is None:
            return None
        known = self.sample.passage
        return Passages(known.condition, np.concatenate([*self._passed, []]), known.end, known.time_units)

    def _took(self, run: Trajectory) -> None:
        self.count += run.states.shape[0]
        self.remarks = tuple(dict.fromkeys([*self.remarks, *run.remarks]))
        if run.passage is not None:
            self._passed.append(run.passage.times)

    def _place(self, id: str) -> int:
        if id not in self.ids:
            raise InputError(f"{id!r} was not kept; kept were {', '.join(self.ids)}; choose with observables=[...]")
        return self.ids.index(id)

    def _base(self) -> dict[str, np.ndarray]:
        return {"count": np.array(self.count), "passed": np.concatenate([*self._passed, []])}

    def _set_base(self, state: Mapping[str, np.ndarray]) -> None:
        self.count = int(state["count"])
        self._passed = [state["passed"]]

    def to_netcdf(self, path) -> None:
        """Write a NetCDF file."""
        self.to_xarray().to_netcdf(path, engine="h5netcdf")  # type: ignore[attr-defined]


class Moments(_Gathered):
    """Means, variances, covariances, skewness and kurtosis over time of many paths that were not stored.

    `run[id]` is the mean, shape (time,). Sums are taken of differences from the first path, which keeps their digits.
    """

    def __init__(self, sample: Trajectory, ids: tuple[str, ...]):
        super().__init__(sample, ids)
        times, k = len(self.times), len(ids)
        self._pivot = np.full((times, k), np.nan)
        self._sums = np.zeros((4, times, k))
        self._products = np.zeros((times, k, k))

    def __repr__(self) -> str:
        return (
            f"<Moments of {self.count} paths of {self.model.id!r}: {len(self.times)} times, {', '.join(self.ids[:6])}>"
        )

    def add(self, run: Trajectory) -> None:
        """Take in the replicates of a run."""
        values = np.moveaxis(run.values_of(self.ids), 0, -1)  # (replicate, time, id)
        if len(values) and self.count == 0:
            self._pivot = values[0].copy()
        times, k = self._pivot.shape
        rows = max(1, ROOM // max(times * k * k, 1))
        for begin in range(0, len(values), rows):
            part = values[begin : begin + rows] - self._pivot
            power = part
            for order in range(4):
                self._sums[order] = _running(self._sums[order], power)
                power = power * part
            self._products = _running(self._products, part[..., :, None] * part[..., None, :])
        self._took(run)

    def state(self) -> dict[str, np.ndarray]:
        """Everything that was added up, as arrays."""
        return {"pivot": self._pivot, "sums": self._sums, "products": self._products, **self._base()}

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Go on from a state."""
        self._pivot, self._sums, self._products = state["pivot"], state["sums"], state["products"]
        self._set_base(state)

    @property
    def _central(self) -> np.ndarray:
        """Mean of the differences, and central moments of order 2 to 4 (of the paths at hand), shape (4, time, id)."""
        if not self.count:
            return np.full_like(self._sums, np.nan)
        first, second, third, fourth = self._sums / self.count
        return np.stack([
            first, second - first**2, third - 3 * first * second + 2 * first**3,
            fourth - 4 * first * third + 6 * first**2 * second - 3 * first**4,
        ])  # fmt: skip

    def __getitem__(self, id: str) -> np.ndarray:
        """Mean of an id, shape (time,)."""
        return (self._pivot + self._central[0])[:, self._place(id)]

    def variance(self, id: str) -> np.ndarray:
        """Variance of an id (unbiased), shape (time,); NaN for one path."""
        if self.count < 2:
            return np.full(len(self.times), np.nan)
        return self._central[1][:, self._place(id)] * self.count / (self.count - 1)

    def std(self, id: str) -> np.ndarray:
        """Standard deviation of an id, shape (time,)."""
        return np.sqrt(np.maximum(self.variance(id), 0.0))

    def standard_error(self, id: str) -> np.ndarray:
        """Standard error of the mean of an id, shape (time,)."""
        return self.std(id) / np.sqrt(self.count)

    def skewness(self, id: str) -> np.ndarray:
        """Third central moment over the standard deviation's cube, shape (time,)."""
        _, second, third, _ = self._central[..., self._place(id)]
        with np.errstate(all="ignore"):
            return third / second**1.5

    def kurtosis(self, id: str) -> np.ndarray:
        """Fourth central moment over the variance's square (3 for a normal law), shape (time,)."""
        _, second, _, fourth = self._central[..., self._place(id)]
        with np.errstate(all="ignore"):
            return fourth / second**2

    def covariance(self, t: float | None = None) -> np.ndarray:
        """Covariances in the order of `ids` (unbiased), shape (time, n, n), or (n, n) at the output time next to t."""
        if self.count < 2:
            matrix = np.full_like(self._products, np.nan)
        else:
            first = self._central[0]
            matrix = (self._products / self.count - first[:, :, None] * first[:, None, :]) * (
                self.count / (self.count - 1)
            )
        return matrix if t is None else matrix[int(np.argmin(np.abs(self.times - t)))]

    def to_xarray(self):
        """A labelled dataset: means by id, "std(id)", and "covariance" over two axes of ids."""
        data = {id: self[id] for id in self.ids} | {f"std({id})": self.std(id) for id in self.ids}
        attributes = {
            "model": self.model.id,
            "replicates": self.count,
            **{f"solver_{k}": v for k, v in self.stats.items()},
        }
        found = self.sample.dataset(data, ("time",), {}, attributes)
        found = found.assign_coords(id=list(self.ids), id_2=list(self.ids))
        found["covariance"] = (("time", "id", "id_2"), self.covariance())
        return found

    def plot(self, ids=None, ax=None):
        """Draw means with bands of one standard deviation with matplotlib; returns the axes."""
        import matplotlib.pyplot as plt

        ax = ax or plt.subplots(figsize=(7, 4))[1]
        for id in self.ids if ids is None else ids:
            mean, std = self[id], self.std(id)
            ax.fill_between(self.times, mean - std, mean + std, alpha=0.25, linewidth=0)
            ax.plot(self.times, mean, label=id)
        ax.set_xlabel(f"time ({self.model.time_units})" if self.model.time_units else "time")
        ax.legend(frameon=False)
        return ax


def _running(total: np.ndarray, terms: np.ndarray) -> np.ndarray:
    """total + terms[0] + terms[1] + ..., in this order."""
    return np.cumsum(np.concatenate([total[None], terms]), axis=0)[-1]


class Histogram(_Gathered):
    """How many of many paths, which were not stored, had how many molecules at each time.

    One bin holds `width` whole numbers of molecules. `counts(id)`: shape (time, bins); `edges(id)`: in the units of the id.
    """

    def __init__(self, sample: Trajectory, ids: tuple[str, ...], molecule: np.ndarray, width: int = 1):
        super().__init__(sample, ids)
        index = sample.kernel.system.state_index
        unknown = [id for id in ids if id not in index]
        if unknown:
            raise InputError(f"histograms are of species that reactions change; {', '.join(unknown)} is none")
        if not (isinstance(width, (int, np.integer)) and width >= 1):
            raise InputError(f"width={width!r}: give a whole number of molecules per bin")
        self.width = int(width)
        self._states = [index[id] for id in ids]
        self._molecule = molecule[self._states]
        self._low = [0] * len(ids)
        self._bins = [np.zeros((len(self.times), 0), dtype=np.int64) for _ in ids]

    def __repr__(self) -> str:
        return f"<Histogram of {self.count} paths of {self.model.id!r}: {len(self.times)} times, {', '.join(self.ids[:6])}>"

    def add(self, run: Trajectory) -> None:
        """Take in the replicates of a run."""
        times = len(self.times)
        for k, state in enumerate(self._states):
            if not len(run.states):
                continue
            numbers = run.states[..., state] / self._molecule[k]
            place = np.floor((np.round(numbers, 6) + 0.5) / self.width).astype(np.int64)
            self._grow(k, int(place.min()), int(place.max()))
            bins = self._bins[k].shape[1]
            flat = (np.arange(times) * bins + (place - self._low[k])).ravel()
            self._bins[k] += np.bincount(flat, minlength=times * bins).reshape(times, bins)
        self._took(run)

    def _grow(self, k: int, low: int, high: int) -> None:
        old = self._bins[k]
        if not old.shape[1]:
            self._low[k] = low
        below = max(self._low[k] - low, 0)
        above = max(high - (self._low[k] + old.shape[1] - 1), 0)
        if (old.shape[1] + below + above) * old.shape[0] > MOST_CELLS:
            raise InputError(
                f"{self.ids[k]} has {(high - low + 1) * self.width:,} different numbers of molecules: give width=... molecules "
                "per bin, or fewer times"
            )
        if below or above:
            self._bins[k] = np.pad(old, ((0, 0), (below, above)))
            self._low[k] -= below

    def state(self) -> dict[str, np.ndarray]:
        """Everything that was counted, as arrays."""
        return {"low": np.array(self._low), **{f"bins_{k}": bins for k, bins in enumerate(self._bins)}, **self._base()}

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Go on from a state."""
        self._low = [int(x) for x in state["low"]]
        self._bins = [state[f"bins_{k}"] for k in range(len(self.ids))]
        self._set_base(state)

    def edges(self, id: str) -> np.ndarray:
        """Borders of the bins, shape (bins + 1,), in the units of the id."""
        k = self._place(id)
        numbers = (np.arange(self._bins[k].shape[1] + 1) + self._low[k]) * self.width - 0.5
        return numbers * self._molecule[k]

    def centres(self, id: str) -> np.ndarray:
        """Middle of each bin, shape (bins,): with width 1 the values themselves."""
        edges = self.edges(id)
        return (edges[1:] + edges[:-1]) / 2

    def counts(self, id: str) -> np.ndarray:
        """Paths in each bin, shape (time, bins)."""
        return self._bins[self._place(id)]

    def probability(self, id: str) -> np.ndarray:
        """Share of the paths in each bin, shape (time, bins)."""
        return self.counts(id) / max(self.count, 1)

    def __getitem__(self, id: str) -> np.ndarray:
        """Mean of an id (exact where bins hold one number), shape (time,)."""
        return self.probability(id) @ self.centres(id)

    def std(self, id: str) -> np.ndarray:
        """Standard deviation of an id, shape (time,)."""
        away = self.centres(id)[None, :] - self[id][:, None]
        spread = (self.probability(id) * away**2).sum(axis=1)
        return np.sqrt(spread * self.count / max(self.count - 1, 1))

    def quantile(self, id: str, q: float) -> np.ndarray:
        """The smallest bin (its middle) up to which a share q of the paths lies, shape (time,)."""
        upto = np.cumsum(self.counts(id), axis=1)
        place = (upto >= max(q * self.count, 1) - 1e-9).argmax(axis=1)
        return self.centres(id)[place]

    def to_xarray(self):
        """A labelled dataset: counts by id over time and that id's values "id_value" (the middles of its bins)."""
        found = self.sample.dataset({}, ("time",), {}, {"model": self.model.id, "replicates": self.count})
        for id in self.ids:
            found = found.assign_coords({f"{id}_value": self.centres(id)})
            found[id] = (
                ("time", f"{id}_value"),
                self.counts(id),
                {"units": "paths", "value_units": self.sample.units(id) or ""},
            )
        return found

    def plot(self, id: str | None = None, t: float | None = None, ax=None):
        """Draw the histogram of an id at the output time next to t (default: the last) with matplotlib; returns the axes."""
        import matplotlib.pyplot as plt

        id = id or self.ids[0]
        row = len(self.times) - 1 if t is None else int(np.argmin(np.abs(self.times - t)))
        ax = ax or plt.subplots(figsize=(7, 4))[1]
        ax.stairs(self.probability(id)[row], self.edges(id), fill=True, alpha=0.4)
        units = self.sample.units(id)
        ax.set_xlabel(f"{id} ({units})" if units else id)
        ax.set_ylabel(f"share of {self.count} paths at t = {self.times[row]:g}")
        return ax
