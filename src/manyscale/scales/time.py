"""Time scales along a trajectory: how many, made by whom, with which gaps, and which species are fast when.

Pointers are those of computational singular perturbation (Lam & Goussis 1994): a species takes part in a group of modes
as the diagonal of the spectral projector of that group, a reaction as its share of the trace of the projected Jacobian.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field

import numpy as np

from manyscale.engines.trajectory import Trajectory
from manyscale.scales.modes import DIRECT, Fast, Modes, alignment, fast_subspace, modes, only_values, well_chosen
from manyscale.scales.quotient import Linear, Quotient

NOTEWORTHY = 3.0  # a gap from which on groups of modes are told apart
WORTH_IT = 10.0  # a gap that makes a split worth looking at
MOST_CHOICES = 6  # sets of fast species compared for one split
SHOWN = 8  # names kept per group of modes
SMALL = 1e-12  # of the largest value of its kind: taken for zero


@dataclass(frozen=True)
class Level:
    """A group of modes of about the same speed: time scale of its slowest member, and what makes it."""

    time_scale: float
    count: int
    species: dict[str, float] = field(default_factory=dict)
    reactions: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class TimeRow:
    """Time scales at one time.

    time_scales: 1/|lambda| of the nonzero modes, slowest first. eigenvalues: fastest decay first. gaps: m fast modes ->
    gap. split: the number of fast modes chosen, gap the gap there, fast_species as many species that the slow ones
    determine. participation: share of each species in the fast modes. reactions: what makes the fast modes.
    alignment: kappa of the split into these species and the others.
    """

    t: float
    time_scales: tuple[float, ...]
    eigenvalues: np.ndarray = field(repr=False)
    gaps: dict[int, float] = field(repr=False)
    split: int = 0
    gap: float | None = None
    fast_species: tuple[str, ...] = ()
    participation: dict[str, float] = field(default_factory=dict, repr=False)
    reactions: dict[str, float] = field(default_factory=dict, repr=False)
    alignment: float | None = None
    levels: tuple[Level, ...] = field(default=(), repr=False)


@dataclass(frozen=True)
class Split:
    """A candidate separation into `fast` modes and the rest, over all rows.

    gap: smallest after the initial layer (0 where the split is not admissible). time_scale: of the slowest fast mode,
    largest over these rows. species: those whose fast motion is largest. share: part of the rows (after the layer)
    with a gap of at least 3.
    """

    fast: int
    species: tuple[str, ...]
    gap: float
    time_scale: float
    alignment: float
    share: float


def sample_times(horizon: float, fastest: float, size: int) -> np.ndarray:
    """Where to look: 0, logarithmic from the fastest time scale, and linear for what oscillates. Fewer if large."""
    logs, lines = (14, 12) if size <= 40 else (9, 6) if size <= DIRECT else (4, 3)
    first = min(max(0.3 * fastest, 1e-9 * horizon), 0.1 * horizon)
    early = np.geomspace(first, horizon, logs)
    late = np.linspace(0.0, horizon, lines)[1:]
    times = np.unique(np.concatenate([[0.0], early, late]))
    keep = np.concatenate([[True], np.diff(times) > 1e-3 * times[1:]])
    return times[keep]


def typical_sizes(run: Trajectory) -> tuple[np.ndarray, np.ndarray]:
    """(sizes, present): largest absolute value of each state along the trajectory, shape (n,), and whether it is ever
    more than rounding; what is zero all the time gets the size of the largest of its kind."""
    system = run.kernel.system
    size = np.abs(run.states).max(axis=0)
    size = np.where(np.isfinite(size), size, 0.0)
    species, amounts = np.array(system.state_is_species, bool), np.array(system.state_is_amount, bool)
    present = np.ones(len(size), dtype=bool)
    for kind in (species & amounts, species & ~amounts, ~species):
        if kind.any():
            top = size[kind].max() or 1.0
            present[kind] = size[kind] > SMALL * top
            size[kind & ~present] = top
    return size, present


def row_parameters(run: Trajectory, k: int) -> np.ndarray:
    """Parameters at row k of a trajectory."""
    return run.parameters[k] if run.parameters.ndim == 2 else run.parameters


@dataclass(frozen=True)
class Point:
    """The linearisation at one row, scaled by typical sizes, with its modes."""

    t: float
    linear: Linear
    scaled: np.ndarray
    found: Modes
    sizes: np.ndarray  # of the independent states
    present: np.ndarray  # mask of those that are not zero all the time

    def fast(self, m: int) -> Fast:
        return fast_subspace(self.found, m)


def points(quotient: Quotient, run: Trajectory) -> list[Point]:
    """Modes at every row of a trajectory; rows where the Jacobian is not finite are left out."""
    typical, present = typical_sizes(run)
    result = []
    for k, t in enumerate(run.times):
        linear = quotient.linear(float(t), run.states[k], row_parameters(run, k), typical)
        if not np.isfinite(linear.jacobian).all():
            continue
        sizes = typical[linear.index]
        scaled = linear.jacobian * sizes[None, :] / sizes[:, None]
        found = modes(scaled) if len(scaled) <= DIRECT else only_values(scaled)
        result.append(Point(float(t), linear, scaled, found, sizes, present[linear.index]))
    return result


def choose_split(found: Modes, longest: float) -> int:
    """The number of fast modes: the largest gap among splits whose fast modes are over within `longest`; 0 if none is
    noteworthy. Splits that leave nothing but zero modes are taken only when there is no other."""
    best, best_gap = 0, NOTEWORTHY
    for m, gap in found.gaps.items():
        if gap > best_gap and np.isfinite(gap) and -1.0 / found.values[m - 1].real <= longest:
            best, best_gap = m, gap
    if not best:
        endless = [m for m, g in found.gaps.items() if np.isinf(g) and -1.0 / found.values[m - 1].real <= longest]
        best = endless[-1] if endless else 0
    return best


def rows(quotient: Quotient, run: Trajectory, horizon: float, entry: float) -> tuple[tuple[TimeRow, ...], list[Point]]:
    """One `TimeRow` per sampled time, and the points they were made from."""
    states = quotient.kernel.system.states
    result, looked = [], points(quotient, run)
    for k, point in enumerate(looked):
        found = point.found
        m = choose_split(found, max(entry, 0.05) * horizon)
        if found.vectors is None and m and k in (0, len(looked) - 1) and len(point.scaled) <= 1000:
            found = modes(point.scaled)  # large: only at the ends
            m = m if m in found.gaps else choose_split(found, max(entry, 0.05) * horizon)
            looked[k] = point = dataclasses.replace(point, found=found)
        extra: dict = {}
        if m and found.vectors is not None:
            fast = point.fast(m)
            chosen = well_chosen(fast)
            share = fast.share()
            extra = {
                "fast_species": tuple(states[i] for i in point.linear.index[chosen]),
                "participation": _top(states, point.linear.index, share, None),
                "reactions": _reactions(quotient, run, point, fast.projector),
                "alignment": alignment(point.scaled, chosen, point.present),
            }
        levels = _levels(quotient, run, point) if len(point.scaled) <= 60 else ()
        gap = found.gaps.get(m)
        result.append(
            TimeRow(
                point.t, tuple(found.time_scales().tolist()), found.values, found.gaps, m, gap, levels=levels, **extra
            )
        )
    return tuple(result), looked


def _top(states, index: np.ndarray, share: np.ndarray, count: int | None) -> dict[str, float]:
    order = np.argsort(-np.abs(share), kind="stable")[:count]
    return {states[index[i]]: float(share[i]) for i in order if abs(share[i]) > 1e-3}


def _reactions(quotient: Quotient, run: Trajectory, point: Point, projector: np.ndarray) -> dict[str, float]:
    """Share of each reaction in the trace of the projected Jacobian: J = sum over reactions of s_k grad v_k."""
    system = quotient.kernel.system
    if not system.rates or system.mass is not None or len(system.rates) * quotient.kernel.size > 200_000:
        return {}
    k = int(np.argmin(np.abs(run.times - point.t)))
    y, p = run.states[k], row_parameters(run, k)
    slopes = quotient.kernel.rate_jacobian(point.t, y, p) @ point.linear.basis * point.sizes
    columns = _columns(quotient, y, p)[point.linear.index] / point.sizes[:, None]
    part = np.einsum("ki,ij,jk->k", slopes, projector, columns, optimize=True)
    total = np.abs(part).sum()
    if not np.isfinite(total) or total == 0:
        return {}
    order = np.argsort(-np.abs(part), kind="stable")[:SHOWN]
    return {system.rates[i][0]: float(abs(part[i]) / total) for i in order if abs(part[i]) > 0.01 * total}


def _columns(quotient: Quotient, y: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Stoichiometric matrix in the units of y, shape (n, reactions)."""
    system = quotient.kernel.system
    matrix = np.zeros((quotient.kernel.size, len(system.rates)))
    for i, j, value in system.balance:
        matrix[i, j] += float(value)
    for i, j, formula in system.variable_stoichiometry:
        matrix[i, j] += float(quotient.kernel.evaluate((formula,), 0.0, y, p)[0])
    factors = np.asarray(quotient.kernel.evaluate(system.row_factors, 0.0, y, p), dtype=float)
    return matrix * factors[:, None]


def _levels(quotient: Quotient, run: Trajectory, point: Point) -> tuple[Level, ...]:
    """Groups of modes between noteworthy gaps, slowest first, with what makes them."""
    found, states = point.found, quotient.kernel.system.states
    edges = [m for m, gap in found.gaps.items() if gap >= NOTEWORTHY]
    edges = [*edges, len(found.values)] if len(found.values) else []
    levels, before, last = [], np.zeros_like(point.scaled), 0
    for m in edges:
        values = found.values[last:m]
        nonzero = np.abs(values)[np.abs(values) > found.zero]
        projector = np.eye(len(point.scaled)) if m == len(found.values) else point.fast(m).projector
        own = projector - before
        levels.append(
            Level(
                float(1.0 / nonzero.min()) if len(nonzero) else float("inf"),
                m - last,
                _top(states, point.linear.index, np.diag(own), SHOWN),
                _reactions(quotient, run, point, own),
            )
        )
        before, last = projector, m
    return tuple(reversed(levels))


def splits(rows_: tuple[TimeRow, ...], looked: list[Point], states, horizon: float, entry: float) -> tuple[Split, ...]:
    """All splits with a gap worth looking at somewhere, the most useful first: those that hold everywhere, then by how
    many modes they take away."""
    begin = max(entry, 0.0) * horizon
    late = [k for k, row in enumerate(rows_) if row.t >= begin] or list(range(len(rows_)))
    result = []
    for m in sorted({m for k in late for m, gap in rows_[k].gaps.items() if gap >= NOTEWORTHY}):
        worst = min(rows_[k].gaps.get(m, 0.0) for k in late)
        holds = [k for k in late if rows_[k].gaps.get(m, 0.0) >= NOTEWORTHY]
        slow = max(-1.0 / rows_[k].eigenvalues[m - 1].real for k in holds)
        species, kappa = _species_of(m, [looked[k] for k in holds], states)
        result.append(Split(m, species, float(worst), float(slow), kappa, len(holds) / len(late)))
    longest = max(entry, 0.05) * horizon
    return tuple(
        sorted(
            result, key=lambda s: (s.gap < WORTH_IT or s.time_scale > longest, s.gap < NOTEWORTHY, -s.share, -s.fast)
        )
    )


def _species_of(m: int, looked: list[Point], states) -> tuple[tuple[str, ...], float]:
    """The same m species at all these points, and their worst alignment."""
    usable = [p for p in looked if p.found.vectors is not None]
    if not usable:
        return (), float("nan")
    if any(not np.array_equal(p.linear.index, usable[0].linear.index) for p in usable):
        usable = usable[-1:]
    step = max(1, len(usable) // MOST_CHOICES)
    choices = {tuple(well_chosen(point.fast(m)).tolist()) for point in usable[::-step][:MOST_CHOICES]}
    worst = {c: max(alignment(p.scaled, np.array(c), p.present) for p in usable) for c in sorted(choices)}
    best = min(worst, key=lambda c: worst[c])
    return tuple(states[i] for i in usable[0].linear.index[list(best)]), float(worst[best])
