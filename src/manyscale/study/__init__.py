"""The saved record of a piece of work, which can be told in a report and re-run."""

from __future__ import annotations

from importlib import import_module

_WHERE = {"Study": "record", "load": "record", "analyze": "analysis", "replay": "replaying", "Replay": "replaying"}
__all__ = ["Replay", "Study", "analyze", "load", "replay"]


def __getattr__(name: str) -> object:
    if name in _WHERE:
        return getattr(import_module(f"manyscale.study.{_WHERE[name]}"), name)
    raise AttributeError(f"module 'manyscale.study' has no attribute {name!r}")
