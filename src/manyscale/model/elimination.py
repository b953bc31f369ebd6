"""Exact sparse linear algebra over the rationals, on rows {column: int}."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from heapq import heapify, heappop, heappush
from math import gcd, lcm
from typing import TypeVar

Row = dict[int, int]
K = TypeVar("K")


def whole(row: Mapping[int, Fraction | int]) -> Row:
    """The same direction with coprime whole numbers; zeros dropped, sign kept."""
    scale = lcm(*(Fraction(v).denominator for v in row.values())) if row else 1
    return reduced({j: int(v * scale) for j, v in row.items() if v})


def reduced(row: Row) -> Row:
    """Divided by the greatest common divisor of its entries."""
    divisor = gcd(*row.values())
    return {j: v // divisor for j, v in row.items()} if divisor > 1 else row


def combine(row: Row, other: Row, column: int) -> Row:
    """`row` with `column` cleared by `other`, up to a positive factor."""
    a, b = other[column], row[column]
    common = gcd(a, b)
    a, b = a // common, b // common
    if a < 0:
        a, b = -a, -b
    result = {j: a * v for j, v in row.items()} if a != 1 else dict(row)
    for j, v in other.items():
        new = result.get(j, 0) - b * v
        if new:
            result[j] = new
        else:
            del result[j]
    return reduced(result)


def subtract(row: dict[K, Fraction], other: Mapping[K, Fraction], factor: Fraction) -> None:
    """row -= factor * other, in place; zeros are dropped."""
    for key, value in other.items():
        new = row.get(key, Fraction(0)) - factor * value
        if new:
            row[key] = new
        else:
            row.pop(key, None)


class TooDense(Exception):
    """Elimination has filled the rows; a dense method is faster from here."""


class Echelon:
    """Rows in echelon form, taken in one at a time. Columns of small weight become pivots first.

    Raises TooDense when the entries written exceed `budget`.
    """

    def __init__(self, weights: Mapping[int, float] | None = None, budget: int | None = None):
        self.budget = budget
        self.rows: list[Row] = []
        self.columns: list[int] = []  # pivot column of each row
        self.position: dict[int, int] = {}  # pivot column -> row
        self.weights = weights or {}

    def residue(self, row: Row) -> Row:
        """What is left of the row after clearing all pivot columns (empty: it depends on the rows so far)."""
        todo = [self.position[j] for j in row if j in self.position]
        heapify(todo)  # oldest first: clearing an old pivot brings in only newer ones
        while todo:
            position = heappop(todo)
            pivot, column = self.rows[position], self.columns[position]
            if column in row:
                for j in pivot:
                    if j not in row and j in self.position:
                        heappush(todo, self.position[j])
                row = combine(row, pivot, column)
                self.spend(len(row))
        return row

    def spend(self, entries: int) -> None:
        if self.budget is not None:
            self.budget -= entries
            if self.budget < 0:
                raise TooDense

    def add(self, row: Row) -> bool:
        """Take the row in; False when it is a combination of the rows so far."""
        row = reduced(self.residue(row))
        if not row:
            return False
        column = min(row, key=lambda j: (abs(row[j]) != 1, self.weights.get(j, 0), j))
        self.position[column] = len(self.rows)
        self.columns.append(column)
        self.rows.append(row)
        return True

    def back_substitute(self) -> None:
        """Clear every pivot column from all other rows (reduced echelon form)."""
        for i in range(len(self.rows) - 1, -1, -1):
            row = self.rows[i]
            for j in [j for j in row if j in self.position and self.position[j] != i]:
                row = combine(row, self.rows[self.position[j]], j)
                self.spend(len(row))
            self.rows[i] = reduced(row)


def null_space(
    rows: Iterable[Row], size: int, weights: Mapping[int, float] | None = None, budget: int | None = None
) -> list[Row]:
    """Basis of {x: row . x = 0 for all rows} in coprime whole numbers; x has `size` entries.

    Columns of large weight stay free: each basis vector is positive in exactly one of them and zero in the others.
    Raises TooDense (see `Echelon`).
    """
    echelon = Echelon(weights, budget)
    for row in distinct(rows):
        echelon.add(row)
    echelon.back_substitute()
    vectors: dict[int, dict[int, Fraction | int]] = {j: {j: 1} for j in range(size) if j not in echelon.position}
    for row, column in zip(echelon.rows, echelon.columns):
        for j, value in row.items():
            if j != column:
                vectors[j][column] = Fraction(-value, row[column])
    return [whole(vector) for vector in vectors.values()]


def distinct(rows: Iterable[Row]) -> list[Row]:
    """Rows that are no multiples of each other, short ones first."""
    return [dict(entries) for entries in sorted({tuple(sorted(canonical(r).items())) for r in rows if r}, key=len)]


def canonical(row: Row) -> Row:
    """One representative of all multiples of a row: coprime, first entry (by column) positive."""
    row = reduced(row)
    return row if not row or row[min(row)] > 0 else {j: -v for j, v in row.items()}


def rank(rows: Iterable[Row], budget: int | None = None) -> int:
    """Number of linearly independent rows. Raises TooDense (see `Echelon`)."""
    echelon = Echelon(budget=budget)
    return sum(echelon.add(row) for row in rows)


PRIME = (1 << 61) - 1


class ModularEchelon:
    """Independence modulo a prime. Independent here is independent over the rationals; the converse fails rarely."""

    def __init__(self) -> None:
        self.rows: dict[int, Row] = {}  # by pivot column; the pivot entry is 1

    def add(self, row: Row) -> bool:
        """Take the row in; False when it depends on the rows so far modulo the prime."""
        rest = {j: v % PRIME for j, v in row.items() if v % PRIME}
        while rest:
            column = min(rest)
            pivot = self.rows.get(column)
            if pivot is None:
                inverse = pow(rest[column], -1, PRIME)
                self.rows[column] = {j: v * inverse % PRIME for j, v in rest.items()}
                return True
            factor = rest[column]
            for j, v in pivot.items():
                new = (rest.get(j, 0) - factor * v) % PRIME
                if new:
                    rest[j] = new
                else:
                    rest.pop(j, None)
        return False


def independent(candidates: Iterable[Row], wanted: int) -> list[Row]:
    """The first independent candidates, at most `wanted`. Exact: what counts as independent is."""
    echelon = ModularEchelon()
    chosen: list[Row] = []
    for vector in candidates:
        if len(chosen) == wanted:
            break
        if echelon.add(vector):
            chosen.append(vector)
    return chosen
