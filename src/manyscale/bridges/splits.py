"""Which variables could be eliminated: grown one by one from the most relaxed, never by enumerating subsets.

Each state is ranked by how far it is from its own steady state after the initial layer, |x'| / |J_ii| relative to its
size (Turanyi, Tomlin & Pilling, J. Phys. Chem. 97:163, 1993). Groups are then taken in while the first-order estimate of
the error of every observable stays below the limit; a state that fails along its own axis is tried along the
stoichiometry of the reactions that relax it, which makes totals the slow coordinates.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

import numpy as np

from manyscale.bridges.error_estimate import Estimate, Sampled, estimate, spectral_gap
from manyscale.bridges.time.network import plain
from manyscale.bridges.time.split import Split, matrix, partners
from manyscale.bridges.trials import telling_rows
from manyscale.kernels.kernel import Kernel
from manyscale.model.model import Model

LEAST_GAP = 2.0  # typical ratio of the slowest fast to the fastest slow rate below which nothing is called fast
SETTLED = 3.0  # decay times after which the initial layer counts as over
DIRECTIONS = 2  # reactions tried per state as fast directions


@dataclass
class Survey:
    """Everything the growth of a fast set needs to know about the fine model."""

    model: Model
    kernel: Kernel
    runs: Sequence[Sampled]
    layer: float
    limit: float
    counted: np.ndarray
    barred: Collection[int] = ()
    deadline: float = float("inf")
    totals: bool = False  # whether directions along reactions are tried before the variables' own axes
    seen: dict = field(default_factory=dict)
    tried: int = 0
    slopes: list = field(default_factory=list)

    def __post_init__(self):
        self.system = self.kernel.system
        self.columns = self.system.columns
        size = self.kernel.size
        y, p = self.kernel.initial()
        factors = np.asarray(self.kernel.evaluate(self.system.row_factors, 0.0, y, p), dtype=float)
        self.factors = factors if factors.shape == (size,) else np.ones(size)
        self.plain = np.array([plain(self.model, self.system, i) and i not in self.barred for i in range(size)])

    def judge(self, split: Split) -> Estimate | None:
        """The worst estimate over the runs; None where the split is impossible or something does not decay."""
        key = (split.fast, split.directions)
        if key not in self.seen:
            self.seen[key] = self._judge(split)
            self.tried += 1
        return self.seen[key]

    def _judge(self, split: Split) -> Estimate | None:
        table = partners(split, self.columns)
        if table is None or any(v > 0 for entries in table.values() for v in entries.values()):
            return None
        members = set(table) | {y for entries in table.values() for y in entries}
        if members and not self.plain[list(members)].all():
            return None
        fast, slow = np.array(split.fast, dtype=int), np.array(split.slow, dtype=int)
        p = matrix(split, table, self.factors)
        worst: Estimate | None = None
        for run in self.runs:
            with np.errstate(all="ignore"):
                found = estimate(run, fast, slow, p, self.layer, self.counted)
            if found is None:
                return None
            if worst is None or found.worst > worst.worst:
                worst = found
            if worst.worst > 20 * self.limit:
                break
        return worst

    def shift(self, split: Split) -> np.ndarray | None:
        """P of the split, shape (slow, fast), in the units of the states; None where the directions are dependent."""
        table = partners(split, self.columns)
        return None if table is None else matrix(split, table, self.factors)

    def least_decay(self, split: Split, times: np.ndarray, states: np.ndarray, p: np.ndarray) -> float:
        """Slowest decay rate of the fast block along a run after the layer; negative where something grows, and where
        what was attracting cannot be said."""
        shift = self.shift(split)
        if shift is None:
            return -1.0
        fast, slow = np.array(split.fast, dtype=int), np.array(split.slow, dtype=int)
        late = np.flatnonzero(times >= self.layer)
        count = 12 if len(fast) <= 40 else 6 if len(fast) <= 100 else 3
        rows = late[telling_rows(times[late], states[late], count)]
        least = np.inf
        for k in rows:
            j = self.kernel.jacobian(times[k], states[k], p if p.ndim == 1 else p[k])
            block = j[fast[:, None], fast] + j[fast[:, None], slow] @ shift
            if not np.isfinite(block).all():
                return -1.0
            least = min(least, -float(np.linalg.eigvals(block).real.max()))
        return least

    def good(self, split: Split, share: float = 1.0) -> bool:
        found = self.judge(split)
        return found is not None and found.worst <= share * self.limit and SETTLED / found.nu <= self.layer

    @property
    def late(self) -> bool:
        return time.monotonic() > self.deadline


def best_gap(survey: Survey) -> float:
    """The largest gap of the spectrum (median over the first run after the layer), wherever it lies."""
    run = survey.runs[0]
    gaps = [spectral_gap(values, np.inf) for k, values in run.spectra.items() if run.times[k] >= survey.layer]
    return float(np.median(gaps)) if gaps else 0.0


def ranking(survey: Survey) -> list[int]:
    """States that may be fast, the most relaxed first."""
    size = survey.kernel.size
    score = np.zeros(size)
    slowest = np.zeros(size)
    for run in survey.runs:
        late = run.times >= survey.layer
        diagonal = np.einsum("kii->ki", run.jacobians)[late]
        with np.errstate(all="ignore"):
            distance = np.where(diagonal < 0, np.abs(run.rates[late] / diagonal) / run.sizes, np.inf)
            decay = np.where(diagonal < 0, -1.0 / diagonal, np.inf)
        score = np.maximum(score, np.nan_to_num(distance, nan=np.inf).max(axis=0))
        slowest = np.maximum(slowest, np.nan_to_num(decay, nan=np.inf).max(axis=0))
    order = np.lexsort((slowest, score))
    return [int(i) for i in order if i not in survey.barred and slowest[i] <= survey.layer and np.isfinite(score[i])]


def grow(survey: Survey, note: Callable[[float], None] | None = None) -> Split:
    """The largest split found (it may have no fast variable), the most relaxed variables first."""
    candidates = ranking(survey)
    best = Split(survey.kernel.size, (), ())
    stack = [candidates]
    while stack and not survey.late:
        group = stack.pop()
        group = [i for i in group if i not in best.fast]
        if not group:
            continue
        wider = best
        for i in group:
            along = fast_reactions(survey, i)[:1] if survey.totals and survey.plain[i] else []
            wider = wider.extended(i, along[0] if along else None)
        if survey.good(wider, 0.5 if len(group) > 1 else 0.3):
            best = wider
            continue
        if len(group) > 1:
            stack += halves(group)
            continue
        best = _single(survey, best, group[0])
    return best


def halves(group: list[int]) -> list[list[int]]:
    """Both halves, as they are pushed on a stack: the first half comes off first."""
    half = len(group) // 2
    return [group[half:], group[:half]]


def _single(survey: Survey, best: Split, state: int) -> Split:
    """One more fast variable, along its own axis or along a reaction, whichever the estimate likes better."""
    options = [best.extended(state, None)]
    if survey.plain[state]:
        options += [best.extended(state, j) for j in fast_reactions(survey, state)]
    good = [o for o in options if survey.good(o)]
    if not good:
        return best
    return min(good, key=lambda o: survey.judge(o).worst)  # type: ignore[union-attr]


def fast_reactions(survey: Survey, state: int) -> list[int]:
    """The reactions that contribute most to the decay of a state, one per direction."""
    if not survey.slopes:
        run = survey.runs[0]
        rows = np.unique(np.linspace(len(run.times) // 3, len(run.times) - 1, 4).astype(int))
        _, p = survey.kernel.initial()
        survey.slopes = [survey.kernel.rate_jacobian(run.times[k], run.states[k], p) for k in rows]
    share: dict[tuple, float] = {}
    first: dict[tuple, int] = {}
    for j, column in enumerate(survey.columns):
        number = column.get(state)
        if not number:
            continue
        key = tuple(sorted((i, v / number) for i, v in column.items()))
        value = -float(number) * float(np.mean([s[j, state] for s in survey.slopes]))
        share[key] = share.get(key, 0.0) + value
        first.setdefault(key, j)
    order = sorted((key for key in share if share[key] > 0 and len(key) > 1), key=lambda key: -share[key])
    return [first[key] for key in order[:DIRECTIONS]]
