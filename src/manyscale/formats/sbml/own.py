"""What SBML level 3 has no place for, kept in annotations of our own.

That is a model's level of description and space, and annotations of level 2 that have several elements of one
namespace side by side, which level 3 forbids: those elements are put into one element of ours.
"""

from __future__ import annotations

import dataclasses
import re
from pyexpat import ExpatError, ParserCreate

from manyscale.formats.xmltext import quoted, unquoted
from manyscale.model.model import Model
from manyscale.model.parts import Meta

_OWN = re.compile(r'<manyscale:model xmlns:manyscale="urn:manyscale"([^<>]*)/>')
_KEPT_START, _KEPT_END = '<manyscale:kept xmlns:manyscale="urn:manyscale:kept">', "</manyscale:kept>"
_ATTRIBUTE = re.compile(r'(level|space)="([^"]*)"')


def add_own(model: Model) -> Meta | None:
    """The model's Meta with level and space added to its annotation where they are not the defaults."""
    if model.level == "ode" and model.space is None:
        return model.meta
    meta = model.meta or Meta()
    space = "" if model.space is None else f" space={quoted(model.space)}"
    own = f'<manyscale:model xmlns:manyscale="urn:manyscale" level={quoted(model.level)}{space}/>'
    inside = meta.annotation.removesuffix("</annotation>") or "<annotation>"
    return dataclasses.replace(meta, annotation=f"{inside}{own}</annotation>")


def take_own(meta: Meta | None) -> tuple[Meta | None, dict[str, str]]:
    """The Meta as it was before `add_own`, and the level and space found in it."""
    if meta is None or "urn:manyscale" not in meta.annotation:
        return meta, {}
    match = _OWN.search(meta.annotation)
    if match is None:
        return meta, {}
    found = {name: unquoted(value) for name, value in _ATTRIBUTE.findall(match.group(1))}
    annotation = meta.annotation.replace(match.group(), "")
    meta = dataclasses.replace(meta, annotation="" if annotation == "<annotation></annotation>" else annotation)
    return (None if meta == Meta() else meta), found


def allowed_in_level_3(annotation: str) -> str:
    """The annotation with elements of the same namespace side by side put into one element."""
    if not annotation:
        return annotation
    data = annotation.encode("utf-8")
    cuts: list[tuple[int, str]] = []  # start and namespace of each top element
    depth = 0
    parser = ParserCreate("utf-8", " ")

    def start(tag, attributes):
        nonlocal depth
        depth += 1
        if depth == 2:
            cuts.append((parser.CurrentByteIndex, tag.rpartition(" ")[0]))

    def end(tag):
        nonlocal depth
        depth -= 1

    parser.StartElementHandler, parser.EndElementHandler = start, end
    try:
        parser.Parse(data, True)
    except ExpatError:
        return annotation
    spaces = [space for _, space in cuts]
    double = [i for i, space in enumerate(spaces) if spaces.count(space) > 1] if len(set(spaces)) < len(spaces) else []
    if not double:
        return annotation
    first, last = cuts[double[0]][0], double[-1]
    stop = cuts[last + 1][0] if last + 1 < len(cuts) else len(data) - len("</annotation>")
    parts = (data[:first], _KEPT_START.encode(), data[first:stop], _KEPT_END.encode(), data[stop:])
    return b"".join(parts).decode("utf-8")


def as_it_was(annotation: str) -> str:
    """The annotation before `allowed_in_level_3`."""
    if "urn:manyscale:kept" not in annotation:
        return annotation
    before, found, rest = annotation.partition(_KEPT_START)
    inside, closed, after = rest.partition(_KEPT_END)
    return before + inside + after if found and closed else annotation
