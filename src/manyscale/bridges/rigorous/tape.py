"""Ranges of formulas over many boxes at once, on the graphs that kernels are compiled from."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

import numpy as np

from manyscale.bridges.rigorous import intervals as iv
from manyscale.bridges.rigorous.intervals import Interval
from manyscale.bridges.rigorous.machine import Code, NoCode
from manyscale.kernels.differentiate import partials
from manyscale.kernels.graph import Graph

UNARY = {
    "neg": iv.neg, "sqrt": iv.sqrt, "exp": iv.exp, "log": iv.log, "abs": iv.absolute, "sign": iv.sign,
    "log10": lambda a: iv.mul(iv.log(a), iv.near(1.0 / np.log(10.0))),
    "tanh": lambda a: iv.monotone(np.tanh, a), "atan": lambda a: iv.monotone(np.arctan, a),
}  # fmt: skip
BINARY = {"add": iv.add, "sub": iv.sub, "mul": iv.mul, "div": iv.div, "pow": iv.power, "min": iv.least, "max": iv.most}


PIECE, LARGEST = 600, 3000  # nodes of one piece of machine code; of one formula with slopes (natural range above)


class NoRange(Exception):
    """A formula contains an operation whose range is not known here, or there was no time to prepare it."""


class Tape:
    """Ranges of nodes of a graph. Inputs are given by name as pairs of arrays that broadcast; names of inputs are never
    bound in the graph."""

    def __init__(self, graph: Graph, deadline: float = float("inf")):
        self.graph = graph
        self.deadline = deadline  # of the monotonic clock
        self._cones: dict[tuple[int, ...], list[int]] = {}
        self._slopes: dict[int, dict[int, int]] = {}
        self._mentioned: dict[int, tuple] = {}
        self._better: dict[int, dict] = {}
        self._codes: dict[tuple, list[Code] | None] = {}

    def cone(self, nodes: Sequence[int]) -> list[int]:
        """The nodes that these depend on, in order of evaluation. Raises NoRange."""
        key = tuple(nodes)
        if key not in self._cones:
            seen: set[int] = set()
            stack = list(nodes)
            while stack:
                node = stack.pop()
                if node in seen:
                    continue
                seen.add(node)
                op = self.graph.ops[node]
                if op in ("const", "input"):
                    continue
                if op not in UNARY and op not in BINARY and op not in ("dpow", "muladd"):
                    raise NoRange(f"the function {op!r} stands in an equation")
                stack.extend(self.graph.args[node])
            self._cones[key] = sorted(seen)
        return self._cones[key]

    def ranges(self, nodes: Sequence[int], inputs: Mapping) -> list[Interval]:
        """Natural interval extension of each node."""
        found: dict[int, Interval] = {}
        ops, args = self.graph.ops, self.graph.args
        with np.errstate(all="ignore"):
            for node in self.cone(nodes):
                op, arg = ops[node], args[node]
                if op == "input":
                    found[node] = inputs[arg[0]]
                elif op == "const":
                    found[node] = iv.near(arg[0])
                elif op == "mul" and arg[0] == arg[1]:
                    found[node] = iv.square(found[arg[0]])
                elif op in BINARY:
                    found[node] = BINARY[op](found[arg[0]], found[arg[1]])
                elif op == "dpow":  # slope of a ** b by a
                    a, b = found[arg[0]], found[arg[1]]
                    found[node] = iv.mul(b, iv.power(a, iv.sub(b, iv.point(1.0))))
                elif op == "muladd":
                    found[node] = iv.add(iv.mul(found[arg[0]], found[arg[1]]), found[arg[2]])
                else:
                    found[node] = UNARY[op](found[arg[0]])
        return [found[node] for node in nodes]

    def many(self, plain: Sequence[int], tight: Sequence[int], inputs: Mapping, count: int) -> np.ndarray:
        """Ranges (nodes, 2, count) of nodes for `count` boxes: natural ones, then tight ones."""
        key = tuple(plain), tuple(tight)
        if key not in self._codes:
            try:
                self._codes[key] = [self._code(*part) for part in self._parts(*key)]
            except NoCode:
                self._codes[key] = None
        codes = self._codes[key]
        if codes is not None:
            return np.concatenate([np.empty((0, 2, count)), *(code(inputs, count) for code in codes)])
        found = [*self.ranges(plain, inputs), *(self.tight(node, inputs) for node in tight)]
        return np.array([[np.broadcast_to(v, (count,)) for v in pair] for pair in found]).reshape(-1, 2, count)

    def in_time(self) -> None:
        """Raises NoRange after the deadline."""
        if time.monotonic() > self.deadline:
            raise NoRange("the equations are too large to be prepared for a proof in the time allowed")

    def _code(self, plain: list[int], tight: list[int]) -> Code:
        self.in_time()
        return Code(self, plain, tight)

    def _parts(self, plain: tuple[int, ...], tight: tuple[int, ...]):
        """Pieces of moderate size, as the time of compilation grows faster than the size; in order."""
        parts: list[tuple[list[int], list[int]]] = []
        room = 0
        for node, is_tight in [*((n, False) for n in plain), *((n, True) for n in tight)]:
            self.in_time()
            slopes = self.slopes(node) if is_tight else {}
            size = len(self.cone([node, *slopes.values()])) + 2 * len(self.cone([node])) * is_tight
            is_tight = is_tight and size <= LARGEST
            if room < size or not parts or (parts[-1][1] and not is_tight):
                parts.append(([], []))
                room = PIECE
            parts[-1][is_tight].append(node)
            room -= size
        return parts

    def mentioned(self, node: int) -> tuple:
        """Names of the inputs of a node."""
        if node not in self._mentioned:
            graph = self.graph
            self._mentioned[node] = tuple(graph.args[k][0] for k in self.cone([node]) if graph.ops[k] == "input")
        return self._mentioned[node]

    def slopes(self, node: int) -> dict:
        """Partial derivatives by each input, as nodes: {input name: node}."""
        if node not in self._slopes:
            wanted = {self.graph.symbol(name): name for name in self.mentioned(node)}
            found = partials(self.graph, node, wanted, True)
            better = self._better.get(node, {})
            self._slopes[node] = {wanted[k]: better.get(wanted[k], v) for k, v in found.items()}
        return self._slopes[node]

    def register(self, node: int, slopes: Mapping) -> None:
        """Derivatives by some inputs, in a better form than differentiation of the graph gives."""
        if self.graph.ops[node] not in ("const", "input"):
            self._better.setdefault(node, dict(slopes))

    def tight(self, node: int, inputs: Mapping) -> Interval:
        """Range with every input along which the formula is proven monotone at its ends; never wider than natural."""
        plain = self.ranges([node], inputs)[0]
        names = [n for n in self.mentioned(node) if _wide(inputs[n])]
        if not names or not _finite(plain).any():
            return plain
        try:
            slopes = self.slopes(node)
            signs = dict(zip(slopes, self.ranges(list(slopes.values()), inputs)))
        except (NoRange, KeyError):
            return plain
        lower, upper = dict(inputs), dict(inputs)
        for name in names:
            if name not in signs:
                continue
            low, high = inputs[name]
            finite = _finite(signs[name])  # else there may be a pole inside
            up = finite & (signs[name][0] >= 0)
            down = finite & ~up & (signs[name][1] <= 0)
            lower[name] = np.where(down, high, low), np.where(up, low, high)
            upper[name] = np.where(up, high, low), np.where(down, low, high)
        first = self.ranges([node], lower)[0][0]
        last = self.ranges([node], upper)[0][1]
        known = _finite(plain)
        return np.where(known, np.fmax(plain[0], first), plain[0]), np.where(known, np.fmin(plain[1], last), plain[1])


def _finite(a: Interval) -> np.ndarray:
    return np.isfinite(a[0]) & np.isfinite(a[1])


def _wide(a: Interval) -> bool:
    return bool(np.any(a[0] < a[1]))
