"""Which reactions a coarse model still needs."""

from __future__ import annotations

from collections.abc import Collection

from manyscale.model.expr import Expr, symbols
from manyscale.model.model import Model
from manyscale.model.parts import Reaction


def needed(model: Model, observables: Collection[str] = ()) -> tuple[Reaction, ...]:
    """Reactions that change something, or whose rate an observable or a formula asks for."""
    asked = set(observables)
    formulas = [*model.formulas()]
    formulas += [p.stoichiometry for r in model.reactions for p in (*r.reactants, *r.products)
                 if isinstance(p.stoichiometry, Expr)]  # fmt: skip
    for formula in formulas:
        asked |= symbols(formula)
    free = {s.id for s in model.species if not s.boundary and not s.constant}
    kept = []
    for reaction in model.reactions:
        parts = (*reaction.reactants, *reaction.products)
        named = {p.id for p in parts if p.id}
        if reaction.id in asked or named & asked or _changes(reaction, free):
            kept.append(reaction)
    return tuple(kept)


def _changes(reaction: Reaction, free: set[str]) -> bool:
    sums: dict[str, float] = {}
    for sign, side in ((-1, reaction.reactants), (1, reaction.products)):
        for p in side:
            if p.species in free:
                if isinstance(p.stoichiometry, Expr) or p.id:
                    return True
                sums[p.species] = sums.get(p.species, 0.0) + sign * (
                    1.0 if p.stoichiometry is None else p.stoichiometry
                )
    return any(sums.values())
