"""A model in the units of another one, so that the two can be joined."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from manyscale.circuits.renaming import renamed
from manyscale.errors import UnitsError
from manyscale.model.dimensions import BASES, KINDS, Unit, unit_text, units_by_id
from manyscale.model.expr import Number, walk
from manyscale.model.model import Model
from manyscale.model.parts import Parameter, Species, UnitDefinition, UnitPart
from manyscale.model.unit_check import check_units, unit_of
from manyscale.units import ITEM, MOLE

_KINDS = ("time", "substance", "volume")


def same_units(model: Model, target: Model, shared: Mapping[str, str]) -> Model:
    """`model` in the unit system of `target`, its unit ids free of clashes.

    shared: id in `model` -> id in `target` of what becomes one. Errors: UnitsError where dimensions of a shared id
    disagree, or where a conversion is needed but the model does not say all its units consistently.
    """
    for own, other in shared.items():
        a, b = unit_of(model, own), unit_of(target, other)
        if a is not None and b is not None and not a.same_dimension(b):
            raise UnitsError(
                f"{other!r} upstream and {own!r} downstream have different dimensions ({unit_text(b)} and {unit_text(a)})"
            )
    factors = _factors(model, target)
    if factors is None:
        return _unit_ids(model, target)
    _refuse_unclear(model)
    return _unit_ids(_converted(model, target, factors), target)


def same_system(model: Model, target: Model) -> bool:
    """Whether nothing has to be converted to join the two."""
    return _factors(model, target) is None


def base_unit(model: Model, kind: str) -> Unit | None:
    """The unit of time, substance or volume of a model, None where it says nothing."""
    id = getattr(model, f"{kind}_units")
    return None if id is None else {**KINDS, **units_by_id(model.units)}.get(id)


def _factors(model: Model, target: Model) -> dict[str, Unit] | None:
    """Unit of each kind in `model` over that in `target`; None where all are the same or not said."""
    differ = False
    found = {}
    for kind in _KINDS:
        a, b = base_unit(model, kind), base_unit(target, kind)
        if a is None or b is None:
            continue
        found[kind] = a / b
        if kind == "substance" and not a.same_dimension(b):
            raise UnitsError(
                "one module counts molecules, the other moles; write both in the same way (a volume turns one into the other)"
            )
        if not a.same_dimension(b):
            raise UnitsError(f"the unit of {kind} is {unit_text(b)} upstream and {unit_text(a)} downstream")
        differ = differ or not a.same(b)
    return found if differ else None


def _refuse_unclear(model: Model) -> None:
    """A conversion is right only if every number has a unit and every formula agrees with them."""
    report = check_units(model)
    if report.violations:
        raise UnitsError(
            f"{model.id!r} has other units than the module it is joined to and cannot be converted: {report.violations[0]}"
        )
    bare = [k.id for k in model.parameters if k.units is None and k.value is not None]
    bare += [f"{r.id}.{k.id}" for r in model.reactions for k in r.local if k.units is None]
    if bare:
        raise UnitsError(
            f"{model.id!r} has other units than the module it is joined to; {', '.join(bare[:4])} has no unit, so it "
            "cannot be converted; give it one"
        )
    for formula in model.formulas():
        if any(type(node) is Number and node.units is not None for node in walk(formula)):
            raise UnitsError(
                f"{model.id!r}: numbers with units inside formulas are not converted; make them parameters"
            )


def _converted(model: Model, target: Model, factors: Mapping[str, Unit]) -> Model:
    time = factors["time"].factor if "time" in factors else 1.0
    amount = factors["substance"].factor if "substance" in factors else 1.0
    volume = factors["volume"].factor if "volume" in factors else 1.0
    known = {**KINDS, **units_by_id(model.units)}
    made: dict[str, UnitDefinition] = {}
    counted = base_unit(model, "substance")

    def scaled(part: Parameter) -> Parameter:
        unit = known.get(part.units or "")
        if unit is None or part.value is None:
            return part
        powers = unit.exponents
        n = powers[ITEM if counted is not None and counted.exponents[ITEM] else MOLE]
        t, length = powers[BASES.index("second")], powers[BASES.index("metre")]
        factor = amount**n * time**t * volume ** (length / 3.0)
        if factor == 1.0:
            return part
        new = f"{part.units}_converted"
        made.setdefault(
            new, UnitDefinition(new, (*_parts_of(model, part.units), UnitPart("dimensionless", 1.0, 0, 1.0 / factor)))
        )
        return replace(part, value=part.value * factor, units=new)

    def moved(one: Species) -> Species:
        if one.initial is None:
            return one
        factor = amount if one.initial_kind == "amount" else amount / volume
        return replace(one, initial=one.initial * factor)

    return model.replace(
        parameters=tuple(map(scaled, model.parameters)),
        species=tuple(map(moved, model.species)),
        compartments=tuple(
            replace(c, size=None if c.size is None else c.size * volume, units=None) for c in model.compartments
        ),
        reactions=tuple(replace(r, local=tuple(map(scaled, r.local))) for r in model.reactions),
        units=(*model.units, *made.values()),
        time_units=target.time_units, substance_units=target.substance_units, volume_units=target.volume_units,
        extent_units=target.extent_units,
    )  # fmt: skip


def _parts_of(model: Model, id: str | None) -> tuple[UnitPart, ...]:
    for one in model.units:
        if one.id == id:
            return one.parts
    return (UnitPart(str(id)),)


def _unit_ids(model: Model, target: Model) -> Model:
    """Unit ids that mean something else in `target` get another id."""
    theirs = units_by_id(target.units)
    ours = units_by_id(model.units)
    changed: dict[str, str] = {}
    for id, unit in ours.items():
        if id in theirs and not theirs[id].same(unit):
            new = next(f"{id}_{k}" for k in range(2, 1000) if f"{id}_{k}" not in theirs and f"{id}_{k}" not in ours)
            changed[id] = new
    return renamed(model, {}, changed) if changed else model
