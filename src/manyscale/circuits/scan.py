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
CLOSE = 1e-7  # last change of a state as a share of its size; its square is what is left


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
    try:
        for j, value in enumerate(columns):
            start, p = kernel.initial_many({first: rows, second: np.full(rows.size, value)}, rows.size)
            states, bad = work.column(start, p, {first: rows, second: value})
            times = np.zeros(rows.size)
            for id, line in zip(outputs, kernel.observe(tuple(outputs), times, states, p)):
                found[id][:, j] = line
                if bad:
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
    """Newton's method for many points with one structure, on the states that conserved sums leave independent.

    Arrays are laid out (state, lane): sums over states then run along memory.
    """

    def __init__(self, kernel: Kernel, model: Model):
        self.kernel, self.model, self.book = kernel, model, FormulaBook(kernel.system)
        y, p = kernel.initial()
        ready = steady_state(model)  # says what is wrong with the model as it is, where anything is
        self.quotient = conserved_quotient(kernel, 0.0, np.maximum(y, 0.1 * ready.states), p)
        self.positive = np.asarray(kernel.system.state_is_species, dtype=bool)[:, None]
        self.past: list[np.ndarray] = [ready.states[:, None]]

    def column(self, start: np.ndarray, p: np.ndarray, values: Mapping[str, object]):
        """(states (lane, state), {lane: why it failed}) of one column."""
        keep, embed = self.quotient.independent, self.quotient.embed
        fixed = start.T - embed @ start.T[keep]
        states, done = self.newton(self.guess(fixed), fixed, p)
        if not done.all() and len(self.past) > 1:
            again = np.flatnonzero(~done)  # from the neighbour as it is
            plain = embed @ self.past[-1][keep][:, again] + fixed[:, again]
            states[:, again], done[again] = self.newton(plain, fixed[:, again], p[again])
        bad: dict[int, str] = {}
        for i in np.flatnonzero(~done):
            one = {k: float(v[i]) if isinstance(v, np.ndarray) else float(v) for k, v in values.items()}  # type: ignore[arg-type]
            try:
                states[:, i] = steady_state(self.model, one).states
            except ManyscaleError as error:
                states[:, i], bad[int(i)] = np.nan, str(error).splitlines()[0]
        usable = np.where(np.isfinite(states), states, self.past[-1])
        self.past = [*self.past[-2:], usable]
        return states.T, bad

    def guess(self, fixed: np.ndarray) -> np.ndarray:
        """States of the neighbours carried on in proportion, with the conserved sums of each lane."""
        keep, embed = self.quotient.independent, self.quotient.embed
        last = np.broadcast_to(self.past[-1], fixed.shape)
        if len(self.past) > 1:
            with np.errstate(all="ignore"):  # logarithms carried on as a line, or a parabola
                ratio = last / self.past[-2]
                if len(self.past) > 2:
                    ratio = ratio * ratio * (self.past[-3] / self.past[-2])
            ahead = last * np.clip(np.where(np.isfinite(ratio), ratio, 1.0), 0.2, 5.0)
            y = embed @ ahead[keep] + fixed
            wrong = ((y < 0) & self.positive).any(axis=0)
            return np.where(wrong, embed @ last[keep] + fixed, y)
        return embed @ last[keep] + fixed

    def newton(self, y: np.ndarray, fixed: np.ndarray, p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(states (state, lane), found): stationary, not negative, and not a saddle (the determinant of a stable state
        has the sign (-1)^r)."""
        keep, embed = self.quotient.independent, self.quotient.embed
        found, active = np.zeros(y.shape[1], dtype=bool), np.arange(y.shape[1])
        sign = (-1.0) ** len(keep)
        with np.errstate(all="ignore"):
            for _ in range(MOST):
                whole = active.size == y.shape[1]
                now = y if whole else y[:, active]
                f, jacobian = self.book.right_side_many(now.T, p if whole else p[active])
                size = np.maximum(np.abs(now), 1e-9 * np.abs(now).max(axis=0))
                small = np.tensordot(embed, jacobian[:, keep], axes=(0, 2)).transpose(2, 0, 1)  # (row, column, lane)
                step, determinant = solve_lanes(small, -f[:, keep].T)
                change = embed @ step
                room = np.where((change < 0) & (now > 0) & self.positive, now / -change, np.inf).min(axis=0)
                factor = np.minimum(1.0, 0.9 * room)
                new = embed @ (now[keep] + factor * step) + (fixed if whole else fixed[:, active])
                if whole:
                    y = new
                else:
                    y[:, active] = new
                close = (np.abs(change) <= CLOSE * size).all(axis=0) & (factor == 1.0)
                least = -1e-9 * np.abs(new).max(axis=0)
                good = close & (determinant * sign > 0) & ~((new < least) & self.positive).any(axis=0)
                found[active[good]] = True
                active = active[~close & np.isfinite(change).all(axis=0)]
                if not active.size:
                    break
        return y, found


def solve_lanes(matrix: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(solution (r, lanes), sign of the determinant) of many small systems, matrix (r, r, lanes); elimination with
    pivoting by rows, each row scaled by its largest entry."""
    count, lanes = right.shape
    scale = np.abs(matrix).max(axis=1)
    a, b = matrix / scale[:, None], right / scale
    sign = np.ones(lanes)
    for k in range(count):
        if k < count - 1:
            pivot = k + np.abs(a[k:, k]).argmax(axis=0)
            moved = np.flatnonzero(pivot != k)
            if moved.size:
                rows = pivot[moved]
                top = a[k][:, moved].copy()
                a[k][:, moved] = a[rows, :, moved].T
                a[rows, :, moved] = top.T
                upper = b[k, moved].copy()
                b[k, moved] = b[rows, moved]
                b[rows, moved] = upper
                sign[moved] *= -1.0
        sign = sign * np.sign(a[k, k])
        for i in range(k + 1, count):
            share = a[i, k] / a[k, k]
            a[i, k + 1 :] -= share * a[k, k + 1 :]
            b[i] -= share * b[k]
    solution = np.empty((count, lanes))
    for k in range(count - 1, -1, -1):
        solution[k] = (b[k] - (a[k, k + 1 :] * solution[k + 1 :]).sum(axis=0)) / a[k, k]
    return solution, sign
