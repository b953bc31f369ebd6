"""Units that a model declares for its ids, and what it leaves undeclared."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from manyscale.errors import UnitsError
from manyscale.model.dimensions import KINDS, NONE, Unit, unit_of_parts
from manyscale.model.model import Model
from manyscale.model.parts import Compartment, Parameter, Participant, Reaction, Species
from manyscale.model.violation import Violation


@dataclass(frozen=True, slots=True)
class Found:
    """Units of a formula. unit None: unknown; sure False: a number without units, or something unknown, takes part."""

    unit: Unit | None
    sure: bool = True
    literal: bool = False  # nothing but numbers without units


UNKNOWN, PURE, LITERAL = Found(None, False), Found(NONE), Found(NONE, False, True)
SIGN = Found(NONE, False, True)  # the number 1 or -1


class Declarations:
    """Units by id; collects violations and what is missing, each said once."""

    def __init__(self, model: Model):
        self.model = model
        self.violations: list[Violation] = []
        self.missing: dict[tuple[str, str], Violation] = {}
        self.defined: dict[str, Unit] = {}
        self.known: dict[str, Found] = {}
        for definition in model.units:
            try:
                self.defined[definition.id] = unit_of_parts(definition.parts)
            except (UnitsError, OverflowError) as error:
                self.violate(f"unit definition {definition.id}", str(error), "")

    # Declarations

    def violate(self, place: str, message: str, fix: str = "") -> None:
        self.violations.append(Violation(place, message, fix))

    def lack(self, place: str, message: str, fix: str = "") -> None:
        self.missing.setdefault((place, message), Violation(place, message, fix))

    def declared(self, units: str | None, place: str) -> Unit | None:
        """A unit id of the model; an id without definition is a violation, no id is None."""
        if units is None:
            return None
        unit = self.defined.get(units) or KINDS.get(units)
        if unit is None and units not in self.defined:
            self.violate(place, f"the unit {units!r} is not defined", "define it or use a base unit of SBML")
            self.defined[units] = None  # type: ignore[assignment]  # said once
        return unit

    @cached_property
    def time(self) -> Unit | None:
        return self.declared(self.model.time_units, "model")

    @cached_property
    def extent(self) -> Unit | None:
        return self.declared(self.model.extent_units, "model")

    @cached_property
    def rate(self) -> Unit | None:
        return None if self.extent is None or self.time is None else self.extent / self.time

    def of(self, id: str) -> Found:
        found = self.known.get(id)
        if found is None:
            found = self.known[id] = self.find(id)
        return found

    def find(self, id: str) -> Found:
        part = self.model.by_id.get(id)
        match part:
            case Parameter():
                unit = self.declared(part.units, f"parameter {id}")
                if part.units is None:
                    self.lack(f"parameter {id}", "no units are declared")
            case Species():
                unit = self.species(part)
            case Compartment():
                unit = self.compartment(part)
            case Reaction():
                unit = self.rate
            case Participant():
                unit = NONE
            case _:
                self.lack(f"symbol {id}", "is not defined")
                return UNKNOWN
        return UNKNOWN if unit is None else Found(unit)

    def compartment(self, part: Compartment) -> Unit | None:
        if part.dimensions == 0:
            return NONE
        model = self.model
        default = {3.0: model.volume_units, 2.0: model.area_units, 1.0: model.length_units}.get(part.dimensions or 3.0)
        if part.units is None and default is None:
            self.lack(f"compartment {part.id}", "no units are declared")
        return self.declared(part.units or default, f"compartment {part.id}")

    def substance(self, part: Species) -> Unit | None:
        units = part.substance_units or self.model.substance_units
        if units is None:
            self.lack(f"species {part.id}", "no units of substance are declared")
        return self.declared(units, f"species {part.id}")

    def species(self, part: Species) -> Unit | None:
        substance = self.substance(part)
        compartment = self.model.by_id.get(part.compartment)
        if part.only_substance or not isinstance(compartment, Compartment) or compartment.dimensions == 0:
            return substance
        volume = self.of(compartment.id).unit
        return None if substance is None or volume is None else substance / volume
