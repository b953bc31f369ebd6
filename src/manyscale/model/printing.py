"""Formulas as infix text (what `parse` reads back) and as LaTeX."""

from __future__ import annotations

import math
import re

from manyscale.model.expr import (
    CONSTANTS,
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

# How strongly a printed form holds together; a part that holds less than its surroundings needs gets parentheses.
OR, AND, NOT, RELATION, SUM, PRODUCT, SIGN, POWER, ATOM = range(1, 10)
RESERVED = {  # words that `parse` does not take for the name of a variable
    "time", "true", "false", "and", "or", "not", "xor", "implies", "inf", "infinity", "nan", "notanumber", "avogadro",
    *CONSTANTS,
}  # fmt: skip
_PLAIN_NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*\Z", re.ASCII)


def infix(expr: Expr) -> str:
    """Formula as text with as few parentheses as possible, e.g. ``Vmax*S/(Km + S) - k*P^2``.

    `manyscale.model.parse.parse` gives the same expression back (units on numbers are not printed). Names that are
    not plain or mean something else in a formula are put in backquotes.
    """
    return _infix(expr)[0]


def number_text(value: float) -> str:
    """Shortest decimal text that reads back to the same float."""
    if math.isnan(value):
        return "nan"
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    text = repr(float(value)).removesuffix(".0")
    if "e" in text:
        mantissa, exponent = text.split("e")
        return f"{mantissa.removesuffix('.0')}e{int(exponent)}"
    if text.endswith("000000"):
        digits = text.rstrip("0")
        return f"{digits}e{len(text) - len(digits)}"
    return text


def name_text(name: str) -> str:
    """A name as it stands in infix text."""
    return name if _PLAIN_NAME.match(name) and name not in RESERVED else f"`{name}`"


def _wrap(part: tuple[str, int], least: int) -> str:
    text, strength = part
    return text if strength >= least else f"({text})"


def _infix(expr: Expr) -> tuple[str, int]:
    match expr:
        case Number(value, _):
            for name, constant in CONSTANTS.items():
                if value == constant:
                    return name, ATOM
            return number_text(value), ATOM if value >= 0 or math.isnan(value) else SIGN
        case Symbol(name):
            return name_text(name), ATOM
        case Time():
            return "time", ATOM
        case Bool(value):
            return ("true" if value else "false"), ATOM
        case Add(terms):
            return _sum(terms)
        case Mul(factors):
            return _product(factors)
        case Power(base, exponent):
            return _power(base, exponent)
        case Relation(operator, left, right):
            return f"{_wrap(_infix(left), SUM)} {operator} {_wrap(_infix(right), SUM)}", RELATION
        case Logic(operator, arguments):
            return _logic(operator, arguments)
    return _call_like(expr), ATOM


def _call_like(expr: Expr) -> str:
    match expr:
        case Call(function, arguments):
            head, parts = name_text(function), arguments
        case Piecewise(pieces, otherwise):
            flat = [part for piece in pieces for part in piece]
            head, parts = "piecewise", flat if otherwise is None else [*flat, otherwise]
        case Delay(argument, lag):
            head, parts = "delay", (argument, lag)
        case RateOf(name):
            head, parts = "rateOf", (Symbol(name),)
        case _:
            raise TypeError(f"not an expression: {expr!r}")
    return f"{head}({', '.join(_infix(part)[0] for part in parts)})"


def _sum(terms: tuple[Expr, ...]) -> tuple[str, int]:
    pieces: list[str] = []
    for term in terms:
        text = _wrap(_infix(term), PRODUCT)
        if not pieces:
            pieces.append(text)
        elif text.startswith("-"):
            pieces.append(f" - {text[1:]}")
        else:
            pieces.append(f" + {text}")
    return "".join(pieces) or "0", SUM


def _product(factors: tuple[Expr, ...]) -> tuple[str, int]:
    text, strength = "", PRODUCT
    for position, factor in enumerate(factors):
        below = denominator(factor)
        if below is not None:
            text = f"{text or '1'}/{_wrap(_infix(below), POWER)}"
            continue
        if position == 0 and factor == Number(-1.0) and len(factors) > 1 and denominator(factors[1]) is None:
            text, strength = "-", PRODUCT
            continue
        part = _wrap(_infix(factor), SIGN if not text else POWER)
        text = part if not text else f"-{part}" if text == "-" else f"{text}*{part}"
    return text or "1", strength


def denominator(factor: Expr) -> Expr | None:
    """b, where the factor is b**-n with a plain number n > 0 and reads best as a division by b**n; else None."""
    if type(factor) is not Power or type(factor.exponent) is not Number:
        return None
    exponent = factor.exponent
    if exponent.units is not None or not exponent.value < 0 or math.isinf(exponent.value):
        return None
    if exponent.value == -1.0:
        nested = type(factor.base) is Power and type(factor.base.exponent) is Number
        return None if nested else factor.base
    return Power(factor.base, Number(-exponent.value))


def _power(base: Expr, exponent: Expr) -> tuple[str, int]:
    below = denominator(Power(base, exponent))
    if below is not None:
        return f"1/{_wrap(_infix(below), POWER)}", PRODUCT
    if exponent == Number(0.5):
        return f"sqrt({_infix(base)[0]})", ATOM
    return f"{_wrap(_infix(base), ATOM)}^{_wrap(_infix(exponent), ATOM)}", POWER


def _logic(operator: str, arguments: tuple[Expr, ...]) -> tuple[str, int]:
    if operator == "not" and len(arguments) == 1:
        return f"!{_wrap(_infix(arguments[0]), ATOM)}", NOT
    if operator in ("and", "or") and len(arguments) >= 2:
        strength, sign = (AND, " && ") if operator == "and" else (OR, " || ")
        return sign.join(_wrap(_infix(a), strength + 1) for a in arguments), strength
    return f"{operator}({', '.join(_infix(a)[0] for a in arguments)})", ATOM
