"""The Jacobian of a model's equations in a prime field, as sparse matrices.

Elementary (mass-action) networks: one matrix for each monomial of parameters and states, exact. Everything else: values
at random points. Rows and columns are states in units of reaction extent, x_i = y_i / row_factor_i, in which
dx/dt = N v(x): compartment sizes then stand in the rates only.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from manyscale.bridges.lumping.field import PRIME, FieldPoint, Unlucky, as_written, residue
from manyscale.kernels.system import System
from manyscale.kernels.templates import mass_action_terms
from manyscale.model.expr import Expr, Mul, Number, Power, Symbol, symbols

TRIES = 8  # points drawn where a formula divides by zero


@dataclass(frozen=True)
class Matrices:
    """Entries of several n x n matrices, sorted by row: `start` (n + 1,), `matrix`, `column`, `value` (residues).

    largest: bound on the sum of the sizes of all entries after multiplication by `denominator`, which makes them whole
    (0 where the entries are values at random points, of which nothing is known).
    """

    start: np.ndarray
    matrix: np.ndarray
    column: np.ndarray
    value: np.ndarray
    largest: int = 0
    denominator: int = 1


def assembled(
    size: int, entries: Iterable[tuple[int, int, int, int]], largest: int = 0, denominator: int = 1
) -> Matrices:
    """`Matrices` from (row, matrix, column, residue)."""
    rows = list(entries)
    columns = list(zip(*rows)) if rows else [(), (), (), ()]
    row = np.array(columns[0], dtype=np.int64)
    order = np.argsort(row, kind="stable")
    start = np.searchsorted(row[order], np.arange(size + 1)).astype(np.int64)
    take = lambda k, kind: np.array(columns[k], dtype=kind)[order]  # noqa: E731
    return Matrices(start, take(1, np.int32), take(2, np.int32), take(3, np.uint64), largest, denominator)


def together(parts: list[Matrices]) -> Matrices:
    """Matrices at several points as one collection."""
    size = len(parts[0].start) - 1
    rows = np.concatenate([np.repeat(np.arange(size), np.diff(p.start)) for p in parts])
    order = np.argsort(rows, kind="stable")
    matrix = np.concatenate([p.matrix + k for k, p in enumerate(parts)]).astype(np.int32)
    start = np.searchsorted(rows[order], np.arange(size + 1)).astype(np.int64)
    column, value = (np.concatenate([getattr(p, name) for p in parts])[order] for name in ("column", "value"))
    return Matrices(start, matrix[order], column, value)


# elementary networks


def elementary(system: System) -> Matrices | None:
    """One matrix for each monomial of the Jacobian; None where some equation is not of elementary reactions with
    constants that are products of powers of parameters."""
    if system.rate_rules or system.variable_stoichiometry:
        return None
    found = _elementary_rates(system)
    if found is None:
        return None
    columns: list[list[tuple[int, Fraction]]] = [[] for _ in system.rates]
    for i, j, number in system.balance:
        columns[j].append((i, number))
    scales = _scales(system)
    if scales is None:
        return None
    numbers: dict[tuple, int] = {}
    known: dict[tuple, tuple[int, Fraction]] = {}  # (residue, size) of each product of numbers that occurs
    entries, times = [], Counter()
    for j, terms in enumerate(found):
        for number, constants, states in terms:
            for s in set(states):
                rest = list(states)
                rest.remove(s)
                key = (_times(constants, scales[s]), tuple(sorted(rest)))
                matrix = numbers.setdefault(key, len(numbers))
                for i, n in columns[j]:
                    product = (n, number, states.count(s))
                    if product not in known:
                        value = n * number * product[2]
                        known[product] = residue(value), value
                    times[product] += 1
                    entries.append((i, matrix, s, known[product][0]))
    denominator = math.lcm(1, *(value.denominator for _, value in known.values()))
    sizes = sum(abs(known[product][1]) * count for product, count in times.items())
    return assembled(system.size, entries, int(sizes * denominator) + 1, denominator)


def _elementary_rates(system: System):
    parameters = set(system.parameters)
    result = []
    for _, law in system.rates:
        terms = mass_action_terms(law, system.state_index, lambda e: symbols(e) <= parameters)
        if terms is None:
            return None
        rows = []
        for term in terms:
            number = as_written(term.number)
            powers = _powers(term.constants)
            if number is None or powers is None:
                return None
            rows.append((number if powers[0] == 1 else number * powers[0], powers[1], term.states))
        result.append(rows)
    return result


def _powers(constants: Iterable[Expr]) -> tuple[Fraction, tuple[tuple[str, int], ...]] | None:
    """A product of numbers and whole powers of parameters: (number, exponents by name); None for anything else."""
    number, exponents, todo = Fraction(1), {}, list(constants)
    while todo:
        item = todo.pop()
        match item:
            case Symbol(name):
                exponents[name] = exponents.get(name, 0) + 1
            case Power(Symbol(name), Number(value)) if float(value).is_integer():
                exponents[name] = exponents.get(name, 0) + int(value)
            case Number(value):
                exact = as_written(value)
                if exact is None:
                    return None
                number *= exact
            case Mul(factors):
                todo += factors
            case _:
                return None
    return number, tuple(sorted((name, n) for name, n in exponents.items() if n))


def _times(a: tuple[tuple[str, int], ...], b: tuple[tuple[str, int], ...]) -> tuple[tuple[str, int], ...]:
    if not b:
        return a
    total = dict(a)
    for name, n in b:
        total[name] = total.get(name, 0) + n
    return tuple(sorted((name, n) for name, n in total.items() if n))


def _scales(system: System) -> list[tuple[tuple[str, int], ...]] | None:
    """y_i / x_i of each state as powers of parameters; () for all where it is the same for all."""
    if len(set(system.row_factors)) <= 1:
        return [()] * system.size
    found = [_powers([factor]) for factor in system.row_factors]
    if any(one is None or one[0] != 1 for one in found):
        return None
    return [one[1] for one in found if one is not None]


# anything


class Sampler:
    """Jacobians and gradients of a system at random points of the field, in the same coordinates."""

    def __init__(self, system: System, seed: int = 0):
        self.system, self.random = system, random.Random(seed)
        self.same = len(set(system.row_factors)) <= 1
        self.ruled = {i for i, _ in system.rate_rules}

    def point(self) -> FieldPoint:
        return FieldPoint(self.system, self.random)

    def jacobian(self) -> Matrices:
        """The Jacobian at one random point."""
        for _ in range(TRIES):
            try:
                return self._jacobian(self.point())
            except Unlucky:
                continue
        raise Unlucky("the equations divide by zero everywhere")

    def _jacobian(self, point: FieldPoint) -> Matrices:
        system = self.system
        factor = self._factors(point)
        gradients = [point.gradient(name)[1] for name, _ in system.rates]
        entries = []
        for i, j, number in system.balance:
            n = residue(Fraction(number))
            entries += [(i, 0, s, n * g % PRIME * factor[s] % PRIME) for s, g in gradients[j].items()]
        for i, formula in system.rate_rules:
            entries += [(i, 0, s, g * factor[s] % PRIME) for s, g in point.gradient_of(formula)[1].items()]
        return assembled(system.size, entries)

    def gradient(self, name: str) -> dict[int, int]:
        """Gradient of anything at one random point."""
        for _ in range(TRIES):
            try:
                point = self.point()
                factor = self._factors(point)
                return {s: g * factor[s] % PRIME for s, g in point.gradient(name)[1].items()}
            except Unlucky:
                continue
        raise Unlucky(f"{name} divides by zero everywhere")

    def _factors(self, point: FieldPoint) -> list[int]:
        """y_i / x_i of each state."""
        if self.same:
            return [1] * self.system.size
        return [1 if i in self.ruled else point.of(f) for i, f in enumerate(self.system.row_factors)]
