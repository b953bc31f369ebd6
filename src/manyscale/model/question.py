"""The question: what "good enough" means. Nothing is certified without one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Question:
    """What must survive a reduction.

    observables: ids whose time courses matter (empty: all species).
    horizon: how long, in the model's time unit, or with a unit ("100 s"); None: 5 / slowest nonzero abs(Re lambda).
    tolerance: largest accepted error in the norm max over observables of sup abs(fine - coarse) / max abs(fine).
    region: one factor r for "every positive initial value and rate constant in [x/r, r x]", or, by id, a pair of
        factors (0.5, 2.0), or of absolute values with units ("1 nM", "4 nM").
    entry: fraction of the horizon within which the initial layer of eliminated fast species must be over.

    `resolve` (in `manyscale.scales`) fills in what is None or empty; a resolved question has `resolved=True`,
    a numeric horizon, named observables and `box` filled.
    """

    observables: tuple[str, ...] = ()
    horizon: float | str | None = None
    tolerance: float = 0.05
    region: float | Mapping[str, tuple] = 2.0
    entry: float = 0.05
    box: Mapping[str, tuple[float, float]] = field(default_factory=dict)  # absolute bounds by id, model units
    resolved: bool = False
    remarks: tuple[str, ...] = field(default=(), compare=False)  # what `resolve` derived, in words

    def __post_init__(self):
        object.__setattr__(self, "observables", tuple(self.observables))
