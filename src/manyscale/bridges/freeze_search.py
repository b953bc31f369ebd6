"""The most variables that may be held at their initial values over the whole region, or why there are none."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np

from manyscale.bridges.bridge import Bridge, Chain
from manyscale.bridges.certificate import Assumption, Certificate, Group, Refusal, source_hash, versions
from manyscale.bridges.error_estimate import Sampled
from manyscale.bridges.examine import Examined, Note, RegionSearch
from manyscale.bridges.explain import listed
from manyscale.bridges.held import unfreezable
from manyscale.bridges.promise import LEAST, points_assumed, statement
from manyscale.bridges.time.freeze import drift, freeze, spread_of_errors
from manyscale.bridges.trials import Point
from manyscale.errors import InputError
from manyscale.kernels import compile_model
from manyscale.model.question import Question

NAME = "freeze"
ROUNDS = 25
SURVEYED = 3  # runs on which errors are foreseen from the start
MOST_RUNS = 6


def freeze_slow(
    chain: Chain, question: Question, *, tolerance: float | None = None, time_limit: float = 30.0,
    note: Note | None = None,
) -> Bridge | Refusal:  # fmt: skip
    """A certified bridge from `chain.coarse` that holds slow variables constant, or a refusal.

    tolerance: what it may cost in the question's norm (default: all that the question allows).
    """
    return _FreezeSearch(chain, question, time_limit, note, tolerance=tolerance).result()


class _FreezeSearch(RegionSearch):
    def __init__(self, chain: Chain, question: Question, time_limit: float, note: Note | None, **options):
        super().__init__(chain, question, time_limit, note, **options)
        self.algebraic = [i for i, _ in self.system.algebraic]
        self.runs: list[Sampled] = []

    def result(self) -> Bridge | Refusal:
        if self.tolerance <= 0:
            return Refusal(NAME, "the steps before use up the tolerance", self.tolerance, 0.0)
        if self.kernel.size < 2 or not self.trials.ids or self.trials.nominal() is None:
            return Refusal(NAME, "there is no run of two or more variables to look at")
        first = self._candidates()
        if not len(first):
            return self._none()
        self.examination.draw(self.begin, self.time_limit, lambda share, text: self.note(0.3 * share, text))
        self.runs = [self.trials.sample(p) for p in self.trials.points[:SURVEYED]]
        held = self._affordable(self._candidates(), self.runs)
        for rounds in range(ROUNDS):
            if not len(held) or self.trials.late:
                break
            self.note(0.3 + 0.7 * rounds / ROUNDS, f"{len(held)} slow variables held: running both models")
            found = self._try(held)
            if isinstance(found, Bridge):
                return found
            held = self._fewer(held, found)
        return self._none()

    def _candidates(self) -> np.ndarray:
        """States that keep near their start at every training point."""
        away = np.max([drift(p.states) for p in self.trials.points], axis=0)
        self.drift = away
        forbidden = unfreezable(self.model, self.system)
        good = [i for i in np.flatnonzero(LEAST * away <= self.tolerance) if i not in forbidden]
        return np.array(good, dtype=int)

    def _affordable(self, held: np.ndarray, runs: list[Sampled]) -> np.ndarray:
        """As many of them as may be held on the runs, to first order: those that do most harm leave first."""
        while len(held) and not self.trials.late:
            worst, peak = 0.0, None
            for run in runs:
                found = spread_of_errors(run, held, self.algebraic)
                total = np.abs(found.sum(axis=1))
                if not np.isfinite(total).all():
                    return held[: len(held) // 2]
                if total.max() > worst:
                    worst, peak = float(total.max()), found[int(total.argmax())]
            if peak is None or LEAST * worst <= self.tolerance:
                break
            held = self._without(held, peak)
        return held

    @staticmethod
    def _without(held: np.ndarray, peak: np.ndarray) -> np.ndarray:
        """Without the tenth of them that adds most to an error that is too large."""
        harm = peak * np.sign(peak.sum())
        return np.delete(held, np.argsort(-harm)[: max(1, len(held) // 10)])

    def _try(self, held: np.ndarray) -> Bridge | Point:
        names = [self.system.states[i] for i in held]
        made = freeze(self.model, names, observables=self.trials.ids)
        try:
            compile_model(made.coarse)
        except InputError as reason:  # what is left cannot be written
            self._reject(names, str(reason).splitlines()[0])
            return self.trials.points[0]
        tested = self.examination.examine(made)
        if tested.failing is not None:
            self._reject(names, f"error {tested.why.worst:.2g} of {tested.why.observable}" if tested.why else "failed")
            return tested.failing
        if tested.bound > self.tolerance or not self.examination.enough(tested.errors):
            self._reject(names, f"bound {tested.bound:.2g} from {len(tested.errors)} points")
            return self.examination.worst(tested.errors)
        return replace(made, certificate=self._certificate(made, tested))

    def _fewer(self, held: np.ndarray, point: Point) -> np.ndarray:
        """A smaller set in view of a point where it failed."""
        run = self.trials.sample(point)
        if not any(run is known for known in self.runs):
            self.runs = [*self.runs[-(MOST_RUNS - 1) :], run]
        still = np.intersect1d(held, self._candidates())
        fewer = self._affordable(still, self.runs)
        if len(fewer) < len(held):
            return fewer
        found = spread_of_errors(run, held, self.algebraic)
        total = np.abs(found.sum(axis=1))
        return self._without(held, found[int(np.argmax(total))] if np.isfinite(total).all() else np.ones(len(held)))

    def _reject(self, names: list[str], why: str) -> None:
        self.rejected.append(f"{listed(names, 6)} held: {why}")

    def _none(self) -> Refusal:
        if self.trials.late:
            return Refusal(NAME, "the time limit was reached before anything could be held; allow more time",
                           time.monotonic() - self.begin, self.time_limit)  # fmt: skip
        if self.rejected:
            reason = "holding any variable at its start costs the others more than the tolerance"
            return Refusal(NAME, reason, None, self.tolerance, tried=tuple(self.rejected)[-12:])
        free = [i for i in range(self.kernel.size) if i not in unfreezable(self.model, self.system)]
        if not free:
            return Refusal(NAME, "no variable of this model can be held")
        least = min(free, key=lambda i: self.drift[i])
        return Refusal(NAME, "every variable changes by more than the tolerance within the horizon",
                       float(LEAST * self.drift[least]), self.tolerance, self.system.states[least])  # fmt: skip

    def _certificate(self, made: Bridge, tested: Examined) -> Certificate:
        question = self.question
        errors = list(tested.errors.values())
        index = self.system.state_index
        away = max(float(self.drift[index[id]]) for id in made.eliminated)
        text = (
            f"{made.certificate.claim} Over the region every observable keeps within {tested.bound:.2g} of the model "
        )
        text += f"in which they move, for {float(question.horizon):g} time units."  # type: ignore[arg-type]
        group = Group("drift", "sup |x - x(0)| / max |x|", away, self.tolerance, self.tolerance / away if away else None,
                      "how far what is held would go within the horizon")  # fmt: skip
        return Certificate(
            tier="estimated", claim=text,
            assumptions=(
                Assumption(f"what is held keeps within {away:.2g} of its start at every point tried", "checked"),
                *points_assumed(len(errors), self.examination.cornered, tested.confirmed),
            ),
            groups=(group,),
            error=statement(errors, tested.bound, self.trials.times),
            domain=dict(question.box), alternatives=tuple(dict.fromkeys(self.rejected))[-12:],
            recipe={"method": NAME, "slow": list(made.eliminated)},
            source_hash=source_hash(made.fine), versions=versions(),
        )  # fmt: skip
