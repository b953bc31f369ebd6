"""What scans of a burdened cell give: product against growth, batches, isocost lines."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from manyscale.errors import InputError

__all__ = ["Batch", "Isocost", "Pareto", "undominated"]


@dataclass(frozen=True, eq=False)
class Batch:
    """One batch at each point of a Pareto scan: cells that the nutrient feeds, product in all of them at its end
    (molecules), time from inoculation to the end (time of the host), and product per time. best: position of the largest
    product per time (-1: none). All are for balanced growth from the first cell on."""

    factors: np.ndarray
    cells: np.ndarray
    product: np.ndarray
    time: np.ndarray
    productivity: np.ndarray
    best: int

    def to_dict(self) -> dict[str, Any]:
        """Plain lists; NaN as None."""
        return _plain(self, ("factors", "cells", "product", "time", "productivity")) | {"best": self.best}


@dataclass(frozen=True, eq=False)
class Pareto:
    """Product against growth as all genes are scaled together. factors: of expression; growth_rate (per time of the host);
    product: foreign protein per cell (molecules); product_rate: made per cell and time; protein_fraction: of the cell's
    protein mass; uptake: nutrient taken up per cell and time; front: whether no other point grows and makes at least as
    much; best: position of the largest product_rate; growth_alone: growth rate of the host without genes. stopped: why the scan ended early, "" where it did not (the rest is
    NaN)."""

    factors: np.ndarray
    growth_rate: np.ndarray
    product: np.ndarray
    product_rate: np.ndarray
    protein_fraction: np.ndarray
    uptake: np.ndarray
    front: np.ndarray
    best: int
    stopped: str = ""
    growth_alone: float = float("nan")

    @property
    def product_per_nutrient(self) -> np.ndarray:
        """Molecules of product made per molecule of nutrient."""
        return self.product_rate / self.uptake

    def batch(self, nutrient: float, *, cells: float = 1.0, turnaround: float = 0.0) -> Batch:
        """A closed batch with `nutrient` molecules that `cells` cells start, `turnaround` before the next (host's time).

        A new cell costs uptake/growth molecules of nutrient, so cells = start + nutrient * growth/uptake at the end, and it
        takes ln(end/start)/growth to get there.
        Errors: InputError for numbers that are not positive."""
        for what, value, least in (
            ("nutrient", nutrient, 0.0),
            ("cells", cells, 0.0),
            ("turnaround", turnaround, -1e-300),
        ):
            if not math.isfinite(value) or value <= least:
                raise InputError(f"batch: {what} is {value!r}; give a positive number")
        end = cells + nutrient * self.growth_rate / self.uptake
        time = np.log(end / cells) / self.growth_rate + turnaround
        product = end * self.product
        with np.errstate(all="ignore"):
            speed = product / time
        best = int(np.nanargmax(speed)) if np.isfinite(speed).any() else -1
        return Batch(self.factors, end, product, time, speed, best)

    def to_dict(self) -> dict[str, Any]:
        """Plain lists; NaN as None."""
        names = (
            "factors",
            "growth_rate",
            "product",
            "product_rate",
            "protein_fraction",
            "uptake",
            "product_per_nutrient",
        )
        return _plain(self, names) | {"front": self.front.tolist(), "best": self.best, "stopped": self.stopped}


@dataclass(frozen=True, eq=False)
class Isocost:
    """Two proteins as the strength of the first gene is scanned: what one gains the other loses.

    names; strengths of the first gene; first, second (molecules per cell), growth_rate; slope, intercept: best line
    second = intercept + slope * first; error: its largest distance from the curve as a share of the range of `second`.
    """

    names: tuple[str, str]
    strengths: np.ndarray
    first: np.ndarray
    second: np.ndarray
    growth_rate: np.ndarray
    slope: float
    intercept: float
    error: float

    def to_dict(self) -> dict[str, Any]:
        """Plain lists."""
        kept = {n: getattr(self, n) for n in ("slope", "intercept", "error")}
        return _plain(self, ("strengths", "first", "second", "growth_rate")) | {"names": list(self.names)} | kept


def _plain(found: Any, names: tuple[str, ...]) -> dict[str, Any]:
    return {n: [float(x) if np.isfinite(x) else None for x in getattr(found, n)] for n in names}


def undominated(i: int, a: np.ndarray, b: np.ndarray) -> bool:
    """Whether no point has as much of both and more of one."""
    if not (np.isfinite(a[i]) and np.isfinite(b[i])):
        return False
    return not bool(((a >= a[i]) & (b >= b[i]) & ((a > a[i]) | (b > b[i]))).any())
