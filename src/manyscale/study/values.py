"""Models with some values changed."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping

from manyscale.errors import InputError
from manyscale.kernels import compile_model
from manyscale.model.model import Model


def with_values(model: Model, values: Mapping[str, float] | None) -> Model:
    """The model with other initial values and parameters.

    A species is given in the meaning that its id has in formulas; a local parameter as "reaction.name". Raises
    InputError for unknown ids, for ids that a rule determines, and for numbers that are not finite.
    """
    if not values:
        return model
    for id, value in values.items():
        if not math.isfinite(value):
            raise InputError(f"the value of {id} must be a finite number, not {value}")
    compile_model(model).initial(values)  # refuses what cannot be set, with the reason
    left = dict(values)
    new = model.replace(
        parameters=tuple(_with(part, "value", left) for part in model.parameters),
        compartments=tuple(_with(part, "size", left) for part in model.compartments),
        species=tuple(_species(model, part, left) for part in model.species),
        reactions=tuple(_reaction(part, left) for part in model.reactions),
        initial_assignments=tuple(one for one in model.initial_assignments if one.symbol not in values),
    )
    if left:
        raise InputError(f"{', '.join(left)} cannot be changed; choose a species, a parameter or a compartment")
    return new


def _with(part, field: str, left: dict[str, float]):
    return dataclasses.replace(part, **{field: left.pop(part.id)}) if part.id in left else part


def _species(model: Model, part, left: dict[str, float]):
    if part.id not in left:
        return part
    kind = "amount" if part.only_substance else "concentration"
    return dataclasses.replace(part, initial=left.pop(part.id), initial_kind=kind)


def _reaction(part, left: dict[str, float]):
    local = tuple(
        dataclasses.replace(one, value=left.pop(f"{part.id}.{one.id}")) if f"{part.id}.{one.id}" in left else one
        for one in part.local
    )
    sides = {
        side: tuple(
            dataclasses.replace(one, stoichiometry=left.pop(one.id)) if one.id and one.id in left else one
            for one in getattr(part, side)
        )
        for side in ("reactants", "products")
    }
    return dataclasses.replace(part, local=local, **sides)
