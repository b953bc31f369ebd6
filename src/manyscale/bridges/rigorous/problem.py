"""A quasi-steady bridge as a comparison problem: graphs of everything whose range a proof needs.

With z the slow coordinates and y the fast variables of the fine model, z' = F(z, y), y' = G(z, y), and the coarse model
zeta' = f(zeta) = F(zeta, h(zeta)), the deviations delta = y - h(z) and e = z - zeta obey

    delta' = (G_y - Dh F_y) delta + r(z),    r = -Dh(z) f(z) - h_t
    e'     = Df e + F_y delta

(h_t: partial derivative by time, where time enters) with the matrices averaged along segments, so that their ranges over a convex hull contain them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from manyscale.bridges.bridge import Bridge
from manyscale.bridges.compose import start_values
from manyscale.bridges.rigorous.rational import Rational, rational
from manyscale.bridges.rigorous.roots import relaxed
from manyscale.bridges.rigorous.tape import Tape
from manyscale.kernels import compile_model
from manyscale.kernels.differentiate import partials
from manyscale.kernels.graph import TIME, Graph
from manyscale.kernels.interpret import evaluate
from manyscale.kernels.system import System
from manyscale.model.algebra import differentiate
from manyscale.model.expr import ZERO, Expr, Symbol, Time, add, mul, substitute, symbols, transform, walk

CHECKS = 8  # random points at which identities are checked
AGREE = 1e-6


class NotProvable(Exception):
    """The bridge is outside what can be proven here; the message says why."""


def slow(name: str) -> tuple:
    return ("slow", name)


def fast(name: str) -> tuple:
    return ("fast", name)


def parameter(name: str) -> tuple:
    return ("parameter", name)


@dataclass(frozen=True)
class Problem:
    """Nodes in one graph. z, y: names of slow coordinates and fast variables; f (m), h (q), dh (q, m), drift (q) = h_t, decay (q, q) =
    G_y - Dh F_y, loss (m, q) = F_y, reduced (m, m) = Df, g (q) = G, own (q) = diagonal of G_y; observables: name -> (value over z, y; value over z; slopes by y;
    slopes of the closed form by z). start: z and y at t = 0 over fine ids."""

    tape: Tape
    z: tuple[str, ...]
    y: tuple[str, ...]
    f: list[int]
    h: list[int]
    dh: list[list[int]]
    drift: list[int]
    decay: list[list[int]]
    loss: list[list[int]]
    reduced: list[list[int]]
    g: list[int]
    own: list[int]
    observables: Mapping[str, tuple[int, int, list[int], list[int]]]
    start: Mapping[str, Expr]
    positive: frozenset[str]  # z and y that are never negative
    implicit: bool = False  # h is the root of G(z, y) = 0 (and has no nodes): the other nodes depend on y too
    jacobian: Sequence[Sequence[int]] = ()  # G_y, where implicit


def problem(bridge: Bridge, ids: Sequence[str], positive: frozenset[str], deadline: float = float("inf")) -> Problem:
    """The comparison problem of a bridge for these observables. Raises NotProvable; NoRange, also after the deadline."""
    return _Builder(bridge, positive, deadline).build(ids)


def _suitable(system: System, algebraic: bool = False) -> None:
    if system.events:
        raise NotProvable("the model has events")
    if system.delays or (system.mass is not None and not algebraic) or system.variable_stoichiometry:
        raise NotProvable("the model has delays, fast reactions or stoichiometries that change")
    if tuple(system.states) != tuple(system.state_symbols):
        raise NotProvable("a compartment changes its size")


class _Builder:
    def __init__(self, bridge: Bridge, positive: frozenset[str], deadline: float):
        self.bridge, self.positive = bridge, positive
        self.fine, self.coarse = compile_model(bridge.fine).system, compile_model(bridge.coarse).system
        roots = {self.coarse.states[i] for i, _ in self.coarse.algebraic}
        self.implicit = bool(roots)
        for system in (self.fine, self.coarse):
            _suitable(system, bool(roots) and system is self.coarse)
        self.z = tuple(id for id in self.coarse.states if id not in roots)
        computed = set(self.coarse.definitions) | roots
        self.y = tuple(id for id in self.fine.states if id in bridge.eliminated and id not in self._partners())
        if set(self.z) != set(bridge.restrict) or not set(self.y) <= computed:
            raise NotProvable("the small model has variables of its own")
        self.graph = Graph(set())
        self.tape = Tape(self.graph, deadline)

    def _partners(self) -> set[str]:
        """Fine states that the coarse model computes from a total and fast variables."""
        kept = set(self.coarse.states)
        totals = {id: f for id, f in self.bridge.restrict.items() if id not in self.fine.states}
        gone = set()
        for formula in totals.values():
            gone |= {next(n for n in _ordered(formula) if n in self.fine.states and n not in kept)}
        return gone

    def build(self, ids: Sequence[str]) -> Problem:
        graph = self.graph
        whole = {name: graph.symbol(parameter(name)) for name in self.fine.parameters}
        whole |= {new: whole[next(iter(symbols(old)))] for new, old in self.bridge.parameters.items()}
        whole |= {name: graph.symbol(slow(name)) for name in self.z}
        self.base = whole
        if not self.implicit:
            closed = self._closed()
            self.implicit = any(self.closed_forms[name].ring is None for name in self.y)  # roots, say
        if self.implicit:
            return self._implicit(ids)
        opened, g = self._opened()
        flow = self._flow(opened)
        f, h, reduced, dh, drift = closed
        self._agree(flow, f, h, g)
        y_inputs = {graph.symbol(fast(name)): name for name in self.y}
        slopes = [self._slopes(node, y_inputs) for node in g]
        loss = [[self._slopes(node, y_inputs)[name] for name in self.y] for node in flow]
        decay = [
            [
                graph.sub(slopes[i][name], self._total([graph.mul(dh[i][k], loss[k][j]) for k in range(len(self.z))]))
                for j, name in enumerate(self.y)
            ]
            for i in range(len(self.y))
        ]
        own = [slopes[i][name] for i, name in enumerate(self.y)]
        observables = {id: self._observable(id, opened, y_inputs) for id in ids}
        start = {**self.bridge.restrict, **{name: Symbol(name) for name in self.y}}
        made = Problem(
            self.tape, self.z, self.y, f, h, dh, drift, decay, loss, reduced, g, own, observables, start, self.positive
        )
        self.tape.cone(
            [*f, *h, *drift, *(n for row in (*dh, *decay, *loss, *reduced) for n in row)]
        )  # raises NoRange early
        return made

    def _implicit(self, ids: Sequence[str]) -> Problem:
        """With the closure as the root of G(z, y) = 0: Dh = -G_y^-1 G_z, by elimination along the diagonal."""
        graph = self.graph
        opened, g = self._opened()
        flow = self._flow(opened)
        if any(TIME in self.tape.mentioned(node) for node in g):
            raise NotProvable("time enters the equations that the fast variables are roots of")
        z = {graph.symbol(slow(name)): name for name in self.z}
        y = {graph.symbol(fast(name)): name for name in self.y}
        loss = self._rows(flow, y)
        own = self._rows(g, y)
        self._agree_on_roots(flow, g, own)
        dh = self._eliminated(own, [[graph.neg(node) for node in row] for row in self._rows(g, z)])
        reduced = self._through(self._rows(flow, z), loss, dh)
        decay = self._through(own, dh, [[graph.neg(node) for node in row] for row in loss])
        seen = [opened[id] for id in ids if id in opened]
        if len(seen) < len(ids):
            raise NotProvable("an observable is not followed by this step")
        by_y = self._rows(seen, y)
        by_z = self._through(self._rows(seen, z), by_y, dh)
        observables = {id: (node, node, by_y[k], by_z[k]) for k, (id, node) in enumerate(zip(ids, seen))}
        start = {**self.bridge.restrict, **{name: Symbol(name) for name in self.y}}
        self.tape.cone([*flow, *g, *(n for row in (*dh, *decay, *loss, *reduced) for n in row)])
        return Problem(
            self.tape, self.z, self.y, flow, [], dh, [graph.zero] * len(g), decay, loss, reduced, g,
            [own[i][i] for i in range(len(g))], observables, start, self.positive, implicit=True, jacobian=own,
        )  # fmt: skip

    def _agree_on_roots(self, flow: list[int], g: list[int], jacobian: list[list[int]]) -> None:
        """Whether, where all G_i vanish, the small model's equations for the fast variables hold too, and its rates are F:
        at random points at which a root is found."""
        inputs, scale = self._random_points()
        first = np.full((len(self.y), CHECKS), scale)
        self._half_near_the_start(inputs, first)
        root = relaxed(self.tape, g, jacobian, [fast(name) for name in self.y], inputs, first)
        possible = np.all(
            root > 0, axis=0
        )  # totals at random may be less than what they hold: such roots are none of ours
        if possible.any():
            root = np.where(possible, root, np.nan)
        moved = dict(inputs)
        for name, one in zip(self.y, root):
            inputs[fast(name)] = one, one
            moved[fast(name)] = one * 1.1, one * 1.1
        bound = {**self.base, **{name: self.graph.symbol(fast(name)) for name in self.y}}
        for name in self.coarse.schedule:
            if name not in bound:
                bound[name] = self._node(self.coarse.definitions[name], bound)
        rights = dict(zip(self.coarse.states, self.coarse.right_sides))
        rates = [self._node(rights[name], bound) for name in self.z]
        if self.coarse.algebraic:
            rows = [self._node(formula, bound) for _, formula in self.coarse.algebraic]
        else:
            rows = [
                self.graph.sub(self._node(self.closed_forms[name].formula, self.base), bound[name]) for name in self.y
            ]
        zero = (np.zeros(CHECKS),) * 2
        want = [*self.tape.ranges(flow, inputs), *[zero] * len(rows)]
        far = self.tape.ranges([*flow, *rows], moved)
        for a, b, other in zip(want, self.tape.ranges([*rates, *rows], inputs), far):
            _same(a, b, np.abs(other[0]) + np.abs(a[0]))

    def _half_near_the_start(self, inputs: dict, first: np.ndarray) -> None:
        """Every other point where the model starts, nearly: what is conserved fits what there is."""
        start, near = start_values(self.bridge.fine), np.arange(CHECKS) % 2 == 1
        random = np.random.default_rng(7)
        known = {slow(n): float(evaluate(f, 0.0, start)) for n, f in self.bridge.restrict.items()}
        known |= {parameter(n): start.get(n, np.nan) for n in self.fine.parameters}
        for name, value in known.items():
            if name in inputs and np.isfinite(value):
                drawn = np.where(near, value * random.uniform(0.97, 1.03, CHECKS), inputs[name][0])
                inputs[name] = drawn, drawn
        for k, name in enumerate(self.y):
            first[k, near] = start.get(name, 0.0)

    def _rows(self, nodes: Sequence[int], wanted: dict[int, str]) -> list[list[int]]:
        """Slopes of each node by each wanted input."""
        found = [self._slopes(node, wanted) for node in nodes]
        return [[one[name] for name in wanted.values()] for one in found]

    def _through(self, first, left, right) -> list[list[int]]:
        """first + left right, of matrices of nodes."""
        return [
            [
                self._total([node, *(self.graph.mul(a, right[k][j]) for k, a in enumerate(left[i]))])
                for j, node in enumerate(row)
            ]
            for i, row in enumerate(first)
        ]

    def _eliminated(self, matrix, right) -> list[list[int]]:
        """matrix^-1 right."""
        graph, size = self.graph, len(matrix)
        a, b = [list(row) for row in matrix], [list(row) for row in right]
        for k in range(size):
            for i in range(k + 1, size):
                if a[i][k] == graph.zero:
                    continue
                share = graph.div(a[i][k], a[k][k])
                a[i] = [graph.sub(a[i][j], graph.mul(share, a[k][j])) if j > k else graph.zero for j in range(size)]
                b[i] = [graph.sub(x, graph.mul(share, w)) for x, w in zip(b[i], b[k])]
        for k in reversed(range(size)):
            for j in range(k + 1, size):
                b[k] = [graph.sub(x, graph.mul(a[k][j], w)) for x, w in zip(b[k], b[j])]
            b[k] = [graph.div(x, a[k][k]) for x in b[k]]
        return b

    def _total(self, nodes: list[int]) -> int:
        result = self.graph.zero
        for node in nodes:
            result = self.graph.add(result, node)
        return result

    def _node(self, formula: Expr, bound: Mapping[str, int]) -> int:
        self.graph.bound = dict(bound)
        node = self.graph.of(formula)
        self.graph.bound = {}
        return node

    def _slopes(self, node: int, wanted: dict[int, str]) -> dict[str, int]:
        found = partials(self.graph, node, wanted, True)
        return {name: found.get(k, self.graph.zero) for k, name in wanted.items()}

    # the coarse model: everything over z, with common factors cancelled

    def _closed(self):
        coarse = self.coarse
        written: dict[str, Rational | Expr] = {}
        self.closed_forms = written
        for name in coarse.schedule:
            self.tape.in_time()
            formula = substitute(coarse.definitions[name], _plain(written, coarse.definitions[name]))
            written[name] = rational(formula, self.z, whole=True)
        f, reduced = [], []
        for right in coarse.right_sides:
            one = rational(substitute(right, _plain(written, right)), self.z)
            f.append(self._written(one))
            reduced.append([self._written(rational(one.slope(z), self.z)) for z in self.z])
        h = [self._written(written[y]) for y in self.y]
        dh = [[self._written(rational(written[y].slope(z), self.z)) for z in self.z] for y in self.y]
        drift = [self._written(rational(_by_time(written[y].formula), self.z)) for y in self.y]
        return f, h, reduced, dh, drift

    def _written(self, one: Rational) -> int:
        """Its node, with slopes by everything in it in the form without cancelling terms."""
        self.tape.in_time()
        node = self._node(one.formula, self.base)
        if one.ring is not None:
            names = sorted(symbols(one.formula) & set(one.named))
            slopes = {self.base[name]: one.slope(name) for name in names}
            graph = self.graph
            self.tape.register(node, {graph.args[k][0]: self._node(slope, self.base) for k, slope in slopes.items()})
        return node

    # the fine model in the coordinates (z, y)

    def _opened(self):
        bound = {**self.base, **{name: self.graph.symbol(fast(name)) for name in self.y}}
        missing = [name for name in self.fine.states if name not in bound]
        for name in missing:
            bound[name] = self._node(self.coarse.definitions[name], bound)
        for name in self.fine.schedule:
            bound[name] = self._node(self.fine.definitions[name], bound)
        index = {name: i for i, name in enumerate(self.fine.states)}
        rights = self.fine.right_sides
        self.velocities = {name: self._node(rights[i], bound) for name, i in index.items()}
        return bound, [self.velocities[name] for name in self.y]

    def _flow(self, opened: Mapping[str, int]) -> list[int]:
        """F: velocities of the slow coordinates, written so that equal terms of opposite sign are gone."""
        flow = []
        rights = dict(zip(self.fine.states, self.fine.right_sides))
        for name in self.z:
            formula = self.bridge.restrict[name]
            parts = [(differentiate(formula, x), rights[x]) for x in sorted(symbols(formula) & set(rights))]
            total = rational(add(*(mul(a, b) for a, b in parts)), ()).formula
            flow.append(self._node(total, opened))
        return flow

    def _observable(self, id: str, opened: Mapping[str, int], y_inputs: dict[int, str]):
        if id not in opened:
            raise NotProvable(f"{id} is not followed by this step")
        value = opened[id]
        written = self.closed_forms.get(id) or rational(Symbol(id), self.z)
        closed = self._written(written)
        by_y = self._slopes(value, y_inputs)
        by_z = [self._written(rational(written.slope(z), self.z)) for z in self.z]
        return value, closed, [by_y[name] for name in self.y], by_z

    # identities that the proof rests on, at random points

    def _random_points(self) -> tuple[dict, float]:
        """Inputs but for the fast variables, and a typical size of those."""
        random = np.random.default_rng(5)
        names = [slow(n) for n in self.z] + [parameter(n) for n in self.fine.parameters]
        kernel = compile_model(self.bridge.fine)
        y0, p0 = kernel.initial()
        known = kernel.values(0.0, y0, p0)
        sizes = [abs(known.get(one.id, 0.0)) for one in self.bridge.fine.species]
        scale = max([*(v for v in (*sizes, *np.abs(y0)) if np.isfinite(v)), 0.0]) or 1.0
        size = {parameter(n): p0[k] for k, n in enumerate(self.fine.parameters)}
        values = {n: size.get(n, scale) * random.uniform(0.3, 3.0, CHECKS) for n in names}
        inputs: dict = {n: (v, v) for n, v in values.items()}
        inputs[TIME] = (random.uniform(0.0, 1.0, CHECKS),) * 2
        return inputs, scale

    def _agree(self, flow: list[int], f: list[int], h: list[int], g: list[int]) -> None:
        random = np.random.default_rng(6)
        inputs, _ = self._random_points()
        moved = dict(inputs)
        for name, found in zip(self.y, self.tape.ranges(h, inputs)):
            inputs[fast(name)] = found
            factor = random.uniform(1.02, 1.1, CHECKS)
            moved[fast(name)] = found[0] * factor, found[1] * factor
        want, far = self.tape.ranges([*flow, *g], inputs), self.tape.ranges([*flow, *g], moved)
        have = [*self.tape.ranges(f, inputs), *[(np.zeros(CHECKS),) * 2] * len(g)]
        for a, b, other in zip(want, have, far):
            _same(a, b, np.abs(other[0]) + np.abs(b[0]))


def _by_time(formula: Expr) -> Expr:
    """Partial derivative by time."""
    if not any(type(node) is Time for node in walk(formula)):
        return ZERO
    clock = Symbol("the time")  # no id has a space
    slope = differentiate(transform(formula, lambda node: clock if type(node) is Time else node), clock.name)
    return transform(slope, lambda node: Time() if node == clock else node)


def _same(a, b, size: np.ndarray) -> None:
    """Whether two ranges at points agree to rounding, compared with a size; a point without a value says nothing."""
    apart = np.maximum(np.abs(a[1] - b[0]), np.abs(b[1] - a[0]))
    known = np.isfinite(apart) & np.isfinite(size)
    if not known.any() or np.any((apart > AGREE * size)[known]):
        raise NotProvable("the small model's equations are not those of the fine one on the manifold")


def _plain(written: Mapping, formula: Expr) -> dict[str, Expr]:
    return {name: written[name].formula for name in symbols(formula) if name in written}


def _ordered(formula: Expr) -> list[str]:
    return [node.name for node in walk(formula) if type(node) is Symbol]
