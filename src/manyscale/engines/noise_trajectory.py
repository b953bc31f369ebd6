"""What levels that compute moments give back: means as a trajectory, and covariances beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np

from manyscale.engines.linear_noise import LinearNoise
from manyscale.engines.lna_equations import NoiseEquations, depends_on_time
from manyscale.engines.trajectory import Trajectory
from manyscale.errors import InputError
from manyscale.kernels.flatten import near
from manyscale.model.algebra import differentiate
from manyscale.model.expr import ZERO, Symbol

STATIONARY = 1e-4  # change of the means within one relaxation time, as a share of their size, that counts as none


class NoiseTrajectory:
    """Means and covariances over time; everything that a `Trajectory` has is that of the means.

    `run[id]`: mean of an id, shape (time,); of an id that depends on species by a formula, the formula at the means.
    `run.covariance()`, `run.std(id)`, `run.fano(id)`: fluctuations among replicates. Units are those of the ids.
    """

    def __init__(self, mean: Trajectory, covariance: np.ndarray, equations: NoiseEquations, *, level: str,
                 displacement: np.ndarray | None = None, moments: Mapping[tuple[int, ...], np.ndarray] | None = None,
                 remarks: tuple[str, ...] = ()):  # fmt: skip
        self.mean = mean
        self.equations = equations
        self.level = level
        self.remarks = remarks
        self._covariance = covariance  # of molecule numbers, (time, n, n)
        self._displacement = displacement
        self._moments = dict(moments or {})

    def __getattr__(self, name: str):
        if name.startswith("_") or name == "mean":
            raise AttributeError(name)
        return getattr(self.mean, name)

    def __getitem__(self, id: str) -> np.ndarray:
        return self.mean[id]

    def __repr__(self) -> str:
        return f"<NoiseTrajectory (level {self.level!r}) of {repr(self.mean)[1:-1]}>"

    @property
    def species(self) -> tuple[str, ...]:
        """Ids in the order of the covariance matrix."""
        return self.equations.states

    @cached_property
    def molecule(self) -> np.ndarray:
        """What one molecule is in the units of each species, shape (n,)."""
        p = self.mean.parameters
        return self.equations.molecule_at(p[0] if p.ndim == 2 else p)

    def _place(self, id: str) -> int:
        try:
            return self.equations.kernel.system.state_index[id]
        except KeyError:
            raise InputError(f"{id!r} is no species that reactions change{near(id, self.species)}") from None

    def _row(self, t: float) -> int:
        row = int(np.argmin(np.abs(self.times - t)))
        if not np.isclose(self.times[row], t, rtol=1e-9, atol=0.0):
            raise InputError(f"t = {t:g} is none of the output times; the nearest is {self.times[row]:g}")
        return row

    def covariance(self, t: float | None = None) -> np.ndarray:
        """Covariances in the order of `species`, shape (time, n, n), or (n, n) at the output time t."""
        matrix = self._covariance * np.outer(self.molecule, self.molecule)
        return matrix if t is None else matrix[self._row(t)]

    def _slopes(self, id: str) -> np.ndarray:
        """How an id changes with the molecule numbers, at the means: shape (time, n)."""
        n, index = len(self.species), self.equations.kernel.system.state_index
        if id in index:
            return np.tile(self.molecule * (np.arange(n) == index[id]), (len(self.times), 1))
        formula = self.equations.written.out(Symbol(id))
        slopes = {s: differentiate(formula, s) for s in index}
        kept = {s: slope for s, slope in slopes.items() if slope != ZERO}
        found = np.zeros((len(self.times), n))
        p, formulas = self.mean.parameters, tuple(kept.values())
        for row, t in enumerate(self.times):
            if formulas:
                at = self.mean.states[row], p[row] if p.ndim == 2 else p
                found[row, [index[s] for s in kept]] = self.equations.kernel.evaluate(formulas, t, *at)
        return found * self.molecule

    def variance(self, id: str) -> np.ndarray:
        """Variance of an id, shape (time,); of formulas of species, to first order in the fluctuations."""
        self.mean[id]  # says which ids there are
        slopes = self._slopes(id)
        return np.einsum("ti,tij,tj->t", slopes, self._covariance, slopes)

    def std(self, id: str) -> np.ndarray:
        """Standard deviation of an id, shape (time,). NaN where a closure gave a negative variance."""
        with np.errstate(invalid="ignore"):
            return np.sqrt(self.variance(id))

    def fano(self, id: str) -> np.ndarray:
        """Variance over mean of the molecule number of a species, shape (time,); 1 for a Poisson distribution."""
        k = self._place(id)
        with np.errstate(all="ignore"):
            return self._covariance[:, k, k] * self.molecule[k] / self.mean[id]

    def displacement(self, id: str) -> np.ndarray:
        """Mean of the jump process minus the macroscopic mean, to leading order in 1/size; shape (time,)."""
        if self._displacement is None:
            raise InputError("means of level 'moments' contain the effect of noise already")
        k = self._place(id)
        return self._displacement[:, k] * self.molecule[k]

    def moment(self, orders: Mapping[str, int]) -> np.ndarray:
        """Raw moment of molecule numbers, such as {"A": 2, "B": 1} for <A^2 B>, shape (time,)."""
        key = [0] * len(self.species)
        for id, order in orders.items():
            key[self._place(id)] = order
        if tuple(key) not in self._moments:
            raise InputError(
                f"the moment {dict(orders)} was not computed; give simulate(..., order=...) a higher order"
            )
        return self._moments[tuple(key)]

    # the stationary state

    def at_end(self) -> LinearNoise:
        """Noise about the state at the last time. Errors: InputError where that is not stationary."""
        equations, t = self.equations, float(self.times[-1])
        p = self.mean.parameters
        at = t, self.mean.states[-1], p[-1] if p.ndim == 2 else p
        if depends_on_time(equations.rates):
            raise InputError("rates depend on time itself, so there is no stationary state; use two_times")
        noise = LinearNoise(equations.jacobian_at(*at), equations.changes, equations.rates_at(*at))
        drift = equations.changes @ noise.rates
        slowest = np.abs(noise.eigenvalues.real).min(initial=np.inf)
        gap = np.abs(drift) / max(slowest, 1e-300)
        size = np.maximum(self.mean.states[-1] / self.molecule, 1.0)
        if len(gap) and (gap > STATIONARY * size).any():
            worst = int(np.argmax(gap / size))
            raise InputError(
                f"the run does not end in a stationary state ({self.species[worst]} still changes at t = {t:g}); simulate longer"
            )
        return noise

    def spectrum(self, id: str, frequencies, other: str | None = None) -> np.ndarray:
        """Power spectrum of a species (complex cross-spectrum with `other`) in the stationary state at the last time.

        frequencies: in cycles per time unit. The integral over all of them, negative ones included, is the variance.
        """
        i, k = self._place(id), self._place(other or id)
        matrix = self.at_end().spectrum(np.atleast_1d(np.asarray(frequencies, dtype=float)))
        found = matrix[:, i, k] * self.molecule[i] * self.molecule[k]
        return found.real if i == k else found

    def autocovariance(self, id: str, lags, other: str | None = None) -> np.ndarray:
        """<dx(t + lag) dy(t)> in the stationary state at the last time, shape (lags,)."""
        i, k = self._place(id), self._place(other or id)
        matrix = self.at_end().autocovariance(np.atleast_1d(np.asarray(lags, dtype=float)))
        return matrix[:, i, k] * self.molecule[i] * self.molecule[k]

    def autocorrelation(self, id: str, lags) -> np.ndarray:
        """Autocovariance over variance, shape (lags,)."""
        found = self.autocovariance(id, np.concatenate([[0.0], np.atleast_1d(np.asarray(lags, dtype=float))]))
        return found[1:] / found[0]

    # tables

    def to_pandas(self):
        """A pandas table of means, with columns "std(id)" for species."""
        table = self.mean.to_pandas()
        for id in self.species:
            table[f"std({id})"] = self.std(id)
        return table

    def to_xarray(self):
        """The dataset of the means, with variables "std(id)" for species and "covariance" over two species axes."""
        data = self.mean.to_xarray()
        for id in self.species:
            data[f"std({id})"] = (
                "time",
                self.std(id),
                {"units": self.units(id) or "", "long_name": f"standard deviation of {id}"},
            )
        data = data.assign_coords(species=list(self.species), species_2=list(self.species))
        data["covariance"] = (("time", "species", "species_2"), self.covariance())
        data.attrs["level"] = self.level
        return data

    def to_netcdf(self, path) -> None:
        """Write a NetCDF file."""
        self.to_xarray().to_netcdf(path, engine="h5netcdf")

    def plot(self, ids: Sequence[str] | None = None, ax=None):
        """Draw means with bands of one standard deviation; returns the axes of matplotlib."""
        ids = list(ids) if ids is not None else list(self.species)
        ax = self.mean.plot(ids, ax)
        for id, line in zip(ids, ax.get_lines()[-len(ids) :]):
            low, high = self.mean[id] - self.std(id), self.mean[id] + self.std(id)
            ax.fill_between(self.times, low, high, alpha=0.2, linewidth=0, color=line.get_color())
        return ax

    def _repr_html_(self) -> str:
        return self.to_xarray()._repr_html_()
