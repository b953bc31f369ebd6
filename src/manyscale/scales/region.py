"""The box of initial values and rate constants in which an answer has to hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from manyscale.errors import InputError, UnitsError
from manyscale.kernels.flatten import near
from manyscale.kernels.kernel import Kernel
from manyscale.kernels.system import System
from manyscale.model.declared_units import Declarations
from manyscale.model.expr import Call, Expr, Number, Piecewise, Power, Relation, Time, children, symbols, walk
from manyscale.model.model import Model
from manyscale.model.parts import Compartment, Parameter, Species
from manyscale.model.question import Question
from manyscale.units import convert, parse_quantity


def box(model: Model, kernel: Kernel, question: Question) -> dict[str, tuple[float, float]]:
    """Bounds by id in the model's units, as `simulate(values=...)` takes them; what is not named is fixed.

    One factor r: every positive initial value and rate constant in [x/r, r x]. What stays: zeros and negative values,
    exponents, sizes of compartments, stoichiometries, conversion factors, everything that decides when events and
    switches happen, what events assign, and what initial assignments derive from other values.
    """
    y, p = kernel.initial()
    values = kernel.values(0.0, y, p)
    if isinstance(question.region, Mapping):
        return {id: _asked(model, kernel, values, id, pair) for id, pair in question.region.items()}
    factor = float(question.region)
    if not 1.0 <= factor < float("inf"):
        raise InputError(f"region={question.region!r}: give one factor of at least 1, or ranges by id")
    if factor == 1.0:
        return {}
    return {
        id: (values[id] / factor, values[id] * factor)
        for id in variable_ids(model, kernel.system)
        if 0.0 < values.get(id, 0.0) < float("inf")
    }


def variable_ids(model: Model, system: System) -> list[str]:
    """Initial values and rate constants that a region moves, in the order of the model."""
    closed = settable(model, system, derived=False)
    held = fixed(model, system)
    found = [s.id for s in model.species if s.id in closed]
    found += [k.id for k in model.parameters if k.id in closed and k.id not in held]
    found += [f"{r.id}.{k.id}" for r in model.reactions for k in r.local if f"{r.id}.{k.id}" not in held]
    return found


def settable(model: Model, system: System, *, derived: bool = True) -> set[str]:
    """Species and parameters that have an initial value of their own; without `derived`, only those that no initial
    assignment computes."""
    kept = {*system.state_index, *system.parameter_index}
    computed = {id for id in system.definitions if f"{id}.amount" not in kept}
    computed |= {system.states[i] for i, _ in system.algebraic}
    if not derived:
        computed |= {item.symbol for item in model.initial_assignments}
    ids = [*(s.id for s in model.species), *(k.id for k in model.parameters)]
    return {id for id in ids if id not in computed}


def fixed(model: Model, system: System) -> set[str]:
    """Parameters that are not rate constants: exponents, switching times, thresholds of events, conversion factors."""
    held = {c for c in [model.conversion_factor, *(s.conversion_factor for s in model.species)] if c}
    held |= {target for event in model.events for target, _ in event.assignments}
    definitions = system.definitions
    formulas: list[Expr] = [*definitions.values(), *(f for _, f in (*system.rate_rules, *system.algebraic))]
    for event in system.events:
        held |= symbols(event.trigger)
        for part in (event.delay, event.priority):
            held |= set() if part is None else symbols(part)
        formulas += [event.trigger, *event.formulas]
    for _, _, formula in system.variable_stoichiometry:
        held |= symbols(formula)
    for delayed in system.delays:
        held |= symbols(delayed.lag)
    for formula in formulas:
        held |= _exponents_and_times(formula)
    return _with_constant_definitions(held, definitions, set(system.state_symbols))


def _exponents_and_times(formula: Expr) -> set[str]:
    held: set[str] = set()
    for node in walk(formula):
        match node:
            case Power(_, exponent) if type(exponent) is not Number:
                held |= symbols(exponent)
            case Call("exp", arguments):
                held |= symbols(arguments[0])
            case Call() | Relation() if _has_time(children(node)):
                held |= symbols(node)
            case Piecewise(pieces, _):
                for _, condition in pieces:
                    if _has_time((condition,)):
                        held |= symbols(condition)
    return held


def _has_time(parts: Iterable[Expr]) -> bool:
    return any(isinstance(node, Time) for part in parts for node in walk(part))


def _with_constant_definitions(held: set[str], definitions: Mapping[str, Expr], states: set[str]) -> set[str]:
    """Parameters behind held variables too, where the variable is a constant in disguise (no state in it)."""
    todo, seen = list(held), set(held)
    while todo:
        formula = definitions.get(todo.pop())
        if formula is None:
            continue
        inside = _behind(formula, definitions)
        if inside & states:
            continue
        for name in inside - seen:
            seen.add(name)
            todo.append(name)
    return seen


def _behind(formula: Expr, definitions: Mapping[str, Expr]) -> set[str]:
    found: set[str] = set()
    todo = list(symbols(formula))
    while todo:
        name = todo.pop()
        if name not in found:
            found.add(name)
            if name in definitions:
                todo.extend(symbols(definitions[name]))
    return found


def _asked(model: Model, kernel: Kernel, values: Mapping[str, float], id: str, pair: tuple) -> tuple[float, float]:
    """Absolute bounds from what the user wrote for one id."""
    if id not in values:
        raise InputError(f"region: the model has no {id!r}{near(id, values)}")
    local = id not in model
    if not local and not isinstance(model[id], Species | Parameter | Compartment):
        raise InputError(f"region: {id} is a {type(model[id]).__name__.lower()}; name initial values and parameters")
    if not local and id in {rule.variable for rule in model.rules if rule.kind == "assignment"}:
        raise InputError(f"region: {id} is determined by a rule; name what the rule depends on")
    if not isinstance(pair, (tuple, list)) or len(pair) != 2:
        raise InputError(f"region: give {id} a pair (low, high), of factors or of quantities such as '1 nM'")
    low, high = (_bound(model, values, id, one) for one in pair)
    if not np.isfinite([low, high]).all() or low > high:
        raise InputError(f"region: {id} from {low:g} to {high:g} is not a range; write the smaller bound first")
    return low, high


def _bound(model: Model, values: Mapping[str, float], id: str, given: float | str) -> float:
    if isinstance(given, (int, float)):
        if values[id] == 0.0:
            raise InputError(f"region: {id} is 0, a factor does not move it; give absolute values such as '1 nM'")
        return float(given) * values[id]
    quantity = parse_quantity(given)
    if quantity.parts is None:
        return quantity.value
    unit = Declarations(model).of(id).unit if id in model else None
    if unit is None:
        raise UnitsError(f"region: the model does not declare a unit for {id}; give plain factors instead of {given!r}")
    return convert(quantity.value, quantity.parts, unit)
