"""Among the bases of a lumping's row space, one that people can read: single variables, positive sums, whole numbers."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from fractions import Fraction

import numpy as np

from manyscale._core import RowSpace
from manyscale.bridges.lumping.field import PRIME

Row = dict[int, Fraction]
Section = tuple[tuple[int, dict[int, Fraction]], ...]  # per row: a variable of its own, and its value by rows


def put(space: RowSpace, row: Mapping[int, int]) -> bool:
    """Add a row of residues; whether it was new."""
    return space.add(np.array([*row], dtype=np.int32), np.array([*row.values()], dtype=np.uint64))


def holds(space: RowSpace, row: Mapping[int, int]) -> bool:
    """Whether a row of residues lies in the space."""
    return space.contains(np.array([*row], dtype=np.int32), np.array([*row.values()], dtype=np.uint64))


def readable(reduced: tuple[Row, ...], origins: tuple[Row, ...] | None, size: int) -> tuple[Row, ...]:
    """The rows as the equations themselves have them, where these are positive sums that can be told apart by one column
    each; else the reduced ones."""
    sums = [row for row in reduced if len(row) > 1]
    if origins is None or not any(x < 0 for row in sums for x in row.values()):
        return reduced
    single = {next(iter(row)) for row in reduced if len(row) == 1}
    space, own = RowSpace(size), []
    for row in origins:
        rest = _whole({i: x for i, x in row.items() if i not in single})
        if len(rest) > 1 and put(space, {i: int(x) % PRIME for i, x in rest.items()}):
            own.append(rest)
    positive = all(x > 0 for row in own for x in row.values())
    if len(own) < len(sums) or not positive or any(column is None for column in private_columns(own)):
        return reduced
    return tuple(sorted([*(row for row in reduced if len(row) == 1), *own], key=lambda row: min(row)))


def _whole(row: Row) -> Row:
    """The row in coprime whole numbers, mostly positive."""
    if not row:
        return row
    factor = Fraction(math.lcm(*(x.denominator for x in row.values())), math.gcd(*(x.numerator for x in row.values())))
    factor *= 1 if sum(row.values()) >= 0 else -1
    return {i: x * factor for i, x in sorted(row.items())}


def private_columns(rows: Sequence[Row]) -> list[int | None]:
    """For each row a column that no other row has."""
    count = Counter(i for row in rows for i in row)
    return [min((i for i in row if count[i] == 1), key=lambda i: (abs(row[i]), i), default=None) for row in rows]


def section(rows: Sequence[Row]) -> Section:
    """Values of one variable for each row, all others zero, that give the rows any values; rows need private columns."""
    found = []
    for r, (row, column) in enumerate(zip(rows, private_columns(rows), strict=True)):
        if column is None:
            raise ValueError("rows without a column of their own")
        found.append((column, {r: 1 / row[column]}))
    return tuple(found)


def positive(rows: Sequence[Row], kinds: Sequence[Hashable]) -> tuple[tuple[Row, ...], Section]:
    """Rows with negative entries plus multiples of positive ones of the same kind (by variable), where that makes them
    positive, and the section of the result."""
    found, own = list(rows), [dict(values) for _, values in section(rows)]
    columns = [column for column, _ in section(rows)]
    good = [r for r, row in enumerate(rows) if min(row.values()) > 0 and len(row) > 1]
    for r, row in enumerate(rows):
        if min(row.values()) > 0:
            continue
        kind = kinds[next(iter(row))]
        helpers = sorted((k for k in good if kinds[next(iter(rows[k]))] == kind), key=lambda k: len(rows[k]))
        added = _covering(row, [(k, rows[k]) for k in helpers])
        if added is None:
            continue
        sum_, multiples = added
        found[r] = sum_
        for k, c in multiples.items():
            own[r][k] = -c * own[r][r]
    return tuple(found), tuple(zip(columns, own, strict=True))


def _covering(row: Row, helpers: Sequence[tuple[int, Row]]) -> tuple[Row, dict[int, Fraction]] | None:
    """The row plus whole multiples of helpers, without negative entries: (sum, multiples); None where they do not reach."""
    total, multiples = dict(row), {}
    while (low := min(total, key=lambda i: total[i])) is not None and total[low] < 0:
        helper = next(((k, other) for k, other in helpers if low in other and k not in multiples), None)
        if helper is None:
            return None
        k, other = helper
        multiples[k] = Fraction(max(math.ceil(-total[i] / x) for i, x in other.items() if total.get(i, 0) < 0))
        for i, x in other.items():
            total[i] = total.get(i, Fraction(0)) + multiples[k] * x
    return {i: x for i, x in sorted(total.items()) if x}, multiples
