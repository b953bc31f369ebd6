"""What a simulation gives back: times and states as plain arrays, everything else on demand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np

from manyscale.engines.passage import Passages
from manyscale.errors import InputError
from manyscale.kernels.kernel import Kernel
from manyscale.model.model import Model
from manyscale.model.parts import Reaction, Species


def open_dataset(path):
    """The xarray dataset in a NetCDF file, read when it is used; close it, or use it in a `with`."""
    import xarray as xr

    return xr.open_dataset(path, engine="h5netcdf")


class Trajectory:
    """Time course of a model.

    times: shape (time,), in the model's time unit. states: (time, n), or (replicate, time, n), in the order of
    `kernel.system.states`. `run[id]` gives the value that the id has in formulas: shape (time,) or (replicate, time).
    """

    def __init__(self, kernel: Kernel, times: np.ndarray, states: np.ndarray, p: np.ndarray, stats: Mapping | None = None,
                 remarks: tuple[str, ...] = (), events: tuple = ()):  # fmt: skip
        self.kernel = kernel
        self.times = times
        self.states = states
        self.parameters = p  # (np,), (time, np) where it changed on the way; replicates: with a leading axis
        self.stats = dict(stats or {})
        self.remarks = remarks
        self.events = events  # executions: (time, event id)
        self.passage: Passages | None = None  # where a condition ended the paths: when

    @property
    def model(self) -> Model:
        return self.kernel.model

    @property
    def replicates(self) -> int | None:
        return self.states.shape[0] if self.states.ndim == 3 else None

    @cached_property
    def ids(self) -> tuple[str, ...]:
        """Every id that has a value."""
        return self.kernel.names

    def __repr__(self) -> str:
        span = f"{self.times[0]:g} to {self.times[-1]:g}" if len(self.times) else "no times"
        repeated = f", {self.replicates} replicates" if self.replicates else ""
        return f"<Trajectory of {self.model.id!r}: {len(self.times)} times ({span}), {len(self.ids)} ids{repeated}>"

    def values_of(self, ids: Sequence[str]) -> np.ndarray:
        """Values of several ids: shape (id, time), or (id, replicate, time). Errors: InputError for an unknown id."""
        if self.states.ndim == 2:
            return self.kernel.observe(ids, self.times, self.states, self.parameters)
        moving = self.parameters.ndim > 1
        rows = [
            self.kernel.observe(ids, self.times, y, self.parameters[k] if moving else self.parameters)
            for k, y in enumerate(self.states)
        ]
        return np.stack(rows, axis=1)

    def __contains__(self, id: object) -> bool:
        """Whether this id has values here."""
        return id in self.kernel.names

    def __getitem__(self, id: str) -> np.ndarray:
        """Values of one id: a species as amount or concentration as its id means in formulas, a compartment, a
        parameter, a reaction's rate, a stoichiometry. Errors: InputError for an unknown id."""
        state = self.kernel.system.state_index.get(id)
        if state is not None:
            return self.states[..., state]
        return self.values_of((id,))[0]

    def _species(self, id: str) -> tuple[Species, np.ndarray]:
        part = self.model.by_id.get(id)
        if not isinstance(part, Species):
            raise InputError(f"{id!r} is not a species of the model; use run[{id!r}] for other values")
        return part, self.values_of((part.compartment,))[0]

    def amount(self, id: str) -> np.ndarray:
        """Amount of a species, whatever its id means in formulas."""
        species, volume = self._species(id)
        return self[id] if species.only_substance else self[id] * volume

    def concentration(self, id: str) -> np.ndarray:
        """Concentration of a species, whatever its id means in formulas."""
        species, volume = self._species(id)
        return self[id] / volume if species.only_substance else self[id]

    def units(self, id: str) -> str | None:
        """Unit of `run[id]` as far as the model declares it."""
        part, model = self.model.by_id.get(id), self.model
        if isinstance(part, Species):
            substance = part.substance_units or model.substance_units
            volume = getattr(model.by_id.get(part.compartment), "units", None) or model.volume_units
            return substance if part.only_substance or not (substance and volume) else f"{substance}/{volume}"
        if isinstance(part, Reaction):
            extent = model.extent_units or model.substance_units
            return f"{extent}/{model.time_units}" if extent and model.time_units else None
        return getattr(part, "units", None)

    @property
    def ensemble(self):
        """Quantiles, histograms, correlations and spectra of replicates: see `Ensemble`."""
        from manyscale.engines.ensembles_view import Ensemble

        return Ensemble(self)

    def to_pandas(self):
        """A pandas table: index `time` (or replicate and time), one column per id."""
        import pandas as pd

        columns = dict(zip(self.ids, self.values_of(self.ids)))
        if self.states.ndim == 2:
            return pd.DataFrame(columns, index=pd.Index(self.times, name="time"))
        index = pd.MultiIndex.from_product([range(self.states.shape[0]), self.times], names=["replicate", "time"])
        return pd.DataFrame({k: v.reshape(-1) for k, v in columns.items()}, index=index)

    def to_xarray(self):
        """A labelled xarray dataset with units as attributes."""
        dims = ("time",) if self.states.ndim == 2 else ("replicate", "time")
        attributes = {"model": self.model.id, **{f"solver_{k}": v for k, v in self.stats.items()}}
        return self.dataset(dict(zip(self.ids, self.values_of(self.ids))), dims, {}, attributes)

    def dataset(self, data: Mapping[str, np.ndarray], dims: tuple[str, ...], coordinates: Mapping, attributes: Mapping):
        """An xarray dataset of values by id over `dims` (the last is time), with further coordinates."""
        import xarray as xr

        variables = {}
        for id, values in data.items():
            name = getattr(self.model.by_id.get(id), "name", "") or id
            variables[id] = (dims, values, {"units": self.units(id) or "", "long_name": name})
        axes = {"time": ("time", self.times, {"units": self.model.time_units or ""}), **coordinates}
        return xr.Dataset(variables, coords=axes, attrs=dict(attributes))

    def to_netcdf(self, path) -> None:
        """Write a NetCDF file."""
        self.to_xarray().to_netcdf(path, engine="h5netcdf")

    def plot(self, ids=None, ax=None):
        """Draw time courses (default: all dynamic species) with matplotlib; returns the axes.

        Of replicates: the median, and a band that holds nine of ten paths at each time.
        """
        import matplotlib.pyplot as plt

        system = self.kernel.system
        ids = (
            list(ids)
            if ids is not None
            else [s for s, is_species in zip(system.states, system.state_is_species) if is_species]
        )
        ax = ax or plt.subplots(figsize=(7, 4))[1]
        for id in ids:
            label, values = getattr(self.model.by_id.get(id), "name", "") or id, self[id]
            if self.states.ndim == 3:
                low, values, high = np.quantile(values, [0.05, 0.5, 0.95], axis=0)
                ax.fill_between(self.times, low, high, alpha=0.25, linewidth=0)
            ax.plot(self.times, values, label=label)
        ax.set_xlabel(f"time ({self.model.time_units})" if self.model.time_units else "time")
        if len(ids) <= 12:
            ax.legend(frameon=False)
        return ax

    def _repr_html_(self) -> str:
        return self.to_xarray()._repr_html_()
