"""Formulas as a graph of elementary operations in which equal sub-expressions are one node (hash-consing).

A node is an integer; arguments of a node have smaller numbers, so number order is an order of evaluation.
Inputs are `("input", name)`; every other operation is an entry of `ARITY`.
"""

from __future__ import annotations

import math
from typing import Any

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

# Operations of the virtual machine, in the order of `enum Op` in core/tape.hpp.
OPERATIONS = (
    "add", "sub", "mul", "div", "neg", "sqrt", "exp", "log", "log10", "pow", "dpow", "dpown", "abs", "sign", "floor",
    "ceil", "trunc", "factorial", "sin", "cos", "tan", "sinh", "cosh", "tanh", "asin", "acos", "atan", "asinh",
    "acosh", "atanh", "lt", "le", "eq", "ne", "and", "or", "xor", "not", "select", "min", "max", "fmod", "copy",
    "muladd",
)  # fmt: skip
CODE = {name: i for i, name in enumerate(OPERATIONS)}
RENAMED = {
    "ln": "log", "arcsin": "asin", "arccos": "acos", "arctan": "atan", "arcsinh": "asinh", "arccosh": "acosh",
    "arctanh": "atanh",
}  # fmt: skip
PLAIN = {
    "exp", "log10", "abs", "floor", "ceil", "factorial", "sin", "cos", "tan", "sinh", "cosh", "tanh",
    *RENAMED,
}  # fmt: skip
ONE_OVER = {"sec": "cos", "csc": "sin", "cot": "tan", "sech": "cosh", "csch": "sinh", "coth": "tanh"}
OF_INVERSE = {
    "arcsec": "acos", "arccsc": "asin", "arccot": "atan", "arcsech": "acosh", "arccsch": "asinh", "arccoth": "atanh",
}  # fmt: skip
LARGEST_WHOLE_EXPONENT = 16
COMMUTATIVE = {"add", "mul", "eq", "ne", "and", "or", "xor"}
TIME = ("time",)  # the input for time; its name cannot clash with an id


class Graph:
    """`ops[i]`, `args[i]`: operation and arguments of node i; `still[i]`: it depends on parameters alone."""

    def __init__(self, still: set):
        self.ops: list[str] = []
        self.args: list[tuple] = []
        self.still: list[bool] = []
        self._known: dict[tuple, int] = {}
        self._still_inputs = still
        self.bound: dict = {}  # symbol -> node of its formula
        self.zero = self.constant(0.0)
        self.one = self.constant(1.0)

    def _new(self, op: str, args: tuple, still: bool) -> int:
        key = (op, args)
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = len(self.ops)
            self.ops.append(op)
            self.args.append(args)
            self.still.append(still)
        return found

    def constant(self, value: float) -> int:
        key = value if value == value and value != 0 else repr(value)  # tells 0.0 from -0.0, and one NaN for all
        found = self._known.get(("const", key))
        if found is None:
            found = self._known["const", key] = len(self.ops)
            self.ops.append("const")
            self.args.append((value,))
            self.still.append(True)
        return found

    def symbol(self, name) -> int:
        """The node of a bound symbol, else an input."""
        node = self.bound.get(name)
        return self._new("input", (name,), name in self._still_inputs) if node is None else node

    def make(self, op: str, *args: int) -> int:
        if op in COMMUTATIVE and args[0] > args[1]:
            args = (args[1], args[0])
        still = self.still
        return self._new(op, args, all([still[a] for a in args]))  # noqa: C419 (a list is faster)

    def value(self, node: int) -> float | None:
        return self.args[node][0] if self.ops[node] == "const" else None

    # arithmetic with the foldings that keep IEEE results

    def add(self, a: int, b: int) -> int:
        x, y = self.value(a), self.value(b)
        if x is not None and y is not None:
            return self.constant(x + y)
        if x == 0.0:
            return b
        if y == 0.0:
            return a
        if self.ops[b] == "neg":
            return self.sub(a, self.args[b][0])
        if self.ops[a] == "neg":
            return self.sub(b, self.args[a][0])
        return self.make("add", a, b)

    def sub(self, a: int, b: int) -> int:
        x, y = self.value(a), self.value(b)
        if x is not None and y is not None:
            return self.constant(x - y)
        if y == 0.0:
            return a
        if x == 0.0:
            return self.neg(b)
        if self.ops[b] == "neg":
            return self.add(a, self.args[b][0])
        return self.make("sub", a, b)

    def neg(self, a: int) -> int:
        x = self.value(a)
        if x is not None:
            return self.constant(-x)
        if self.ops[a] == "neg":
            return self.args[a][0]
        if self.ops[a] == "sub":
            return self.make("sub", self.args[a][1], self.args[a][0])
        return self.make("neg", a)

    def mul(self, a: int, b: int) -> int:
        x, y = self.value(a), self.value(b)
        if x is not None and y is not None:
            return self.constant(x * y)
        for number, other in ((x, b), (y, a)):
            if number == 1.0:
                return other
            if number == -1.0:
                return self.neg(other)
        if self.ops[a] == "neg":
            return self.neg(self.mul(self.args[a][0], b))
        if self.ops[b] == "neg":
            return self.neg(self.mul(a, self.args[b][0]))
        return self.make("mul", a, b)

    def div(self, a: int, b: int) -> int:
        x, y = self.value(a), self.value(b)
        if y == 1.0:
            return a
        if x is not None and y:
            return self.constant(x / y)
        if self.still[b] and not self.still[a] and a != self.one:
            return self.mul(a, self.div(self.one, b))
        if self.ops[a] == "neg":
            return self.neg(self.div(self.args[a][0], b))
        return self.make("div", a, b)

    def product(self, nodes: list[int]) -> int:
        """Product with what is constant between events first, so that it is computed once."""
        nodes = sorted(nodes, key=lambda n: not self.still[n])
        if not nodes:
            return self.one
        result = nodes[0]
        for node in nodes[1:]:
            result = self.mul(result, node)
        return result

    def whole_power(self, base: int, exponent: int) -> int:
        """base ** exponent by repeated squaring."""
        if exponent < 0:
            return self.div(self.one, self.whole_power(base, -exponent))
        result, square = None, base
        while exponent:
            if exponent & 1:
                result = square if result is None else self.mul(result, square)
            exponent >>= 1
            if exponent:
                square = self.mul(square, square)
        return self.one if result is None else result

    def power(self, base: int, exponent: int) -> int:
        x = self.value(exponent)
        if x is not None:
            if x == int(x) if math.isfinite(x) else False:
                if abs(x) <= LARGEST_WHOLE_EXPONENT:
                    return self.whole_power(base, int(x))
            elif x == 0.5:
                return self.make("sqrt", base)
        return self.make("pow", base, exponent)

    # from expressions

    def of(self, formula: Expr) -> int:
        """The node of a formula."""
        expr: Any = formula
        kind = type(expr)
        if kind is Symbol:
            return self.symbol(expr.name)
        if kind is Number:
            return self.constant(expr.value)
        if kind is Mul:
            return self._product(expr)
        if kind is Add:
            return self._sum(expr)
        if kind is Power:
            return self.power(self.of(expr.base), self.of(expr.exponent))
        if kind is Time:
            return self.symbol(TIME)
        if kind is Call:
            return self._call(expr.function, [self.of(a) for a in expr.arguments])
        if kind is Relation:
            return self._relation(expr.operator, self.of(expr.left), self.of(expr.right))
        if kind is Logic:
            return self._logic(expr.operator, [self.truth(self.of(a)) for a in expr.arguments])
        if kind is Piecewise:
            result = self.constant(math.nan) if expr.otherwise is None else self.of(expr.otherwise)
            for value, condition in reversed(expr.pieces):
                result = self.select(self.of(condition), self.of(value), result)
            return result
        if kind is Bool:
            return self.constant(float(expr.value))
        raise TypeError(f"{kind.__name__} is not part of a lowered formula")

    def _sum(self, expr: Add) -> int:
        plus, minus = [], []
        for term in expr.terms:
            if type(term) is Mul and type(term.factors[0]) is Number and term.factors[0].value == -1.0:
                rest = term.factors[1:]
                minus.append(self.of(rest[0]) if len(rest) == 1 else self._product(Mul(rest)))
            else:
                plus.append(self.of(term))
        plus.sort(key=lambda n: not self.still[n])
        minus.sort(key=lambda n: not self.still[n])
        if not plus:
            total = minus[0]
            for node in minus[1:]:
                total = self.add(total, node)
            return self.neg(total)
        total = plus[0]
        for node in plus[1:]:
            total = self.add(total, node)
        for node in minus:
            total = self.sub(total, node)
        return total

    def _product(self, expr: Mul) -> int:
        above, below = [], []
        for factor in expr.factors:
            if type(factor) is Power and type(factor.exponent) is Number and factor.exponent.value < 0:
                opposite = Number(-factor.exponent.value)
                base = self.of(factor.base)
                below.append(base if opposite.value == 1.0 else self.power(base, self.of(opposite)))
            else:
                above.append(self.of(factor))
        still = [n for n in below if self.still[n]]
        moving = [n for n in below if not self.still[n]]
        if still:
            above.append(self.div(self.product([n for n in above if self.still[n]]), self.product(still)))
            above = [n for n in above[:-1] if not self.still[n]] + above[-1:]
        top = self.product(above)
        return self.div(top, self.product(moving)) if moving else top

    def _call(self, name: str, args: list[int]) -> int:
        if name in PLAIN:
            return self.make(RENAMED.get(name, name), args[0])
        if name in ONE_OVER:
            return self.div(self.one, self.make(ONE_OVER[name], args[0]))
        if name in OF_INVERSE:
            return self.make(OF_INVERSE[name], self.div(self.one, args[0]))
        if name == "quotient":
            return self.make("trunc", self.div(args[0], args[1]))
        if name == "rem":
            return self.make("fmod", args[0], args[1])
        result = args[0]
        for other in args[1:]:
            result = self.make(name, result, other)
        return result

    def _relation(self, operator: str, a: int, b: int) -> int:
        if operator in (">", ">="):
            a, b, operator = b, a, {">": "<", ">=": "<="}[operator]
        return self.make({"<": "lt", "<=": "le", "==": "eq", "!=": "ne"}[operator], a, b)

    def truth(self, node: int) -> int:
        """0.0 or 1.0."""
        if self.ops[node] in ("lt", "le", "eq", "ne", "and", "or", "xor", "not"):
            return node
        return self.make("ne", node, self.zero)

    def _logic(self, operator: str, args: list[int]) -> int:
        if operator == "not":
            return self.make("not", args[0])
        if operator == "implies":
            return self.make("or", self.make("not", args[0]), args[1])
        result = self.one if operator == "and" else self.zero
        for i, node in enumerate(args):
            result = node if i == 0 else self.make(operator, result, node)
        return result

    def select(self, condition: int, yes: int, no: int) -> int:
        if yes == no:
            return yes
        known = self.value(condition)
        if known is not None:
            return yes if known != 0 else no
        return self.make("select", condition, yes, no)
