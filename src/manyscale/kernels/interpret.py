"""Evaluation of expressions by walking the tree, with NumPy numbers or arrays: the oracle, and the fallback.

Arithmetic is that of IEEE 754 and C (1/0 is inf, 0**0 is 1, (-1)**0.5 is NaN). Booleans are 0.0 and 1.0.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from manyscale.model.expr import (
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
    Symbol,
    Time,
)

_factorial = np.vectorize(
    lambda x: math.nan if x < 0 or x != math.floor(x) else (math.inf if x > 170 else float(math.factorial(int(x)))),
    otypes=[float],
)


def factorial(x):
    """x! for whole x >= 0; NaN elsewhere; inf above 170."""
    return _factorial(x)[()]


FUNCTIONS: dict[str, Any] = {
    "exp": np.exp, "ln": np.log, "log10": np.log10, "abs": np.abs, "floor": np.floor, "ceil": np.ceil,
    "factorial": factorial, "sin": np.sin, "cos": np.cos, "tan": np.tan,
    "sec": lambda x: 1 / np.cos(x), "csc": lambda x: 1 / np.sin(x), "cot": lambda x: 1 / np.tan(x),
    "sinh": np.sinh, "cosh": np.cosh, "tanh": np.tanh,
    "sech": lambda x: 1 / np.cosh(x), "csch": lambda x: 1 / np.sinh(x), "coth": lambda x: 1 / np.tanh(x),
    "arcsin": np.arcsin, "arccos": np.arccos, "arctan": np.arctan,
    "arcsec": lambda x: np.arccos(1 / x), "arccsc": lambda x: np.arcsin(1 / x),
    "arccot": lambda x: np.arctan(1 / x),
    "arcsinh": np.arcsinh, "arccosh": np.arccosh, "arctanh": np.arctanh,
    "arcsech": lambda x: np.arccosh(1 / x), "arccsch": lambda x: np.arcsinh(1 / x),
    "arccoth": lambda x: np.arctanh(1 / x),
    "quotient": lambda a, b: np.trunc(a / b), "rem": np.fmod,
}  # fmt: skip

RELATIONS: dict[str, Any] = {
    "<": np.less, "<=": np.less_equal, ">": np.greater, ">=": np.greater_equal, "==": np.equal, "!=": np.not_equal,
}  # fmt: skip


def evaluate(formula: Expr, t, values: Mapping[str, Any]):
    """Value of the formula; `values` gives every symbol a float64 or an array (all of one shape)."""
    expr: Any = formula
    kind = type(expr)
    if kind is Symbol:
        return values[expr.name]
    if kind is Number:
        return np.float64(expr.value)
    if kind is Time:
        return t if isinstance(t, np.ndarray) else np.float64(t)
    if kind is Mul:
        result = evaluate(expr.factors[0], t, values)
        for factor in expr.factors[1:]:
            result = result * evaluate(factor, t, values)
        return result
    if kind is Add:
        result = evaluate(expr.terms[0], t, values)
        for term in expr.terms[1:]:
            result = result + evaluate(term, t, values)
        return result
    if kind is Power:
        return power(evaluate(expr.base, t, values), evaluate(expr.exponent, t, values))
    if kind is Call:
        parts = [evaluate(a, t, values) for a in expr.arguments]
        if expr.function in ("min", "max"):
            choose = np.minimum if expr.function == "min" else np.maximum
            result = parts[0]
            for part in parts[1:]:
                result = choose(result, part)
            return result
        return FUNCTIONS[expr.function](*parts)
    if kind is Relation:
        sides = evaluate(expr.left, t, values), evaluate(expr.right, t, values)
        return np.float64(1.0) * RELATIONS[expr.operator](*sides)
    if kind is Logic:
        return logic(expr.operator, [evaluate(a, t, values) != 0 for a in expr.arguments])
    if kind is Piecewise:
        return _piecewise(expr, t, values)
    if kind is Bool:
        return np.float64(expr.value)
    raise TypeError(f"{kind.__name__} is not part of a lowered formula")


def power(base, exponent):
    """base ** exponent with C semantics; small whole exponents by multiplication, as compiled code does."""
    if np.ndim(exponent) == 0:
        if exponent == -1.0:
            return 1.0 / base
        if exponent == 2.0:
            return base * base
        if exponent == 0.5:
            return np.sqrt(base)
    return np.power(base, exponent)


def logic(operator: str, parts: list):
    """`parts` are booleans or boolean arrays; the result is 0.0 or 1.0."""
    if operator == "not":
        return np.float64(1.0) * np.logical_not(parts[0])
    if operator == "implies":
        return np.float64(1.0) * np.logical_or(np.logical_not(parts[0]), parts[1])
    combine = {"and": np.logical_and, "or": np.logical_or, "xor": np.logical_xor}[operator]
    result = np.bool_(operator == "and")
    for part in parts:
        result = combine(result, part)
    return np.float64(1.0) * result


def _piecewise(expr: Piecewise, t, values) -> Any:
    result: Any = np.float64(np.nan)
    conditions: list[tuple[Any, Expr]] = []
    for value, condition in expr.pieces:
        holds = evaluate(condition, t, values) != 0
        if np.ndim(holds) == 0:
            if holds and not conditions:
                return evaluate(value, t, values)
            if not holds:
                continue
        conditions.append((holds, value))
    if expr.otherwise is not None:
        result = evaluate(expr.otherwise, t, values)
    for holds, value in reversed(conditions):
        result = np.where(holds, evaluate(value, t, values), result)
    return result
