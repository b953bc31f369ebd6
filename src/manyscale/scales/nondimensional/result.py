"""What nondimensionalization gives back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from manyscale.engines.trajectory import Trajectory
from manyscale.model.expr import Expr
from manyscale.model.model import Model
from manyscale.model.question import Question
from manyscale.scales.nondimensional.groups import Count

SHOWN = 12


@dataclass(frozen=True)
class Scale:
    """One unit of the dimensionless variable `id` is `value` (in `unit`) of the original; `formula` over its ids, where
    "S(0)" is the initial value of S."""

    id: str
    formula: str
    value: float
    unit: str
    expression: Expr = field(repr=False)


@dataclass(frozen=True)
class DimensionlessGroup:
    """A parameter of the dimensionless model."""

    id: str
    formula: str
    value: float
    meaning: str
    expression: Expr = field(repr=False)


@dataclass(frozen=True)
class SmallParameter:
    """A number that is small in the model as it is.

    range: over the region; steady: share of the region's points where it is below 0.1; ahead: share of points where
    it keeps its place in the ranking or moves by one. None where no region was looked at.
    """

    name: str
    formula: str
    value: float
    meaning: str
    range: tuple[float, float] | None = None
    steady: float | None = None
    ahead: float | None = None
    equation: str = ""


@dataclass(frozen=True)
class Nondimensionalization:
    """A model without dimensions and the way back.

    model: the dimensionless model, in the same ids; its parameters are the groups, and beside them, for the way back,
    the scales (`S_scale`, `time_scale`), which none of its equations use. source: the model it was made from. form:
    "terms" (every variable with a scale of its own, one coefficient per term) or "symmetries" (the formulas of the
    source, with values that its scaling symmetries allow). time: the unit of dimensionless time. scales: of every
    variable. groups: parameters of the dimensionless model. small: small parameters, smallest first.
    thresholds: numbers that decide at one, such as a reproduction number. invariants: a
    short basis of the groups of the given quantities. count: how many there are. reasons: what was set to one.
    """

    model: Model
    source: Model = field(repr=False)
    form: str
    time: Scale
    scales: Mapping[str, Scale]
    groups: tuple[DimensionlessGroup, ...]
    small: tuple[SmallParameter, ...]
    thresholds: tuple[DimensionlessGroup, ...]
    invariants: tuple[DimensionlessGroup, ...]
    count: Count
    question: Question
    equations: Mapping[str, str]
    reasons: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    parameters: Mapping[str, Expr] = field(default_factory=dict, repr=False)
    scale_ids: Mapping[str, str] = field(default_factory=dict, repr=False)  # parameter of `model` that holds each scale
    difference: float = 0.0  # of right-hand sides at random points, relative: rounding

    def times(self, times: np.ndarray | list[float]) -> np.ndarray:
        """Dimensionless times of times of the source."""
        return np.asarray(times, dtype=float) / self.time.value

    def back(self, run: Trajectory) -> dict[str, np.ndarray]:
        """Values of the source's variables (and "time"), shape (nt,) each, from a run of the dimensionless model."""
        found = {"time": np.asarray(run.times) * self.time.value}
        for id, scale in self.scales.items():
            found[id] = np.asarray(run[id]) * scale.value
        return found

    def __getitem__(self, name: str) -> SmallParameter:
        for one in self.small:
            if one.name == name:
                return one
        raise KeyError(name)

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe data, as `manyscale nondimensionalize --json` prints it."""
        scale = lambda s: {"formula": s.formula, "value": s.value, "unit": s.unit}  # noqa: E731
        return {
            "form": self.form,
            "time": scale(self.time),
            "scales": {id: scale(s) for id, s in self.scales.items()},
            "groups": [{"id": g.id, "formula": g.formula, "value": g.value, "meaning": g.meaning} for g in self.groups],
            "small": [
                {"name": s.name, "formula": s.formula, "value": s.value, "meaning": s.meaning, "steady": s.steady,
                 "ahead": s.ahead, "range": None if s.range is None else list(s.range)}
                for s in self.small
            ],
            "thresholds": [{"id": g.id, "formula": g.formula, "value": g.value, "meaning": g.meaning} for g in self.thresholds],
            "invariants": [{"formula": g.formula, "value": g.value} for g in self.invariants],
            "count": {"quantities": self.count.quantities, "symmetry_rank": self.count.symmetry_rank,
                      "symmetry_groups": self.count.symmetry_groups, "unit_rank": self.count.unit_rank,
                      "unit_groups": self.count.unit_groups},
            "equations": dict(self.equations),
            "reasons": list(self.reasons),
            "remarks": list(self.remarks),
        }  # fmt: skip

    def __str__(self) -> str:
        from manyscale.scales.nondimensional.show import text

        return text(self)

    def _repr_html_(self) -> str:
        from manyscale.scales.nondimensional.show import html

        return html(self)
