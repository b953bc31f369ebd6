"""Validated enclosures of the coarse model and of its distance from the fine one, over many boxes at once.

Slow coordinates: differential inequalities face by face (Mueller 1926; Walter, Differential and Integral Inequalities,
1970), each coordinate by the exponential of its own slope, so that fast decay needs no small steps. Deviations: the
comparison system of `problem` with the largest coefficients over everything that one step can reach, which is checked
to contain itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from manyscale.bridges.rigorous import intervals as iv
from manyscale.bridges.rigorous.exponential import exponential
from manyscale.bridges.rigorous.intervals import Interval
from manyscale.bridges.rigorous.problem import Problem, fast, parameter, slow
from manyscale.kernels.graph import TIME

TRIES = 6  # enlargements of what a step may reach
MEETING = 1e-4  # relative distance at the end of the layer that a projected start may leave
UP = 1.0 + 1e-12  # covers rounding of a few operations on nonnegative numbers


def steps(horizon: float, marks: tuple[float, ...] = (), first: float = 1e-6, growth: float = 0.15,
          longest: float = 0.0125) -> np.ndarray:  # fmt: skip
    """Times 0 = t_0 < ... < t_K = horizon: growing steps, then even ones; `marks` are among them."""
    times, t = [0.0], 0.0
    while t < horizon:
        t += horizon * min(max(growth * t / horizon, first), longest)
        times.append(min(t, horizon))
    return np.unique([*times, *(m for m in marks if 0 < m < horizon)])


@dataclass
class Enclosure:
    """What is known after a run, per box: error (k, N) and size (k, N) of each observable (upper bound of the largest
    deviation, lower bound of the largest value); reason why a box died, by time (N,), inf where it lives."""

    ids: tuple[str, ...]
    error: np.ndarray
    size: np.ndarray
    died: np.ndarray

    @property
    def bound(self) -> np.ndarray:
        """(N,) the largest relative error; inf where nothing is known."""
        with np.errstate(divide="ignore", invalid="ignore"):
            share = np.where(self.error == 0.0, 0.0, self.error / self.size)
        share = np.where(np.isnan(share), np.inf, share).max(axis=0, initial=0.0)
        return np.where(np.isfinite(self.died), np.inf, share)


class Comparison:
    """One run over boxes: `parameters` name -> interval (N,), `start` name -> interval of z and y at t = 0."""

    def __init__(self, problem: Problem, parameters: Mapping[str, Interval], start: Mapping[str, Interval], late: Mapping[str, float],
                 layer: float = 0.0):  # fmt: skip
        self.p = problem
        self.layer = layer  # time at which the coarse model's start makes it meet the fine one; 0: they start together
        self.seen: list[tuple] = []
        self.m, self.q = len(problem.z), len(problem.y)
        self.count = len(next(iter(start.values()))[0])
        self.inputs = {parameter(name): pair for name, pair in parameters.items()}
        self._clock(0.0, 0.0)
        self.late = late
        self.low = np.array([start[name][0] for name in problem.z], dtype=float)
        self.high = np.array([start[name][1] for name in problem.z], dtype=float)
        self.signed = [name in problem.positive for name in problem.z]
        self.ids = tuple(problem.observables)
        self.error = np.zeros((len(self.ids), self.count))
        self.died = np.full(self.count, np.inf)
        self.e = np.zeros((self.m, self.count))
        h = self.closure(self._slow_inputs(self.low, self.high))
        self.d = np.array([iv.magnitude(iv.sub(start[y], one)) for y, one in zip(problem.y, h)]).reshape(self.q, -1)
        self.reach = np.concatenate([self.d, self.e])
        self.now = np.zeros((len(self.ids), self.count))
        first = {**self._slow_inputs(self.low, self.high), **{fast(y): start[y] for y in problem.y}}
        self.opened = [o[0] for o in problem.observables.values()]
        self.closed = [o[1] for o in problem.observables.values()]
        self.size = self._least(self.tight(self.opened, first))
        self.y_low = np.array([start[y][0] for y in problem.y], dtype=float)
        self.y_high = np.array([start[y][1] for y in problem.y], dtype=float)
        self.t = 0.0

    @property
    def dead(self) -> np.ndarray:
        return np.isfinite(self.died)

    def tight(self, nodes, inputs, count: int | None = None) -> np.ndarray:
        """(nodes, 2, count)"""
        return self.p.tape.many((), nodes, inputs, self.count if count is None else count)

    def ranges(self, nodes, inputs) -> np.ndarray:
        return self.p.tape.many(nodes, (), inputs, self.count)

    @staticmethod
    def _least(found: np.ndarray) -> np.ndarray:
        return np.maximum(np.maximum(found[:, 0], -found[:, 1]), 0.0)

    def _slow_inputs(self, low: np.ndarray, high: np.ndarray) -> dict:
        return {**self.inputs, **{slow(name): (low[j], high[j]) for j, name in enumerate(self.p.z)}}

    def _clock(self, begin: float, end: float) -> None:
        """What time may be from now on."""
        self.inputs[TIME] = np.full(self.count, begin), np.full(self.count, end)

    def run(self, times: np.ndarray, stop=lambda: False) -> Enclosure:
        """Along all times; boxes that cannot be enclosed die."""
        with np.errstate(all="ignore"):
            for t in times[1:]:
                if stop() or np.isfinite(self.died).all():
                    self.died = np.minimum(self.died, self.t)
                    break
                self._step(t - self.t, t)
                self.t = float(t)
                if self.layer and self.t >= self.layer:
                    self._restart()
        return Enclosure(self.ids, self.error, self.size, self.died)

    def _step(self, h: float, t: float) -> None:
        self._clock(self.t, t)
        low, high, box_low, box_high, good = self._tube(h)
        good &= self._deviations(h, t, box_low, box_high)
        if self.layer:
            self.seen.append((h, box_low, box_high, self.reach, self.inputs[TIME]))
        self.low, self.high = low, high
        self.died = np.where(good, self.died, np.minimum(self.died, self.t))
        if self.ids:
            inputs = self._slow_inputs(low, high)
            lowest = self._least(self.tight(self.closed, self.shut(inputs))) - self.now
            below, above = iv.widened(low - self.e, high + self.e)
            inputs = self._slow_inputs(self._clipped(below), above)
            inputs |= {fast(y): (self.y_low[i], self.y_high[i]) for i, y in enumerate(self.p.y)}
            self.size = np.fmax(self.size, np.fmax(lowest, self._least(self.tight(self.opened, inputs))))

    def _follow(self, hull: Mapping, h: float) -> None:
        """Fast variables of the fine model themselves, each from the rate on its own faces, over what a step reaches."""
        diagonal = self.ranges(self.p.own, hull)
        twice = {name: (np.tile(pair[0], 2), np.tile(pair[1], 2)) for name, pair in hull.items()}
        rates = np.empty((self.q, 2, self.count))
        for i, name in enumerate(self.p.y):
            face = np.concatenate([self.y_low[i], self.y_high[i]])
            found = self.tight([self.p.g[i]], {**twice, fast(name): (face, face)}, 2 * self.count)[0]
            rates[i] = found[0, : self.count], found[1, self.count :]
        self.y_low, self.y_high = _moved(self.y_low, self.y_high, rates, diagonal, h)
        for i, name in enumerate(self.p.y):
            low, high = hull[fast(name)]
            self.y_low[i] = np.fmax(self.y_low[i], low)
            self.y_high[i] = np.fmin(self.y_high[i], high)

    # the start that the initial layer is projected out of

    def _restart(self) -> None:
        """At the end of the layer: from the coarse run that starts where the fine one does to the projected one, which
        is at the fine one's slow coordinates now, and was off by what its equations make of that backwards in time."""
        size = np.maximum(np.abs(self.low - self.e), np.abs(self.high + self.e))
        for _, low, high, reach, _ in self.seen:
            size = np.maximum(size, np.maximum(np.abs(low), np.abs(high)) + reach[self.q :])
        off = MEETING * np.maximum(size, 1e-12 * size.max(axis=0))
        back = self.e + off
        for h, low, high, reach, when in reversed(self.seen):
            self.inputs[TIME] = when
            back, proven, inputs = self._backwards(h, low, high, reach, back)
            self.died = np.where(proven, self.died, np.minimum(self.died, self.t))
            self._observe(inputs, np.concatenate([reach[: self.q], reach[self.q :] + back]), 0.0)
        apart = (self.e + off) * UP
        low, self.high = iv.widened(self.low - apart, self.high + apart)
        self.low = self._clipped(low)
        self.e = off
        self.reach = np.concatenate([self.d, self.e])
        self.layer, self.seen = 0.0, []

    def _backwards(self, h: float, low: np.ndarray, high: np.ndarray, reach: np.ndarray, now: np.ndarray):
        """(distance of the two coarse runs during a step of the layer from that at its end, proven, what it holds on)."""
        wide = now * 1.05
        for _ in range(TRIES):
            inputs = self._hull(low - wide, high + wide, reach)
            matrix = np.zeros((self.count, self.m, self.m + 1))
            slopes = self.slopes(inputs)
            for i, j in np.ndindex(self.m, self.m):
                matrix[:, i, j] = np.maximum(-slopes[i, j, 0], 0.0) if i == j else iv.magnitude(slopes[i, j])
            whole = np.concatenate([matrix, np.zeros((self.count, 1, self.m + 1))], axis=1)
            found = _reached(whole, now, h)
            proven = np.all(found <= wide, axis=0)
            if (proven | self.dead).all():
                break
            wide = np.where(proven, wide, np.maximum(np.where(np.isfinite(found), found, wide) * 1.1, wide))
        return found, proven, inputs

    # slow coordinates of the coarse model

    def _tube(self, h: float):
        """(low, high) after the step, (low, high) during it, and for which boxes that is proven."""
        low, high = self.low, self.high
        during = low.copy(), high.copy()
        width = np.maximum(high - low, 1e-12 * np.maximum(np.abs(high), np.abs(low)))
        for _ in range(TRIES):
            new_low, new_high = self._faces(during, h)
            least, most = np.minimum(low, new_low), np.maximum(high, new_high)
            inside = np.all((least >= during[0]) & (most <= during[1]), axis=0)
            if (inside | self.dead).all():
                break
            slack = 0.1 * (most - least) + 1e-3 * width
            wider = np.minimum(during[0], least - slack), np.maximum(during[1], most + slack)
            wider = self._clipped(wider[0]), wider[1]
            during = tuple(np.where(inside, a, b) for a, b in zip(during, wider))
        return new_low, new_high, during[0], during[1], inside

    def _clipped(self, low: np.ndarray) -> np.ndarray:
        return np.where(np.array(self.signed)[:, None], np.maximum(low, 0.0), low)

    def _faces(self, during, h: float) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper ends after the step, each from the rate on its own face of the box."""
        inputs = self._slow_inputs(*during)
        slopes = self.slopes(self.shut(inputs))
        diagonal = np.array([slopes[j, j] for j in range(self.m)])
        twice = {name: (np.tile(pair[0], 2), np.tile(pair[1], 2)) for name, pair in inputs.items()}
        rates = np.empty((self.m, 2, self.count))
        for j, name in enumerate(self.p.z):
            face = np.concatenate([self.low[j], self.high[j]])
            ends = self.shut({**twice, slow(name): (face, face)}, 2 * self.count)
            found = self.tight([self.p.f[j]], ends, 2 * self.count)[0]
            rates[j] = found[0, : self.count], found[1, self.count :]
        low, high = _moved(self.low, self.high, rates, diagonal, h)
        return self._clipped(low), high

    # deviations

    def _deviations(self, h: float, t: float, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        now = np.concatenate([self.d, self.e])
        reach = np.maximum(self.reach, now) * 1.05
        proven = np.zeros(self.count, dtype=bool)
        for _ in range(TRIES):
            matrix, hull = self._matrix(low, high, reach)
            found = _reached(matrix, now, h)
            proven = np.all(found <= reach, axis=0)
            if (proven | self.dead).all():
                break
            reach = np.where(proven, reach, np.maximum(np.where(np.isfinite(found), found, reach) * 1.1, reach))
        self.reach = found
        self._observe(hull, found, t)
        self._follow(hull, h)
        scaled = matrix * h * np.where(matrix < 0, 2.0 - UP, UP)
        after = np.einsum("nij,jn->in", exponential(scaled), np.concatenate([now, np.ones((1, self.count))]))
        after = np.minimum(after[:-1] * UP, found)
        self.d, self.e = after[: self.q], after[self.q :]
        self.now = self.far(hull, np.concatenate([self.d, self.e]))
        return proven

    def _hull(self, low: np.ndarray, high: np.ndarray, reach: np.ndarray) -> dict:
        d, e = reach[: self.q], reach[self.q :]
        low, high = iv.widened(low - e, high + e)
        inputs = self._slow_inputs(self._clipped(low), high)
        for y, one, gap in zip(self.p.y, self.closure(inputs), d):
            least, most = iv.widened(one[0] - gap, one[1] + gap)
            inputs[fast(y)] = (
                (np.maximum(least, np.minimum(one[0], 0.0)) if y in self.p.positive else least),
                most,
            )
        return inputs

    def _matrix(self, low: np.ndarray, high: np.ndarray, reach: np.ndarray):
        """The comparison matrix (N, q + m + 1, q + m + 1), its last column the defect, and what it holds over."""
        q, m = self.q, self.m
        inputs = self._hull(low, high, reach)
        result = np.zeros((self.count, q + m + 1, q + m + 1))
        result[:, :q, -1] = self.defect(inputs).T
        reduced, (decay, loss) = self.slopes(inputs), self.coupling(inputs)
        for i, j in np.ndindex(m, m):
            result[:, q + i, q + j] = reduced[i, j, 1] if i == j else iv.magnitude(reduced[i, j])
        for i, j in np.ndindex(q, q):
            result[:, i, j] = decay[i, j, 1] if i == j else iv.magnitude(decay[i, j])
        for k, j in np.ndindex(m, q):
            result[:, q + k, j] = iv.magnitude(loss[k, j])
        return result, inputs

    # the closure y = h(z) by formula; `implicit` has another way

    def closure(self, inputs: Mapping, count: int | None = None) -> np.ndarray:
        """Ranges (q, 2, count) of h."""
        return self.tight(self.p.h, inputs, count)

    def shut(self, inputs: Mapping, count: int | None = None) -> Mapping:
        """Inputs from which values of the small model follow."""
        return inputs

    def slopes(self, inputs: Mapping) -> np.ndarray:
        """Ranges (m, m, 2, N) of Df."""
        nodes = [node for row in self.p.reduced for node in row]
        return self.tight(nodes, inputs).reshape(self.m, self.m, 2, -1)

    def defect(self, inputs: Mapping) -> np.ndarray:
        """Bounds (q, N) of |Dh f + h_t|."""
        p, q, m = self.p, self.q, self.m
        found = self.tight([*p.f, *p.drift, *(n for row in p.dh for n in row)], inputs)
        flow, drift, dh = found[:m], found[m : m + q], found[m + q :].reshape(q, m, 2, -1)
        return np.array([iv.magnitude(_total(drift[i], dh[i], flow)) for i in range(q)]).reshape(q, -1)

    def coupling(self, inputs: Mapping) -> tuple[np.ndarray, np.ndarray]:
        """Ranges of G_y - Dh F_y (q, q, 2, N) and F_y (m, q, 2, N)."""
        p, q = self.p, self.q
        found = self.ranges([node for row in (*p.decay, *p.loss) for node in row], inputs)
        return found[: q * q].reshape(q, q, 2, -1), found[q * q :].reshape(self.m, q, 2, -1)

    # observables

    def far(self, hull: Mapping, reach: np.ndarray) -> np.ndarray:
        """(k, N) how far observables of fine and coarse model can be apart."""
        d, e = reach[: self.q], reach[self.q :]
        nodes = [n for _, _, by_y, by_z in self.p.observables.values() for n in (*by_y, *by_z)]
        slopes = self.ranges(nodes, hull).reshape(len(self.ids), self.q + self.m, 2, self.count)
        sizes = np.maximum(np.abs(slopes[:, :, 0]), np.abs(slopes[:, :, 1]))
        terms = np.where(sizes == 0, 0.0, sizes * np.concatenate([d, e]))
        return terms.sum(axis=1) * UP

    def _observe(self, hull: Mapping, reach: np.ndarray, t: float) -> None:
        counted = np.array([t > self.late.get(id, 0.0) for id in self.ids])
        self.error = np.maximum(self.error, np.where(counted[:, None], self.far(hull, reach), 0.0))


def _total(start, row, factors):
    """start + sum of products of intervals."""
    total = start[0], start[1]
    for a, b in zip(row, factors):
        total = iv.add(total, iv.mul(a, b))
    return total


def _moved(low, high, rates: np.ndarray, diagonal: np.ndarray, h: float) -> tuple[np.ndarray, np.ndarray]:
    """Ends after a step from the rates (n, 2, N) on lower and upper faces and the ranges of the own slopes."""
    below, above = rates[:, 0], rates[:, 1]
    down = below * _ramp(np.where(below < 0, diagonal[:, 1], diagonal[:, 0]), h, below >= 0)
    up = above * _ramp(np.where(above > 0, diagonal[:, 1], diagonal[:, 0]), h, above <= 0)
    return iv.widened(low + down, high + up, 1e-14)


def _ramp(slope: np.ndarray, h: float, back: np.ndarray) -> np.ndarray:
    """(exp(slope h) - 1) / slope, rounded up, or down where `back` (the caller's rate points inward)."""
    x = slope * h
    value = np.where(
        np.abs(x) < 1e-5, h * (1.0 + 0.5 * x), h * np.expm1(np.minimum(x, 700.0)) / np.where(x == 0, 1.0, x)
    )
    value = np.where(np.abs(x) < 1e-5, value, np.where(x > 700.0, np.where(back, h, np.inf), value))
    return np.where(back, value * (1 - 1e-9), value * (1 + 1e-9))


def _reached(matrix: np.ndarray, now: np.ndarray, h: float) -> np.ndarray:
    """Bounds (n, N) during a step of w' <= M w + r from `now`: a fixed point of componentwise bounds, checked."""
    square, drive = matrix[:, :-1, :-1], matrix[:, :-1, -1]
    diagonal = np.einsum("nii->ni", square)
    off = square - diagonal[:, :, None] * np.eye(square.shape[1])
    start = now.T

    def bound(w: np.ndarray) -> np.ndarray:
        push = np.einsum("nij,nj->ni", off, w) + drive
        rest = np.maximum(start, push / np.where(diagonal < 0, -diagonal, np.nan))
        slow_ = start + h * push
        grown = (start + h * push) * np.exp(np.minimum(np.maximum(diagonal, 0.0) * h, 600.0))
        return np.where(diagonal < 0, np.fmin(rest, slow_), grown) * (1 + 1e-12)

    w = start
    for _ in range(40):
        new = np.maximum(w, bound(w))
        if np.all(new <= w * (1 + 1e-4)):
            break
        w = new
    w = np.maximum(w, new) * 1.01 + 1e-290
    for _ in range(3):
        worse = bound(w) > w
        if not worse.any():
            break
        w = np.where(worse, bound(w) * 1.1, w)
    return np.where(np.all(bound(w) <= w, axis=1, keepdims=True), w, np.inf).T
