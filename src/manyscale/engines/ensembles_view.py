"""What replicates tell: quantiles, histograms, correlations in time, spectra, and pictures of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from manyscale.errors import InputError

KINDS = ("quantiles", "histogram", "autocorrelation", "spectrum")


class Ensemble:
    """A view of the replicates of a run (`run.ensemble`); one path is an ensemble of one. Units are those of the ids.

    Correlations and spectra are estimates in a stationary state: give `begin`, the time from which it holds.
    """

    def __init__(self, run: Any):
        self.run, self.times = run, run.times

    def __repr__(self) -> str:
        return f"<Ensemble of {self.run.replicates or 1} paths of {self.run.model.id!r}>"

    def values(self, id: str) -> np.ndarray:
        """Shape (replicate, time)."""
        return np.atleast_2d(self.run[id])

    def mean(self, id: str) -> np.ndarray:
        """Mean over replicates, shape (time,)."""
        return self.values(id).mean(axis=0)

    def variance(self, id: str) -> np.ndarray:
        """Unbiased variance over replicates, shape (time,). Errors: InputError for one path."""
        values = self.values(id)
        if len(values) < 2:
            raise InputError("one path has no variance among replicates; give replicates=...")
        return values.var(axis=0, ddof=1)

    def std(self, id: str) -> np.ndarray:
        """Standard deviation over replicates, shape (time,)."""
        return np.sqrt(self.variance(id))

    def quantile(self, id: str, q) -> np.ndarray:
        """Quantiles over replicates, shape (time,), or (len(q), time)."""
        return np.quantile(self.values(id), q, axis=0)

    def covariance(self, ids, t: float | None = None) -> np.ndarray:
        """Unbiased covariances of ids over replicates, shape (time, n, n), or (n, n) at the output time next to t."""
        values = np.stack([self.values(id) for id in ids])  # (id, replicate, time)
        if values.shape[1] < 2:
            raise InputError("one path has no covariances among replicates; give replicates=...")
        away = values - values.mean(axis=1, keepdims=True)
        matrix = np.einsum("irt,krt->tik", away, away) / (values.shape[1] - 1)
        return matrix if t is None else matrix[self._row(t)]

    def _row(self, t: float | None) -> int:
        return len(self.times) - 1 if t is None else int(np.argmin(np.abs(self.times - t)))

    def histogram(self, id: str, t: float | None = None, bins: Any = "auto") -> tuple[np.ndarray, np.ndarray]:
        """(share of the replicates in each bin, borders) at the output time next to t (default: the last).

        bins: as in numpy.histogram; "auto": one whole number each where values are whole and not too many.
        """
        values = self.values(id)[:, self._row(t)]
        whole = (values == np.round(values)).all() and np.ptp(values) <= 200
        if isinstance(bins, str) and bins == "auto" and whole:
            bins = np.arange(values.min(), values.max() + 2) - 0.5
        counts, edges = np.histogram(values, bins)
        return counts / len(values), edges

    def _stationary(self, id: str, begin: float) -> tuple[np.ndarray, float]:
        """Deviations from the mean, shape (replicate, time), at even times from `begin` on, and their spacing."""
        rows = self.times >= begin
        times, values = self.times[rows], self.values(id)[:, rows]
        steps = np.diff(times)
        if len(times) < 4 or not np.allclose(steps, steps[0], rtol=1e-6):
            raise InputError("correlations and spectra need evenly spaced output times (at least 4 from `begin` on)")
        return values - values.mean(), float(steps[0])

    def autocovariance(self, id: str, lags, begin: float = 0.0) -> np.ndarray:
        """<dx(t) dx(t + lag)> over replicates and over t from `begin` on; lags: multiples of the spacing of the times."""
        away, step = self._stationary(id, begin)
        n = away.shape[1]
        places = np.atleast_1d(np.asarray(lags, dtype=float)) / step
        whole = np.round(places).astype(int)
        if np.abs(places - whole).max(initial=0.0) > 1e-6 or (whole < 0).any() or (whole >= n).any():
            raise InputError(
                f"lags must be multiples of {step:g}, the spacing of the times, from 0 to below {n * step:g}"
            )
        size = 2 ** int(np.ceil(np.log2(2 * n)))
        power = (np.abs(np.fft.rfft(away, size, axis=1)) ** 2).mean(axis=0)
        sums = np.fft.irfft(power, size)[:n]
        return (sums / (n - np.arange(n)))[whole]

    def autocorrelation(self, id: str, lags, begin: float = 0.0) -> np.ndarray:
        """Autocovariance over variance, shape (lags,)."""
        found = self.autocovariance(id, [0.0, *np.atleast_1d(lags)], begin)
        return found[1:] / found[0]

    def spectrum(self, id: str, begin: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
        """(frequencies in cycles per time unit, power): the mean periodogram of the replicates with a Hann window.

        The integral over all frequencies, negative ones included, is the variance. Frequencies near the highest contain
        what is faster than the output times (aliasing).
        """
        away, step = self._stationary(id, begin)
        n = away.shape[1]
        window = np.hanning(n + 1)[:n]
        power = (np.abs(np.fft.rfft(away * window, axis=1)) ** 2).mean(axis=0) * step / (window**2).sum()
        return np.fft.rfftfreq(n, step)[1:], power[1:]

    def to_xarray(self, ids=None, quantiles=(0.05, 0.25, 0.5, 0.75, 0.95)):
        """A labelled dataset over (quantile, time), with variables "mean(id)" and "std(id)" over time."""
        ids = list(ids) if ids is not None else _default_ids(self.run)
        data = self.run.sample if hasattr(self.run, "sample") else self.run
        found = data.dataset({f"mean({id})": self.mean(id) for id in ids}, ("time",), {}, {"model": self.run.model.id})
        found = found.assign_coords(quantile=list(quantiles))
        for id in ids:
            found[id] = (("quantile", "time"), self.quantile(id, quantiles), {"units": self.run.units(id) or ""})
            if len(self.values(id)) > 1:
                found[f"std({id})"] = ("time", self.std(id))
        found.attrs["replicates"] = self.run.replicates or 1
        return found

    # pictures

    def plot(
        self,
        ids=None,
        kind: str = "quantiles",
        ax=None,
        *,
        t: float | None = None,
        begin: float = 0.0,
        bins: Any = "auto",
    ):
        """Draw with matplotlib; returns the axes. kind: "quantiles" (median, and bands of half and nine tenths of the
        paths), "histogram" (at time t, default the last), "autocorrelation" or "spectrum" (from `begin` on)."""
        if kind not in KINDS:
            raise InputError(f"kind={kind!r}: choose {', '.join(KINDS)}")
        import matplotlib.pyplot as plt

        ax = ax or plt.subplots(figsize=(7, 4))[1]
        ids = [ids] if isinstance(ids, str) else list(ids) if ids is not None else _default_ids(self.run)
        unit = self.run.model.time_units
        for id in ids:
            self._draw(ax, id, kind, t, begin, bins)
        span = f" ({unit})" if unit else ""
        ax.set_xlabel({"quantiles": f"time{span}", "histogram": "value", "autocorrelation": f"lag{span}",
                       "spectrum": f"frequency (1/{unit})" if unit else "frequency"}[kind])  # fmt: skip
        ax.set_ylabel({"quantiles": "value", "histogram": "share of the paths"}.get(kind, kind))
        if len(ids) <= 12:
            ax.legend(frameon=False)
        return ax

    def _draw(self, ax, id: str, kind: str, t: float | None, begin: float, bins: Any) -> None:
        if kind == "quantiles":
            lowest, low, middle, high, highest = self.quantile(id, [0.05, 0.25, 0.5, 0.75, 0.95])
            (line,) = ax.plot(self.times, middle, label=id)
            ax.fill_between(self.times, lowest, highest, alpha=0.15, linewidth=0, color=line.get_color())
            ax.fill_between(self.times, low, high, alpha=0.25, linewidth=0, color=line.get_color())
        elif kind == "histogram":
            share, edges = self.histogram(id, t, bins)
            ax.stairs(share, edges, fill=True, alpha=0.4, label=id)
        elif kind == "autocorrelation":
            away, step = self._stationary(id, begin)
            lags = step * np.arange(away.shape[1] // 2)
            ax.plot(lags, self.autocorrelation(id, lags, begin), label=id)
        else:
            ax.loglog(*self.spectrum(id, begin), label=id)


def _default_ids(run: Any) -> list[str]:
    if not hasattr(run, "kernel"):
        return list(run.ids)
    system = run.kernel.system
    return [s for s, is_species in zip(system.states, system.state_is_species) if is_species]
