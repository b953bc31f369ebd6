"""Formulas as polynomials in some unknowns, with everything else as signed monomials that cancel exactly.

A monomial is a sorted tuple of (atom, exponent); atoms are numbered by a `Ring`: the unknowns first, then every other
symbol and every sub-formula free of unknowns that is not a sum of products. Exponents of unknowns are positive.
"""

from __future__ import annotations

from collections.abc import Iterable

from manyscale.model.expr import ONE, Add, Expr, Mul, Number, Power, Symbol, add, children, mul, power, symbols

Monomial = tuple[tuple[int, int], ...]
Polynomial = dict[Monomial, float]

LARGEST = 600  # terms of one polynomial
TIDY = 1e-13  # terms that cancel to this share of what was added are gone
UNIT: Monomial = ()


class NotPolynomial(Exception):
    """An unknown stands where no polynomial can have it."""


class TooLarge(Exception):
    """Expanding makes more terms than anybody wants to read."""


class Fraction:
    """numerator / denominator."""

    __slots__ = ("above", "below")

    def __init__(self, above: Polynomial, below: Polynomial):
        self.above, self.below = above, below


class Ring:
    """The atoms of a set of polynomials; unknowns have the numbers 0 .. len(unknowns) - 1."""

    def __init__(self, unknowns: Iterable[str]):
        self.unknowns = tuple(unknowns)
        self.atoms: list[Expr] = [Symbol(name) for name in self.unknowns]
        self.number: dict[Expr, int] = {atom: k for k, atom in enumerate(self.atoms)}

    def atom(self, expr: Expr) -> int:
        if expr not in self.number:
            self.number[expr] = len(self.atoms)
            self.atoms.append(expr)
        return self.number[expr]

    # formulas to polynomials

    def read(self, expr: Expr) -> Fraction:
        """Numerator and denominator; the denominator is 1 unless an unknown stands in one.

        Raises NotPolynomial where an unknown is inside a function, a piecewise or a power that is not whole.
        """
        match expr:
            case Number(value, None):
                return Fraction({UNIT: value} if value else {}, {UNIT: 1.0})
            case Symbol():
                return Fraction({((self.atom(expr), 1),): 1.0}, {UNIT: 1.0})
            case Add(terms):
                return self.total([self.read(term) for term in terms])
            case Mul(factors):
                parts = [self.read(factor) for factor in factors]
                above, below = parts[0].above, parts[0].below
                for part in parts[1:]:
                    above, below = times(above, part.above), times(below, part.below)
                return Fraction(above, below)
            case Power(base, Number(exponent, None)) if exponent == int(exponent) and abs(exponent) <= 8:
                return self._power(expr, base, int(exponent))
        if symbols(expr) & set(self.unknowns):
            raise NotPolynomial(str(expr))
        return Fraction({((self.atom(expr), 1),): 1.0}, {UNIT: 1.0})

    def _power(self, expr: Expr, base: Expr, exponent: int) -> Fraction:
        inside = bool(symbols(base) & set(self.unknowns))
        part = self.read(base)
        if not inside:
            if len(part.above) == 1 and part.below == {UNIT: 1.0}:
                ((monomial, number),) = part.above.items()
                return Fraction({tuple((a, e * exponent) for a, e in monomial): number**exponent}, {UNIT: 1.0})
            if exponent < 0:  # a sum below a bar: one atom
                return Fraction({((self.atom(base), exponent),): 1.0}, {UNIT: 1.0})
        above, below = (part.above, part.below) if exponent > 0 else (part.below, part.above)
        result = Fraction({UNIT: 1.0}, {UNIT: 1.0})
        for _ in range(abs(exponent)):
            result = Fraction(times(result.above, above), times(result.below, below))
        return result

    def total(self, parts: list[Fraction]) -> Fraction:
        """Sum over a common denominator."""
        below: list[Polynomial] = []
        for part in parts:
            if part.below not in below:
                below.append(part.below)
        above: Polynomial = {}
        for part in parts:
            term = part.above
            for other in below:
                if other != part.below:
                    term = times(term, other)
            above = plus(above, term)
        product: Polynomial = {UNIT: 1.0}
        for other in below:
            product = times(product, other)
        return Fraction(above, product)

    # and back

    def formula(self, polynomial: Polynomial) -> Expr:
        """The polynomial as a formula, with factors that all terms share in front of the sum."""
        if not polynomial:
            return Number(0.0)
        shared = self._shared(polynomial)
        terms = []
        for monomial, number in polynomial.items():
            rest = dict(monomial)
            for atom, exponent in shared.items():
                rest[atom] = rest.get(atom, 0) - exponent
            terms.append(mul(number, *self._factors(rest)))
        return mul(*self._factors(shared), add(*terms))

    def _factors(self, exponents: dict[int, int]) -> list[Expr]:
        return [power(self.atoms[a], float(e)) for a, e in exponents.items() if e]

    @staticmethod
    def _shared(polynomial: Polynomial) -> dict[int, int]:
        lists = [dict(monomial) for monomial in polynomial]
        names = {a for one in lists for a in one}
        low = {a: min(one.get(a, 0) for one in lists) for a in names}
        return {a: e for a, e in low.items() if e}

    def quotient(self, above: Polynomial, below: Polynomial) -> Expr:
        """above / below with common monomial factors cancelled."""
        if not above:
            return Number(0.0)
        first, second = self._shared(above), self._shared(below)
        common = {a: min(first.get(a, 0), second.get(a, 0)) for a in {*first, *second}}
        cancel = tuple(sorted((a, -e) for a, e in common.items() if e))
        scale = next(iter(below.values())) if len(below) == 1 else 1.0
        top = times(above, {cancel: 1.0 / scale})
        bottom = times(below, {cancel: 1.0 / scale})
        under = self.formula(bottom)
        return self.formula(top) if under == ONE else mul(self.formula(top), power(under, -1.0))

    # in terms of the unknowns

    def degrees(self, polynomial: Polynomial) -> tuple[int, ...]:
        """Highest exponent of each unknown."""
        best = [0] * len(self.unknowns)
        for monomial in polynomial:
            for a, e in monomial:
                if a < len(best):
                    best[a] = max(best[a], e)
        return tuple(best)

    def affine(self, polynomial: Polynomial) -> tuple[Polynomial, dict[int, Polynomial]] | None:
        """(constant, coefficient by unknown), or None where products of unknowns occur."""
        constant: Polynomial = {}
        slopes: dict[int, Polynomial] = {}
        count = len(self.unknowns)
        for monomial, number in polynomial.items():
            inside = [(a, e) for a, e in monomial if a < count]
            rest = tuple((a, e) for a, e in monomial if a >= count)
            if not inside:
                constant[rest] = constant.get(rest, 0.0) + number
            elif len(inside) == 1 and inside[0][1] == 1:
                slope = slopes.setdefault(inside[0][0], {})
                slope[rest] = slope.get(rest, 0.0) + number
            else:
                return None
        return constant, slopes

    def coefficients(self, polynomial: Polynomial, unknown: int) -> dict[int, Polynomial]:
        """Coefficient of each power of one unknown."""
        result: dict[int, Polynomial] = {}
        for monomial, number in polynomial.items():
            exponent = dict(monomial).get(unknown, 0)
            rest = tuple((a, e) for a, e in monomial if a != unknown)
            part = result.setdefault(exponent, {})
            part[rest] = part.get(rest, 0.0) + number
        return result


def plus(a: Polynomial, b: Polynomial, factor: float = 1.0) -> Polynomial:
    """a + factor * b; terms that cancel are dropped."""
    result = dict(a)
    for monomial, number in b.items():
        old = result.get(monomial, 0.0)
        new = old + factor * number
        if abs(new) <= TIDY * max(abs(old), abs(factor * number)):
            result.pop(monomial, None)
        else:
            result[monomial] = new
    if len(result) > LARGEST:
        raise TooLarge
    return result


def times(a: Polynomial, b: Polynomial) -> Polynomial:
    """Product, expanded. Raises TooLarge."""
    if b == {UNIT: 1.0}:
        return a
    if a == {UNIT: 1.0}:
        return b
    if len(a) * len(b) > 8 * LARGEST:
        raise TooLarge
    result: Polynomial = {}
    scale: dict[Monomial, float] = {}
    for first, x in a.items():
        for second, y in b.items():
            monomial = join(first, second)
            result[monomial] = result.get(monomial, 0.0) + x * y
            scale[monomial] = max(scale.get(monomial, 0.0), abs(x * y))
    result = {m: v for m, v in result.items() if abs(v) > TIDY * scale[m]}
    if len(result) > LARGEST:
        raise TooLarge
    return result


def join(first: Monomial, second: Monomial) -> Monomial:
    """Product of two monomials."""
    if not first or not second:
        return first or second
    exponents = dict(first)
    for atom, exponent in second:
        exponents[atom] = exponents.get(atom, 0) + exponent
    return tuple(sorted((a, e) for a, e in exponents.items() if e))


def negative(polynomial: Polynomial) -> Polynomial:
    return {m: -v for m, v in polynomial.items()}


def positive(polynomial: Polynomial) -> bool:
    """Whether no term has a minus sign (all atoms counted as positive)."""
    return all(v > 0 for v in polynomial.values())


def nodes(expr: Expr) -> int:
    """Size of a formula written out."""
    count, stack = 0, [expr]
    while stack:
        count += 1
        stack.extend(children(stack.pop()))
        if count > 100_000:
            return count
    return count
