"""Text inside XML. (The standard library's version of this imports a web client, which takes longer than most models.)"""

from __future__ import annotations

_ATTRIBUTE = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\n": "&#10;", "\t": "&#9;", "\r": "&#13;"}
)
_TEXT = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


def escape(text: str) -> str:
    """Text as element content."""
    return text if text.isalnum() else text.translate(_TEXT)


def quoted(text: str) -> str:
    """Text as an attribute value, with its quotes."""
    return f'"{text}"' if text.isalnum() else f'"{text.translate(_ATTRIBUTE)}"'
