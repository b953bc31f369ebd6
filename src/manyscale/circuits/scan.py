"""Steady states over a grid of two quantities: Newton's method on all values of the first at once, carried along the
second from point to point."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from manyscale.analysis.stability import conserved_quotient
from manyscale.analysis.steady import steady_state
from manyscale.circuits.module import Module
from manyscale.engines.simulate import as_model
from manyscale.errors import InputError, ManyscaleError, SimulationError
from manyscale.kernels import compile_model
from manyscale.kernels.formulas import FormulaBook
from manyscale.kernels.kernel import Kernel
from manyscale.model.model import Model

MOST = 30  # iterations
CLOSE = 1e-10  # last change of a state as a share of its size


@dataclass(frozen=True, eq=False)
class Scan:
    """Steady values on a grid: `scan[id]` has shape (first, second). axes: id -> its values. failed: {(i, j): why}; their
    values are NaN. stopped: why the scan ended before its end, "" where it did not."""

    axes: Mapping[str, np.ndarray]
    outputs: Mapping[str, np.ndarray]
    failed: Mapping[tuple[int, int], str]
    stopped: str = ""

    def __getitem__(self, id: str) -> np.ndarray:
        if id not in self.outputs:
            raise InputError(f"{id!r} was not kept; kept are {', '.join(self.outputs)}")
        return self.outputs[id]


def scan(model: Module | Model | str | Path, axes: Mapping[str, Sequence[float]], outputs: Sequence[str], *,
         progress: Callable[[float], None] | None = None) -> Scan:  # fmt: skip
    """Steady states of `model` for all pairs of two quantities (constants or initial values, by id).

    Each point is the stable steady state next to its neighbour along the second axis, in the order given (so a rising
    second axis follows a branch until it ends). Ctrl-C keeps what is done.
    Errors: InputError for anything but two axes and unknown ids; SimulationError when no point has a steady state.
    """
    model = model.model if isinstance(model, Module) else as_model(model)
    if len(axes) != 2:
        raise InputError(f"scan: give two quantities to vary, not {len(axes)}")
    (first, rows), (second, columns) = ((k, np.asarray(v, dtype=float)) for k, v in axes.items())
    if rows.ndim != 1 or columns.ndim != 1 or not rows.size or not columns.size:
        raise InputError("scan: each quantity needs a list of numbers")
    kernel = compile_model(model)
    kernel.observe(tuple(outputs), np.zeros(0), np.zeros((0, kernel.size)), np.zeros(len(kernel.system.parameters)))
    found = {id: np.full((rows.size, columns.size), np.nan) for id in outputs}
    failed: dict[tuple[int, int], str] = {}
    stopped, work = "", _Batch(kernel, model)
    guess = None
    try:
        for j, value in enumerate(columns):
            start, p = kernel.initial_many({first: rows, second: np.full(rows.size, value)}, rows.size)
            guess, bad = work.column(start, p, guess, {first: rows, second: value})
            times = np.zeros(rows.size)
            for id, line in zip(outputs, kernel.observe(tuple(outputs), times, guess, p)):
                found[id][:, j] = line
                found[id][list(bad), j] = np.nan
            failed |= {(i, j): why for i, why in bad.items()}
            if progress:
                progress((j + 1) / columns.size)
    except KeyboardInterrupt:
        stopped = "interrupted"
    if len(failed) == rows.size * columns.size:
        raise SimulationError(f"no point of the scan has a steady state; the first: {next(iter(failed.values()))}")
    return Scan({first: rows, second: columns}, found, failed, stopped)


class _Batch:
    """Newton's method for many points with one structure."""

    def __init__(self, kernel: Kernel, model: Model):
        self.kernel, self.model, self.book = kernel, model, FormulaBook(kernel.system)
        y, p = kernel.initial()
        ready = steady_state(model)  # says what is wrong with the model as it is, where anything is
        self.quotient = conserved_quotient(kernel, 0.0, np.maximum(y, 0.1 * ready.states), p)
        self.typical = ready.states
        self.positive = np.asarray(kernel.system.state_is_species, dtype=bool)

    def column(self, start: np.ndarray, p: np.ndarray, guess: np.ndarray | None, values: Mapping[str, object]):
        """(states, {lane: why it failed}) of one column."""
        guess = np.broadcast_to(self.typical, start.shape) if guess is None else guess
        guess = np.where(np.isfinite(guess), guess, self.typical)
        states, done = self.newton(guess.copy(), start, p)
        bad: dict[int, str] = {}
        for i in np.flatnonzero(~done):
            one = {k: float(v[i]) if isinstance(v, np.ndarray) else float(v) for k, v in values.items()}  # type: ignore[arg-type]
            try:
                states[i] = steady_state(self.model, one).states
            except ManyscaleError as error:
                states[i], bad[int(i)] = np.nan, str(error).splitlines()[0]
        return states, bad

    def newton(self, y: np.ndarray, start: np.ndarray, p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        kernel, keep, laws = self.kernel, self.quotient.independent, self.quotient.laws
        totals, count = start @ laws.T, len(keep)
        done, active = np.zeros(len(y), dtype=bool), np.arange(len(y))
        matrix = np.empty((len(y), kernel.size, kernel.size))
        matrix[:, count:] = laws
        for _ in range(MOST):
            now, part = y[active], matrix[: len(active)]
            f, jacobian = self.book.right_side_many(now, p[active])
            scale = np.maximum(np.abs(now), 1e-9 * np.abs(now).max(axis=1, keepdims=True))
            part[:, :count] = jacobian[:, keep]
            right = -np.concatenate([f[:, keep], now @ laws.T - totals[active]], axis=1)
            scaled = part * scale[:, None, :]
            rows = np.maximum(np.abs(scaled).max(axis=2), 1e-300)
            try:
                change = np.linalg.solve(scaled / rows[:, :, None], (right / rows)[:, :, None])[:, :, 0] * scale
            except np.linalg.LinAlgError:
                break
            falling = (change < 0) & (now > 0) & self.positive
            room = np.where(falling, now / np.where(falling, -change, 1.0), np.inf).min(axis=1)
            factor = np.minimum(1.0, 0.9 * room)
            y[active] = now + factor[:, None] * change
            close = (np.abs(change) <= CLOSE * scale).all(axis=1) & (factor == 1.0)
            done[active[close]] = True
            active = active[~close & np.isfinite(change).all(axis=1)]
            if not active.size:
                break
        return y, done & self.sound(y, start, p)

    def sound(self, y: np.ndarray, start: np.ndarray, p: np.ndarray) -> np.ndarray:
        """Nothing negative, and not a saddle (sign of the determinant on the quotient; a stable one has (-1)^r)."""
        _, jacobian = self.book.right_side_many(y, p)
        small = np.einsum("lij,jk->lik", jacobian[:, self.quotient.independent], self.quotient.embed)
        size = np.maximum(np.abs(small).max(axis=2, keepdims=True), 1e-300)
        sign = np.linalg.slogdet(small / size)[0] * (-1.0) ** small.shape[1]
        negative = (self.positive & (start >= 0) & (y < -1e-9 * np.abs(y).max(axis=1, keepdims=True))).any(axis=1)
        return np.isfinite(y).all(axis=1) & ~negative & (sign > 0)
