"""Formulas of BioNetGen .net files (the muParser notation) to expressions."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import NoReturn

from manyscale.errors import InputError, UnsupportedError
from manyscale.model import expr as e

MAX_DEPTH = 150  # parentheses, signs and powers inside each other
MAX_LENGTH = 200_000  # characters
_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)|(?P<name>[A-Za-z_]\w*)"
    r"|(?P<sign>&&|\|\||==|!=|~=|<>|<=|>=|[-+*/^<>!(),?:]))",
    re.ASCII,
)
_SAME = {  # name in the file -> elementary function
    "sin": "sin", "cos": "cos", "tan": "tan", "asin": "arcsin", "acos": "arccos", "atan": "arctan",
    "sinh": "sinh", "cosh": "cosh", "tanh": "tanh", "asinh": "arcsinh", "acosh": "arccosh", "atanh": "arctanh",
    "exp": "exp", "ln": "ln", "log10": "log10", "abs": "abs", "floor": "floor", "ceil": "ceil",
    "min": "min", "max": "max",
}  # fmt: skip
CONSTANTS = {  # predefined by BioNetGen (SI values; _Na per mole)
    "_pi": math.pi, "_e": math.e, "_Na": 6.02214076e23, "_kB": 1.380649e-23, "_R": 8.31446261815324,
    "_h": 6.62607015e-34, "_F": 96485.33212331002,
}  # fmt: skip
REFUSED = {
    "tfun": "a tabulated function", "TFUN": "a tabulated function", "mratio": "a ratio of Kummer functions",
    "log": "a logarithm whose base is not said (use ln or log10)",
}  # fmt: skip
_TABLE = re.compile(r"\b(tfun|TFUN)\s*\(")  # its file name is no formula
_BINARY = {  # sign -> binding strength
    "||": 1, "&&": 2, "==": 3, "!=": 3, "~=": 3, "<>": 3, "<": 4, "<=": 4, ">": 4, ">=": 4,
    "+": 5, "-": 5, "*": 6, "/": 6, "^": 8,
}  # fmt: skip
_RELATIONS = {"~=": "!=", "<>": "!="}


def parse_infix(text: str, place: str, functions: Iterable[str] = ()) -> e.Expr:
    """An expression from infix text.

    `functions` are names that may be called without arguments and then stand for a variable. `place` starts the
    message of InputError (not a formula) and UnsupportedError (tfun, mratio, log).
    """
    if len(text) > MAX_LENGTH:
        raise InputError(f"{place}: a formula of {len(text):,} characters is too long; split it into functions")
    return _Parser(text, place, functions).whole()


class _Parser:
    """Precedence climbing over a list of tokens."""

    def __init__(self, text: str, place: str, functions: Iterable[str]):
        self.text, self.place, self.functions = text, place, functions
        self.tokens = self._tokens(text)
        self.at = 0
        self.depth = 0

    def _tokens(self, text: str) -> list[tuple[str, str]]:
        tokens, position, text = [], 0, text.rstrip()
        table = _TABLE.search(text)
        if table:
            name = table.group(1)
            raise UnsupportedError(name, f"{self.place}: '{name}', {REFUSED[name]}, is not supported")
        while position < len(text):
            match = _TOKEN.match(text, position)
            if match is None:
                raise InputError(f"{self.place}: {text[position:].strip()[:20]!r} is not part of a formula")
            kind = match.lastgroup or ""
            tokens.append((kind, match.group(kind)))
            position = match.end()
        tokens.append(("end", ""))
        return tokens

    def fail(self, what: str) -> NoReturn:
        raise InputError(f"{self.place}: {what} in the formula {self.text.strip()[:60]!r}")

    def whole(self) -> e.Expr:
        result = self.ternary()
        if self.tokens[self.at][0] != "end":
            self.fail(f"unexpected {self.tokens[self.at][1]!r}")
        return result

    def expect(self, sign: str) -> None:
        if self.tokens[self.at] != ("sign", sign):
            self.fail(f"{sign!r} is missing")
        self.at += 1

    def ternary(self) -> e.Expr:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise InputError(f"{self.place}: a formula is nested more than {MAX_DEPTH} levels deep; simplify it")
        condition = self.binary(0)
        if self.tokens[self.at] == ("sign", "?"):
            self.at += 1
            yes = self.ternary()
            self.expect(":")
            condition = e.Piecewise(((yes, condition),), self.ternary())
        self.depth -= 1
        return condition

    def binary(self, least: int) -> e.Expr:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise InputError(f"{self.place}: a formula is nested more than {MAX_DEPTH} levels deep; simplify it")
        left = self.unary()
        terms: list[e.Expr] = []  # of a running sum, so that long sums are built once
        while True:
            kind, sign = self.tokens[self.at]
            strength = _BINARY.get(sign, -1) if kind == "sign" else -1
            if strength < least or strength < 0:
                break
            self.at += 1
            right = self.binary(strength if sign == "^" else strength + 1)
            if sign in "+-":
                terms.append(left if not terms else e.ZERO)
                terms.append(right if sign == "+" else -right)
                left = e.ZERO
                continue
            if terms:
                left, terms = e.add(*terms), []
            left = self.combine(sign, left, right)
        self.depth -= 1
        return e.add(*terms) if terms else left

    def combine(self, sign: str, left: e.Expr, right: e.Expr) -> e.Expr:
        if sign == "*":
            return e.mul(left, right)
        if sign == "/":
            return left / right
        if sign == "^":
            return e.power(left, right)
        if sign in ("&&", "||"):
            return e.Logic("and" if sign == "&&" else "or", (left, right))
        return e.Relation(_RELATIONS.get(sign, sign), left, right)

    def unary(self) -> e.Expr:
        kind, text = self.tokens[self.at]
        if kind == "sign" and text in "+-!":
            self.at += 1
            inner = self.binary(7 if text != "!" else 8)
            return inner if text == "+" else -inner if text == "-" else e.Logic("not", (inner,))
        return self.primary(kind, text)

    def primary(self, kind: str, text: str) -> e.Expr:
        self.at += 1
        if kind == "number":
            return e.Number(float(text))
        if kind == "name":
            if self.tokens[self.at] == ("sign", "("):
                return self.call(text)
            return e.Symbol(text)
        if (kind, text) == ("sign", "("):
            inner = self.ternary()
            self.expect(")")
            return inner
        self.at -= 1
        self.fail(f"unexpected {text!r}" if text else "something is missing at the end")

    def call(self, name: str) -> e.Expr:
        self.at += 1
        arguments = []
        if self.tokens[self.at] != ("sign", ")"):
            arguments.append(self.ternary())
            while self.tokens[self.at] == ("sign", ","):
                self.at += 1
                arguments.append(self.ternary())
        self.expect(")")
        if name in self.functions:
            if arguments:
                raise UnsupportedError(
                    "local function", f"{self.place}: '{name}' is called with arguments, which .net files do not allow"
                )
            return e.Symbol(name)
        return self.known(name, arguments)

    def known(self, name: str, arguments: list[e.Expr]) -> e.Expr:
        if name in REFUSED:
            raise UnsupportedError(name, f"{self.place}: '{name}', {REFUSED[name]}, is not supported")
        counts = {"time": 0, "t": 0, "if": 3, "sqrt": 1, "log2": 1, "rint": 1, "sign": 1, "pow": 2}
        wanted = counts.get(name, e.FUNCTIONS[_SAME[name]] if name in _SAME else None)
        if wanted is not None and len(arguments) != wanted:
            self.fail(f"'{name}' takes {wanted} argument(s), not {len(arguments)}")
        if name in ("min", "max", "sum", "avg") and not arguments:
            self.fail(f"'{name}' needs an argument")
        match name:
            case "time" | "t":
                return e.Time()
            case "if":
                return e.Piecewise(((arguments[1], arguments[0]),), arguments[2])
            case "sqrt":
                return e.power(arguments[0], 0.5)
            case "pow":
                return e.power(*arguments)
            case "log2":
                return e.Call("ln", tuple(arguments)) / e.Call("ln", (e.Number(2.0),))
            case "rint":
                return e.Call("floor", (arguments[0] + 0.5,))
            case "sign":
                above, below = e.Relation(">", arguments[0], e.ZERO), e.Relation("<", arguments[0], e.ZERO)
                return e.Piecewise(((e.ONE, above), (e.MINUS_ONE, below)), e.ZERO)
            case "sum" | "avg":
                total = e.add(*arguments)
                return total if name == "sum" else total / len(arguments)
        if name in _SAME:
            return e.Call(_SAME[name], tuple(arguments))
        raise InputError(f"{self.place}: the function '{name}' is not defined; define it in the functions block")
