"""Infix text to expressions; the inverse of `printing.infix`."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping
from typing import NoReturn

from manyscale.errors import InputError
from manyscale.model import expr as e

MAX_DEPTH = 120  # parentheses, signs, calls and powers inside each other
MAX_LENGTH = 500_000  # characters
_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)"
    r"|(?P<name>[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)|`(?P<quoted>[^`]+)`"
    r"|(?P<sign>&&|\|\||\*\*|==|!=|<=|>=|[-+*/^<>!(),]))",
    re.ASCII,
)
_LEFT = {  # sign -> binding strength; all but the power take their left side first
    "||": 1, "or": 1, "&&": 2, "and": 2, "+": 5, "-": 5, "*": 6, "/": 6, "^": 8, "**": 8,
    **dict.fromkeys(e.RELATIONS, 4),
}  # fmt: skip
_RELATION_STRENGTH, _SIGN_STRENGTH, _NOT_STRENGTH = 4, 7, 8
_VALUES = {
    **e.CONSTANTS, "avogadro": e.AVOGADRO, "inf": math.inf, "infinity": math.inf, "nan": math.nan,
    "notanumber": math.nan,
}  # fmt: skip
_OTHER_NAMES = {  # name in text -> function of FUNCTIONS
    "asin": "arcsin", "acos": "arccos", "atan": "arctan", "asec": "arcsec", "acsc": "arccsc", "acot": "arccot",
    "asinh": "arcsinh", "acosh": "arccosh", "atanh": "arctanh", "asech": "arcsech", "acsch": "arccsch",
    "acoth": "arccoth", "ceiling": "ceil",
}  # fmt: skip
_SPECIAL = {  # function with a meaning of its own -> least and largest number of arguments
    "sqrt": (1, 1), "sqr": (1, 1), "pow": (2, 2), "power": (2, 2), "root": (2, 2), "log": (1, 2), "piecewise": (1, None),
    "delay": (2, 2), "rateOf": (1, 1), "rateof": (1, 1), "xor": (0, None), "and": (0, None), "or": (0, None),
    "not": (1, 1), "implies": (2, 2), "mod": (2, 2), "sign": (1, 1),
}  # fmt: skip


def parse(text: str, *, place: str = "", functions: Collection[str] | Mapping[str, int] = ()) -> e.Expr:
    """Expression from infix text.

    Understands + - * / ^ (or **), comparisons, && || ! (or and, or, not, xor), numbers, names (with dots; any text in
    backquotes), `time`, pi, exponentiale, avogadro, inf, nan, true, false, `piecewise(value, condition, ...,
    otherwise)`, `delay(x, lag)`, `rateOf(x)`, every function of `expr.FUNCTIONS`, sqrt, pow, root(degree, x),
    log(x) (natural, as in Python) and log(base, x), and the given functions of a model (where they are a mapping, with
    their number of arguments). Every other name followed by parentheses is an error.

    Raises InputError with the position; `place` (e.g. "reaction v1") starts the message.
    """
    return _Parser(text, place, functions).whole()


class _Parser:
    """Precedence climbing over a list of (kind, text, position)."""

    def __init__(self, text: str, place: str, functions: Collection[str] | Mapping[str, int]):
        self.text, self.place, self.functions = text, place, functions
        if not isinstance(text, str):
            self.fail(f"a formula is text, not {type(text).__name__}", 0)
        if len(text) > MAX_LENGTH:
            raise InputError(f"{place or 'formula'}: {len(text):,} characters are too long; split it into functions")
        self.tokens = self._tokens()
        self.at = 0
        self.depth = 0

    def _tokens(self) -> list[tuple[str, str, int]]:
        tokens, position, end = [], 0, len(self.text.rstrip())
        while position < end:
            match = _TOKEN.match(self.text, position)
            if match is None:
                start = position + len(self.text[position:]) - len(self.text[position:].lstrip())
                hint = " (use == to compare)" if self.text[start] == "=" else ""
                self.fail(f"{self.text[start]!r} is not part of a formula{hint}", start)
            kind = str(match.lastgroup)
            word, start = match.group(kind), match.start(kind)
            if kind == "name" and word in ("and", "or", "not"):
                kind = "word"
            tokens.append((kind, word, start))
            position = match.end()
        tokens.append(("end", "", end))
        return tokens

    def fail(self, what: str, position: int | None = None) -> NoReturn:
        if position is None:
            position = self.tokens[self.at][2]
        text = str(self.text)
        shown = text if len(text) <= 80 else f"...{text[max(0, position - 30) : position + 40]}..."
        start = f"{self.place}: " if self.place else ""
        raise InputError(f"{start}{what} at character {position + 1} of the formula {shown.strip()!r}")

    def deeper(self) -> None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            self.fail(f"more than {MAX_DEPTH} levels of nesting")

    def whole(self) -> e.Expr:
        if self.tokens[0][0] == "end":
            self.fail("the formula is empty", 0)
        result = self.binary(0)
        kind, word, _ = self.tokens[self.at]
        if kind != "end":
            self.fail(f"unexpected {word!r}" + (" (missing operator?)" if kind in ("name", "number", "quoted") else ""))
        return result

    def take(self, sign: str) -> bool:
        if self.tokens[self.at][:2] == ("sign", sign):
            self.at += 1
            return True
        return False

    def binary(self, least: int) -> e.Expr:
        self.deeper()
        left = self.prefix()
        while True:
            kind, sign, _ = self.tokens[self.at]
            strength = _LEFT.get(sign, 0) if kind in ("sign", "word") else 0
            if strength == 0 or strength < least:
                break
            left = self.chain(left, strength)
        self.depth -= 1
        return left

    def chain(self, left: e.Expr, strength: int) -> e.Expr:
        """All operators of one strength in a row, so that long sums and products are built once."""
        parts, relations = [left], 0
        while True:
            kind, sign, _ = self.tokens[self.at]
            if kind not in ("sign", "word") or _LEFT.get(sign, 0) != strength:
                break
            self.at += 1
            right = self.binary(strength if strength == 8 else strength + 1)
            match sign:
                case "-":
                    right = e.mul(-1.0, right)
                case "/":
                    right = e.power(right, -1.0)
                case "^" | "**":
                    return e.power(left, right)
                case "<" | "<=" | ">" | ">=" | "==" | "!=":
                    relations += 1
                    if relations > 1:
                        self.fail("comparisons cannot be chained; join them with &&")
                    parts = [e.Relation(sign, left, right)]
                    continue
            parts.append(right)
        if strength >= 5:
            return e.add(*parts) if strength == 5 else e.mul(*parts)
        return parts[0] if relations else e.Logic("and" if strength == 2 else "or", tuple(parts))

    def prefix(self) -> e.Expr:
        kind, sign, _ = self.tokens[self.at]
        if kind == "sign" and sign in "+-":
            self.at += 1
            inner = self.binary(_SIGN_STRENGTH)
            return inner if sign == "+" else e.mul(-1.0, inner)
        if (kind, sign) in (("sign", "!"), ("word", "not")):
            self.at += 1
            return e.Logic("not", (self.binary(_NOT_STRENGTH if sign == "!" else _RELATION_STRENGTH),))
        return self.primary()

    def primary(self) -> e.Expr:
        kind, word, position = self.tokens[self.at]
        self.at += 1
        if kind == "number":
            return e.Number(float(word))
        if kind in ("name", "quoted") or (kind == "word" and word != "not"):
            if self.tokens[self.at][:2] == ("sign", "("):
                return self.call(kind, word, position)
            if kind == "name":
                return self.name(word)
            if kind == "quoted":
                return e.Symbol(word)
        if (kind, word) == ("sign", "("):
            inner = self.binary(0)
            if not self.take(")"):
                self.fail("')' is missing")
            return inner
        self.at -= 1
        self.fail(f"unexpected {word!r}" if word else "something is missing at the end")

    def name(self, word: str) -> e.Expr:
        if word == "time":
            return e.Time()
        if word in ("true", "false"):
            return e.Bool(word == "true")
        return e.Number(_VALUES[word]) if word in _VALUES else e.Symbol(word)

    def call(self, kind: str, name: str, position: int) -> e.Expr:
        self.at += 1
        arguments: list[e.Expr] = []
        if not self.take(")"):
            arguments.append(self.binary(0))
            while self.take(","):
                arguments.append(self.binary(0))
            if not self.take(")"):
                self.fail("')' or ',' is missing")
        if name in self.functions:
            if isinstance(self.functions, Mapping):
                self.count(name, len(arguments), self.functions[name], self.functions[name], position)
            return e.Call(name, tuple(arguments))
        if kind == "quoted":
            self.fail(f"{name!r} is not a function", position)
        name = _OTHER_NAMES.get(name, name)
        if name in e.FUNCTIONS:
            wanted = e.FUNCTIONS[name]
            self.count(name, len(arguments), wanted or 1, wanted, position)
            return e.Call(name, tuple(arguments))
        if name in _SPECIAL:
            self.count(name, len(arguments), *_SPECIAL[name], position)
            return self.special(name, arguments, position)
        self.fail(f"there is no function {name!r}{_similar(name, self.functions)}", position)

    def count(self, name: str, given: int, least: int, most: int | None, position: int) -> None:
        if given < least or (most is not None and given > most):
            wanted = f"{least}" if least == most else f"at least {least}" if most is None else f"{least} to {most}"
            self.fail(f"{name} takes {wanted} argument{'' if wanted == '1' else 's'}, not {given},", position)

    def special(self, name: str, a: list[e.Expr], position: int) -> e.Expr:
        match name:
            case "sqrt":
                return e.power(a[0], 0.5)
            case "sqr":
                return e.power(a[0], 2.0)
            case "pow" | "power":
                return e.power(a[0], a[1])
            case "root":
                degree = a[0].value if isinstance(a[0], e.Number) else 0.0
                return e.power(a[1], 1 / degree if degree else e.power(a[0], -1.0))
            case "log":
                if len(a) == 1:
                    return e.Call("ln", tuple(a))
                return e.mul(e.Call("ln", (a[1],)), e.power(e.Call("ln", (a[0],)), -1.0))
            case "piecewise":
                pairs = tuple((a[i], a[i + 1]) for i in range(0, len(a) - 1, 2))
                return e.Piecewise(pairs, a[-1] if len(a) % 2 else None)
            case "delay":
                return e.Delay(a[0], a[1])
            case "mod":
                return e.Call("rem", tuple(a))
            case "sign":
                above, below = e.Relation(">", a[0], e.ZERO), e.Relation("<", a[0], e.ZERO)
                return e.Piecewise(((e.ONE, above), (e.MINUS_ONE, below)), e.ZERO)
            case "rateOf" | "rateof":
                if not isinstance(a[0], e.Symbol):
                    self.fail("rateOf takes the name of a variable", position)
                return e.RateOf(a[0].name)
        return e.Logic(name, tuple(a))


def _similar(name: str, functions: Collection[str]) -> str:
    from difflib import get_close_matches

    close = get_close_matches(name, [*e.FUNCTIONS, *_OTHER_NAMES, *_SPECIAL, *functions], n=1)
    return f" (did you mean {close[0]}?)" if close else " (write * for a product)"
