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


def unquoted(text: str) -> str:
    """The value of an attribute as `quoted` wrote it, given without its quotes."""
    for character, entity in (
        ("\n", "&#10;"),
        ("\t", "&#9;"),
        ("\r", "&#13;"),
        ('"', "&quot;"),
        (">", "&gt;"),
        ("<", "&lt;"),
        ("&", "&amp;"),
    ):
        text = text.replace(entity, character)
    return text
