"""The fewest sums whose equations are nearly their own over the whole region, or why there are none."""

from __future__ import annotations

import time
from collections.abc import Hashable
from dataclasses import replace

import numpy as np

from manyscale.bridges.bridge import Bridge, Chain
from manyscale.bridges.certificate import Assumption, Certificate, Group, Refusal, source_hash, versions
from manyscale.bridges.examine import Examined, Note, RegionSearch
from manyscale.bridges.lumping.coarse import frame, unsupported
from manyscale.bridges.lumping.field import Unlucky
from manyscale.bridges.lumping.jacobian import Sampler
from manyscale.bridges.lumping.near import NAME, candidates, lump_near, shares_along
from manyscale.bridges.promise import points_assumed, statement
from manyscale.errors import InputError
from manyscale.kernels import compile_model
from manyscale.model.expr import Expr, symbols
from manyscale.model.question import Question

LARGEST = 400  # variables; beyond, comparing all of them with all takes too long
LADDER = np.geomspace(1e4, 0.01, 25)  # tolerances of the partition, in units of the question's
TRIED = 16  # partitions run over the region, at most
ROWS = 24  # of each run at which Jacobians are compared


def lump_nearly(
    chain: Chain, question: Question, *, tolerance: float | None = None, time_limit: float = 30.0,
    note: Note | None = None,
) -> Bridge | Refusal:  # fmt: skip
    """A certified bridge from `chain.coarse` to sums of variables that the observables do not name, or a refusal.

    tolerance: what it may cost in the question's norm (default: all that the question allows).
    """
    return _LumpSearch(chain, question, time_limit, note, tolerance=tolerance).result()


class _LumpSearch(RegionSearch):
    def result(self) -> Bridge | Refusal:
        if (reason := self._hopeless()) is not None:
            return reason
        self.examination.draw(self.begin, self.time_limit, lambda share, text: self.note(0.3 * share, text))
        found = candidates(self.system, self.start, self._runs(), float(self.question.horizon),  # type: ignore[arg-type]
                           [float(x) * self.tolerance for x in LADDER])  # fmt: skip
        for k, classes in enumerate(found[:TRIED]):
            if self.trials.late:
                break
            self.note(
                0.3 + 0.7 * k / TRIED, f"{len(classes)} variables instead of {self.system.size}: running both models"
            )
            bridge = self._try([c for c in classes if len(c) > 1])
            if bridge is not None:
                return bridge
        return self._none(len(found))

    def _hopeless(self) -> Refusal | None:
        if self.tolerance <= 0:
            return Refusal(NAME, "the steps before use up the tolerance", self.tolerance, 0.0)
        if (reason := unsupported(self.model, self.system)) is not None:
            return Refusal(NAME, f"the model has {reason}, which are not lumped")
        if self.system.size > LARGEST:
            return Refusal(NAME, "the model has too many variables to compare", self.system.size, LARGEST)
        try:
            self.start = self._labels()
        except Unlucky as why:
            return Refusal(NAME, f"the equations cannot be lumped: {why}")
        if len(set(self.start)) == self.system.size:
            return Refusal(NAME, "no two variables can be added up without the observables telling them apart")
        if not self.trials.ids or self.trials.nominal() is None:
            return Refusal(NAME, "there is no run to look at")
        return None

    def _labels(self) -> list[Hashable]:
        """What must be equal in a class: what a sum needs, and what observables see of each member."""
        sampler, ids = Sampler(self.system), self.trials.ids
        alone = {name for event in self.model.events for name in _names(event)}
        seen = [sampler.gradient(id) for id in ids]
        return [
            ("alone", i) if id in alone or id in ids
            else (*frame(self.model, self.system, i), *(gradient.get(i, 0) for gradient in seen))
            for i, id in enumerate(self.system.states)
        ]  # fmt: skip

    def _runs(self):
        runs = [self.trials.sample(p) for p in self.trials.points[:2]]
        thin = [np.unique(np.linspace(0, len(run.times) - 1, ROWS).astype(int)) for run in runs]
        return [replace(run, times=run.times[k], states=run.states[k], jacobians=run.jacobians[k])
                for run, k in zip(runs, thin, strict=True)]  # fmt: skip

    def _try(self, sums: list[list[int]]) -> Bridge | None:
        names = [[self.system.states[i] for i in members] for members in sums]
        shares = shares_along(self.system, self.trials.points[0].states, sums)
        try:
            made = lump_near(self.model, names, shares=shares, observables=self.trials.ids)
            compile_model(made.coarse)
        except InputError as reason:
            self._reject(names, str(reason).splitlines()[0])
            return None
        tested = self.examination.examine(made)
        if tested.failing is not None:
            self._reject(names, f"error {tested.why.worst:.2g} of {tested.why.observable}" if tested.why else "failed")
            return None
        if tested.bound > self.tolerance or not self.examination.enough(tested.errors):
            self._reject(names, f"bound {tested.bound:.2g} from {len(tested.errors)} points")
            return None
        return replace(made, certificate=self._certificate(made, tested))

    def _reject(self, names: list[list[str]], why: str) -> None:
        text = "; ".join(" + ".join(ids[:3]) + (" + ..." if len(ids) > 3 else "") for ids in names[:3])
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        self.rejected.append(f"sums {text}{more}: {why}")

    def _none(self, count: int) -> Refusal:
        if self.trials.late:
            return Refusal(NAME, "the time limit was reached before any sum could be accepted; allow more time",
                           time.monotonic() - self.begin, self.time_limit)  # fmt: skip
        if not count:
            return Refusal(NAME, "no two variables act nearly alike on all others")
        return Refusal(NAME, "replacing variables by their sum costs the observables more than the tolerance", None,
                       self.tolerance, tried=tuple(self.rejected))  # fmt: skip

    def _certificate(self, made: Bridge, tested: Examined) -> Certificate:
        question, errors = self.question, list(tested.errors.values())
        before, after = self.system.size, compile_model(made.coarse).size
        text = (
            f"{made.certificate.claim} Over the region every observable keeps within {tested.bound:.2g} of the model "
        )
        text += f"with {before} variables, for {float(question.horizon):g} time units."  # type: ignore[arg-type]
        group = Group("lumping", "variables after / before", after / before, None, None, "how many variables are left")
        return Certificate(
            tier="estimated", claim=text,
            assumptions=(
                Assumption("each member is taken as a fixed share of its sum", "checked"),
                *points_assumed(len(errors), self.examination.cornered, tested.confirmed),
            ),
            groups=(group,),
            error=statement(errors, tested.bound, self.trials.times),
            domain=dict(question.box), alternatives=tuple(self.rejected)[-12:],
            recipe=made.certificate.recipe, source_hash=source_hash(made.fine), versions=versions(),
        )  # fmt: skip


def _names(event) -> set[str]:
    parts = [event.trigger, event.delay, event.priority, *(f for _, f in event.assignments)]
    found = {name for part in parts if isinstance(part, Expr) for name in symbols(part)}
    return found | {target for target, _ in event.assignments}
