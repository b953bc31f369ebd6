"""From scales to the dimensionless model: coefficients named, equal ones shared, ones left out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction

import numpy as np

from manyscale.errors import InputError
from manyscale.kernels.interpret import evaluate
from manyscale.model.algebra import simplify
from manyscale.model.expr import Expr, Number, Symbol, mul, power, substitute
from manyscale.model.model import Model
from manyscale.model.parts import Parameter
from manyscale.scales.nondimensional.monomial import START, Monomial, monomial, shown
from manyscale.scales.nondimensional.rescale import rescale
from manyscale.scales.nondimensional.terms import TermForm


@dataclass(frozen=True)
class Assembled:
    """model: without dimensions. parameters: what each of its parameters is, over quantities of the source. scaled:
    formula and value of every constant of the term form, divided by its scale. names: id of each in `model`, or its
    number as text."""

    model: Model
    parameters: Mapping[str, Expr]
    scaled: Mapping[str, tuple[Monomial, float]] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)


class Numbers:
    """Values of formulas of scales at a point: ids of the source, and S(0) for initial values."""

    def __init__(self, values: Mapping[str, float]):
        numbers = {id: np.float64(value) for id, value in values.items()}  # which divide by zero without an error
        self.values = {**numbers, **{f"{id}{START}": value for id, value in numbers.items()}}

    def of(self, formula: Expr) -> float:
        with np.errstate(all="ignore"):
            return float(evaluate(formula, 0.0, self.values))

    def monomial(self, formula: Expr) -> Monomial:
        """A formula of positive value as a monomial of positive parts: undivided, where a part is not positive."""
        parts = monomial(formula)
        if all(self.of(base) > 0 for base, _ in parts.powers.values()):
            return parts
        return Monomial(1.0, {shown(formula): (formula, Fraction(1))})

    def scales(self, scales: Mapping[str, Monomial]) -> dict[str, float]:
        """Every scale as a number. Raises InputError for one that is none."""
        found = {}
        for id, scale in scales.items():
            found[id] = value = self.of(scale.expression())
            if not 0 < value < float("inf"):
                raise InputError(f"the scale of {id}, {scale}, is {value:g}; a scale is a positive number")
        return found


def of_terms(form: TermForm, scales: Mapping[str, Monomial], numbers: Numbers, source: Model) -> Assembled:
    """The term form with scaled constants: those that became one are left out of the formulas, equal ones share an id."""
    values = numbers.scales(scales)
    base = rescale(form.model, values)
    taken = {s.id for s in base.species} | {p.id for p in base.parameters if p.id not in form.formulas}
    taken |= {c.id for c in base.compartments} | {e.id for e in base.events}
    replaced: dict[str, Expr] = {}
    parameters: dict[str, Expr] = {}
    shared: dict[tuple, str] = {}
    scaled, names, kept = {}, {}, []
    for part in base.parameters:
        if part.id not in form.formulas:
            kept.append(part)
            continue
        formula, scale = form.formulas[part.id], scales.get(part.id, Monomial())
        value = float(part.value or 0.0)
        if not part.constant or not 0 < value < float("inf"):
            parameters[part.id] = simplify(mul(formula, power(scale.expression(), -1.0)))
            kept.append(part)
            taken.add(part.id)
            names[part.id] = part.id
            continue
        group = numbers.monomial(formula) / scale
        scaled[part.id] = (group, value)
        if group.pure:
            replaced[part.id] = Number(group.factor)
            names[part.id] = f"{group.factor:g}"
            continue
        if group.key not in shared:
            id = _name(group, source, taken, len(shared))
            taken.add(id)
            shared[group.key] = id
            parameters[id] = group.expression()
            kept.append(Parameter(id, value, "dimensionless", name=str(group)))
        names[part.id] = shared[group.key]
        replaced[part.id] = Symbol(shared[group.key])
    change = lambda formula: simplify(substitute(formula, replaced))  # noqa: E731
    model = base.replace(
        parameters=tuple(kept),
        rules=tuple(replace(rule, formula=change(rule.formula)) for rule in base.rules),
        events=tuple(
            replace(
                event,
                trigger=substitute(event.trigger, replaced),
                assignments=tuple((target, change(f)) for target, f in event.assignments),
                delay=None if event.delay is None else substitute(event.delay, replaced),
                priority=None if event.priority is None else substitute(event.priority, replaced),
            )
            for event in base.events
        ),
    )
    return Assembled(model, parameters, scaled, names)


def _name(group: Monomial, source: Model, taken: set[str], number: int) -> str:
    """The id of the source, where the group is that constant itself; else g1, g2, ..."""
    only = shown(group.expression())
    if re.fullmatch(r"[A-Za-z_]\w*", only) and only in source and only not in taken:
        return only
    number += 1
    while f"g{number}" in taken or f"g{number}" in source:
        number += 1
    return f"g{number}"


def of_symmetries(source: Model, scales: Mapping[str, Monomial], numbers: Numbers) -> Assembled:
    """The source with scaled values."""
    values = numbers.scales(scales)
    model = rescale(source, values)
    keys = [*(c.id for c in source.compartments), *(p.id for p in source.parameters)]
    keys += [f"{r.id}.{k.id}" for r in source.reactions for k in r.local]
    parameters = {
        key: simplify(mul(Symbol(key), power(scales[key].expression(), -1.0))) if key in scales else Symbol(key)
        for key in keys
    }
    return Assembled(model, parameters)


def with_scales(
    found: Assembled, scales: Mapping[str, tuple[Expr, float]], units: Mapping[str, str | None], source: Model
):
    """The model with its scales as constants beside it (`S_scale`), none of which its equations use, and their ids."""
    taken = set(found.model.by_id)
    ids, parts = {}, []
    for id, (_, value) in scales.items():
        name = f"{'time' if id == '(time)' else id}_scale"
        while name in taken:
            name += "_"
        taken.add(name)
        ids[id] = name
        parts.append(Parameter(name, value, units.get(id), name=f"one unit of {'time' if id == '(time)' else id}"))
    used = {p.units for p in parts}
    definitions = tuple(d for d in source.units if d.id in used)
    return found.model.replace(parameters=(*found.model.parameters, *parts), units=definitions), ids
