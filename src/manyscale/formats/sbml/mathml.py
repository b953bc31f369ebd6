"""MathML to expressions, bottom-up while the parser runs: no recursion, whatever the nesting."""

from __future__ import annotations

import math
from itertools import pairwise

from manyscale.errors import InputError, UnsupportedError
from manyscale.model import expr as e

MATHML = "http://www.w3.org/1998/Math/MathML"
SYMBOLS = "http://www.sbml.org/sbml/symbols/"
MAX_NESTING = 2000  # XML levels inside one formula
MAX_DEPTH = 200  # levels of the finished expression, after sums and products are flattened

RELATIONS = {"eq": "==", "neq": "!=", "gt": ">", "lt": "<", "geq": ">=", "leq": "<="}
RENAMED = {"ceiling": "ceil"}
VALUES = {
    "true": e.Bool(True), "false": e.Bool(False), "pi": e.Number(math.pi), "exponentiale": e.Number(math.e),
    "infinity": e.Number(math.inf), "notanumber": e.Number(math.nan),
}  # fmt: skip
WRAPPERS = ("degree", "logbase", "bvar", "piece", "otherwise")
_ELEMENTARY = {name: arity for name, arity in e.FUNCTIONS.items() if name not in ("log10", "ceil")}
_ELEMENTARY["ceiling"] = 1
OPERATORS = {
    "plus", "minus", "times", "divide", "power", "root", "log", *RELATIONS, *e.CONNECTIVES, *_ELEMENTARY,
}  # fmt: skip


class Formula:
    """A finished formula: `body`, the arguments if it is a function, the names it uses, the line it starts on."""

    __slots__ = ("arguments", "body", "calls", "line", "names")

    def __init__(self, body, arguments, names, calls, line):
        self.body, self.arguments, self.names, self.calls, self.line = body, arguments, names, calls, line


class Lambda:
    __slots__ = ("arguments", "body")

    def __init__(self, arguments, body):
        self.arguments, self.body = arguments, body


class MathReader:
    """Receives the elements of one formula after another from the parser and builds expressions.

    `where()` gives the current place in words for error messages.
    """

    def __init__(self, where):
        self.where = where
        self.stack: list = []
        self.text: list[str] = []
        self.names: set[str] = set()
        self.calls: set[tuple[str, int]] = set()  # functions of the model, with the number of arguments
        self.shared: dict[str, e.Symbol] = {}
        self.ignoring = 0
        self.deepest = 0

    def begin(self) -> None:
        """Start a formula (at its `math` element)."""
        self.stack = [("math", None, [])]
        self.names, self.calls = set(), set()
        self.deepest = 0
        self.ignoring = 0

    def finish(self, line: int) -> Formula | None:
        """The formula at the end of its `math` element; None when it is empty."""
        items = self.stack.pop()[2]
        if not items:
            return None
        body, arguments = items[0], ()
        if len(items) > 1:
            raise InputError(f"{self.where()}: a math element holds {len(items)} formulas; keep one")
        if type(body) is Lambda:
            body, arguments = body.body, body.arguments
            if body is None:
                return None
        if not isinstance(body, e.Expr):
            raise InputError(f"{self.where()}: the formula is not an expression; check its MathML")
        if self.deepest > MAX_DEPTH and e.depth(body) > MAX_DEPTH:
            raise InputError(f"{self.where()}: the formula is nested more than {MAX_DEPTH} levels deep; simplify it")
        return Formula(body, arguments, self.names, self.calls, line)

    def start(self, tag: str, attributes: dict) -> None:
        if self.ignoring:
            self.ignoring += 1
            return
        space, _, local = tag.rpartition(" ")
        if space != MATHML:
            raise UnsupportedError(local, f"{self.where()}: element '{local}' of {space!r} inside a formula")
        if local in ("annotation", "annotation-xml"):
            self.ignoring = 1
            return
        if local == "sep":
            self.stack[-1][2].append(("sep", "".join(self.text).strip()))
        self.stack.append((local, attributes, []))
        self.text = []
        nesting = len(self.stack)
        if nesting > self.deepest:
            self.deepest = nesting
            if nesting > MAX_NESTING:
                raise InputError(
                    f"{self.where()}: a formula is nested more than {MAX_NESTING} levels deep; simplify it"
                )

    def data(self, text: str) -> None:
        self.text.append(text)

    def end(self, tag: str) -> None:
        if self.ignoring:
            self.ignoring -= 1
            return
        local, attributes, items = self.stack.pop()
        into = self.stack[-1][2]
        if local == "ci":
            into.append(self._symbol())
        elif local == "apply":
            into.append(self._apply(items))
        elif local == "cn":
            into.append(self._number(attributes, items))
        elif local in OPERATORS:
            into.append(local)
        elif local in VALUES:
            into.append(VALUES[local])
        elif local == "sep":
            pass  # its start has kept the text before it
        elif local == "csymbol":
            into.append(self._csymbol(attributes))
        elif local in WRAPPERS:
            into.append((local, items))
        elif local == "piecewise":
            into.append(self._piecewise(items))
        elif local == "lambda":
            into.append(self._lambda(items))
        elif local == "semantics":
            into.extend(items[:1])
        else:
            raise UnsupportedError(local, f"{self.where()}: MathML element '{local}' is not part of SBML formulas")

    def _symbol(self) -> e.Symbol:
        name = "".join(self.text).strip()
        symbol = self.shared.get(name)
        if symbol is None:
            if not name:
                raise InputError(f"{self.where()}: an empty 'ci' element; give the id it stands for")
            symbol = self.shared[name] = e.Symbol(name)
        self.names.add(name)
        return symbol

    def _number(self, attributes: dict, items: list) -> e.Number:
        text, kind = "".join(self.text).strip(), attributes.get("type", "real")
        units = None
        for key, value in attributes.items():
            if key.endswith(" units"):
                units = value
        if items and (len(items) > 1 or type(items[0]) is not tuple or items[0][0] != "sep"):
            raise InputError(f"{self.where()}: a number ('cn') may hold only text and one 'sep'")
        first = items[0][1].strip() if items else ""
        try:
            if kind == "e-notation":
                if "e" in first.lower():
                    raise ValueError(first)
                value = parse_float(f"{first}e{int(text)}")
            elif kind == "rational":
                value = int(first) / int(text)
            elif kind == "integer":
                value = float(int(text, int(attributes.get("base", "10"))))
            else:
                value = parse_float(text)
        except (ValueError, OverflowError, ZeroDivisionError):
            shown = f"{first}, {text}" if items else text
            raise InputError(f"{self.where()}: {shown[:60]!r} is not a number of type {kind!r}") from None
        return e.Number(value if value == value else math.nan, units)

    def _csymbol(self, attributes: dict):
        url = attributes.get("definitionURL", "").strip()
        name = url.removeprefix(SYMBOLS)
        if name == "time":
            return e.Time()
        if name == "avogadro":
            return e.Number(e.AVOGADRO)
        if name in ("delay", "rateOf"):
            return ("csymbol", name)
        short = url.rstrip("/").rpartition("/")[2] or "".join(self.text).strip() or "csymbol"
        raise UnsupportedError(f"csymbol {short}", f"{self.where()}: the symbol '{short}' ({url}) is not supported")

    def _piecewise(self, items: list) -> e.Expr:
        pieces, otherwise = [], None
        for item in items:
            if type(item) is not tuple or item[0] not in ("piece", "otherwise"):
                raise InputError(f"{self.where()}: 'piecewise' may hold only 'piece' and 'otherwise'")
            self._operands(item[1], item[0], 2 if item[0] == "piece" else 1)
            if item[0] == "piece":
                pieces.append(tuple(item[1]))
            elif otherwise is not None:
                raise InputError(f"{self.where()}: 'piecewise' has more than one 'otherwise'; keep one")
            else:
                otherwise = item[1][0]
        if not pieces:
            return VALUES["notanumber"] if otherwise is None else otherwise
        return e.Piecewise(tuple(pieces), otherwise)

    def _lambda(self, items: list) -> Lambda:
        arguments, body = [], None
        for item in items:
            if type(item) is tuple and item[0] == "bvar" and body is None:
                if len(item[1]) != 1 or type(item[1][0]) is not e.Symbol:
                    raise InputError(f"{self.where()}: 'bvar' must hold one 'ci'")
                arguments.append(item[1][0].name)
            elif isinstance(item, e.Expr) and body is None:
                body = item
            else:
                raise InputError(f"{self.where()}: 'lambda' must hold its arguments and then one formula")
        return Lambda(tuple(arguments), body)

    def _operands(self, arguments: list, name: str, least: int, most: int | None = -1) -> None:
        if most == -1:
            most = least
        if len(arguments) < least or (most is not None and len(arguments) > most):
            wanted = str(least) if most == least else f"{least} or more" if most is None else f"{least} to {most}"
            raise InputError(f"{self.where()}: '{name}' takes {wanted} argument(s), not {len(arguments)}")
        for argument in arguments:
            if not isinstance(argument, e.Expr):
                shown = argument if isinstance(argument, str) else "this"
                raise InputError(f"{self.where()}: '{shown}' is no operand of '{name}'; check the MathML")

    def _apply(self, items: list) -> e.Expr:
        if not items:
            raise InputError(f"{self.where()}: an empty 'apply' element; give an operator and its arguments")
        head, arguments = items[0], items[1:]
        if type(head) is str:
            if head in ("times", "plus"):
                self._operands(arguments, head, 0, None)
                return e.mul(*arguments) if head == "times" else e.add(*arguments)
            return self._operation(head, arguments)
        if type(head) is e.Symbol:
            self._operands(arguments, head.name, 0, None)
            self.calls.add((head.name, len(arguments)))
            return e.Call(called(head.name), tuple(arguments))
        if type(head) is tuple and head[0] == "csymbol":
            if head[1] == "delay":
                self._operands(arguments, "delay", 2)
                return e.Delay(*arguments)
            self._operands(arguments, "rateOf", 1)
            if type(arguments[0]) is not e.Symbol:
                raise InputError(f"{self.where()}: 'rateOf' takes the id of a variable, not a formula")
            return e.RateOf(arguments[0].name)
        raise InputError(f"{self.where()}: 'apply' must start with an operator or the id of a function")

    def _operation(self, head: str, arguments: list) -> e.Expr:
        qualifier = None
        if arguments and type(arguments[0]) is tuple and arguments[0][0] in ("degree", "logbase"):
            self._operands(arguments[0][1], arguments[0][0], 1)
            qualifier, arguments = arguments[0][1][0], arguments[1:]
        if head in _ELEMENTARY:
            arity = _ELEMENTARY[head]
            self._operands(arguments, head, 1 if arity is None else arity, arity)
            return e.Call(RENAMED.get(head, head), tuple(arguments))
        if head == "minus":
            self._operands(arguments, head, 1, 2)
            return -arguments[0] if len(arguments) == 1 else arguments[0] - arguments[1]
        if head in ("divide", "power"):
            self._operands(arguments, head, 2)
            return arguments[0] / arguments[1] if head == "divide" else e.power(*arguments)
        if head in RELATIONS:
            self._operands(arguments, head, 2, 2 if head == "neq" else None)
            chain = tuple(e.Relation(RELATIONS[head], a, b) for a, b in pairwise(arguments))
            return chain[0] if len(chain) == 1 else e.Logic("and", chain)
        if head in e.CONNECTIVES:
            return self._logic(head, arguments)
        self._operands(arguments, head, 1)
        if head == "root":
            return e.power(arguments[0], e.power(2.0 if qualifier is None else qualifier, -1.0))
        if qualifier is None or qualifier == e.Number(10.0):
            return e.Call("log10", tuple(arguments))
        return e.Call("ln", tuple(arguments)) / e.Call("ln", (qualifier,))

    def _logic(self, head: str, arguments: list) -> e.Expr:
        if head == "not":
            self._operands(arguments, head, 1)
        elif head == "implies":
            self._operands(arguments, head, 2)
        else:
            self._operands(arguments, head, 0, None)
        if not arguments:
            return e.Bool(head == "and")
        return e.Logic(head, tuple(arguments))


def called(function: str) -> str:
    """The name here of a function defined by a model: its id, with an underscore if it has an elementary name."""
    return f"{function}_" if function in e.FUNCTIONS else function


def parse_float(text: str) -> float:
    """A number as XML Schema writes doubles (INF, -INF and NaN included). Raises ValueError."""
    if "_" in text:
        raise ValueError(text)
    value = float(text)
    return value if value == value else math.nan  # one NaN object, so that equal models compare equal
