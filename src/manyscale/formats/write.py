"""Write a model in a format."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

from manyscale.errors import InputError
from manyscale.model.model import Model

WRITTEN = {"sbml": (".xml", ".sbml"), "antimony": (".ant", ".txt")}


def write(model: Model, path: str | PathLike, format: str | None = None) -> Path:
    """Write a model to a file; the format follows from the extension (.xml, .sbml, .ant, .txt, each also .gz).

    Returns the path. Raises InputError for an unknown format or a place that cannot be written.
    """
    path, model = Path(path), getattr(model, "model", model)  # a module of a circuit has a model
    suffixes = [suffix.lower() for suffix in path.suffixes]
    packed = bool(suffixes) and suffixes[-1] == ".gz"
    suffix = (suffixes[-2] if len(suffixes) > 1 else "") if packed else (suffixes[-1] if suffixes else "")
    if format is None:
        format = next((name for name, known in WRITTEN.items() if suffix in known), None)
        if format is None:
            raise InputError(f"{path}: the extension {suffix!r} names no format; use .xml or .ant, or give format=")
    import gzip

    data = to_text(model, format).encode("utf-8")
    try:
        path.write_bytes(gzip.compress(data, mtime=0) if packed else data)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror or error}") from None
    return path


def to_text(model: Model, format: str = "sbml") -> str:
    """The text of a model: "sbml" (level 3 version 2, reads back to an equal Model) or "antimony"."""
    if format == "sbml":
        from manyscale.formats.sbml.writer import write_sbml

        return write_sbml(model)
    if format == "antimony":
        from manyscale.formats.antimony import write_antimony

        return write_antimony(model)
    raise InputError(f"cannot write the format {format!r}; use one of {', '.join(WRITTEN)}")
