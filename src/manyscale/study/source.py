"""Where a model came from: its text and hash, so that a study can be repeated anywhere."""

from __future__ import annotations

import hashlib
import html
import re
from pathlib import Path
from typing import Any

from manyscale.formats import read, to_text
from manyscale.model.model import Model

LARGEST = 8_000_000  # characters of model text that are kept in a study


def open_model(source: Model | str | Path) -> tuple[Model, dict[str, Any]]:
    """The model and its provenance: name, text, SHA-256 and the citation that it carries."""
    if isinstance(source, Model):
        text, name, model = to_text(source), f"{source.id} (built in Python)", source
    else:
        model = read(source)
        text, name = _text(source, model)
    found = {"name": name, "sha256": hashlib.sha256(text.encode()).hexdigest(), "notes": citation(model, text)}
    if len(text) <= LARGEST:
        found["text"] = text
    return model, found


def _text(source: str | Path, model: Model) -> tuple[str, str]:
    """The text as it was given; of a packed file, as this program would write it."""
    if isinstance(source, str) and any(mark in source for mark in ("\n", "<", ";", "->")):
        return source, "text"
    path = Path(source)
    try:
        return path.read_text(encoding="utf-8"), path.name
    except UnicodeDecodeError:
        return to_text(model), path.name


def citation(model: Model, text: str) -> str:
    """What the model says about its origin: comments at the top of Antimony, else the notes of SBML, shortened."""
    lines = []
    for line in text.splitlines()[:40]:
        if not line.startswith("//"):
            break
        lines.append(line.lstrip("/").strip())
    said = "\n".join(lines).strip()
    if not said and model.meta is not None and model.meta.notes:
        plain = re.sub(r"<(style|title)[^>]*>.*?</\1>", " ", model.meta.notes, flags=re.S)
        plain = re.sub(r"</(p|div|h\d|li|tr)>|<br\s*/?>", "\n", plain)
        plain = html.unescape(re.sub(r"<[^>]+>", " ", plain))
        said = "\n".join(line for line in (" ".join(row.split()) for row in plain.splitlines()) if line)
    return said if len(said) <= 1200 else said[:1200].rsplit(" ", 1)[0] + " …"
