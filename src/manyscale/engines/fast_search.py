"""Which reactions are fast: by relaxation rates along the mean course, and by a trial of what they would be worth."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from manyscale.engines.fast_blocks import Division, NoLaw, listed
from manyscale.engines.ode import simulate_ode
from manyscale.engines.slow_network import SlowNetwork
from manyscale.errors import InputError, SimulationError
from manyscale.kernels.flatten import near
from manyscale.kernels.propensity_code import PropensityCode

STEP_OF_RATES = 3.0  # least ratio between neighbouring relaxation rates at which fast and slow may be told apart
CANDIDATES = 8  # divisions that are tried
OFTENER = 10.0  # times as often as what disturbs them, at least, for reactions to be taken for fast
TRIAL_JUMPS = 300  # slow jumps of one trial
TRIAL_STATES = 2_000  # of one law in a trial that nobody asked for


def fast_reactions(code: PropensityCode, times: np.ndarray, p: np.ndarray, scale: np.ndarray, start: np.ndarray,
                   named: Sequence[str] | str | None, min_gap: float, most: int) -> Division:  # fmt: skip
    """The division into fast and slow reactions with as many fast ones as the gap allows, or that of the named ones.

    Errors: InputError where no division has the gap, with the best that was found.
    """
    if named is not None:
        chosen = _named(code, named)
        gap, reason = _trial(Division(code, chosen), times, p, scale, start, most)
        if reason or gap < min_gap:
            raise InputError(_refused(Division(code, chosen), gap, reason, min_gap))
        return Division(code, chosen)
    best: tuple[float, Division, str] | None = None
    points = _mean_course(code, times, p, scale, start)
    firings = code.propensities(points, p, scale)
    prefixes, pairs = _candidates(code, points, p, scale)
    for division in (Division(code, chosen) for chosen in prefixes):
        if not _oftener(division, firings):
            continue
        gap, reason = _trial(division, times, p, scale, start, min(most, TRIAL_STATES))
        if not reason and gap >= min_gap:
            return division
        if best is None or (not reason and gap > best[0]):
            best = gap, division, reason
    chosen: frozenset[int] = frozenset()
    for pair in pairs:  # those that have the gap alone, together as long as they keep it
        division = Division(code, chosen | pair)
        if _oftener(division, firings):
            gap, reason = _trial(division, times, p, scale, start, min(most, TRIAL_STATES))
            chosen = chosen | pair if not reason and gap >= min_gap else chosen
    if chosen:
        return Division(code, chosen)
    if best is None:
        raise InputError(
            "no reactions are fast: all relax at similar rates; use level='jump', or name them with fast=[...]"
        )
    raise InputError(_refused(best[1], best[0], best[2], min_gap))


def _oftener(division: Division, firings: np.ndarray) -> bool:
    """Whether the reactions of every block fire much more often along the mean course than those that disturb it."""
    code = division.code
    for block in division.blocks:
        if not block.reactions:
            continue
        others = [j for j in division.slow if any(i in block.species for i, _ in code.reactions[j].change)]
        own = np.median(firings[list(block.reactions)].sum(axis=0))
        if not own > OFTENER * (np.median(firings[others].sum(axis=0)) if others else 0.0):
            return False
    return True


def _refused(division: Division, gap: float, reason: str, min_gap: float) -> str:
    ids = listed(division.ids(division.fast))
    if reason:
        return f"the fastest reactions ({ids}) cannot be averaged: {reason}; use level='jump', or name others with fast=[...]"
    return (
        f"no gap between fast and slow: at best {gap:.3g} (fast: {ids}), and {min_gap:g} is asked for; use level='jump', or a "
        "smaller min_gap where errors of about its inverse may be"
    )


def _named(code: PropensityCode, named: Sequence[str] | str) -> frozenset[int]:
    if isinstance(named, str):
        named = [id.strip() for id in named.split(",")]
    if not isinstance(named, (list, tuple, set)) or not named or not all(isinstance(id, str) for id in named):
        raise InputError('fast: give a list of reaction ids, such as fast=["v1", "v2"]')
    ids = {one.reaction for one in code.reactions}
    for id in named:
        if id not in ids:
            raise InputError(f"fast: the model has no reaction {id!r} that changes something{near(id, ids)}")
    return frozenset(j for j, one in enumerate(code.reactions) if one.reaction in set(named))


def _trial(division: Division, times, p, scale, start, most: int) -> tuple[float, str]:
    """(gap along the first slow jumps, why there is no law)."""
    try:
        network = SlowNetwork(division, p, scale, most)
        network.start(start, 0)
        status, _ = network.run(times[-1:], np.empty((1, 1, len(start))), TRIAL_JUMPS, 2 * TRIAL_JUMPS)
    except NoLaw as reason:
        return 0.0, str(reason)
    if status == "overdrawn":
        return 0.0, "a slow reaction uses up more molecules than there are"
    return network.gap(float(times[-1])), ""


def _candidates(
    code: PropensityCode, points: np.ndarray, p, scale
) -> tuple[list[frozenset[int]], list[frozenset[int]]]:
    """Sets of the fastest reactions, the largest first, cut where relaxation rates fall most; and the fastest pairs of
    opposite reactions, one by one."""
    groups: dict[tuple, list[int]] = {}
    for j, one in enumerate(code.reactions):
        change = tuple(sorted(one.change))
        opposite = tuple((i, -n) for i, n in change)
        groups.setdefault(min(change, opposite), []).append(j)
    rates = _relaxations(code, list(groups.values()), points, p, scale)
    order = np.argsort(-rates, kind="stable")
    members = list(groups.values())
    cuts = []
    for k in range(1, len(order) + 1):
        here, following = rates[order[k - 1]], rates[order[k]] if k < len(order) else 0.0
        if here > 0.0 and here >= STEP_OF_RATES * following and k < len(order):
            cuts.append((here / following if following > 0.0 else np.inf, k))
    kept = sorted(k for _, k in sorted(cuts, reverse=True)[:CANDIDATES])
    both_ways = [g for g in order if rates[g] > 0.0 and len({code.reactions[j].change for j in members[g]}) == 2]
    prefixes = [frozenset(j for g in order[:k] for j in members[g]) for k in reversed(kept)]
    return prefixes, [frozenset(members[g]) for g in both_ways[:CANDIDATES]]


def _mean_course(code: PropensityCode, times, p, scale, start) -> np.ndarray:
    """Molecules at some times of the deterministic course, and at the start."""
    end = float(times[-1])
    if end <= 0.0:
        return start[None, :]
    try:
        states = code.kernel.system.states
        run = simulate_ode(
            code.kernel, end * np.array([1e-3, 1e-2, 0.1, 0.5, 1.0]), values=_values(code, states, start * scale, p)
        )
        return np.vstack([start, np.maximum(run.states / scale, 0.0)])
    except SimulationError:
        return start[None, :]


def _values(code: PropensityCode, states, y: np.ndarray, p: np.ndarray) -> dict[str, float]:
    """Overrides that give this start; what rules determine is left to them."""
    initial, parameters = code.kernel.initial()
    system = code.kernel.system
    found = {name: float(v) for name, v, old in zip(states, y, initial) if v != old}
    fixed = zip(system.parameters, p, parameters)
    return found | {name: float(v) for name, v, old in fixed if v != old and not (np.isnan(v) and np.isnan(old))}


def _relaxations(code: PropensityCode, groups: list[list[int]], points: np.ndarray, p, scale) -> np.ndarray:
    """Rate at which each pair of opposite reactions alone would relax: median over points."""
    changes = code.changes()
    found = []
    for group in groups:
        step = changes[group[0]]
        sign = np.array([1.0 if (changes[j] == step).all() else -1.0 for j in group])[:, None]
        here = (sign * code.propensities(points, p, scale)[group]).sum(axis=0)
        there = (sign * code.propensities(points + step, p, scale)[group]).sum(axis=0)
        rate = here - there
        found.append(float(np.median(np.where(np.isfinite(rate), rate, 0.0))))
    return np.array(found)
