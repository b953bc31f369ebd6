"""Measures of steepness of one curve, refined by solving for the points that they need."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq, least_squares, minimize_scalar

from manyscale.circuits.dose_response import DECADES, FIELDS, Dosing, Path, follow
from manyscale.errors import InputError, SimulationError

INNER = (0.01, 0.99)  # share of the range in which slopes are looked at and the Hill curve is fitted
GRID = 161
NOTHING = 1e-20  # share of the largest state below which a state that responds is what rounding leaves of zero
ENDLESS = 0.3  # change over the last decade, as a share of the range, that says there is no end (x^p: 1 - 10^-p)


class Unsaturated(InputError):
    """The response goes on changing with the dose. change: in the last decade, as a share of all there is."""

    def __init__(self, text: str, change: float):
        super().__init__(text)
        self.change = change


@dataclass(frozen=True, eq=False)
class Measured:
    """See `Steepness`; `state_at` gives the state on the curve at a log dose."""

    n_half: float
    n_max: float
    n_81: float
    n_fit: float
    sup_error: float
    half_point: float
    steepest_point: float
    fit_half: float
    fit_interval: tuple[float, float]
    leak: float
    saturation: float
    remarks: tuple[str, ...]
    state_at: Callable[[float], np.ndarray]
    share_at: Callable[[float], float]


def rising(dosing: Dosing, paths: list[Path], bounds: tuple[float, float] | None = None) -> Path:
    """The steady states that a slowly rising dose passes: from the lowest dose on a stable branch; at a fold, to the
    state that the model then goes to."""
    path = paths[0]
    if not len(path.folds()):
        return path if path.log_dose[0] <= path.log_dose[-1] else _rows(path, slice(None, None, -1))
    starts = [one for path in paths for one in (path, _rows(path, slice(None, None, -1))) if _begins(one)]
    if starts:
        path = min(starts, key=lambda one: float(one.log_dose[0]))
    else:
        ends = [k for k in (0, len(path.log_dose) - 1) if path.stable[k]] or [0]
        path = path if min(ends, key=lambda k: path.log_dose[k]) == 0 else _rows(path, slice(None, None, -1))
    now = _to_fold(path)
    pieces = [now]
    limits = bounds or (
        float(min(one.log_dose.min() for one in paths)),
        float(np.log(dosing.start) + DECADES * np.log(10.0)),
    )
    for _ in range(10):
        top = float(now.log_dose[-1])
        if now.stuck != (np.inf,) or top >= limits[1]:
            break
        for beyond in (1e-4, 1e-3, 1e-2):  # close to a fold the model hardly moves
            try:
                y = dosing.land(top + beyond, now.states[-1])
            except (SimulationError, InputError):
                continue
            break
        else:
            break
        now = _to_fold(follow(dosing, top + beyond, y, 1.0, limits))
        pieces.append(now)
    stuck = () if pieces[-1].stuck == (np.inf,) and len(pieces) > 1 else pieces[-1].stuck
    return Path(*(np.concatenate([getattr(one, f) for one in pieces]) for f in FIELDS), stuck)


def clipped(dosing: Dosing, path: Path, bounds: tuple[float, float]) -> Path:
    """A curve of rising doses between two log doses, with its ends solved for where it goes beyond them."""
    inside = np.flatnonzero((path.log_dose > bounds[0] + 1e-12) & (path.log_dose < bounds[1] - 1e-12))
    if not inside.size:
        return path
    rows = [_rows(path, inside)]
    for end, beyond in ((0, int(inside[0]) - 1), (1, int(inside[-1]) + 1)):
        if 0 <= beyond < len(path.log_dose):
            try:
                value, y = dosing.value(bounds[end], path.states[inside[0 if end == 0 else -1]])
            except SimulationError:
                continue
            one = Path(
                np.array([bounds[end]]), y[None], np.array([value]), np.array([dosing.is_stable(y, bounds[end])])
            )
            rows.insert(0 if end == 0 else len(rows), one)
    return Path(*(np.concatenate([getattr(one, f) for one in rows]) for f in FIELDS), path.stuck)


def _begins(path: Path) -> bool:
    """Whether the curve starts stable and with a rising dose."""
    return bool(path.stable[0]) and len(path.log_dose) > 1 and bool(path.log_dose[1] > path.log_dose[0])


def stable_part(run: Path) -> tuple[Path, float | None]:
    """(the curve up to where it loses stability for good, that log dose or None): beyond, the model is elsewhere."""
    stable = np.flatnonzero(run.stable)
    if not stable.size or stable[-1] >= len(run.stable) - 3 or len(run.folds()):
        return run, None
    last = int(stable[-1])
    if last < 4:
        return run, None
    return _rows(run, slice(0, last + 1)), float(run.log_dose[last])


def _rows(path: Path, rows) -> Path:
    return Path(*(getattr(path, f)[rows] for f in FIELDS), path.stuck)


def _to_fold(path: Path) -> Path:
    """The path until the dose turns back; `stuck` is (inf,) where it does."""
    folds = path.folds()
    if not len(folds):
        return path
    return Path(*(getattr(path, f)[: int(folds[0]) + 1] for f in FIELDS), (np.inf,))


class _Line:
    """The curve as a function of log dose, solved where it is asked for; jumps stay jumps."""

    def __init__(self, dosing: Dosing, run: Path):
        self.dosing, self.run = dosing, run
        self.memory: dict[float, tuple[float, np.ndarray]] = {}
        gaps = np.abs(np.diff(run.response))
        reach = float(np.ptp(run.response))
        near = np.diff(run.log_dose) < 1e-2
        self.jumps = [int(k) for k in np.flatnonzero((gaps > 0.2 * reach) & near)]

    def at(self, dose: float) -> tuple[float, np.ndarray]:
        if dose not in self.memory:
            run = self.run
            k = int(np.clip(np.searchsorted(run.log_dose, dose), 1, len(run.log_dose) - 1))
            a, b = run.log_dose[k - 1], run.log_dose[k]
            share = float(np.clip((dose - a) / (b - a), 0.0, 1.0)) if b > a else 0.0
            share = round(share) if k - 1 in self.jumps else share
            guess = run.states[k - 1] + share * (run.states[k] - run.states[k - 1])
            try:
                self.memory[dose] = self.dosing.value(dose, guess)
            except SimulationError:
                self.memory[dose] = (float(np.interp(dose, run.log_dose, run.response)), guess)
        return self.memory[dose]


def _limit(line: _Line, end: float, inward: float, whole: bool) -> float:
    """Response at the end of the curve; three decades in geometric progression tell where it goes (Aitken)."""
    last = line.at(end)[0]
    if not whole or abs(line.run.log_dose[-1] - line.run.log_dose[0]) < 6 * np.log(10):
        return last
    before, first = line.at(end + inward * np.log(10) / 2)[0], line.at(end + inward * np.log(10))[0]
    bottom = (last - before) - (before - first)
    if bottom == 0 or abs(last - before) > 0.7 * abs(before - first):
        return last
    guess = last - (last - before) ** 2 / bottom
    return guess if abs(guess - last) < 0.01 * np.ptp(line.run.response) else last


def measure_curve(dosing: Dosing, run: Path, whole: bool = True) -> Measured:
    """All measures of a curve. whole: it goes on until it is flat at both ends, as far as can be seen.
    Errors: InputError for a response that does not change."""
    line, remarks = _Line(dosing, run), []
    dose, response = run.log_dose, run.response
    size = np.abs(response).max(initial=0.0)
    nothing = dosing.output in dosing.kernel.system.states and size <= NOTHING * np.abs(run.states).max(initial=0.0)
    if len(dose) < 4 or nothing or np.ptp(response) <= 1e-9 * size or not np.isfinite(response).all():
        raise InputError(f"{dosing.output!r} does not change with {dosing.input!r}, so there is no steepness")
    begin, end, turned = _monotone(response)
    if turned:
        remarks.append(f"the response turns round at {dosing.input} = {np.exp(dose[end if end < len(dose) - 1 else begin]):.4g}; "
                       "measured is the largest change in one direction")  # fmt: skip
    leak = _limit(line, float(dose[begin]), 1.0, whole and begin == 0)
    top = _limit(line, float(dose[end]), -1.0, whole and end == len(dose) - 1)
    if end < len(dose) - 1 or begin > 0:
        leak, top = _extreme(line, begin, leak, dose), _extreme(line, end, top, dose)
    leak, top = (0.0 if abs(end_value) < 1e-9 * abs(top - leak) else end_value for end_value in (leak, top))
    share = lambda x: (line.at(x)[0] - leak) / (top - leak)  # noqa: E731
    shares = (response - leak) / (top - leak)
    cross = {
        level: _crossing(share, dose, shares, begin, end, level, line.jumps) for level in (0.01, 0.1, 0.5, 0.9, 0.99)
    }
    _warn(remarks, dosing, run, dose, shares, begin, end, whole)
    half, jumps = cross[0.5]

    def slope(x: float) -> float:
        theta = share(x)
        if not 0.0 < theta < 1.0:
            return 0.0
        return abs(dosing.slope(x, line.at(x)[1]) / (top - leak) / (theta * (1.0 - theta)))

    n_half = np.inf if jumps else slope(half)
    n_max, steepest = (np.inf, half) if jumps else _steepest(slope, dose, shares, begin, end)
    apart = cross[0.9][0] - cross[0.1][0]
    n_81 = float(np.log(81.0) / apart) if apart > 1e-12 else np.inf
    interval = (cross[0.01][0], cross[0.99][0])
    n_fit, fit_half, sup = _fit(share, interval, half, n_81)
    return Measured(
        float(n_half), float(max(n_max, n_half)), n_81, n_fit, sup, float(np.exp(half)), float(np.exp(steepest)), fit_half,
        (float(np.exp(interval[0])), float(np.exp(interval[1]))), float(leak), float(top), tuple(remarks),
        lambda x: line.at(float(x))[1], share,
    )  # fmt: skip


def _monotone(response: np.ndarray) -> tuple[int, int, bool]:
    """(begin, end, turned): the piece between two extremes with the largest change."""
    reach = np.ptp(response)
    low, high = int(np.argmin(response)), int(np.argmax(response))
    small = 1e-3 * reach
    if abs(response[0] - response[low]) <= small and abs(response[-1] - response[high]) <= small:
        return 0, len(response) - 1, False
    if abs(response[0] - response[high]) <= small and abs(response[-1] - response[low]) <= small:
        return 0, len(response) - 1, False
    peak = high if 0 < high < len(response) - 1 else low
    left, right = abs(response[peak] - response[0]), abs(response[-1] - response[peak])
    return (0, peak, True) if left >= 0.999 * right else (peak, len(response) - 1, True)


def _extreme(line: _Line, k: int, value: float, dose: np.ndarray) -> float:
    """The response at an inner extreme, refined between its neighbours."""
    if k in (0, len(dose) - 1):
        return value
    sign = 1.0 if line.run.response[k] >= max(line.run.response[k - 1], line.run.response[k + 1]) else -1.0
    ends = (dose[k - 1], dose[k + 1])
    best = minimize_scalar(lambda x: -sign * line.at(float(x))[0], bounds=(min(ends), max(ends)), method="bounded",
                           options={"xatol": 1e-7})  # fmt: skip
    return sign * max(-best.fun, sign * value)


def _crossing(share, dose, shares, begin: int, end: int, level: float, jumps) -> tuple[float, bool]:
    """(log dose, in a jump) at which a share of the range is first reached."""
    above = np.flatnonzero(shares[begin : end + 1] >= level)
    k = begin + (int(above[0]) if above.size else end - begin)
    if k == begin:
        return float(dose[begin]), False
    if k - 1 in jumps:
        return float(dose[k]), True
    low, high = share(float(dose[k - 1])) - level, share(float(dose[k])) - level
    if low * high > 0:
        return float(dose[k]), False
    return float(brentq(lambda x: share(float(x)) - level, dose[k - 1], dose[k], xtol=1e-13, rtol=1e-14)), False


def _steepest(slope, dose, shares, begin: int, end: int) -> tuple[float, float]:
    inner = [k for k in range(begin, end + 1) if INNER[0] <= shares[k] <= INNER[1]]
    if len(inner) < 3:
        inner = list(range(max(begin, (inner or [begin])[0] - 1), min(end, (inner or [end])[-1] + 1) + 1))
    values = [slope(float(dose[k])) for k in inner]
    best = int(np.argmax(values))
    low, high = dose[inner[max(best - 1, 0)]], dose[inner[min(best + 1, len(inner) - 1)]]
    if high <= low:
        return values[best], float(dose[inner[best]])
    found = minimize_scalar(lambda x: -slope(float(x)), bounds=(low, high), method="bounded", options={"xatol": 1e-7})
    if -found.fun >= values[best]:
        return float(-found.fun), float(found.x)
    return values[best], float(dose[inner[best]])


def hill(log_dose, half: float, exponent: float) -> np.ndarray:
    """x^n/(K^n + x^n) of log doses."""
    return 1.0 / (1.0 + np.exp(np.clip(-exponent * (np.asarray(log_dose) - half), -700.0, 700.0)))


def _fit(share, interval: tuple[float, float], half: float, guess: float) -> tuple[float, float, float]:
    """(exponent, half point, largest deviation) of the Hill curve that fits best on an even grid of log doses."""
    if interval[1] - interval[0] < 1e-9:
        return np.inf, float(np.exp(half)), 1.0
    grid = np.linspace(*interval, GRID)
    values = np.array([share(float(x)) for x in grid])
    start = [half, np.log(min(max(guess, 0.1), 1e3))]
    best = least_squares(lambda q: hill(grid, q[0], np.exp(q[1])) - values, start, xtol=1e-14, ftol=1e-14, gtol=1e-14)
    return float(np.exp(best.x[1])), float(np.exp(best.x[0])), float(np.abs(best.fun).max())


def _warn(remarks: list, dosing: Dosing, run: Path, dose, shares, begin: int, end: int, whole: bool) -> None:
    if not whole:
        remarks.append("leak and saturation are the responses at the ends of the interval")
    if (~run.stable).sum() > 2 and not len(run.folds()):
        low, high = np.exp(run.log_dose[~run.stable][[0, -1]])
        remarks.append(
            f"the steady state is not stable for {dosing.input} from {low:.4g} to {high:.4g} (the model oscillates or goes elsewhere)"
        )
    for log_dose in run.stuck:
        if np.isfinite(log_dose):
            remarks.append(f"the steady state could not be followed beyond {dosing.input} = {np.exp(log_dose):.4g}")
    for k, inward, word in ((begin, 1, "lowest"), (end, -1, "highest")):
        at = dose[k] + inward * np.log(10.0)
        change = abs(np.interp(at, dose, shares) - shares[k])
        if whole and change > ENDLESS and k in (0, len(dose) - 1):
            raise Unsaturated(
                f"{dosing.output!r} does not saturate: it still changes by {min(change, 1.0):.0%} of its range in the last decade of "
                f"{dosing.input!r} (to {np.exp(dose[k]):.3g}), so it has no half point; give the doses that matter "
                "(interval=(low, high), or --interval LOW:HIGH)",
                min(float(change), 1.0),
            )
        if whole and change > 1e-3 and k in (0, len(dose) - 1):
            remarks.append(f"the response still changes at the {word} dose, {dosing.input} = {np.exp(dose[k]):.3g}")
