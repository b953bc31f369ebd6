"""All propensities of a `JumpSystem` as functions of numbers of molecules and time, one by one or over many points."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from manyscale import _core
from manyscale.errors import InputError
from manyscale.kernels.assemble import bound_graph
from manyscale.kernels.compiled import int_array, make_formulas, ragged
from manyscale.kernels.jump_code import _machine_code
from manyscale.kernels.kernel import Kernel
from manyscale.kernels.program import reads_time
from manyscale.kernels.propensities import JumpSystem, Propensity, jump_system


@dataclass(frozen=True)
class PropensityCode:
    """`reactions`: the propensities of reactions that change something. `model`: the core's, with one formula each.
    `timed`: reactions whose propensity depends on time itself."""

    kernel: Kernel
    system: JumpSystem
    reactions: tuple[Propensity, ...]
    model: Any
    formulas: Any
    timed: tuple[str, ...]
    code: Any = None  # keeps machine code alive

    def scale(self, p: np.ndarray) -> np.ndarray:
        """What one molecule is in the units of each state. Errors: InputError for a compartment without size."""
        found = self.kernel.evaluate(self.system.molecule, 0.0, np.zeros(self.kernel.size), p)
        if not (np.isfinite(found).all() and (found > 0.0).all()):
            raise InputError(
                "a compartment has no size, or one that is not positive; give it in the model or in values"
            )
        return np.ascontiguousarray(found)

    def propensities(self, counts: np.ndarray, p: np.ndarray, scale: np.ndarray, t: float = 0.0) -> np.ndarray:
        """Events per time at points of numbers of molecules (points, states): shape (reactions, points)."""
        points = np.ascontiguousarray(np.atleast_2d(counts) * scale)
        return np.asarray(self.formulas.evaluate(np.full(len(points), float(t)), points, np.ascontiguousarray(p)))

    def changes(self) -> np.ndarray:
        """Molecules by which each reaction changes each state: shape (reactions, states)."""
        table = np.zeros((len(self.reactions), self.kernel.size))
        for j, one in enumerate(self.reactions):
            for i, number in one.change:
                table[j, i] = number
        return table


def propensity_code(kernel: Kernel, counts: bool = False) -> PropensityCode:
    """The propensities of a compiled model, made once per kernel. Errors: those of `jump_system`."""
    found = kernel.__dict__.setdefault("_propensity_codes", {})
    if counts not in found:
        found[counts] = _make(kernel, jump_system(kernel, counts))
    return found[counts]


def _make(kernel: Kernel, system: JumpSystem) -> PropensityCode:
    reactions = tuple(one for one in system.propensities if one.change)
    graph = bound_graph(kernel.system)
    nodes = [graph.of(one.formula) for one in reactions]
    formulas = make_formulas(kernel.system, nodes, graph)
    changed = ragged([[i for i, _ in one.change] for one in reactions])
    model = _core.make_hybrid_model(formulas, *changed, int_array([n for one in reactions for _, n in one.change]))
    code = _machine_code(kernel, graph, nodes, model)
    timed = tuple(one.reaction for node, one in zip(nodes, reactions) if reads_time(graph, [node]))
    return PropensityCode(kernel, system, reactions, model, formulas, timed, code)
