"""Units, compartments, species and parameters, with the defaults of each SBML level made explicit."""

from __future__ import annotations

import math

from manyscale.errors import UnsupportedError
from manyscale.formats.sbml.attributes import Context
from manyscale.formats.sbml.tree import Node
from manyscale.model.parts import Compartment, Parameter, Species, UnitDefinition, UnitPart

BASE_UNITS = frozenset(
    [
        "ampere",
        "avogadro",
        "becquerel",
        "candela",
        "coulomb",
        "dimensionless",
        "farad",
        "gram",
        "gray",
        "henry",
        "hertz",
        "item",
        "joule",
        "katal",
        "kelvin",
        "kilogram",
        "litre",
        "lumen",
        "lux",
        "metre",
        "mole",
        "newton",
        "ohm",
        "pascal",
        "radian",
        "second",
        "siemens",
        "sievert",
        "steradian",
        "tesla",
        "volt",
        "watt",
        "weber",
    ]
)
SPELLINGS = {"liter": "litre", "meter": "metre"}
BUILT_IN = {  # units that SBML level 2 predefines and level 3 does not
    "substance": "mole", "time": "second", "volume": "litre", "length": "metre", "area": None,
}  # fmt: skip
AREA = UnitDefinition("area", (UnitPart("metre", 2.0),))


class Units:
    """Unit ids of one document in the words of level 3."""

    def __init__(self, context: Context, model: Node):
        self.context = context
        self.definitions = [_unit_definition(context, node) for node in model.list("listOfUnitDefinitions")]
        self.defined = {unit.id for unit in self.definitions}
        self.added_area = False

    def name(self, text: str | None) -> str | None:
        """The unit id to keep: level 2's predefined names become base units unless the model redefines them."""
        if text is None:
            return None
        text = text.strip()
        text = SPELLINGS.get(text, text)
        if self.context.level < 3 and text in BUILT_IN and text not in self.defined:
            if text == "area":
                self.added_area = True
                return "area"
            return BUILT_IN[text]
        if text == "Celsius":
            raise UnsupportedError("Celsius", f"{self.context.source}: the unit Celsius is not supported; use kelvin")
        return text or None

    def of_model(self, node: Node) -> dict[str, str | None]:
        """Units of time, substance, extent, volume, area and length of the whole model."""
        if self.context.level < 3:
            substance = self.name("substance")
            return {
                "time_units": self.name("time"), "substance_units": substance, "extent_units": substance,
                "volume_units": self.name("volume"), "area_units": self.name("area"),
                "length_units": self.name("length"),
            }  # fmt: skip
        words = ("time", "substance", "extent", "volume", "area", "length")
        return {f"{word}_units": self.name(node.get(f"{word}Units")) for word in words}

    def all(self) -> tuple[UnitDefinition, ...]:
        """Definitions of the model, with that of the area where level 2 gives it."""
        return (*self.definitions, AREA) if self.added_area else tuple(self.definitions)


def _unit_definition(context: Context, node: Node) -> UnitDefinition:
    id = context.identifier(node)
    parts = []
    for unit in node.list("listOfUnits"):
        kind = unit.text("kind").strip()
        kind = SPELLINGS.get(kind, kind)
        if kind == "Celsius" or context.number(unit, "offset", 0.0) != 0.0:
            raise UnsupportedError("Celsius", f"{context.source}, line {unit.line}: a unit with an offset; use kelvin")
        if kind not in BASE_UNITS:
            context.fail(unit, f"{kind[:60]!r} in unit definition '{id}' is not a base unit of SBML")
        parts.append(_unit_part(context, unit, kind))
    return UnitDefinition(id, tuple(parts), node.text("name"), context.meta(node))


def _unit_part(context: Context, node: Node, kind: str) -> UnitPart:
    exponent, scale = context.given(node, "exponent", 1.0), context.given(node, "scale", 0.0)
    multiplier = context.given(node, "multiplier", 1.0)
    if not (math.isfinite(exponent) and math.isfinite(multiplier) and abs(scale) < 1000 and scale == int(scale)):
        context.fail(node, f"the unit {kind!r} needs a finite exponent and multiplier and a whole scale")
    return UnitPart(kind, exponent, int(scale), multiplier)


def compartment(context: Context, units: Units, node: Node) -> Compartment:
    """A compartment."""
    old = context.level < 3
    dimensions = context.number(node, "spatialDimensions", 3.0 if old else None)
    size = context.number(node, "size")
    id = context.identifier(node)
    if context.level == 1 or dimensions == 0.0:
        size = context.number(node, "volume", 1.0) if context.level == 1 else size
    if size is not None and size < 0:
        context.fail(node, f"compartment '{id}' has size {size:g}; give a positive size")
    return Compartment(
        id=id, size=size, units=units.name(node.get("units")), dimensions=dimensions,
        constant=context.boolean(node, "constant", True), name=node.text("name"), meta=context.meta(node),
    )  # fmt: skip


def species(context: Context, units: Units, node: Node) -> Species:
    """A species. Where no initial value is written, the kind is the one that the id has in formulas."""
    attributes = node.attributes
    only_substance = context.boolean(node, "hasOnlySubstanceUnits", False)
    if "initialAmount" in attributes:
        kind, initial = "amount", context.number(node, "initialAmount")
        if "initialConcentration" in attributes:
            context.fail(node, f"species '{node.get('id')}' has both an initial amount and a concentration; keep one")
    elif "initialConcentration" in attributes:
        kind, initial = "concentration", context.number(node, "initialConcentration")
    else:
        kind, initial = ("amount" if only_substance else "concentration"), None
    if "charge" in attributes:
        context.remark("the charge of species, which has no meaning in the equations, was left out")
    if "spatialSizeUnits" in attributes:
        context.remark(
            "spatialSizeUnits of species was left out; concentrations are per unit of the compartment's size"
        )
    return Species(
        id=context.identifier(node), compartment=context.identifier(node, "compartment"), initial=initial,
        initial_kind=kind, substance_units=units.name(attributes.get("substanceUnits")),
        only_substance=only_substance, boundary=context.boolean(node, "boundaryCondition", False),
        constant=context.boolean(node, "constant", False),
        conversion_factor=context.reference(node, "conversionFactor"),
        name=node.text("name"), meta=context.meta(node),
    )  # fmt: skip


def parameter(context: Context, units: Units, node: Node) -> Parameter:
    """A global or local parameter."""
    return Parameter(
        id=context.identifier(node), value=context.number(node, "value"), units=units.name(node.get("units")),
        constant=node.tag == "localParameter" or context.boolean(node, "constant", True),
        name=node.text("name"), meta=context.meta(node),
    )  # fmt: skip
