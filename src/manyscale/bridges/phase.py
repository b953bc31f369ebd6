"""Errors of oscillators, taken apart: how wrong the period is, how far the phase has drifted, and what is wrong besides.

An oscillator whose period is off by 1 % is a quarter of a turn late after 25 periods, whatever its shape: the error at
each time then says nothing about the reduction. Both curves are read off at their own phase: upward crossings of the
middle of the range are whole turns, time in between is stretched evenly.
"""

from __future__ import annotations

import numpy as np

from manyscale.bridges.bridge import Bridge, Chain
from manyscale.bridges.certificate import Phase
from manyscale.bridges.compose import carry_all, observed
from manyscale.engines.ode import simulate_ode
from manyscale.errors import ManyscaleError
from manyscale.kernels import compile_model
from manyscale.model.question import Question

DENSE = 4_000  # output times over the horizon
LEAST_TURNS = 3
RIPPLE = 0.1  # of the range: smaller swings are no turns


def crossings(times: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Times at which a curve rises through the middle of its range, with swings below a tenth of the range left out."""
    low, high = float(values.min()), float(values.max())
    if high <= low:
        return np.empty(0)
    middle, margin = 0.5 * (low + high), 0.5 * RIPPLE * (high - low)
    found, below, last = [], bool(values[0] < middle), 0
    for k in range(1, len(values)):
        if values[k] < middle - margin:
            below = True
        if values[k - 1] < middle <= values[k]:
            last = k
        if below and values[k] > middle + margin:
            if last:
                a, b = values[last - 1], values[last]
                share = (middle - a) / (b - a) if b > a else 1.0
                found.append(times[last - 1] + share * (times[last] - times[last - 1]))
            below, last = False, 0
    return np.array(found)


def compare_phases(times: np.ndarray, fine: np.ndarray, coarse: np.ndarray, id: str = "") -> Phase | None:
    """Period, drift and shape error of one observable; None where one of the curves makes fewer than three turns."""
    one, two = _paired(crossings(times, fine), crossings(times, coarse))
    turns = min(len(one), len(two)) - 1
    if turns < LEAST_TURNS:
        return None
    one, two = one[: turns + 1], two[: turns + 1]
    period = float((one[-1] - one[0]) / turns)
    other = float((two[-1] - two[0]) / turns)
    phase = np.linspace(0.0, turns, 50 * turns + 1)
    count = np.arange(turns + 1)
    a = np.interp(np.interp(phase, count, one), times, fine)
    b = np.interp(np.interp(phase, count, two), times, coarse)
    size = float(np.abs(fine).max())
    return Phase(
        observable=id, period=period, period_error=other / period - 1.0, turns=turns,
        drift=float((two[-1] - one[-1]) / period), shape=float(np.abs(a - b).max() / size) if size else 0.0,
    )  # fmt: skip


def _paired(one: np.ndarray, two: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both from the first turn that both make: a curve that starts at its middle may or may not count it."""
    if min(len(one), len(two)) < 2:
        return one, two
    half = 0.5 * min(one[1] - one[0], two[1] - two[0])
    if two[0] - one[0] > half:
        return one[1:], two
    return (one, two[1:]) if one[0] - two[0] > half else (one, two)


def phase_error(chain: Chain | Bridge, question: Question) -> Phase | None:
    """`compare_phases` of the observable that turns most often, at the model's own values; None for what does not
    oscillate or cannot be run."""
    chain = chain if isinstance(chain, Chain) else Chain(chain.fine, (chain,))
    times = np.linspace(0.0, float(question.horizon), DENSE)  # type: ignore[arg-type]
    try:
        fine = simulate_ode(compile_model(chain.fine), times, rtol=1e-8)
        rows = {id: np.asarray(fine[id]) for id in question.observables if id in set(fine.ids)}
        id = max(rows, key=lambda one: len(crossings(times, rows[one])), default="")
        if not id or len(crossings(times, rows[id])) <= LEAST_TURNS or chain.rescaled:
            return None
        coarse = simulate_ode(compile_model(chain.coarse), times, values=carry_all(chain), rtol=1e-8)
        return compare_phases(times, rows[id], observed(chain, coarse, (id,))[0], id)
    except ManyscaleError:
        return None
