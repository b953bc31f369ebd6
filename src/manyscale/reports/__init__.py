"""Tell a study: HTML report, figures, text. Computes nothing."""

from __future__ import annotations

__all__ = ["render", "report"]


def __getattr__(name: str) -> object:
    if name in __all__:
        from manyscale.reports import html

        return getattr(html, name)
    raise AttributeError(f"module 'manyscale.reports' has no attribute {name!r}")
