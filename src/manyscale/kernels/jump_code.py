"""The core's objects for a `JumpSystem`: propensities as machine code, or a table of elementary steps."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import numpy as np

from manyscale import _core
from manyscale.errors import InputError
from manyscale.kernels.assemble import bound_graph
from manyscale.kernels.compiled import int_array, make_formulas, ragged
from manyscale.kernels.graph import Graph
from manyscale.kernels.kernel import Kernel
from manyscale.kernels.program import Layout, reachable, reads_time
from manyscale.kernels.propensities import JumpSystem, jump_system
from manyscale.model.expr import Expr, Number

METHODS = ("auto", "direct", "rejection")
TABLE_FROM = 60  # reactions from which elementary steps go to the table, for one path
TABLE_FROM_MANY = 150  # for ensembles: about where four lanes are as fast; eight are up to 300
LARGEST_CODE = 20_000  # nodes up to which machine code is worth its making
LARGEST_LANES = 2_000  # the same for lanes, whose code has every formula twice


@dataclass(frozen=True)
class JumpCode:
    """`model`: the core's; `at(p)`: what depends on the parameters; `lanes`: paths per call of generated code (0: one by
    one); `timed`: propensities change between the jumps, by time itself or by rate rules."""

    kernel: Kernel
    system: JumpSystem
    model: Any
    remarks: tuple[str, ...]
    table: bool
    code: Any = None  # keeps machine code alive
    lanes: int = 0
    timed: bool = False

    def at(self, p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(what one molecule is in the units of each state, rate constants of elementary steps, one per propensity, for
        the table and for lanes) for parameters p."""
        constants: tuple[Expr, ...] = ()
        if self.table or self.lanes:
            constants = tuple(one.constant or Number(0.0) for one in self.system.propensities)
        formulas = (*self.system.molecule, *constants)
        y = np.zeros(self.kernel.size)
        found = self.kernel.evaluate(formulas, 0.0, y, p) if formulas else np.zeros(0)
        n = len(self.system.molecule)
        bad = np.flatnonzero(~((found[n:] >= 0.0) & np.isfinite(found[n:])))
        if len(bad):
            name, value = self.system.propensities[bad[0]].reaction, found[n + bad[0]]
            raise InputError(f"reaction {name}: its rate constant is {value:g}; give a finite one that is not negative")
        return np.ascontiguousarray(found[:n]), np.ascontiguousarray(found[n:])


def jump_code(kernel: Kernel, counts: bool = False, method: str = "auto", many: bool = False) -> JumpCode:
    """The jump process of a compiled model, made once per kernel. many: for ensembles. Errors: InputError for an unknown
    method, or rejection where a law is no elementary step."""
    if method not in METHODS:
        raise InputError(f"method={method!r}: level 'jump' has {', '.join(METHODS)}")
    found = kernel.__dict__.setdefault("_jump_codes", {})
    many = many and not kernel.system.events  # whose paths are run one by one
    if (counts, method, many) not in found:
        found[counts, method, many] = _make(kernel, jump_system(kernel, counts, flows=True), method, many)
    return found[counts, method, many]


def _make(kernel: Kernel, system: JumpSystem, method: str, many: bool) -> JumpCode:
    lowered, reactions = kernel.system, system.propensities
    other = next((one.reaction for one in reactions if one.constant is None), None)
    graph = bound_graph(lowered)
    flows = [graph.of(formula) for _, formula in system.flows]
    rates = [graph.of(one.formula) for one in reactions]
    timed = bool(flows) or reads_time(graph, rates)
    if method == "rejection" and other is not None:
        raise InputError(
            f"method='rejection' needs elementary steps, and the law of {other} is none; use method='direct'"
        )
    if method == "rejection" and timed:
        raise InputError("method='rejection' needs rates that stay between the jumps; use method='direct'")
    least = TABLE_FROM_MANY if many else TABLE_FROM
    large = len(reactions) >= least and other is None and not timed
    table = method == "rejection" or (method == "auto" and large)
    watches = [graph.of(root) for root in lowered.roots] if lowered.events or timed else []
    nodes = [*([] if table else rates), *flows, *watches]
    formulas = make_formulas(lowered, nodes, graph)
    changed = [[i for i, _ in one.change] for one in reactions]
    reactants = [list(one.reactants) if table else [] for one in reactions]
    model = _core.make_jump_model(
        formulas, len(reactions), *ragged(changed), int_array([n for one in reactions for _, n in one.change]),
        table, *ragged(reactants), timed, int_array([i for i, _ in system.flows]), bool(lowered.events),
    )  # fmt: skip
    if not table and not watches and not timed and rates:
        code, lanes = _lane_code(system, graph, rates, model)
        if lanes:
            return JumpCode(kernel, system, model, system.remarks, table, code, lanes)
    code = _machine_code(kernel, graph, nodes, model)
    return JumpCode(kernel, system, model, system.remarks, table, code, timed=timed)


def _lane_code(system: JumpSystem, graph: Graph, rates: list[int], model) -> tuple[Any, int]:
    """Code for many paths at once, and how many; (None, 0) where LLVM is missing or the network too large."""
    if os.environ.get("MANYSCALE_COMPILE") == "0" or len(reachable(graph, rates)) > LARGEST_LANES:
        return None, 0
    try:
        from manyscale.kernels.jit import compile_module, lane_width, pointer_type
        from manyscale.kernels.jump_lanes import NAME, lane_code

        width = lane_width()
        code = compile_module(lane_code(system, graph, rates, pointer_type(), width), (NAME,))
    except ImportError:
        return None, 0
    model.set_lanes(code.address[NAME], width)
    return code, width


def _machine_code(kernel: Kernel, graph: Graph, nodes: list[int], model) -> Any:
    """Propensities as machine code where LLVM is there; the tape does the same otherwise."""
    if os.environ.get("MANYSCALE_COMPILE") == "0" or not nodes:
        return None
    layout = Layout(kernel.system)
    needed = reachable(graph, nodes)
    if len(needed) > LARGEST_CODE:
        return None
    layout.place(graph, needed, still=False)
    try:
        from manyscale.kernels.emit import Emitter
        from manyscale.kernels.jit import compile_module, pointer_type

        emitter = Emitter(pointer_type())
    except ImportError:
        return None
    extra = emitter.add_function("propensities", graph, needed, nodes, range(len(nodes)), layout)
    code = compile_module(emitter.module(), ("propensities",))
    model.set_compiled(code.address["propensities"], layout.slots + extra)
    return code
