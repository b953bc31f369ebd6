"""The search for a proof: subdivide the region until the bound holds everywhere, or find the part where it does."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from manyscale.bridges.bridge import Bridge, Chain
from manyscale.bridges.rigorous.comparison import Comparison, Enclosure, steps
from manyscale.bridges.rigorous.implicit import ImplicitComparison
from manyscale.bridges.rigorous.intervals import Interval
from manyscale.bridges.rigorous.positivity import positive_coordinates, positive_states
from manyscale.bridges.rigorous.problem import NotProvable, problem
from manyscale.bridges.rigorous.start import Start
from manyscale.bridges.rigorous.tape import NoRange
from manyscale.model.question import Question

FINER = (1, 6)  # time steps tried: what is enclosed widens by a share of each step
FACTORS = (1.0005, 1.002, 1.005, 1.01, 1.02, 1.04, 1.07, 1.12, 1.2, 1.35, 1.6)  # regions tried, besides the asked one
MOST = 512  # boxes in one run


@dataclass(frozen=True)
class Proof:
    """bound: proven for every point of the region in which each value of the question's box keeps within `factor` of
    its middle (geometric; the whole box where `whole`); inf where nothing could be proven. per_observable: the same one
    by one. boxes: how many pieces it took. reason: why not more. estimate: what the run over the whole box gave."""

    bound: float
    factor: float
    whole: bool
    per_observable: Mapping[str, float] = field(default_factory=dict)
    boxes: int = 0
    reason: str = ""
    pieces: tuple = field(default=(), repr=False)


class Prover:
    """Runs of the comparison system of one bridge of a chain over boxes, in logarithmic coordinates of the box."""

    def __init__(self, chain: Chain, bridge: Bridge, question: Question, deadline: float = float("inf")):
        self.chain, self.bridge, self.question = chain, bridge, question
        self.horizon = float(question.horizon)  # type: ignore[arg-type]
        self.box = dict(question.box)
        if any(not 0 < a <= b for a, b in self.box.values()):
            raise NotProvable("the region contains values that are not positive")
        found = positive_states(chain.fine, self.box)
        self.problem = problem(bridge, question.observables, positive_coordinates(chain, bridge, found), deadline)
        self.start = Start(chain, bridge, self.problem, self.box)
        pairs = np.array([self.box[id] for id in self.start.box]).reshape(-1, 2)
        self.low, self.high = np.log(pairs[:, 0]), np.log(pairs[:, 1])
        self.late = dict.fromkeys(bridge.layer_species, bridge.layer_time)
        self.layer = float(getattr(bridge.project, "time", 0.0) or 0.0)
        self.refine(1)

    def refine(self, finer: int) -> None:
        """Time steps that many times shorter than the first ones."""
        marks = (self.layer, self.bridge.layer_time)
        self.times = steps(self.horizon, marks, growth=0.15 / finer, longest=0.0125 / finer)

    def run(self, low: np.ndarray, high: np.ndarray, stop: Callable[[], bool]) -> Enclosure:
        """low, high: (dimensions, N) logarithms."""
        slack = 1e-14 * (1 + np.abs(low)), 1e-14 * (1 + np.abs(high))
        parameters, start = self.start.ranges(np.exp(low - slack[0]), np.exp(high + slack[1]))
        one: Mapping[str, Interval] = start
        kind = ImplicitComparison if self.problem.implicit else Comparison
        return kind(self.problem, parameters, one, self.late, self.layer).run(self.times, stop)


def prove(
    chain: Chain, bridge: Bridge, question: Question, *, time_limit: float = 20.0,
    note: Callable[[float, str], None] | None = None,
) -> Proof:  # fmt: skip
    """What can be proven of a bridge at the end of a chain of exact ones, within `time_limit` seconds. Raises
    NotProvable where the bridge is of a kind for which there is no proof here."""
    end = time.monotonic() + time_limit
    try:
        prover = Prover(chain, bridge, question, end)
        return _Search(prover, question.tolerance, end, note or (lambda *_: None)).result()
    except NoRange as reason:
        raise NotProvable(str(reason)) from None


class _Search:
    def __init__(self, prover: Prover, tolerance: float, end: float, note):
        self.prover, self.tolerance, self.end, self.note = prover, tolerance, end, note
        self.middle = 0.5 * (prover.low + prover.high)
        self.half = 0.5 * (prover.high - prover.low)
        self.top = float(np.exp(self.half.max(initial=0.0)))

    @property
    def late(self) -> bool:
        return time.monotonic() > self.end

    def _box(self, factor: float) -> tuple[np.ndarray, np.ndarray]:
        share = np.log(factor) / np.log(self.top) if self.top > 1 else 1.0
        return self.middle - share * self.half, self.middle + share * self.half

    def result(self) -> Proof:
        factors = sorted({1.0, *(f for f in FACTORS if f < self.top * (1 - 1e-6)), self.top})
        boxes = [self._box(f) for f in factors]
        lows, highs = np.array([b[0] for b in boxes]).T, np.array([b[1] for b in boxes]).T
        kept: tuple = ()
        for finer in FINER:
            self.note(0.1, "proof: one box per size of region")
            self.prover.refine(finer)
            first = self.prover.run(lows, highs, lambda: self.late)
            best = max((k for k in range(len(factors)) if first.bound[k] <= self.tolerance), default=-1)
            if not kept or best > kept[0]:
                kept = best, first, finer
            if best == len(factors) - 1 or self.late:
                break
        best, first, finer = kept
        self.prover.refine(finer)
        bounds = first.bound
        if best < 0 and self.late:
            return Proof(float("inf"), 1.0, False, reason="the time for a proof was over before a run ended")
        if best < 0:
            why = f"the comparison bound at the model as it is alone is {bounds[0]:.3g}, above {self.tolerance:g}"
            return Proof(float("inf"), 1.0, False, reason=why)
        proof = self._proof(factors[best], first, [best])
        for k in range(best + 1, len(factors)):
            larger = self._subdivided(factors[k])
            if larger is None:
                value = bounds[k]
                why = f"over a factor {factors[k]:.3g} the bound from one box is {value:.3g}, and subdividing it did not end in time"
                return Proof(
                    proof.bound, proof.factor, proof.whole, proof.per_observable, proof.boxes, why, proof.pieces
                )
            proof = larger
        return proof

    def _proof(self, factor: float, run: Enclosure, columns) -> Proof:
        share = np.where(run.error[:, columns] == 0, 0.0, run.error[:, columns] / run.size[:, columns]).max(axis=1)
        return Proof(
            float(run.bound[columns].max()),
            factor,
            factor >= self.top,
            dict(zip(run.ids, share.tolist())),
            len(columns),
        )

    def _subdivided(self, factor: float) -> Proof | None:
        """Bisection, box by box, each along the direction that brought most where it was tried; None if time is up."""
        low, high = self._box(factor)
        queue = [(low, high)]
        per: dict[str, float] = {}
        worst, count = 0.0, 0
        direction: dict[int, int] = {}
        while queue:
            if self.late:
                return None
            now, queue = queue[-MOST:], queue[:-MOST]
            run = self.prover.run(np.array([b[0] for b in now]).T, np.array([b[1] for b in now]).T, lambda: self.late)
            bounds = run.bound
            done = bounds <= self.tolerance
            with np.errstate(all="ignore"):
                share = np.where(run.error == 0, 0.0, run.error / run.size)
            for name, row in zip(run.ids, share):
                per[name] = max(per.get(name, 0.0), float(row[done].max(initial=0.0)))
            worst = max(worst, float(bounds[done].max(initial=0.0)))
            count += int(done.sum())
            failing = [now[k] for k in np.flatnonzero(~done)]
            if self.late and failing:
                return None
            for box in failing:
                k = self._direction(box, direction)
                cut = 0.5 * (box[0][k] + box[1][k])
                upper, lower = box[1].copy(), box[0].copy()
                upper[k], lower[k] = cut, cut
                queue += [(box[0], upper), (lower, box[1])]
            self.note(0.5, f"proof over a factor {factor:.3g}: {count} boxes done, {len(queue)} open")
        return Proof(worst, factor, factor >= self.top, per, count)

    def _direction(self, box, known: dict[int, int]) -> int:
        """The direction whose halves have the smallest bound, tried once per size of box; else the longest side."""
        size = int(np.round(np.log2(max(1e-300, np.prod((box[1] - box[0]) / np.maximum(2 * self.half, 1e-300))))))
        if size not in known:
            known[size] = self._best(box)
        return known[size]

    def _best(self, box) -> int:
        sides = box[1] - box[0]
        candidates = np.flatnonzero(sides > 0)
        lows, highs = [], []
        for k in candidates:
            cut = 0.5 * (box[0][k] + box[1][k])
            upper, lower = box[1].copy(), box[0].copy()
            upper[k], lower[k] = cut, cut
            lows += [box[0], lower]
            highs += [upper, box[1]]
        run = self.prover.run(np.array(lows).T, np.array(highs).T, lambda: self.late)
        with np.errstate(all="ignore"):
            raw = np.nan_to_num((run.error / np.maximum(run.size, 1e-300)).max(axis=0), nan=np.inf, posinf=1e300)
        score = np.where(np.isfinite(run.died), 1e300 * (2 - run.died / self.prover.horizon), np.minimum(raw, 1e299))
        pairs = np.maximum(score[0::2], score[1::2])
        return int(candidates[int(pairs.argmin())])
