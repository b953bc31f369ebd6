"""Derivatives, values and light rewriting of formulas."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence

from manyscale.errors import InputError
from manyscale.model.evaluate import evaluate
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
from manyscale.model.parts import Function
from manyscale.model.printing import infix
from manyscale.model.simplify import Keys, simplify

__all__ = [
    "as_fraction", "collect_linear", "differentiate", "evaluate", "free_of", "inline_functions", "is_negated", "polynomial_in",
    "simplify", "size",
]  # fmt: skip
MAX_NODES = 200_000  # of a formula after inlining


def free_of(expr: Expr, names: str | Iterable[str]) -> bool:
    """Whether none of the names occurs in the expression."""
    wanted = {names} if isinstance(names, str) else set(names)
    return not any(isinstance(node, Symbol | RateOf) and node.name in wanted for node in walk(expr))


def size(expr: Expr) -> int:
    """Number of different sub-expressions: what evaluation costs when common ones are shared."""
    return len(set(walk(expr)))


def is_negated(expr: Expr) -> bool:
    """Whether the expression is written with a minus sign, or is a sum of such."""
    match expr:
        case Number(value):
            return value < 0
        case Mul(factors):
            return sum(is_negated(factor) for factor in factors) % 2 == 1
        case Add(terms):
            return all(is_negated(term) for term in terms)
    return False


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
        terms.append(mul(_times_log(base, exponent), above))
    return add(*terms)


def _times_log(base: Expr, exponent: Expr) -> Expr:
    """base**exponent * ln(base), continued by 0 to base 0."""
    product = mul(Power(base, exponent), Call("ln", (base,)))
    if type(base) is Number:
        return product if base.value != 0 else ZERO
    return Piecewise(((product, Relation("!=", base, ZERO)),), ZERO)


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


# Functions of the model


def inline_functions(expr: Expr, functions: Mapping[str, Function] | Iterable[Function]) -> Expr:
    """Replace calls of functions that the model defines by their bodies.

    Raises InputError for a wrong number of arguments, functions that call themselves, and results of more than
    `MAX_NODES` nodes.
    """
    if not isinstance(functions, Mapping):
        functions = {f.id: f for f in functions}
    return _Inliner(functions).inline(expr) if functions else expr


class _Inliner:
    def __init__(self, functions: Mapping[str, Function]):
        self.functions = functions
        self.bodies: dict[str, Expr] = {}  # with all calls in them written out
        self.open: list[str] = []

    def inline(self, expr: Expr) -> Expr:
        budget = MAX_NODES

        def change(node: Expr) -> Expr:
            nonlocal budget
            if type(node) is not Call or node.function not in self.functions:
                return node
            body = self.body(node)
            given = dict(zip(self.functions[node.function].arguments, node.arguments))
            sizes = {name: sum(1 for _ in walk(value)) for name, value in given.items()}
            budget -= sum(sizes.get(part.name, 1) if isinstance(part, Symbol) else 1 for part in walk(body))
            if budget < 0:
                name = node.function
                raise InputError(f"a formula grows beyond {MAX_NODES:,} nodes when {name} is written out in it")
            return substitute(body, given)

        return transform(expr, change)

    def body(self, call: Call) -> Expr:
        function = self.functions[call.function]
        wanted, given = len(function.arguments), len(call.arguments)
        if wanted != given:
            raise InputError(f"the function {function.id} takes {wanted} argument(s), not {given}: {infix(call)}")
        if function.id not in self.bodies:
            if function.id in self.open:
                raise InputError(f"the function {function.id} calls itself ({' -> '.join((*self.open, function.id))})")
            self.open.append(function.id)
            self.bodies[function.id] = self.inline(function.body)
            self.open.pop()
        return self.bodies[function.id]


# Shape of a formula in chosen symbols


def collect_linear(expr: Expr, names: Iterable[str]) -> tuple[dict[str, Expr], Expr] | None:
    """Coefficients and rest of an expression that is affine in the names: sum(c[n] * n) + rest; None if it is not.

    Coefficients and rest are free of all names. Names that do not occur get no coefficient. An expression that only
    becomes affine by cancellation inside sums is not recognised.
    """
    wanted = frozenset(names)
    found = _linear(expr, wanted)
    if found is None:
        found = _linear(simplify(expr), wanted)
    if found is None:
        return None
    coefficients = {name: simplify(c) for name, c in found.items()}
    rest = coefficients.pop("", ZERO)
    return {name: c for name, c in coefficients.items() if c != ZERO}, rest


def _linear(expr: Expr, names: frozenset[str]) -> dict[str, Expr] | None:
    """Coefficients by name, the constant term under ""; None if not affine."""
    if type(expr) is Symbol and expr.name in names:
        return {expr.name: ONE}
    if free_of(expr, names):
        return {"": expr}
    match expr:
        case Add(terms):
            total: dict[str, list[Expr]] = {}
            for term in terms:
                part = _linear(term, names)
                if part is None:
                    return None
                for name, c in part.items():
                    total.setdefault(name, []).append(c)
            return {name: add(*cs) for name, cs in total.items()}
        case Mul(factors):
            inside = [f for f in factors if not free_of(f, names)]
            part = _linear(inside[0], names) if len(inside) == 1 else None
            if part is None:
                return None
            outside = [f for f in factors if f is not inside[0]]
            return {name: mul(*outside, c) for name, c in part.items()}
        case Piecewise(pieces, otherwise):
            return _linear_pieces(pieces, otherwise, names)
    return None


def _linear_pieces(pieces, otherwise, names) -> dict[str, Expr] | None:
    if not all(free_of(condition, names) for _, condition in pieces):
        return None
    found = [_linear(value, names) for value, _ in pieces]
    parts = [part for part in found if part is not None]
    last = None if otherwise is None else _linear(otherwise, names)
    if len(parts) < len(found) or (otherwise is not None and last is None):
        return None
    present = {name for part in (*parts, last or {}) for name in part}
    return {
        name: Piecewise(
            tuple((part.get(name, ZERO), condition) for part, (_, condition) in zip(parts, pieces)),
            None if last is None else last.get(name, ZERO),
        )
        for name in sorted(present)
    }


def polynomial_in(expr: Expr, name: str, degree: int = 8) -> list[Expr] | None:
    """Coefficients [c0, c1, ...] of a polynomial in one symbol, each free of it; None if it is none up to `degree`."""
    found = _polynomial(expr, name, degree)
    if found is None:
        found = _polynomial(simplify(expr), name, degree)
    if found is None:
        return None
    found = [simplify(c) for c in found]
    while len(found) > 1 and found[-1] == ZERO:
        found.pop()
    return found


def _polynomial(expr: Expr, name: str, degree: int) -> list[Expr] | None:
    if free_of(expr, name):
        return [expr]
    match expr:
        case Symbol():
            return [ZERO, ONE] if degree >= 1 else None
        case Add(terms):
            found = [_polynomial(term, name, degree) for term in terms]
            parts = [part for part in found if part is not None]
            if len(parts) < len(found):
                return None
            return [add(*(p[k] for p in parts if k < len(p))) for k in range(max(map(len, parts)))]
        case Mul(factors):
            return _polynomial_product([_polynomial(f, name, degree) for f in factors], degree)
        case Power(base, Number(exponent, None)) if 2 <= exponent <= degree and exponent.is_integer():
            return _polynomial_product([_polynomial(base, name, degree)] * int(exponent), degree)
    return None


def _polynomial_product(parts: Sequence[list[Expr] | None], degree: int) -> list[Expr] | None:
    result: list[Expr] = [ONE]
    for part in parts:
        if part is None or len(result) + len(part) - 2 > degree:
            return None
        sums: list[list[Expr]] = [[] for _ in range(len(result) + len(part) - 1)]
        for i, a in enumerate(result):
            for j, b in enumerate(part):
                sums[i + j].append(mul(a, b))
        result = [add(*terms) for terms in sums]
    return result


def as_fraction(expr: Expr, names: Iterable[str]) -> tuple[Expr, Expr]:
    """(numerator, denominator) with expr = numerator / denominator, where the denominator collects all divisions by
    something that depends on the names. Equal denominators are shared; nothing else is factored."""
    wanted = frozenset(names)
    above, below = _fraction(expr, wanted, Keys())
    return above, mul(*(power(base, float(n)) for base, n in _ordered(below)))


def _ordered(below: dict[int, tuple[Expr, int]]) -> list[tuple[Expr, int]]:
    return [below[key] for key in sorted(below)]


def _fraction(expr: Expr, names: frozenset[str], keys: Keys) -> tuple[Expr, dict[int, tuple[Expr, int]]]:
    match expr:
        case _ if free_of(expr, names):
            return expr, {}
        case Power(base, Number(exponent, None)) if exponent < 0 and exponent.is_integer():
            above, below = _fraction(base, names, keys)  # 1 / (above / below)
            denominators = mul(*(power(b, float(n * -exponent)) for b, n in _ordered(below)))
            if free_of(above, names):
                return mul(denominators, power(above, exponent)), {}
            return denominators, {keys.of(above): (above, int(-exponent))}
        case Mul(factors):
            above_parts: list[Expr] = []
            total: dict[int, tuple[Expr, int]] = {}
            for factor in factors:
                above, below = _fraction(factor, names, keys)
                above_parts.append(above)
                for key, (base, n) in below.items():
                    total[key] = (base, n + total.get(key, (base, 0))[1])
            return mul(*above_parts), total
        case Add(terms):
            parts = [_fraction(term, names, keys) for term in terms]
            total = {}
            for _, below in parts:
                for key, (base, n) in below.items():
                    total[key] = (base, max(n, total.get(key, (base, 0))[1]))
            sums = []
            for above, below in parts:
                missing = [(base, n - below.get(key, (base, 0))[1]) for key, (base, n) in total.items()]
                sums.append(mul(above, *(power(base, float(n)) for base, n in missing if n)))
            return add(*sums), total
    return expr, {}
