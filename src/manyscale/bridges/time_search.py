"""The longest quasi-steady-state reduction that holds over the whole region, or why there is none.

A fast set is grown on first-order estimates, its network is made, and it is run against the fine model at point after
point. A point where it fails joins the runs on which the next set is grown (as in counterexample-guided refinement), so
that sets shrink only where they must. What survives every point is pushed towards worse points, then certified.
"""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np

from manyscale.bridges.bridge import Bridge, Chain
from manyscale.bridges.certificate import Refusal
from manyscale.bridges.endings import ending, in_words
from manyscale.bridges.error_estimate import Estimate, Sampled
from manyscale.bridges.examine import Examined, Note, RegionSearch
from manyscale.bridges.explain import listed
from manyscale.bridges.norm import Errors
from manyscale.bridges.phase import phase_error
from manyscale.bridges.promise import certified
from manyscale.bridges.splits import LEAST_GAP, SETTLED, Survey, best_gap, fast_reactions, grow, halves, ranking
from manyscale.bridges.time.network import build
from manyscale.bridges.time.quasi_steady import LAYER_LENGTH, Draft, NoNetwork, barred, draft, followers, unsuitable
from manyscale.bridges.time.split import Split
from manyscale.bridges.trials import Point
from manyscale.errors import InputError
from manyscale.model.question import Question

NAME = "quasi_steady"
ROUNDS, FEW_ROUNDS = 60, 12  # fast sets tried at most, as steady states and on the manifold of first order
NEARLY = 5.0  # share of the tolerance that the estimate of a steady state may reach for the first order to be tried
REGROWN = 6  # times that a set is grown anew after a failure that the estimate can see,
REGROWING = 0.01  # where growing took no more than that share of the time limit
HASTE = (
    0.5  # by how much a set must keep below what a point allows, at the end of the time: later points then fail less
)
CLEARLY = 2.0  # times what a point allows: such an error of the fine model sped up is a failure of the small model too
MOST_RUNS = 8  # fine runs on which sets are grown at a time
PATIENCE, LEAST_PATIENCE = 1.5, 3.0  # a further search may take that many times the first one, and that many seconds
SURVEYED, LARGE = 4, 150  # points whose runs sets are grown on from the start; equations above which it is one
TURNS = 6  # turning points of an observable above which the model counts as oscillating


def reduce_in_time(
    chain: Chain, question: Question, *, time_limit: float = 60.0, formulas: bool = False,
    note: Note | None = None,
) -> Bridge | Refusal:  # fmt: skip
    """A certified bridge from `chain.coarse`, or a refusal. Keeps to `time_limit` seconds; Ctrl-C is passed on.

    formulas: eliminate only what follows by formula, so that the coarse model has no algebraic equations.
    """
    return _TimeSearch(chain, question, time_limit, formulas, note).result()


class _TimeSearch(RegionSearch):
    def __init__(self, chain: Chain, question: Question, time_limit: float, formulas: bool, note: Note | None):
        self.horizon = float(question.horizon)  # type: ignore[arg-type]
        self.layer = question.entry * self.horizon
        super().__init__(chain, question, time_limit, note, layer=self.layer)
        self.formulas = formulas
        self.patience = float("inf")  # seconds of a further search
        self.last: tuple[float, str] = (float("inf"), "")
        self.nearest: tuple[float, Bridge | None] = (float("inf"), None)  # what failed by least

    def result(self) -> Bridge | Refusal:
        system = self.system
        reason = unsuitable(self.model, system)
        if reason:
            return Refusal(NAME, reason)
        if system.size < 2:
            return Refusal(NAME, "there is only one variable", float(system.size), 2.0)
        if not self.trials.ids:
            return Refusal(NAME, "no observable can be followed")
        first = self.trials.nominal()
        if first is None:
            return Refusal(NAME, "the model itself cannot be run over the horizon")
        survey = self._survey(first)
        gap = best_gap(survey)
        if gap < LEAST_GAP:
            return Refusal(NAME, "no gap between time scales that lasts over the horizon", gap, LEAST_GAP)
        self._points(survey)
        begin = time.monotonic()
        found = self._search(survey, 0.5)
        self.patience = max(LEAST_PATIENCE, PATIENCE * (time.monotonic() - begin))
        found = self._bolder(survey, found) or found
        found = self._in_totals(survey, found) or found
        found = self._corrected(survey, found) or found
        return found if isinstance(found, Bridge) else self._refusal(first, survey, gap)

    def _bolder(self, survey: Survey, found: Bridge | None) -> Bridge | None:
        """A search that starts from the model as it is alone and lets estimates reach the tolerance, which real runs
        then cut back: the better answer where estimates are too pessimistic somewhere in the region, or None."""
        before = _fast_count(found)
        bold = replace(survey, runs=survey.runs[:1], seen={}, deadline=self.begin + 0.8 * self.time_limit)
        if self.trials.late or bold.late:
            return None
        return self._search(bold, 1.0, more_than=before)

    def _in_totals(self, survey: Survey, found: Bridge | None) -> Bridge | None:
        """A search along reactions first, so that what they bind and release becomes totals: complexes that enzymes
        share are only fast together, which sets grown along their own axes do not find."""
        both = replace(survey, seen={}, totals=True, deadline=self.begin + 0.8 * self.time_limit)
        if self.trials.late or both.late or not any(fast_reactions(both, i) for i in ranking(both) if both.plain[i]):
            return None
        return self._search(both, 1.0, more_than=_fast_count(found))

    def _corrected(self, survey: Survey, found: Bridge | None) -> Bridge | None:
        """More fast variables on the slow manifold of first order, where steady states fail by less than ten times."""
        near = replace(survey, runs=survey.runs[:2], seen={}, totals=True, deadline=self.begin + 0.85 * self.time_limit)
        if self.trials.late or near.late:
            return None
        return self._search(near, NEARLY, more_than=_fast_count(found), order=1)

    def _survey(self, first: Point) -> Survey:
        system = self.system
        observed = set(self.trials.ids)
        counted = np.array([id in observed for id in system.states])
        if not observed <= set(system.states):  # some observables are formulas of states
            reached = {id for id in observed if id not in system.states}
            counted |= bool(reached)
        return Survey(
            self.model, self.kernel, [self.trials.sample(first)], self.layer, 0.5 * self.tolerance, counted,
            frozenset(barred(self.model, system)), self.begin + 0.6 * self.time_limit,
        )  # fmt: skip

    def _points(self, survey: Survey) -> None:
        """Training points; the first ones join the survey."""
        self.examination.draw(self.begin, self.time_limit, lambda share, text: self.note(0.1 * share, text))
        more = self.trials.points[1:SURVEYED] if self.kernel.size <= LARGE else ()
        survey.runs = [*survey.runs, *(self.trials.sample(p) for p in more)]

    # the loop

    def _search(self, survey: Survey, share: float, more_than: int = 0, order: int = 0) -> Bridge | None:
        """Grow, and grow again where a point shows what was overlooked; then take away what fails, until all holds.

        share: of the tolerance, which estimates may reach. more_than: fewer fast variables than that are no use."""
        until = time.monotonic() + self.patience
        survey.deadline = min(survey.deadline, until)
        limit = survey.limit = share * self.tolerance
        begin = time.monotonic()
        split = grow(survey)
        cheap = time.monotonic() - begin < REGROWING * self.time_limit
        grown = 1
        for rounds in range(FEW_ROUNDS if order else ROUNDS):
            if len(split.fast) <= more_than or self.trials.late or time.monotonic() > until:
                return None
            self.note(0.1 + 0.8 * rounds / ROUNDS, f"{len(split.fast)} fast variables: running both models")
            if self.formulas:
                split = self._by_formula(split, order)
                if not split.fast:
                    return None
            found = self._try(survey, split, order)
            if isinstance(found, Bridge):
                return found
            if found is None:  # no network, or no gap, with the last of them
                split = split.prefix(_tenth_less(len(split.fast)))
                continue
            point, most, decay = found
            most *= 1.0 - HASTE * (time.monotonic() - self.begin) / self.time_limit
            run = self.trials.sample(point)
            new = not any(run is known for known in survey.runs)
            if new:
                survey.runs = [survey.runs[0], *survey.runs[1:][-(MOST_RUNS - 2) :], run]
            again = new and cheap and grown < REGROWN and not survey.late
            if again and self._foreseen(survey, run, split, limit):
                grown += 1
                survey.seen = {}
                split = grow(survey)
            else:
                split = self._passing(survey, split, point, most, decay, order)
        return None

    @staticmethod
    def _foreseen(survey: Survey, run: Sampled, split: Split, limit: float) -> bool:
        """Whether the estimate along a run sees that a split fails there."""
        found = replace(survey, runs=[run], seen={}).judge(split)
        return found is None or found.worst > limit

    def _passing(self, survey: Survey, split: Split, point: Point, most: float, decay: float, order: int) -> Split:
        """As many of the fast variables as pass at a point where all of them together failed: halves that pass are kept,
        others are halved again (group testing), the most relaxed first. decay: slowest rate of all of them.

        What clearly fails with the fine model sped up is not made into a small model."""
        hurried = not order and self.trials.hurries

        def passes(places: list[int]) -> bool:
            part = split.only(sorted(places))
            try:
                if len(places) == len(split.fast) or not self._decays(survey, part, point):
                    return False
                if hurried and self._hurried_error(survey, part, point, decay) > CLEARLY * most:
                    return False
                made = self._drafted(part, decay, order, started=False)
            except (NoNetwork, InputError):
                return False
            return self.trials.error(made.bridge, point).worst <= most

        kept: list[int] = []
        stack = [list(range(len(split.fast)))]
        while stack and not self.trials.late:
            group = stack.pop()
            if passes(kept + group):
                kept += group
            elif len(group) > 1:
                stack += halves(group)
        return split.only(sorted(kept))

    def _hurried_error(self, survey: Survey, part: Split, point: Point, decay: float) -> float:
        shift = survey.shift(part)
        if shift is None:
            return float("inf")
        fast, slow = np.array(part.fast, dtype=int), np.array(part.slow, dtype=int)
        gone = [self.system.states[i] for i in (*fast, *slow[shift.any(axis=1)])]
        begins = dict.fromkeys(followers(self.model, gone), self.layer)
        return self.trials.hurried_error(fast, slow, shift, point, min(self.layer, LAYER_LENGTH / decay), begins)

    def _by_formula(self, split: Split, order: int) -> Split:
        """Without the variables whose equations have no closed solution, the least relaxed of them first."""
        system = self.system
        while split.fast and not self.trials.late:
            try:
                how = build(self.model, system, split, self.trials.ids, order).closure.how
            except NoNetwork:
                return split
            places = [k for k, i in enumerate(split.fast) if how.get(system.states[i]) == "numeric"]
            if not places:
                return split
            split = split.without((places[-1],))
        return split

    def _try(self, survey: Survey, split: Split, order: int = 0) -> Bridge | tuple[Point, float, float] | None:
        """Make the network and run it at every point: a bridge; a point where it fails, the error that it may have there
        and the slowest decay of the fast variables; or None without a network."""
        survey.seen = {}
        estimate = survey.judge(split)
        if estimate is None or estimate.typical_gap < LEAST_GAP or SETTLED / estimate.nu > self.layer:
            return None
        names = [self.system.states[i] for i in split.fast]
        try:
            made = self._drafted(split, estimate.nu, order)
        except (NoNetwork, InputError) as reason:
            self._reject(names, str(reason).splitlines()[0])
            return None
        tested = self.examination.examine(made.bridge, lambda point: self._decays(survey, split, point))
        if tested.failing is not None:
            if tested.why is not None and tested.why.worst < self.nearest[0]:
                self.nearest = tested.why.worst, made.bridge
            self._reject(names, self._said(tested.why))
            return tested.failing, self.examination.most, estimate.nu
        return self._promise(made, estimate, tested, survey)

    def _drafted(self, split: Split, decay: float, order: int, started: bool = True) -> Draft:
        return draft(
            self.model, split, layer=min(self.layer, LAYER_LENGTH / decay), entry=self.layer,
            observables=self.trials.ids, order=order, started=started,
        )  # fmt: skip

    def _said(self, why: Errors | None) -> str:
        if why is None or not why.observable:
            return "they do not decay all along a run in the region"
        self.last = min(self.last, (why.worst, why.observable))
        return f"error {why.worst:.2g} of {why.observable}"

    def _decays(self, survey: Survey, split: Split, point: Point) -> bool:
        """Whether the fast variables decay along the run of a point (no fold, no lost stability)."""
        return survey.least_decay(split, *self._path(point)) > 0

    def _path(self, point: Point) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return self.trials.times, point.states, point.parameters

    def _promise(
        self, made: Draft, estimate: Estimate, tested: Examined, survey: Survey
    ) -> Bridge | tuple[Point, float, float] | None:
        errors, bound = tested.errors, tested.bound
        if not self.examination.enough(errors) or not np.isfinite(bound):
            return None
        if bound > self.tolerance:
            self._reject(list(made.network.fast), f"bound {bound:.2g} from {len(errors)} points")
            worst = max(errors.values(), key=lambda e: e.worst)
            self.last = min(self.last, (bound, worst.observable))
            return self.examination.worst(errors), worst.worst * self.tolerance / bound, estimate.nu
        certificate = certified(self, made, estimate, list(errors.values()), bound, survey, tested.confirmed)
        if self.turning(self.trials.points[0]) > TURNS:
            phase = phase_error(made.bridge, self.question)
            certificate = replace(certificate, error=replace(certificate.error, phase=phase))
        return replace(made.bridge, certificate=certificate)

    def _reject(self, names: list[str], why: str) -> None:
        self.rejected.append(f"{listed(names, 6)} fast: {why}")

    # reasons

    def _refusal(self, first: Point, survey: Survey, gap: float) -> Refusal:
        error, observable = self.last
        if self.trials.late:
            return Refusal(NAME, "the time limit was reached before a reduction could be certified; allow more time",
                           time.monotonic() - self.begin, self.time_limit)  # fmt: skip
        end = ending(survey.runs[0])
        oscillates, nearest = self.turning(first) > TURNS, self.nearest[1]
        phase = phase_error(nearest, self.question) if oscillates and nearest is not None else None
        if oscillates and (phase is None or abs(phase.drift) > 0.1 * self.tolerance):
            reason = "the model oscillates: a reduced model drifts in phase, which no error at each time survives"
            if phase is not None:
                reason += f" (with the least bad one {phase})"
        elif end is not None:
            name = self.system.states[end.state]
            return Refusal(NAME, in_words(end, name), 0.0, end.decay, name, tuple(dict.fromkeys(self.rejected))[-12:])
        elif self.rejected:
            reason = (
                "what is fast near the model's own values does not stay so over the region; a smaller region may pass"
            )
        else:
            reason = "eliminating any variable would cost more than the tolerance"
        value = error if np.isfinite(error) else self._least(survey)
        where = observable or f"largest gap {gap:.3g}"
        return Refusal(NAME, reason, value, self.tolerance, where, tuple(dict.fromkeys(self.rejected))[-12:])

    def _least(self, survey: Survey) -> float | None:
        """The smallest estimated error of eliminating one variable."""
        single = [e.worst for key, e in survey.seen.items() if e is not None and len(key[0]) == 1]
        return min(single, default=None)

    def turning(self, point: Point) -> int:
        """The most turning points of an observable, small ripples left out."""
        most = 0
        for row in point.rows:
            size = np.ptp(row)
            if size <= 0:
                continue
            extremes, direction, last = 0, 0, row[0]
            for value in row[1:]:
                if abs(value - last) > 0.05 * size:
                    turn = 1 if value > last else -1
                    extremes += turn != direction and direction != 0
                    direction, last = turn, value
                elif (value - last) * direction > 0:
                    last = value
            most = max(most, extremes)
        return most


def _fast_count(found: Bridge | None) -> int:
    return 0 if found is None else len(found.certificate.recipe["fast"])


def _tenth_less(count: int) -> int:
    return count - max(1, count // 10)
