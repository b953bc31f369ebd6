"""A connected module as SBML with the package `comp`: both halves stay whole, the shared species are replaced elements."""

from __future__ import annotations

import re
from pathlib import Path

from manyscale.circuits.module import Module
from manyscale.circuits.unit_systems import same_system
from manyscale.errors import InputError
from manyscale.formats.write import to_text
from manyscale.model.model import Model
from manyscale.model.parts import Species

_COMP = "http://www.sbml.org/sbml/level3/version1/comp/version1"
_CORE = "http://www.sbml.org/sbml/level3/version2/core"


def write_composed(module: Module, path: str | Path) -> Path:
    """Write SBML L3V2 with `comp`: a model of two submodels, "upstream" and "downstream", joined at the shared species.

    Errors: InputError where this form is not possible (not made by `connect`, units had to be converted, a species drives
    a parameter); the flat form, `write(module, path)`, always is.
    """
    path = Path(path)
    first, second = module.upstream, module.downstream
    if first is None or second is None:
        raise InputError(f"{module.name!r} was not made by connect; write it flat")
    shared = {
        own: id for own, id in module.names.items() if id in (*module.joined, *module.closed) and own in second.model
    }
    for own in shared:
        if not isinstance(second.model[own], Species):
            raise InputError(f"{own!r} is no species downstream; comp cannot replace it by one, write the flat form")
    if not same_system(second.model, first.model):
        raise InputError("the halves have different units, which the connection converted; write the flat form")
    if {a.symbol for a in second.model.initial_assignments} & set(shared):
        raise InputError("a shared species has an initial assignment downstream; write the flat form")
    places = {second.model[own].compartment: first.model[id].compartment for own, id in shared.items()}
    halves = {"upstream": _inner(first.model), "downstream": _inner(second.model)}
    top = _top(module.model.id, first.model, halves["upstream"], shared, places)
    definitions = "".join(f'<comp:modelDefinition id="{name}_model"{attributes}>{body}</comp:modelDefinition>\n'
                          for name, (attributes, body) in halves.items())  # fmt: skip
    path.write_text(
        f'<?xml version="1.0" encoding="UTF-8"?>\n<sbml xmlns="{_CORE}" xmlns:comp="{_COMP}" level="3" version="2" '
        f'comp:required="true">\n{top}<comp:listOfModelDefinitions>\n{definitions}</comp:listOfModelDefinitions>\n</sbml>\n',
        encoding="utf-8",
    )
    return path


def _inner(model: Model) -> tuple[str, str]:
    """(attributes but the id, children) of the flat <model> element."""
    match = re.search(r'<model id="[^"]*"([^>]*)>(.*)</model>', to_text(model, "sbml"), re.S)
    assert match is not None
    return match[1], match[2]


def _top(id: str, upper: Model, half: tuple[str, str], shared: dict[str, str], places: dict[str, str]) -> str:
    attributes, body = half
    units = re.search(r"<listOfUnitDefinitions>.*?</listOfUnitDefinitions>", body, re.S)
    joined = {id: [own for own, other in shared.items() if other == id] for id in dict.fromkeys(shared.values())}
    where = {b: [a for a, other in places.items() if other == b] for b in dict.fromkeys(places.values())}
    species = "".join(_replacing(body, "species", id, own) for id, own in joined.items())
    compartments = "".join(_replacing(body, "compartment", id, own) for id, own in where.items())
    submodels = "".join(f'<comp:submodel comp:id="{n}" comp:modelRef="{n}_model"/>' for n in ("upstream", "downstream"))
    return (
        f'<model id="{id}"{attributes}>\n{units[0] if units else ""}\n<listOfCompartments>{compartments}</listOfCompartments>\n'
        f"<listOfSpecies>{species}</listOfSpecies>\n<comp:listOfSubmodels>{submodels}</comp:listOfSubmodels>\n</model>\n"
    )


def _replacing(body: str, tag: str, id: str, own: list[str]) -> str:
    """The upstream element, replacing itself upstream and its counterparts downstream."""
    match = re.search(rf'<{tag} id="{re.escape(id)}"[^>]*?(/?)>', body)
    assert match is not None
    opening = match[0].removesuffix("/>").removesuffix(">")
    replaced = f'<comp:replacedElement comp:submodelRef="upstream" comp:idRef="{id}"/>' + "".join(
        f'<comp:replacedElement comp:submodelRef="downstream" comp:idRef="{one}"/>' for one in own
    )
    return f"{opening}><comp:listOfReplacedElements>{replaced}</comp:listOfReplacedElements></{tag}>"
