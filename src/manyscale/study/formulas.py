"""Formulas as plain nested lists, so that a saved study can be typeset without the model."""

from __future__ import annotations

from typing import Any

from manyscale.model.expr import (
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
)

LARGEST = 400  # nodes; a longer formula is not worth typesetting


def encode(expr: Expr) -> Any:
    """A number, a name, or [operator, ...]: "+", "*", "^", "call", "relation", "logic", "piecewise", "delay",
    "rate of", "time", "bool"."""
    match expr:
        case Number(value, _):
            return value
        case Symbol(name):
            return name
        case Bool(value):
            return ["bool", value]
        case Time():
            return ["time"]
        case Add(terms):
            return ["+", *map(encode, terms)]
        case Mul(factors):
            return ["*", *map(encode, factors)]
        case Power(base, exponent):
            return ["^", encode(base), encode(exponent)]
        case Call(function, arguments):
            return ["call", function, *map(encode, arguments)]
        case Relation(operator, left, right):
            return ["relation", operator, encode(left), encode(right)]
        case Logic(operator, arguments):
            return ["logic", operator, *map(encode, arguments)]
        case Piecewise(pieces, otherwise):
            last = None if otherwise is None else encode(otherwise)
            return ["piecewise", [[encode(value), encode(condition)] for value, condition in pieces], last]
        case Delay(argument, lag):
            return ["delay", encode(argument), encode(lag)]
        case RateOf(name):
            return ["rate of", name]
    raise TypeError(f"not an expression: {expr!r}")


def size(tree: Any) -> int:
    """Number of nodes of an encoded formula."""
    if isinstance(tree, list):
        return 1 + sum(size(item) for item in tree)
    return 1
