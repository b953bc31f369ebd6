"""Models in which some variables are held constant or follow formulas, and which variables cannot."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from manyscale.bridges.time.quasi_steady import barred
from manyscale.bridges.time.reactions import needed
from manyscale.kernels.system import System
from manyscale.model.expr import Expr
from manyscale.model.model import Model
from manyscale.model.parts import Parameter, Rule


def unfreezable(model: Model, system: System, *, jumps: bool = False) -> dict[int, str]:
    """States that cannot be held: position -> why. jumps: whether those that events set can."""
    found = barred(model, system, jumps=jumps)
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


def ruled_model(
    model: Model, formulas: Mapping[str, Expr], constants: Collection[Parameter], observables: Collection[str] = ()
) -> Model:
    """The model in which some variables follow formulas, over its ids and those of new constants."""
    coarse = model.replace(
        species=tuple(replace(s, boundary=True, constant=False) if s.id in formulas else s for s in model.species),
        parameters=(*(replace(k, constant=False) if k.id in formulas else k for k in model.parameters), *constants),
        rules=(
            *(r for r in model.rules if r.variable not in formulas),
            *(Rule("assignment", formula, id) for id, formula in formulas.items()),
        ),
        initial_assignments=tuple(a for a in model.initial_assignments if a.symbol not in formulas),
    )
    return coarse.replace(reactions=needed(coarse, observables))
