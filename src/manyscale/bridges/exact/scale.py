"""The model without dimensions; exact.

Every variable, and time, is divided by a scale: a product of powers of given quantities, chosen among the scaling
symmetries of the equations (see `manyscale.nondimensionalize`). The coarse model is the same dynamics in other units.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from manyscale.bridges.bridge import Bridge
from manyscale.bridges.certificate import (
    Assumption,
    Certificate,
    Group,
    Refusal,
)
from manyscale.bridges.exact.exactly import exactly
from manyscale.errors import InputError
from manyscale.kernels.interpret import evaluate
from manyscale.model.expr import Expr, Symbol, mul, power
from manyscale.model.model import Model
from manyscale.model.parts import Parameter
from manyscale.model.question import Question
from manyscale.scales.measure import Scales
from manyscale.scales.nondimensional import Nondimensionalization, nondimensionalize
from manyscale.scales.nondimensional.monomial import at_start
from manyscale.scales.nondimensional.verb import CHECKED


@dataclass(frozen=True)
class Project:
    """Values of the coarse model for those of the fine one. Errors: InputError where a scale would not be positive."""

    formulas: Mapping[str, Expr]
    scales: tuple[str, ...]

    def __call__(self, values: Mapping[str, float]) -> dict[str, float]:
        numbers = {id: np.float64(value) for id, value in values.items()}  # which divide by zero without an error
        with np.errstate(all="ignore"):
            found = {id: float(evaluate(formula, 0.0, numbers)) for id, formula in self.formulas.items()}
        for id in self.scales:
            if not 0 < found[id] < float("inf"):
                raise InputError(
                    f"at these values {id} = {found[id]:g}, and a scale must be positive: nondimensionalize the model "
                    "with these values in it"
                )
        return found


def attempt(model: Model, scales: Scales | None, question: Question) -> Bridge | Refusal:
    """The bridge to the dimensionless model; a Refusal where its equations leave no scale open."""
    found = nondimensionalize(model, question, scales=scales)
    if all(s.formula == "1" for s in (found.time, *found.scales.values())):
        return Refusal("scale", "the equations leave no scale open: the model has no dimensions already", 0.0, 1.0)
    return bridge(found)


def bridge(found: Nondimensionalization) -> Bridge:
    """A nondimensionalization as a bridge, with the scales in its coarse model for the way back."""
    fine, coarse = found.source, found.model
    names = found.scale_ids
    rest = {s.id for s in fine.species if s.id not in found.scales}
    fixed = tuple(
        Parameter(f"{id}_fixed", _value(fine, id), name=f"{id}, which does not change")
        for id in sorted(rest)
        if id not in coarse
    )
    coarse = coarse.replace(parameters=(*coarse.parameters, *fixed))
    restrict = {id: mul(Symbol(id), power(at_start(s.expression), -1.0)) for id, s in found.scales.items()}
    parameters = {**found.parameters, **{p.id: Symbol(p.id.removesuffix("_fixed")) for p in fixed}}
    lift = {id: mul(Symbol(names[id]), Symbol(id)) for id in found.scales}
    lift |= {p.id.removesuffix("_fixed"): Symbol(p.id) for p in fixed}
    return Bridge(
        name="scale",
        fine=fine,
        coarse=coarse,
        restrict=restrict,
        lift=lift,
        parameters=parameters,
        certificate=_certificate(found),
        project=Project({**restrict, **parameters}, tuple(names.values())),
        clock=at_start(found.time.expression),
    )


def _value(model: Model, id: str) -> float:
    from manyscale.bridges.compose import start_values

    return start_values(model)[id]


def _certificate(found: Nondimensionalization) -> Certificate:
    small = found.small[:8]
    named = "; ".join(f"{one.name} = {one.formula} = {one.value:.3g}" for one in small[:3])
    claim = (
        f"The same model in units of its own: time in {found.time.formula}, {len(found.scales)} variables, "
        f"{len(found.groups)} groups. No error is made."
    )
    return exactly(
        found.source,
        claim=f"{claim} Smallest: {named}." if named else claim,
        assumptions=(
            Assumption("the scales are a symmetry of the formulas, in whole numbers", "proved"),
            Assumption(f"right-hand sides agree to {CHECKED:g} at random states", "checked"),
        ),
        groups=tuple(Group(s.name, s.formula, s.value, 0.1, 0.1 / s.value, s.meaning, s.range) for s in small),
        box=found.question.box,
        recipe={
            "method": "scale",
            "form": found.form,
            "time": found.time.formula,
            "scales": {id: s.formula for id, s in found.scales.items()},
        },
    )
