"""Object code on disk, so that a model compiled once is ready at once in the next process.

Files are named by a hash of everything that determines them and appear whole (written beside, then renamed), so
processes may share the folder. MANYSCALE_CACHE=0 turns it off; any other value is the folder to use.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

LARGEST = 64 * 2**20  # bytes kept; the files used longest ago go first
_MARK = b"manyscale-1\0"


def folder() -> Path | None:
    """Where object code is kept; None when it is not."""
    setting = os.environ.get("MANYSCALE_CACHE", "")
    if setting == "0":
        return None
    if setting:
        return Path(setting)
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "manyscale" / "objects"


def load(key: str) -> bytes | None:
    """What was stored under the key, if it is there and whole."""
    place = folder()
    if place is None:
        return None
    try:
        content = (place / key).read_bytes()
    except OSError:
        return None
    size = len(_MARK) + 8
    if content[: len(_MARK)] != _MARK or int.from_bytes(content[len(_MARK) : size], "little") != len(content) - size:
        return None
    return content[size:]


def store(key: str, content: bytes) -> None:
    """Keep it if that is possible; a folder that cannot be written is no error."""
    place = folder()
    if place is None:
        return
    try:
        place.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=place, prefix=".new")
        with os.fdopen(handle, "wb") as file:
            file.write(_MARK + len(content).to_bytes(8, "little") + content)
        os.replace(temporary, place / key)
        _trim(place)
    except OSError:
        return


def _trim(place: Path) -> None:
    files = [(entry.stat().st_mtime, entry.stat().st_size, entry.path) for entry in os.scandir(place)]
    excess = sum(size for _, size, _ in files) - LARGEST
    for _, size, path in sorted(files):
        if excess <= 0:
            break
        os.unlink(path)
        excess -= size
