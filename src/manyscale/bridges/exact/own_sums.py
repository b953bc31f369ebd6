"""Sums of variables with linear equations of their own, such as all forms of a protein that is made and lost at one rate.

Candidates come from floating point, at random values of the constants: the largest space of weights under which everything
else cancels. Weights that are the same for all constants are taken as fractions; where they depend on the constants (sums
that keep their value), they are solved for as formulas. Each sum is then proved, or dropped, by adding up the right-hand
sides themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from manyscale.model.evaluate import evaluate
from manyscale.model.expr import ZERO, Expr, Number, Symbol, add, mul, symbols
from manyscale.model.polynomial import Ring, TooLarge
from manyscale.model.simplify import simplify
from manyscale.model.sympy_bridge import null_vector

Parts = Mapping[tuple[Expr, ...], Expr]  # factors that change -> constant coefficient
Row = dict[str, Expr]
DRAWS = 2  # random values of the constants
LOST = 1e-9  # relative size of what counts as cancelled
LARGEST = 60  # denominators of weights
MOST = 400  # variables
LONGEST = 12  # variables in a sum whose weights are formulas


@dataclass(frozen=True)
class OwnSum:
    """S = sum of weight * id obeys S' = sum of rate * sum + flow; rates: number of a sum -> its rate, here always its own too."""

    weights: Mapping[str, Expr]
    rates: Mapping[int, Expr]
    flow: Expr


def own_sums(parts: Mapping[str, Parts]) -> tuple[OwnSum, ...]:
    """parts: variable -> its right-hand side. Sums of these variables, each with one that no other has, whose derivatives
    depend on these sums alone (numbers in `rates` are places in what is returned)."""
    ids = list(parts)
    if not 2 <= len(ids) <= MOST:
        return ()
    fixed, formulas = _candidates(ids, parts)
    rows = [row for row in fixed if row]
    while True:
        found = [_proved(k, rows, parts) for k in range(len(rows))]
        if None not in found:
            break
        rows = [row for row, one in zip(rows, found) if one is not None]
    constant = [_kept(row, parts) for row in formulas]
    return (*(one for one in found if one), *(one for one in constant if one))


def _candidates(ids: Sequence[str], parts: Mapping[str, Parts]) -> tuple[list[Row], list[Row]]:
    """Rows of weights that are numbers, and of weights that are formulas in the constants."""
    random = np.random.default_rng(11)
    coefficients = [c for one in parts.values() for c in one.values()]
    linear, rest = [], []
    for _ in range(DRAWS):
        a, b = _matrices(ids, parts, _drawn(coefficients, random))
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
    fixed = [row for row in (_rational(ids, one) for one in _reduced(space)) if row]
    kept = [_reduced(_left_null(np.hstack([a, b]))) for a, b in zip(linear, rest)]
    changing = [one for one in kept[0] if not any(np.allclose(one, other, atol=1e-6) for other in kept[1])]
    supports = [[id for id, x in zip(ids, one) if abs(x) > 1e-7] for one in changing]
    return fixed, [row for s in supports if len(s) <= LONGEST and (row := _weighed(s, parts))]


def _weighed(ids: Sequence[str], parts: Mapping[str, Parts]) -> Row | None:
    """Weights of these variables, as formulas, under which everything that changes cancels."""
    keys = list(dict.fromkeys(key for id in ids for key in parts[id] if key))
    rows = [[parts[id].get(key, ZERO) for id in ids] for key in keys]
    values = _drawn([c for row in rows for c in row], np.random.default_rng(12))
    chosen: list[list[Expr]] = []
    basis = np.zeros((0, len(ids)))
    for row in sorted(rows, key=lambda row: sum(c != ZERO for c in row)):
        numbers = np.array([float(evaluate(c, values)) for c in row])
        left = numbers - (numbers @ basis.T) @ basis
        if np.linalg.norm(left) > LOST * np.linalg.norm(numbers):
            chosen.append(row)
            basis = np.vstack([basis, left / np.linalg.norm(left)])
    weights = null_vector(chosen) if len(chosen) == len(ids) - 1 else None
    return dict(zip(ids, weights)) if weights is not None else None


def _drawn(coefficients: Iterable[Expr], random: np.random.Generator) -> dict[str, float]:
    """Random values of the constants in these coefficients."""
    names = sorted({name for c in coefficients for name in symbols(c)})
    return dict(zip(names, random.uniform(0.5, 2.0, len(names))))


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
    u, s, _ = np.linalg.svd(matrix, full_matrices=len(matrix) > matrix.shape[1])  # all of u, never all of v
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


def _rational(ids: Sequence[str], row: np.ndarray) -> Row | None:
    found = {id: Fraction(float(x)).limit_denominator(LARGEST) for id, x in zip(ids, row) if abs(x) > 1e-7}
    good = all(abs(float(found[id]) - row[k]) < 1e-6 for k, id in enumerate(ids) if id in found)
    return {id: Number(float(x)) for id, x in found.items()} if good and all(found.values()) else None


def _proved(k: int, rows: Sequence[Row], parts: Mapping[str, Parts]) -> OwnSum | None:
    """Sum k as one whose derivative is made of these sums, term by term; each row's first id is in no other row."""
    left = _added(rows[k], parts)
    flow = collected(left.pop((), ()))
    rates: dict[int, Expr] = {}
    for j, row in enumerate(rows):
        first = next(iter(row))
        rate = collected([mul(1.0 / row[first].value, c) for c in left.get((Symbol(first),), ())])  # type: ignore[attr-defined]
        if rate == ZERO:
            continue
        rates[j] = rate
        for id, weight in row.items():
            left.setdefault((Symbol(id),), []).append(mul(-1.0, weight, rate))
    if any(collected(some) != ZERO for some in left.values()):
        return None
    return OwnSum(rows[k], rates, flow)


def _kept(row: Row, parts: Mapping[str, Parts]) -> OwnSum | None:
    """A sum whose derivative is constant."""
    left = _added(row, parts)
    flow = collected(left.pop((), ()))
    return None if any(collected(some) != ZERO for some in left.values()) else OwnSum(row, {}, flow)


def _added(row: Row, parts: Mapping[str, Parts]) -> dict[tuple[Expr, ...], list[Expr]]:
    terms: dict[tuple[Expr, ...], list[Expr]] = {}
    for id, weight in row.items():
        for key, coefficient in parts[id].items():
            terms.setdefault(key, []).append(mul(weight, coefficient))
    return terms


def collected(terms: Iterable[Expr]) -> Expr:
    """The sum, expanded with equal products collected (only simplified where that is too long)."""
    terms = list(terms)
    try:
        ring = Ring(())
        return simplify(ring.formula(ring.total([ring.read(one) for one in terms]).above)) if terms else ZERO
    except TooLarge:
        return simplify(add(*(simplify(one) for one in terms)))
