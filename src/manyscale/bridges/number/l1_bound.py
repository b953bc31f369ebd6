"""How far a process with fast reactions averaged out is from the exact one, in total variation, proved on a set of states.

With Q = Q_fast + Q_slow, classes of states that fast reactions connect, Pi the fast stationary law of each class and P the
law of the averaged process on classes, P' = Qb P with Qb Pi-averages of Q_slow, the curve q = (Pi + M) P with the first
corrector M = -Q_fast^# (Q_slow Pi - Pi Qb) leaves the residual Q q - q' = (Q_slow M - M Qb) P: second order in slow over
fast. Master equations contract in l1, so ||p - q||_1 is at most its value at the start and the integral of the residual
(group inverses: Campbell & Meyer, Generalized Inverses of Linear Transformations, ch. 8; averaging: Yin & Zhang,
Continuous-Time Markov Chains and Applications, ch. 4). What leaves the set of states is part of the residual.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from manyscale.engines.cme_space import StateSpace
from manyscale.engines.cme_steps import Krylov

LARGEST = 4e7  # states times classes
LAYER_TOLERANCE = 1e-9
LOOKS = 40  # times at which the bound is evaluated


class NoAverage(Exception):
    """Fast reactions have no stationary law of their own; the message says why."""


@dataclass(frozen=True)
class Averaged:
    """The averaged process on classes of states.

    label: class of each state. law: conditional probability of each state within its class. generator: (classes, classes).
    corrector: (states, classes). residual: per class, l1 norm of what the corrected curve misses. closed: nothing leaves
    the set of states.
    """

    label: np.ndarray
    law: np.ndarray
    generator: np.ndarray
    corrector: np.ndarray
    residual: np.ndarray
    closed: bool

    def spread(self, classes: np.ndarray) -> np.ndarray:
        """Probabilities of states from those of classes."""
        return self.law * classes[self.label]


def averaged(space: StateSpace, fast: list[int]) -> Averaged:
    """Classes, conditional laws, averaged generator, corrector and residual. Raises NoAverage."""
    from scipy.sparse import coo_matrix, csc_matrix
    from scipy.sparse.csgraph import connected_components
    from scipy.sparse.linalg import splu

    quick, out = space.flow(sorted(fast))
    slow, leak = space.flow(j for j in range(len(space.changes)) if j not in fast)
    quick.eliminate_zeros()
    leak = leak + out
    n = len(space)
    count, label = connected_components(quick, directed=True, connection="weak")
    strong, _ = connected_components(quick, directed=True, connection="strong")
    if strong != count:
        raise NoAverage("the fast reactions do not lead back: they have no stationary law within what they conserve")
    if n * count > LARGEST:
        raise NoAverage(f"{n:,} states in {count:,} classes are too many; give smaller limits")
    _, first = np.unique(label, return_index=True)
    keep = np.ones(n, dtype=bool)
    keep[first] = False
    entries = quick.tocoo()
    kept = keep[entries.row]
    system = coo_matrix(
        (np.concatenate([entries.data[kept], np.ones(n)]),
         (np.concatenate([entries.row[kept], first[label]]), np.concatenate([entries.col[kept], np.arange(n)]))),
        shape=(n, n),
    )  # fmt: skip
    factors = splu(csc_matrix(system))
    right = np.zeros(n)
    right[first] = 1.0
    law = np.maximum(factors.solve(right), 0.0)
    law /= np.bincount(label, weights=law, minlength=count)[label]
    spread = csc_matrix((law, (np.arange(n), label)), shape=(n, count))
    gather = csc_matrix((np.ones(n), (label, np.arange(n))), shape=(count, n))
    flow = slow @ spread
    generator = np.asarray((gather @ flow).todense())
    missing = np.asarray(flow.todense()) - np.asarray((spread @ csc_matrix(generator)).todense())
    missing[first] = 0.0
    corrector = -factors.solve(missing)
    rest = slow @ corrector - corrector @ generator
    residual = np.abs(rest).sum(axis=0) + leak @ np.abs(np.asarray(spread.todense()) + corrector)
    return Averaged(label, law, generator, corrector, residual, not leak.any())


@dataclass(frozen=True)
class Distance:
    """Bounds at `times` on the total variation between exact and averaged: of the slow part alone (`slow`) and with fast
    species drawn from their conditional law (`whole`). layer: time after which they hold; start: what is due to it."""

    times: np.ndarray
    slow: np.ndarray
    whole: np.ndarray
    layer: float
    start: float


def distance(space: StateSpace, fast: list[int], made: Averaged, horizon: float, longest_layer: float) -> Distance:
    """The bound for a start in the first state of the set. The initial layer is solved exactly (`cme_steps`)."""
    from scipy.sparse import csr_matrix, vstack
    from scipy.sparse.linalg import expm_multiply

    layer, start, classes = _layer(space, fast, made, longest_layer)
    count = len(made.residual)
    extended = vstack([csr_matrix(made.generator), csr_matrix(made.residual)]).tocsr()
    extended.resize((count + 1, count + 1))
    times = np.linspace(layer, horizon, LOOKS)
    curve = np.asarray(expm_multiply(extended, np.append(classes, 0.0), 0.0, horizon - layer, LOOKS))
    # total variation is half of l1 where no probability is lost, and at most l1 where some is
    slow = np.minimum((0.5 if made.closed else 1.0) * (start + np.maximum(curve[:, -1], 0.0)), 1.0)
    correction = 0.5 * np.abs(made.corrector @ curve[:, :-1].T).sum(axis=0)
    return Distance(times, slow, np.minimum(slow + correction, 1.0), layer, start)


def _layer(space: StateSpace, fast: list[int], made: Averaged, longest: float) -> tuple[float, float, np.ndarray]:
    """(its length, l1 distance at its end between exact and corrected averaged law, classes of the averaged law then).

    The averaged process starts in the class of the start, so what its classes are off by at the end counts too."""
    from scipy.linalg import expm

    matrix, _ = space.generator()
    krylov = Krylov(matrix)
    p = np.zeros(len(space))
    p[0] = 1.0
    count = len(made.residual)
    begin = np.zeros(count)
    begin[made.label[0]] = 1.0
    now, error = 0.0, 0.0
    best = (0.0, 2.0, begin)
    stop = 1.0 / max(krylov.fastest, 1e-300)
    while True:
        stop = min(stop, longest)
        while now < stop * (1 - 1e-12):
            p, length, wrong = krylov.advance(p, stop - now, LAYER_TOLERANCE / max(longest, 1e-300))
            now, error = now + length, error + wrong
        own = expm(now * made.generator) @ begin
        curve = made.spread(own) + made.corrector @ own
        off = float(np.abs(np.maximum(p, 0.0) - curve).sum()) + error
        if off < best[1]:
            best = (now, off, own)
        if stop >= longest or (off > best[1] and off < 0.5):
            return best
        stop *= 2.0
