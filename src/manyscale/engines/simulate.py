"""`simulate`: one call for every level of description."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from manyscale.engines.progress import Progress
from manyscale.engines.trajectory import Trajectory
from manyscale.errors import InputError
from manyscale.kernels import compile_model
from manyscale.model.model import Model

LEVELS = {
    "ode": "ode",
    "jump": "jump",
    "cme": "cme",
    "tau": "tau",
    "langevin": "langevin",
    "lna": "lna",
    "moments": "moments",
    "hybrid": "hybrid",
    "slow_scale": "slow_scale",
}  # level -> module of this package with `simulate_<module>`, imported on use
MANY = ("keep", "file", "observables", "width")  # options of engines/ensembles.py
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


def _options(level: str, run_level: Callable, common: Mapping[str, object], special: Mapping[str, object]) -> dict:
    """Of the common options those that a level has, and its own. Errors: InputError naming what it does not have."""
    known = inspect.signature(run_level).parameters
    for name in special:
        if name not in known or name in common:
            own = [one for one in known if one not in common and one not in ("kernel", "times")]
            raise InputError(f"level {level!r} has no option {name!r}; its own options: {', '.join(own) or 'none'}")
    if common["replicates"] is not None and "replicates" not in known and level not in ONCE:
        raise InputError(f"level {level!r} gives means and covariances, not paths; leave out replicates")
    return {name: value for name, value in common.items() if name in known and _meant(name, value)} | dict(special)


def _many(run_level: Callable, model: Model, times, given: dict, level: str, options: dict):
    """What the options that concern many paths ask for."""
    from manyscale.engines.ensembles import simulate_many

    if "first" not in inspect.signature(run_level).parameters:
        raise InputError(f"level {level!r} has no {', '.join(options)}; levels jump, tau and langevin have")
    return simulate_many(run_level, compile_model(model), times, given, level=level, **options)


def _meant(name: str, value: object) -> bool:
    return name != "max_steps" or value is not None


def simulate(model: Model | str | Path, times, *, level: str = "ode", values: Mapping[str, float] | None = None,
             replicates: int | None = None, seed: int | None = None, rtol: float = 1e-6, atol=None,
             method: str = "auto", max_steps: int | None = None, counts: bool = False, progress: Callable[[float], None] | None = None,
             **options) -> Trajectory:  # fmt: skip
    """Run a model from t = 0.

    times: ascending output times in the model's time unit. values: initial values and parameters by id, in the meaning
    that the id has in formulas and in the model's units. rtol, atol: relative and absolute tolerance (atol: one number,
    or one per state; default: scaled to each state's magnitude). method: "auto", "bdf", "rosenbrock" or "explicit".
    level "jump": exact paths of the jump process (Gillespie), repeatable by `seed`; counts: amounts without units are
    numbers of molecules. max_steps: steps, or jumps, until it gives up. Level "lna" (linear noise)
    gives means and covariances. Other options: those of the level's `simulate_<level>`, and for many paths `keep`, `file`,
    `observables` and `width`: see `engines.ensembles.simulate_many`.

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
    run_level = engine(level)
    common = {"values": values, "seed": seed, "progress": bar, "rtol": rtol, "atol": atol, "method": method, "counts": counts,
              "replicates": replicates, "max_steps": max_steps}  # fmt: skip
    own = inspect.signature(run_level).parameters
    many = {name: options.pop(name) for name in MANY if name in options and name not in own}
    given = _options(level, run_level, common, options)
    try:
        if many:
            return _many(run_level, model, times, given, level, many)
        run = run_level(compile_model(model), times, **given)
    finally:
        if isinstance(bar, Progress):
            bar.close()
    if replicates is not None and level in ONCE:
        run.states = np.repeat(run.states[None], replicates, axis=0)
        run.parameters = np.repeat(run.parameters[None], replicates, axis=0)
    return run
