"""Write what an analysis found into a folder."""

from __future__ import annotations

from pathlib import Path

from manyscale.errors import InputError
from manyscale.formats import write
from manyscale.study.record import Study


def save(study: Study, folder: str | Path) -> dict[str, Path]:
    """Write study.json and, if and only if the chain is not empty, reduced.xml; returns the paths by kind.

    An old reduced.xml is removed, so that what lies in the folder belongs together.
    """
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder} cannot be made: {error.strerror}; choose another folder with -o") from None
    found = {"study": study.save(folder / "study.json")}
    reduced = folder / "reduced.xml"
    if study.chain and study.coarse is not None:
        found["reduced"] = write(study.coarse, reduced)
    else:
        reduced.unlink(missing_ok=True)
    return found
