"""Sums of variables with a linear equation of their own, such as all forms of a protein that is made and lost at one rate.

Candidates come from floating point, at random values of the constants: the largest space of weights under which everything
else cancels. Each is then proved, or dropped, by adding up the right-hand sides themselves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from manyscale.model.evaluate import evaluate
from manyscale.model.expr import ZERO, Expr, Symbol, add, mul, symbols
from manyscale.model.simplify import simplify

Parts = Mapping[tuple[Expr, ...], Expr]  # factors that change -> constant coefficient
DRAWS = 2  # random values of the constants
LOST = 1e-9  # relative size of what counts as cancelled
LARGEST = 60  # denominators of weights
MOST = 400  # variables


@dataclass(frozen=True)
class OwnSum:
    """sum of weight * id obeys S' = rate S + flow."""

    weights: Mapping[str, Fraction]
    rate: Expr
    flow: Expr


def own_sums(parts: Mapping[str, Parts]) -> tuple[OwnSum, ...]:
    """parts: variable -> its right-hand side. Sums of two or more of these variables, each with one that no other has."""
    ids = list(parts)
    if not 2 <= len(ids) <= MOST:
        return ()
    found = [_proved(weights, parts) for weights in _candidates(ids, parts)]
    return tuple(one for one in found if one is not None)


def _candidates(ids: Sequence[str], parts: Mapping[str, Parts]) -> list[dict[str, Fraction]]:
    random = np.random.default_rng(11)
    names = sorted({name for one in parts.values() for c in one.values() for name in symbols(c)})
    linear, rest = [], []
    for _ in range(DRAWS):
        values = dict(zip(names, random.uniform(0.5, 2.0, len(names))))
        a, b = _matrices(ids, parts, values)
        linear.append(a)
        rest.append(b)
    space = _left_null(np.hstack(rest))
    while len(space):
        inside, _ = np.linalg.qr(space.T)
        moved = np.hstack([space @ a - (space @ a) @ inside @ inside.T for a in linear])
        kept = _left_null(moved)
        if len(kept) == len(space):
            break
        space = kept @ space
    return [row for row in (_rational(ids, one) for one in _reduced(space)) if row is not None and len(row) > 1]


def _matrices(ids: Sequence[str], parts: Mapping[str, Parts], values: Mapping[str, float]):
    """Coefficients of the variables themselves (n, n), and of everything else (n, K), at values of the constants."""
    place = {id: k for k, id in enumerate(ids)}
    others: dict[tuple, int] = {}
    linear, entries = np.zeros((len(ids), len(ids))), []
    for i, id in enumerate(ids):
        for key, coefficient in parts[id].items():
            value = float(evaluate(coefficient, values))
            if len(key) == 1 and isinstance(key[0], Symbol) and key[0].name in place:
                linear[i, place[key[0].name]] += value
            elif key:
                entries.append((i, others.setdefault(key, len(others)), value))
    rest = np.zeros((len(ids), max(len(others), 1)))
    for i, j, value in entries:
        rest[i, j] += value
    return linear, rest


def _left_null(matrix: np.ndarray) -> np.ndarray:
    """Rows that span the vectors g with g M = 0."""
    if not matrix.size:
        return np.eye(len(matrix))
    u, s, _ = np.linalg.svd(matrix)
    rank = int((s > LOST * max(1.0, s.max(initial=0.0))).sum())
    return u[:, rank:].T


def _reduced(space: np.ndarray) -> np.ndarray:
    """Reduced row echelon form."""
    rows, r = space.copy(), 0
    for column in range(rows.shape[1] if len(rows) else 0):
        best = r + int(np.abs(rows[r:, column]).argmax())
        if abs(rows[best, column]) < 1e-7:
            continue
        rows[[r, best]] = rows[[best, r]]
        rows[r] /= rows[r, column]
        others = np.arange(len(rows)) != r
        rows[others] -= np.outer(rows[others, column], rows[r])
        r += 1
        if r == len(rows):
            break
    return rows


def _rational(ids: Sequence[str], row: np.ndarray) -> dict[str, Fraction] | None:
    found = {id: Fraction(float(x)).limit_denominator(LARGEST) for id, x in zip(ids, row) if abs(x) > 1e-7}
    good = all(
        abs(float(f) - row[k]) < 1e-6 for k, id in enumerate(ids) if (f := found.get(id, Fraction(0))) is not None
    )
    return found if good and all(found.values()) else None


def _proved(weights: Mapping[str, Fraction], parts: Mapping[str, Parts]) -> OwnSum | None:
    """The sum of the right-hand sides, where it is rate * sum + flow term by term."""
    terms: dict[tuple[Expr, ...], list[Expr]] = {}
    for id, weight in weights.items():
        for key, coefficient in parts[id].items():
            terms.setdefault(key, []).append(mul(float(weight), coefficient))
    left = {key: simplify(add(*(simplify(one) for one in some))) for key, some in terms.items()}
    left = {key: total for key, total in left.items() if total != ZERO}
    flow = left.pop((), ZERO)
    rates = set()
    for id, weight in weights.items():
        rates.add(simplify(mul(1.0 / float(weight), left.pop((Symbol(id),), ZERO))))
    if left or len(rates) != 1:
        return None
    return OwnSum(dict(weights), rates.pop(), flow)
