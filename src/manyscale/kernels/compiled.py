"""The core's objects for a `System`: `Equations` for engines, `Formulas` for values over many points."""

from __future__ import annotations

import importlib.util

import numpy as np

from manyscale import _core
from manyscale.kernels.assemble import Assembly, bound_graph
from manyscale.kernels.graph import Graph
from manyscale.kernels.program import Layout, instructions, reachable
from manyscale.kernels.system import System


def int_array(values) -> np.ndarray:
    return np.array(values, dtype=np.int32)


def ragged(lists) -> tuple[np.ndarray, np.ndarray]:
    """Lists of whole numbers one after another: (where each starts, and the end; all their members)."""
    return int_array(np.cumsum([0, *(len(one) for one in lists)])), int_array([v for one in lists for v in one])


def equation_data(work: Assembly) -> tuple[_core.EquationData, Layout]:
    """Everything of `core/equations.hpp` from the nodes of an assembly, and where things lie."""
    graph, system = work.graph, work.system
    layout = Layout(system)
    jacobian, mass = sorted(work.jacobian, key=lambda e: e[::-1]), sorted(work.mass)
    rows, time_rows = sorted(work.rhs), sorted(work.time)
    outputs = {
        "rhs": [work.rhs[i] for i in rows],
        "jacobian": [work.jacobian[e] for e in jacobian],
        "time": [work.time[i] for i in time_rows],
        "roots": work.roots,
    }
    stop = graph.still.__getitem__
    needed = {name: reachable(graph, nodes, stop) for name, nodes in outputs.items()}
    fixed = [work.mass[e] for e in mass] + [term.constant for term in work.table] + work.row_factors
    boundary = {n for nodes in needed.values() for n in nodes if graph.still[n]} | set(fixed)
    still_nodes = reachable(graph, boundary)
    for nodes in (still_nodes, *needed.values()):
        layout.place(graph, nodes, still=True)
    still, _, _ = instructions(graph, still_nodes, (), layout, keep=True)
    programs, slots = {}, layout.slots
    for name, nodes in outputs.items():
        code, out, top = instructions(graph, needed[name], nodes, layout)
        programs[name] = (code, out)
        slots = max(slots, top)
    data = _core.make_equation_data(
        states=layout.states, parameters=layout.parameters, slots=slots, permanent=layout.slots, first_constant=layout.first_constant,
        constants=np.array(layout.constants, dtype=float), still=still,
        rhs=(*programs["rhs"], int_array(rows)),
        jacobian=(*programs["jacobian"], int_array([i for i, _ in jacobian]), int_array([j for _, j in jacobian])),
        time=(*programs["time"], int_array(time_rows)),
        roots=(*programs["roots"], int_array(range(len(work.roots)))),
        mass=(int_array([i for i, _ in mass]), int_array([j for _, j in mass]),
              int_array([layout.slot[work.mass[e]] for e in mass])),
        table=_table(work, layout),
    )  # fmt: skip
    return data, layout


def llvm_found() -> bool:
    """Whether machine code can be made."""
    return importlib.util.find_spec("llvmlite") is not None


def machine_code(work: Assembly, layout: Layout, data: _core.EquationData, lanes: int = 1):
    """The right-hand side and the Jacobian of an assembly as machine code (`jit.MachineCode`), and the slots it needs."""
    from manyscale.kernels.emit import Emitter
    from manyscale.kernels.jit import compile_module, pointer_type

    graph, emitter = work.graph, Emitter(pointer_type(), lanes)
    jacobian, rows = sorted(work.jacobian, key=lambda e: e[::-1]), sorted(work.rhs)
    jobs = {
        "rhs": ([work.rhs[i] for i in rows], rows),
        "jacobian": ([work.jacobian[e] for e in jacobian], data.jacobian_place.tolist()),
    }
    extra = 0
    for name, (outputs, places) in jobs.items():
        first: dict[int, int] = {}  # the core itself copies what depends on p alone, and equal results
        for node, place in zip(outputs, places):
            if not graph.still[node]:
                first.setdefault(node, place)
        outputs, places = list(first), list(first.values())
        nodes = reachable(graph, outputs, graph.still.__getitem__)
        extra = max(extra, emitter.add_function(name, graph, nodes, outputs, places, layout))
    return compile_module(emitter.module(), tuple(jobs)), layout.slots + extra


def _table(work: Assembly, layout: Layout) -> tuple:
    factor_start, factors = ragged([term.states for term in work.table])
    row_start, rows = ragged([term.rows for term in work.table])
    weights = np.array([w for term in work.table for w in term.weights], dtype=float)
    constants = int_array([layout.slot[term.constant] for term in work.table])
    scale = int_array([layout.slot[node] for node in work.row_factors])
    return constants, factor_start, factors, row_start, rows, weights, scale


def make_formulas(system: System, outputs: list[int], graph: Graph) -> _core.Formulas:
    """A function of (times, states, p) with one output per node."""
    layout = Layout(system)
    nodes = reachable(graph, outputs)
    layout.place(graph, nodes, still=False)
    code, slot, top = instructions(graph, nodes, outputs, layout)
    constants = np.array(layout.constants, dtype=float)
    return _core.Formulas(layout.states, layout.parameters, top, layout.first_constant, constants, code, slot)


__all__ = ["bound_graph", "equation_data", "make_formulas"]
