"""Formulas as infix text (what `parse` reads back) and as LaTeX."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

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
            return number_text(value), SIGN if math.copysign(1.0, value) < 0 and not math.isnan(value) else ATOM
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
            flat = tuple(part for piece in pieces for part in piece)
            head, parts = "piecewise", flat if otherwise is None else (*flat, otherwise)
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
    if type(factor.base) is Number and factor.base.value > 0 and exponent.value != -1.0:
        return None  # kept as a power because its value is out of range; so would be the denominator
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


# LaTeX

GREEK = [
    "alpha",
    "beta",
    "gamma",
    "delta",
    "epsilon",
    "zeta",
    "eta",
    "theta",
    "iota",
    "kappa",
    "lambda",
    "mu",
    "nu",
    "xi",
    "pi",
    "rho",
    "sigma",
    "tau",
    "upsilon",
    "phi",
    "chi",
    "psi",
    "omega",
    "Gamma",
    "Delta",
    "Theta",
    "Lambda",
    "Xi",
    "Pi",
    "Sigma",
    "Upsilon",
    "Phi",
    "Psi",
    "Omega",
]
_LATEX_FUNCTIONS = {
    "exp", "ln", "sin", "cos", "tan", "sec", "csc", "cot", "sinh", "cosh", "tanh", "coth", "arcsin", "arccos", "arctan",
    "min", "max",
}  # fmt: skip
_LATEX_RELATIONS = {"<": "<", "<=": r"\leq", ">": ">", ">=": r"\geq", "==": "=", "!=": r"\neq"}
_LATEX_LOGIC = {"and": r"\wedge", "or": r"\vee", "xor": r"\oplus", "implies": r"\Rightarrow"}


def latex(expr: Expr, names: Mapping[str, str] | None = None) -> str:
    """Formula as LaTeX without dollar signs: fractions, roots, subscripts, Greek letters.

    `names` gives the LaTeX of a symbol (e.g. ``{"S": r"[\\mathrm{S}]"}``); others are set by `name_latex`.
    """
    return _latex(expr, names or {})[0]


def name_latex(name: str) -> str:
    """An identifier in LaTeX: k_cat gives k_{cat}, K1 K_1, alpha the letter, MAPK upright."""
    head, _, tail = name.replace(".", "_").partition("_")
    number = re.match(r"([A-Za-z]+)(\d+)\Z", head, re.ASCII)
    if number and (len(number[1]) == 1 or number[1] in GREEK):
        head, tail = number[1], f"{number[2]},{tail}" if tail else number[2]
    head = head or "x"
    upright = head.replace("#", r"\#").replace("%", r"\%")
    shown = f"\\{head}" if head in GREEK else head if len(head) == 1 else f"\\mathrm{{{upright}}}"
    if not tail:
        return shown
    pieces = [f"\\{t}" if t in GREEK else t if t.isdigit() or len(t) == 1 else f"\\mathrm{{{t}}}"
              for t in re.split(r"[_,]+", tail) if t]  # fmt: skip
    return f"{shown}_{{{','.join(pieces)}}}" if pieces else shown


def number_latex(value: float) -> str:
    """A number with a power of ten where `number_text` has an exponent."""
    text = number_text(value)
    if "inf" in text:
        return text.replace("inf", r"\infty")
    mantissa, e, exponent = text.partition("e")
    return text if not e else f"10^{{{exponent}}}" if mantissa == "1" else f"{mantissa} \\cdot 10^{{{exponent}}}"


def _enclose(part: tuple[str, int], least: int) -> str:
    text, strength = part
    return text if strength >= least else f"\\left({text}\\right)"


def _latex(expr: Expr, names: Mapping[str, str]) -> tuple[str, int]:
    match expr:
        case Number(value, _):
            if value == CONSTANTS["pi"]:
                return r"\pi", ATOM
            text = number_latex(value)
            return text, SIGN if value < 0 else PRODUCT if "10^" in text else ATOM
        case Symbol(name):
            return names[name] if name in names else name_latex(name), ATOM
        case Time():
            return "t", ATOM
        case Bool(value):
            return rf"\mathrm{{{str(value).lower()}}}", ATOM
        case Add(terms):
            pieces = [_enclose(_latex(term, names), PRODUCT) for term in terms]
            signed = [p if p.startswith("-") else f"+ {p}" for p in pieces]
            joined = " ".join(f"- {p[1:].lstrip()}" if p.startswith("-") else p for p in signed)
            return joined.removeprefix("+ ") if not pieces[0].startswith("-") else f"-{joined[2:]}", SUM
        case Mul(factors):
            return _latex_product(factors, names)
        case Power(base, exponent):
            return _latex_power(base, exponent, names)
        case Relation(operator, left, right):
            sides = [_enclose(_latex(side, names), SUM) for side in (left, right)]
            return f"{sides[0]} {_LATEX_RELATIONS[operator]} {sides[1]}", RELATION
        case Logic("not", (argument,)):
            return rf"\neg {_enclose(_latex(argument, names), ATOM)}", NOT
        case Logic(operator, arguments):
            parts = [_enclose(_latex(a, names), RELATION) for a in arguments]
            return f" {_LATEX_LOGIC.get(operator, operator)} ".join(parts), OR
        case Piecewise(pieces, otherwise):
            rows = [f"{_latex(v, names)[0]} & \\text{{if }} {_latex(c, names)[0]}" for v, c in pieces]
            rows += [] if otherwise is None else [f"{_latex(otherwise, names)[0]} & \\text{{otherwise}}"]
            return r"\begin{cases} " + r" \\ ".join(rows) + r" \end{cases}", ATOM
        case RateOf(name):
            inner = names.get(name) or name_latex(name)
            return rf"\dot{{{inner}}}", ATOM
    return _latex_call(expr, names), ATOM


def _latex_call(expr: Expr, names: Mapping[str, str]) -> str:
    if type(expr) is Delay:
        inner, lag = _latex(expr.argument, names)[0], _latex(expr.lag, names)[0]
        return rf"\left.{inner}\right|_{{t - {lag}}}"
    if type(expr) is not Call:
        raise TypeError(f"not an expression: {expr!r}")
    parts = [_latex(a, names)[0] for a in expr.arguments]
    match expr.function:
        case "abs":
            return rf"\left|{parts[0]}\right|"
        case "floor":
            return rf"\left\lfloor {parts[0]} \right\rfloor"
        case "ceil":
            return rf"\left\lceil {parts[0]} \right\rceil"
        case "factorial":
            return f"{_enclose(_latex(expr.arguments[0], names), ATOM)}!"
        case "log10":
            head = r"\log_{10}"
        case function:
            head = (
                f"\\{function}" if function in _LATEX_FUNCTIONS else rf"\operatorname{{{function}}}".replace("_", r"\_")
            )
    return rf"{head}\left({', '.join(parts)}\right)"


def _latex_product(factors: tuple[Expr, ...], names: Mapping[str, str]) -> tuple[str, int]:
    above, below, sign = [], [], ""
    for factor in factors:
        under = denominator(factor)
        if under is not None:
            below.append(under)
        elif factor == Number(-1.0):
            sign = "" if sign else "-"
        else:
            above.append(factor)
    if above and type(above[0]) is Number and above[0].value < 0:
        sign = "" if sign else "-"
        above[0] = Number(-above[0].value)
    if not below:
        return sign + _juxtapose(above, names), PRODUCT
    return rf"{sign}\frac{{{_juxtapose(above, names)}}}{{{_juxtapose(below, names)}}}", PRODUCT


def _juxtapose(factors: list[Expr], names: Mapping[str, str]) -> str:
    if len(factors) == 1:
        return _latex(factors[0], names)[0]
    parts = [_enclose(_latex(f, names), PRODUCT) for f in factors]
    text = ""
    for part in parts:
        dot = text and (part[0].isdigit() or part[0] == "-")
        text = f"{text} \\cdot {part}" if dot else rf"{text} \, {part}" if text else part
    return text or "1"


def _latex_power(base: Expr, exponent: Expr, names: Mapping[str, str]) -> tuple[str, int]:
    below = denominator(Power(base, exponent))
    if below is not None:
        return rf"\frac{{1}}{{{_latex(below, names)[0]}}}", PRODUCT
    if exponent == Number(0.5):
        return rf"\sqrt{{{_latex(base, names)[0]}}}", ATOM
    lower = _latex(base, names)
    simple = type(base) in (Symbol, Number, Time)
    return (
        f"{_enclose(lower, ATOM) if simple or lower[1] < ATOM else f'{{{lower[0]}}}'}^{{{_latex(exponent, names)[0]}}}",
        POWER,
    )
