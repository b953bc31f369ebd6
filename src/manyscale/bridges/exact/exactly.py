"""What all exact steps have in common: their certificates, and projections that check a start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from manyscale.bridges.certificate import Assumption, Certificate, ErrorStatement, Group, source_hash, versions
from manyscale.bridges.norm import NORM
from manyscale.errors import InputError
from manyscale.kernels.interpret import evaluate
from manyscale.model.expr import Expr
from manyscale.model.model import Model


def exactly(
    model: Model, claim: str, assumptions: tuple[Assumption, ...], box: Mapping, recipe: dict,
    groups: tuple[Group, ...] = (),
) -> Certificate:  # fmt: skip
    """The certificate of a step from `model` that makes no error over the region `box`."""
    return Certificate(
        tier="exact", claim=claim, assumptions=assumptions, groups=groups, error=ErrorStatement(NORM, 0.0, 0.0),
        domain=dict(box), recipe=recipe, source_hash=source_hash(model), versions=versions(),
    )  # fmt: skip


@dataclass(frozen=True)
class FromZero:
    """Values of the coarse model for those of the fine one. Errors: InputError where what was taken to start at zero does not."""

    formulas: Mapping[str, Expr]
    empty: tuple[str, ...]

    def __call__(self, values: Mapping[str, float]) -> dict[str, float]:
        for id in self.empty:
            if values[id] != 0.0:
                raise InputError(
                    f"{id} = {values[id]:g} at the start, and the small model was made for 0: reduce the model with this value in it"
                )
        return {id: float(evaluate(formula, 0.0, values)) for id, formula in self.formulas.items()}
