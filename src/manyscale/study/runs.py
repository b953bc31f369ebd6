"""What a report draws of simulations: full against small model, and the collapse onto a slow manifold."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from manyscale.bridges.bands import width
from manyscale.bridges.bridge import Bridge, Chain
from manyscale.bridges.certificate import Band
from manyscale.bridges.norm import floors
from manyscale.engines import simulate as run_model
from manyscale.errors import ManyscaleError
from manyscale.kernels import compile_model
from manyscale.model.model import Model
from manyscale.study.drawing import ELIMINATED_BY

MOST_SERIES = 24
LINEAR, LOGARITHMIC = 401, 70  # points of a time grid
DIGITS = 6


def simulate(model: Model, times: np.ndarray, **options: Any) -> Any:
    """A run without a progress bar of its own."""
    return run_model(model, times, progress=lambda *_: None, **options)


def grid(horizon: float, layer: float = 0.0) -> np.ndarray:
    """Times that show both the initial layer and the rest."""
    first = max(min(layer / 20.0 if layer else horizon * 1e-4, horizon * 1e-2), horizon * 1e-9)
    return np.unique(
        np.concatenate([np.linspace(0.0, horizon, LINEAR), np.geomspace(first, horizon, LOGARITHMIC)[:-1]])
    )


def trajectories(
    chain: Chain, coarse: Model, observables: Sequence[str], horizon: float, units: Mapping[str, str]
) -> dict[str, Any]:
    """Time courses of the observables in both models, the most telling ones first; {} if the full model fails."""
    layer = max((bridge.layer_time for bridge in chain.bridges), default=0.0)
    times = grid(horizon, layer)
    seconds: dict[str, float] = {}
    full = _timed(chain.fine, times, seconds, "full")
    if full is None:
        return {}
    small = _timed(coarse, times, seconds, "small") if chain.bridges else None
    fast = {id for bridge in chain.bridges if bridge.name not in ELIMINATED_BY for id in bridge.eliminated}
    known = [id for id in observables if id in set(full.ids)]
    seen = _without_rounding(chain.fine, {id: np.asarray(full[id]) for id in known})
    ordered = _telling(known, seen, fast)
    names = {part.id: getattr(part, "name", "") for part in chain.fine.parts()}
    inside = set(small.ids) if small is not None else set()
    error = chain.certificate.error
    certain = error.band if error is not None and not chain.rescaled else None
    series = []
    for id in ordered[:MOST_SERIES]:
        fine = seen[id]
        series.append({
            "id": id, "name": names.get(id, ""), "unit": units.get(id, ""), "fine": rounded(fine),
            "coarse": rounded(np.asarray(small[id])) if id in inside else None,
            "eliminated": id in fast, "observed": True,
            "band": _band(certain, id, times, fine, np.asarray(small[id])) if id in inside else None,
        })  # fmt: skip
    shared = {one["unit"] for one in series}
    unit = shared.pop() if len(shared) == 1 else ""
    return {
        "seconds": seconds, "times": rounded(times), "series": series, "omitted": max(0, len(known) - MOST_SERIES), "layer_time": layer,
        "ylabel": f"value ({unit})" if unit else "value",
    }  # fmt: skip


def _timed(model: Model, times: np.ndarray, seconds: dict[str, float], name: str) -> Any:
    """A run, whose seconds are noted; None where it fails."""
    begun = time.perf_counter()
    try:
        run = simulate(model, times, rtol=1e-7)
    except ManyscaleError:
        return None
    seconds[name] = time.perf_counter() - begun
    return run


def _without_rounding(model: Model, values: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Zero in place of what is no more than rounding of the largest values of its kind, as the norm counts it."""
    largest = np.array([np.nanmax(np.abs(row), initial=0.0) for row in values.values()])
    least = floors(model, list(values), largest)
    return {
        id: np.where(np.isfinite(row), 0.0, row) if top <= floor else row
        for (id, row), top, floor in zip(values.items(), largest, least)
    }


def _band(
    certain: Band | None, id: str, times: np.ndarray, fine: np.ndarray, coarse: np.ndarray
) -> dict[str, Any] | None:
    """Where the full model is expected around the curve of the small one."""
    wide = width(certain, id, times) if certain is not None else None
    if wide is None:
        return None
    off = wide * float(np.nanmax(np.abs(fine), initial=0.0))
    return {"low": rounded(coarse - off), "high": rounded(coarse + off)}


def _telling(ids: Sequence[str], values: Mapping[str, np.ndarray], fast: set[str]) -> list[str]:
    """Kept ones that change most first, two eliminated ones early, constants last."""

    def change(id: str) -> float:
        column = values[id][np.isfinite(values[id])]
        top = np.abs(column).max() if column.size else 0.0
        return float(np.ptp(column) / top) if top > 0 else 0.0

    kept = sorted((id for id in ids if id not in fast), key=lambda id: -round(change(id), 3))
    gone = sorted((id for id in ids if id in fast), key=lambda id: -round(change(id), 3))
    return [*kept[:4], *gone[:2], *kept[4:], *gone[2:]]


def rounded(values: np.ndarray) -> list[float | None]:
    """Plain numbers with six digits; None where there is no finite value."""
    return [float(f"{x:.{DIGITS}g}") if np.isfinite(x) else None for x in np.asarray(values, float)]


def phase(chain: Chain, coarse: Model, horizon: float, units: Mapping[str, str]) -> dict[str, Any] | None:
    """A fast species against a slow variable, from several starts; None where there is nothing to draw."""
    bridge = next((b for b in reversed(chain.bridges) if b.name not in ELIMINATED_BY and b.eliminated), None)
    if bridge is None or bridge.fine.events or bridge.coarse.events:
        return None
    before, after = compile_model(bridge.fine), compile_model(bridge.coarse)
    if before.system.delays:
        return None
    layer = bridge.layer_time or horizon * 1e-3
    times = grid(horizon, layer)
    try:
        full, small = simulate(bridge.fine, times, rtol=1e-7), simulate(bridge.coarse, times, rtol=1e-7)
    except ManyscaleError:
        return None
    both = set(full.ids) & set(small.ids)
    slow = _most_moving([id for id in after.system.states if id in both], full)
    slow = slow or _most_moving([id for id in both if id not in bridge.eliminated and _is_species(bridge, id)], full)
    fast = _most_moving([id for id in bridge.eliminated if id in both], full)
    if slow is None or fast is None or slow == fast:
        return None
    return {
        "slow": slow, "fast": fast, "slow_unit": units.get(slow, ""), "fast_unit": units.get(fast, ""),
        "fine": {"x": rounded(full[slow]), "y": rounded(full[fast])},
        "coarse": {"x": rounded(small[slow]), "y": rounded(small[fast])},
        "manifold": _manifold(bridge, small, slow, fast),
        "others": _others(bridge, full, slow, fast, horizon, layer),
    }  # fmt: skip


def _is_species(bridge: Bridge, id: str) -> bool:
    return any(one.id == id for one in bridge.fine.species)


def _most_moving(ids: Sequence[str], run: Any) -> str | None:
    best, most = None, 1e-3
    for id in ids:
        column = np.asarray(run[id], float)
        top = np.abs(column).max() if np.isfinite(column).all() else 0.0
        change = float(np.ptp(column) / top) if top > 0 else 0.0
        if change > most * 1.001:
            best, most = id, change
    return best


def _manifold(bridge: Bridge, small: Any, slow: str, fast: str) -> dict[str, list] | None:
    """The curve fast = h(slow), where the small model has one variable and it is the one drawn."""
    kernel = compile_model(bridge.coarse)
    if kernel.size != 1 or kernel.system.states != (slow,) or kernel.system.state_is_amount[0]:
        return None
    _, p = kernel.initial()
    top = float(np.max(small[slow]))
    states = np.linspace(min(0.0, float(np.min(small[slow]))), 1.6 * top if top > 0 else 1.0, 160)[:, None]
    values = kernel.observe([fast], np.zeros(len(states)), states, p)[0]
    if not np.isfinite(values).all():
        return None
    return {"x": rounded(states[:, 0]), "y": rounded(values)}


def _others(bridge: Bridge, full: Any, slow: str, fast: str, horizon: float, layer: float) -> list[dict[str, list]]:
    """Runs of the full model from points beside the manifold: a state on the way, with the fast species moved."""
    kernel = compile_model(bridge.fine)
    states = [id for id, amount in zip(kernel.system.states, kernel.system.state_is_amount, strict=True) if not amount]
    if len(states) != kernel.size or fast not in states:
        return []
    found = []
    times = np.unique(np.concatenate([[0.0], np.geomspace(layer / 50.0, horizon / 4.0, 120)]))
    top = float(np.max(full[fast]))
    for share, up in ((0.0, False), (0.08, True), (0.25, False), (0.45, True), (0.7, False)):
        where = round(share * (len(full.times) - 1))
        start = {id: float(full[id][where]) for id in states}
        for factor in (1.7, 1.2, 1.07) if up else (0.15, 0.6):
            run = _moved(bridge, {**start, fast: factor * start[fast] if start[fast] else 0.3 * factor * top}, times)
            if run is not None:
                found.append({"x": rounded(run[slow]), "y": rounded(run[fast])})
                break
    return found


def _moved(bridge: Bridge, values: dict[str, float], times: np.ndarray) -> Any:
    """A run from these values; None if they do not exist (a conserved total would be exceeded)."""
    try:
        run = simulate(bridge.fine, times, values=values, rtol=1e-6)
    except ManyscaleError:
        return None
    lowest = min(float(np.min(run[one.id])) for one in bridge.fine.species if one.id in set(run.ids))
    return None if lowest < -1e-9 * max(abs(v) for v in values.values()) else run
