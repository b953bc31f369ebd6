"""Equations for the moments of molecule numbers, and closures for those that are not computed.

d<N^a>/dt = sum_j <w_j(N) ((N + s_j)^a - N^a)> for polynomial propensities w_j; what is of higher order than computed is
written with lower moments: cumulants above the order are zero ("normal"; Whittle, J. R. Stat. Soc. B 19:268, 1957), the
distribution is log-normal ("lognormal"), or products of moments match derivatives ("derivative_matching"; Singh & Hespanha,
IEEE Trans. Autom. Control 56:414, 2011).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from itertools import combinations_with_replacement
from math import comb, prod

import numpy as np

from manyscale.engines.lna_equations import NoiseEquations
from manyscale.errors import UnsupportedError
from manyscale.model.expr import ONE, Add, Expr, Mul, Number, Power, Symbol, add, mul, power, symbols

CLOSURES = ("normal", "lognormal", "derivative_matching")
HIGHEST = 8  # power of a molecule number in a propensity
Monomial = tuple[int, ...]  # exponents by state
Polynomial = dict[Monomial, Expr]


def polynomial(formula: Expr, states: Mapping[str, int], molecule: tuple[Expr, ...]) -> Polynomial | None:
    """A formula in model units as a polynomial in molecule numbers, or None."""
    n = len(molecule)
    zero = (0,) * n
    if not symbols(formula) & set(states):
        return {zero: formula}
    if isinstance(formula, Symbol):
        i = states[formula.name]
        return {tuple(int(k == i) for k in range(n)): molecule[i]}
    if isinstance(formula, Add):
        parts = [polynomial(term, states, molecule) for term in formula.terms]
        return None if any(p is None for p in parts) else _sum(parts)
    if isinstance(formula, Mul):
        found: Polynomial = {zero: ONE}
        for factor in formula.factors:
            part = polynomial(factor, states, molecule)
            if part is None:
                return None
            found = times(found, part)
        return found
    if isinstance(formula, Power) and isinstance(formula.exponent, Number):
        exponent = formula.exponent.value
        base = polynomial(formula.base, states, molecule)
        if base is None or exponent != int(exponent) or not 0 <= exponent <= HIGHEST:
            return None
        found = {zero: ONE}
        for _ in range(int(exponent)):
            found = times(found, base)
        return found
    return None


def _sum(parts) -> Polynomial:
    found: dict[Monomial, list[Expr]] = {}
    for part in parts:
        for monomial, factor in part.items():
            found.setdefault(monomial, []).append(factor)
    return {monomial: add(*factors) for monomial, factors in found.items()}


def times(a: Polynomial, b: Polynomial) -> Polynomial:
    """Product of two polynomials."""
    return _sum([{tuple(i + k for i, k in zip(m, n)): mul(x, y)} for m, x in a.items() for n, y in b.items()])


def raised(exponents: Monomial, change: Mapping[int, int]) -> dict[Monomial, float]:
    """(N + s)^a - N^a as numbers by monomial."""
    found: dict[Monomial, float] = {exponents: 1.0}
    for i, s in change.items():
        step: dict[Monomial, float] = {}
        for monomial, factor in found.items():
            a = monomial[i]
            for k in range(a + 1):
                key = (*monomial[:i], k, *monomial[i + 1 :])
                step[key] = step.get(key, 0.0) + factor * comb(a, k) * float(s) ** (a - k)
        found = step
    found[exponents] = found.get(exponents, 0.0) - 1.0
    return {m: v for m, v in found.items() if v}


@dataclass(frozen=True)
class MomentSystem:
    """Raw moments up to `order`: `equations` by monomial, over symbols `names` and parameters."""

    noise: NoiseEquations
    order: int
    closure: str
    names: Mapping[Monomial, str] = field(repr=False)

    @property
    def size(self) -> int:
        return len(self.noise.states)

    @cached_property
    def propensities(self) -> tuple[Polynomial, ...]:
        """Errors: UnsupportedError for what is no polynomial."""
        system, molecule = self.noise.kernel.system, self.noise.jump.molecule
        found = []
        for one in self.noise.reactions:
            part = polynomial(self.noise.written.out(one.formula), system.state_index, molecule)
            if part is None:
                raise UnsupportedError(
                    "moments", f"level 'moments': the rate of {one.reaction} is no polynomial of molecule numbers; use "
                    "level='lna', 'cme' or 'jump'"
                )  # fmt: skip
            found.append(part)
        return tuple(found)

    @property
    def linear(self) -> bool:
        """Whether no propensity is of more than first order, so that moments close by themselves."""
        return all(sum(m) <= 1 for part in self.propensities for m in part)

    @cached_property
    def equations(self) -> dict[Monomial, Expr]:
        """Rate of change of each moment."""
        found = {}
        for monomial in self.names:
            terms = []
            for one, part in zip(self.noise.reactions, self.propensities):
                for step, number in raised(monomial, dict(one.change)).items():
                    for base, factor in part.items():
                        whole = tuple(i + k for i, k in zip(step, base))
                        terms.append(mul(Number(number), factor, self.moment(whole)))
            found[monomial] = add(*terms)
        return found

    def moment(self, monomial: Monomial) -> Expr:
        """A moment: 1, a symbol, or closed with lower ones."""
        if not any(monomial):
            return ONE
        if monomial in self.names:
            return Symbol(self.names[monomial])
        return self._closures[monomial] if monomial in self._closures else self._close(monomial)

    @cached_property
    def _closures(self) -> dict[Monomial, Expr]:
        return {}

    def _close(self, monomial: Monomial) -> Expr:
        make = {"normal": self._cumulant, "lognormal": self._lognormal, "derivative_matching": self._matched}
        found = self._closures[monomial] = make[self.closure](monomial)
        return found

    def _cumulant(self, monomial: Monomial) -> Expr:
        """From a vanishing joint cumulant: mu = -sum over partitions into m > 1 blocks of (-1)^(m-1) (m-1)! products."""
        letters = tuple(i for i, k in enumerate(monomial) for _ in range(k))
        counted: dict[tuple[Monomial, ...], float] = {}
        for blocks in _partitions(len(letters)):
            if len(blocks) == 1:
                continue
            key = tuple(sorted(self._monomial(letters[i] for i in block) for block in blocks))
            m = len(blocks)
            counted[key] = counted.get(key, 0.0) + (-1.0) ** (m - 1) * prod(range(1, m))
        return add(*(mul(Number(-c), *(self.moment(one) for one in key)) for key, c in counted.items() if c))

    def _monomial(self, letters: Iterator[int]) -> Monomial:
        found = [0] * self.size
        for i in letters:
            found[i] += 1
        return tuple(found)

    def _lognormal(self, monomial: Monomial) -> Expr:
        return self._product(monomial, [m for m in self.names if sum(m) <= 2])

    def _matched(self, monomial: Monomial) -> Expr:
        return self._product(monomial, list(self.names))

    def _product(self, monomial: Monomial, basis: list[Monomial]) -> Expr:
        """prod mu_p^g_p with sum_p g_p C(p, s) = C(monomial, s) for every s of the basis."""
        own = [m for m in basis if all(not k or monomial[i] for i, k in enumerate(m))]
        matrix = np.array([[_binomials(p, s) for p in own] for s in own], dtype=float)
        powers = np.linalg.solve(matrix, np.array([_binomials(monomial, s) for s in own], dtype=float))
        return mul(*(power(Symbol(self.names[p]), Number(float(np.round(g)))) for p, g in zip(own, powers) if round(g)))


def _binomials(a: Monomial, b: Monomial) -> int:
    return prod(comb(i, k) for i, k in zip(a, b))


@lru_cache(maxsize=16)
def _partitions(n: int) -> tuple[tuple[tuple[int, ...], ...], ...]:
    """All partitions of 0 .. n - 1 into blocks."""
    found: list[list[list[int]]] = [[]]
    for k in range(n):
        found = [[*p[:i], [*p[i], k], *p[i + 1 :]] for p in found for i in range(len(p))] + [[*p, [k]] for p in found]
    return tuple(tuple(tuple(block) for block in p) for p in found)


def monomials(size: int, order: int) -> list[Monomial]:
    """Exponents of every moment of order 1 to `order`, lower orders first."""
    found = []
    for total in range(1, order + 1):
        for letters in combinations_with_replacement(range(size), total):
            found.append(tuple(letters.count(i) for i in range(size)))
    return found
