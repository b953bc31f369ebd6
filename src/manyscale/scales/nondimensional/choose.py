"""Which scales: the symmetries say what may be scaled, a run of the model says what is worth it.

Every choice sets quantities to one, as many as there are symmetries, cheapest first: conserved totals near the largest
value of what they contain, coefficients of terms that balance (with the change of the slowest variables, so that time
counts in slow units; with each other elsewhere), constants near the values they are compared with, initial values.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from manyscale.engines.trajectory import Trajectory
from manyscale.errors import ManyscaleError
from manyscale.kernels.interpret import evaluate
from manyscale.model.expr import symbols
from manyscale.model.structure import ConservationLaw
from manyscale.scales.nondimensional.linear import Solution
from manyscale.scales.nondimensional.monomial import Monomial, monomial, product, start
from manyscale.scales.nondimensional.terms import Term
from manyscale.scales.nondimensional.weights import TIME, Symmetries

READING = 0.05  # cost of each name in a scale
BALANCE, CONSTANT, INITIAL, LAST = 0.3, 0.7, 1.0, 20.0  # cost of each kind, in powers of e off the mark
TIME_OFF, FAR = 3.4, 6.9  # powers of e that a scale of time, or of a variable, may be off (30, 1000)
READABLE = 8  # names in a scale, as far as there is a choice
STEPWISE = 60  # symmetries up to which scales are settled one after another
FAINT = 1e-6  # share of the largest term below which a term balances nothing


@dataclass(frozen=True)
class Candidate:
    """Setting the product of quantities with these weights to one; `value` is what it is now, in formulas and number."""

    weights: Mapping[int, int]  # by symmetry
    value: Monomial
    log: float  # of the value
    cost: float
    why: str


@dataclass(frozen=True)
class Choice:
    """The scale of every quantity, and what was set to one to get it."""

    scales: Mapping[str, Monomial]
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Evidence:
    """What the choice looks at. run: of the model whose symmetries these are (None: it could not be run). quantities:
    formula and value of its constants. starts: initial values of its states. laws: conserved totals in values of
    states (all of one kind and compartment), each with its formula. largest: of every variable along the run."""

    run: Trajectory | None
    quantities: Mapping[str, tuple[Monomial, float]]
    starts: Mapping[str, float]
    laws: Sequence[tuple[ConservationLaw, Monomial]]
    terms: Mapping[str, tuple[Term, ...]]
    largest: Mapping[str, float]
    states: tuple[str, ...]
    slow: float | None = None  # the time scale to count in, where it is known
    entry: float = 0.0  # when the initial layer is over


def choose(symmetries: Symmetries, evidence: Evidence) -> Choice:
    """Scales as monomials in given quantities; every one is a symmetry, whatever was chosen."""
    made = _Candidates(symmetries, evidence)
    candidates = made.all()
    solution = Solution({id: (made.of(id), target, limit) for id, (target, limit) in made.targets().items()})
    used: list[int] = []

    def brief(shares: Mapping[int, Fraction]) -> bool:
        return product((candidates[c].value, share) for c, share in shares.items()).size <= READABLE

    ordered = sorted(enumerate(candidates), key=lambda item: (item[1].cost, item[0]))
    if symmetries.rank <= STEPWISE:
        used += _anchored(solution, ordered, brief)
    for accepted, most in ((brief, LAST), (None, LAST), (None, np.inf)):  # readable scales first
        for number, candidate in ordered:
            if len(solution.rows) == symmetries.rank or candidate.cost > most:
                break
            guarded = candidate.cost < 2 * LAST
            if solution.include(candidate.weights, candidate.log, number, guarded=guarded, accepted=accepted):
                used.append(number)
    parts = {
        pivot: product((candidates[c].value, share) for c, share in sorted(shares.items()))
        for pivot, shares in solution.shares.items()
    }
    touched: dict[str, list[tuple[int, int]]] = {}
    for k, weights in enumerate(symmetries.weights):
        for quantity, weight in weights.items():
            touched.setdefault(quantity, []).append((k, weight))
    scales = {
        quantity: product((parts[k], Fraction(weight)) for k, weight in moved) for quantity, moved in touched.items()
    }
    return Choice(scales, tuple(candidates[c].why for c in used if candidates[c].why))


def _anchored(solution: Solution, ordered: list[tuple[int, Candidate]], brief) -> list[int]:
    """One scale after another, each step the cheapest that settles a variable or time: what only relates unsettled
    scales to each other would make products of everything."""
    used: list[int] = []
    left = [item for item in ordered if item[1].cost < LAST]
    while True:
        kept: list[tuple[int, Candidate]] = []
        found = False
        for k, (number, candidate) in enumerate(left):
            answer = solution.include(candidate.weights, candidate.log, number, accepted=brief, settling=True)
            if answer:
                used.append(number)
                left, found = kept + left[k + 1 :], True
                break
            if answer is not None:
                kept.append((number, candidate))
        if not found:
            return used


class _Candidates:
    def __init__(self, symmetries: Symmetries, evidence: Evidence):
        self.symmetries, self.evidence = symmetries, evidence
        self.weights: dict[str, dict[int, int]] = {}
        for k, row in enumerate(symmetries.weights):
            for quantity, weight in row.items():
                self.weights.setdefault(quantity, {})[k] = weight
        self.found: list[Candidate] = []
        self.rates = self._rates()
        slowest = min(self.rates.values(), default=None)
        self.slow = evidence.slow or (1.0 / slowest if slowest else None)

    def all(self) -> list[Candidate]:
        self.totals()
        for target, terms in self.evidence.terms.items():
            self.balances(target, terms)
        self.constants()
        self.initial_values()
        self.last_resorts()
        return self.found

    def offer(self, weights: Mapping[int, int], value: Monomial, number: float, cost: float, why: str = "") -> None:
        """`number` is the value of the monomial."""
        if any(weights.values()) and np.isfinite(cost) and 0 < number < np.inf:
            self.found.append(Candidate(weights, value, float(np.log(number)), cost + READING * value.size, why))

    def targets(self) -> dict[str, tuple[float, float]]:
        """Logarithm of the size of every variable, and of time, and how far off its scale may be."""
        found = {}
        for id in (*self.evidence.states, *self.evidence.terms):
            value = self.evidence.largest.get(id, 0.0)
            if id in self.weights and 0 < value < np.inf:
                found[id] = (float(np.log(value)), FAR)
        if self.slow and TIME in self.weights:
            found[TIME] = (float(np.log(self.slow)), TIME_OFF)
        return found

    def of(self, quantity: str) -> dict[int, int]:
        return self.weights.get(quantity, {})

    def _rates(self) -> dict[str, float]:
        """How fast each state moves through its range."""
        run = self.evidence.run
        found: dict[str, float] = {}
        if run is None or len(run.times) < 3:
            return found
        late = run.times >= self.evidence.entry
        for id in self.evidence.states:
            values = np.asarray(run[id], dtype=float)[late]
            span = float(np.ptp(values)) if np.isfinite(values).all() else 0.0
            if span > 1e-9 * float(np.abs(values).max(initial=0.0)):
                with np.errstate(all="ignore"):
                    slope = np.abs(np.diff(values) / np.diff(run.times[late]))
                fastest = float(slope[np.isfinite(slope)].max(initial=0.0))
                if fastest > 0:
                    found[id] = fastest / span
        return found

    def totals(self) -> None:
        for law, whole in self.evidence.laws:
            value = law.total({s: self.evidence.starts.get(s, 0.0) for s in law.species})
            if value <= 0 or not all(s in self.weights for s in law.species):
                continue
            for species, c in law.coefficients.items():
                share = self.evidence.largest.get(species, 0.0) * float(c) / value
                if share > 0:
                    scale = whole / Monomial(float(c))
                    off = BALANCE * abs(np.log(share))
                    self.offer(
                        self.of(species), scale, value / float(c), off, f"{species} by its conserved total {scale}"
                    )

    def balances(self, target: str, terms: tuple[Term, ...]) -> None:
        """Each pair of terms of one equation, the change itself (or the variable, where it is computed) among them."""
        run = self.evidence.run
        if run is None or not terms or len(terms) > 40:
            return
        sizes = [_size(term, run, self.evidence.quantities[term.coefficient][1]) for term in terms]
        largest = max((float(s.max(initial=0.0)) for s in sizes), default=0.0)
        if not 0 < largest < np.inf:
            return
        change = np.abs(
            sum(t.sign * _size(t, run, self.evidence.quantities[t.coefficient][1], signed=True) for t in terms)
        )
        after = run.times >= (self.evidence.entry if target in self.evidence.states else 0.0)
        slowest = min(self.rates.values(), default=0.0)
        late = 0.0
        if target in self.evidence.states:
            late = 2 * abs(np.log(self.rates[target] / slowest)) if self.rates.get(target) and slowest else np.inf
        for i, term in enumerate(terms):
            mine = self.evidence.quantities[term.coefficient]
            if mine[1] <= 0:
                continue
            met = float(np.minimum(sizes[i], change)[after].max(initial=0.0)) / largest
            if met > FAINT:
                cost = BALANCE - np.log(met) + late
                self.offer(self.of(term.coefficient), mine[0], mine[1], cost, f"change of {target} against {mine[0]}")
            for j in range(i):
                other = self.evidence.quantities[terms[j].coefficient]
                met = float(np.minimum(sizes[i], sizes[j]).max(initial=0.0)) / largest
                if other[1] > 0 and met > FAINT:
                    ratio = mine[0] / other[0]
                    first, second = self.of(term.coefficient), self.of(terms[j].coefficient)
                    weights = {k: first.get(k, 0) - second.get(k, 0) for k in {*first, *second}}
                    value, number = (Monomial(), 1.0) if ratio.pure else (ratio, mine[1] / other[1])
                    self.offer(
                        weights,
                        value,
                        number,
                        BALANCE - np.log(met),
                        f"balance of {mine[0]} and {other[0]} in {target}",
                    )

    def constants(self) -> None:
        """Constants near the value that their kind has along the run."""
        target = self._typical()
        coefficients = {term.coefficient for terms in self.evidence.terms.values() for term in terms}
        for quantity, (formula, value) in self.evidence.quantities.items():
            if value <= 0 or not np.isfinite(value) or quantity not in self.weights:
                continue
            if quantity in coefficients:
                near = self.slow is not None and self.of(quantity) == {k: -w for k, w in self.of(TIME).items()}
                off = abs(np.log(value * self.slow)) if near else LAST
                self.offer(
                    self.of(quantity), formula, value, CONSTANT + off, f"time in units of {Monomial() / formula}"
                )
                continue
            off = abs(sum(w * target[k] for k, w in self.of(quantity).items()) - np.log(value))
            self.offer(self.of(quantity), formula, value, CONSTANT + off, f"{formula} as a unit")

    def _typical(self) -> np.ndarray:
        """Logarithm of every symmetry's parameter at which variables are about one and time is slow."""
        rank = self.symmetries.rank
        known = self.targets()
        rows = [self.of(id) for id in known]
        right = [target for target, _ in known.values()]
        if not rows:
            return np.zeros(rank)
        matrix = np.zeros((len(rows), rank))
        for i, row in enumerate(rows):
            for k, w in row.items():
                matrix[i, k] = w
        return np.linalg.lstsq(matrix, np.array(right), rcond=None)[0]

    def initial_values(self) -> None:
        for id, value in self.evidence.starts.items():
            if value > 0 and id in self.weights:
                largest = self.evidence.largest.get(id, value)
                off = abs(np.log(largest / value)) if largest > 0 else 0.0
                self.offer(self.of(id), monomial(start(id)), value, INITIAL + off, f"{id} by its initial value")

    def last_resorts(self) -> None:
        """Plain numbers, for what nothing in the model measures."""
        for id, value in self.evidence.largest.items():
            if id in self.weights and 0 < value < np.inf:
                rounded = float(f"{value:.2g}")
                self.offer(self.of(id), Monomial(rounded), rounded, 2 * LAST, f"{id} by its largest value")
        for k in range(self.symmetries.rank):
            self.offer({k: 1}, Monomial(), 1.0, 3 * LAST)


def _size(term: Term, run: Trajectory, value: float, signed: bool = False) -> np.ndarray:
    """Size of a term along a run, shape (nt,); zeros where it has none."""
    try:
        names = {name: run[name] for name in symbols(term.body)}
        with np.errstate(all="ignore"):
            found = value * np.asarray(evaluate(term.body, run.times, names), dtype=float)
    except ManyscaleError:
        return np.zeros(len(run.times))
    found = np.nan_to_num(np.broadcast_to(found, run.times.shape), nan=0.0, posinf=0.0, neginf=0.0)
    return found if signed else np.abs(found)
