"""A Model as SBML level 3 text that reads back to an equal Model."""

from __future__ import annotations

import math

from manyscale.formats.mathml import ONLY_VERSION_2, function_mathml, mathml
from manyscale.formats.sbml.own import add_own, allowed_in_level_3
from manyscale.formats.xmltext import quoted
from manyscale.model.expr import Call, Expr, Logic, RateOf, walk
from manyscale.model.model import Model
from manyscale.model.parts import Event, Meta, Parameter, Participant, Reaction, Rule, Species, UnitDefinition

CORE = {1: "http://www.sbml.org/sbml/level3/version1/core", 2: "http://www.sbml.org/sbml/level3/version2/core"}
EXTENDED = "http://www.sbml.org/sbml/level3/version1/l3v2extendedmath/version1"


def write_sbml(model: Model) -> str:
    """SBML level 3 version 2 text.

    Models with fast reactions, which version 2 has no word for, or with local parameters that hide a species of their
    reaction, which version 2 forbids, are written as version 1 (with the package `l3v2extendedmath` where they also
    need the functions of version 2).
    """
    return _Writer(model).whole()


def number(value: float) -> str:
    """A float as XML Schema writes doubles; the shortest text that reads back to the same number."""
    if value != value:
        return "NaN"
    if math.isinf(value):
        return "INF" if value > 0 else "-INF"
    whole = value == int(value) and abs(value) < 1e15 and not (value == 0 and math.copysign(1.0, value) < 0)
    return repr(int(value)) if whole else repr(float(value))


def _attributes(**values) -> str:
    """Attributes in the given order; None and empty text are left out."""
    parts = []
    for name, value in values.items():
        if value is None or value == "":
            continue
        if isinstance(value, bool):
            text = "true" if value else "false"
        elif isinstance(value, float | int):
            text = number(float(value))
        else:
            text = value
        parts.append(f" {name}={quoted(text)}")
    return "".join(parts)


class _Writer:
    def __init__(self, model: Model):
        self.model = model
        self.version = 1 if any(map(_needs_version_1, model.reactions)) else 2
        self.core = CORE[self.version]
        self.out: list[str] = []
        self.extra_rules: list[Rule] = []
        self.taken = set(model.by_id)

    def whole(self) -> str:
        model = self.model
        extended = ""
        if self.version == 1 and any(_needs_version_2(formula) for formula in model.formulas()):
            extended = f' xmlns:l3v2extendedmath="{EXTENDED}" l3v2extendedmath:required="true"'
        self.out.append(
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            f'<sbml xmlns="{self.core}" level="3" version="{self.version}"{extended}>'
        )
        reactions = [self.reaction(reaction) for reaction in model.reactions]
        names = _attributes(
            id=model.id, name=model.name, substanceUnits=model.substance_units, timeUnits=model.time_units,
            volumeUnits=model.volume_units, areaUnits=model.area_units, lengthUnits=model.length_units,
            extentUnits=model.extent_units, conversionFactor=model.conversion_factor,
        )  # fmt: skip
        meta = add_own(model)
        self.out.append(f"  <model{self.meta_attributes(meta)}{names}>")
        if meta is not None:
            self.out.extend(f"    {text}" for text in (meta.notes, allowed_in_level_3(meta.annotation)) if text)
        self.group(
            "listOfFunctionDefinitions",
            [
                self.element(
                    "functionDefinition",
                    part.meta,
                    _attributes(id=part.id, name=part.name),
                    function_mathml(part.arguments, part.body, self.core),
                )
                for part in model.functions
            ],
        )
        self.group("listOfUnitDefinitions", [self.unit_definition(part) for part in model.units])
        self.group(
            "listOfCompartments",
            [
                self.element(
                    "compartment",
                    part.meta,
                    _attributes(
                        id=part.id,
                        name=part.name,
                        spatialDimensions=part.dimensions,
                        size=part.size,
                        units=part.units,
                        constant=part.constant,
                    ),
                )
                for part in model.compartments
            ],
        )
        self.group("listOfSpecies", [self.species(part) for part in model.species])
        self.group("listOfParameters", [self.parameter(part) for part in model.parameters])
        self.group(
            "listOfInitialAssignments",
            [
                self.element("initialAssignment", part.meta, _attributes(symbol=part.symbol), self.math(part.formula))
                for part in model.initial_assignments
            ],
        )
        self.group("listOfRules", [self.rule(part) for part in (*model.rules, *self.extra_rules)])
        self.group(
            "listOfConstraints",
            [
                self.element("constraint", part.meta, "", self.math(part.condition) + part.message)
                for part in model.constraints
            ],
        )
        self.group("listOfReactions", reactions)
        self.group("listOfEvents", [self.event(part) for part in model.events])
        self.out.append("  </model>\n</sbml>\n")
        return "\n".join(self.out)  # fmt: skip

    def math(self, formula: Expr) -> str:
        return mathml(formula, self.core)

    def group(self, tag: str, items: list[str]) -> None:
        if items:
            self.out.append(f"    <{tag}>")
            self.out.extend(f"      {item}" for item in items)
            self.out.append(f"    </{tag}>")

    @staticmethod
    def meta_attributes(meta: Meta | None) -> str:
        return "" if meta is None else _attributes(metaid=meta.meta_id, sboTerm=meta.sbo)

    def element(self, tag: str, meta: Meta | None, attributes: str, inside: str = "") -> str:
        """An element with its notes and annotation first, as SBML wants it."""
        if meta is not None:
            attributes = self.meta_attributes(meta) + attributes
            inside = meta.notes + allowed_in_level_3(meta.annotation) + inside
        return f"<{tag}{attributes}>{inside}</{tag}>" if inside else f"<{tag}{attributes}/>"

    def unit_definition(self, unit: UnitDefinition) -> str:
        parts = "".join(
            f"<unit{_attributes(kind=p.kind, exponent=p.exponent, scale=p.scale, multiplier=p.multiplier)}/>"
            for p in unit.parts
        )
        inside = f"<listOfUnits>{parts}</listOfUnits>" if parts else ""
        return self.element("unitDefinition", unit.meta, _attributes(id=unit.id, name=unit.name), inside)

    def species(self, part: Species) -> str:
        amount = part.initial_kind == "amount"
        return self.element("species", part.meta, _attributes(
            id=part.id, name=part.name, compartment=part.compartment,
            initialAmount=part.initial if amount else None, initialConcentration=None if amount else part.initial,
            substanceUnits=part.substance_units, hasOnlySubstanceUnits=part.only_substance,
            boundaryCondition=part.boundary, constant=part.constant, conversionFactor=part.conversion_factor,
        ))  # fmt: skip

    def parameter(self, part: Parameter, local: bool = False) -> str:
        constant = None if local else part.constant
        return self.element("localParameter" if local else "parameter", part.meta, _attributes(
            id=part.id, name=part.name, value=part.value, units=part.units, constant=constant,
        ))  # fmt: skip

    def rule(self, part: Rule) -> str:
        name = _attributes(name=part.name) if self.version == 2 else ""
        return self.element(
            f"{part.kind}Rule", part.meta, _attributes(variable=part.variable) + name, self.math(part.formula)
        )

    def reaction(self, part: Reaction) -> str:
        inside = []
        for tag, side in (("listOfReactants", part.reactants), ("listOfProducts", part.products)):
            if side:
                items = "".join(self.participant(part, item) for item in side)
                inside.append(f"<{tag}>{items}</{tag}>")
        if part.modifiers:
            waiting, items = list(part.modifier_meta), []
            for name in part.modifiers:  # a species may stand there twice
                found = next((pair for pair in waiting if pair[0] == name), None) if waiting else None
                if found is not None:
                    waiting.remove(found)
                meta = None if found is None else found[1]
                items.append(self.element("modifierSpeciesReference", meta, _attributes(species=name)))
            inside.append(f"<listOfModifiers>{''.join(items)}</listOfModifiers>")
        if part.rate is not None or part.local or part.rate_meta is not None:
            local = "".join(self.parameter(item, local=True) for item in part.local)
            law = "" if part.rate is None else self.math(part.rate)
            law += f"<listOfLocalParameters>{local}</listOfLocalParameters>" if local else ""
            inside.append(self.element("kineticLaw", part.rate_meta, "", law))
        attributes = _attributes(
            id=part.id, name=part.name, reversible=part.reversible, fast=part.fast if self.version == 1 else None,
            compartment=part.compartment,
        )  # fmt: skip
        return self.element("reaction", part.meta, attributes, "".join(inside))

    def participant(self, reaction: Reaction, part: Participant) -> str:
        id, amount, constant = part.id, part.stoichiometry, part.constant
        if isinstance(amount, Expr):  # level 3 knows only rules on the id of the reference
            id = id or self.free(f"{reaction.id}__{part.species}__stoichiometry")
            self.extra_rules.append(Rule("assignment", amount, id))
            amount, constant = None, False
        return self.element("speciesReference", part.meta, _attributes(
            id=id, name=part.name, species=part.species, stoichiometry=amount, constant=constant,
        ))  # fmt: skip

    def free(self, id: str) -> str:
        while id in self.taken:
            id += "_"
        self.taken.add(id)
        return id

    def event(self, part: Event) -> str:
        trigger = _attributes(initialValue=part.initial_value, persistent=part.persistent)
        inside = [f"<trigger{trigger}>{self.math(part.trigger)}</trigger>"]
        for tag, formula in (("delay", part.delay), ("priority", part.priority)):
            if formula is not None:
                inside.append(f"<{tag}>{self.math(formula)}</{tag}>")
        if part.assignments:
            items = "".join(
                f"<eventAssignment{_attributes(variable=variable)}>{self.math(formula)}</eventAssignment>"
                for variable, formula in part.assignments
            )
            inside.append(f"<listOfEventAssignments>{items}</listOfEventAssignments>")
        attributes = _attributes(id=part.id, name=part.name, useValuesFromTriggerTime=part.use_trigger_values)
        return self.element("event", part.meta, attributes, "".join(inside))


def _needs_version_1(reaction: Reaction) -> bool:
    """Whether version 2 cannot express a reaction: it is fast, or a local parameter hides one of its species."""
    if reaction.fast:
        return True
    if not reaction.local:
        return False
    species = {part.species for part in (*reaction.reactants, *reaction.products)}.union(reaction.modifiers)
    return any(part.id in species for part in reaction.local)


def _needs_version_2(formula: Expr) -> bool:
    for node in walk(formula):
        if type(node) is RateOf:
            return True
        if (type(node) is Call and node.function in ONLY_VERSION_2) or (
            type(node) is Logic and node.operator in ONLY_VERSION_2
        ):
            return True
    return False
