"""What boxes of the fine model's initial values and parameters mean at the level of one step of a chain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from manyscale.bridges.bridge import Bridge, Chain
from manyscale.bridges.rigorous.intervals import Interval, near
from manyscale.bridges.rigorous.problem import NotProvable, Problem
from manyscale.bridges.rigorous.tape import Tape
from manyscale.kernels import compile_model
from manyscale.kernels.graph import Graph
from manyscale.model.expr import ZERO, Symbol, Time, transform


class Start:
    """Ranges of the parameters and of z and y at t = 0 for boxes of the fine model."""

    def __init__(self, chain: Chain, bridge: Bridge, problem: Problem, box: Mapping[str, tuple[float, float]]):
        self.graph = Graph(set())
        self.tape = Tape(self.graph)
        self.box = tuple(box)
        known = self._first(chain, box)
        for step in chain.bridges:
            if step is bridge:
                break
            known = self._across(step, known)
        system = compile_model(bridge.fine).system
        try:
            self.parameters = {name: known[name] for name in system.parameters}
            self.start = {name: self._node(formula, known) for name, formula in problem.start.items()}
        except KeyError as missing:
            raise NotProvable(f"the start value of {missing} has no formula") from None
        self.tape.cone([*self.parameters.values(), *self.start.values()])

    def _node(self, formula, known: Mapping[str, int]) -> int:
        self.graph.bound = dict(known)
        node = self.graph.of(transform(formula, lambda part: ZERO if type(part) is Time else part))
        self.graph.bound = {}
        if any(self.graph.ops[k] == "input" and self.graph.args[k][0] not in self.box for k in self.tape.cone([node])):
            raise NotProvable("a start value depends on what has no value of its own")
        return node

    def _first(self, chain: Chain, box: Mapping) -> dict[str, int]:
        """Every id of the fine model at t = 0 as a formula of what the box moves."""
        kernel = compile_model(chain.fine)
        system = kernel.system
        if tuple(system.states) != tuple(system.state_symbols):
            raise NotProvable("a compartment changes its size")
        y, p = kernel.initial()
        values = {**dict(zip(system.parameters, p)), **dict(zip(system.states, y))}
        known = {name: self.graph.constant(float(value)) for name, value in values.items()}
        known |= {id: self.graph.symbol(id) for id in box}
        derived = dict(system.initial_formulas)
        for _ in range(len(derived) + 1):
            for id, formula in derived.items():
                if id not in box:
                    known[id] = self._late(formula, known, system)
        return self._with_definitions(known, system)

    def _late(self, formula, known: Mapping[str, int], system) -> int:
        return self._node(formula, self._with_definitions(dict(known), system))

    def _with_definitions(self, known: dict[str, int], system) -> dict[str, int]:
        for name in system.schedule:
            known[name] = self._node(system.definitions[name], known)
        return known

    def _across(self, step: Bridge, known: Mapping[str, int]) -> dict[str, int]:
        exact = (
            step.certificate.tier == "exact"
        )  # its projection checks, and computes nothing that `restrict` does not say
        if (step.project is not None and not exact) or step.clock is not None:
            raise NotProvable(f"the start of the step after {step.name} is found by simulation")
        system = compile_model(step.coarse).system
        new = {**step.restrict, **step.parameters}
        found = dict(known)
        for name in (*system.parameters, *system.states):
            if name in new and new[name] != Symbol(name):
                found[name] = self._node(new[name], known)
        found = {name: found[name] for name in (*system.parameters, *system.states) if name in found}
        return self._with_definitions(found, system)

    def ranges(self, low: np.ndarray, high: np.ndarray) -> tuple[dict[str, Interval], dict[str, Interval]]:
        """(parameters, start) for N boxes, low and high of shape (dimensions, N)."""
        count = low.shape[1]
        inputs = {id: (low[k], high[k]) for k, id in enumerate(self.box)}
        found = []
        for group in (self.parameters, self.start):
            part = {}
            for name, node in group.items():
                a, b = self.tape.tight(node, inputs) if self.box else self.tape.ranges([node], inputs)[0]
                part[name] = np.broadcast_to(a, (count,)), np.broadcast_to(b, (count,))
            found.append(part)
        return found[0], found[1]


def ends(box: Mapping[str, tuple[float, float]], ids: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """The whole box as one box, rounded outward: (dimensions, 1) twice."""
    pairs = [(near(box[id][0])[0], near(box[id][1])[1]) for id in ids]
    low = np.array([float(a) for a, _ in pairs]).reshape(len(pairs), 1)
    return low, np.array([float(b) for _, b in pairs]).reshape(len(pairs), 1)
