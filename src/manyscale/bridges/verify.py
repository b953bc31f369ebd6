"""`verify`: replays the fine and the coarse model at held-back points of the region and counts broken promises.

Knows nothing of how a bridge was made: it samples on its own, runs both models with tight tolerances, and compares
every observable with what the certificate promises. A deviation counts as a violation only if it is not the solver's.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from manyscale.bridges.bands import outside
from manyscale.bridges.bridge import Bridge, Chain
from manyscale.bridges.certificate import ErrorStatement
from manyscale.bridges.compose import carry_all, clock, lifted, observed
from manyscale.bridges.norm import ZERO, Errors, errors_between, floors, grid
from manyscale.engines.ode import simulate_ode
from manyscale.errors import InputError, ManyscaleError, SimulationError
from manyscale.kernels import compile_model
from manyscale.model.expr import Symbol
from manyscale.model.question import Question

RTOL, TIGHT = 1e-8, 1e-11  # first run, and again where something looks wrong
EXACT = 100.0  # times the solver's tolerance: what an exact bridge may deviate by
MARGIN = 10.0  # times the solver's own error: below that a deviation says nothing
HELD_BACK = 7_919  # separates these points from those of any method
WOBBLE = 1e-2  # change of the full model's solution with the tolerance above which a point says nothing
LOOSE, LOOSE_WOBBLE = 1e-6, 0.5  # the tolerance that most people use, and by how much its solution may then be off
ROUNDING = 64 * np.finfo(float).eps  # of the largest value of its kind: differences below that say nothing
PATIENCE, LEAST_STEPS = 20, 4_000  # a run may take that many times the steps of the model as it is


@dataclass(frozen=True)
class Verification:
    """What was tried and what came out.

    points: replayed points (the first is the model as it is). worst: largest error in the question's norm, at
    `worst_point` (overrides of the fine model) and `worst_observable`. violations: points with an error above `bound`
    (for exact chains: above 100 times the solver's tolerance), or where only the coarse model fails. skipped: points
    where the fine model itself cannot be run. solver_error: estimated at the worst point. effectivity: bound / worst
    error, None where the error is not ten times the solver's. reasons: violations and skips in words. outside_band:
    points at which some observable left the certificate's band around its curve (which is no violation while the bound
    holds); None without a band.
    """

    points: int
    worst: float
    violations: int
    per_observable: Mapping[str, float]
    worst_point: Mapping[str, float] = field(default_factory=dict, repr=False)
    worst_observable: str = ""
    bound: float | None = None
    skipped: int = 0
    reasons: tuple[str, ...] = ()
    solver_error: float | None = None
    effectivity: float | None = None
    errors: tuple[float, ...] = field(default=(), repr=False)
    not_compared: tuple[str, ...] = ()
    outside_band: int | None = None

    @property
    def worst_error(self) -> float:
        """The same as `worst`."""
        return self.worst

    @property
    def ok(self) -> bool:
        """Nothing was violated, and something was tried."""
        return self.violations == 0 and self.points > 0

    def __str__(self) -> str:
        promise = "" if self.bound is None else f", promised {self.bound:.2g}"
        skipped = f", {self.skipped} skipped" if self.skipped else ""
        return f"{self.points} points{skipped}: worst error {self.worst:.2g} ({self.worst_observable}){promise}, {self.violations} violations"


def verify(
    chain: Chain | Bridge,
    question: Question | None = None,
    *,
    points: int = 32,
    seed: int = 0,
    progress: Callable[..., None] | None = None,
    time_limit: float | None = None,
) -> Verification:
    """Replay a chain at `points` held-back points of the question's region (scrambled Sobol, logarithmic).

    With `time_limit` seconds fewer points may be replayed; `points` of the result says how many were. Errors:
    InputError for an unresolved question's faults; SimulationError never (a failing run is a skip or a violation).
    """
    chain = chain if isinstance(chain, Chain) else Chain(chain.fine, (chain,))
    question = _resolved(chain, question)
    if points < 1:
        raise InputError(f"points={points}: give at least 1")
    work = _Replay(chain, question)
    begin = time.monotonic()
    samples = sample(question.box, points, seed)
    for k, point in enumerate(samples):
        if time_limit is not None and k and time.monotonic() - begin > time_limit:
            break
        if progress is not None:
            progress(k / points)
        work.replay(point)
    return work.result()


def _resolved(chain: Chain, question: Question | None) -> Question:
    if question is not None and question.resolved:
        return question
    from manyscale.scales.resolve import resolve

    return resolve(chain.fine, question)


def sample(box: Mapping[str, tuple[float, float]], points: int, seed: int = 0) -> list[dict[str, float]]:
    """Overrides of the fine model: the model as it is, then points of the box, logarithmic where it is positive."""
    ids = list(box)
    if not ids or points == 1:
        return [{} for _ in range(min(points, 1))]
    unit = _unit_points(points - 1, len(ids), seed)
    found: list[dict[str, float]] = [{}]
    for row in unit:
        point = {}
        for id, u in zip(ids, row):
            low, high = box[id]
            point[id] = float(low * (high / low) ** u) if low > 0 else float(low + u * (high - low))
        found.append(point)
    return found


def _unit_points(count: int, dimension: int, seed: int) -> np.ndarray:
    from scipy.stats import qmc

    random = np.random.default_rng([HELD_BACK, seed])
    if dimension > qmc.Sobol.MAXDIM:
        return random.random((count, dimension))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # counts that are no power of two are less balanced, which does not matter here
        return qmc.Sobol(dimension, scramble=True, seed=random).random(count)


class _Replay:
    """Both models, and what has been seen so far."""

    def __init__(self, chain: Chain, question: Question):
        self.chain, self.question = chain, question
        self.fine, self.coarse = compile_model(chain.fine), compile_model(chain.coarse)
        self.times = grid(question, chain.layer_time)
        known = set() if chain.rescaled else set(self.coarse.names)
        self.ids = tuple(id for id in question.observables if id in known or id in chain.lift)
        self.absent = tuple(id for id in question.observables if id not in self.ids)
        self.twice = self._said_twice(known)
        certificate = chain.certificate
        self.exact = certificate.tier == "exact"
        self.bound = 0.0 if self.exact else _promised(certificate.error, question)
        self.done = self.skipped = 0
        self.broken: list[str] = []
        self.remarks: list[str] = []
        self.errors: list[float] = []
        self.per = dict.fromkeys(self.ids, 0.0)
        self.worst: tuple[float, str, dict[str, float]] = (-1.0, "", {})
        self.solver_error: float | None = None
        self.steps = 3_000_000
        self.pace = 1.0  # time of the full model per time of the small one
        self.slack: dict[str, float] = {}
        self.band = certificate.error.band if certificate.error else None
        self.left_band = 0
        if self.absent:
            self.remarks.append(f"the small model cannot express {', '.join(self.absent[:5])}")

    def _said_twice(self, known: set[str]) -> tuple[str, ...]:
        """Fine species that the coarse model has itself and that the lift gives by a formula: both must agree."""
        if self.chain.rescaled:
            return ()
        return tuple(id for id, formula in self.chain.lift.items() if id in known and formula != Symbol(id))

    def replay(self, point: Mapping[str, float]) -> None:
        """Both models at one point, again with tight tolerances where the result looks wrong."""
        try:
            fine = self._run(self.fine, point, RTOL)
        except ManyscaleError as error:
            self.skipped += 1
            self.remarks.append(f"skipped: the full model cannot be run at a point ({_brief(error)})")
            return
        if not point:
            self.steps = PATIENCE * int(fine.stats.get("steps", 0)) + LEAST_STEPS
        start = carry_all(self.chain, point)
        self.pace = clock(self.chain, point) if self.chain.rescaled else 1.0
        try:
            coarse = self._run(self.coarse, start, RTOL)
            found, lift_error = self._compare(fine, coarse)
        except SimulationError as error:
            return self._only_coarse_failed(point, fine, error)
        if self._suspicious(self._judged(found), RTOL) or lift_error > EXACT * RTOL:
            if self._wobbles(point, fine):
                return
            found, lift_error = self._again(start, found, lift_error, coarse)
        self.done += 1
        self._note(point, found)
        if lift_error > EXACT * RTOL:
            self.broken.append(f"the lift disagrees with the small model's own values by {lift_error:.2g}")
        elif self._violates(self._judged(found)):
            self.broken.append(f"{found.observable} is off by {found.worst:.3g} at t = {found.when:.4g}")

    def _only_coarse_failed(self, point: Mapping[str, float], fine, error: Exception) -> None:
        if self._wobbles(point, fine):
            return
        self.done += 1
        self.broken.append(f"only the small model fails at a point: {_brief(error)}")
        self.errors.append(float("inf"))
        self.worst = (float("inf"), "", dict(point))

    def _wobbles(self, point: Mapping[str, float], fine) -> bool:
        """Whether the full model's own solution depends on the tolerance: such a point (a blow-up, chaos, an unstable
        state from which rounding decides) is skipped.
        Otherwise keeps the tight run for the comparison."""
        try:
            loose = self._run(self.fine, point, LOOSE)
            self.tight = self._run(self.fine, point, TIGHT)
            self.fine_shift = self._shift(fine, self.tight)
            good = self.fine_shift <= max(WOBBLE, self._limit(RTOL))
            good = good and self._shift(loose, self.tight) <= max(LOOSE_WOBBLE, self._limit(LOOSE))
        except SimulationError:
            good = False
        if not good:
            self.skipped += 1
            self.remarks.append("skipped: the full model's own solution depends on the solver's tolerance at a point")
        return not good

    def _run(self, kernel, values: Mapping[str, float], rtol: float):
        steps = self.steps if rtol == RTOL else 10 * self.steps
        times = self.times / self.pace if kernel is self.coarse else self.times
        return simulate_ode(kernel, times, values=values, rtol=rtol, max_steps=steps)

    def _compare(self, fine, coarse) -> tuple[Errors, float]:
        rows = np.array([fine[id] for id in self.ids], dtype=float).reshape(len(self.ids), len(self.times))
        other = observed(self.chain, coarse, self.ids)
        lift_error = 0.0
        if self.twice:
            own = np.array([coarse[id] for id in self.twice])
            formula = np.array([lifted(self.chain, coarse, id) for id in self.twice])
            size = np.nanmax(np.abs(own), axis=1, initial=0.0)
            size = np.maximum(size, floors(self.chain.fine, self.twice, size))
            gap = np.nanmax(np.abs(own - formula), axis=1, initial=0.0)
            lift_error = float(np.max(np.divide(gap, size, out=np.where(gap > 0, np.inf, 0.0), where=size > 0)))
        found = errors_between(self.chain, self.ids, self.times, rows, other)
        if self.exact and self.ids:
            size = np.nanmax(np.abs(rows), axis=1, initial=0.0)
            floor = floors(self.chain.fine, self.ids, size)
            slack = ROUNDING * np.divide(floor / ZERO, np.maximum(size, floor), out=np.zeros(len(size)), where=size > 0)
            self.slack = dict(zip(self.ids, slack.tolist()))
        return found, lift_error

    def _judged(self, found: Errors) -> float:
        """The largest error without what rounding of the largest values can make."""
        if not self.slack:
            return found.worst
        return max((e - self.slack.get(id, 0.0) for id, e in found.per_observable.items()), default=0.0)

    def _limit(self, rtol: float) -> float:
        return EXACT * rtol if self.exact else self.bound

    def _suspicious(self, error: float, rtol: float) -> bool:
        return error > self._limit(rtol) or not np.isfinite(error)

    def _violates(self, error: float) -> bool:
        """Above the promise by more than the solver can be blamed for."""
        blame = MARGIN * (self.solver_error or 0.0)
        return error > max(self._limit(RTOL), blame) if self.exact else error > self._limit(RTOL) + blame

    def _again(self, start, found: Errors, lift_error: float, coarse) -> tuple[Errors, float]:
        """Tight runs of both; the change of each against its first run estimates the solver's error."""
        try:
            coarse_tight = self._run(self.coarse, start, TIGHT)
        except SimulationError as error:
            self.remarks.append(f"no tight run of the small model at a suspicious point ({_brief(error)})")
            return found, lift_error
        again, lift_error = self._compare(self.tight, coarse_tight)
        self.solver_error = max(self.fine_shift, self._shift(coarse, coarse_tight)) * TIGHT / RTOL
        return again, lift_error

    def _shift(self, run, tight) -> float:
        """How much the observables change with the tolerance, in the norm."""
        chain = self.chain if tight.kernel is self.coarse else Chain(self.chain.fine)
        a, b = (observed(chain, r, self.ids) for r in (tight, run))
        return errors_between(self.chain, self.ids, self.times, a, b).worst

    def _note(self, point: Mapping[str, float], found: Errors) -> None:
        self.errors.append(found.worst)
        if self.band is not None:
            self.left_band += bool(outside(self.band, found, self.times, MARGIN * (self.solver_error or RTOL)))
        for id, value in found.per_observable.items():
            self.per[id] = max(self.per[id], value)
        if found.worst > self.worst[0]:
            self.worst = (found.worst, found.observable, dict(point))

    def result(self) -> Verification:
        worst = max((e for e in self.errors), default=0.0)
        effectivity = None
        if self.bound and worst > MARGIN * max(self.solver_error or 0.0, RTOL):
            effectivity = self.bound / worst
        return Verification(
            points=self.done, worst=worst, violations=len(self.broken), per_observable=self.per,
            worst_point=self.worst[2], worst_observable=self.worst[1], bound=self.bound, skipped=self.skipped,
            reasons=tuple(dict.fromkeys((*self.broken, *self.remarks))), solver_error=self.solver_error,
            effectivity=effectivity, errors=tuple(self.errors), not_compared=self.absent,
            outside_band=None if self.band is None else self.left_band,
        )  # fmt: skip


def _promised(error: ErrorStatement | None, question: Question) -> float:
    """The bound of the certificate; without one, what the question asked for."""
    return question.tolerance if error is None or error.bound is None else error.bound


def _brief(error: Exception) -> str:
    text = str(error).splitlines()[0]
    return text if len(text) <= 120 else f"{text[:117]}..."
