"""Formulas of a `System` compiled when first asked for: values over time, derivatives, event functions."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from manyscale import _core
from manyscale.kernels.assemble import bound_graph, right_side_nodes
from manyscale.kernels.compiled import make_formulas
from manyscale.kernels.differentiate import gradients
from manyscale.kernels.graph import Graph
from manyscale.kernels.system import System
from manyscale.model.expr import Expr


class FormulaBook:
    """One graph for all formulas; each set of outputs becomes a `_core.Formulas` once."""

    def __init__(self, system: System):
        self.system = system
        self._made: dict[object, Any] = {}

    @cached_property
    def graph(self) -> Graph:
        return bound_graph(self.system)

    def observe(self, names: tuple[str, ...], times, states, p) -> np.ndarray:
        """(len(names), points) for times (points,), states (points, n), p (np,) or (points, np)."""
        formulas = self._made.get(names)
        if formulas is None:
            nodes = [self.graph.symbol(name) for name in names]
            formulas = self._made[names] = make_formulas(self.system, nodes, self.graph)
        return formulas.evaluate(times, states, p)

    def values(self, names: tuple[str, ...], t: float, y, p) -> np.ndarray:
        return self.observe(names, *_one_point(t, y, p))[:, 0]

    def formulas(self, formulas: tuple[Expr, ...]) -> _core.Formulas:
        """The core's function for these formulas, made once."""
        key = ("formulas", *map(id, formulas))
        made = self._made.get(key)
        if made is None:
            nodes = [self.graph.of(formula) for formula in formulas]
            made = self._made[key] = (make_formulas(self.system, nodes, self.graph), formulas)
        return made[0]

    def of(self, formulas: tuple[Expr, ...], t: float, y, p) -> np.ndarray:
        """Values of formulas at one point, shape (len(formulas),)."""
        return self.formulas(formulas).evaluate(*_one_point(t, y, p))[:, 0]

    def derivative(self, what: str, by: str, t: float, y, p) -> np.ndarray:
        """d(rhs or rates)/d(y or p), dense."""
        key = ("derivative", what, by)
        made = self._made.get(key)
        if made is None:
            made = self._made[key] = self._make_derivative(what, by)
        formulas, rows, columns, shape = made
        result = np.zeros(shape)
        result[rows, columns] = formulas.evaluate(*_one_point(t, y, p))[:, 0]
        return result

    def derivative_many(self, what: str, by: str, times, states, p) -> np.ndarray:
        """`derivative` at many points, shape (points, rows, columns), for states (points, n) and p (points, np)."""
        key = ("derivative", what, by)
        made = self._made.get(key)
        if made is None:
            made = self._made[key] = self._make_derivative(what, by)
        formulas, rows, columns, shape = made
        result = np.zeros((len(times), *shape))
        result[:, rows, columns] = formulas.evaluate(times, states, p).T
        return result

    def right_side_many(self, states, p) -> tuple[np.ndarray, np.ndarray]:
        """(f, df/dy) at t = 0 of shapes (points, n) and (points, n, n), for states (points, n) and p (points, np)."""
        states, p = np.ascontiguousarray(states, dtype=np.float64), np.ascontiguousarray(p, dtype=np.float64)
        times = np.zeros(len(states))
        rows = self.formulas(self.system.right_sides).evaluate(times, states, p)
        return rows.T, self.derivative_many("rhs", "y", times, states, p)

    def _make_derivative(self, what: str, by: str) -> tuple[_core.Formulas, list[int], list[int], tuple]:
        system, graph = self.system, self.graph
        directions = system.state_symbols if by == "y" else system.parameters
        seeds = {graph.symbol(name): {k: graph.one} for k, name in enumerate(directions)}
        order = [graph.bound[name] for name in system.schedule]
        if what == "rates":
            wanted = [graph.bound[name] for name, _ in system.rates]
        else:
            wanted = right_side_nodes(system, graph)
        slopes = gradients(graph, [*order, *wanted], seeds, through_still=by == "p")[len(order) :]
        entries = [(i, k, node) for i, row in enumerate(slopes) for k, node in sorted(row.items())]
        formulas = make_formulas(system, [node for _, _, node in entries], graph)
        rows, columns = [i for i, _, _ in entries], [k for _, k, _ in entries]
        return formulas, rows, columns, (len(wanted), len(directions))


def _one_point(t: float, y, p) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    y = np.ascontiguousarray(y, dtype=np.float64)
    return np.array([t], dtype=np.float64), y.reshape(1, -1), np.ascontiguousarray(p, dtype=np.float64)
