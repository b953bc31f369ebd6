"""Rate laws that need no code: sums of (number) * (constant between events) * (product of states)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from manyscale.model.expr import Add, Expr, Mul, Number, Power, Symbol

LARGEST_ORDER = 6
MOST_TERMS = 4


@dataclass(frozen=True, slots=True)
class MassActionTerm:
    """number * (product of `constants`) * (product of the states, with repetition)."""

    number: float
    constants: tuple[Expr, ...]
    states: tuple[int, ...]


def mass_action_terms(law: Expr, state_index: dict[str, int], still) -> tuple[MassActionTerm, ...] | None:
    """The law as a sum of mass-action terms, or None. `still(expr)`: it depends on parameters alone.

    Products of sums are multiplied out, up to a few terms, so k1*A*B - k2*C and c*(k1*A - k2*B) both qualify.
    """
    found = _expand(law, state_index, still)
    if found is None or len(found) > MOST_TERMS or any(len(term.states) > LARGEST_ORDER for term in found):
        return None
    return tuple(found)


def _expand(law: Any, index: dict[str, int], still) -> list[MassActionTerm] | None:
    kind = type(law)
    if kind is Symbol:
        i = index.get(law.name)
        if i is not None:
            return [MassActionTerm(1.0, (), (i,))]
    elif kind is Number:
        return [MassActionTerm(law.value, (), ())]
    elif kind is Power and type(law.base) is Symbol and law.base.name in index:
        if type(law.exponent) is Number and law.exponent.value in (1.0, 2.0, 3.0, 4.0):
            return [MassActionTerm(1.0, (), (index[law.base.name],) * int(law.exponent.value))]
        return None
    elif kind is Mul:
        return _expand_product(law, index, still)
    elif kind is Add:
        total: list[MassActionTerm] = []
        for term in law.terms:
            part = _expand(term, index, still)
            if part is None:
                return None
            total += part
        return total
    return [MassActionTerm(1.0, (law,), ())] if still(law) else None


def _expand_product(law: Mul, index: dict[str, int], still) -> list[MassActionTerm] | None:
    number, constants, states, sums = 1.0, [], [], []
    factor: Any
    for factor in law.factors:
        kind = type(factor)
        if kind is Symbol and factor.name in index:
            states.append(index[factor.name])
        elif kind is Number:
            number *= factor.value
        elif still(factor):
            constants.append(factor)
        else:
            part = _expand(factor, index, still)
            if part is None:
                return None
            sums.append(part)
    result = [MassActionTerm(number, tuple(constants), tuple(states))]
    for part in sums:
        if len(result) * len(part) > MOST_TERMS:
            return None
        result = [
            MassActionTerm(a.number * b.number, a.constants + b.constants, a.states + b.states)
            for a in result
            for b in part
        ]
    return result
