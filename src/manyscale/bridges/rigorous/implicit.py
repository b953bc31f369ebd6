"""Comparison where the fast variables are roots of equations: enclosures of y = h(z) from G(z, y) = 0.

A box of y on whose lower faces every G_i is nonnegative, and on whose upper faces it is nonpositive, holds a root for each z
(Poincare and Miranda); where no pivot of G_y vanishes on it there is one only, as all roots have one sign of the
determinant and their degree is that of the box. Faces are then moved inward by what the steepest slope leaves possible
(interval Newton iteration; Moore, Kearfott & Cloud 2009, chapter 8).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from manyscale.bridges.rigorous.comparison import Comparison
from manyscale.bridges.rigorous.problem import Problem, fast
from manyscale.bridges.rigorous.roots import relaxed

WIDER, INWARD = 30, 6  # enlargements until a box holds a root; moves of its faces


class ImplicitComparison(Comparison):
    def __init__(self, problem: Problem, parameters, start, late, layer: float = 0.0):
        self.known: np.ndarray | None = None
        nodes = [*problem.g, *(node for row in problem.jacobian for node in row)]
        names = {name for node in nodes for name in problem.tape.mentioned(node)}
        self.asked = tuple(sorted(names - {fast(name) for name in problem.y}))
        self.first = np.array([0.5 * (start[name][0] + start[name][1]) for name in problem.y])
        super().__init__(problem, parameters, start, late, layer)

    def closure(self, inputs: Mapping, count: int | None = None) -> np.ndarray:
        count = self.count if count is None else count
        inputs = {name: inputs[name] for name in self.asked}
        with np.errstate(all="ignore"):
            if self.known is None:
                names = [fast(name) for name in self.p.y]
                middle = {name: (v, v) for name, v in _middle(inputs).items()}
                root = relaxed(self.p.tape, self.p.g, self.p.jacobian, names, middle, self.first)
                self.known = np.stack([root * 0.95, root * 1.05], axis=1)
            found = self._enclosed(inputs, np.tile(self.known, count // self.count), count)
        if count == self.count:
            self.known = np.where(np.isfinite(found), found, self.known)
        return found

    def shut(self, inputs: Mapping, count: int | None = None) -> Mapping:
        found = self.closure(inputs, count)
        return {**inputs, **{fast(name): (one[0], one[1]) for name, one in zip(self.p.y, found)}}

    def defect(self, inputs: Mapping) -> np.ndarray:
        return super().defect(self.shut(inputs))

    def _enclosed(self, inputs: Mapping, box: np.ndarray, count: int) -> np.ndarray:
        """(q, 2, count), unbounded where no box with a root was found."""
        box = np.sort(box.copy(), axis=1)
        good, gone = np.zeros(count, dtype=bool), np.tile(self.dead, count // self.count)
        for _ in range(WIDER):
            good = np.ones(count, dtype=bool)
            for i, name in enumerate(self.p.y):
                below, above = self._face(i, inputs, box, count)
                room = 0.5 * (box[i, 1] - box[i, 0]) + 0.1 * np.maximum(np.abs(box[i, 1]), np.abs(box[i, 0]))
                lower, upper = ~(below[0] >= 0), ~(above[1] <= 0)
                good &= ~lower & ~upper
                box[i, 1] = np.where(upper, box[i, 1] + room, box[i, 1])
                down = box[i, 0] - room
                if name in self.p.positive:
                    down = np.where(box[i, 0] > 0, np.maximum(down, 0.4 * box[i, 0]), 0.0)
                    down = np.where(down < 1e-6 * box[i, 1], 0.0, down)
                box[i, 0] = np.where(lower, down, box[i, 0])
            if (good | gone).all():
                break
        for _ in range(INWARD):
            self._inward(inputs, box, count)
        return np.where(good, box, np.array([-np.inf, np.inf])[None, :, None])

    def _inward(self, inputs: Mapping, box: np.ndarray, count: int) -> None:
        steep = self.tight(self.p.own, self._inputs(inputs, box), count)
        for i in range(self.q):
            below, above = self._face(i, inputs, box, count)
            sure = np.isfinite(steep[i, 0]) & (steep[i, 1] < 0)
            up = np.where(sure & (below[0] > 0), below[0] / -steep[i, 0] * (1 - 1e-9), 0.0)
            down = np.where(sure & (above[1] < 0), above[1] / -steep[i, 0] * (1 - 1e-9), 0.0)
            box[i, 0], box[i, 1] = box[i, 0] + up * (1 - 1e-9), box[i, 1] + down * (1 - 1e-9)

    def _face(self, i: int, inputs: Mapping, box: np.ndarray, count: int):
        """Ranges of G_i where y_i is at its lower and at its upper end."""
        twice = {name: (np.tile(a, 2), np.tile(b, 2)) for name, (a, b) in self._inputs(inputs, box).items()}
        ends = np.concatenate([box[i, 0], box[i, 1]])
        found = self.tight([self.p.g[i]], {**twice, fast(self.p.y[i]): (ends, ends)}, 2 * count)[0]
        return found[:, :count], found[:, count:]

    def _inputs(self, inputs: Mapping, box: np.ndarray) -> dict:
        return {**inputs, **{fast(name): (one[0], one[1]) for name, one in zip(self.p.y, box)}}


def _middle(inputs: Mapping) -> dict:
    return {
        name: 0.5 * (a + b) for name, (a, b) in inputs.items() if not (isinstance(name, tuple) and name[0] == "fast")
    }
