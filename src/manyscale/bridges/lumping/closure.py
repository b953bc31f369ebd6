"""The smallest linear lumping that contains given rows (Ovchinnikov, Perez Verona, Pogudin & Tribastone,
Bioinformatics 37:1732, 2021): the row space spanned by them that the Jacobian maps into itself, everywhere.

The space is found modulo a prime of 61 bits and its basis brought back to the rationals (Wang, Guy & Davenport, SIGSAM
Bull. 16:2, 1982). Where the matrices of the Jacobian are known exactly, numbers too small to differ by a multiple of
the prime make the result a proof.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from manyscale._core import RowSpace
from manyscale.bridges.lumping.field import PRIME, residue
from manyscale.bridges.lumping.jacobian import Matrices, Sampler, elementary, together
from manyscale.bridges.lumping.readable import Row, holds, put, readable
from manyscale.kernels.system import System

CHUNK = 64  # rows multiplied between looks at the clock
CONFIRMED = 3  # random points at which a space must hold that was found at others
LARGEST = math.isqrt(PRIME // 2)  # numerator and denominator that can be brought back


class TimeUp(Exception):
    """The time limit was reached."""


@dataclass(frozen=True)
class Lumping:
    """Rows of the lumping, by state position in units of extent (see `jacobian`); every single variable that is in its space
    is a row of its own, and each row has a column that no other has.

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

    def close(self, names: Iterable[str], rows: Iterable[Row] = ()) -> tuple[RowSpace, Lumping] | None:
        """The smallest lumping that keeps everything named, and sums given as rows; None where its numbers are too
        large to be brought back. Errors: TimeUp."""
        space = RowSpace(self.system.size)
        for row in rows:
            put(space, {i: residue(x) for i, x in row.items()})
        for name in names:
            self._keep(space, name)
        if self.exact is not None:
            self._closed(space, self.exact)
            reduced = rational_rows(space.rows())
            if reduced is None:
                return None
            chosen = readable(reduced, rational_rows(space.origins()), self.system.size)
            return space, Lumping(chosen, _small(reduced, self.exact) and _inside(chosen, reduced))
        self._sampled(space)
        reduced = rational_rows(space.rows())
        return None if reduced is None else (space, Lumping(reduced, False))

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


def rational_rows(found: Sequence[tuple[Sequence[int], Sequence[int]]]) -> tuple[Row, ...] | None:
    """Rows of residues over the rationals."""
    known: dict[int, Fraction | None] = {}
    rows = []
    for columns, values in found:
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


def _inside(rows: tuple[Row, ...], reduced: tuple[Row, ...]) -> bool:
    """Whether rows that lie in a reduced space modulo the prime do so over the rationals: the numbers are small."""
    top = [max((abs(x) for row in part for x in row.values()), default=Fraction(0)) for part in (rows, reduced)]
    whole = math.prod(math.lcm(1, *(x.denominator for row in part for x in row.values())) for part in (rows, reduced))
    return (top[0] + top[0] * len(reduced) * top[1]) * whole < PRIME // 2
