"""What a Model knows and SBML has no place for (level of description, space): kept in the model's annotation."""

from __future__ import annotations

import dataclasses
import re
from xml.sax.saxutils import quoteattr

from manyscale.model.model import Model
from manyscale.model.parts import Meta

_OWN = re.compile(r'<manyscale:model xmlns:manyscale="urn:manyscale"([^<>]*)/>')
_ATTRIBUTE = re.compile(r'(level|space)="([^"]*)"')


def add_own(model: Model) -> Meta | None:
    """The model's Meta with level and space added to its annotation where they are not the defaults."""
    if model.level == "ode" and model.space is None:
        return model.meta
    meta = model.meta or Meta()
    space = "" if model.space is None else f" space={quoteattr(model.space)}"
    own = f'<manyscale:model xmlns:manyscale="urn:manyscale" level={quoteattr(model.level)}{space}/>'
    inside = meta.annotation.removesuffix("</annotation>") or "<annotation>"
    return dataclasses.replace(meta, annotation=f"{inside}{own}</annotation>")


def take_own(meta: Meta | None) -> tuple[Meta | None, dict[str, str]]:
    """The Meta as it was before `add_own`, and the level and space found in it."""
    if meta is None or "urn:manyscale" not in meta.annotation:
        return meta, {}
    match = _OWN.search(meta.annotation)
    if match is None:
        return meta, {}
    found = dict(_ATTRIBUTE.findall(match.group(1)))
    annotation = meta.annotation.replace(match.group(), "")
    meta = dataclasses.replace(meta, annotation="" if annotation == "<annotation></annotation>" else annotation)
    return (None if meta == Meta() else meta), found
