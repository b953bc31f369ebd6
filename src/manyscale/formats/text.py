"""From a path or a piece of model text to bytes, with limits and one-line errors."""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from manyscale.errors import InputError

MAX_BYTES = 256 * 1024 * 1024  # the largest curated model known is about 30 MB


@dataclass(frozen=True)
class Source:
    """Model text with the place it came from. `name` starts every error message about it."""

    data: bytes
    name: str
    path: Path | None = None

    @property
    def suffix(self) -> str:
        """File extension in lower case, without a final `.gz`."""
        if self.path is None:
            return ""
        suffixes = [s.lower() for s in self.path.suffixes]
        if suffixes and suffixes[-1] == ".gz":
            suffixes.pop()
        return suffixes[-1] if suffixes else ""


def is_text(source: object) -> bool:
    """Whether a `str` is model text (contains a newline, `<`, `;` or `->`) rather than the name of a file."""
    return isinstance(source, str) and any(mark in source for mark in ("\n", "<", ";", "->"))


def load(source: str | PathLike) -> Source:
    """Read a file (gzip allowed) or take model text.

    Raises InputError: missing file, folder, empty or binary content, wrong encoding, more than `MAX_BYTES`.
    """
    if isinstance(source, bytes | bytearray):
        raise InputError("a model is read from a path or from a str; decode bytes first")
    if not isinstance(source, str | PathLike):
        raise InputError(f"a model is read from a path or from text, not from {type(source).__name__}")
    if is_text(source):
        return Source(_checked(_text_bytes(str(source)), "model text"), "model text")
    if not str(source).strip():
        raise InputError("the model text is empty; give a path to a model file or the text of a model")
    path = Path(source)
    data = _as_utf8(_file_bytes(path), str(path))
    return Source(_checked(data, str(path)), str(path), path)


def _text_bytes(text: str) -> bytes:
    """UTF-8 bytes of text; an encoding that it declares was for the file it came from."""
    try:
        return text.removeprefix("\ufeff").encode("utf-8")
    except UnicodeError as error:
        line = text.count("\n", 0, getattr(error, "start", 0)) + 1
        raise InputError(f"model text, line {line}: half of a character (a lone surrogate); remove it") from None


def _file_bytes(path: Path) -> bytes:
    try:
        if path.is_dir():
            raise InputError(f"{path} is a folder; give the path of a model file in it")
        if not path.exists():
            raise InputError(f"{path}: no such file; check the path (model text must contain a newline or ';')")
        if not path.is_file():
            raise InputError(f"{path} is not an ordinary file; give the path of a model file")
        if path.stat().st_size > MAX_BYTES:
            raise InputError(f"{path} is larger than {MAX_BYTES // 2**20} MB; split the model")
        data = path.read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        shown = str(path)
        shown = shown if len(shown) < 200 else shown[:200] + "..."
        raise InputError(f"{shown!r} cannot be read: {reason}") from None
    return _gunzip(data, path) if data[:2] == b"\x1f\x8b" else data


def _gunzip(data: bytes, path: Path) -> bytes:
    import gzip
    import io
    import zlib

    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as stream:
            data = stream.read(MAX_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path} is not a whole gzip file ({error}); unpack it with gunzip to see") from None
    if len(data) > MAX_BYTES:
        raise InputError(f"{path} unpacks to more than {MAX_BYTES // 2**20} MB; split the model")
    return data


def _checked(data: bytes, name: str) -> bytes:
    if len(data) > MAX_BYTES:
        raise InputError(f"{name} is larger than {MAX_BYTES // 2**20} MB; split the model")
    if not data.strip():
        raise InputError(f"{name} is empty; give SBML, Antimony or BioNetGen .net text")
    if b"\0" in data:
        raise InputError(f"{name} is a binary file; give SBML, Antimony or BioNetGen .net text")
    return data


def _as_utf8(data: bytes, name: str) -> bytes:
    """UTF-8 bytes without byte order mark; other encodings are found by byte order mark or XML declaration."""
    if data.startswith(b"\xef\xbb\xbf"):
        data = data[3:]
    encoding = None
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        encoding = "utf-16"
    elif data[:4] in (b"<\0?\0", b"\0<\0?"):
        encoding = "utf-16-le" if data[0] else "utf-16-be"
    elif data[:5] == b"<?xml":
        encoding = _declared(data)
    try:
        if encoding is None or encoding.lower().replace("_", "-") in ("utf-8", "utf8", "us-ascii", "ascii"):
            if not data.isascii():
                data.decode("utf-8")
            return data
        return data.decode(encoding).encode("utf-8")
    except UnicodeError as error:
        if b"\0" in data:
            raise InputError(f"{name} is a binary file; give SBML, Antimony or BioNetGen .net text") from None
        position = getattr(error, "start", 0)
        line = data.count(b"\n", 0, position) + 1
        wanted = encoding or "UTF-8"
        raise InputError(f"{name}, line {line}: text is not valid {wanted}; save the file as UTF-8") from None
    except (LookupError, ValueError):
        raise InputError(f"{name} declares the unknown encoding {encoding!r}; save it as UTF-8") from None


def _declared(data: bytes) -> str | None:
    head = data[: data.find(b"?>", 0, 400) + 1]
    mark = head.find(b"encoding")
    if mark < 0:
        return None
    for quote in (b'"', b"'"):
        parts = head[mark:].split(quote)
        if len(parts) >= 3:
            return parts[1].decode("ascii", "replace")
    return None
