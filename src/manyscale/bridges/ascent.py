"""Towards the worst point of a region: coordinates are moved to their ends as long as the error grows.

Random points of a box in many dimensions hardly ever come near its corners, and errors of reductions are mostly
monotone in each (logarithmic) parameter: so from the worst point known each coordinate is tried at both its ends and in the middle, all
moves that helped are made together, and again until nothing helps (pattern search: Hooke & Jeeves, J. ACM 8:212, 1961).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

SWEEPS = 3
GAIN = 1.02  # factor by which the error has to grow for a further sweep
PLACES = (0.0, 0.5, 1.0)  # tried along each coordinate
STEP = 1e-3  # coordinates as close to a place are there


@dataclass(frozen=True)
class Summit:
    """The worst point found, its error, how many points were tried, and whether every coordinate was tried and none
    made it worse by more than `GAIN`."""

    unit: np.ndarray
    error: float
    tried: int
    closed: bool


def ascend(
    error: Callable[[np.ndarray], float | None],
    start: np.ndarray,
    value: float,
    *,
    order: Sequence[int],
    late: Callable[[], bool],
    enough: float = float("inf"),
) -> Summit:
    """Climb from `start`, a point of the unit box whose error is `value`, along the coordinates in `order`.

    error: of a point; None where the fine model cannot be run there. Ends where `late()`, or above `enough`.
    """
    best, top, tried = np.array(start, dtype=float), float(value), 0
    for _ in range(SWEEPS):
        before = top
        gains: list[tuple[float, int, float]] = []
        for i in order:
            for end in PLACES:
                if abs(best[i] - end) < STEP:
                    continue
                if late():
                    return Summit(best, top, tried, False)
                found, tried = error(_moved(best, {i: end})), tried + 1
                if found is not None and found > top:
                    gains.append((found, i, end))
                if found is not None and found > enough:
                    return Summit(_moved(best, {i: end}), found, tried, True)
        best, top, more = _together(error, best, top, sorted(gains, reverse=True))
        tried += more
        if top > enough or top <= GAIN * before:
            return Summit(best, top, tried, True)
    return Summit(best, top, tried, False)


def _moved(unit: np.ndarray, moves: dict[int, float]) -> np.ndarray:
    result = unit.copy()
    for i, end in moves.items():
        result[i] = end
    return result


def _together(error, best: np.ndarray, top: float, gains: list[tuple[float, int, float]]):
    """(point, error, points tried): all moves that helped at once, or the best half of them, or the best one."""
    first: dict[int, float] = {}
    for _, i, end in gains:
        first.setdefault(i, end)
    if not first:
        return best, top, 0
    tried, moves = 0, list(first.items())
    found = (gains[0][0], _moved(best, dict(moves[:1])))
    while len(moves) > 1:
        unit = _moved(best, dict(moves))
        value, tried = error(unit), tried + 1
        if value is not None and value > found[0]:
            found = (value, unit)
            break
        moves = moves[: len(moves) // 2]
    return found[1], found[0], tried
