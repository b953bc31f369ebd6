"""A checked change of scale, from a fine model to a coarse one, and chains of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from manyscale.bridges.certificate import Certificate, Refusal
from manyscale.model.expr import Expr
from manyscale.model.model import Model


@dataclass(frozen=True)
class Bridge:
    """One reduction step.

    restrict: coarse quantity (state or total) -> expression over fine ids.
    lift: fine id -> expression over coarse ids; every fine species has one.
    parameters: coarse parameter -> expression over fine parameters (which is also what data on the coarse level
        can identify).
    project: (values of fine initial state and parameters by id) -> (initial values and parameters of the coarse
        model by id), with the initial layer taken into account; None means `restrict` and `parameters` alone.
    """

    name: str
    fine: Model
    coarse: Model
    restrict: Mapping[str, Expr]
    lift: Mapping[str, Expr]
    certificate: Certificate
    parameters: Mapping[str, Expr] = field(default_factory=dict)
    eliminated: tuple[str, ...] = ()
    layer_species: tuple[str, ...] = ()  # fine ids whose error counts only after the initial layer
    layer_time: float = 0.0
    project: Callable[[Mapping[str, float]], Mapping[str, float]] | None = None


@dataclass(frozen=True)
class Chain:
    """Bridges applied one after another, with what was refused on the way."""

    fine: Model
    bridges: tuple[Bridge, ...] = ()
    refusals: tuple[Refusal, ...] = ()

    @property
    def coarse(self) -> Model:
        """The model at the coarse end (the fine model itself when nothing could be reduced)."""
        return self.bridges[-1].coarse if self.bridges else self.fine
