"""Every id once, and every name that is used defined: checked while the lines are known."""

from __future__ import annotations

import difflib

from manyscale.formats.sbml.attributes import Context
from manyscale.formats.sbml.network import Network
from manyscale.formats.sbml.quantities import BASE_UNITS
from manyscale.formats.sbml.tree import Node
from manyscale.model.model import Model

_LISTS = ("listOfFunctionDefinitions", "listOfCompartments", "listOfSpecies", "listOfParameters", "listOfReactions",
          "listOfEvents")  # fmt: skip


def check_references(context: Context, node: Node, model: Model, network: Network) -> None:
    """Raise InputError with the line for duplicate ids and for names that nothing in the model has."""
    lines = _ids(context, node)
    for reaction in model.reactions:
        for part in (*reaction.reactants, *reaction.products):
            if part.id is not None and part.id not in lines:
                lines[part.id] = None
    _places(context, model, lines)
    known, functions = set(lines), network.signatures
    for place, formula, local in network.formulas:
        if not formula.names <= known:
            unknown = formula.names - known - local
            if unknown:
                name = min(unknown)
                hint = _near(name, [*known, *local])
                context.fail(formula, f"{place} uses '{name}', which the model does not define{hint}")
        for name, count in formula.calls:
            if name not in functions:
                context.fail(formula, f"{place} calls '{name}', which is no function of the model")
            if functions[name] != count:
                context.fail(formula, f"{place} calls '{name}' with {count} argument(s), but it has {functions[name]}")
    _acyclic(context, network)


def _acyclic(context: Context, network: Network) -> None:
    """No function may call itself, directly or through others."""
    calls = {
        place: {f"function '{name}'" for name, _ in formula.calls}
        for place, formula, _ in network.formulas
        if place.startswith("function ")
    }
    while calls:
        ready = [name for name, needed in calls.items() if not needed & calls.keys()]
        if not ready:
            context.fail(None, f"{min(calls)} calls itself; write it without recursion")
        for name in ready:
            del calls[name]


def _ids(context: Context, node: Node) -> dict[str, Node | None]:
    lines: dict[str, Node | None] = {}
    for tag in _LISTS:
        for item in node.list(tag):
            _enter(context, lines, item)
            if tag == "listOfReactions":
                for side in ("listOfReactants", "listOfProducts", "listOfModifiers"):
                    for reference in item.list(side):
                        _enter(context, lines, reference)
    return lines


def _enter(context: Context, lines: dict, item: Node) -> None:
    id = item.attributes.get("id")
    if id is None:
        return
    id = id.strip()
    if id in lines:
        first = lines[id]
        context.fail(item, f"the id '{id}' is used twice (first in line {first.line}); rename one of them")
    lines[id] = item


def _places(context: Context, model: Model, lines: dict) -> None:
    compartments = {part.id for part in model.compartments}
    species = {part.id for part in model.species}
    for part in model.species:
        if part.compartment not in compartments:
            hint = _near(part.compartment, compartments)
            context.fail(
                lines[part.id], f"species '{part.id}' is in '{part.compartment}', which is no compartment{hint}"
            )
    for reaction in model.reactions:
        names = [*(p.species for p in reaction.reactants), *(p.species for p in reaction.products), *reaction.modifiers]
        for name in names:
            if name not in species:
                hint = _near(name, species)
                context.fail(lines[reaction.id], f"reaction '{reaction.id}' uses '{name}', which is no species{hint}")
    targets = [(rule.variable, "a rule") for rule in model.rules if rule.variable is not None]
    targets += [(part.symbol, "an initial assignment") for part in model.initial_assignments]
    targets += [(name, f"event '{event.id}'") for event in model.events for name, _ in event.assignments]
    for name, who in targets:
        if name not in lines:
            context.fail(None, f"{who} sets '{name}', which the model does not define{_near(name, lines)}")
    ruled = [rule.variable for rule in model.rules if rule.variable is not None]
    if len(set(ruled)) != len(ruled):
        twice = next(name for name in ruled if ruled.count(name) > 1)
        context.fail(None, f"'{twice}' has more than one rule; keep one")
    _units(context, model)
    _factors(context, model)


def _factors(context: Context, model: Model) -> None:
    """Conversion factors are constant parameters; reactions take place in compartments."""
    parameters = {part.id: part for part in model.parameters}
    for factor, who in [(model.conversion_factor, "the model")] + [
        (part.conversion_factor, f"species '{part.id}'") for part in model.species
    ]:
        if factor is not None and (factor not in parameters or not parameters[factor].constant):
            context.fail(None, f"the conversion factor '{factor}' of {who} must be a constant parameter")


def _units(context: Context, model: Model) -> None:
    known = {unit.id for unit in model.units} | BASE_UNITS
    used = [(part.units, part.id) for part in (*model.compartments, *model.parameters)]
    used += [
        (unit, "the model")
        for unit in (
            model.time_units,
            model.substance_units,
            model.extent_units,
            model.volume_units,
            model.area_units,
            model.length_units,
        )
    ]
    used += [(part.substance_units, part.id) for part in model.species]
    used += [(part.units, part.id) for reaction in model.reactions for part in reaction.local]
    for unit, id in used:
        if unit is not None and unit not in known:
            context.fail(None, f"'{id}' has the unit '{unit}', which the model does not define{_near(unit, known)}")


def _near(name: str, names) -> str:
    near = difflib.get_close_matches(name, list(names), n=1) if len(names) < 20_000 else []
    return f"; did you mean '{near[0]}'?" if near else ""
