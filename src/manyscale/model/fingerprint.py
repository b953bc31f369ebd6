"""What tells one model from another."""

from __future__ import annotations

import dataclasses
import hashlib

from manyscale.model.model import Model


def source_hash(model: Model) -> str:
    """SHA-256 of everything in a model that has a meaning (not of notes on the model itself)."""
    silent = ("meta", "remarks")
    parts = tuple((f.name, getattr(model, f.name)) for f in dataclasses.fields(model) if f.name not in silent)
    return hashlib.sha256(repr(parts).encode()).hexdigest()
