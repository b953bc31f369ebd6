"""Enzyme mechanisms in elementary steps, recognised by their structure and mass-action rates."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from manyscale.errors import InputError
from manyscale.kernels.kernel import Kernel
from manyscale.model.algebra import differentiate, free_of, simplify
from manyscale.model.expr import Expr
from manyscale.model.model import Model
from manyscale.model.parts import Reaction


@dataclass(frozen=True)
class Mechanism:
    """E + S <-> C -> E + ...; rates per unit of the complex, k1 per enzyme and substrate, in the model's own units;
    enzyme_total: largest amount of free and bound enzyme along the run; substrate_most: largest free substrate."""

    enzyme: str
    substrate: str
    complex: str
    binding: str
    reactions: tuple[str, ...]
    k1: float
    back: float
    k2: float
    enzyme_total: float
    substrate_most: float

    @property
    def km(self) -> float:
        return (self.back + self.k2) / self.k1

    @property
    def k(self) -> float:
        """k2/k1."""
        return self.k2 / self.k1


@dataclass(frozen=True)
class _Side:
    left: tuple[str, ...]
    right: tuple[str, ...]


def mechanisms(model: Model, kernel: Kernel, run) -> tuple[Mechanism, ...]:
    """Every mechanism of the model, with its constants at time 0 and its amounts along `run`."""
    system = kernel.system
    index = {id: i for i, id in enumerate(system.states)}
    rates = dict(system.rates)
    y, p = kernel.initial()
    factors = np.ravel(np.asarray(kernel.evaluate(system.row_factors, 0.0, y, p), dtype=float))
    sides = {r.id: _sides(r) for r in model.reactions}
    pairs = _pairs(model, sides)
    found = []
    for complex_, (partners, binders) in pairs.items():
        if complex_ not in index or factors.shape != (system.size,):
            continue
        factor = float(factors[index[complex_]])

        number = partial(_constant, kernel, y, p, factor, (*partners, complex_))
        leaving = [r for r in model.reactions if complex_ in sides[r.id].left and r.id not in binders]
        turning = [r for r in leaving if len(set(sides[r.id].right) & set(partners)) == 1]
        if not turning or len(turning) != len(leaving):
            continue
        enzymes = {(set(sides[r.id].right) & set(partners)).pop() for r in turning}
        if len(enzymes) != 1:
            continue
        (enzyme,) = enzymes
        substrate = next(id for id in partners if id != enzyme)
        forward = [number(rates.get(r), partners) for r in binders]
        backward = [number(rates.get(r), (complex_,)) for r in binders]
        turn = [number(rates.get(r.id), (complex_,)) for r in turning]
        if any(v is None for v in (*forward, *backward, *turn)):
            continue
        signs = [1.0 if complex_ in sides[r].right else -1.0 for r in binders]
        k1 = sum(s * v for s, v in zip(signs, forward))  # type: ignore[operator]
        back = -sum(s * v for s, v in zip(signs, backward))  # type: ignore[operator]
        k2 = sum(turn)  # type: ignore[arg-type]
        if not (k1 > 0 and back >= 0 and k2 > 0):
            continue
        bound = [c for c, (others, _) in pairs.items() if enzyme in others]
        whole = np.sum([run[id] for id in (enzyme, *bound)], axis=0)
        binding = next(r for r, s in zip(binders, signs) if s > 0)
        found.append(Mechanism(
            enzyme, substrate, complex_, binding, (*binders, *(r.id for r in turning)), float(k1), float(back),
            float(k2), float(np.max(whole)), float(np.max(run[substrate])),
        ))  # fmt: skip
    return tuple(found)


def _sides(reaction: Reaction) -> _Side:
    """Species of both sides, as often as they take part; empty where a number of them is not whole."""
    both = []
    for side in (reaction.reactants, reaction.products):
        ids: list[str] = []
        for p in side:
            number = 1.0 if p.stoichiometry is None else p.stoichiometry
            if not isinstance(number, int | float) or number != int(number):
                return _Side((), ())
            ids += [p.species] * int(number)
        both.append(tuple(ids))
    return _Side(both[0], both[1])


def _pairs(model: Model, sides: dict[str, _Side]) -> dict[str, tuple[tuple[str, str], list[str]]]:
    """complex -> (its two parts, the reactions that bind or release them), for complexes with one pair of parts."""
    found: dict[str, tuple[tuple[str, str], list[str]]] = {}
    several = set()
    for reaction in model.reactions:
        side = sides[reaction.id]
        for parts, whole in ((side.left, side.right), (side.right, side.left)):
            if len(parts) == 2 and len(set(parts)) == 2 and len(whole) == 1 and whole[0] not in parts:
                forms = whole is side.right
                known = found.get(whole[0])
                if forms and known is not None and set(known[0]) != set(parts):
                    several.add(whole[0])
                elif forms:
                    found.setdefault(whole[0], ((parts[0], parts[1]), []))[1].append(reaction.id)
    for reaction in model.reactions:
        side = sides[reaction.id]
        if len(side.left) == 1 and side.left[0] in found and set(side.right) == set(found[side.left[0]][0]):
            found[side.left[0]][1].append(reaction.id)
    return {c: pair for c, pair in found.items() if c not in several}


def _constant(kernel, y, p, factor, names, formula: Expr | None, by: tuple[str, ...]) -> float | None:
    """The mixed derivative of a rate by these names, times the factor, where it is a constant of the model."""
    if formula is None:
        return None
    try:
        for name in by:
            formula = simplify(differentiate(formula, name))
    except InputError:
        return None
    if not free_of(formula, names):
        return None
    value = float(kernel.evaluate((formula,), 0.0, y, p)[0]) * factor
    return value if np.isfinite(value) else None
