"""Formulas of a `System` and their gradients at random points of a prime field.

Two rational functions that agree at a random point modulo a prime of 61 bits are equal but for a chance of degree / 2^61
(Schwartz, J. ACM 27:701, 1980; Zippel, EUROSAM 1979). A function that is not rational is a fresh random number for each
value of its arguments, and so are its derivatives: nothing about it is used but that equal arguments give equal values.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from fractions import Fraction

from manyscale.model.expr import Add, Bool, Call, Expr, Logic, Mul, Number, Piecewise, Power, Relation, Symbol, Time

PRIME = (1 << 61) - 1
Gradient = dict[int, int]  # state -> derivative, without zeros


class Unlucky(ArithmeticError):
    """A division by zero at this point: try another one."""


def residue(value: Fraction) -> int:
    """A rational number in the field. Errors: Unlucky where the prime divides the denominator."""
    if value.denominator % PRIME == 0:
        raise Unlucky
    return value.numerator * pow(value.denominator, -1, PRIME) % PRIME


def as_written(number: float) -> Fraction | None:
    """The decimal number that a float was written as; None for what is no number."""
    if float(number).is_integer():
        return Fraction(int(number))
    return Fraction(repr(float(number))) if abs(number) < float("inf") else None


class FieldPoint:
    """Random values of time, states and parameters of a system; `states` gives states by position instead.

    `value(name)` and `gradient(name)` are those of a state, parameter, variable or reaction.
    """

    def __init__(self, system, random_: random.Random, states: Mapping[int, int] | None = None):
        self.system, self.random = system, random_
        self.states = [random_.randrange(1, PRIME) for _ in system.states] if states is None else states
        self.parameters: dict[str, int] = {}
        self.time = random_.randrange(1, PRIME)
        self.drawn: dict[tuple, int] = {}
        self.known: dict[str, tuple[int, Gradient]] = {}
        self.values: dict[str, int] = {}

    def free(self, *key) -> int:
        """A random number for what is known by its key alone."""
        found = self.drawn.get(key)
        if found is None:
            found = self.drawn[key] = self.random.randrange(1, PRIME)
        return found

    def parameter(self, name: str) -> int:
        found = self.parameters.get(name)
        if found is None:
            found = self.parameters[name] = self.random.randrange(1, PRIME)
        return found

    # values

    def value(self, name: str) -> int:
        place = self.system.state_index.get(name)
        if place is not None:
            return self.states[place]
        formula = self.system.definitions.get(name)
        if formula is None:
            return self.parameter(name)
        found = self.values.get(name)
        if found is None:
            found = self.values[name] = self.of(formula)
        return found

    def of(self, expr: Expr) -> int:
        """The value of a formula."""
        match expr:
            case Symbol(name):
                return self.value(name)
            case Mul(factors):
                product = 1
                for factor in factors:
                    product = product * self.of(factor) % PRIME
                    if not product:
                        return 0
                return product
            case Add(terms):
                return sum(self.of(term) for term in terms) % PRIME
            case Power(base, Number(exponent)) if float(exponent).is_integer():
                return _power(self.of(base), int(exponent))
        return self.gradient_of(expr, gradients=False)[0]

    # values with gradients

    def gradient(self, name: str) -> tuple[int, Gradient]:
        place = self.system.state_index.get(name)
        if place is not None:
            return self.states[place], {place: 1}
        formula = self.system.definitions.get(name)
        if formula is None:
            return self.parameter(name), {}
        found = self.known.get(name)
        if found is None:
            found = self.known[name] = self.gradient_of(formula)
        return found

    def gradient_of(self, expr: Expr, gradients: bool = True) -> tuple[int, Gradient]:
        """(value, gradient) of a formula; without `gradients` they are left empty."""
        part = self.gradient_of if gradients else lambda e: (self.of(e), {})
        match expr:
            case Symbol(name):
                return self.gradient(name) if gradients else (self.value(name), {})
            case Number(value):
                exact = as_written(value)
                return (self.free("number", repr(value)) if exact is None else residue(exact)), {}
            case Bool(value):
                return int(value), {}
            case Time():
                return self.time, {}
            case Add(terms):
                found = [part(term) for term in terms]
                return sum(v for v, _ in found) % PRIME, _combined((1, g) for _, g in found)
            case Mul(factors):
                return _product([part(factor) for factor in factors])
            case Power(base, exponent):
                return self._power(part(base), part(exponent), exponent)
            case Call(name, arguments):
                return self._call(name, [part(a) for a in arguments])
            case Relation(operator, left, right):
                return self._free_function(operator, [part(left), part(right)])
            case Logic(operator, arguments):
                return self._free_function(operator, [part(a) for a in arguments])
            case Piecewise(pieces, otherwise):
                return self._piecewise([(part(v), part(c)) for v, c in pieces], part(otherwise) if otherwise else None)
        raise TypeError(f"no value in a field for {type(expr).__name__}")

    def _power(self, base, exponent, formula: Expr) -> tuple[int, Gradient]:
        (b, db), (e, de) = base, exponent
        if type(formula) is Number and float(formula.value).is_integer():
            n = int(formula.value)
            return _power(b, n), _combined([(n * _power(b, n - 1) % PRIME, db)] if db else [])
        value = self.free("power", b, e)
        along = value * e % PRIME * _power(b, -1) % PRIME
        return value, _combined([(along, db), (value * self.free("ln", b) % PRIME, de)])

    def _call(self, name: str, arguments) -> tuple[int, Gradient]:
        if name == "exp":
            value = self.free("exp", arguments[0][0])
            return value, _combined([(value, arguments[0][1])])
        if name == "ln":
            return self.free("ln", arguments[0][0]), _combined([(_power(arguments[0][0], -1), arguments[0][1])])
        return self._free_function(name, arguments)

    def _free_function(self, name: str, arguments) -> tuple[int, Gradient]:
        values = tuple(v for v, _ in arguments)
        slopes = ((self.free("slope", name, k, values), g) for k, (_, g) in enumerate(arguments) if g)
        return self.free(name, *values), _combined(slopes)

    def _piecewise(self, pieces, otherwise) -> tuple[int, Gradient]:
        """Sum of the values, each times an indicator that depends on the conditions."""
        conditions = [condition for _, condition in pieces]
        values = [value for value, _ in pieces] + ([otherwise] if otherwise is not None else [])
        parts = [_product([v, self._free_function(f"piece{k}", conditions)]) for k, v in enumerate(values)]
        return sum(v for v, _ in parts) % PRIME, _combined((1, g) for _, g in parts)


def _power(base: int, exponent: int) -> int:
    if exponent < 0 and base == 0:
        raise Unlucky
    return pow(base, exponent, PRIME)


def _combined(parts) -> Gradient:
    total: Gradient = {}
    for factor, gradient in parts:
        for place, slope in gradient.items():
            total[place] = (total.get(place, 0) + factor * slope) % PRIME
    return {place: slope for place, slope in total.items() if slope}


def _product(factors) -> tuple[int, Gradient]:
    value, gradient = 1, {}
    for v, g in factors:
        if g or gradient:
            gradient = _combined([(v, gradient), (value, g)])
        value = value * v % PRIME
    return value, gradient
