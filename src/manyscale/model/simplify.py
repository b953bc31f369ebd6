"""Light rewriting: fold numbers, collect equal terms and factors, cancel. One pass, linear in the size of the tree."""

from __future__ import annotations

import math

from manyscale.model.evaluate import FUNCTION_VALUES, compare, evaluate
from manyscale.model.expr import (
    ONE,
    ZERO,
    Add,
    Bool,
    Call,
    Expr,
    Logic,
    Mul,
    Number,
    Piecewise,
    Power,
    Relation,
    add,
    children,
    mul,
    power,
    rebuild,
)


def simplify(expr: Expr) -> Expr:
    """An equal expression, usually shorter: numbers folded, equal terms and factors collected, factors cancelled.

    Wherever the given expression has a finite value the result has the same one, up to rounding; where it is 0/0 or
    a root of a negative number the result may be defined. Cheap; nothing is expanded or factored.
    """
    return _Simplifier().visit(expr)


class Keys:
    """Numbers for expressions: equal if and only if the expressions are, up to the order of terms and factors."""

    def __init__(self):
        self.known: dict[tuple, int] = {}
        self.seen: dict[int, tuple[Expr, int]] = {}  # by object; holds the object so that its id stays its own

    def of(self, expr: Expr) -> int:
        entry = self.seen.get(id(expr))
        if entry is None:
            entry = self.seen[id(expr)] = (expr, self.known.setdefault(self._form(expr), len(self.known)))
        return entry[1]

    def _form(self, expr: Expr) -> tuple:
        parts = [self.of(part) for part in children(expr)]
        match expr:
            case Add() | Mul():
                return type(expr).__name__, *sorted(parts)
            case Call(name, _) | Logic(name, _) | Relation(name, _, _):
                return type(expr).__name__, name, *parts
            case Piecewise(_, otherwise):
                return "Piecewise", otherwise is None, *parts
        return (type(expr).__name__, *parts) if parts else (type(expr).__name__, expr)


class _Simplifier:
    def __init__(self):
        self.keys = Keys()
        self.done: dict[int, tuple[Expr, Expr]] = {}

    def visit(self, expr: Expr) -> Expr:
        known = self.done.get(id(expr))
        if known is not None:
            return known[1]
        parts = children(expr)
        result = expr
        if parts:
            new = tuple(self.visit(part) for part in parts)
            result = self.combine(rebuild(expr, new) if any(a is not b for a, b in zip(new, parts)) else expr)
        self.done[id(expr)] = (expr, result)
        return result

    def combine(self, expr: Expr) -> Expr:
        match expr:
            case Add(terms):
                return self.sum(terms)
            case Mul(factors):
                return self.product(factors)
            case Power():
                return self.product((expr,))
            case Call(function, arguments) if function in FUNCTION_VALUES and all(map(_plain, arguments)):
                value = evaluate(expr, {})
                return Number(value) if math.isfinite(value) else expr
            case Relation(operator, Number(left, None), Number(right, None)):
                return Bool(compare(operator, left, right))
            case Logic():
                return _logic(expr)
            case Piecewise():
                return self.piecewise(expr)
        return expr

    def sum(self, terms: tuple[Expr, ...]) -> Expr:
        collected: dict[int, list] = {}
        constant = 0.0
        for coefficient, rest in _signed_terms(terms):
            if rest is None:
                constant += coefficient
            else:
                entry = collected.setdefault(self.keys.of(rest), [0.0, rest])
                entry[0] += coefficient
        parts = [mul(coefficient, rest) for coefficient, rest in collected.values() if coefficient != 0.0]
        return add(*parts, constant)

    def product(self, factors: tuple[Expr, ...]) -> Expr:
        coefficient = 1.0
        collected: dict[int, list] = {}  # key of base -> [base, exponent]
        for base, exponent in _powers(factors):
            if _plain(base) and exponent == ONE:
                coefficient *= base.value
                continue
            entry = collected.get(key := self.keys.of(base))
            if entry is None:
                collected[key] = [base, exponent]
            else:
                entry[1] = self.sum((entry[1], exponent))
        above: list[Expr] = []
        below: list[Expr] = []
        for base, exponent in collected.values():
            if exponent == ZERO:
                continue
            factor = power(base, exponent)
            if isinstance(factor, Number) and factor.units is None:
                coefficient *= factor.value
            elif _plain(exponent) and exponent.value < 0:
                below.append(power(base, -exponent.value))
            else:
                above.append(factor)
        if coefficient == 0.0:
            return ZERO
        if below:
            above.append(power(mul(*below), -1.0))
        return mul(coefficient, *above)

    def piecewise(self, expr: Piecewise) -> Expr:
        pieces, otherwise = [], expr.otherwise
        for value, condition in expr.pieces:
            holds = truth(condition)
            if holds is None:
                pieces.append((value, condition))
            elif holds:
                otherwise = value
                break
        if otherwise is not None:
            last = self.keys.of(otherwise)
            while pieces and self.keys.of(pieces[-1][0]) == last:
                pieces.pop()
            if not pieces:
                return otherwise
        elif not pieces:
            return Piecewise((), None) if not expr.pieces else Number(math.nan)
        return Piecewise(tuple(pieces), otherwise)


def _plain(expr: Expr) -> bool:
    return type(expr) is Number and expr.units is None


def truth(condition: Expr) -> bool | None:
    """Whether a condition is certainly true or false; None if that depends on something."""
    match condition:
        case Bool(value):
            return value
        case Number(value, _):
            return value != 0
    return None


def _signed_terms(terms):
    """(coefficient, rest) of each term; rest None for a number; the terms of +-(a + b) are taken apart."""
    for term in terms:
        if _plain(term):
            yield term.value, None
            continue
        coefficient, rest = 1.0, term
        if type(term) is Mul and _plain(term.factors[0]):
            coefficient = term.factors[0].value
            rest = mul(*term.factors[1:])
        if type(rest) is Add and abs(coefficient) == 1.0:
            for c, r in _signed_terms(rest.terms):
                yield c * coefficient, r
        else:
            yield coefficient, rest


def _powers(factors):
    """(base, exponent) of each factor; whole powers of products and powers of powers are taken apart where equal."""
    for factor in factors:
        if type(factor) is not Power:
            if type(factor) is Mul:
                yield from _powers(factor.factors)
            else:
                yield factor, ONE
            continue
        base, exponent = factor.base, factor.exponent
        if _plain(exponent) and exponent.value == round_(exponent.value):
            if type(base) is Mul:
                for inner, inner_exponent in _powers(base.factors):
                    yield inner, mul(inner_exponent, exponent)
                continue
            if type(base) is Power:
                for inner, inner_exponent in _powers((base,)):
                    yield inner, mul(inner_exponent, exponent)
                continue
        yield base, exponent


def round_(value: float) -> float:
    return float(round(value)) if math.isfinite(value) else math.nan


def _logic(expr: Logic) -> Expr:
    operator, arguments = expr.operator, expr.arguments
    if operator == "not" and len(arguments) == 1:
        holds = truth(arguments[0])
        return expr if holds is None else Bool(not holds)
    if operator not in ("and", "or"):
        return expr
    deciding = operator == "or"  # the value of an argument that decides the whole
    rest = []
    for argument in arguments:
        holds = truth(argument)
        if holds is deciding:
            return Bool(deciding)
        if holds is None:
            rest.append(argument)
    if not rest:
        return Bool(not deciding)
    if len(rest) > 1:
        return Logic(operator, tuple(rest))
    return rest[0] if type(rest[0]) in (Relation, Logic) else Relation("!=", rest[0], ZERO)
