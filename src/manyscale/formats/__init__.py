"""Model files: read, write, and the text of a model in each format."""

from __future__ import annotations

from manyscale.formats.read import detect, read

__all__ = ["detect", "read", "to_text", "write"]


def __getattr__(name: str):
    if name in ("write", "to_text"):
        from manyscale.formats import write as module

        return getattr(module, name)
    raise AttributeError(name)
