"""A named dimensionless number."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Group:
    """A named dimensionless number with the value that matters for the claim.

    value: at the point of the trajectory where it is largest, unless `meaning` says otherwise. range: over the region.
    """

    name: str
    formula: str
    value: float
    threshold: float | None = None
    margin: float | None = None
    meaning: str = ""
    range: tuple[float, float] | None = None
