"""The core's object for leaps and the Langevin equation: propensities of a `JumpSystem`, their slopes, a condition."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from manyscale import _core
from manyscale.errors import InputError, UnsupportedError
from manyscale.kernels.assemble import bound_graph
from manyscale.kernels.compiled import int_array, llvm_found, make_formulas, ragged
from manyscale.kernels.differentiate import gradients
from manyscale.kernels.graph import Graph
from manyscale.kernels.jump_code import LARGEST_CODE
from manyscale.kernels.kernel import Kernel
from manyscale.kernels.program import Layout, reachable, reads_time
from manyscale.kernels.propensities import JumpSystem, jump_system
from manyscale.model.expr import Expr


@dataclass(frozen=True)
class LeapCode:
    """`model`: the core's; `timed`: reactions whose rate depends on time itself; `scale(p)`: what one molecule is in the
    units of each state."""

    kernel: Kernel
    system: JumpSystem
    model: Any
    remarks: tuple[str, ...]
    timed: tuple[str, ...] = ()
    code: tuple = ()  # keeps machine code alive

    def scale(self, p: np.ndarray) -> np.ndarray:
        """What one molecule is in the units of each state, shape (n,)."""
        molecule = self.system.molecule
        return np.ascontiguousarray(self.kernel.evaluate(molecule, 0.0, np.zeros(self.kernel.size), p))


def leap_code(kernel: Kernel, counts: bool, level: str, until: Expr | None = None) -> LeapCode:
    """The leaps of a compiled model, made once per kernel and condition `until`.

    Errors: UnsupportedError for events beside a condition, and for rates that depend on time itself at level "jump";
    InputError for a condition that does.
    """
    if kernel.system.events and until is not None:
        names = ", ".join(event.id or "an event" for event in kernel.system.events[:3])
        raise UnsupportedError(
            "events", f"a condition `until` beside events ({names}) is not supported; leave out one of them"
        )
    found = kernel.__dict__.setdefault("_leap_codes", {})
    key = (counts, until)
    if key not in found:
        found[key] = _make(kernel, jump_system(kernel, counts), level, until)
    return found[key]


def _make(kernel: Kernel, system: JumpSystem, level: str, until: Expr | None) -> LeapCode:
    lowered, reactions = kernel.system, system.propensities
    graph = bound_graph(lowered)
    rates = [graph.of(one.formula) for one in reactions]
    truths = [event.trigger for event in lowered.events] if until is None else [until]
    condition = [graph.truth(graph.of(formula)) for formula in truths]
    timed = tuple(one.reaction for node, one in zip(rates, reactions) if reads_time(graph, [node]))
    watches_time = any(reads_time(graph, [node]) for node in condition)
    if until is not None and watches_time:
        raise InputError("a condition of `until` must not depend on time itself; the last output time ends the run")
    if timed and level == "jump":
        raise UnsupportedError(
            "time",
            f"level 'jump' with `until`: the rate of {timed[0]} depends on time itself; use level='tau', or an event",
        )
    inputs = {graph.symbol(name): {i: graph.one} for i, name in enumerate(lowered.state_symbols)}
    slopes = gradients(graph, rates, inputs)
    reads = [sorted(i for i, node in slope.items() if node != graph.zero) for slope in slopes]
    entries = [slope[i] for slope, states in zip(slopes, reads) for i in states]
    jobs = {"rates": rates, "slopes": entries, "condition": condition}
    model = _core.make_leap_model(
        *(make_formulas(lowered, nodes, graph) for nodes in jobs.values()), watches_time,
        *ragged([[i for i, _ in one.change] for one in reactions]),
        int_array([n for one in reactions for _, n in one.change]),
        *ragged(reads), int_array(_partners(system)),
    )  # fmt: skip
    return LeapCode(kernel, system, model, system.remarks, timed, _machine_code(kernel, graph, jobs, model))


def _partners(system: JumpSystem) -> list[int]:
    """For each propensity that turns molecules into others one that undoes it, or -1."""
    places: dict[tuple, list[int]] = {}
    for j, one in enumerate(system.propensities):
        places.setdefault(tuple(sorted(one.change)), []).append(j)
    found = []
    for one in system.propensities:
        opposite = (
            places.get(tuple(sorted((i, -n) for i, n in one.change)), [])
            if len({n > 0 for _, n in one.change}) == 2
            else []
        )
        same = [j for j in opposite if system.propensities[j].reaction == one.reaction]
        found.append((same or opposite or [-1])[0])
    return found


def _machine_code(kernel: Kernel, graph: Graph, jobs: dict[str, list[int]], model) -> tuple:
    """Machine code where LLVM is there and the formulas are not too many; the tape does the same otherwise."""
    import os

    needed = {name: reachable(graph, nodes) for name, nodes in jobs.items() if nodes}
    if os.environ.get("MANYSCALE_COMPILE") == "0" or not llvm_found() or not needed:
        return ()
    if sum(map(len, needed.values())) > LARGEST_CODE:
        return ()
    from manyscale.kernels.emit import Emitter
    from manyscale.kernels.jit import compile_module, pointer_type

    kept = []
    for name, nodes in needed.items():
        layout, emitter = Layout(kernel.system), Emitter(pointer_type())
        layout.place(graph, nodes, still=False)
        extra = emitter.add_function(name, graph, nodes, jobs[name], range(len(jobs[name])), layout)
        code = compile_module(emitter.module(), (name,))
        model.set_compiled(name, code.address[name], layout.slots + extra)
        kept.append(code)
    return tuple(kept)
