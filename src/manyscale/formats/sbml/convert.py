"""What libSBML does for us: level 1 to level 3, flattening of composed models, consistency checks."""

from __future__ import annotations

import re
from pathlib import Path

from manyscale.errors import InputError
from manyscale.formats.sbml.tree import Node, parse
from manyscale.formats.text import MAX_BYTES, Source

MAX_CONVERTED = 32 * 2**20  # bytes; libSBML needs some hundred times its input in memory

MAX_INSTANCES = 20_000  # submodels
MAX_NESTED = 100  # levels of submodels
MAX_FORMULA = 5000  # characters of a formula of level 1
_DECLARATION = re.compile(r"\s*<\?xml[^>]*\?>")


def _libsbml():
    import libsbml

    return libsbml


def _document(source: Source):
    """libSBML's document of text that has already passed our own parser (well-formed, no DTD, limited depth)."""
    if len(source.data) > MAX_CONVERTED:
        raise InputError(f"{source.name} is larger than {MAX_CONVERTED // 2**20} MB, too large to convert; split it")
    document = _libsbml().readSBMLFromString(_declared_utf8(source.data))
    problem = first_error(document)
    if problem:
        raise InputError(f"{source.name}{problem}")
    return document


def _declared_utf8(data: bytes) -> str:
    """The text with an XML declaration that says UTF-8, which is what our texts are by now; lines stay the same."""
    text = data.decode("utf-8", "replace")
    match = _DECLARATION.match(text)
    lines = "\n" * match.group().count("\n") if match else ""
    return f'<?xml version="1.0" encoding="UTF-8"?>{lines}' + text[match.end() if match else 0 :]


def first_error(document) -> str:
    """The first error of a libSBML document in one line, starting with its line number; empty if there is none."""
    libsbml = _libsbml()
    for i in range(document.getNumErrors()):
        error = document.getError(i)
        if error.getSeverity() >= libsbml.LIBSBML_SEV_ERROR:
            if error.getMessage().startswith("Errors arose during"):
                continue  # an announcement of those that follow
            line = error.getLine()
            place = f", line {line}" if 0 < line < 2**31 else ""
            return f"{place}: {condensed(error.getMessage())}"
    return ""


def condensed(message: str, limit: int = 300) -> str:
    """A libSBML message as one line without the quotation of the specification."""
    message = re.sub(r"\s+", " ", message).strip()
    message = re.sub(r"\s*Reference: .*?(?=The |$)", " ", message)
    return message if len(message) <= limit else message[: limit - 3] + "..."


def from_level_1(source: Source, root: Node) -> bytes:
    """Level 2 text of a level 1 document, with the level's defaults (such as volumes of 1) written out."""
    libsbml = _libsbml()
    waiting, without_volume = [root], []
    while waiting:
        node = waiting.pop()
        waiting.extend(node.children)
        formula = node.get("formula")
        if node.tag == "compartment" and "volume" not in node.attributes:
            without_volume.append(node.text("name"))
        if formula is None:
            continue
        place = f"{source.name}, line {node.line}"
        if len(formula) > MAX_FORMULA:
            raise InputError(f"{place}: a formula is longer than {MAX_FORMULA:,} characters; split it")
        if libsbml.parseFormula(formula) is None:
            raise InputError(f"{place}: {formula[:60]!r} is not a formula of SBML level 1; correct it")
    document = _document(source)
    for name in without_volume:
        document.getModel().getCompartment(name).setVolume(1.0)
    properties = libsbml.ConversionProperties(libsbml.SBMLNamespaces(2, 4))
    properties.addOption("strict", False)
    properties.addOption("setLevelAndVersion", True)
    properties.addOption("ignorePackages", True)
    if document.convert(properties) != libsbml.LIBSBML_OPERATION_SUCCESS:
        raise InputError(f"{source.name}{first_error(document) or ': level 1 cannot be converted; check the model'}")
    return libsbml.writeSBMLToString(document).encode("utf-8")


def flatten(source: Source) -> bytes:
    """The text of a composed model (package comp) with its submodels put in place.

    External definitions are read only from files in the folder of the model or below it.
    """
    libsbml = _libsbml()
    document = _document(source)
    _check_instances(document, source.name)
    _check_external(document, source, source.path.resolve().parent if source.path else None, set())
    if source.path is not None:
        document.setLocationURI(f"file:{source.path.resolve()}")
    properties = libsbml.ConversionProperties()
    properties.addOption("flatten comp", True)
    properties.addOption("performValidation", False)
    properties.addOption("leavePorts", False)
    properties.addOption("abortIfUnflattenable", "requiredOnly")
    properties.addOption("stripUnflattenablePackages", True)
    if source.path is not None:
        properties.addOption("basePath", str(source.path.resolve().parent))
    if document.convert(properties) != libsbml.LIBSBML_OPERATION_SUCCESS:
        problem = first_error(document) or ": its submodels cannot be put together; check package 'comp' in it"
        raise InputError(f"{source.name}{problem}")
    return libsbml.writeSBMLToString(document).encode("utf-8")


def _check_instances(document, name: str) -> None:
    """Refuse models whose number of submodels, which can grow exponentially with nesting, is too large to flatten."""
    models = {"": document.getModel()}
    plugin = document.getPlugin("comp")
    for i in range(plugin.getNumModelDefinitions() if plugin is not None else 0):
        definition = plugin.getModelDefinition(i)
        models[definition.getId()] = definition
    inside: dict[str, list[str]] = {}
    for id, model in models.items():
        part = model.getPlugin("comp") if model is not None else None
        count = part.getNumSubmodels() if part is not None else 0
        inside[id] = [part.getSubmodel(i).getModelRef() for i in range(count)]
    if models[""] is not None:
        inside.setdefault(models[""].getId(), inside[""])
    sizes: dict[str, int] = {}
    waiting = list(inside)
    levels = 0
    while waiting:
        levels += 1
        ready = [id for id in waiting if all(ref in sizes or ref not in inside for ref in inside[id])]
        if not ready:
            raise InputError(f"{name}: the submodel definition '{max(waiting)}' contains itself; break the circle")
        for id in ready:
            sizes[id] = 1 + sum(sizes.get(ref, 1) for ref in inside[id])
        waiting = [id for id in waiting if id not in sizes]
    if levels > MAX_NESTED:
        raise InputError(f"{name} has submodels nested more than {MAX_NESTED} levels deep; use fewer levels")
    if max(sizes.values()) > MAX_INSTANCES:
        raise InputError(f"{name} unfolds to more than {MAX_INSTANCES:,} submodels; use fewer levels")


def _check_external(document, source: Source, folder: Path | None, seen: set[Path]) -> None:
    """Every external file that flattening will open must be an ordinary SBML file beside the model."""
    plugin = document.getPlugin("comp")
    for i in range(plugin.getNumExternalModelDefinitions() if plugin is not None else 0):
        name = plugin.getExternalModelDefinition(i).getSource()
        if folder is None:
            raise InputError(f"{source.name} takes a submodel from {name!r}; read it from a file beside that one")
        path = (folder / name.removeprefix("file:")).resolve()
        if not path.is_relative_to(folder) or "://" in name:
            raise InputError(f"{source.name} takes a submodel from {name!r}; put that file into {folder}")
        if not path.is_file():
            raise InputError(f"{source.name} takes a submodel from {name!r}, which is not in {folder}; put it there")
        if path in seen:
            continue
        seen.add(path)
        if path.stat().st_size > min(MAX_CONVERTED, MAX_BYTES):
            raise InputError(f"{path} is larger than {MAX_CONVERTED // 2**20} MB, too large for a submodel")
        data = path.read_bytes()
        parse(data, str(path))
        inner = _libsbml().readSBMLFromString(_declared_utf8(data))
        _check_instances(inner, str(path))
        _check_external(inner, Source(data, str(path), path), folder, seen)


def check_text(text: str, units: bool = True) -> list[str]:
    """Errors (not warnings) that libSBML's consistency check finds in SBML text, one line each."""
    libsbml = _libsbml()
    document = libsbml.readSBMLFromString(text)
    document.setConsistencyChecks(libsbml.LIBSBML_CAT_UNITS_CONSISTENCY, units)
    document.checkConsistency()
    found = []
    for i in range(document.getNumErrors()):
        error = document.getError(i)
        if error.getSeverity() >= libsbml.LIBSBML_SEV_ERROR:
            found.append(f"line {error.getLine()}: {error.getErrorId()}: {condensed(error.getMessage())}")
    return found
