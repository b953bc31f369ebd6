"""`resolve`: everything that a question leaves open, derived from the model and said in words."""

from __future__ import annotations

import dataclasses

import numpy as np

from manyscale.engines.ode import simulate_ode
from manyscale.engines.start import check_start
from manyscale.errors import InputError, SimulationError, UnitsError
from manyscale.kernels import compile_model
from manyscale.kernels.flatten import near
from manyscale.kernels.kernel import Kernel
from manyscale.model.declared_units import Declarations
from manyscale.model.model import Model
from manyscale.model.question import Question
from manyscale.scales.modes import eigenvalues, zero_level
from manyscale.scales.quotient import Quotient, make_quotient
from manyscale.scales.region import box
from manyscale.scales.threads import one_thread
from manyscale.units import convert, parse_quantity, unit_label

RELAXATIONS = 5.0  # of the slowest mode, in a derived horizon
LONGEST = 1e6  # derived horizon, in units of the median time scale at the start
CALLS = 12  # trajectories at most while a horizon is looked for
EXAMPLES = 6  # ids named in a description


def resolve(model: Model, question: Question | None = None) -> Question:
    """The question with observables, a numeric horizon and the box filled in; `remarks` says what was derived.

    observables: all species that have a dynamics or a rule. horizon: the time T in which the slowest nonzero mode of
    the conserved quotient relaxes five-fold along the trajectory, integral of |Re lambda| from 0 to T = 5 (this is
    5 / |Re lambda| where the rate does not change). box: see `region.box`. Already resolved questions are returned as
    they are. Errors: InputError for unknown ids and impossible values, UnitsError for units that do not fit.
    """
    question = question or Question()
    if question.resolved:
        return question
    kernel = compile_model(model)
    remarks: list[str] = []
    observables = _observables(model, kernel, question, remarks)
    _check(question)
    if not model.events:  # an event can give a value at once
        check_start(kernel)
    horizon = _given_horizon(model, question)
    if horizon is None:
        with one_thread():
            horizon = _reachable(kernel, _derived_horizon(model, kernel, remarks), remarks)
    limits = box(model, kernel, question)
    return dataclasses.replace(
        question, observables=observables, horizon=horizon, box=limits, resolved=True, remarks=tuple(remarks)
    )


def describe(question: Question, model: Model | None = None) -> str:
    """A resolved question in words."""
    unit = unit_label(model, model.time_units) if model is not None else ""
    ids = question.observables
    named = ", ".join(ids[:EXAMPLES]) + (f" and {len(ids) - EXAMPLES} more" if len(ids) > EXAMPLES else "")
    time = f"{question.horizon:g}{f' {unit}' if unit else ''}" if isinstance(question.horizon, float) else "not derived"
    if isinstance(question.region, (int, float)):
        region = (
            f"every positive initial value and rate constant between 1/{question.region:g} and {question.region:g} times "
            f"its value ({len(question.box)} quantities)"
        )
    else:
        region = ", ".join(f"{id} in [{low:g}, {high:g}]" for id, (low, high) in question.box.items()) or "one point"
    text = (
        f"Observables: {named}. Horizon: {time}. Tolerance: {question.tolerance:g} of the largest value of each observable. "
        f"Region: {region}. Initial layer: {question.entry:.0%} of the horizon at most."
    )
    return " ".join([text, *question.remarks])


def _check(question: Question) -> None:
    if not 0.0 < question.tolerance < 1.0:
        raise InputError(f"tolerance={question.tolerance!r}: give a share between 0 and 1, such as 0.05")
    if not 0.0 <= question.entry < 1.0:
        raise InputError(f"entry={question.entry!r}: give a share of the horizon, such as 0.05")


def _observables(model: Model, kernel: Kernel, question: Question, remarks: list[str]) -> tuple[str, ...]:
    if question.observables:
        _check_observables(kernel, question)
        return tuple(dict.fromkeys(question.observables))
    changing = {*kernel.system.states, *kernel.system.definitions}
    targets = {target for event in model.events for target, _ in event.assignments}
    names = [id for id in kernel.names if id not in kernel.system.rate_index]
    found = [s.id for s in model.species if s.id in changing or s.id in targets]
    what = "species that can change"
    if not found:
        found = [id for id in names if id in changing or id in targets]
        what = "variables that can change"
    if not found:
        found, what = [s.id for s in model.species if s.id in names] or names, "quantities (nothing changes in time)"
    if not found:
        raise InputError("the model has no quantities; there is nothing to observe")
    remarks.append(f"All {len(found)} {what} are observables.")
    return tuple(found)


def _check_observables(kernel: Kernel, question: Question) -> None:
    """Errors: InputError for an observable that the model does not have."""
    known = kernel.names
    for id in question.observables:
        if id not in known:
            choice = f"; it has {', '.join(known[:EXAMPLES])}" + (" and more" if len(known) > EXAMPLES else "")
            raise InputError(f"the model has no observable {id!r}{near(id, known) or choice}")


def _given_horizon(model: Model, question: Question) -> float | None:
    given = question.horizon
    if given is None:
        return None
    if isinstance(given, str):
        quantity = parse_quantity(given)
        if quantity.parts is None:
            given = quantity.value
        else:
            unit = Declarations(model).time
            if unit is None:
                raise UnitsError(
                    f"the model does not declare its unit of time; give the horizon as a plain number, not {given!r}"
                )
            given = convert(quantity.value, quantity.parts, unit)
    value = float(given)
    if not 0.0 < value < float("inf"):
        raise InputError(f"horizon={question.horizon!r}: give a positive time")
    return value


def _derived_horizon(model: Model, kernel: Kernel, remarks: list[str]) -> float:
    """See `resolve`. Where no mode relaxes: ten periods, else the time in which something changes ten-fold."""
    y, p = kernel.initial()
    if not kernel.size:
        remarks.append("No differential equation says how long to look; horizon t = 10. Give one to be sure.")
        return 10.0
    quotient = make_quotient(model, kernel, np.array([y]), p)
    rate, median, turning = slowest(quotient, 0.0, y, p)
    end = RELAXATIONS / rate if rate else _growth_time(kernel, y, p)
    start_guess = end
    limit = LONGEST / median if median else 1e3 * end
    relaxed = 0.0
    end = min(end, limit)
    for _ in range(CALLS):
        times = np.concatenate([[0.0], np.geomspace(1e-4, 1.0, _samples(quotient.size)) * end])
        run = _run(kernel, times)
        reached = float(run.times[-1]) if len(run.times) else 0.0
        rates = np.array([slowest(quotient, float(t), s, _row(run.parameters, k))[0]
                          for k, (t, s) in enumerate(zip(run.times, run.states, strict=True))])  # fmt: skip
        steps = 0.5 * (rates[1:] + rates[:-1]) * np.diff(run.times)
        done = np.concatenate([[0.0], np.cumsum(steps)])
        relaxed = float(done[-1]) if len(done) else 0.0
        if relaxed >= RELAXATIONS:
            found = float(np.interp(RELAXATIONS, done, run.times))
            if found >= 0.03 * end:
                remarks.append(
                    f"Horizon derived: the slowest mode relaxes {RELAXATIONS:g}-fold by t = {_round(found):g}."
                )
                return _round(found)
            end = 3.0 * found
        elif reached < 0.999 * end:
            return _short(reached, remarks)
        elif end >= limit:
            remarks.append(
                f"Horizon capped at t = {_round(limit):g}, {LONGEST:g} times the median time scale; give one."
            )
            return _round(limit)
        elif relaxed == 0.0:
            break
        else:
            end = min(limit, end * min(8.0, max(1.5, 1.2 * RELAXATIONS / relaxed)))
    if relaxed > 0.0:
        remarks.append(
            f"Horizon: t = {_round(end):g}; the slowest mode relaxes {relaxed:.2g}-fold by then. Give one to be sure."
        )
        return _round(end)
    found = 20.0 * np.pi / turning if turning else start_guess
    why = "ten periods of the slowest oscillation" if turning else "the time in which something changes ten-fold"
    remarks.append(f"No mode relaxes; horizon t = {_round(found):g} is {why}. Give one to be sure.")
    return _round(found)


def _reachable(kernel: Kernel, horizon: float, remarks: list[str]) -> float:
    """The horizon, shortened if an ordinary simulation does not get there."""
    try:
        simulate_ode(kernel, np.linspace(0.0, horizon, 201), max_steps=2_000_000)
    except SimulationError as error:
        reached = error.partial.times if error.partial is not None else []
        return _short(float(reached[-1]) if len(reached) else 0.0, remarks)
    return horizon


def _short(reached: float, remarks: list[str]) -> float:
    if reached <= 0.0:
        raise SimulationError("the model cannot be simulated from its initial state; no horizon can be derived")
    remarks.append(f"The model cannot be simulated beyond t = {reached:g}; the horizon ends at 90% of that.")
    return _round(0.9 * reached)


def _samples(size: int) -> int:
    return 40 if size <= 60 else 16 if size <= 200 else 7


def _run(kernel: Kernel, times: np.ndarray):
    try:
        return simulate_ode(kernel, times, rtol=1e-5, max_steps=200_000)
    except SimulationError as error:
        if error.partial is None:
            raise
        return error.partial


def _row(parameters: np.ndarray, k: int) -> np.ndarray:
    return parameters[k] if parameters.ndim == 2 else parameters


def _round(value: float) -> float:
    """Two significant digits: a derived horizon has no more meaning than that."""
    return float(f"{value:.2g}")


def slowest(quotient: Quotient, t: float, y: np.ndarray, p: np.ndarray) -> tuple[float, float, float]:
    """(slowest nonzero |Re lambda|, median modulus, slowest frequency) at a point; 0 where there is none."""
    matrix = quotient.jacobian(t, y, p)
    if not np.isfinite(matrix).all() or not matrix.size:
        return 0.0, 0.0, 0.0
    values, zero = eigenvalues(matrix), zero_level(matrix)
    real, size, turn = np.abs(values.real), np.abs(values), np.abs(values.imag)
    moving = real[real > np.maximum(zero, 1e-6 * size)]
    turning = turn[turn > zero]
    return (
        float(moving.min(initial=np.inf)) if len(moving) else 0.0,
        float(np.median(size[size > zero])) if (size > zero).any() else 0.0,
        float(turning.min()) if len(turning) else 0.0,
    )


def _growth_time(kernel: Kernel, y: np.ndarray, p: np.ndarray) -> float:
    """Time in which the fastest changing state changes by ten times its size (or by ten)."""
    slope = np.abs(kernel.rhs(0.0, y, p))
    if not np.isfinite(slope).all() or not (slope > 0).any():
        return 10.0
    size = np.where(y != 0, np.abs(y), 1.0)
    return float(10.0 * np.min(size[slope > 0] / slope[slope > 0]))
