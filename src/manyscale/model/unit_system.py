"""The coherent units of a model that is built by hand: which they are, and every quantity expressed in them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from manyscale.errors import UnitsError
from manyscale.model.dimensions import KINDS, parts_text, unit_of_parts
from manyscale.model.parts import UnitDefinition, UnitPart
from manyscale.units import Parts, Quantity, convert, definition, in_moles, merged, parse_units


@dataclass
class UnitSystem:
    """Units of time, substance and volume, and the unit definitions made so far. None: the model has no units."""

    time: Parts | None = None
    substance: Parts | None = None
    volume: Parts | None = None
    definitions: dict[str, UnitDefinition] = field(default_factory=dict)

    def id_of(self, parts: Parts | None) -> str | None:
        """Unit id for the parts, defined on first use."""
        if parts is None:
            return None
        if not parts:
            return "dimensionless"
        if len(parts) == 1 and parts[0] == UnitPart(parts[0].kind) and parts[0].kind in KINDS:
            return parts[0].kind
        made = definition(parts)
        known = self.definitions.setdefault(made.id, made)
        if known.parts != made.parts:
            if unit_of_parts(known.parts).same(unit_of_parts(made.parts)):
                return made.id
            made = definition(parts, f"{made.id}_{len(self.definitions)}")
            self.definitions[made.id] = made
        return made.id

    def express(self, quantity: Quantity) -> tuple[float, Parts | None]:
        """Value and unit of a quantity in the units of the model.

        Quantities of substance, volume and time only are converted; others (voltages, areas) keep the unit in which
        they were written.
        """
        target = self.target(quantity)
        if target is None or quantity.parts is None:
            return quantity.value, quantity.parts
        return convert(quantity.value, quantity.parts, target), target

    def target(self, quantity: Quantity) -> Parts | None:
        unit = quantity.unit
        if unit is None or self.time is None or self.substance is None or self.volume is None:
            return None
        length, mass, time, current, heat, moles, light, items = unit.exponents
        if any((mass, current, heat, light)) or length % 3:
            return None
        parts = []
        counted = moles + items
        if moles and items:
            return None
        for system, power in ((self.substance, counted), (self.volume, length / 3), (self.time, time)):
            parts += [UnitPart(p.kind, p.exponent * power, p.scale, p.multiplier) for p in system]
        return merged(p for p in parts if p.exponent)


def choose_units(
    quantities: Iterable[Quantity],
    concentrations: Iterable[Quantity],
    compartments: Iterable[Quantity],
    time: str | None,
    substance: str | None,
    volume: str | None,
) -> UnitSystem:
    """Units as asked for, else as most of the quantities are written; no units at all where nothing has any."""
    quantities, concentrations = list(quantities), list(concentrations)
    if all(q.parts is None for q in quantities) and not (time or substance or volume):
        return UnitSystem()
    system = UnitSystem(_asked(time, "second"), _asked(substance, "mole", "item"), _asked(volume, "litre", "metre"))
    found_substance, found_volume = _written(concentrations)
    if found_substance is None:
        found_substance, found_volume = _written(quantities)
    for size in compartments:
        if size.parts and found_volume is None:
            found_volume = tuple(size.parts)
    system.substance = system.substance or found_substance or (UnitPart("mole"),)
    system.volume = system.volume or found_volume or (UnitPart("litre"),)
    system.time = system.time or _most_common_time(quantities)
    return system


def _asked(text: str | None, *kinds: str) -> Parts | None:
    if text is None:
        return None
    parts = parse_units(text)
    unit = unit_of_parts(parts)
    if not any(unit.same_dimension(KINDS[kind]) for kind in kinds) and not (
        "litre" in kinds and unit.same_dimension(KINDS["metre"] ** 3)
    ):
        raise UnitsError(f"{text!r} is not a unit of {'time' if kinds[0] == 'second' else 'substance or volume'}")
    return parts


def _written(quantities: list[Quantity]) -> tuple[Parts | None, Parts | None]:
    """Substance and volume parts of the first amount or concentration."""
    for quantity in quantities:
        parts = quantity.parts or ()
        unit = unit_of_parts(parts)
        counted = in_moles(unit).exponents
        if counted[5] != 1 or any(counted[k] for k in (1, 2, 3, 4, 6)) or counted[0] not in (0, -3):
            continue
        substance = tuple(p for p in parts if p.kind in ("mole", "item"))
        volume = tuple(
            UnitPart(p.kind, -p.exponent, p.scale, p.multiplier) for p in parts if p.kind in ("litre", "metre")
        )
        if len(substance) + len(volume) == len(parts) and len(substance) == 1 and substance[0].exponent == 1:
            return substance, volume or None
    return None, None


def _most_common_time(quantities: list[Quantity]) -> Parts:
    count: dict[UnitPart, int] = {}
    for quantity in quantities:
        for part in quantity.parts or ():
            if part.kind == "second":
                key = UnitPart("second", 1.0, part.scale, part.multiplier)
                count[key] = count.get(key, 0) + 1
    if not count:
        return (UnitPart("second"),)
    return (max(count, key=lambda key: count[key]),)


def shown(parts: Parts | None) -> str:
    return "no units" if parts is None else parts_text(parts)
