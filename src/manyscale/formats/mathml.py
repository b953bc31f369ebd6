"""Expressions to content MathML as SBML level 3 uses it."""

from __future__ import annotations

import math

from manyscale.formats.xmltext import escape, quoted
from manyscale.model.expr import (
    AVOGADRO,
    FUNCTIONS,
    MINUS_ONE,
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

NAMESPACE = "http://www.w3.org/1998/Math/MathML"
SYMBOLS = "http://www.sbml.org/sbml/symbols/"
RELATIONS = {"==": "eq", "!=": "neq", ">": "gt", "<": "lt", ">=": "geq", "<=": "leq"}
ONLY_VERSION_2 = frozenset(("min", "max", "quotient", "rem", "implies", "rateOf"))
_TIME = f'<csymbol encoding="text" definitionURL="{SYMBOLS}time"> time </csymbol>'
_DELAY = f'<csymbol encoding="text" definitionURL="{SYMBOLS}delay"> delay </csymbol>'
_RATE = f'<csymbol encoding="text" definitionURL="{SYMBOLS}rateOf"> rateOf </csymbol>'
_AVOGADRO = f'<csymbol encoding="text" definitionURL="{SYMBOLS}avogadro"> avogadro </csymbol>'
_NESTED_DIVISIONS = 20


def mathml(expr: Expr, units_namespace: str = "http://www.sbml.org/sbml/level3/version2/core") -> str:
    """The whole `math` element of a formula."""
    return _wrap(content(expr), units_namespace)


def function_mathml(
    arguments: tuple[str, ...], body: Expr, units_namespace: str = "http://www.sbml.org/sbml/level3/version2/core"
) -> str:
    """The `math` element of a function definition."""
    bound = "".join(f"<bvar><ci> {name} </ci></bvar>" for name in arguments)
    return _wrap(f"<lambda>{bound}{content(body)}</lambda>", units_namespace)


def _wrap(inside: str, units_namespace: str) -> str:
    units = f' xmlns:sbml="{units_namespace}"' if "sbml:units" in inside else ""
    return f'<math xmlns="{NAMESPACE}"{units}>{inside}</math>'


def content(expr: Expr) -> str:
    """MathML of an expression without the surrounding `math` element."""
    return _WRITERS[type(expr)](expr)


def _apply(operator: str, *arguments: str) -> str:
    return f"<apply><{operator}/>{''.join(arguments)}</apply>"


def _number(expr: Number) -> str:
    value = expr.value
    if expr.units is None:
        if value in _NAMED:
            return _NAMED[value]
        if value == -math.inf:
            return _apply("minus", "<infinity/>")
    if value != value:
        return "<notanumber/>"
    units = "" if expr.units is None else f" sbml:units={quoted(expr.units)}"
    if value == int(value) if abs(value) < 1e15 else False:
        if value == 0 and math.copysign(1.0, value) < 0:
            return f"<cn{units}> -0.0 </cn>"
        return f'<cn type="integer"{units}> {int(value)} </cn>'
    text = repr(value)
    mantissa, e, exponent = text.partition("e")
    if e:
        return f'<cn type="e-notation"{units}> {mantissa} <sep/> {int(exponent)} </cn>'
    return f"<cn{units}> {text} </cn>"


_NAMED = {math.pi: "<pi/>", math.e: "<exponentiale/>", math.inf: "<infinity/>", AVOGADRO: _AVOGADRO}


def _add(expr: Add) -> str:
    terms = expr.terms
    if len(terms) == 2:
        flipped = _negated(terms[1])
        if flipped is not None:
            return _apply("minus", content(terms[0]), flipped)
    parts = []
    for term in terms:
        flipped = _negated(term)
        parts.append(content(term) if flipped is None or type(term) is Number else _apply("minus", flipped))
    return _apply("plus", *parts)


def _negated(term: Expr) -> str | None:
    """MathML of -term where that is the simpler thing to write."""
    if type(term) is Mul and term.factors[0] == MINUS_ONE:
        rest = term.factors[1:]
        return content(rest[0]) if len(rest) == 1 else _product(rest)
    if type(term) is Number and term.units is None and term.value < 0 and math.isfinite(term.value):
        return content(Number(-term.value))
    return None


def _mul(expr: Mul) -> str:
    factors = expr.factors
    if factors[0] == MINUS_ONE and len(factors) > 1:
        rest = factors[1:]
        return _apply("minus", content(rest[0]) if len(rest) == 1 else _product(rest))
    return _product(factors)


def _inverse(factor: Expr) -> bool:
    return type(factor) is Power and factor.exponent == MINUS_ONE


def _product(factors: tuple[Expr, ...]) -> str:
    """A product with divisions nested so that reading gives the factors in the same order."""
    if sum(map(_inverse, factors)) > _NESTED_DIVISIONS:
        return _apply("times", *map(content, factors))
    result, waiting = "", []
    for factor in factors:
        if not _inverse(factor):
            waiting.append(content(factor))
            continue
        if waiting:
            front = [result, *waiting] if result else waiting
            result = front[0] if len(front) == 1 else _apply("times", *front)
            waiting = []
        result = _apply("divide", result or '<cn type="integer"> 1 </cn>', content(factor.base))
    if not waiting:
        return result
    front = [result, *waiting] if result else waiting
    return front[0] if len(front) == 1 else _apply("times", *front)


def _power(expr: Power) -> str:
    base, exponent = expr.base, expr.exponent
    if exponent == MINUS_ONE:
        return _apply("divide", '<cn type="integer"> 1 </cn>', content(base))
    if exponent == Number(0.5):
        return _apply("root", content(base))
    return _apply("power", content(base), content(exponent))


def _call(expr: Call) -> str:
    arguments = "".join(map(content, expr.arguments))
    name = expr.function
    if name == "log10":
        return f"<apply><log/>{arguments}</apply>"
    if name in FUNCTIONS:
        return f"<apply><{'ceiling' if name == 'ceil' else name}/>{arguments}</apply>"
    return f"<apply><ci> {escape(name)} </ci>{arguments}</apply>"


def _piecewise(expr: Piecewise) -> str:
    parts = [f"<piece>{content(value)}{content(condition)}</piece>" for value, condition in expr.pieces]
    if expr.otherwise is not None:
        parts.append(f"<otherwise>{content(expr.otherwise)}</otherwise>")
    return f"<piecewise>{''.join(parts)}</piecewise>"


_WRITERS = {
    Number: _number,
    Bool: lambda expr: "<true/>" if expr.value else "<false/>",
    Symbol: lambda expr: f"<ci> {escape(expr.name)} </ci>",
    Time: lambda expr: _TIME,
    Add: _add,
    Mul: _mul,
    Power: _power,
    Call: _call,
    Relation: lambda expr: _apply(RELATIONS[expr.operator], content(expr.left), content(expr.right)),
    Logic: lambda expr: _apply(expr.operator, *map(content, expr.arguments)),
    Piecewise: _piecewise,
    Delay: lambda expr: f"<apply>{_DELAY}{content(expr.argument)}{content(expr.lag)}</apply>",
    RateOf: lambda expr: f"<apply>{_RATE}<ci> {escape(expr.name)} </ci></apply>",
}
