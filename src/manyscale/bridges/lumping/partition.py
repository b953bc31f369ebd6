"""Coarsest partitions of the variables of a model that its equations respect, by refinement.

Forward: sums over the classes have equations of their own. Backward: variables of a class stay equal if they start equal
(Cardelli, Tribastone, Tschaikowski & Vandin, CONCUR 2015 and PNAS 114:10029, 2017). Classes are split by values at random
points of a prime field until nothing splits any more.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Hashable, Sequence
from fractions import Fraction

from manyscale.bridges.lumping.closure import CONFIRMED, TimeUp
from manyscale.bridges.lumping.field import PRIME, FieldPoint, Unlucky, residue
from manyscale.bridges.lumping.jacobian import TRIES, Sampler
from manyscale.kernels.system import System


def backward(system: System, start: Sequence[Hashable], *, deadline: float = float("inf")) -> list[int]:
    """Class of each state: the coarsest partition finer than `start` in which equal values have equal derivatives.

    Errors: TimeUp; Unlucky where the equations divide by zero whenever the variables of a class are equal.
    """
    draw = random.Random(1)

    def derivatives(labels: list[int]) -> list[int]:
        values: dict[int, int] = {}
        states = [values.setdefault(label, draw.randrange(1, PRIME)) for label in labels]
        return _derivatives(system, FieldPoint(system, draw, states))

    return _refined(start, derivatives, deadline)


def forward(system: System, start: Sequence[Hashable], *, deadline: float = float("inf")) -> list[int]:
    """Class of each state: the coarsest partition finer than `start` whose sums (in units of extent, see `jacobian`) have
    equations of their own. Errors: TimeUp, Unlucky."""
    sampler, draw = Sampler(system, 1), random.Random(2)

    def signatures(labels: list[int]) -> list[int]:
        weights: dict[int, int] = {}
        matrix = sampler.jacobian()
        found = [0] * len(labels)
        for i, label in enumerate(labels):
            weight = weights.setdefault(label, draw.randrange(1, PRIME))
            for k in range(int(matrix.start[i]), int(matrix.start[i + 1])):
                found[matrix.column[k]] += weight * int(matrix.value[k])
        return [x % PRIME for x in found]

    return _refined(start, signatures, deadline)


def _refined(start: Sequence[Hashable], signatures: Callable[[list[int]], list[int]], deadline: float) -> list[int]:
    labels, still = _numbered(start), 0
    while still < CONFIRMED and len(set(labels)) < len(labels):
        if time.monotonic() > deadline:
            raise TimeUp
        finer = _numbered([*zip(labels, _tried(signatures, labels), strict=True)])
        still = still + 1 if max(finer) == max(labels) else 0
        labels = finer
    return labels


def _tried(signatures: Callable[[list[int]], list[int]], labels: list[int]) -> list[int]:
    for _ in range(TRIES):
        try:
            return signatures(labels)
        except Unlucky:
            continue
    raise Unlucky("the equations divide by zero")


def _numbered(keys: Sequence[Hashable]) -> list[int]:
    """Equal keys as equal numbers, in order of appearance."""
    known: dict[Hashable, int] = {}
    return [known.setdefault(key, len(known)) for key in keys]


def _derivatives(system: System, point: FieldPoint) -> list[int]:
    """dy/dt of every state."""
    rates = [point.value(name) for name, _ in system.rates]
    found = [0] * system.size
    known: dict[Fraction, int] = {}
    for i, j, number in system.balance:
        if number not in known:
            known[number] = residue(Fraction(number))
        found[i] += known[number] * rates[j]
    factors: dict = {}
    for i, factor in enumerate(system.row_factors):
        if factor not in factors:
            factors[factor] = point.of(factor)
        found[i] = found[i] * factors[factor] % PRIME
    for i, formula in system.rate_rules:
        found[i] = point.of(formula)
    return found
