"""A split into slow coordinates and fast variables, in exact numbers.

The fast variables y are states of the model. Each has a direction in which it moves fast: its own axis (standard
quasi-steady state), or the stoichiometry of a fast reaction (total quasi-steady state: Borghans, de Boer & Segel,
Bull. Math. Biol. 58:43, 1996). The slow coordinates are z = x_S - P y, with P such that no direction moves them:
states themselves where P has a zero row, totals elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import numpy as np

from manyscale.model.elimination import subtract


@dataclass(frozen=True)
class Split:
    """fast: state positions. directions: per fast variable a reaction position, or None for its own axis."""

    size: int
    fast: tuple[int, ...]
    directions: tuple[int | None, ...]

    @cached_property
    def slow(self) -> tuple[int, ...]:
        inside = set(self.fast)
        return tuple(i for i in range(self.size) if i not in inside)

    @property
    def total(self) -> bool:
        """Whether any slow coordinate may be a total."""
        return any(d is not None for d in self.directions)

    def extended(self, state: int, direction: int | None) -> Split:
        return Split(self.size, (*self.fast, state), (*self.directions, direction))

    def without(self, places) -> Split:
        """Without the fast variables at these places of `fast`."""
        return self.only([k for k in range(len(self.fast)) if k not in places])

    def only(self, keep: Sequence[int]) -> Split:
        """With the fast variables at these places of `fast` alone."""
        return Split(self.size, tuple(self.fast[k] for k in keep), tuple(self.directions[k] for k in keep))

    def prefix(self, count: int) -> Split:
        return Split(self.size, self.fast[:count], self.directions[:count])


Column = dict[int, Fraction]


def partners(split: Split, stoichiometry: Sequence[Column]) -> dict[int, dict[int, Fraction]] | None:
    """P in amounts, by rows: slow state -> {fast state: number}; None where the directions are dependent."""
    fast = list(split.fast)
    rows: list[tuple[dict[int, Fraction], Column]] = []  # one per direction: part on fast states, part on slow states
    inside = set(fast)
    for y, direction in zip(fast, split.directions):
        column = {y: Fraction(1)} if direction is None else stoichiometry[direction]
        rows.append(
            ({i: v for i, v in column.items() if i in inside}, {i: v for i, v in column.items() if i not in inside})
        )
    for k, y in enumerate(fast):  # Gauss-Jordan: rows become unit directions of the fast states
        place = next((i for i in range(k, len(rows)) if rows[i][0].get(y)), None)
        if place is None:
            return None
        rows[k], rows[place] = rows[place], rows[k]
        pivot = rows[k][0][y]
        rows[k] = tuple({i: v / pivot for i, v in part.items()} for part in rows[k])  # type: ignore[assignment]
        for i in range(len(rows)):
            factor = rows[i][0].get(y)
            if i != k and factor:
                for part, other in zip(rows[i], rows[k], strict=True):
                    subtract(part, other, factor)
    result: dict[int, dict[int, Fraction]] = {}
    for y, (_, rest) in zip(fast, rows):
        for i, v in rest.items():
            result.setdefault(i, {})[y] = v
    return result


def matrix(split: Split, table: dict[int, dict[int, Fraction]], factors: np.ndarray) -> np.ndarray:
    """P in the units of the states, shape (slow, fast); `factors` turn amounts into these units, one per state."""
    row = {i: k for k, i in enumerate(split.slow)}
    column = {i: k for k, i in enumerate(split.fast)}
    result = np.zeros((len(row), len(column)))
    for i, entries in table.items():
        for y, value in entries.items():
            result[row[i], column[y]] = float(value) * factors[i] / factors[y]
    return result
