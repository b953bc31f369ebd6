"""Formulas as a model writes them, turned into formulas in the symbols of a `System`."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from manyscale.errors import InputError
from manyscale.model.expr import (
    AVOGADRO,
    CONSTANTS,
    FUNCTIONS,
    ZERO,
    Call,
    Delay,
    Expr,
    Number,
    Piecewise,
    RateOf,
    Symbol,
    children,
    rebuild,
    substitute,
    walk,
)
from manyscale.model.model import Model

LARGEST_FORMULA = 200_000  # nodes


def near(name: str, known: Iterable[str]) -> str:
    """ ", did you mean ...?" for an error message, or nothing."""
    found = difflib.get_close_matches(name, list(known), n=3)
    return f"; did you mean {' or '.join(found)}?" if found else ""


class Flattener:
    """Inlines functions, renames local parameters, and replaces rateOf and delay by symbols."""

    def __init__(self, model: Model):
        self.functions = {f.id: f for f in model.functions}
        self.known = set(model.by_id) - set(self.functions) - {e.id for e in model.events}
        self.bodies: dict[str, Expr] = {}
        self.open: list[str] = []
        self.counts: dict[str, tuple[int, Counter[str]]] = {}  # nodes of each body, and uses of each symbol in it
        self.rate_of: dict[str, str] = {}  # symbol -> id whose derivative it is
        self.delays: dict[tuple[Expr, Expr], str] = {}

    def flatten(self, formula: Expr, local: Mapping[str, str] = {}, where: str = "") -> Expr:
        """`local` maps local names to symbols; `where` names the place for error messages."""
        expr: Any = formula
        kind = type(expr)
        if kind is Symbol:
            return self._symbol(expr, local, where)
        if kind is RateOf:
            return self._rate_of(local.get(expr.name, expr.name), where)
        parts = children(expr)
        if not parts and kind is not Call:
            return expr
        new = tuple([self.flatten(part, local, where) for part in parts])
        if kind is Call and expr.function not in FUNCTIONS:
            return self._apply(expr.function, new, where)
        if kind is Delay:
            if new[1] == ZERO:
                return new[0]
            return Symbol(self.delays.setdefault((new[0], new[1]), f"delay({len(self.delays)})"))
        if all(a is b for a, b in zip(new, parts)):
            return expr
        return expr if kind is Piecewise and not parts else rebuild(expr, new)

    def _symbol(self, expr: Symbol, local: Mapping[str, str], where: str) -> Expr:
        name = expr.name
        if name in local:
            return Symbol(local[name])
        if name in self.known:
            return expr
        if name in CONSTANTS:
            return Number(CONSTANTS[name])
        if name == "avogadro":
            return Number(AVOGADRO)
        raise InputError(f"{where}: unknown name {name!r}{near(name, self.known)}")

    def _rate_of(self, name: str, where: str) -> Expr:
        if name not in self.known:
            raise InputError(f"{where}: rateOf({name}): unknown name {name!r}{near(name, self.known)}")
        symbol = f"rateOf({name})"
        self.rate_of[symbol] = name
        return Symbol(symbol)

    def _apply(self, name: str, arguments: tuple[Expr, ...], where: str) -> Expr:
        function = self.functions.get(name)
        if function is None:
            raise InputError(f"{where}: unknown function {name!r}{near(name, (*FUNCTIONS, *self.functions))}")
        if len(arguments) != len(function.arguments):
            raise InputError(
                f"{where}: function {name} takes {len(function.arguments)} arguments, {len(arguments)} given"
            )
        if name in self.open:
            raise InputError(f"function {name} calls itself: {' -> '.join([*self.open, name])}")
        if name not in self.bodies:
            self.open.append(name)
            own = {a: f"{name}({a})" for a in function.arguments}
            for a in own.values():
                self.known.add(a)
            self.bodies[name] = self.flatten(function.body, own, f"function {name}")
            self.open.pop()
        body = self.bodies[name]
        self._check_size(name, body, arguments, where)
        values = {f"{name}({a})": value for a, value in zip(function.arguments, arguments)}
        values.update(self._derivatives_of_arguments(name, function.arguments, arguments, where))
        return self._delays_with(substitute(body, values), values)

    def _check_size(self, name: str, body: Expr, arguments: tuple[Expr, ...], where: str) -> None:
        """Functions of functions can grow without end; refuse before that takes all memory."""
        counts = self.counts.get(name)
        if counts is None:
            uses: Counter[str] = Counter()
            total = 0
            for node in walk(body):
                total += 1
                if type(node) is Symbol:
                    uses[node.name] += 1
            counts = self.counts[name] = (total, uses)
        total, uses = counts
        for formal, argument in zip(self.functions[name].arguments, arguments):
            times = uses[f"{name}({formal})"]
            if times:
                total += times * sum(1 for _ in walk(argument))
        if total > LARGEST_FORMULA:
            raise InputError(f"{where}: function {name} expands to more than {LARGEST_FORMULA:,} terms; simplify it")

    def _derivatives_of_arguments(self, name, formal, actual, where) -> dict[str, Expr]:
        found = {}
        for a, value in zip(formal, actual):
            symbol = f"rateOf({name}({a}))"
            if symbol in self.rate_of:
                if type(value) is not Symbol:
                    raise InputError(f"{where}: function {name} takes the rateOf its argument {a}; give it an id")
                found[symbol] = self._rate_of(value.name, where)
        return found

    def _delays_with(self, body: Expr, values: Mapping[str, Expr]) -> Expr:
        """Delayed values whose argument or lag mentions a function's argument get a symbol per use."""
        renamed = {}
        for (argument, lag), symbol in list(self.delays.items()):
            new = (substitute(argument, values), substitute(lag, values))
            if new != (argument, lag):
                renamed[symbol] = Symbol(self.delays.setdefault(new, f"delay({len(self.delays)})"))
        return substitute(body, renamed) if renamed else body
