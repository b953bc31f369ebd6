"""Errors observable by observable and along time: the band around a reduced curve.

The bound of a certificate is one number for everything; most observables are better than that most of the time. The
band repeats, cell by cell of the horizon, the largest error seen at any training point, with the certificate's own
safety factor; it never promises more than the bound nor less than a share of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from manyscale.bridges.certificate import Band, Certificate

if TYPE_CHECKING:
    from manyscale.bridges.norm import Errors

EDGES = np.concatenate([[0.0], np.geomspace(1e-4, 0.1, 10), np.linspace(0.15, 1.0, 18)])  # of the horizon
LEAST = 0.2  # of the bound: no observable is promised less


def band(times: np.ndarray, errors: Sequence[Errors], bound: float) -> Band | None:
    """The band of one bridge from errors at the training points (those with a profile), or None without any."""
    known = [e for e in errors if e.profile is not None and len(e.profile)]
    if not known or not np.isfinite(bound):
        return None
    ids = tuple(known[0].per_observable)
    largest = np.max([e.profile for e in known if e.profile is not None], axis=0)  # (observables, times)
    worst = float(largest.max(initial=0.0))
    factor = bound / worst if worst > 0 else 1.0
    edges = EDGES * float(times[-1])
    cells = _cells(edges, times)
    seen = np.zeros((len(ids), len(edges) - 1))
    for k, cell in enumerate(cells):
        seen[:, cell] = np.maximum(seen[:, cell], largest[:, k])
    near = np.maximum(seen, np.maximum(np.roll(seen, 1, axis=1), np.roll(seen, -1, axis=1)))
    near[:, 0] = seen[:, :2].max(axis=1)
    near[:, -1] = seen[:, -2:].max(axis=1)
    widths = np.clip(factor * near, LEAST * bound, bound)
    return Band(tuple(edges.tolist()), {id: tuple(row.tolist()) for id, row in zip(ids, widths)})


def together(parts: Sequence[Certificate]) -> Band | None:
    """The band of a chain: errors of its steps add up, e1 + e2 (1 + e1). None where an inexact step has none."""
    edges: tuple[float, ...] = ()
    total: dict[str, np.ndarray] = {}
    for part in parts:
        if part.tier == "exact":
            continue
        own = part.error.band if part.error else None
        if own is None or (edges and own.times != edges):
            return None
        edges = own.times
        for id, row in own.widths.items():
            before = total.get(id, np.zeros(len(row)))
            total[id] = before + np.array(row) * (1.0 + before)
    return Band(edges, {id: tuple(row.tolist()) for id, row in total.items()}) if edges else None


def width(found: Band, id: str, times: np.ndarray) -> np.ndarray | None:
    """Width of one observable at times, as a share of its largest value; None for what the band does not know."""
    if id not in found.widths:
        return None
    return np.array(found.widths[id])[_cells(np.array(found.times), times)]


def _cells(edges: np.ndarray, times: np.ndarray) -> np.ndarray:
    return np.clip(np.searchsorted(edges, times, side="left") - 1, 0, len(edges) - 2)


def outside(found: Band, errors: Errors, times: np.ndarray, slack: float = 0.0) -> list[str]:
    """Observables that leave the band somewhere by more than `slack`."""
    if errors.profile is None:
        return []
    left = []
    for id, row in zip(errors.per_observable, errors.profile):
        allowed = width(found, id, times)
        if allowed is not None and np.any(row > allowed * (1 + 1e-6) + slack):
            left.append(id)
    return left
