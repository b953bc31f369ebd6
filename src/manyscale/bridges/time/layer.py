"""Where the coarse model has to start: the initial layer of the fast variables, passed through once.

The fine model runs for the time of the layer; the coarse model gets the start from which it arrives at the same slow
coordinates at the end of the layer (the asymptotic phase: Roberts, J. Austral. Math. Soc. B 31:48, 1989), by a few
corrections with coarse runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from manyscale.bridges.compose import settable
from manyscale.engines.consistent import relaxed
from manyscale.engines.ode import simulate_ode
from manyscale.errors import SimulationError
from manyscale.kernels import compile_model
from manyscale.kernels.interpret import evaluate
from manyscale.kernels.kernel import Kernel
from manyscale.model.algebra import differentiate
from manyscale.model.expr import Expr, symbols
from manyscale.model.model import Model

ROUNDS = 6
CLOSE = 1e-7  # relative agreement at the end of the layer that is enough
RTOL = 1e-8
MOST_STEPS = 50_000  # of a run of the fine model over the layer, which is short
COARSE_PATIENCE, LEAST_COARSE = 4, 500  # the coarse model may take that many times its steps
SETTLING = 300  # implicit steps in which the fast variables come to rest


@dataclass(frozen=True)
class LayerProjection:
    """Values of the fine model by id -> initial values and parameters of the coarse one, by id.

    restrict: slow coordinate -> formula over fine ids. guesses: variable of an algebraic equation -> the fine model's id
    near whose value it starts ("": near 0): where the fast variables come to rest while the slow coordinates stand still
    (the layer problem of Tikhonov's theorem), or, if they do not, at the end of the layer. time: length of the layer; 0 restricts without projecting.
    fast: variables of the fine model that the coarse one has no coordinates for.
    required: relative agreement at the end of the layer without which there is no answer (SimulationError); None: the
    uncorrected start is the answer then.
    """

    fine: Model
    coarse: Model
    restrict: Mapping[str, Expr]
    parameters: Mapping[str, Expr]
    guesses: Mapping[str, str]
    time: float
    positive: tuple[str, ...] = field(default=())
    required: float | None = None
    fast: tuple[str, ...] = ()

    def __call__(self, values: Mapping[str, float]) -> dict[str, float]:
        start = self._slow(values)
        new = {id: float(evaluate(formula, 0.0, values)) for id, formula in self.parameters.items()}
        new |= {id: values.get(near, 0.0) for id, near in self.guesses.items() if not near or near in values}
        if self.time <= 0:
            return {**new, **dict(zip(self.restrict, start))}
        fine = compile_model(self.fine)
        known = set(settable(self.fine))
        begin = {id: v for id, v in values.items() if id in known and np.isfinite(v)}
        run = simulate_ode(fine, np.array([0.0, self.time]), values=begin, rtol=RTOL, max_steps=MOST_STEPS)
        end_values = {id: float(run[id][-1]) for id in fine.names}
        goal = self._slow(end_values)
        rest = self._at_rest(fine, begin) or end_values
        new |= {id: rest.get(near, 0.0) for id, near in self.guesses.items()}
        try:
            steps = COARSE_PATIENCE * int(run.stats.get("steps", MOST_STEPS)) + LEAST_COARSE
            corrected = self._corrected(values, new, start, goal, steps)
        except SimulationError:
            if self.required is not None:
                raise
            corrected = start
        return {**new, **dict(zip(self.restrict, corrected))}

    def _at_rest(self, fine: Kernel, begin: Mapping[str, float]) -> dict[str, float] | None:
        """The fine model's values once its fast variables have relaxed with the slow coordinates held; None without
        algebraic equations, and where they do not come to rest."""
        if not any(self.guesses.values()):
            return None
        y, p = fine.initial(begin)
        rows = [fine.system.state_index[id] for id in self.fast]
        moved = held_slow(self.restrict, fine, rows, y, p)
        found = relaxed(
            lambda x: moved @ fine.rhs(0.0, x, p)[rows],
            lambda x: moved @ fine.jacobian(0.0, x, p)[rows],
            y,
            size_of_terms=lambda x: float(np.max(np.abs(fine.jacobian(0.0, x, p)) @ np.abs(x), initial=0.0)),
            steps=SETTLING,
        )
        return None if found is None else fine.values(0.0, found, p)

    def _slow(self, values: Mapping[str, float]) -> np.ndarray:
        return np.array([float(evaluate(formula, 0.0, values)) for formula in self.restrict.values()])

    def _corrected(self, values, new, start: np.ndarray, goal: np.ndarray, steps: int) -> np.ndarray:
        """The start from which the coarse model reaches the goal; the uncorrected one where that does not converge."""
        coarse = compile_model(self.coarse)
        known = [id for id in settable(self.coarse) if id not in self.restrict and id not in new]
        fixed = {id: values[id] for id in known if id in values and np.isfinite(values[id])}
        ids = tuple(self.restrict)
        size = np.maximum(np.abs(goal), np.abs(start))
        size = np.maximum(size, 1e-12 * size.max(initial=0.0)) + 1e-300
        guess, last = start.copy(), np.inf
        for _ in range(ROUNDS):
            given = {**fixed, **new, **dict(zip(ids, guess))}
            run = simulate_ode(
                coarse, np.array([0.0, self.time]), values=free(coarse, given), rtol=RTOL, max_steps=steps
            )
            miss = goal - np.array([float(run[id][-1]) for id in ids])
            worst = float(np.max(np.abs(miss) / size, initial=0.0))
            if not np.isfinite(worst) or worst > last:
                last = np.inf
                break
            last = worst
            guess = guess + miss
            guess = np.where((start >= 0) & (guess < 0), 0.0, guess)
            if worst < CLOSE:
                break
        if self.required is not None and not last <= self.required:
            raise SimulationError("no start of the small model meets the fine one at the end of the initial layer")
        return guess if last < 1e-2 else start


def held_slow(restrict: Mapping[str, Expr], fine: Kernel, rows: list[int], y: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Changes of the whole state, shape (n, m), when one of the fast variables (at `rows`) moves by one and the slow
    coordinates `restrict` do not."""
    index, values = fine.system.state_index, fine.values(0.0, y, p)
    slow = np.zeros((len(restrict), fine.size))
    for k, formula in enumerate(restrict.values()):
        for id in symbols(formula) & set(index):
            slow[k, index[id]] = float(evaluate(differentiate(formula, id), 0.0, values))
    rest = np.setdiff1d(np.arange(fine.size), rows)
    moved = np.zeros((fine.size, len(rows)))
    moved[rows, np.arange(len(rows))] = 1.0
    moved[rest] = -np.linalg.solve(slow[:, rest], slow[:, rows])
    return moved


def free(kernel, given: Mapping[str, float]) -> dict[str, float]:
    """Overrides without those that a formula determines."""
    return {id: float(v) for id, v in given.items() if id not in kernel.system.definitions}
