"""One candidate against the fine model at every training point of the region, and pushed towards worse ones.

What survives is a set of errors from which `promise` makes a bound; what does not survive, the point where it failed.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from manyscale.bridges.ascent import ascend
from manyscale.bridges.bridge import Bridge, Chain
from manyscale.bridges.norm import Errors, grid
from manyscale.bridges.promise import LEAST, UNSOUGHT, promised
from manyscale.bridges.trials import Point, Trials, corners, slopes, spread, worse
from manyscale.kernels import compile_model
from manyscale.model.question import Question

Note = Callable[[float, str], None]

POINTS = (16, 80)  # training points, fewest and most
CORNERS = 8
PUSHES = 4  # rounds of search for worse points
CLIMB = 0.2  # share of the time limit for climbing towards the worst point of the region, per candidate
CORNERED = 12  # dimensions up to which the worst point of the region is sought; with more, corners are too far from
# everything that is ever drawn, and the promise is one about drawn points
CONFIRMED = (32, 200)  # fresh points, fewest and most
CONFIRMED_LATE = 2.0  # times the climbing time that the fewest may take after the deadline
CONFIRM_SEED, CONFIRM_RTOL = 271_828, 1e-8
NOTED = 0.7  # points met while climbing are kept above this share of the worst error


@dataclass(frozen=True)
class Examined:
    """failing: the point where the candidate failed, or None; why: its errors, None where it was unsound there.
    errors: by number of the training point; bound: what they allow to promise (of a candidate that did not fail);
    confirmed: fresh points, which no candidate had seen, at which that held."""

    errors: dict[int, Errors]
    failing: Point | None = None
    why: Errors | None = None
    bound: float = float("inf")
    confirmed: int = 0


class RegionSearch:
    """What searches for a bridge from `chain.coarse` that holds over the question's region have in common."""

    def __init__(self, chain: Chain, question: Question, time_limit: float, note: Note | None, *,
                 tolerance: float | None = None, layer: float | None = None):  # fmt: skip
        self.model, self.question, self.tolerance = (
            chain.coarse,
            question,
            question.tolerance if tolerance is None else tolerance,
        )
        self.note: Note = note or (lambda *_: None)
        self.begin, self.time_limit = time.monotonic(), time_limit
        self.kernel = compile_model(self.model)
        self.system = self.kernel.system
        layer = chain.layer_time if layer is None else layer
        times = grid(question, layer, 121 if self.kernel.size <= 150 else 81)
        self.trials = Trials(chain, question, times, self.begin + time_limit)
        self.examination = Examination(self.trials, self.tolerance, CLIMB * time_limit)
        self.rejected: list[str] = []


@dataclass
class Examination:
    """Tests candidates against `trials`; a point fails with an error above `most`.

    climb: seconds that one candidate may spend climbing. blame: how often each point failed (those are tried first).
    """

    trials: Trials
    tolerance: float
    climb: float
    blame: dict[int, int] = field(default_factory=dict)
    drawn: int = 0  # fresh points so far

    @property
    def cornered(self) -> bool:
        """Whether the region has so few dimensions that its worst point is sought."""
        return len(self.trials.box) <= CORNERED

    def draw(self, begin: float, time_limit: float, note: Callable[[float, str], None]) -> None:
        """Training points: as many as a quarter of the time limit allows."""
        for k, unit in enumerate(spread(POINTS[1], len(self.trials.box), CORNERS if self.cornered else 0)):
            share = (time.monotonic() - begin) / time_limit
            if share > 0.6 or (k >= POINTS[0] and share > 0.2):
                break
            self.trials.add(unit)
            note(k / POINTS[1], "running the model over its region")

    def enough(self, errors: dict[int, Errors]) -> bool:
        """Whether so many points were compared that something may be promised."""
        return len(errors) >= min(POINTS[0], len(self.trials.points))

    def examine(self, bridge: Bridge, sound: Callable[[Point], bool] | None = None) -> Examined:
        """Run the candidate everywhere. sound: what else must hold along the fine run of each point."""
        errors: dict[int, Errors] = {}
        failing = self._replay(bridge, errors)
        if failing is None and sound is not None:
            failing = self._unsound(sound)
        if failing is None:
            drawn = np.array([e.worst for e in errors.values()])
            failing, thorough = self._climb(bridge, sound, errors)
        if failing is not None:
            self.blame[failing] = max(self.blame.values(), default=0) + 1
            why = errors.get(failing)
            if why is not None and why.worst <= self.most:
                why = None
            return Examined(errors, self.trials.points[failing], why)
        worst = max((e.worst for e in errors.values()), default=float("inf"))
        bound = promised(drawn, worst, thorough)
        if not bound <= self.tolerance:
            return Examined(errors, bound=bound)
        return self._confirmed(bridge, errors, bound)

    def _confirmed(self, bridge: Bridge, errors: dict[int, Errors], bound: float) -> Examined:
        """The promise at fresh points, with tighter tolerances: a candidate that was chosen because it passes the points
        known so far may still fail at others. One that breaks the promise becomes a training point."""
        trials, dimension = self.trials, len(self.trials.box)
        if not dimension:
            return Examined(errors, bound=bound)
        random = np.random.default_rng([CONFIRM_SEED, self.drawn])
        begin, count = time.monotonic(), 0
        for _ in range(CONFIRMED[1]):
            if count >= CONFIRMED[0] and (trials.late or time.monotonic() - begin > self.climb):
                break
            if time.monotonic() > trials.deadline + CONFIRMED_LATE * self.climb:
                return Examined(errors, bound=float("inf"))  # too slow for a promise
            self.drawn += 1
            point = trials.add(random.random(dimension), CONFIRM_RTOL)
            if point is None:
                continue
            found = trials.error(bridge, point, CONFIRM_RTOL)
            if not found.worst <= bound:
                self.blame[len(trials.points) - 1] = max(self.blame.values(), default=0) + 1
                return Examined(errors, point, found)
            trials.points.pop()
            count += 1
        return Examined(errors, bound=bound, confirmed=count)

    def worst(self, errors: dict[int, Errors]) -> Point:
        """The training point with the largest error; it is blamed."""
        k = max(errors, key=lambda k: errors[k].worst)
        self.blame[k] = max(self.blame.values(), default=0) + 1
        return self.trials.points[k]

    @property
    def most(self) -> float:
        """The largest error at a training point with which a promise is possible."""
        return self.tolerance / (LEAST if self.cornered else UNSOUGHT[0])

    def _replay(self, bridge: Bridge, errors: dict[int, Errors]) -> int | None:
        """Every training point, and where these say that it should be worse: the number of one that fails, or None."""
        trials = self.trials
        visited: set[bytes] = set()
        for turn in range(PUSHES + 1):
            for k in sorted(range(len(trials.points)), key=lambda k: (-self.blame.get(k, 0), k)):
                if k in errors:
                    continue
                if trials.late and (turn or len(errors) >= POINTS[0]):
                    break
                errors[k] = trials.error(bridge, trials.points[k])
                if not errors[k].worst <= self.most:
                    return k
            if trials.late or turn == PUSHES:
                break
            known = {k: e.worst for k, e in errors.items()}
            for unit in worse(trials.points, known, visited, to_the_end=self.cornered):
                trials.add(unit)
        return None

    def _unsound(self, sound: Callable[[Point], bool]) -> int | None:
        for k, point in enumerate(self.trials.points):
            if self.trials.late:
                break
            if not sound(point):
                return k
        return None

    def _climb(
        self, bridge: Bridge, sound: Callable[[Point], bool] | None, errors: dict[int, Errors]
    ) -> tuple[int | None, bool]:
        """Look for the worst point of the region from the worst one known: (a point that fails or None, whether every
        direction was tried to the end)."""
        trials, box = self.trials, len(self.trials.box)
        units = [k for k in errors if not np.isnan(trials.points[k].unit).any()]
        if not units or not self.cornered:
            return None, not box
        top = max(e.worst for e in errors.values())
        until = min(trials.deadline, time.monotonic() + self.climb)
        affordable = int((until - time.monotonic()) / max(4 * trials.seconds, 1e-3))
        failing: list[int] = []

        def error(unit: np.ndarray) -> float | None:
            point = trials.add(unit)
            if point is None:
                return None
            found = trials.error(bridge, point)
            k = len(trials.points) - 1
            if found.worst <= NOTED * top:
                trials.points.pop()
                return found.worst
            if sound is not None and not sound(point):
                found = replace(found, worst=float("inf"), observable="")
            errors[k] = found
            if not found.worst <= self.most:
                failing.append(k)
            return found.worst

        for unit in corners(box, affordable):
            error(unit)
            if failing or time.monotonic() > until:
                return (failing[0] if failing else None), False
        known = {k: e.worst for k, e in errors.items()}
        start = max((k for k in errors if not np.isnan(trials.points[k].unit).any()), key=known.__getitem__)
        order = np.argsort(-np.abs(slopes(trials.points, known, box)))
        summit = ascend(
            error, trials.points[start].unit, errors[start].worst, order=order[: max(affordable, 4)].tolist(),
            late=lambda: time.monotonic() > until, enough=self.most,
        )  # fmt: skip
        return (failing[0] if failing else None), summit.closed and affordable >= box
