"""Level "moments": equations for means, covariances and higher moments, closed by an assumption about what is left out."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from manyscale.engines.lna import mean_trajectory
from manyscale.engines.lna_equations import free_name, local_names, noise_equations, renamed
from manyscale.engines.moment_equations import CLOSURES, MomentSystem, Monomial, monomials
from manyscale.engines.noise_trajectory import NoiseTrajectory
from manyscale.engines.ode import simulate_ode
from manyscale.engines.start import initial_state
from manyscale.engines.trajectory import Trajectory
from manyscale.errors import InputError, SimulationError, UnsupportedError
from manyscale.kernels import compile_model
from manyscale.kernels.kernel import Kernel
from manyscale.model.model import Model
from manyscale.model.parts import Parameter, Rule

MOST = 3000  # moments
TRACE = 1e-6  # molecules in place of none, where a closure divides by moments
APART = 0.02  # difference of two closures, as a share, from which it is told
NEGATIVE = 1e-6  # of the squared mean: variances below minus that are told


def simulate_moments(kernel: Kernel, times, *, values: Mapping[str, float] | None = None, counts: bool = False,
                     order: int = 2, closure: str = "normal", compare: bool = True, rtol: float = 1e-6, atol=None,
                     method: str = "auto", max_steps: int = 10_000_000,
                     progress: Callable[[float], None] | None = None) -> NoiseTrajectory:  # fmt: skip
    """Moments of molecule numbers up to `order`; `run[id]` is the mean, with what noise does to it.

    Exact where all rates are linear. Otherwise closed: "normal" (cumulants above the order vanish), "lognormal" or
    "derivative_matching". compare: run another closure too, and tell where it differs by more than 2 %. counts: amounts
    without units are numbers of molecules. Errors: UnsupportedError for rates that are no polynomials, and events;
    InputError; SimulationError where the closed equations run away, which they may although the process does not.
    """
    if not isinstance(order, (int, np.integer)) or not 1 <= order <= 6:
        raise InputError(f"order={order!r}: give a whole number from 1 to 6")
    if closure not in CLOSURES:
        raise InputError(f"closure={closure!r}: choose from {', '.join(CLOSURES)}")
    if kernel.system.events:
        raise UnsupportedError("events", "level 'moments' does not support events; use level='jump' or 'lna'")
    system, model, local = moment_model(kernel, int(order), closure, counts)
    options = {"rtol": rtol, "atol": atol, "method": method, "max_steps": max_steps}
    y, p = initial_state(kernel, values)
    run, remarks = _run(system, model, local, y, p, times, progress, options)
    found = _collected(system, local, run, p, remarks)
    if compare and not system.linear:
        _compared(system, counts, found, y, p, times, options)
    return found


def moment_model(kernel: Kernel, order: int = 2, closure: str = "normal", counts: bool = False):
    """(moment system, its Model, new names of local parameters), made once per kernel: the Model has one variable per
    moment and can be written and run like any other."""
    made = kernel.__dict__.setdefault("_moment_models", {})
    key = order, closure, counts
    if key in made:
        return made[key]
    noise, model = noise_equations(kernel, counts), kernel.model
    size = len(noise.states)
    kept = monomials(size, order) if size <= 60 or order == 1 else []
    if not 0 < len(kept) <= MOST:
        raise InputError(f"level 'moments': {size} species have too many moments to order {order}; lower the order")
    used = set(model.by_id)
    local = local_names(kernel.system, used)
    names = {m: free_name(_name(m, noise.states), used) for m in kept}
    system = MomentSystem(noise, order, closure, names)
    lowered = kernel.system
    _, p = kernel.initial()
    value = dict(zip(lowered.parameters, p))
    constants = {
        part.id: Parameter(part.id, value=float(value.get(part.id, np.nan)), constant=True)
        for part in (*model.parameters, *model.compartments, *model.species)
        if part.id in value
    }
    constants |= {new: Parameter(new, value=float(value[old]), constant=True) for old, new in local.items()}
    variables = [Parameter(name, value=0.0, constant=False) for name in names.values()]
    rules = tuple(Rule("rate", renamed(f, local), names[m]) for m, f in system.equations.items())
    written = Model(id=f"{model.id}_moments", parameters=(*constants.values(), *variables), rules=rules)
    made[key] = system, written, local
    return made[key]


def _name(monomial: Monomial, states: tuple[str, ...]) -> str:
    return "moment_" + "_".join(f"{id}{k if k > 1 else ''}" for id, k in zip(states, monomial) if k)


def _run(system: MomentSystem, model: Model, local: Mapping[str, str], y, p, times, progress, options):
    """(run of the moment model, remarks)."""
    kernel, remarks = system.noise.kernel, list(system.noise.jump.remarks)
    counts = y / system.noise.molecule_at(p)
    if system.closure != "normal" and not system.linear and (counts <= 0).any():
        remarks.append(f"species that start at zero start with {TRACE:g} molecules: the closure divides by moments")
        counts = np.maximum(counts, TRACE)
    start = {name: float(np.prod(counts ** np.array(m))) for m, name in system.names.items()}
    known = {part.id for part in model.parameters}
    start |= {local.get(id, id): float(v) for id, v in zip(kernel.system.parameters, p) if local.get(id, id) in known}
    try:
        run = simulate_ode(compile_model(model), times, values=start, progress=progress, **options)
    except SimulationError as failure:
        raise SimulationError(
            f"the moment equations (order {system.order}, {system.closure}) run away, which may be the closure's doing: "
            f"{str(failure).splitlines()[0]}; try another closure or order, or level='cme'"
        ) from None
    return run, remarks


def _collected(system: MomentSystem, local, run: Trajectory, p: np.ndarray, remarks: list[str]) -> NoiseTrajectory:
    noise, n = system.noise, system.size
    moments = {m: np.asarray(run[name]) for m, name in system.names.items()}
    unit = np.eye(n, dtype=int)
    means = np.stack([moments[tuple(unit[i])] for i in range(n)], axis=1)
    covariance = np.full((len(run.times), n, n), np.nan)
    if system.order > 1:
        for i in range(n):
            for k in range(i, n):
                raw = moments[tuple(unit[i] + unit[k])]
                covariance[:, i, k] = covariance[:, k, i] = raw - means[:, i] * means[:, k]
    for i, id in enumerate(noise.states):
        if (covariance[:, i, i] < -NEGATIVE * np.maximum(means[:, i] ** 2, 1.0)).any():
            remarks.append(
                f"the variance of {id} becomes negative: this closure fails here; try another or level='cme'"
            )
        if (means[:, i] < -NEGATIVE * max(float(np.abs(means[:, i]).max()), 1.0)).any():
            remarks.append(f"the mean of {id} becomes negative: this closure fails here; try another or level='cme'")
    mean = mean_trajectory(noise.kernel, run, p, local, means * noise.molecule_at(p))
    mean = Trajectory(noise.kernel, run.times, mean.states, p, stats=run.stats)
    return NoiseTrajectory(mean, covariance, noise, level="moments", moments=moments, remarks=tuple(remarks))


def _compared(system: MomentSystem, counts: bool, found: NoiseTrajectory, y, p, times, options) -> None:
    """Tell where another closure says something else."""
    other = "lognormal" if system.closure == "normal" else "normal"
    try:
        second, model, local = moment_model(system.noise.kernel, system.order, other, counts)
        run, _ = _run(second, model, local, y, p, times, None, options)
    except SimulationError:
        found.remarks = (*found.remarks, f"the closure {other!r} runs away, so that nothing confirms these moments")
        return
    again = _collected(second, local, run, p, [])
    worst, where = 0.0, ""
    for id in found.species:
        pairs = [(found[id], again[id], "mean")]
        if system.order > 1:
            pairs.append((found.std(id), again.std(id), "standard deviation"))
        for a, b, what in pairs:
            size = float(np.nanmax(np.abs(a), initial=0.0))
            off = float(np.nanmax(np.abs(a - b), initial=0.0)) / size if size > 0 else 0.0
            if off > worst:
                worst, where = off, f"{what} of {id}"
    if worst > APART:
        found.remarks = (
            *found.remarks,
            f"closures {system.closure!r} and {other!r} differ by {100 * worst:.2g} % in the {where}",
        )
