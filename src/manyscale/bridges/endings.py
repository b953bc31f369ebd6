"""Where a slow manifold ends: a fold, or a crossing with another branch at which stability is exchanged.

Along a run a fast variable decays at the rate -dG/dy. Where that rate passes zero the branch G(z, y) = 0 ends: in a fold
where the slow variables push G across (dG/dz is not small there), otherwise in a crossing of branches, where stability
is lost with a delay (Krupa & Szmolyan, SIAM J. Math. Anal. 33:286, 2001; Nonlinearity 14:1473, 2001).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from manyscale.bridges.error_estimate import Sampled

FAST = 10.0  # decays over the horizon that make a variable worth mentioning
PUSHED = 0.02  # share of the typical restoring rate below which the slow variables do not push


@dataclass(frozen=True)
class Ending:
    """State number, kind ("fold" or "crossing"), time, and the decay rate typical of the variable before."""

    state: int
    kind: str
    time: float
    decay: float


def ending(run: Sampled) -> Ending | None:
    """The first ending of the branch of a fast variable along a run, or None."""
    horizon = float(run.times[-1] - run.times[0])
    found: list[Ending] = []
    diagonal = np.einsum("kii->ki", run.jacobians)
    for i in range(diagonal.shape[1]):
        rate = -diagonal[:, i]
        growing = np.flatnonzero(rate <= 0)
        if not len(growing) or not np.isfinite(run.sizes[i]) or growing[0] == 0:
            continue
        first = int(growing[0])
        typical = float(np.max(rate[:first]))
        if typical * horizon < FAST or np.isnan(rate).any():
            continue
        others = [j for j in range(len(run.sizes)) if j != i and np.isfinite(run.sizes[j])]
        push = float(np.abs(run.jacobians[first, i, others] * run.sizes[others]).sum())
        kind = "fold" if push > PUSHED * typical * run.sizes[i] else "crossing"
        weight = rate[first - 1] / max(rate[first - 1] - rate[first], 1e-300)
        time = run.times[first - 1] + weight * (run.times[first] - run.times[first - 1])
        found.append(Ending(i, kind, float(time), typical))
    return min(found, key=lambda one: one.time, default=None)


def in_words(one: Ending, name: str) -> str:
    """What happens, in one sentence without a full stop."""
    how = {
        "fold": "the branch that it follows ends in a fold",
        "crossing": "the branch that it follows meets another one and loses its stability, with a delay",
    }[one.kind]
    return f"{name} is fast until t = {one.time:.3g}, where {how}"
