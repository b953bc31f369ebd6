"""Many runs of one model that differ in parameters and initial values, on threads of the core."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from manyscale import _core
from manyscale.engines.ode import OdeRun, output_times
from manyscale.engines.progress import cores
from manyscale.engines.simulate import as_model
from manyscale.engines.tolerance import TRACKING, absolute_tolerance, check_tolerance, floor_tolerance, whole_floor
from manyscale.engines.trajectory import Trajectory
from manyscale.errors import InputError, SimulationError
from manyscale.kernels import compile_model
from manyscale.kernels.flatten import near
from manyscale.kernels.initial import initial_values_of_many
from manyscale.kernels.kernel import Kernel
from manyscale.model.model import Model

MOST_STEPS = 10_000_000
WORTH_COMPILING = 200  # members
__all__ = ["Ensemble", "simulate_ensemble"]


class Ensemble:
    """Results of `simulate_ensemble`: `run[id]` has shape (member, time).

    times: (time,). values: what was varied, by id, each of shape (member,). failed: {member: why}; their values are NaN
    from where they stopped.
    """

    def __init__(self, kernel: Kernel, times: np.ndarray, ids: tuple[str, ...], data: np.ndarray,
                 values: Mapping[str, np.ndarray], failed: Mapping[int, str]):  # fmt: skip
        self.kernel = kernel
        self.times = times
        self.ids = ids
        self.values = dict(values)
        self.failed = dict(failed)
        self._data = data  # (member, time, id)

    @property
    def model(self) -> Model:
        return self.kernel.model

    @property
    def members(self) -> int:
        return self._data.shape[0]

    def __repr__(self) -> str:
        failed = f", {len(self.failed)} failed" if self.failed else ""
        return f"<Ensemble of {self.model.id!r}: {self.members} members, {len(self.times)} times, {len(self.ids)} ids{failed}>"

    def __getitem__(self, id: str) -> np.ndarray:
        if id not in self.ids:
            raise InputError(f"{id!r} was not kept{near(id, self.ids)}; name it in observables=[...]")
        return self._data[:, :, self.ids.index(id)]

    def to_xarray(self):
        """A labelled dataset with dimensions member and time; what was varied are coordinates."""
        empty = Trajectory(self.kernel, self.times, np.empty((0, self.kernel.size)), np.empty(0))
        varied = {f"value:{name}": ("member", array) for name, array in self.values.items()}
        data = {id: self[id] for id in self.ids}
        return empty.dataset(data, ("member", "time"), varied, {"model": self.model.id})


def simulate_ensemble(model: Model | str | Path, times, *, values: Mapping[str, object], observables: Sequence[str] | None = None,
                      rtol: float = 1e-6, atol=None, threads: int | None = None, seed: int | None = None,
                      ) -> Ensemble:  # fmt: skip
    """Run a model once per member of an ensemble, from t = 0.

    values: numbers (for all members) or arrays of shape (member,), by id, as in `simulate`. observables: ids to keep
    (default: all states). threads: default all cores. Members that fail are NaN and listed in `.failed`.
    Errors: InputError; SimulationError when every member fails.
    """
    model = as_model(model)
    kernel, times = compile_model(model), output_times(times)
    rtol = check_tolerance(rtol)
    arrays = {name: np.asarray(value, dtype=float) for name, value in values.items()}
    sizes = {array.shape[0] for array in arrays.values() if array.ndim == 1}
    if len(sizes) != 1:
        raise InputError("values must contain arrays of one common length, one number per member")
    count = sizes.pop()
    ids = tuple(observables) if observables is not None else kernel.system.states
    for name in ids:
        kernel.observe((name,), np.zeros(0), np.zeros((0, kernel.size)), np.zeros(len(kernel.system.parameters)))
    y, p = initial_values_of_many(model, kernel.system, arrays, count)
    if not np.isfinite(y).all():
        member, state = np.argwhere(~np.isfinite(y))[0]
        raise InputError(f"no initial value for {kernel.system.states[state]} (member {member})")
    threads = max(1, min(threads or cores(), count))
    special = kernel.system.events or kernel.system.delays or kernel.system.mass is not None
    run = _one_by_one if special else _together
    data, failed = run(kernel, times, ids, y, p, rtol, atol, threads, seed)
    if len(failed) == count:
        raise SimulationError(f"every member failed; the first: {failed[0]}")
    varied = {name: array for name, array in arrays.items() if array.ndim == 1}
    return Ensemble(kernel, times, ids, data, varied, failed)


def _together(kernel: Kernel, times, ids, y, p, rtol, atol, threads, seed):
    """The whole ensemble in the core."""
    system, count = kernel.system, len(y)
    plain = all(name in system.state_index for name in ids)
    columns = [system.state_index[name] for name in ids] if plain else range(kernel.size)
    columns = np.array(list(columns), dtype=np.int32)
    tolerances, tracking = _tolerances(kernel, y, p, rtol, atol)
    out = np.full((count, len(times), len(columns)), np.nan)
    status = np.full(count, -1, dtype=np.int32)
    workers = [kernel.new_equations() for _ in range(threads)]
    code = kernel.lane_code() if count >= WORTH_COMPILING else (0, 0, 0)
    _core.run_many(workers, p, y, tolerances, times, columns, rtol, tracking, MOST_STEPS, out, status, *code)
    reason = "integration stopped (run this member alone with simulate to see where)"
    failed = {int(k): reason for k in np.flatnonzero(status != 0)}
    if plain:
        return out, failed
    data = np.empty((count, len(times), len(ids)))
    for k in range(count):
        data[k] = kernel.observe(ids, times, out[k], p[k]).T
    return data, failed


def _tolerances(kernel: Kernel, y: np.ndarray, p: np.ndarray, rtol: float, atol) -> tuple[np.ndarray, float]:
    """Per member; the typical size of a kind of state is the largest over all members."""
    system = kernel.system
    if atol is not None:
        one, _ = absolute_tolerance(system, y[0], rtol, atol)
        return np.ascontiguousarray(np.broadcast_to(one, y.shape)), 0.0
    floor = np.maximum(floor_tolerance(system, np.abs(y).max(axis=0), rtol), whole_floor(kernel, y[0], p[0], rtol))
    return np.ascontiguousarray(np.maximum(floor, TRACKING * rtol * np.abs(y))), TRACKING


def _one_by_one(kernel: Kernel, times, ids, y, p, rtol, atol, threads, seed):
    """Members with events, delays or algebraic equations, each with its own run."""
    data = np.full((len(y), len(times), len(ids)), np.nan)
    failed: dict[int, str] = {}
    for k in range(len(y)):
        try:
            own = None if seed is None else seed + k
            run = OdeRun(kernel, times, y[k].copy(), p[k].copy(), rtol, atol, seed=own).integrate()
        except SimulationError as failure:
            failed[k], run = str(failure), failure.partial
        if run is not None and len(run.times):
            data[k, : len(run.times)] = run.values_of(ids).T
    return data, failed
