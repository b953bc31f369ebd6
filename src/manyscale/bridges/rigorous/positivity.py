"""Which variables can never become negative, from the equations alone."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from manyscale.bridges.bridge import Bridge, Chain
from manyscale.bridges.rigorous.tape import NoRange, Tape
from manyscale.kernels import compile_model
from manyscale.kernels.graph import TIME, Graph
from manyscale.model.expr import Add, Expr, Mul, Number, Symbol, walk
from manyscale.model.model import Model


def positive_states(model: Model, box: Mapping[str, tuple[float, float]]) -> frozenset[str]:
    """States that start and stay nonnegative for every point of a box: the largest set of states such that the rate
    of each is nonnegative where it vanishes, whatever nonnegative values the others of the set have (Nagumo)."""
    kernel = compile_model(model)
    system = kernel.system
    y, p = kernel.initial()
    graph = Graph(set())
    tape = Tape(graph)
    for name in system.schedule:
        graph.bound[name] = graph.of(system.definitions[name])
    rights = [graph.of(right) for right in system.right_sides]
    values = {name: box.get(name, (float(v), float(v))) for name, v in zip(system.parameters, p)}
    inputs: dict = {name: (np.array([a]), np.array([b])) for name, (a, b) in values.items()}
    inputs[TIME] = np.zeros(1), np.array([np.inf])
    found = {name for name, v in zip(system.states, y) if box.get(name, (v, v))[0] >= 0}
    symbol = dict(zip(system.states, system.state_symbols))
    changed = True
    while changed:
        changed = False
        everywhere = {
            symbol[name]: (np.array([0.0 if name in found else -np.inf]), np.array([np.inf])) for name in system.states
        }
        for name, right in zip(system.states, rights):
            if name not in found:
                continue
            zero = np.zeros(1)
            try:
                low = tape.ranges([right], {**inputs, **everywhere, symbol[name]: (zero, zero)})[0][0]
            except (NoRange, KeyError):
                low = np.array([-np.inf])
            if not low >= 0:
                found.discard(name)
                changed = True
    return frozenset(found)


def positive_coordinates(chain: Chain, bridge: Bridge, found: frozenset[str]) -> frozenset[str]:
    """Those among the slow coordinates and fast variables of a bridge: states themselves, or sums of such states."""
    names = set(compile_model(bridge.coarse).system.states) | set(compile_model(bridge.fine).system.states)
    result = {name for name in names if name in found}
    for name in names - found:
        formula = bridge.restrict.get(name)
        if formula is not None and formula != Symbol(name) and _sum(formula, found):
            result.add(name)
    return frozenset(result)


def _sum(formula: Expr, found: frozenset[str]) -> bool:
    """Whether it is a sum of nonnegative states times positive numbers (and compartments)."""
    numbers = all(node.value > 0 for node in walk(formula) if isinstance(node, Number))
    states = {node.name for node in walk(formula) if isinstance(node, Symbol)}
    return numbers and bool(states & found) and all(type(n) in (Add, Mul, Symbol, Number) for n in walk(formula)) and states <= found  # fmt: skip
