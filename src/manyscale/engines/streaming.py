"""Long ensembles on disk: written while they run, gone on with after an interruption, a NetCDF file at the end.

While an ensemble runs, `FILE.parts` holds what is done, in files that are complete or absent (each is written under
another name and renamed), so that no interruption can leave a broken one.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from manyscale.engines.ensembles_gather import Histogram, Moments
from manyscale.engines.trajectory import Trajectory, open_dataset
from manyscale.errors import InputError

ATTRIBUTE = "manyscale_run"  # of the finished file: what was asked


class Record:
    """The folder of one running ensemble, and its file. `asked`: everything that determines the result but the number
    of replicates. Errors: InputError where the file holds something else."""

    def __init__(self, file: str | Path, asked: Mapping):
        self.file = Path(file)
        if self.file.suffix != ".nc":
            raise InputError(f"file={str(file)!r}: give a name that ends in .nc (NetCDF)")
        self.parts = self.file.with_name(self.file.name + ".parts")
        self.asked = dict(asked)
        self.file.parent.mkdir(parents=True, exist_ok=True)

    def known_seed(self) -> int | None:
        """The seed of what is on disk already."""
        found = self._found()
        return None if found is None else int(found["seed"])

    def _found(self) -> dict | None:
        header = self.parts / "asked.json"
        if header.is_file():
            return json.loads(header.read_text(encoding="utf-8"))
        if not self.file.is_file():
            return None
        with open_dataset(self.file) as data:
            text = data.attrs.get(ATTRIBUTE)
        if text is None:
            raise InputError(f"{self.file} exists and is no ensemble of manyscale; choose another name")
        return json.loads(text)

    def finished(self) -> int:
        """Replicates in the finished file; 0 where there is none."""
        if not self.file.is_file():
            return 0
        with open_dataset(self.file) as data:
            return int(data.sizes.get("replicate", data.attrs.get("replicates", 0)))

    def check(self) -> None:
        """Errors: InputError where something else was asked before."""
        found = self._found()
        if found is not None and found != self.asked:
            other = sorted(name for name in {*found, *self.asked} if found.get(name) != self.asked.get(name))
            raise InputError(
                f"{self.file} was begun with another {', '.join(other)}; delete it and {self.parts.name}, or choose another name"
            )

    def _begin(self) -> None:
        if not (self.parts / "asked.json").is_file():
            self.parts.mkdir(exist_ok=True)
            _write(self.parts / "asked.json", json.dumps(self.asked, indent=1).encode())

    # paths

    def blocks(self) -> list[tuple[int, int, Path]]:
        """(first replicate, replicates, file) of the paths on disk, without gaps."""
        found, upto = [], 0
        for path in sorted(self.parts.glob("paths_*.npy")):
            _, first, count = path.stem.split("_")
            if int(first) == upto:
                found.append((upto, int(count), path))
                upto += int(count)
        return found

    def keep_paths(self, first: int, values: np.ndarray) -> None:
        """Values of shape (replicate, id, time), from replicate `first` on."""
        self._begin()
        path = self.parts / f"paths_{first:012d}_{len(values)}.npy"
        temporary = path.with_suffix(".tmp")
        with open(temporary, "wb") as handle:
            np.save(handle, values)
            handle.flush()
            os.fsync(handle.fileno())
        os.replace(temporary, path)

    def finish_paths(self, sample: Trajectory, ids: tuple[str, ...], stats: Mapping) -> None:
        """One NetCDF file from the blocks."""
        import h5netcdf

        temporary = self.file.with_suffix(".tmp")
        with h5netcdf.File(temporary, "w") as out:
            blocks = self.blocks()
            out.dimensions = {"replicate": sum(count for _, count, _ in blocks), "time": len(sample.times)}
            out.create_variable("time", ("time",), float)[...] = sample.times
            out.variables["time"].attrs["units"] = sample.model.time_units or ""
            for id in ids:
                made = out.create_variable(id, ("replicate", "time"), float)
                made.attrs["units"] = sample.units(id) or ""
            if sample.passage is not None:
                made = out.create_variable("passage", ("replicate",), float)
                made.attrs["condition"] = sample.passage.condition
            for first, count, path in blocks:
                values = np.load(path, mmap_mode="r")
                for k, id in enumerate(ids):
                    out.variables[id][first : first + count, :] = values[:, k, : len(sample.times)]
                if sample.passage is not None:
                    out.variables["passage"][first : first + count] = values[:, 0, len(sample.times)]
            out.attrs["model"], out.attrs[ATTRIBUTE] = sample.model.id, json.dumps(self.asked)
            for name, value in stats.items():
                out.attrs[f"solver_{name}"] = value
        os.replace(temporary, self.file)
        self.clear()

    # moments and histograms

    def keep_state(self, gathered: Moments | Histogram) -> None:
        """What was added up so far."""
        self._begin()
        temporary = self.parts / "state.tmp"
        with open(temporary, "wb") as handle:
            np.savez(handle, **gathered.state())
            handle.flush()
            os.fsync(handle.fileno())
        os.replace(temporary, self.parts / "state.npz")

    def restore(self, gathered: Moments | Histogram) -> None:
        """Go on from what was added up, if there is any."""
        path = self.parts / "state.npz"
        if path.is_file():
            with np.load(path) as state:
                gathered.restore({name: state[name] for name in state.files})
        elif self.file.is_file():
            with open_dataset(self.file) as data:
                gathered.restore({name[6:]: data[name].values for name in data.variables if name.startswith("state_")})

    def finish_state(self, gathered: Moments | Histogram) -> None:
        """One NetCDF file of the result, and of the sums that it was made of."""
        data = gathered.to_xarray()
        for name, array in gathered.state().items():
            data[f"state_{name}"] = (tuple(f"state_{name}_{k}" for k in range(array.ndim)), array)
        data.attrs[ATTRIBUTE] = json.dumps(self.asked)
        temporary = self.file.with_suffix(".tmp")
        data.to_netcdf(temporary, engine="h5netcdf")
        os.replace(temporary, self.file)
        self.clear()

    def clear(self) -> None:
        """Remove the parts."""
        for path in self.parts.iterdir() if self.parts.is_dir() else ():
            path.unlink()
        if self.parts.is_dir():
            self.parts.rmdir()


class StoredPaths:
    """Paths in a NetCDF file. `run[id]` reads one id, shape (replicate, time)."""

    def __init__(self, file: Path, sample: Trajectory, ids: tuple[str, ...]):
        self.file, self.sample, self.ids = file, sample, ids
        self.times, self.model, self.remarks = sample.times, sample.model, sample.remarks
        with open_dataset(file) as data:
            self.replicates = int(data.sizes["replicate"])
            self.stats = {name[7:]: value for name, value in data.attrs.items() if name.startswith("solver_")}

    def __repr__(self) -> str:
        return f"<StoredPaths {str(self.file)!r}: {self.replicates} replicates, {len(self.times)} times, {len(self.ids)} ids>"

    def __getitem__(self, id: str) -> np.ndarray:
        if id not in self.ids:
            raise InputError(f"{id!r} was not kept; kept were {', '.join(self.ids)}; choose with observables=[...]")
        with open_dataset(self.file) as data:
            return data[id].values

    @property
    def passage(self):
        """First-passage times, where paths ended by a condition."""
        from manyscale.engines.passage import Passages

        known = self.sample.passage
        if known is None:
            return None
        with open_dataset(self.file) as data:
            return Passages(known.condition, data["passage"].values, known.end, known.time_units)

    @property
    def ensemble(self):
        """Quantiles, histograms, correlations and spectra: see `Ensemble`."""
        from manyscale.engines.ensembles_view import Ensemble

        return Ensemble(self)

    def units(self, id: str) -> str | None:
        """Unit of an id as far as the model declares it."""
        return self.sample.units(id)

    def to_netcdf(self, path) -> None:
        """Copy the file."""
        shutil.copyfile(self.file, path)

    def to_xarray(self):
        """The dataset in the file, read when it is used."""
        return open_dataset(self.file)


def _write(path: Path, content: bytes) -> None:
    temporary = path.with_suffix(".tmp")
    temporary.write_bytes(content)
    os.replace(temporary, path)
