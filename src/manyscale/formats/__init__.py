"""Model files: read, write, and the text of a model in each format."""

from manyscale.formats.read import detect, read
from manyscale.formats.write import to_text, write

__all__ = ["detect", "read", "to_text", "write"]
