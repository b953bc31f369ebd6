"""`simulate`: one call for every level of description."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from manyscale.engines.progress import Progress
from manyscale.engines.trajectory import Trajectory
from manyscale.errors import InputError
from manyscale.kernels import compile_model
from manyscale.model.model import Model

LEVELS = {"ode": "ode", "jump": "jump"}  # level -> module of this package with `simulate_<module>`, imported on use
ONCE = {"ode"}  # levels at which every replicate is the same


def engine(level: str) -> Callable[..., Trajectory]:
    """The function that runs models at a level."""
    name = LEVELS[level]
    return getattr(importlib.import_module(f"manyscale.engines.{name}"), f"simulate_{name}")


def as_model(model: Model | str | Path) -> Model:
    """The model itself, that of a module of a circuit, or read from a path or text."""
    if isinstance(model, Model):
        return model
    inner = getattr(model, "model", None)
    if isinstance(inner, Model):
        return inner
    from manyscale.formats import read

    return read(model)


def simulate(model: Model | str | Path, times, *, level: str = "ode", values: Mapping[str, float] | None = None,
             replicates: int | None = None, seed: int | None = None, rtol: float = 1e-6, atol=None,
             method: str = "auto", max_steps: int | None = None, counts: bool = False, progress: Callable[[float], None] | None = None,
             ) -> Trajectory:  # fmt: skip
    """Run a model from t = 0.

    times: ascending output times in the model's time unit. values: initial values and parameters by id, in the meaning
    that the id has in formulas and in the model's units. rtol, atol: relative and absolute tolerance (atol: one number,
    or one per state; default: scaled to each state's magnitude). method: "auto", "bdf", "rosenbrock" or "explicit".
    level "jump": exact paths of the jump process (Gillespie), repeatable by `seed`; counts: amounts without units are
    numbers of molecules. max_steps: steps, or jumps, until it gives up.

    Returns a Trajectory; with `replicates` its values have shape (replicate, time) (equal rows at level "ode").
    Errors: InputError for what cannot be run; SimulationError when the method gives up, with what had been computed in
    `.partial`. Ctrl-C raises KeyboardInterrupt, with `.partial` likewise.
    """
    if level not in LEVELS:
        raise InputError(f"level {level!r} is not available; levels: {', '.join(LEVELS)}")
    if replicates is not None and (not isinstance(replicates, (int, np.integer)) or replicates < 1):
        raise InputError("replicates must be a positive whole number")
    model = as_model(model)
    bar = progress or Progress(f"simulating {model.id}")
    options: dict = {"values": values, "seed": seed, "progress": bar}
    if max_steps is not None:
        options["max_steps"] = max_steps
    if level in ONCE:
        options |= {"rtol": rtol, "atol": atol, "method": method}
    else:
        options |= {"replicates": replicates, "counts": counts}
    try:
        run = engine(level)(compile_model(model), times, **options)
    finally:
        if isinstance(bar, Progress):
            bar.close()
    if replicates is not None and level in ONCE:
        run.states = np.repeat(run.states[None], replicates, axis=0)
        run.parameters = np.repeat(run.parameters[None], replicates, axis=0)
    return run
