"""Reactions declared infinitely fast (SBML L1 and L2): projection on the slow directions."""

from __future__ import annotations

from fractions import Fraction

from manyscale.model.expr import MINUS_ONE, ONE, ZERO, Expr, Number, mul, power


def project_fast(entries, fast: list[int], factors: tuple[Expr, ...]):
    """(balance, mass, row factors) of the projected equations.

    With N_f the columns of the fast reactions and L a basis of the left null space of N_f, the slow equations
    are
    L F^-1 dy/dt = L N_s v_s (F the row factors), and rank(N_f) rows are 0 = N_f v_f, independent ones.
    """
    count = len(factors)
    columns = set(fast)
    rows: dict[int, dict[int, Fraction]] = {}
    for i, j, x in entries:
        if j in columns:
            rows.setdefault(i, {})[j] = x
    involved = sorted(rows)
    null, pivots = _left_null_space([rows[i] for i in involved])
    slow = {(i, j): x for i, j, x in entries if j not in columns}
    reactions = sorted({j for _, j in slow})
    balance = [(i, j, x) for (i, j), x in slow.items() if i not in rows]
    mass: list[tuple[int, int, Expr]] = [(i, i, ONE) for i in range(count) if i not in rows]
    new_factors = list(factors)
    places = iter(involved)
    for vector in null:
        place = next(places)
        new_factors[place] = ONE
        for k, weight in vector.items():
            inverse = power(factors[involved[k]], MINUS_ONE)
            mass.append((place, involved[k], mul(Number(float(weight)), inverse)))
        for j in reactions:
            total = sum((w * slow.get((involved[k], j), Fraction(0)) for k, w in vector.items()), Fraction(0))
            if total:
                balance.append((place, j, total))
    for k, place in zip(pivots, places, strict=True):
        new_factors[place] = ONE
        mass.append((place, place, ZERO))
        balance.extend((place, j, x) for j, x in rows[involved[k]].items())
    return tuple(sorted(balance)), tuple(sorted(mass, key=lambda e: e[:2])), tuple(new_factors)


def _left_null_space(rows: list[dict[int, Fraction]]):
    """Null vectors (row index -> weight) of the transposed matrix, and the indices of independent rows."""
    null: list[dict[int, Fraction]] = []
    independent: list[int] = []
    reduced: list[tuple[int, dict[int, Fraction], dict[int, Fraction]]] = []  # pivot column, row, combination
    for index, row in enumerate(rows):
        row, combination = dict(row), {index: Fraction(1)}
        for pivot, other, made_of in reduced:
            factor = row.get(pivot, Fraction(0)) / other[pivot]
            if not factor:
                continue
            for source, target in ((other, row), (made_of, combination)):
                for key, value in source.items():
                    target[key] = target.get(key, Fraction(0)) - factor * value
        row = {k: v for k, v in row.items() if v}
        if row:
            reduced.append((min(row), row, combination))
            independent.append(index)
        else:
            null.append({k: v for k, v in combination.items() if v})
    return null, independent
