"""Values of formulas with plain Python floats: IEEE 754 arithmetic (1/0 is inf, 0/0 and roots of negatives NaN)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from manyscale.errors import InputError
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


def quiet(function: Callable[..., float]) -> Callable[..., float]:
    """The function with NaN instead of domain errors and inf instead of overflow."""

    def value(*arguments: float) -> float:
        try:
            return float(function(*arguments))
        except OverflowError:
            return math.inf
        except (ValueError, ZeroDivisionError):
            return math.nan

    return value


def divide(a: float, b: float) -> float:
    """a / b as the hardware does it."""
    if b != 0.0:
        return a / b
    if a == 0.0 or math.isnan(a):
        return math.nan
    return math.copysign(math.inf, a) * math.copysign(1.0, b)


def raise_to(base: float, exponent: float) -> float:
    """base ** exponent with C semantics."""
    try:
        if base == 0.0 and exponent < 0.0:
            odd = exponent % 2 == 1
            return math.copysign(math.inf, base) if odd else math.inf
        return math.pow(base, exponent)
    except OverflowError:
        return -math.inf if base < 0 and exponent % 2 == 1 else math.inf
    except ValueError:
        return math.nan


def _logarithm(log: Callable[[float], float]) -> Callable[[float], float]:
    return lambda x: -math.inf if x == 0 else quiet(log)(x)


def _factorial(x: float) -> float:
    if not x >= 0 or x != math.floor(x):
        return math.nan
    return math.inf if x > 170 else float(math.factorial(int(x)))


def _whole(function: Callable[[float], int]) -> Callable[[float], float]:
    return lambda x: float(function(x)) if math.isfinite(x) else x


def _extreme(choose: Callable) -> Callable[..., float]:
    return lambda *xs: math.nan if any(map(math.isnan, xs)) else choose(xs)


_over = lambda f: lambda x: divide(1.0, f(x))  # noqa: E731
_of_inverse = lambda f: lambda x: f(divide(1.0, x))  # noqa: E731
_sinh, _cosh, _asin, _acos, _atanh = (quiet(f) for f in (math.sinh, math.cosh, math.asin, math.acos, math.atanh))
_sin, _cos, _tan, _acosh = quiet(math.sin), quiet(math.cos), quiet(math.tan), quiet(math.acosh)


def _hyperbolic_sine(x: float) -> float:
    return math.copysign(_sinh(abs(x)), x)


def _area_tangent(x: float) -> float:
    return math.copysign(math.inf, x) if abs(x) == 1.0 else _atanh(x)


FUNCTION_VALUES: dict[str, Callable[..., float]] = {
    "exp": quiet(math.exp), "ln": _logarithm(math.log), "log10": _logarithm(math.log10), "abs": abs,
    "floor": _whole(math.floor), "ceil": _whole(math.ceil), "factorial": _factorial,
    "sin": _sin, "cos": _cos, "tan": _tan, "sec": _over(_cos), "csc": _over(_sin), "cot": _over(_tan),
    "sinh": _hyperbolic_sine, "cosh": _cosh, "tanh": math.tanh,
    "sech": _over(_cosh), "csch": _over(_hyperbolic_sine), "coth": _over(math.tanh),
    "arcsin": _asin, "arccos": _acos, "arctan": math.atan,
    "arcsec": _of_inverse(_acos), "arccsc": _of_inverse(_asin), "arccot": _of_inverse(math.atan),
    "arcsinh": math.asinh, "arccosh": _acosh, "arctanh": _area_tangent,
    "arcsech": _of_inverse(_acosh), "arccsch": _of_inverse(math.asinh), "arccoth": _of_inverse(_area_tangent),
    "min": _extreme(min), "max": _extreme(max),
    "quotient": lambda a, b: _whole(math.trunc)(divide(a, b)), "rem": quiet(math.fmod),
}  # fmt: skip


def compare(operator: str, left: float, right: float) -> bool:
    """Value of a relation between two numbers."""
    match operator:
        case "<":
            return left < right
        case "<=":
            return left <= right
        case ">":
            return left > right
        case ">=":
            return left >= right
        case "==":
            return left == right
    return left != right


def evaluate(expr: Expr, values: Mapping[str, float], time: float = 0.0) -> float:
    """Value of the expression; `values` gives a number to every symbol in it; booleans count as 0 and 1.

    Raises InputError for a symbol without value and for what has no value by itself (`delay`, `rateOf`, functions of
    a model: use `inline_functions` first).
    """
    match expr:
        case Number(value, _):
            return value
        case Symbol(name):
            try:
                return float(values[name])
            except KeyError:
                raise InputError(f"{name} has no value here") from None
        case Mul(factors):
            result = 1.0
            for factor in factors:
                result *= evaluate(factor, values, time)
            return result
        case Add(terms):
            result = 0.0
            for term in terms:
                result += evaluate(term, values, time)
            return result
        case Power(base, exponent):
            return _power(evaluate(base, values, time), evaluate(exponent, values, time))
        case Time():
            return time
        case Call(function, arguments) if function in FUNCTION_VALUES:
            return FUNCTION_VALUES[function](*(evaluate(a, values, time) for a in arguments))
        case Relation(operator, left, right):
            return float(compare(operator, evaluate(left, values, time), evaluate(right, values, time)))
        case Logic(operator, arguments):
            return float(connect(operator, [evaluate(a, values, time) != 0 for a in arguments]))
        case Piecewise(pieces, otherwise):
            for piece, condition in pieces:
                if evaluate(condition, values, time) != 0:
                    return evaluate(piece, values, time)
            return math.nan if otherwise is None else evaluate(otherwise, values, time)
        case Bool(value):
            return float(value)
    from manyscale.model.printing import infix

    raise InputError(f"{infix(expr)} has no value by itself; replace it by a symbol or inline the function first")


def _power(base: float, exponent: float) -> float:
    if exponent == -1.0:
        return divide(1.0, base)
    if exponent == 0.5:
        return math.sqrt(base) if base >= 0 else math.nan
    return raise_to(base, exponent)


def connect(operator: str, parts: list[bool]) -> bool:
    """Value of a connective."""
    match operator:
        case "and":
            return all(parts)
        case "or":
            return any(parts)
        case "not":
            return not parts[0]
        case "xor":
            return sum(parts) % 2 == 1
    return not parts[0] or parts[1]  # implies
