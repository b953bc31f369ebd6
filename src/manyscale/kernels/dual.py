"""Derivatives by walking the tree (forward mode): the oracle for compiled Jacobians."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from manyscale.kernels import interpret
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

_LN10 = np.log(10.0)

SLOPES: dict[str, Any] = {  # d f(x) / dx from (x, f(x))
    "exp": lambda x, f: f, "ln": lambda x, f: 1 / x, "log10": lambda x, f: 1 / (x * _LN10),
    "abs": lambda x, f: np.sign(x), "floor": lambda x, f: 0 * x, "ceil": lambda x, f: 0 * x,
    "factorial": lambda x, f: 0 * x,
    "sin": lambda x, f: np.cos(x), "cos": lambda x, f: -np.sin(x), "tan": lambda x, f: 1 + f * f,
    "sec": lambda x, f: f * np.tan(x), "csc": lambda x, f: -f / np.tan(x), "cot": lambda x, f: -(1 + f * f),
    "sinh": lambda x, f: np.cosh(x), "cosh": lambda x, f: np.sinh(x), "tanh": lambda x, f: 1 - f * f,

    "sech": lambda x, f: -f * np.tanh(x), "csch": lambda x, f: -f / np.tanh(x), "coth": lambda x, f: 1 - f * f,
    "arcsin": lambda x, f: 1 / np.sqrt(1 - x * x), "arccos": lambda x, f: -1 / np.sqrt(1 - x * x),
    "arctan": lambda x, f: 1 / (1 + x * x),
    "arcsec": lambda x, f: 1 / (np.abs(x) * np.sqrt(x * x - 1)),
    "arccsc": lambda x, f: -1 / (np.abs(x) * np.sqrt(x * x - 1)),
    "arccot": lambda x, f: -1 / (1 + x * x),
    "arcsinh": lambda x, f: 1 / np.sqrt(x * x + 1), "arccosh": lambda x, f: 1 / np.sqrt(x * x - 1),
    "arctanh": lambda x, f: 1 / (1 - x * x),
    "arcsech": lambda x, f: -1 / (x * np.sqrt(1 - x * x)),
    "arccsch": lambda x, f: -1 / (np.abs(x) * np.sqrt(1 + x * x)),
    "arccoth": lambda x, f: 1 / (1 - x * x),
}  # fmt: skip


def derive(formula: Expr, t: float, values: Mapping[str, tuple[float, np.ndarray]], time_slope: np.ndarray):
    """(value, gradient) of the formula; `values` maps symbols to the same.

    Gradients have one length. `time_slope` is the gradient of time itself (all zero unless time is one of the
    directions).
    """
    expr: Any = formula
    kind = type(expr)
    zero = np.zeros_like(time_slope)

    def of(part: Expr):
        return derive(part, t, values, time_slope)

    if kind is Symbol:
        return values[expr.name]
    if kind is Number:
        return np.float64(expr.value), zero
    if kind is Bool:
        return np.float64(expr.value), zero
    if kind is Time:
        return np.float64(t), time_slope
    if kind is Add:
        parts = [of(term) for term in expr.terms]
        return sum(v for v, _ in parts), sum(g for _, g in parts)
    if kind is Mul:
        value, slope = of(expr.factors[0])
        for factor in expr.factors[1:]:
            other, other_slope = of(factor)
            value, slope = value * other, _scaled(slope, other) + _scaled(other_slope, value)
        return value, slope
    if kind is Power:
        return _power(of(expr.base), of(expr.exponent))
    if kind is Call:
        return _call(expr.function, [of(a) for a in expr.arguments])
    if kind is Relation:
        return np.float64(interpret.RELATIONS[expr.operator](of(expr.left)[0], of(expr.right)[0])), zero
    if kind is Logic:
        return interpret.logic(expr.operator, [of(a)[0] != 0 for a in expr.arguments]), zero
    if kind is Piecewise:
        for value, condition in expr.pieces:
            if of(condition)[0] != 0:
                return of(value)
        return (np.float64(np.nan), zero) if expr.otherwise is None else of(expr.otherwise)
    raise TypeError(f"{kind.__name__} is not part of a lowered formula")


def _scaled(slope, factor):
    """slope * factor, where a zero slope stays zero whatever the factor (inf and NaN included)."""
    return np.where(slope == 0, 0.0, slope * factor)


def _power(base, exponent):
    (b, db), (e, de) = base, exponent
    value = interpret.power(b, e)
    slope = np.zeros_like(db)
    if db.any() and e != 0:
        slope = slope + _scaled(db, e * interpret.power(b, e - 1))
    if de.any():
        slope = slope + _scaled(de, 0.0 if value == 0 else value * np.log(b))
    return value, slope


def _call(function: str, parts: list):
    if function in ("min", "max"):
        better = np.less if function == "min" else np.greater
        chosen = parts[0]
        for part in parts[1:]:
            if better(part[0], chosen[0]) or np.isnan(part[0]):
                chosen = part
        return chosen
    value = interpret.FUNCTIONS[function](*(v for v, _ in parts))
    if function == "quotient":
        return value, np.zeros_like(parts[0][1])
    if function == "rem":
        (a, da), (b, db) = parts
        return value, da - _scaled(db, np.trunc(a / b))
    x, dx = parts[0]
    return value, _scaled(dx, SLOPES[function](x, value))
