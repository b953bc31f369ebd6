"""The smallest linear lumping that contains given rows (Ovchinnikov, Perez Verona, Pogudin & Tribastone,
Bioinformatics 37:1732, 2021): the row space spanned by them that the Jacobian maps into itself, everywhere.

The space is found modulo a prime of 61 bits and its basis brought back to the rationals (Wang, Guy & Davenport, SIGSAM
Bull. 16:2, 1982). Where the matrices of the Jacobian are known exactly, numbers too small to differ by a multiple of
the prime make the result a proof.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from manyscale._core import RowSpace
from manyscale.bridges.lumping.field import PRIME
from manyscale.bridges.lumping.jacobian import Matrices, Sampler, elementary, together
from manyscale.kernels.system import System

Row = dict[int, Fraction]
CHUNK = 64  # rows multiplied between looks at the clock
CONFIRMED = 3  # random points at which a space must hold that was found at others
LARGEST = math.isqrt(PRIME // 2)  # numerator and denominator that can be brought back


class TimeUp(Exception):
    """The time limit was reached."""


@dataclass(frozen=True)
class Lumping:
    """Rows of the lumping in reduced row echelon form, by state position in units of extent (see `jacobian`).

    proved: the rows are an exact lumping over the rationals; otherwise all points tried confirm it, and chance would let a
    wrong one through once in 10^15 at most.
    """

    rows: tuple[Row, ...]
    proved: bool

    @property
    def size(self) -> int:
        return len(self.rows)


class Closure:
    """Closes row spaces under the Jacobian of one system; what is known about the Jacobian is kept between calls."""

    def __init__(self, system: System, *, deadline: float = float("inf")):
        self.system, self.deadline = system, deadline
        self.sampler = Sampler(system)
        self.exact = elementary(system)
        self.drawn: list[Matrices] = []

    def close(self, names: Iterable[str], states: Iterable[int] = ()) -> tuple[RowSpace, Lumping] | None:
        """The smallest lumping that keeps everything named, and single states by position; None where its numbers are
        too large to be brought back. Errors: TimeUp."""
        space = RowSpace(self.system.size)
        for place in states:
            put(space, {place: 1})
        for name in names:
            self._keep(space, name)
        if self.exact is not None:
            self._closed(space, self.exact)
            rows = rational_rows(space)
            return None if rows is None else (space, Lumping(rows, _small(rows, self.exact)))
        self._sampled(space)
        rows = rational_rows(space)
        return None if rows is None else (space, Lumping(rows, False))

    def _keep(self, space: RowSpace, name: str) -> None:
        """Rows for something that must stay visible: its gradients."""
        place = self.system.state_index.get(name)
        if place is not None:
            put(space, {place: 1})
            return
        still = 0
        while still < CONFIRMED:
            still = 0 if put(space, self.sampler.gradient(name)) else still + 1

    def _sampled(self, space: RowSpace) -> None:
        """Close under Jacobians at random points, as many as turn out to be needed."""
        still = 0
        while still < CONFIRMED and space.rank < self.system.size:
            before = space.rank
            if still == 0 and self.drawn:
                self._closed(space, together(self.drawn))
                before = space.rank
            self.drawn.append(self.sampler.jacobian())
            self._closed(space, self.drawn[-1])
            still = still + 1 if space.rank == before and len(self.drawn) > 1 else 0

    def _closed(self, space: RowSpace, matrices: Matrices) -> None:
        space.set_matrices(matrices.start, matrices.matrix, matrices.column, matrices.value)
        while not space.close(CHUNK):
            if time.monotonic() > self.deadline:
                raise TimeUp

    def keeps(self, space: RowSpace, name: str) -> bool:
        """Whether something is a function of the lumped variables."""
        return all(holds(space, self.sampler.gradient(name)) for _ in range(CONFIRMED))


def put(space: RowSpace, row: Mapping[int, int]) -> bool:
    """Add a row of residues; whether it was new."""
    return space.add(np.array([*row], dtype=np.int32), np.array([*row.values()], dtype=np.uint64))


def holds(space: RowSpace, row: Mapping[int, int]) -> bool:
    """Whether a row of residues lies in the space."""
    return space.contains(np.array([*row], dtype=np.int32), np.array([*row.values()], dtype=np.uint64))


def rational_rows(space: RowSpace) -> tuple[Row, ...] | None:
    """The reduced basis over the rationals."""
    known: dict[int, Fraction | None] = {}
    rows = []
    for columns, values in space.rows():
        row: Row = {}
        for column, value in zip(columns, values, strict=True):
            if value not in known:
                known[value] = rational(value)
            number = known[value]
            if number is None:
                return None
            row[column] = number
        rows.append(row)
    return tuple(rows)


def rational(value: int) -> Fraction | None:
    """The fraction with small numerator and denominator that a residue stands for."""
    if value <= LARGEST:
        return Fraction(value)
    a, b, s, t = PRIME, value, 0, 1
    while b > LARGEST:
        q = a // b
        a, b, s, t = b, a - q * b, t, s - q * t
    if t == 0 or abs(t) > LARGEST or math.gcd(b, abs(t)) != 1:
        return None
    return Fraction(b, t)


def _small(rows: tuple[Row, ...], matrices: Matrices) -> bool:
    """Whether what is zero modulo the prime is zero: row * J_m - sum (its value at the leading columns) * rows, in whole
    numbers, is smaller than the prime."""
    whole = math.lcm(1, *(x.denominator for row in rows for x in row.values()))
    top = max((abs(x) for row in rows for x in row.values()), default=Fraction(0)) * whole
    image = int(top) * matrices.largest  # entries of (whole * row) * (denominator * J_m)
    return image * (whole + len(rows) * int(top)) < PRIME // 2
