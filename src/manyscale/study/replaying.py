"""Do a study again from its record and compare."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from manyscale.errors import InputError
from manyscale.model.question import Question
from manyscale.study.record import Study, load, plain

CLOSE = 1e-3  # relative difference of numbers that still counts as the same: time steps may differ between machines


@dataclass(frozen=True)
class Replay:
    """Whether a study gave the same results again, and where not."""

    agrees: bool
    differences: tuple[str, ...]
    versions: tuple[str, ...]  # of what has changed since, in words
    old: Study = field(repr=False)
    new: Study = field(repr=False)

    def to_dict(self) -> dict[str, Any]:
        return {
            "agrees": self.agrees,
            "differences": list(self.differences),
            "versions": list(self.versions),
            "old": self.old.summary(),
            "new": self.new.summary(),
        }

    def lines(self) -> list[str]:
        """The comparison in words."""
        said = ["the results agree with the record" if self.agrees else "the results differ from the record"]
        said += [f"differs: {one}" for one in self.differences]
        return said + [f"changed since: {one}" for one in self.versions]


@dataclass(frozen=True)
class Recheck:
    """A verification at new points."""

    points: int
    worst_error: float | None
    violations: int
    per_observable: dict[str, float]

    def to_dict(self) -> dict[str, Any]:
        return plain(self)

    def lines(self) -> list[str]:
        if not self.points:
            return ["nothing to check: the study has no small model"]
        worst = "unknown" if self.worst_error is None else f"{100 * self.worst_error:.3g} %"
        return [f"points: {self.points}", f"largest error: {worst}", f"violations: {self.violations}"]


def replay(path: str | Path, *, progress: Callable[..., None] | None = None) -> Replay:
    """Analyse the model of a saved study again, with the same question, seeds and changes, and compare.

    Raises InputError if the file is no study or does not carry the model's text.
    """
    old = load(path)
    new = _again(old, progress)
    differences = tuple(compare(old, new))
    changed = [
        f"{name} {version} -> {new.versions.get(name, 'missing')}"
        for name, version in old.versions.items()
        if new.versions.get(name) != version
    ]
    return Replay(not differences, differences, tuple(changed), old, new)


def _again(old: Study, progress: Callable[..., None] | None, points: int | None = None) -> Study:
    from manyscale.study.analysis import analyze

    options = old.options
    return analyze(
        model_text(old),
        asked(old),
        values=old.source.get("changes") or None,
        points=points or options["points"],
        seed=options["seed"],
        time_limit=options["time_limit"],
        **{name: options.get(name, False) for name in ("formulas", "rigorous", "proved")},
        progress=progress,
        pictures=False,
    )


def model_text(study: Study) -> str:
    """The text of the model of a saved study, checked against its hash."""
    text = study.source.get("text")
    if not text:
        raise InputError("the study does not carry its model (it was too large); analyse the model file again")
    if hashlib.sha256(text.encode()).hexdigest() != study.source.get("sha256"):
        raise InputError("the model in the study does not match its hash; the file was changed after it was written")
    return text if "\n" in text else text + "\n"


def asked(study: Study) -> Question:
    """The question as it was asked, before the program filled it in."""
    given = dict(study.options["asked"])
    if isinstance(given["region"], dict):
        given["region"] = {id: tuple(pair) for id, pair in given["region"].items()}
    return Question(**given)


def compare(old: Study, new: Study) -> list[str]:
    """Differences between the results of two studies, in words."""
    found = []
    if dict(old.dimension) != dict(new.dimension):
        found.append(f"dimension {dict(old.dimension)} -> {dict(new.dimension)}")
    before, after = [b["name"] for b in old.chain], [b["name"] for b in new.chain]
    if before != after:
        found.append(f"chain {before} -> {after}")
    for one, two in zip(old.chain, new.chain, strict=False):
        if one["tier"] != two["tier"]:
            found.append(f"tier of {one['name']}: {one['tier']} -> {two['tier']}")
        if sorted(one["eliminated"]) != sorted(two["eliminated"]):
            found.append(f"{one['name']} eliminates {two['eliminated']} instead of {one['eliminated']}")
        for key in ("bound", "measured"):
            if not _close(one["error"].get(key), two["error"].get(key)):
                found.append(f"{key} error of {one['name']}: {one['error'].get(key)} -> {two['error'].get(key)}")
    if sorted(r["name"] for r in old.refusals) != sorted(r["name"] for r in new.refusals):
        found.append("the refusals are not the same")
    for key in ("worst_error", "violations"):
        if not _close(old.verified.get(key), new.verified.get(key)):
            found.append(f"{key} of the check: {old.verified.get(key)} -> {new.verified.get(key)}")
    return found


def _close(a: Any, b: Any) -> bool:
    if isinstance(a, (int, float)) and isinstance(b, (int, float)):
        return math.isclose(a, b, rel_tol=CLOSE, abs_tol=1e-7)
    return a == b


def verify_again(
    path: str | Path, *, points: int = 200, seed: int = 1, progress: Callable[..., None] | None = None
) -> Recheck:
    """Make the chain of a saved study again and check it at other points of the region."""
    from manyscale.bridges.verify import verify
    from manyscale.study import drawing

    old = load(path)
    if not old.chain:
        return Recheck(0, None, 0, {})
    new = _again(old, progress, points=1)
    if new.reduction is None or not new.reduction.bridges:
        raise InputError("the small model of the study could not be made again; run manyscale replay to see why")
    found = drawing.verification(verify(new.reduction, new.resolved, points=points, seed=seed, progress=progress))
    checked = found["summary"]
    return Recheck(checked["points"], checked["worst_error"], checked["violations"], found["errors"])
