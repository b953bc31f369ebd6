"""Formulas as sums of fractions with expanded numerators, so that ranges do not suffer from terms that cancel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from manyscale.model.algebra import differentiate
from manyscale.model.expr import Add, Expr, Mul, Number, Power, add, mul, power, symbols
from manyscale.model.polynomial import Fraction, NotPolynomial, Polynomial, Ring, TooLarge, negative, plus, times

LARGE = 120  # terms above which a formula is left as it is
SMALL, FEW = 40, 12  # terms, and parameters, above which parameters stay inside coefficients


@dataclass(frozen=True)
class Rational:
    """formula: the value. parts: fractions over `ring` that add up to it, empty where it is left as it is."""

    formula: Expr
    ring: Ring | None = None
    parts: tuple[Fraction, ...] = field(default=(), repr=False)

    @property
    def named(self) -> tuple[str, ...]:
        """Symbols by which slopes are free of cancelling terms."""
        return () if self.ring is None else self.ring.unknowns

    def slope(self, name: str) -> Expr:
        """Partial derivative by a symbol, with terms that cancel gone from numerators."""
        if self.ring is None or name not in self.ring.unknowns:
            return differentiate(self.formula, name)
        try:
            return self._expanded(self.ring, self.ring.unknowns.index(name))
        except TooLarge:
            return differentiate(self.formula, name)

    def _expanded(self, ring: Ring, place: int) -> Expr:
        terms = []
        for part in self.parts:
            above = _derived(part.above, place)
            below = _derived(part.below, place)
            if not below:
                if above:
                    terms.append(ring.quotient(above, part.below))
                continue
            top = plus(times(above, part.below) if above else {}, times(part.above, below), -1.0)
            if top:
                terms.append(mul(ring.formula(top), power(ring.formula(part.below), -2.0)))
        return add(*terms)


def rational(formula: Expr, unknowns: Sequence[str], *, whole: bool = False) -> Rational:
    """The formula as fractions in the unknowns, and in its other symbols too where that stays small; terms of one
    denominator together. whole: over one common denominator, where that is not too large."""
    others = sorted(symbols(formula) - set(unknowns))
    tries = [(others, SMALL)] if len(others) <= FEW else []
    for more, largest in [*tries, ([], LARGE)]:
        ring = Ring([*unknowns, *more])
        try:
            parts = _fractions(ring, formula)
            if whole and len(parts) > 1:
                parts = [_reduced(ring.total(parts))]
        except (NotPolynomial, TooLarge):
            continue
        if sum(len(p.above) + len(p.below) for p in parts) <= largest:
            return Rational(add(*(ring.quotient(p.above, p.below) for p in parts)), ring, tuple(parts))
    return Rational(formula)


def _fractions(ring: Ring, formula: Expr) -> list[Fraction]:
    """Sum of fractions, one per denominator (denominators are not multiplied by each other across terms)."""
    found: list[Fraction] = []
    for part in _terms(ring, formula):
        part = _reduced(part)
        if not part.above:
            continue
        for k, other in enumerate(found):
            if other.below == part.below:
                found[k] = Fraction(plus(other.above, part.above), part.below)
                break
            if other.below == negative(part.below):
                found[k] = Fraction(plus(other.above, part.above, -1.0), other.below)
                break
        else:
            found.append(part)
    return [part for part in found if part.above]


def _terms(ring: Ring, formula: Expr) -> list[Fraction]:
    if isinstance(formula, Add):
        return [part for term in formula.terms for part in _fractions(ring, term)]
    if isinstance(formula, Mul):
        parts = [Fraction({(): 1.0}, {(): 1.0})]
        for factor in formula.factors:
            others = _fractions(ring, factor)
            if len(parts) * len(others) > 40:
                raise TooLarge
            parts = [Fraction(times(a.above, b.above), times(a.below, b.below)) for a in parts for b in others]
        return parts
    if isinstance(formula, Power) and isinstance(formula.exponent, Number):
        exponent = formula.exponent.value
        if exponent == int(exponent) and 1 < exponent <= 8:
            return _terms(ring, Mul((formula.base,) * int(exponent)))
    return [ring.read(formula)]


def _reduced(part: Fraction) -> Fraction:
    """Without monomial factors that numerator and denominator share, with denominators that start with +1."""
    if not part.above:
        return part
    first, second = Ring._shared(part.above), Ring._shared(part.below)
    common = {a: min(first.get(a, 0), second.get(a, 0)) for a in {*first, *second}}
    cancel = tuple(sorted((a, -e) for a, e in common.items() if e))
    above, below = (
        (times(part.above, {cancel: 1.0}), times(part.below, {cancel: 1.0})) if cancel else (part.above, part.below)
    )
    if all(v < 0 for v in below.values()):
        above, below = negative(above), negative(below)
    return Fraction(above, below)


def _derived(polynomial: Polynomial, place: int) -> Polynomial:
    result: Polynomial = {}
    for monomial, number in polynomial.items():
        exponents = dict(monomial)
        e = exponents.get(place, 0)
        if e:
            exponents[place] = e - 1
            key = tuple(sorted((a, k) for a, k in exponents.items() if k))
            result[key] = result.get(key, 0.0) + number * e
    return result
