"""Read a model: find out which format the text is in, then hand it to the reader of that format."""

from __future__ import annotations

import re
from os import PathLike

from manyscale.errors import InputError, ManyscaleError
from manyscale.formats.text import Source, load
from manyscale.model.model import Model

FORMATS = ("sbml", "antimony", "net")
_BY_SUFFIX = {".xml": "sbml", ".sbml": "sbml", ".ant": "antimony", ".net": "net", ".txt": "antimony"}
_NET_BLOCK = re.compile(rb"^\s*begin\s+(parameters|species|reactions|groups|functions)\b", re.MULTILINE)


def read(source: str | PathLike) -> Model:
    """Read SBML, Antimony or BioNetGen .net.

    `source`: a `str` with a newline, `<`, `;` or `->` is model text; anything else is a path (gzip allowed).
    Raises InputError for what cannot be read and UnsupportedError for valid elements that are not supported.
    """
    try:
        return _read(load(source))
    except ManyscaleError as error:
        error.args = (" ".join(str(error).split())[:1000],)  # one line, whatever the text it quotes
        raise


def _read(loaded: Source) -> Model:
    kind = detect(loaded)
    if kind == "sbml":
        from manyscale.formats.sbml.read import read_sbml

        return read_sbml(loaded)
    if kind == "net":
        from manyscale.formats.net import read_net

        return read_net(loaded)
    from manyscale.formats.antimony import read_antimony

    return read_antimony(loaded)


def detect(source: Source) -> str:
    """The format of a text, by content first and then by file extension. Raises InputError if none fits."""
    head = source.data[:4096].lstrip()
    if head.startswith(b"<"):
        return "sbml"
    if _NET_BLOCK.search(source.data[:200_000]) or _NET_BLOCK.search(source.data):
        return "net"
    by_suffix = _BY_SUFFIX.get(source.suffix)
    if by_suffix == "sbml":
        raise InputError(f"{source.name} does not start with '<'; an SBML file is XML")
    if by_suffix is not None:
        return by_suffix
    if source.path is None or any(mark in source.data for mark in (b"->", b"=>", b"model ", b"=", b";")):
        return "antimony"
    raise InputError(f"{source.name} is neither SBML, Antimony nor BioNetGen .net; give one of these")
