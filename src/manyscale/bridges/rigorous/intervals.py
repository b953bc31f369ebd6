"""Interval arithmetic on arrays of boxes, rounded outward.

An interval is a pair (low, high) of arrays. Results of + - * / carry a relative slack of two units in the last place
(of eight for exp, log, pow and sqrt, which are not correctly rounded); nonzero magnitudes below 1e-150 are moved
outward to 0 or 1e-150, so that no product of two underflows. Moore, Kearfott & Cloud, Introduction to Interval
Analysis, SIAM 2009.
"""

from __future__ import annotations

import numpy as np

Interval = tuple[np.ndarray, np.ndarray]

SLACK = 2.0**-51
LOOSE = 2.0**-49  # of library functions
TINY = 1e-150


def point(value) -> Interval:
    """The interval of one number (or array) that is known exactly."""
    value = np.asarray(value, dtype=float)
    return value, value


def near(value: float) -> Interval:
    """Around a literal: exact where it is a moderate whole number, else with the slack of a rounded constant."""
    if value == int(value) if np.isfinite(value) and abs(value) < 2**40 else False:
        return point(value)
    return widened(*point(value), LOOSE)


def widened(low: np.ndarray, high: np.ndarray, slack: float = SLACK) -> Interval:
    """Outward by a relative slack; tiny magnitudes are moved outward too."""
    low = low - np.abs(low) * slack
    high = high + np.abs(high) * slack
    if low.size and min(_least(low), _least(high)) < TINY:
        low = np.where((low > 0) & (low < TINY), 0.0, np.where((low < 0) & (low > -TINY), -TINY, low))
        high = np.where((high > 0) & (high < TINY), TINY, np.where((high < 0) & (high > -TINY), 0.0, high))
    return low, high


def _least(values: np.ndarray) -> float:
    return float(np.min(np.abs(values), where=values != 0, initial=np.inf))


def add(a: Interval, b: Interval) -> Interval:
    return widened(a[0] + b[0], a[1] + b[1])


def sub(a: Interval, b: Interval) -> Interval:
    return widened(a[0] - b[1], a[1] - b[0])


def neg(a: Interval) -> Interval:
    return -a[1], -a[0]


def mul(a: Interval, b: Interval) -> Interval:
    """Product; exactly zero where a factor is exactly zero (also times infinity)."""
    if _signed(a) and _signed(b):
        low, high = a[0] * b[0], a[1] * b[1]
    else:
        products = (a[0] * b[0], a[0] * b[1], a[1] * b[0], a[1] * b[1])
        products = tuple(np.where(np.isnan(p), 0.0, p) if np.isnan(p).any() else p for p in products)
        low = np.minimum(np.minimum(products[0], products[1]), np.minimum(products[2], products[3]))
        high = np.maximum(np.maximum(products[0], products[1]), np.maximum(products[2], products[3]))
        lost = np.isnan(a[0]) | np.isnan(a[1]) | np.isnan(b[0]) | np.isnan(b[1])
        if lost.any():
            low, high = np.where(lost, -np.inf, low), np.where(lost, np.inf, high)
        return widened(low, high)
    low = np.where(np.isnan(low), 0.0, low)
    high = np.where(np.isnan(high), 0.0, high)
    return widened(low, high)


def _signed(a: Interval) -> bool:
    return bool((a[0] >= 0).all() and (a[1] >= 0).all())  # neither is NaN


def square(a: Interval) -> Interval:
    low, high = np.abs(a[0]), np.abs(a[1])
    least = np.where((a[0] <= 0) & (a[1] >= 0), 0.0, np.minimum(low, high))
    most = np.maximum(low, high)
    return widened(least * least, most * most)


def reciprocal(a: Interval) -> Interval:
    """Unbounded where the interval contains zero."""
    with np.errstate(divide="ignore", invalid="ignore"):
        low, high = 1.0 / a[1], 1.0 / a[0]
    ends = (a[0] >= 0) & (a[1] > 0)  # touches zero from above
    inside = (a[0] < 0) & (a[1] > 0)
    high = np.where(ends & (a[0] == 0), np.inf, high)
    low = np.where((a[0] < 0) & (a[1] == 0), -np.inf, low)
    nothing = inside | ((a[0] == 0) & (a[1] == 0)) | np.isnan(a[0]) | np.isnan(a[1])
    low, high = np.where(nothing, -np.inf, low), np.where(nothing, np.inf, high)
    return widened(low, high)


def div(a: Interval, b: Interval) -> Interval:
    return mul(a, reciprocal(b))


def monotone(function, a: Interval) -> Interval:
    """A function that rises all along its domain, computed within a few units in the last place."""
    with np.errstate(all="ignore"):
        low, high = function(a[0]), function(a[1])
    return widened(low, high, LOOSE)


def sqrt(a: Interval) -> Interval:
    """Root of the part of the interval where there is one."""
    return monotone(np.sqrt, (np.maximum(a[0], 0.0), np.maximum(a[1], 0.0)))


def log(a: Interval) -> Interval:
    low, high = monotone(np.log, (np.maximum(a[0], 0.0), a[1]))
    return low - LOOSE, high + LOOSE  # near 1 the relative error is of the argument


def exp(a: Interval) -> Interval:
    low, high = monotone(np.exp, a)
    return np.maximum(low, 0.0), np.where(high == 0, TINY, high)


def power(a: Interval, b: Interval) -> Interval:
    """a ** b for a >= 0: the extremes are at corners, as b log a is bilinear. Not a number where a may be negative."""
    low, high = np.where(a[0] >= 0, a[0], np.nan), a[1]
    with np.errstate(all="ignore"):
        corners = [np.power(x, y) for x in (low, high) for y in b]
    least = np.minimum(np.minimum(corners[0], corners[1]), np.minimum(corners[2], corners[3]))
    most = np.maximum(np.maximum(corners[0], corners[1]), np.maximum(corners[2], corners[3]))
    through = (low < 1) & (high > 1) & (b[0] < 0) & (b[1] > 0)
    least, most = np.where(through, np.minimum(least, 1.0), least), np.where(through, np.maximum(most, 1.0), most)
    bad = np.isnan(least) | np.isnan(most)
    return widened(np.where(bad, -np.inf, least), np.where(bad, np.inf, most), LOOSE * 64)


def absolute(a: Interval) -> Interval:
    low, high = np.abs(a[0]), np.abs(a[1])
    least = np.where((a[0] <= 0) & (a[1] >= 0), 0.0, np.minimum(low, high))
    return least, np.maximum(low, high)


def sign(a: Interval) -> Interval:
    return np.where(a[0] > 0, 1.0, np.where(a[0] == 0, 0.0, -1.0)), np.where(
        a[1] < 0, -1.0, np.where(a[1] == 0, 0.0, 1.0)
    )


def least(a: Interval, b: Interval) -> Interval:
    return np.minimum(a[0], b[0]), np.minimum(a[1], b[1])


def most(a: Interval, b: Interval) -> Interval:
    return np.maximum(a[0], b[0]), np.maximum(a[1], b[1])


def magnitude(a: Interval) -> np.ndarray:
    """Largest absolute value."""
    return np.maximum(np.abs(a[0]), np.abs(a[1]))
