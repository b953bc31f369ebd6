"""Typed attributes of SBML elements, with the line in every complaint."""

from __future__ import annotations

import re
from typing import NoReturn

from manyscale.errors import InputError
from manyscale.formats.sbml.mathml import Formula, parse_float
from manyscale.formats.sbml.own import as_it_was
from manyscale.formats.sbml.tree import Node
from manyscale.model.parts import Meta

_EMPTY = Meta()
_ID = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


class Context:
    """What every part reader needs: where the text came from, its level and version, and the remarks made so far."""

    def __init__(self, source: str, level: int, version: int):
        self.source, self.level, self.version = source, level, version
        self.remarks: list[str] = []

    def remark(self, text: str) -> None:
        """Note once, in words, what had to be interpreted or left out."""
        if text not in self.remarks:
            self.remarks.append(text)

    def fail(self, node: Node | Formula | None, message: str) -> NoReturn:
        """Raise InputError that starts with the place."""
        place = self.source if node is None else f"{self.source}, line {node.line}"
        raise InputError(f"{place}: {message}")

    def identifier(self, node: Node, name: str = "id") -> str:
        """A required id."""
        value = node.attributes.get(name)
        if value is None:
            self.fail(node, f"'{node.tag}' needs the attribute '{name}'")
        return self.checked_id(node, value)

    def checked_id(self, node: Node, value: str) -> str:
        """The id without surrounding blanks; letters, digits and underscores only."""
        if not _ID.match(value):
            value = value.strip()
            if not _ID.match(value):
                self.fail(node, f"{value[:60]!r} is not an SBML id (letters, digits and _, no digit first)")
        return value

    def reference(self, node: Node, name: str) -> str | None:
        """An optional id of something else."""
        value = node.attributes.get(name)
        return None if value is None or not value.strip() else self.checked_id(node, value)

    def number(self, node: Node, name: str, default: float | None = None) -> float | None:
        """An optional number."""
        text = node.attributes.get(name)
        if text is None:
            return default
        try:
            return parse_float(text)
        except ValueError:
            self.fail(node, f"{name}={text[:60]!r} of '{node.tag}' is not a number")

    def given(self, node: Node, name: str, default: float) -> float:
        """A number with a default."""
        value = self.number(node, name)
        return default if value is None else value

    def boolean(self, node: Node, name: str, default: bool) -> bool:
        """An optional truth value."""
        text = node.attributes.get(name)
        if text is None:
            return default
        if text in ("true", "1", " true", "true "):
            return True
        if text in ("false", "0"):
            return False
        self.fail(node, f"{name}={text[:60]!r} of '{node.tag}' must be true or false")

    def meta(self, node: Node) -> Meta | None:
        """Notes, annotation, SBO term and meta id, or None where there are none."""
        attributes, raw = node.attributes, node.raw
        if raw is None and "metaid" not in attributes and "sboTerm" not in attributes:
            return None
        raw = raw or {}
        meta = Meta(
            notes=raw.get("notes", ""),
            annotation=as_it_was(raw.get("annotation", "")),
            sbo=attributes.get("sboTerm", ""),
            meta_id=attributes.get("metaid", ""),
        )
        return None if meta == _EMPTY else meta
