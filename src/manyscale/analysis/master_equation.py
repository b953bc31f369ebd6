"""Stationary distributions and first passages from the master equation, on finite sets of states."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from manyscale.engines.cme import state_space
from manyscale.engines.cme_space import StateSpace
from manyscale.engines.passage import condition_of
from manyscale.engines.simulate import as_model
from manyscale.engines.start import initial_state, without_value
from manyscale.errors import InputError, SimulationError
from manyscale.kernels import compile_model
from manyscale.kernels.assemble import bound_graph
from manyscale.kernels.compiled import make_formulas
from manyscale.kernels.propensity_code import PropensityCode, propensity_code

LAYERS = 8  # jumps by which the set grows at a time
DIRECT = 300_000  # states up to which equations are solved directly
TINY = 1e-3  # share of the tolerance below which the probability of a state does not call for its neighbours


@dataclass(frozen=True)
class StationaryLaw:
    """`probabilities` of `counts` (rows of numbers of molecules in the order of `species`). `leak`: probability per time
    that would leave the set of states, `edge`: the probability of states from which it would; both vanish when the set is
    large enough. `residual`: ||Q p||_1."""

    species: tuple[str, ...]
    counts: np.ndarray = field(repr=False)
    probabilities: np.ndarray = field(repr=False)
    leak: float
    edge: float
    residual: float

    def _place(self, id: str) -> int:
        if id not in self.species:
            raise InputError(f"{id!r} is no species that reactions change; those are {', '.join(self.species)}")
        return self.species.index(id)

    def marginal(self, id: str) -> np.ndarray:
        """Probabilities of 0, 1, 2, ... molecules of a species."""
        return np.bincount(self.counts[:, self._place(id)], weights=self.probabilities)

    def mean(self, id: str) -> float:
        """Mean number of molecules."""
        return float(self.probabilities @ self.counts[:, self._place(id)])

    def variance(self, id: str) -> float:
        """Variance of the number of molecules."""
        numbers = self.counts[:, self._place(id)]
        return float(self.probabilities @ (numbers - self.mean(id)) ** 2)

    def fano(self, id: str) -> float:
        """Variance over mean."""
        return self.variance(id) / self.mean(id)


@dataclass(frozen=True)
class FirstPassage:
    """Time until a condition first holds, from the model's start. `mean` (inf where it may never hold) and `variance`;
    `reached`: probability that it ever holds; `leak`: as in `StationaryLaw`, an upper bound on the probability of
    leaving the set of states before."""

    mean: float
    variance: float
    reached: float
    leak: float


def stationary(model, values: Mapping[str, float] | None = None, *, counts: bool = False, tolerance: float = 1e-9,
               limits: Mapping[str, int] | None = None, max_states: int = DIRECT) -> StationaryLaw:  # fmt: skip
    """The stationary distribution of the jump process that a model stands for, from where the model starts.

    States are taken in until those at the border have less than `tolerance` of the probability together. Jumps to the
    outside do not happen (reflected), which for birth and death is the exact law given that nobody leaves. Errors:
    InputError; UnsupportedError; SimulationError where that takes more than `max_states` states or there is no such law.
    """
    code, y, p = _coded(model, values, counts)
    space = state_space(code, y, p, limits)
    space.grow(np.arange(1), LAYERS, max_states)
    while True:
        matrix, leak = space.generator(reflect=True)
        probability = _null_vector(matrix)
        edge = float(probability[leak > 0.0].sum())
        if edge <= tolerance:
            break
        members = np.flatnonzero((leak > 0.0) & (probability > TINY * tolerance / max((leak > 0).sum(), 1)))
        before = len(space)
        space.grow(members, LAYERS, max_states)
        if len(space) == before:  # only limits hold it back
            break
        if len(space) >= max_states:
            raise SimulationError(
                f"{max_states:,} states are not enough: {edge:.2g} of the probability is at their border; raise max_states "
                "or tolerance, give limits, or ask whether the process has a stationary law at all"
            )
    residual = float(np.abs(matrix @ probability).sum())
    return StationaryLaw(
        code.kernel.system.states, space.counts, probability, float(leak @ probability), edge, residual
    )


def first_passage(model, condition: str, values: Mapping[str, float] | None = None, *, counts: bool = False,
                  tolerance: float = 1e-9, limits: Mapping[str, int] | None = None,
                  max_states: int = DIRECT) -> FirstPassage:  # fmt: skip
    """How long until a condition such as "X > 100" first holds.

    Its states end the process. Moments of the time solve linear equations of the generator (van Kampen, Stochastic
    Processes in Physics and Chemistry, ch. XII). States are taken in until the chance of leaving the set first is below
    `tolerance`. Errors: as for `stationary`.
    """
    code, y, p = _coded(model, values, counts)
    scale = code.scale(p)
    graph = bound_graph(code.kernel.system)
    holds = make_formulas(code.kernel.system, [graph.of(condition_of(code.kernel, condition))], graph)

    def ended(rows: np.ndarray) -> np.ndarray:
        points = np.ascontiguousarray(rows * scale)
        return np.asarray(holds.evaluate(np.zeros(len(points)), points, p))[0] != 0.0

    space = state_space(code, y, p, limits)
    inner = space.propensities
    space.propensities = lambda rows: np.where(ended(rows), 0.0, inner(rows))  # nothing happens where it holds
    space.keep(np.empty(0, dtype=int))
    start = np.round(y / scale).astype(np.int64)[None]
    if bool(ended(start)[0]):
        return FirstPassage(0.0, 0.0, 1.0, 0.0)
    space.add(start)
    space.grow(np.arange(1), LAYERS, max_states)
    while True:
        found, visits, leak = _absorbed(space, ended(space.counts))
        lost = float(visits @ leak)
        if lost <= tolerance:
            return found
        flow = visits * leak
        members = np.flatnonzero(flow > TINY * tolerance / max((leak > 0).sum(), 1))
        before = len(space)
        space.grow(members, LAYERS, max_states)
        if len(space) == before:
            return FirstPassage(found.mean, found.variance, found.reached, lost)
        if len(space) >= max_states:
            raise SimulationError(
                f"{max_states:,} states are not enough: the process leaves them first with a chance of {lost:.2g}; raise "
                "max_states or tolerance, or give limits"
            )


def _coded(model, values, counts: bool) -> tuple[PropensityCode, np.ndarray, np.ndarray]:
    kernel = compile_model(as_model(model))
    code = propensity_code(kernel, counts)
    y, p = initial_state(kernel, values)
    missing = without_value(kernel, p)
    if missing:
        raise InputError(f"no value for {missing}; give one in the model or with values={{...}}")
    return code, y, p


def _null_vector(matrix) -> np.ndarray:
    """p >= 0 with Q p = 0 and sum 1. Errors: SimulationError where there is more than one."""
    from scipy.sparse import csc_matrix
    from scipy.sparse.csgraph import connected_components
    from scipy.sparse.linalg import splu

    count, label = connected_components(matrix.T, directed=True, connection="strong")
    target = np.zeros(count, dtype=bool)  # classes that are left
    edges = matrix.tocoo()
    leaving = (label[edges.row] != label[edges.col]) & (edges.data > 0)
    target[label[edges.col[leaving]]] = True
    closed = np.flatnonzero(~target)
    if len(closed) > 1:
        raise SimulationError(
            f"there are {len(closed)} sets of states that are never left, so more than one stationary law; where the "
            "process ends up is a question for level='cme' at late times"
        )
    members = np.flatnonzero(label == closed[0])
    if len(members) == 1:
        found = np.zeros(matrix.shape[0])
        found[members] = 1.0
        return found
    inner = csc_matrix(matrix[members][:, members])
    # one probability set to 1, its equation left out: the rest is a nonsingular M-matrix
    first = int(np.argmin(np.abs(inner.diagonal())))
    rest = np.delete(np.arange(len(members)), first)
    right = -np.asarray(inner[rest][:, [first]].todense()).ravel()
    solved = splu(csc_matrix(inner[rest][:, rest]), permc_spec="COLAMD").solve(right)
    part = np.empty(len(members))
    part[first], part[rest] = 1.0, np.maximum(solved, 0.0)
    found = np.zeros(matrix.shape[0])
    found[members] = part / part.sum()
    return found


def _absorbed(space: StateSpace, ended: np.ndarray) -> tuple[FirstPassage, np.ndarray, np.ndarray]:
    """(the passage on this set, time spent in each state, rates at which the set is left)."""
    from scipy.sparse import csc_matrix
    from scipy.sparse.linalg import splu

    matrix, leak = space.generator()
    moving = np.flatnonzero(~ended)
    stuck = np.abs(matrix.diagonal()[moving]) == 0.0
    if stuck.any():  # the process may come to rest without meeting the condition
        moving = moving[~stuck]
    inner = csc_matrix(matrix[moving][:, moving])
    start = np.flatnonzero(moving == 0)
    if not len(start):
        return FirstPassage(np.inf, np.inf, 0.0, 0.0), np.zeros(len(space)), leak
    unit = np.zeros(len(moving))
    unit[start] = 1.0
    factors = splu(inner)
    visits = np.zeros(len(space))
    visits[moving] = factors.solve(-unit)
    ones = np.ones(len(moving))
    mean = factors.solve(-ones, trans="T")
    square = factors.solve(-2.0 * mean, trans="T")
    ends = np.asarray(matrix[np.flatnonzero(ended)][:, moving].sum(axis=0)).ravel()
    reached = float(visits[moving] @ ends)
    sure = reached > 1.0 - 1e-9
    first = float(mean[start[0]]) if sure else np.inf
    spread = float(square[start[0]]) - first**2 if sure else np.inf
    return FirstPassage(first, spread, min(reached, 1.0), float(visits @ leak)), visits, leak
