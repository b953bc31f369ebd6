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
from manyscale.engines.ode import simulate_ode
from manyscale.errors import SimulationError
from manyscale.kernels import compile_model
from manyscale.kernels.interpret import evaluate
from manyscale.model.expr import Expr
from manyscale.model.model import Model

ROUNDS = 6
CLOSE = 1e-7  # relative agreement at the end of the layer that is enough
RTOL = 1e-8
MOST_STEPS = 50_000  # of a run over the layer, which is short


@dataclass(frozen=True)
class LayerProjection:
    """Values of the fine model by id -> initial values and parameters of the coarse one, by id.

    restrict: slow coordinate -> formula over fine ids. guesses: variable of an algebraic equation -> the fine model's id
    near whose value at the end of the layer it starts ("": near 0). time: length of the layer; 0 restricts without projecting.
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
        new |= {id: end_values.get(near, 0.0) for id, near in self.guesses.items()}
        try:
            corrected = self._corrected(values, new, start, goal)
        except SimulationError:
            if self.required is not None:
                raise
            corrected = start
        return {**new, **dict(zip(self.restrict, corrected))}

    def _slow(self, values: Mapping[str, float]) -> np.ndarray:
        return np.array([float(evaluate(formula, 0.0, values)) for formula in self.restrict.values()])

    def _corrected(self, values, new, start: np.ndarray, goal: np.ndarray) -> np.ndarray:
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
                coarse, np.array([0.0, self.time]), values=free(coarse, given), rtol=RTOL, max_steps=MOST_STEPS
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


def free(kernel, given: Mapping[str, float]) -> dict[str, float]:
    """Overrides without those that a formula determines."""
    return {id: float(v) for id, v in given.items() if id not in kernel.system.definitions}
