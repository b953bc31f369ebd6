"""Derivatives, values and light rewriting of formulas."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping

from manyscale.errors import InputError
from manyscale.model.expr import (
    FUNCTIONS,
    MINUS_ONE,
    ONE,
    ZERO,
    Add,
    Bool,
    Call,
    Delay,
    Expr,
    Logic,
    Mul,
    Number,
    Piecewise,
    Power,
    RateOf,
    Relation,
    Symbol,
    Time,
    add,
    mul,
    power,
    substitute,
    transform,
    walk,
)
from manyscale.model.printing import infix


def free_of(expr: Expr, names: str | Iterable[str]) -> bool:
    """Whether none of the names occurs in the expression."""
    wanted = {names} if isinstance(names, str) else set(names)
    return not any(type(node) in (Symbol, RateOf) and node.name in wanted for node in walk(expr))


def size(expr: Expr) -> int:
    """Number of different sub-expressions: what evaluation costs when common ones are shared."""
    return len(set(walk(expr)))


# Derivatives


def differentiate(expr: Expr, name: str) -> Expr:
    """Derivative by the symbol `name`, all other symbols held fixed.

    Piecewise formulas are differentiated branch by branch; abs, min and max become piecewise; floor, ceil, quotient,
    factorial, relations and logic have derivative zero (true almost everywhere). Raises InputError where the
    derivative has no formula: model-defined functions (use `inline_functions` first), `delay` of something that
    depends on `name`, and `rateOf`.
    """
    match expr:
        case Symbol(symbol):
            return ONE if symbol == name else ZERO
        case Number() | Time() | Bool() | Relation() | Logic():
            return ZERO
        case Add(terms):
            return add(*(differentiate(term, name) for term in terms))
        case Mul(factors):
            return _product_rule(factors, name)
        case Power(base, exponent):
            return _power_rule(base, exponent, name)
        case Call():
            return _chain_rule(expr, name)
        case Piecewise(pieces, otherwise):
            slopes = [differentiate(value, name) for value, _ in pieces]
            last = None if otherwise is None else differentiate(otherwise, name)
            if all(slope == ZERO for slope in slopes) and last in (None, ZERO):
                return ZERO
            return Piecewise(tuple((slope, condition) for slope, (_, condition) in zip(slopes, pieces)), last)
    if free_of(expr, name) and type(expr) is Delay:
        return ZERO
    raise InputError(f"{infix(expr)} has no derivative by {name}: replace it by a symbol first")


def _product_rule(factors: tuple[Expr, ...], name: str) -> Expr:
    terms = []
    for i, factor in enumerate(factors):
        slope = differentiate(factor, name)
        if slope != ZERO:
            terms.append(mul(*factors[:i], slope, *factors[i + 1 :]))
    return add(*terms)


def _power_rule(base: Expr, exponent: Expr, name: str) -> Expr:
    below, above = differentiate(base, name), differentiate(exponent, name)
    terms = []
    if below != ZERO:
        lower = exponent.value - 1.0 if type(exponent) is Number else add(exponent, -1.0)
        terms.append(mul(exponent, power(base, lower), below))
    if above != ZERO:
        terms.append(mul(Power(base, exponent), Call("ln", (base,)), above))
    return add(*terms)


def _call(function: str, *arguments: Expr) -> Expr:
    return Call(function, arguments)


def _square(x: Expr) -> Expr:
    return power(x, 2.0)


def _sign(x: Expr) -> Expr:
    return Piecewise(((ONE, Relation(">", x, ZERO)), (MINUS_ONE, Relation("<", x, ZERO))), ZERO)


SLOPES: dict[str, Callable[[Expr], Expr]] = {  # derivative of each function of one argument
    "exp": lambda x: _call("exp", x),
    "ln": lambda x: power(x, -1.0),
    "log10": lambda x: mul(1 / math.log(10.0), power(x, -1.0)),
    "abs": _sign,
    "floor": lambda x: ZERO,
    "ceil": lambda x: ZERO,
    "factorial": lambda x: ZERO,
    "sin": lambda x: _call("cos", x),
    "cos": lambda x: -_call("sin", x),
    "tan": lambda x: 1.0 + _square(_call("tan", x)),
    "sec": lambda x: _call("sec", x) * _call("tan", x),
    "csc": lambda x: -_call("csc", x) * _call("cot", x),
    "cot": lambda x: -1.0 - _square(_call("cot", x)),
    "sinh": lambda x: _call("cosh", x),
    "cosh": lambda x: _call("sinh", x),
    "tanh": lambda x: 1.0 - _square(_call("tanh", x)),
    "sech": lambda x: -_call("sech", x) * _call("tanh", x),
    "csch": lambda x: -_call("csch", x) * _call("coth", x),
    "coth": lambda x: 1.0 - _square(_call("coth", x)),
    "arcsin": lambda x: power(1.0 - _square(x), -0.5),
    "arccos": lambda x: -power(1.0 - _square(x), -0.5),
    "arctan": lambda x: power(1.0 + _square(x), -1.0),
    "arcsec": lambda x: power(_square(x) * power(1.0 - power(x, -2.0), 0.5), -1.0),
    "arccsc": lambda x: -power(_square(x) * power(1.0 - power(x, -2.0), 0.5), -1.0),
    "arccot": lambda x: -power(1.0 + _square(x), -1.0),
    "arcsinh": lambda x: power(1.0 + _square(x), -0.5),
    "arccosh": lambda x: power(_square(x) - 1.0, -0.5),
    "arctanh": lambda x: power(1.0 - _square(x), -1.0),
    "arcsech": lambda x: -power(x * power(1.0 - _square(x), 0.5), -1.0),
    "arccsch": lambda x: -power(_square(x) * power(1.0 + power(x, -2.0), 0.5), -1.0),
    "arccoth": lambda x: power(1.0 - _square(x), -1.0),
}


def _chain_rule(expr: Call, name: str) -> Expr:
    function, arguments = expr.function, expr.arguments
    if function not in FUNCTIONS:
        raise InputError(f"{function}(...) is a function of the model; use inline_functions before differentiating")
    slopes = [differentiate(a, name) for a in arguments]
    if all(slope == ZERO for slope in slopes) or function == "quotient":
        return ZERO
    if function == "rem":  # a - b * trunc(a / b)
        return slopes[0] - _call("quotient", *arguments) * slopes[1]
    if function in ("min", "max"):
        return _choice(function, arguments, slopes)
    return mul(SLOPES[function](arguments[0]), slopes[0])


def _choice(function: str, arguments: tuple[Expr, ...], slopes: list[Expr]) -> Expr:
    operator = "<=" if function == "min" else ">="
    pieces = []
    for i, argument in enumerate(arguments[:-1]):
        chosen = [Relation(operator, argument, other) for other in arguments[i + 1 :]]
        pieces.append((slopes[i], chosen[0] if len(chosen) == 1 else Logic("and", tuple(chosen))))
    return Piecewise(tuple(pieces), slopes[-1]) if pieces else slopes[-1]
