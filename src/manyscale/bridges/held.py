"""Models in which some variables are held constant, and which variables cannot be."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from manyscale.bridges.time.quasi_steady import barred
from manyscale.bridges.time.reactions import needed
from manyscale.kernels.system import System
from manyscale.model.model import Model


def unfreezable(model: Model, system: System) -> dict[int, str]:
    """States that cannot be held: position -> why."""
    found = barred(model, system)
    found |= {i: "is determined by an algebraic equation" for i, _ in system.algebraic}
    found |= {k: "stands in a coupled set of derivatives" for i, j, _ in system.mass or () if i != j for k in (i, j)}
    return found


def frozen_model(model: Model, gone: Collection[str], observables: Collection[str] = ()) -> Model:
    """The model with some variables constant."""
    held = set(gone)
    coarse = model.replace(
        species=tuple(replace(s, boundary=True, constant=True) if s.id in held else s for s in model.species),
        parameters=tuple(replace(k, constant=True) if k.id in held else k for k in model.parameters),
        rules=tuple(r for r in model.rules if r.variable not in held),
    )
    return coarse.replace(reactions=needed(coarse, observables))
