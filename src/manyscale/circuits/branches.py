"""Branches: pieces of the curve of steady states, all stable or all not."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from manyscale.circuits.dose_response import Path


@dataclass(frozen=True, eq=False)
class Branch:
    """A piece of the curve of steady states: dose and response of shape (points,), all stable or all not."""

    dose: np.ndarray
    response: np.ndarray
    stable: bool


def branches(paths: list[Path]) -> tuple[Branch, ...]:
    """Pieces of equal stability between folds; neighbours share their end point."""
    found = []
    for path in paths:
        folds = set(path.folds().tolist())
        changes = {int(k) + 1 for k in np.flatnonzero(path.stable[1:] != path.stable[:-1])}
        cuts = {0, len(path.log_dose) - 1} | folds
        cuts |= {k for k in changes if not folds & {k - 1, k, k + 1}}  # at a fold rounding decides
        edges = sorted(cuts)
        for a, b in pairwise(edges):
            if b > a:
                inner = path.stable[a + 1 : b] if b > a + 1 else path.stable[a : b + 1]
                stable = bool(inner.mean() > 0.5)
                found.append(Branch(np.exp(path.log_dose[a : b + 1]), path.response[a : b + 1], stable))
    return tuple(found)
