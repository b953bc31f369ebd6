"""Read SBML text of any level."""

from __future__ import annotations

from manyscale.formats.sbml.packages import used
from manyscale.formats.sbml.reader import build, check_size, level_and_version
from manyscale.formats.sbml.tree import parse
from manyscale.formats.text import Source
from manyscale.model.model import Model


def read_sbml(source: Source) -> Model:
    """A Model from SBML of level 1, 2 or 3.

    Raises InputError (malformed, undefined names, hostile) and UnsupportedError (packages, symbols), naming the line.
    """
    check_size(source.data, source.name)
    document = parse(source.data, source.name)
    level, _ = level_and_version(document.root, source.name)
    if level == 1 or used(document).get("comp"):
        from manyscale.formats.sbml.convert import flatten, from_level_1

        text = from_level_1(source, document.root) if level == 1 else flatten(source)
        document = parse(text, source.name)
    return build(document, source.name)
