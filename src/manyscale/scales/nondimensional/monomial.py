"""Products of powers of positive quantities: what scales and dimensionless groups are made of."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from manyscale.model.algebra import simplify
from manyscale.model.expr import ONE, Add, Expr, Mul, Number, Power, Symbol, mul, power, substitute, symbols
from manyscale.model.printing import infix

START = "(0)"  # S(0) is the name of the initial value of S in formulas of scales


def start(id: str) -> Symbol:
    """The symbol of an initial value."""
    return Symbol(f"{id}{START}")


def shown(formula: Expr) -> str:
    """A formula as people read it: S(0) for the initial value of S."""
    return infix(formula).replace("`", "")


def at_start(formula: Expr) -> Expr:
    """The same over ids, whose values at the start are meant."""
    names = {name: Symbol(name.removesuffix(START)) for name in symbols(formula) if name.endswith(START)}
    return substitute(formula, names)


@dataclass(frozen=True)
class Monomial:
    """factor * product of base ** exponent, every base positive; bases are symbols or sums, by their text."""

    factor: float = 1.0
    powers: Mapping[str, tuple[Expr, Fraction]] = field(default_factory=dict)

    def __mul__(self, other: Monomial) -> Monomial:
        powers = dict(self.powers)
        for key, (base, exponent) in other.powers.items():
            new = powers.get(key, (base, Fraction(0)))[1] + exponent
            if new:
                powers[key] = (base, new)
            else:
                powers.pop(key, None)
        factor = self.factor * other.factor
        return Monomial(round(factor) if abs(factor - round(factor)) < 1e-12 * abs(factor) else factor, powers)

    def __pow__(self, exponent: Fraction | int) -> Monomial:
        factor = float(self.factor) ** float(exponent) if exponent else 1.0
        return Monomial(factor, {k: (b, e * exponent) for k, (b, e) in self.powers.items() if exponent})

    def __truediv__(self, other: Monomial) -> Monomial:
        return self * other**-1

    @property
    def pure(self) -> bool:
        """Nothing but a number."""
        return not self.powers

    @property
    def size(self) -> int:
        """How much there is to read."""
        return sum(len(symbols(b)) * (1 if abs(e) == 1 else 2) for b, e in self.powers.values()) + (self.factor != 1)

    @property
    def key(self) -> tuple:
        """Equal for equal monomials."""
        return float(f"{self.factor:.12g}"), tuple(sorted((k, e) for k, (_, e) in self.powers.items()))

    def expression(self) -> Expr:
        """As a formula: numerator over denominator."""
        ordered = [self.powers[key] for key in sorted(self.powers)]
        above = [_raised(b, e) for b, e in ordered if e > 0]
        below = [_raised(b, -e) for b, e in ordered if e < 0]
        turned = 1.0 / self.factor
        if below and self.factor < 1 and abs(turned - round(turned)) < 1e-9 * turned:  # A/(2*k) rather than 0.5*A/k
            return mul(*above, power(mul(Number(float(round(turned))), *below), -1.0))
        parts = [*above, power(mul(*below), -1.0)] if below else above
        return mul(Number(float(self.factor)), *parts)

    def __str__(self) -> str:
        return shown(self.expression())


def _raised(base: Expr, exponent: Fraction) -> Expr:
    return power(base, Number(float(exponent)))


def fraction(value: float) -> Fraction | None:
    """The simple fraction that a number of a formula means (0.1 is 1/10), else the number itself; None if infinite."""
    if not math.isfinite(value):
        return None
    simple = Fraction(value).limit_denominator(10_000)
    return simple if abs(float(simple) - value) <= 1e-15 * max(1.0, abs(value)) else Fraction(value)


def monomial(formula: Expr) -> Monomial:
    """A formula of positive value as a monomial; sums in it stay together."""
    return _decomposed(simplify(formula))


def _decomposed(formula: Expr) -> Monomial:
    match formula:
        case Number(value, _):
            return Monomial(abs(value))
        case Mul(factors):
            total = Monomial()
            for factor in factors:
                total = total * _decomposed(factor)
            return total
        case Power(base, Number(exponent, None)):
            if fraction(exponent) is not None:
                return _decomposed(base) ** fraction(exponent)  # type: ignore[operator]
        case Add(terms):
            return Monomial(1.0, {" + ".join(sorted(infix(t) for t in terms)): (formula, Fraction(1))})
    return Monomial(1.0, {infix(formula): (formula, Fraction(1))}) if formula != ONE else Monomial()


def product(parts: Iterable[tuple[Monomial, Fraction]]) -> Monomial:
    """Product of monomials, each raised to a power."""
    total = Monomial()
    for part, exponent in parts:
        if exponent:
            total = total * part**exponent
    return total
