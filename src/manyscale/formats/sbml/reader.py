"""From a parsed SBML document to a Model."""

from __future__ import annotations

from manyscale.errors import InputError, UnsupportedError
from manyscale.formats.sbml.attributes import Context
from manyscale.formats.sbml.network import Network
from manyscale.formats.sbml.own import take_own
from manyscale.formats.sbml.packages import check_packages
from manyscale.formats.sbml.quantities import Units, compartment, parameter, species
from manyscale.formats.sbml.references import check_references
from manyscale.formats.sbml.tree import Document, Node, parse
from manyscale.model.model import Model

MAX_SPECIES = 200_000
KNOWN = {1: (1, 2), 2: (1, 2, 3, 4, 5), 3: (1, 2)}  # versions of each level


def level_and_version(root: Node, source: str) -> tuple[int, int]:
    """SBML level and version of a document."""
    try:
        level, version = int(root.text("level")), int(root.text("version"))
    except ValueError:
        raise InputError(f"{source}, line {root.line}: the 'sbml' element must say its level and version") from None
    if level not in KNOWN or version not in KNOWN[level]:
        raise UnsupportedError(
            f"level {level} version {version}",
            f"{source}, line {root.line}: SBML level {level} version {version} is not known; levels 1 to 3 are read",
        )
    return level, version


def check_size(data: bytes, source: str) -> None:
    """Refuse documents with more species than memory and time allow, before parsing them."""
    count = data.count(b"<species ") + data.count(b"<species\n")
    if count > MAX_SPECIES:
        raise InputError(f"{source} has {count:,} species; at most {MAX_SPECIES:,} can be read, so split the model")


def read_direct(data: bytes, source: str) -> Model:
    """A Model from SBML level 2 or 3 text without hierarchical composition."""
    return build(parse(data, source), source)


def build(document: Document, source: str) -> Model:
    """A Model from a parsed document of level 2 or 3."""
    level, version = level_and_version(document.root, source)
    if not document.core.startswith(f"http://www.sbml.org/sbml/level{level}"):
        raise InputError(
            f"{source}, line {document.root.line}: namespace {document.core!r} is not that of level {level}"
        )
    context = Context(source, level, version)
    node = document.root.child("model")
    if node is None:
        context.fail(document.root, "the document holds no model")
    if sum(child.tag == "model" for child in document.root.children) > 1:
        context.fail(document.root, "the document holds more than one model; keep one")
    check_packages(context, document)
    _left_out(context, document, node)
    units = Units(context, node)
    network = Network(context, units)
    compartments = tuple(compartment(context, units, item) for item in node.list("listOfCompartments"))
    pools = tuple(species(context, units, item) for item in node.list("listOfSpecies"))
    parameters = tuple(parameter(context, units, item) for item in node.list("listOfParameters"))
    network.all_functions(node.list("listOfFunctionDefinitions"))
    for item in node.list("listOfReactions"):
        network.reaction(item)
    for item in node.list("listOfInitialAssignments"):
        network.initial_assignment(item)
    for item in node.list("listOfRules"):
        network.rule(item)
    for item in node.list("listOfConstraints"):
        network.constraint(item)
    taken = {part.id for group in (compartments, pools, parameters, network.reactions, network.functions)
             for part in group}  # fmt: skip
    taken |= {item.get("id") for item in node.list("listOfEvents") if item.get("id")}
    for item in node.list("listOfEvents"):
        network.event(item, taken)
    names = units.of_model(node)
    meta, own = take_own(context.meta(node))
    needs_area = units.added_area and any(part.dimensions == 2.0 for part in compartments)
    if level < 3 and not needs_area and "area" not in units.defined:
        names["area_units"], units.added_area = None, False
    model = Model(
        id=context.reference(node, "id") or ("model" if "model" not in taken else "model_without_id"),
        compartments=compartments, species=pools, parameters=parameters, reactions=tuple(network.reactions),
        initial_assignments=tuple(network.assignments), rules=tuple(network.rules), events=tuple(network.events),
        functions=tuple(network.functions), constraints=tuple(network.constraints), units=units.all(),
        conversion_factor=context.reference(node, "conversionFactor"),
        name=node.text("name"), meta=meta, remarks=tuple(context.remarks), **names, **own,
    )  # fmt: skip
    check_references(context, node, model, network)
    return model


def _left_out(context: Context, document: Document, model: Node) -> None:
    """Remarks on what changes no equation and has no place in a Model."""
    if document.left_out:
        names = ", ".join(sorted(document.left_out))
        context.remark(f"notes and annotations of these elements were left out: {names}")
    for tag in ("listOfCompartmentTypes", "listOfSpeciesTypes"):
        if model.list(tag):
            context.remark(f"{tag}, which has no meaning in the equations, was left out")
    if any("outside" in item.attributes for item in model.list("listOfCompartments")):
        context.remark("the nesting of compartments (outside), which has no meaning in the equations, was left out")
