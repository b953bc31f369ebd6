"""Steady states against a dose: pseudo-arclength continuation in the logarithm of the dose, through folds.

Keller HB (1977) Numerical solution of bifurcation and nonlinear eigenvalue problems. The conserved sums are part of the
equations, so a dose may be a constant, a fixed species, or the initial (then conserved) amount of a species.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from manyscale.analysis.stability import conserved_quotient
from manyscale.analysis.steady import newton, relative_residual, steady_state
from manyscale.engines.ode import simulate_ode
from manyscale.errors import InputError, SimulationError
from manyscale.kernels import compile_model
from manyscale.model.model import Model

DECADES = 12.0  # how far from the model's own dose the curve is followed, at most
FLAT = 1e-6  # change over a decade, as a share of the range, at which the curve has arrived
LONGEST, SHORTEST, FIRST = 0.25, 1e-9, 0.02  # steps along the curve
STEPS = 4000
BEND = 0.15  # change of the direction's dose component over a step that asks for shorter ones
FIELDS = ("log_dose", "states", "response", "stable")


@dataclass(frozen=True, eq=False)
class Path:
    """A connected curve in the order it was followed: log dose, states (points, n), output, stability."""

    log_dose: np.ndarray
    states: np.ndarray
    response: np.ndarray
    stable: np.ndarray
    stuck: tuple[float, ...] = ()  # log doses at which the curve could not be followed further

    def folds(self) -> np.ndarray:
        """Positions at which the dose turns round."""
        direction = np.sign(np.diff(self.log_dose))
        return np.flatnonzero(direction[1:] * direction[:-1] < 0) + 1


class Dosing:
    """The steady states of one model as a function of one input."""

    def __init__(self, model: Model, input: str, output: str, values: Mapping[str, float] | None = None):
        self.model, self.input, self.output = model, input, output
        self.values = {k: v for k, v in (values or {}).items() if k != input}
        if wrong := [k for k, v in self.values.items() if not np.isfinite(v)]:
            raise InputError(f"values: {wrong[0]} = {self.values[wrong[0]]!r} is not a finite number")
        self.kernel = compile_model(model)
        self.kernel.observe(
            (output,), np.zeros(0), np.zeros((0, self.kernel.size)), np.zeros(len(self.kernel.system.parameters))
        )
        kernel = self.kernel
        start = kernel.values(0.0, *kernel.initial(values)).get(input)
        if start is None:
            kernel.initial({input: 1.0})  # says what is wrong with the name
            raise InputError(f"{input!r} has no value of its own that could be a dose")
        kernel.initial({input: abs(start) or 1.0})
        self.start = float(start) if start > 0 else 1.0
        if input == output:
            raise InputError("input and output are the same")
        self._check_acts()

    def _check_acts(self) -> None:
        kernel = self.kernel
        (y1, p1), (y2, p2) = self.point(np.log(self.start)), self.point(np.log(self.start) + 0.1)
        if (
            kernel.size
            and np.array_equal(p1, p2)
            and np.allclose(self.quotient.laws @ y1, self.quotient.laws @ y2, rtol=1e-12, atol=0)
        ):
            raise InputError(
                f"steady states do not depend on the initial value of {self.input!r}, which no conserved sum contains; choose "
                "a constant as input, or hold the species fixed (hold=True)"
            )

    def point(self, log_dose: float) -> tuple[np.ndarray, np.ndarray]:
        return self.kernel.initial({**self.values, self.input: float(np.exp(log_dose))})

    @cached_property
    def quotient(self):
        y, p = self.kernel.initial({**self.values, self.input: self.start})
        return conserved_quotient(self.kernel, 0.0, y, p)

    def respond(self, y: np.ndarray, p: np.ndarray) -> float:
        return float(self.kernel.observe((self.output,), np.zeros(1), y[None], p)[0, 0])

    # equations

    def residual(self, y: np.ndarray, log_dose: float) -> np.ndarray:
        start, p = self.point(log_dose)
        return np.concatenate([self.kernel.rhs(0.0, y, p)[self.quotient.independent], self.quotient.laws @ (y - start)])

    def matrix(self, y: np.ndarray, p: np.ndarray) -> np.ndarray:
        return np.vstack([self.kernel.jacobian(0.0, y, p)[self.quotient.independent], self.quotient.laws])

    def by_dose(self, y: np.ndarray, log_dose: float) -> np.ndarray:
        step = 1e-5
        return (self.residual(y, log_dose + step) - self.residual(y, log_dose - step)) / (2 * step)

    def steady(self, log_dose: float) -> np.ndarray:
        """The steady state that the model reaches by itself at one dose; by a run of the model where nothing else finds
        it."""
        values = {**self.values, self.input: float(np.exp(log_dose))}
        try:
            return steady_state(self.model, values).states
        except SimulationError as reason:
            late = self._late(values)
            for y in reversed(late):
                try:
                    return self.solve(log_dose, y)
                except SimulationError:
                    continue
            raise reason

    def land(self, log_dose: float, y: np.ndarray) -> np.ndarray:
        """The steady state reached from state y at a dose. Errors: SimulationError."""
        system, laws = self.kernel.system, self.quotient.laws
        if any(symbol != id for symbol, id in zip(system.state_symbols, system.states)):
            raise SimulationError("states are kept as amounts")
        overrides = {**self.values, self.input: float(np.exp(log_dose)), **dict(zip(system.states, map(float, y)))}
        if self.input in system.states:  # the dose is a total: what is missing of it comes as free input
            k = system.states.index(self.input)
            missing = laws @ (self.point(log_dose)[0] - y)
            row = int(np.argmax(np.abs(laws[:, k])))
            overrides[self.input] = float(y[k] + missing[row] / laws[row, k])
            if overrides[self.input] < 0:
                raise SimulationError("less of the input than is bound")
        try:
            return steady_state(self.model, overrides).states
        except SimulationError:
            for late in reversed(self._late(overrides)):
                try:
                    return self.solve(log_dose, late)
                except SimulationError:
                    continue
            raise

    def _late(self, values: Mapping[str, float]) -> list[np.ndarray]:
        """States at later and later times of a run."""
        y, p = self.kernel.initial(values)
        speeds = np.abs(np.diag(self.kernel.jacobian(0.0, y, p)))
        unit = 1.0 / float(np.median(speeds[speeds > 0])) if speeds.any() else 1.0
        try:
            run = simulate_ode(
                self.kernel, np.concatenate([[0.0], unit * 10.0 ** np.arange(8)]), values=values, rtol=1e-7
            )
        except SimulationError as stopped:
            run = stopped.partial
        return [] if run is None else list(run.states[1:])

    def solve(self, log_dose: float, guess: np.ndarray) -> np.ndarray:
        """The steady state near `guess` at one dose. Errors: SimulationError."""
        if not self.kernel.size:
            return guess
        start, p = self.point(log_dose)
        found = newton(self.kernel, guess, start, p, self.quotient)
        laws = self.quotient.laws
        off = np.abs(laws @ (found - start)) > 1e-9 * (np.abs(laws) @ np.maximum(np.abs(found), np.abs(start)))
        if off.any() or relative_residual(self.kernel, found, p) > 1e-7:
            raise SimulationError(f"no steady state found near {self.input} = {np.exp(log_dose):.6g}")
        return found

    def value(self, log_dose: float, guess: np.ndarray) -> tuple[float, np.ndarray]:
        y = self.solve(log_dose, guess)
        return self.respond(y, self.point(log_dose)[1]), y

    def slope(self, log_dose: float, y: np.ndarray) -> float:
        """d(output)/d(log dose) on the branch through y."""
        change = np.zeros(0)
        if self.kernel.size:
            scale = scales(y)
            matrix = self.matrix(y, self.point(log_dose)[1]) * scale
            change = solve_scaled(matrix, -self.by_dose(y, log_dose)) * scale
        step = 1e-5
        high = self.respond(y + step * change, self.point(log_dose + step)[1])
        low = self.respond(y - step * change, self.point(log_dose - step)[1])
        return (high - low) / (2 * step)

    def is_stable(self, y: np.ndarray, log_dose: float) -> bool:
        if not self.quotient.independent.size:
            return True
        jacobian = self.kernel.jacobian(0.0, y, self.point(log_dose)[1])
        values = np.linalg.eigvals(self.quotient.reduce(jacobian))
        return bool(values.real.max() <= 1e-12 * np.abs(values).max())  # zero to rounding counts as stable


def scales(y: np.ndarray) -> np.ndarray:
    return np.maximum(np.abs(y), 1e-9 * max(float(np.abs(y).max(initial=0.0)), 1e-300))


def solve_scaled(matrix: np.ndarray, right: np.ndarray) -> np.ndarray:
    rows = np.abs(matrix).max(axis=1)
    rows[rows == 0] = 1.0
    return np.linalg.solve(matrix / rows[:, None], right / rows)


def follow(dosing: Dosing, log_dose: float, y: np.ndarray, direction: float, bounds: tuple[float, float]) -> Path:
    """The curve from one steady state, towards larger (direction 1) or smaller doses, until it is flat or leaves."""
    if not dosing.kernel.size:
        return _formula_path(dosing, log_dose, direction, bounds)
    points, tangent = [(log_dose, y)], None
    step = FIRST
    for _ in range(STEPS):
        at, now = points[-1]
        before, tangent = tangent, _tangent(dosing, at, now, tangent, direction)
        if before is not None and tangent is not None and abs(tangent[1] - before[1]) > BEND:
            step *= 0.5
        new = None if tangent is None else _corrected(dosing, at, now, tangent, step)
        while tangent is not None and new is None and step > SHORTEST:
            step *= 0.4
            new = _corrected(dosing, at, now, tangent, step)
        if new is None:
            break
        fold = _fold(dosing, at, now, tangent, min(step, LONGEST), new)
        if fold is not None:
            points.append(fold)
        points.append(new[:2])
        step = min(LONGEST, step * (1.5 if new[2] <= 3 else 0.8 if new[2] > 5 else 1.0))
        if not bounds[0] <= new[0] <= bounds[1] or _arrived(dosing, points, direction):
            return _path(dosing, points)
    return _path(dosing, points, (points[-1][0],))


def _fold(dosing: Dosing, at: float, y: np.ndarray, tangent, step: float, new):
    """(log dose, state) where the dose turns round between two points, by bisection along the tangent; None: nowhere."""
    ahead = _tangent(dosing, new[0], new[1], tangent, 1.0)
    if ahead is None or ahead[1] * tangent[1] >= 0:
        return None
    low, high, found = 0.0, step, None
    for _ in range(45):
        middle = 0.5 * (low + high)
        point = _corrected(dosing, at, y, tangent, middle)
        slope = None if point is None else _tangent(dosing, point[0], point[1], tangent, 1.0)
        if point is None or slope is None:
            return found
        found = point[:2]
        low, high = (middle, high) if slope[1] * tangent[1] > 0 else (low, middle)
        if high - low < 1e-10:
            break
    return found


def _formula_path(dosing: Dosing, log_dose: float, direction: float, bounds: tuple[float, float]) -> Path:
    points = [(log_dose, np.zeros(0))]
    while bounds[0] <= points[-1][0] <= bounds[1] and not _arrived(dosing, points, direction):
        points.append((points[-1][0] + 0.05 * direction, np.zeros(0)))
    return _path(dosing, points)


def _path(dosing: Dosing, points: list, stuck: tuple[float, ...] = ()) -> Path:
    dose = np.array([one[0] for one in points])
    states = np.array([one[1] for one in points]).reshape(len(points), dosing.kernel.size)
    response = np.array([dosing.respond(y, dosing.point(at)[1]) for at, y in points])
    stable = np.array([dosing.is_stable(y, at) for at, y in points])
    return Path(dose, states, response, stable, stuck)


def _arrived(dosing: Dosing, points: list, direction: float) -> bool:
    """The response has changed and has stopped changing: over the last decade by less than FLAT of its range."""
    if len(points) % 5 or (points[-1][0] - points[0][0]) * direction < 2.0:
        return False
    ends = [points[-1][0]]
    outputs = [dosing.respond(y, dosing.point(at)[1]) for at, y in points[:: max(1, len(points) // 40)]]
    last = dosing.respond(points[-1][1], dosing.point(ends[0])[1])
    reach = max([*outputs, last]) - min([*outputs, last])
    if reach <= 1e-3 * max(abs(last), max(map(abs, outputs))):
        return False
    past = next((one for one in reversed(points) if (ends[0] - one[0]) * direction >= np.log(10.0)), None)
    return past is not None and abs(dosing.respond(past[1], dosing.point(past[0])[1]) - last) <= FLAT * reach


def _tangent(dosing: Dosing, at: float, y: np.ndarray, before, direction: float):
    """Unit tangent in scaled coordinates (states / scale / sqrt(n), log dose), oriented as before."""
    scale = scales(y) * np.sqrt(len(y))
    matrix = dosing.matrix(y, dosing.point(at)[1]) * scale
    rows = np.abs(matrix).max(axis=1)
    rows[rows == 0] = 1.0
    whole = np.hstack([matrix, dosing.by_dose(y, at)[:, None]]) / rows[:, None]
    if not np.isfinite(whole).all():
        return None
    vector = np.linalg.svd(whole)[2][-1]
    old = None if before is None else np.concatenate([before[0] / scale, [before[1]]])
    sense = vector[-1] * direction if old is None else float(vector @ old)
    vector = vector if sense >= 0 else -vector
    return vector[:-1] * scale, vector[-1]


def _corrected(dosing: Dosing, at: float, y: np.ndarray, tangent, step: float):
    """(log dose, state, iterations) one step along the tangent, by Newton's method orthogonal to it; None: shorten."""
    scale = scales(y) * np.sqrt(len(y))
    new, dose = y + step * tangent[0], at + step * tangent[1]
    positive = np.asarray(dosing.kernel.system.state_is_species, dtype=bool) & (y >= 0)
    for iteration in range(1, 9):
        if (new[positive] < -1e-9 * np.abs(new).max()).any():
            return None
        matrix = dosing.matrix(new, dosing.point(dose)[1]) * scale
        rows = np.abs(matrix).max(axis=1)
        rows[rows == 0] = 1.0
        whole = np.vstack([
            np.hstack([matrix, dosing.by_dose(new, dose)[:, None]]) / rows[:, None],
            np.concatenate([tangent[0] / scale, [tangent[1]]]),
        ])  # fmt: skip
        right = np.concatenate([-dosing.residual(new, dose) / rows, [0.0]])
        if not (np.isfinite(whole).all() and np.isfinite(right).all()):
            return None
        try:
            change = np.linalg.solve(whole, right)
        except np.linalg.LinAlgError:
            return None
        new, dose = new + change[:-1] * scale, dose + change[-1]
        size = float(np.abs(change).max())
        if size > 10 * step:
            return None
        if size < 1e-9:
            return (dose, new, iteration) if (new[positive] >= -1e-9 * np.abs(new).max()).all() else None
    return None


def curve(dosing: Dosing, bounds: tuple[float, float] | None = None) -> list[Path]:
    """All curves of steady states found, the one through the model's own steady state first.

    bounds: log doses; default: as far as the response changes, at most 12 decades either way. Others are looked for
    from other starting amounts at a few doses. Errors: SimulationError where there is no steady state to start from.
    """
    with np.errstate(over="ignore", invalid="ignore"):  # states far out; what is not finite is turned away below
        return _curve(dosing, bounds)


def _curve(dosing: Dosing, bounds: tuple[float, float] | None) -> list[Path]:
    middle = np.log(dosing.start)
    if bounds is not None:
        middle = min(max(middle, bounds[0]), bounds[1])
    limits = bounds or (middle - DECADES * np.log(10), middle + DECADES * np.log(10))
    y = dosing.steady(middle) if dosing.kernel.size else np.zeros(0)
    if not dosing.kernel.size and not np.isfinite(dosing.respond(y, dosing.point(middle)[1])):
        raise InputError(f"{dosing.output!r} has no value at {dosing.input} = {dosing.start:g}")
    down, up = follow(dosing, middle, y, -1.0, limits), follow(dosing, middle, y, 1.0, limits)
    paths = [joined(down, up)]
    if dosing.kernel.size:
        for log_dose, state in (*_landings(dosing, paths[0], limits), *_others(dosing, paths[0])):
            if not any(_on(path, log_dose, state) for path in paths):
                low, high = float(paths[0].log_dose.min()), float(paths[0].log_dose.max())
                ends = bounds or (min(low, log_dose - 1.0), max(high, log_dose + 3.0))
                paths.append(
                    joined(follow(dosing, log_dose, state, -1.0, ends), follow(dosing, log_dose, state, 1.0, ends))
                )
    return paths


def joined(down: Path, up: Path) -> Path:
    """One path from its two halves, which share their first point."""
    rows = (np.concatenate([getattr(down, f)[:0:-1], getattr(up, f)]) for f in FIELDS)
    return Path(*rows, down.stuck + up.stuck)


def _landings(dosing: Dosing, path: Path, limits: tuple[float, float]):
    """Where the model goes when the dose passes a fold of the path."""
    for k in path.folds():
        forward = 1.0 if path.log_dose[k] >= max(path.log_dose[k - 1], path.log_dose[k + 1]) else -1.0
        log_dose = float(path.log_dose[k]) + 0.01 * forward
        if limits[0] <= log_dose <= limits[1]:
            try:
                yield log_dose, dosing.land(log_dose, path.states[k])
            except (SimulationError, InputError):
                continue


def _others(dosing: Dosing, path: Path):
    """Steady states from other starting amounts: one species high, the rest at zero, where no conserved sum forbids."""
    system = dosing.kernel.system
    bound = {i for law in dosing.quotient.laws for i in np.flatnonzero(law)}
    free = [i for i in range(dosing.kernel.size) if i not in bound and system.state_is_species[i]]
    high = 2.0 * np.abs(path.states).max(axis=0, initial=0.0)
    starts = [dict.fromkeys((system.states[i] for i in free), 0.0)]
    starts += [{**starts[0], system.states[i]: float(high[i])} for i in free[:6]]
    inner = np.flatnonzero(np.abs(np.diff(path.response)) > 0)
    middle = float(np.median(path.log_dose[inner])) if inner.size else float(np.median(path.log_dose))
    for log_dose in dict.fromkeys((middle, float(np.log(dosing.start)))):
        for start in starts if free else []:
            start = {k: v for k, v in start.items() if k != dosing.input}
            try:
                values = {**dosing.values, **start, dosing.input: float(np.exp(log_dose))}
                found = steady_state(dosing.model, values)
            except (SimulationError, InputError):
                continue
            yield log_dose, found.states


def _on(path: Path, log_dose: float, state: np.ndarray) -> bool:
    """The state is on the path: some crossing of that dose has it."""
    side = path.log_dose - log_dose
    for k in np.flatnonzero(side[1:] * side[:-1] <= 0):
        gap = path.log_dose[k + 1] - path.log_dose[k]
        share = 0.0 if gap == 0 else (log_dose - path.log_dose[k]) / gap
        there = path.states[k] + share * (path.states[k + 1] - path.states[k])
        near = (
            np.abs(path.states[k + 1] - path.states[k]) + 1e-4 * scales(there) + 1e-6 * np.abs(path.states).max(axis=0)
        )
        if (np.abs(there - state) <= near).all():
            return True
    return False
