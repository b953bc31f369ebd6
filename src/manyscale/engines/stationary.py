"""Stationary laws of small master equations: what fast reactions settle to when their conserved sums are given.

One pair of opposite changes is a birth-death chain, whose law follows from detailed balance without solving anything:
binomial for A <-> B, Poisson for 0 <-> A, the finite laws of A + B <-> C and 2A <-> D. Anything else is enumerated and
solved without subtraction (Grassmann, Taksar & Heyman, Oper. Res. 33:1107, 1985).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

DENSE = 400  # states up to which matrices are dense
NEGLIGIBLE = 1e-18  # share of the largest probability from which states are left out
SHIFT = 1e-10  # of the spectrum in inverse iteration, as a share of the largest rate
Propensities = Callable[[np.ndarray], np.ndarray]  # (points, species) -> (reactions, points)


class NoLaw(Exception):
    """The fast reactions have no single stationary law that can be computed; says why."""


@dataclass(frozen=True)
class Law:
    """`states` (count, species) in molecules, their `probabilities`, and the slowest rate at which the law is reached
    (infinite for one state). `reached`: all states that fast reactions connect, where these are not all that have the
    same conserved sums."""

    states: np.ndarray
    probabilities: np.ndarray
    relaxation: float
    reached: np.ndarray | None = None

    def holds(self, states: np.ndarray) -> bool:
        """Whether all these states (count, species), which have the conserved sums of this law, are of its class."""
        if self.reached is None:
            return True
        return {tuple(state) for state in states} <= {tuple(state) for state in self.reached}


def chain_law(
    start: np.ndarray, step: np.ndarray, forward: Propensities, most: int, falling: bool, width: int = 32
) -> Law | None:
    """Law of the states start + n * step, where `forward` gives propensities of n -> n + 1 and of n -> n - 1.

    falling: the first never rises with n and the second never falls, so that the law has one peak and can be cut on
    both sides. None where detailed balance does not apply (a way up without a way down). Errors: NoLaw.
    """
    down, up = -_room(start, -step), _room(start, step)
    if not falling and up - down >= most:
        raise NoLaw(f"more than {most:,} states and no single peak")
    low, high = (max(down, -width), min(up, width)) if falling else (down, up)
    while True:
        n = np.arange(low, high + 1)
        births, deaths = forward(start + n[:, None] * step)
        found = _balance(births, deaths, -int(low))
        if found is None:
            return None
        first, last, log_p = found
        grow_low = low > down and first == 0 and log_p[0] > log_p.max() + np.log(NEGLIGIBLE)
        grow_high = high < up and last == len(n) - 1 and log_p[-1] > log_p.max() + np.log(NEGLIGIBLE)
        if not grow_low and not grow_high:
            break
        if high - low >= most:
            raise NoLaw(f"more than {most:,} states")
        low = max(down, 2 * low) if grow_low else low
        high = min(up, 2 * high) if grow_high else high
    cut = first > 0 or last < len(n) - 1
    reached = start + n[first : last + 1, None] * step if cut else None
    p = np.exp(log_p - log_p.max())
    kept = np.flatnonzero(p > NEGLIGIBLE)
    kept = slice(kept[0], kept[-1] + 1)
    p = p[kept] / p[kept].sum()
    births, deaths, n = births[first : last + 1][kept], deaths[first : last + 1][kept], n[first : last + 1][kept]
    return Law(start + n[:, None] * step, p, _chain_relaxation(births, deaths), reached)


def _room(start: np.ndarray, step: np.ndarray) -> int:
    """How many steps are possible before a species is used up."""
    used = step < 0
    return int(np.min(start[used] // -step[used])) if used.any() else 2**40


def _balance(births: np.ndarray, deaths: np.ndarray, at: int):
    """(first, last, logarithms of the probabilities between them) of the class of state `at`; None: one way only."""
    both = (births[:-1] > 0.0) & (deaths[1:] > 0.0)
    if ((births[:-1] > 0.0) != (deaths[1:] > 0.0)).any():
        return None
    cuts = np.flatnonzero(~both)
    first = int(cuts[cuts < at].max() + 1) if (cuts < at).any() else 0
    last = int(cuts[cuts >= at].min()) if (cuts >= at).any() else len(births) - 1
    ratio = np.log(births[first:last]) - np.log(deaths[first + 1 : last + 1])
    peak = int(np.argmax(np.concatenate([[0.0], np.cumsum(ratio)])))  # sums from there are the same in every window
    below = -np.cumsum(ratio[:peak][::-1])[::-1]
    return first, last, np.concatenate([below, [0.0], np.cumsum(ratio[peak:])])


def _chain_relaxation(births: np.ndarray, deaths: np.ndarray) -> float:
    """Spectral gap of a chain with reflecting ends, by its symmetric form."""
    from scipy.linalg import eigvalsh_tridiagonal

    count = len(births)
    if count == 1:
        return np.inf
    births, deaths = births.copy(), deaths.copy()
    births[-1] = deaths[0] = 0.0
    if count == 2:
        return float(births[0] + deaths[1])
    off = np.sqrt(births[:-1] * deaths[1:])
    return float(-eigvalsh_tridiagonal(-(births + deaths), off, select="i", select_range=(count - 2, count - 2))[0])


def enumerated_law(start: np.ndarray, steps: np.ndarray, propensities: Propensities, most: int) -> Law:
    """Law of all states that the reactions reach from `start`; `steps` (reactions, species). Errors: NoLaw."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    states, row, column, rate = _reachable(start, steps, propensities, most)
    order = np.lexsort(states.T)  # the same from wherever the search began
    place = np.argsort(order)
    states, row, column = states[order], place[row], place[column]
    count = len(states)
    if count == 1:
        return Law(states, np.ones(1), np.inf, states)
    reached = states
    rates = coo_matrix((rate, (row, column)), shape=(count, count)).tocsr()
    classes, label = connected_components(rates, connection="strong")
    if classes > 1:
        leaving = np.unique(label[row[label[row] != label[column]]])
        closed = np.setdiff1d(np.arange(classes), leaving)
        if len(closed) > 1:
            raise NoLaw(f"they end in one of {len(closed)} separate sets of states, so their law depends on chance")
        relaxation = _relaxation(rates)  # also of states that are left for good
        kept = np.flatnonzero(label == closed[0])
        states, rates = states[kept], rates[kept][:, kept]
        if len(kept) == 1:
            return Law(states, np.ones(1), relaxation, reached)
    else:
        relaxation = _relaxation(rates)
    p = stationary(rates)
    kept = np.flatnonzero(p > NEGLIGIBLE * p.max())
    return Law(states[kept], p[kept] / p[kept].sum(), relaxation, reached)


def _reachable(start: np.ndarray, steps: np.ndarray, propensities: Propensities, most: int):
    """States, and rates between them: (states, from, to, rate)."""
    index = {tuple(start): 0}
    states, layer = [np.asarray(start, dtype=float)], [0]
    row: list[int] = []
    column: list[int] = []
    rate: list[float] = []
    while layer:
        points = np.array([states[k] for k in layer])
        values = propensities(points)
        following = []
        for j, step in enumerate(steps):
            for k in np.flatnonzero(values[j] > 0.0):
                state = points[k] + step
                if (state < 0.0).any():
                    raise NoLaw("a reaction uses up more molecules than there are")
                key = tuple(state)
                target = index.get(key)
                if target is None:
                    target = index[key] = len(states)
                    states.append(state)
                    following.append(target)
                    if len(states) > most:
                        raise NoLaw(f"more than {most:,} states")
                row.append(layer[k])
                column.append(target)
                rate.append(float(values[j, k]))
        layer = following
    return np.array(states), np.array(row, dtype=int), np.array(column, dtype=int), np.array(rate)


def stationary(rates) -> np.ndarray:
    """Stationary probabilities of an irreducible chain with these rates (sparse matrix: from, to)."""
    if rates.shape[0] <= DENSE:
        return _without_subtraction(rates.toarray())
    from scipy.sparse import diags, identity
    from scipy.sparse.linalg import splu

    count = rates.shape[0]
    out = np.asarray(rates.sum(axis=1)).ravel()
    shift = SHIFT * out.max()
    solve = splu((rates.T - diags(out) - shift * identity(count)).tocsc()).solve
    p = np.ones(count) / count
    for _ in range(4):  # inverse iteration: other parts shrink by the shift over their decay rate each time
        p = np.abs(solve(p))
        p /= p.sum()
    return p


def _without_subtraction(rates: np.ndarray) -> np.ndarray:
    a = rates.copy()
    np.fill_diagonal(a, 0.0)
    count = len(a)
    for k in range(count - 1, 0, -1):
        a[:k, k] /= a[k, :k].sum()
        a[:k, :k] += np.outer(a[:k, k], a[k, :k])
    p = np.zeros(count)
    p[0] = 1.0
    for k in range(1, count):
        p[k] = p[:k] @ a[:k, k]
    return p / p.sum()


def _relaxation(rates) -> float:
    """Slowest decay rate of a chain with one stationary law."""
    from scipy.sparse import diags

    generator = rates - diags(np.asarray(rates.sum(axis=1)).ravel())
    if rates.shape[0] <= DENSE:
        return float(-np.sort(np.linalg.eigvals(generator.toarray()).real)[-2])
    from scipy.sparse.linalg import eigs

    size = abs(generator.diagonal()).max()
    values = eigs(generator.tocsc(), k=3, sigma=1e-9 * size, v0=np.ones(rates.shape[0]), return_eigenvectors=False)
    return float(-np.sort(values.real)[-2])
