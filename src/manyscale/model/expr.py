"""Mathematical expressions as a small tree of frozen nodes.

Subtraction, negation and division are written with `Add`, `Mul` and `Power`, so that every algorithm has few cases:
``a - b`` is ``Add(a, Mul(-1, b))`` and ``a / b`` is ``Mul(a, Power(b, -1))``. Booleans count as 0 and 1, as in SBML.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

CONSTANTS = {"pi": 3.141592653589793, "exponentiale": 2.718281828459045}
AVOGADRO = 6.02214179e23  # the value that SBML L3V1 fixes for its `avogadro` symbol

FUNCTIONS: dict[str, int | None] = {  # name -> number of arguments (None: one or more)
    "exp": 1, "ln": 1, "log10": 1, "abs": 1, "floor": 1, "ceil": 1, "factorial": 1,
    "sin": 1, "cos": 1, "tan": 1, "sec": 1, "csc": 1, "cot": 1,
    "sinh": 1, "cosh": 1, "tanh": 1, "sech": 1, "csch": 1, "coth": 1,
    "arcsin": 1, "arccos": 1, "arctan": 1, "arcsec": 1, "arccsc": 1, "arccot": 1,
    "arcsinh": 1, "arccosh": 1, "arctanh": 1, "arcsech": 1, "arccsch": 1, "arccoth": 1,
    "min": None, "max": None, "quotient": 2, "rem": 2,
}  # fmt: skip
RELATIONS = ("<", "<=", ">", ">=", "==", "!=")
CONNECTIVES = ("and", "or", "xor", "not", "implies")


class Expr:
    """Anything that can stand in a formula. Python operators build new expressions."""

    __slots__ = ("_symbols",)  # set by `symbols` when first asked; no part of the value

    def __add__(self, other):
        return add(self, other)

    def __radd__(self, other):
        return add(other, self)

    def __sub__(self, other):
        return add(self, mul(-1.0, other))

    def __rsub__(self, other):
        return add(other, mul(-1.0, self))

    def __mul__(self, other):
        return mul(self, other)

    def __rmul__(self, other):
        return mul(other, self)

    def __truediv__(self, other):
        return mul(self, power(other, -1.0))

    def __rtruediv__(self, other):
        return mul(other, power(self, -1.0))

    def __pow__(self, other):
        return power(self, other)

    def __rpow__(self, other):
        return power(other, self)

    def __neg__(self):
        return mul(-1.0, self)

    def __str__(self) -> str:
        from manyscale.model.printing import infix

        return infix(self)


@dataclass(frozen=True, slots=True)
class Number(Expr):
    value: float
    units: str | None = None  # unit id written on the literal, if any


@dataclass(frozen=True, slots=True)
class Bool(Expr):
    value: bool


@dataclass(frozen=True, slots=True)
class Symbol(Expr):
    name: str


@dataclass(frozen=True, slots=True)
class Time(Expr):
    """The simulation time."""


@dataclass(frozen=True, slots=True)
class Add(Expr):
    terms: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Mul(Expr):
    factors: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Power(Expr):
    base: Expr
    exponent: Expr


@dataclass(frozen=True, slots=True)
class Call(Expr):
    """An elementary function of `FUNCTIONS`, or a function defined by the model."""

    function: str
    arguments: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Relation(Expr):
    operator: str  # one of RELATIONS
    left: Expr
    right: Expr


@dataclass(frozen=True, slots=True)
class Logic(Expr):
    operator: str  # one of CONNECTIVES
    arguments: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Piecewise(Expr):
    """The value of the first piece whose condition holds, else `otherwise` (None: undefined there, NaN)."""

    pieces: tuple[tuple[Expr, Expr], ...]  # (value, condition)
    otherwise: Expr | None


@dataclass(frozen=True, slots=True)
class Delay(Expr):
    """`argument` evaluated `lag` time units ago."""

    argument: Expr
    lag: Expr


@dataclass(frozen=True, slots=True)
class RateOf(Expr):
    """Time derivative of a symbol."""

    name: str


ZERO, ONE, MINUS_ONE = Number(0.0), Number(1.0), Number(-1.0)


def as_expr(value: Expr | float | int | bool | str) -> Expr:
    """Turn a Python number, bool or symbol name into an expression."""
    if isinstance(value, Expr):
        return value
    if isinstance(value, bool):
        return Bool(value)
    if isinstance(value, str):
        return Symbol(value)
    return Number(float(value))


def add(*terms: Expr | float) -> Expr:
    """Sum, flattened, with plain numbers folded and zeros dropped."""
    constant, rest = 0.0, []
    for term in _flat(Add, "terms", terms):
        if type(term) is Number and term.units is None:
            constant += term.value
        else:
            rest.append(term)
    if constant != 0.0 or not rest:
        rest.append(Number(constant))
    return rest[0] if len(rest) == 1 else Add(tuple(rest))


def mul(*factors: Expr | float) -> Expr:
    """Product, flattened, with plain numbers folded. A zero factor makes the whole product zero."""
    constant, rest = 1.0, []
    for factor in _flat(Mul, "factors", factors):
        if type(factor) is Number and factor.units is None:
            constant *= factor.value
        else:
            rest.append(factor)
    if constant == 0.0:
        return ZERO
    if constant != 1.0 or not rest:
        rest.insert(0, Number(constant))
    return rest[0] if len(rest) == 1 else Mul(tuple(rest))


def power(base: Expr | float, exponent: Expr | float) -> Expr:
    """Power, with exponents 0 and 1 and powers of plain positive numbers folded."""
    base, exponent = as_expr(base), as_expr(exponent)
    if exponent == ONE:
        return base
    if exponent == ZERO:
        return ONE
    if type(base) is Number and type(exponent) is Number and base.units is None and base.value > 0:
        try:
            return Number(base.value**exponent.value)
        except OverflowError:
            return Power(base, exponent)
    if type(base) is Power and type(base.exponent) is Number and exponent == MINUS_ONE:
        return power(base.base, -base.exponent.value)
    return Power(base, exponent)


def _flat(kind: type, field: str, items) -> Iterator[Expr]:
    for item in items:
        item = as_expr(item)
        if type(item) is kind:
            yield from getattr(item, field)
        else:
            yield item


def children(expr: Expr) -> tuple[Expr, ...]:
    """Direct sub-expressions, left to right."""
    match expr:
        case Add(terms):
            return terms
        case Mul(factors):
            return factors
        case Power(base, exponent):
            return (base, exponent)
        case Call(_, arguments) | Logic(_, arguments):
            return arguments
        case Relation(_, left, right):
            return (left, right)
        case Piecewise(pieces, otherwise):
            flat = tuple(part for piece in pieces for part in piece)
            return flat if otherwise is None else (*flat, otherwise)
        case Delay(argument, lag):
            return (argument, lag)
    return ()


def rebuild(expr: Expr, parts: tuple[Expr, ...]) -> Expr:
    """The same node with other children (as many as `children` gives); sums and products are folded again."""
    match expr:
        case Add():
            return add(*parts)
        case Mul():
            return mul(*parts)
        case Power():
            return power(*parts)
        case Call(function, _):
            return Call(function, parts)
        case Logic(operator, _):
            return Logic(operator, parts)
        case Relation(operator, _, _):
            return Relation(operator, *parts)
        case Piecewise(pieces, otherwise):
            count = 2 * len(pieces)
            pairs = tuple((parts[i], parts[i + 1]) for i in range(0, count, 2))
            return Piecewise(pairs, None if otherwise is None else parts[count])
        case Delay():
            return Delay(*parts)
    return expr


def transform(expr: Expr, change: Callable[[Expr], Expr]) -> Expr:
    """Rebuild bottom-up: `change` sees each node after its children have been changed."""
    parts = children(expr)
    if parts:
        new = tuple(transform(part, change) for part in parts)
        if any(a is not b for a, b in zip(new, parts, strict=True)):
            expr = rebuild(expr, new)
    return change(expr)


def substitute(expr: Expr, values: Mapping[str, Expr | float]) -> Expr:
    """Replace symbols by expressions, all at once."""

    def change(node: Expr) -> Expr:
        if type(node) is Symbol and node.name in values:
            return as_expr(values[node.name])
        if type(node) is RateOf and isinstance(values.get(node.name), Symbol):
            return RateOf(values[node.name].name)
        return node

    return transform(expr, change)


def walk(expr: Expr) -> Iterator[Expr]:
    """All nodes, parents first."""
    stack = [expr]
    while stack:
        node = stack.pop()
        yield node
        stack.extend(reversed(children(node)))


def symbols(expr: Expr) -> frozenset[str]:
    """Names of all symbols in the expression (targets of `rateOf` included)."""
    known = getattr(expr, "_symbols", None)
    if known is not None:
        return known
    found: set[str] = set()
    stack = [expr]
    while stack:
        node = stack.pop()
        if type(node) in (Symbol, RateOf):
            found.add(node.name)
        elif (known := getattr(node, "_symbols", None)) is not None:
            found |= known
        else:
            stack.extend(children(node))
    result = frozenset(found)
    object.__setattr__(expr, "_symbols", result)
    return result


def depth(expr: Expr) -> int:
    """Height of the tree."""
    deepest, stack = 0, [(expr, 1)]
    while stack:
        node, level = stack.pop()
        deepest = max(deepest, level)
        stack.extend((child, level + 1) for child in children(node))
    return deepest
