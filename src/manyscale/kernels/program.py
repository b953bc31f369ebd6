"""Graph nodes to instructions of the virtual machine (core/tape.hpp)."""

from __future__ import annotations

import numpy as np

from manyscale.kernels.graph import CODE, TIME, Graph
from manyscale.kernels.system import System

MUL, MULADD = CODE["mul"], CODE["muladd"]


def reachable(graph: Graph, outputs, stop=lambda node: False) -> list[int]:
    """Nodes that the outputs need, in order of evaluation; the search does not go below `stop` nodes."""
    seen: set[int] = set()
    stack = list(outputs)
    args, ops = graph.args, graph.ops
    while stack:
        node = stack.pop()
        if node in seen:
            continue
        seen.add(node)
        if ops[node] not in ("const", "input") and not stop(node):
            stack.extend(args[node])
    return sorted(seen)


def reads_time(graph: Graph, outputs) -> bool:
    """Whether an output depends on time itself."""
    return any(graph.ops[n] == "input" and graph.args[n][0] == TIME for n in reachable(graph, outputs))


class Layout:
    """Slots: y, t, p, constants, what depends on p alone, temporaries."""

    def __init__(self, system: System):
        self.states, self.parameters = len(system.states), len(system.parameters)
        inputs = [*system.state_symbols, TIME, *system.parameters]
        self.inputs = {name: slot for slot, name in enumerate(inputs)}
        self.first_constant = len(inputs)
        self.slot: dict[int, int] = {}  # permanent slots by node
        self.constants: list[float] = []
        self.slots = self.first_constant

    def place(self, graph: Graph, nodes, still: bool) -> list[int]:
        """Give constants and inputs their slots; with `still` also what depends on p alone. Returns those."""
        fixed = []
        for node in nodes:
            op = graph.ops[node]
            if node in self.slot:
                continue
            if op == "const":
                self.slot[node] = self.first_constant + len(self.constants)
                self.constants.append(graph.args[node][0])
            elif op == "input":
                self.slot[node] = self.inputs[graph.args[node][0]]
            elif still and graph.still[node]:
                fixed.append(node)
        self.slots = max(self.slots, self.first_constant + len(self.constants))
        return fixed


def instructions(graph: Graph, nodes, outputs, layout: Layout, keep: bool = False):
    """(code (count, 5) int32, slots of the outputs, slots in all) for nodes without a permanent slot.

    `keep`: every result gets a permanent slot; otherwise temporaries are used again after their last use.
    """
    todo = [n for n in nodes if n not in layout.slot]
    ops, args = graph.ops, graph.args
    uses = dict.fromkeys(todo, 0)
    for node in todo:
        for a in args[node]:
            if a in uses:
                uses[a] += 1
    for node in outputs:
        if node in uses:
            uses[node] += 1
    fused: dict[int, tuple[int, int, int]] = {}
    for node in todo if not keep else ():
        if ops[node] == "add":
            for product, other in (args[node], args[node][::-1]):
                if product in uses and uses[product] == 1 and ops[product] == "mul" and product != other:
                    fused[node] = (*args[product], other)
                    uses[product] = -1  # no instruction of its own
                    break
    todo = [n for n in todo if uses[n] != -1]
    slot, free, top = dict(layout.slot), [], layout.slots
    code = []
    for node in todo:
        arguments = fused.get(node) or args[node]
        operands = [slot[a] for a in arguments]
        for a in arguments:
            if a in uses:
                uses[a] -= 1
                if uses[a] == 0 and not keep:
                    free.append(slot[a])
        if free:
            target = free.pop()
        else:
            target, top = top, top + 1
        slot[node] = target
        if keep:
            layout.slot[node] = target
        op = MULADD if node in fused else CODE[ops[node]]
        code.append((op, target, *operands, *([0] * (3 - len(operands)))))
    array = np.array(code, dtype=np.int32).reshape(-1, 5)
    if keep:
        layout.slots = max(layout.slots, top)
    return array, np.array([slot[n] for n in outputs], dtype=np.int32), top
