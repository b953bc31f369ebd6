"""Roots of the equations of fast variables at points, in floating point: where enclosures start from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from manyscale.bridges.rigorous.tape import Tape

STEPS = 60  # of the fast variables towards their root, with slow ones held
GROWTH = 1.6  # of the step, from one to the next


def relaxed(
    tape: Tape, g: Sequence[int], jacobian: Sequence[Sequence[int]], names: Sequence, points: Mapping, start: np.ndarray
) -> np.ndarray:  # fmt: skip
    """Roots (q, N) of G = 0 in the inputs `names`, along implicit Euler steps of y' = G(y) that grow into Newton's."""
    y, size, step = start.astype(float), len(g), None
    nodes = [*g, *(node for row in jacobian for node in row)]
    for _ in range(STEPS):
        inputs = {**points, **{name: (v, v) for name, v in zip(names, y)}}
        found = np.array([np.broadcast_to(a, y.shape[1:]) for a, _ in tape.ranges(nodes, inputs)])
        rate, slopes = found[:size], found[size:].reshape(size, size, -1)
        step = 0.1 / np.maximum(np.abs(slopes).max(axis=(0, 1)), 1e-300) if step is None else GROWTH * step
        matrix = np.moveaxis(np.eye(size)[:, :, None] - step * slopes, -1, 0)
        try:
            y = y + np.linalg.solve(matrix, (step * rate).T[:, :, None])[:, :, 0].T
        except np.linalg.LinAlgError:
            break
    return y
