"""SBML packages: which change the mathematics and are refused, which only decorate and are left out."""

from __future__ import annotations

import re

from manyscale.errors import UnsupportedError
from manyscale.formats.sbml.attributes import Context
from manyscale.formats.sbml.tree import Document

_PACKAGE = re.compile(r"http://www\.sbml\.org/sbml/level3/version\d+/([A-Za-z0-9_-]+)/version\d+")
WORDS = {
    "fbc": "flux balance constraints", "qual": "qualitative models", "spatial": "spatial processes",
    "multi": "multistate species", "distrib": "distributions", "arrays": "arrays", "dyn": "dynamic structures",
    "layout": "diagram layout", "render": "diagram rendering", "groups": "groups",
    "comp": "hierarchical composition", "req": "required elements",
}  # fmt: skip
UNDERSTOOD = ("core", "l3v2extendedmath", "comp")


def declared(document: Document) -> dict[str, bool]:
    """Packages that the document declares, and whether it says that they change the mathematics."""
    found = {}
    for uri in document.namespaces.values():
        match = _PACKAGE.fullmatch(uri)
        if match:
            required = document.root.text(f"{uri} required")
            found[match.group(1)] = required.strip() in ("true", "1")
    return found


def used(document: Document) -> dict[str, set[str]]:
    """Element names that the document uses, by package."""
    found: dict[str, set[str]] = {}
    for uri, names in document.foreign.items():
        match = _PACKAGE.fullmatch(uri)
        if match:
            found.setdefault(match.group(1), set()).update(names)
    return found


def check_packages(context: Context, document: Document) -> None:
    """Refuse by name what would change the answer; leave a remark for what is only left out."""
    elements = used(document)
    for name, required in declared(document).items():
        if name in UNDERSTOOD:
            continue
        words = f"'{name}' ({WORDS[name]})" if name in WORDS else f"'{name}'"
        if required and (elements.get(name) or name not in WORDS):
            raise UnsupportedError(
                name, f"{context.source}: the model needs SBML package {words}, which is not supported; "
                "export it without this package",
            )  # fmt: skip
        if name == "fbc" and elements.get("fbc") and not _has_rates(document):
            raise UnsupportedError(
                "fbc", f"{context.source}: this is a flux balance model (package 'fbc', no kinetic laws), which has no "
                "time course; give a kinetic model",
            )  # fmt: skip
        if elements.get(name):
            context.remark(f"SBML package {words} does not change the equations and was left out")


def _has_rates(document: Document) -> bool:
    model = document.root.child("model")
    if model is None:
        return False
    if model.list("listOfRules"):
        return True
    return any(node.child("kineticLaw") is not None for node in model.list("listOfReactions"))
