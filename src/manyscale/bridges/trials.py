"""Points of the region at which fine and coarse are run and compared while a reduction is being made.

The points are scrambled Sobol points of the box (logarithmic) and some of its corners; the fine run of each is kept, so
that every candidate costs coarse runs only. They are not the points that `verify` uses.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from manyscale.bridges.bridge import Bridge, Chain
from manyscale.bridges.compose import carry, carry_all, observed
from manyscale.bridges.error_estimate import Sampled, sampled
from manyscale.bridges.norm import Errors, deviations, errors_between, floors
from manyscale.engines.ode import simulate_hurried, simulate_ode
from manyscale.errors import ManyscaleError
from manyscale.kernels import compile_model
from manyscale.model.question import Question

RTOL = 1e-7
SEED = 104_729
HURRIED, HURRIED_RTOL = 1e3, 1e-6  # times as fast as they are: what that leaves of an error does not count
MEETINGS = 2  # rounds in which the slow start is corrected so that both meet after the layer
PATIENCE, LEAST_STEPS = 8, 5_000  # a run may take that many times the steps of the nominal one
# one of a coarse model that many times those of the fine one there, and this number over its equations more: a small model
# that is no longer stiff takes many cheap steps
COARSE_PATIENCE, COARSE_WORK = 3, 150_000
DENSE = 2_000  # times at which the runs for estimates are looked at
CORNERS = 128  # of a box, at most
FURTHER = 1.25  # times as far along the fit as any drawn point
ROWS = 5_000_000  # numbers kept as Jacobians of one run, at most


@dataclass
class Point:
    """One point: `unit` in the unit box, `values` overrides of the model that is reduced, the fine run."""

    unit: np.ndarray
    values: dict[str, float]
    rows: np.ndarray  # (observables, times)
    states: np.ndarray
    parameters: np.ndarray
    steps: int = 3_000_000  # of the fine run
    sample: Sampled | None = None


class Trials:
    """Runs of the model `chain.coarse` at points of the question's region (which is one of `chain.fine`)."""

    def __init__(self, chain: Chain, question: Question, times: np.ndarray, deadline: float = float("inf")):
        self.chain, self.question, self.times, self.deadline = chain, question, times, deadline
        self.model = chain.coarse
        self.kernel = compile_model(self.model)
        self.ids = tuple(id for id in question.observables if id in set(self.kernel.names))
        self.box = dict(question.box)
        self.points: list[Point] = []
        self.failed = 0
        self.steps = 3_000_000
        self.seconds = 0.0  # of the slowest fine run

    def overrides(self, unit: np.ndarray) -> dict[str, float]:
        """Overrides of the original fine model at a point of the unit box; none at the nominal point."""
        if not len(unit) or np.isnan(unit).any():
            return {}
        found = {}
        for (id, (low, high)), u in zip(self.box.items(), unit):
            found[id] = float(low * (high / low) ** u) if low > 0 else float(low + u * (high - low))
        return found

    def add(self, unit: np.ndarray, rtol: float = RTOL) -> Point | None:
        """Run the fine model at a point; None where it cannot be run."""
        begin = time.monotonic()
        try:
            values = self.overrides(unit)
            start = carry_all(self.chain, values) if self.chain.bridges else values
            run = simulate_ode(self.kernel, self.times, values=start, rtol=rtol, max_steps=self.steps)
            rows = np.array([run[id] for id in self.ids], dtype=float).reshape(len(self.ids), len(self.times))
            if not np.isfinite(rows).all() or not np.isfinite(run.states).all():
                raise FloatingPointError
        except (ManyscaleError, FloatingPointError):
            self.failed += 1
            return None
        if not self.points:
            self.steps = PATIENCE * int(run.stats.get("steps", 0)) + LEAST_STEPS
        self.seconds = max(self.seconds, time.monotonic() - begin)
        point = Point(unit, start, rows, run.states, run.parameters, int(run.stats.get("steps", self.steps)))
        self.points.append(point)
        return point

    def nominal(self) -> Point | None:
        """The model as it is."""
        return self.add(np.full(len(self.box), np.nan))

    def sample(self, point: Point) -> Sampled:
        """Jacobians along the fine run of a point, at as many rows as fit."""
        if point.sample is None:
            size = max(self.kernel.size, 1)
            wanted = 200 if size <= 40 else 80 if size <= 100 else 24 if size <= 300 else 10
            count = max(8, min(wanted, ROWS // size**2))
            times, states, p = self._dense(point)
            point.sample = sampled(self.kernel, times, states, p, telling_rows(times, states, count))
        return point.sample

    def _dense(self, point: Point) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The fine run of a point at more times, so that fast changes within it are seen."""
        horizon = float(self.times[-1])
        times = np.unique(np.concatenate([self.times, np.linspace(0.0, horizon, DENSE)]))
        try:
            run = simulate_ode(self.kernel, times, values=point.values, rtol=RTOL, max_steps=self.steps)
        except ManyscaleError:
            return self.times, point.states, point.parameters
        return times, run.states, run.parameters

    def error(self, bridge: Bridge, point: Point, rtol: float = RTOL) -> Errors:
        """Error of a bridge from `chain.coarse` at one point; infinite where the coarse model cannot be run."""
        try:
            start = carry(bridge, point.values)
            kernel = compile_model(bridge.coarse)
            steps = COARSE_PATIENCE * point.steps + COARSE_WORK // max(kernel.size, 1)
            run = simulate_ode(kernel, self.times, values=start, rtol=rtol, max_steps=steps)
            found = observed(bridge, run, self.ids)
        except ManyscaleError as failure:
            return Errors({}, float("inf"), f"the coarse model cannot be run: {str(failure)[:200]}", 0.0)
        return errors_between(Chain(self.model, (bridge,)), self.ids, self.times, point.rows, found)

    @property
    def hurries(self) -> bool:
        """Whether `hurried_error` has an answer."""
        system = self.kernel.system
        return system.mass is None and not system.events and not system.delays

    def hurried_error(
        self, fast: np.ndarray, slow: np.ndarray, shift: np.ndarray, point: Point, layer: float,
        begins: Mapping[str, float],
    ) -> float:  # fmt: skip
        """About the error of making the states `fast` quasi-steady, without a small model: the fine model runs with these
        states sped up while the slow coordinates z = x_S - shift y keep their rates.

        layer: time at which z is met, as `LayerProjection` does; begins: from when on observables count, if not from 0."""
        row, column = np.nonzero(shift)
        hurry = (
            np.concatenate([fast, slow[row]]),
            np.concatenate([fast, fast[column]]),
            HURRIED * np.concatenate([np.ones(len(fast)), shift[row, column]]),
        )
        steps = COARSE_PATIENCE * point.steps + COARSE_WORK // max(self.kernel.size, 1)
        p = point.parameters if point.parameters.ndim == 1 else point.parameters[0]

        def follow(times: np.ndarray, start: np.ndarray):
            return simulate_hurried(self.kernel, times, start, p, hurry, rtol=HURRIED_RTOL, max_steps=steps)

        met = min(int(np.searchsorted(self.times, layer)), len(self.times) - 1)
        start = point.states[0].copy()
        try:
            for _ in range(MEETINGS if met else 0):
                gap = point.states[met] - follow(self.times[[0, met]], start).states[-1]
                start[slow] += gap[slow] - shift @ gap[fast]
            run = follow(self.times, start)
        except ManyscaleError:
            return float("inf")
        found = np.array([run[id] for id in self.ids], dtype=float).reshape(len(self.ids), -1)
        floor = floors(self.model, self.ids, np.nanmax(np.abs(point.rows), axis=1, initial=0.0))
        begin = np.array([begins.get(id, 0.0) for id in self.ids])
        return float(deviations(self.times, point.rows, found, begin=begin, floor=floor)[0].max())

    @property
    def late(self) -> bool:
        return time.monotonic() > self.deadline


def telling_rows(times: np.ndarray, states: np.ndarray, count: int) -> np.ndarray:
    """Rows of a run spread evenly over what happens: change of the states, and time, linear and logarithmic."""
    size = np.abs(states).max(axis=0)
    size = np.where(size > 0, size, 1.0)
    change = np.abs(np.diff(states / size, axis=0)).max(axis=1, initial=0.0)
    first = times[1] if len(times) > 1 else 1.0
    log = np.diff(np.log(np.maximum(times, first)))
    even = np.diff(times)
    parts = [part / part.sum() for part in (change, log, even) if part.sum() > 0]
    if not parts or len(times) <= count:
        return np.arange(len(times))
    along = np.concatenate([[0.0], np.cumsum(sum(parts))])
    return np.unique(np.searchsorted(along, np.linspace(0.0, along[-1], count)).clip(0, len(times) - 1))


def spread(count: int, dimension: int, corners: int) -> list[np.ndarray]:
    """Points of the unit box: first opposite corners, then Sobol points."""
    from scipy.stats import qmc

    random = np.random.default_rng(SEED)
    found: list[np.ndarray] = []
    for _ in range((corners + 1) // 2):
        corner = (random.random(dimension) < 0.5).astype(float)
        found += [corner, 1.0 - corner]
    rest = max(count - len(found), 0)
    if dimension == 0:
        return []
    if dimension > qmc.Sobol.MAXDIM:
        inner = random.random((rest, dimension))
    else:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            inner = qmc.Sobol(dimension, scramble=True, seed=random).random(rest) if rest else np.empty((0, dimension))
    return [*found[:count], *inner]


def corners(dimension: int, most: int) -> list[np.ndarray]:
    """At most `most` corners of the unit box in which every three coordinates take all eight combinations equally often
    (rows of a Hadamard matrix and their opposites: Plackett & Burman, Biometrika 33:305, 1946)."""
    from scipy.linalg import hadamard

    order = max(32, 1 << (dimension - 1).bit_length())
    signs = np.random.default_rng(SEED).permutation(hadamard(order))[:, :dimension]
    found = [unit for row in signs for unit in (0.5 + 0.5 * row, 0.5 - 0.5 * row)]
    return found[: min(most, CORNERS)]


def worse(
    points: Sequence[Point], errors: Mapping[int, float], visited: set[bytes], *, to_the_end: bool = True
) -> list[np.ndarray]:
    """Where the error should be larger still: corners along a linear fit of its logarithm, and from the worst point.

    Without `to_the_end` only a little further along the fit than any drawn point.
    """
    usable = _usable(points, errors)
    if len(usable) < 4:
        return []
    units, values = np.array([u for u, _ in usable]), np.log([e for _, e in usable])
    slope, centred = _fit(units, values), units - 0.5
    worst = units[int(values.argmax())]
    corner = (slope > 0).astype(float)
    strong = np.abs(slope) >= np.quantile(np.abs(slope), 0.7)
    mixed = np.where(strong, corner, worst)
    proposals = [mixed, corner, 0.5 * (worst + corner), np.where(strong, corner, np.round(worst))]
    if not to_the_end:
        furthest = FURTHER * float(np.max(centred @ slope))
        proposals = [_drawn_back(unit, slope, furthest) for unit in proposals]
    fresh = []
    for unit in proposals:
        key = np.round(unit, 3).tobytes()
        if key not in visited:
            visited.add(key)
            fresh.append(unit)
    return fresh


def _drawn_back(unit: np.ndarray, slope: np.ndarray, furthest: float) -> np.ndarray:
    along = float((unit - 0.5) @ slope)
    return unit if along <= furthest else 0.5 + (unit - 0.5) * max(furthest, 0.0) / along


def slopes(points: Sequence[Point], errors: Mapping[int, float], dimension: int) -> np.ndarray:
    """How the logarithm of the error changes along each coordinate of the box, by a linear fit; shape (dimension,)."""
    usable = _usable(points, errors)
    if len(usable) < 4:
        return np.zeros(dimension)
    return _fit(np.array([u for u, _ in usable]), np.log([e for _, e in usable]))


def _usable(points: Sequence[Point], errors: Mapping[int, float]) -> list[tuple[np.ndarray, float]]:
    found = [(p.unit, errors[k]) for k, p in enumerate(points) if k in errors and not np.isnan(p.unit).any()]
    return [(u, e) for u, e in found if np.isfinite(e) and e > 0]


def _fit(units: np.ndarray, values: np.ndarray) -> np.ndarray:
    centred = units - 0.5
    ridge = centred.T @ centred + 0.02 * len(values) * np.eye(centred.shape[1])
    return np.linalg.solve(ridge, centred.T @ (values - values.mean()))
