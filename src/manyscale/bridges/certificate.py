"""What a bridge can prove about itself, as plain frozen data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from manyscale.model.fingerprint import source_hash
from manyscale.scales.group import Group

__all__ = [
    "TIERS", "Assumption", "Band", "Certificate", "ErrorStatement", "Group", "Phase", "Refusal", "Spectrum", "added", "source_hash", "versions",
    "weakest",
]  # fmt: skip

TIERS = ("measured", "estimated", "rigorous", "exact")  # weakest first


@dataclass(frozen=True)
class Assumption:
    text: str
    status: str  # "proved", "checked" or "assumed"


@dataclass(frozen=True)
class Spectrum:
    """Worst values over the used piece of the trajectories."""

    gap: float  # slowest fast decay rate / fastest slow rate
    attractivity: float  # slowest decay rate of the fast part, 1/time (must be positive)
    alignment: float  # norm of J_sf J_ff^-2 J_fs
    time_scales_fast: tuple[float, ...] = ()
    time_scales_slow: tuple[float, ...] = ()


@dataclass(frozen=True)
class Band:
    """How far observables may be off when: `widths` by id, one per cell between neighbouring `times` (cell edges), as
    shares of the observable's largest value."""

    times: tuple[float, ...]
    widths: Mapping[str, tuple[float, ...]]

    def bound(self, id: str) -> float:
        """The largest width of one observable: its own bound."""
        return max(self.widths[id])


@dataclass(frozen=True)
class Phase:
    """How an oscillating observable differs, at the model's own values: `period` of the fine model, its relative error,
    how late the coarse one is after so many `turns` (in periods), and the largest difference in `shape` once both are
    read at their own phase (share of the largest value)."""

    observable: str
    period: float
    period_error: float
    turns: int
    drift: float
    shape: float

    def __str__(self) -> str:
        return (
            f"the period of {self.observable} ({self.period:.4g}) is off by {100 * self.period_error:+.2g} %, which makes "
            f"{abs(self.drift):.2g} of a turn after {self.turns} turns; its shape by {100 * self.shape:.2g} %"
        )


@dataclass(frozen=True)
class ErrorStatement:
    """Errors in the question's norm. `bound` is what the certificate promises on the whole region; `band` what it
    expects of each observable along time."""

    norm: str
    measured: float | None
    bound: float | None
    effectivity: float | None = None
    per_observable: Mapping[str, float] = field(default_factory=dict)
    points: int = 0  # how many points the measured value is over
    band: Band | None = None
    phase: Phase | None = None  # of oscillators


@dataclass(frozen=True)
class Certificate:
    tier: str
    claim: str
    assumptions: tuple[Assumption, ...] = ()
    groups: tuple[Group, ...] = ()
    spectrum: Spectrum | None = None
    defect: float | None = None
    error: ErrorStatement | None = None
    domain: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    alternatives: tuple[str, ...] = ()  # what else was tried and why it was rejected
    recipe: Mapping[str, Any] = field(default_factory=dict)  # enough to repeat the construction
    source_hash: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Refusal:
    """The other possible result of a bridge method."""

    name: str  # of the method
    reason: str  # in words
    value: float | None = None  # the number that failed
    threshold: float | None = None
    where: str = ""  # species, time, or point of the region
    tried: tuple[str, ...] = ()  # attempts on the way, and why each was rejected
    holds_within: float | None = None  # factor of a smaller region in which the method found something
    advice: str = ""  # what, and how to ask for it


def added(errors: Iterable[float]) -> float:
    """Errors of steps one after another: with |a - b| <= e1 max|a| and |b - c| <= e2 max|b| follows |a - c| <=
    (e1 + e2 (1 + e1)) max|a|."""
    total = 0.0
    for error in errors:
        total += error * (1.0 + total)
    return total


def weakest(tiers: Iterable[str]) -> str:
    """The tier of a whole that has parts of these tiers ("exact" for no parts)."""
    return min(tiers, key=TIERS.index, default="exact")


@cache
def _versions() -> tuple[tuple[str, str], ...]:
    import platform
    from importlib.metadata import PackageNotFoundError, version

    found = [("python", platform.python_version())]
    for name in ("manyscale", "numpy", "scipy"):
        try:
            found.append((name, version(name)))
        except PackageNotFoundError:
            continue
    return tuple(found)


def versions() -> dict[str, str]:
    """Versions of what can change a number in a certificate."""
    return dict(_versions())
