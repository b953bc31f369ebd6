"""Places for the boxes of a network drawing: stress majorisation, then boxes pushed apart.

Gansner ER, Koren Y, North S (2005) Graph drawing by stress majorization. Lecture Notes in Computer Science 3383.
Deterministic: the start is classical scaling of the graph distances, not random.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np

STEP = 58.0  # pixels between neighbours
STRETCH = 1.35  # boxes are wider than high
GAP = 34.0  # between components


def place(sizes: np.ndarray, edges: Sequence[tuple[int, int]]) -> np.ndarray:
    """Centres (count, 2) in pixels, all positive, for boxes of `sizes` (count, 2) joined by `edges`."""
    count = len(sizes)
    neighbours: list[set[int]] = [set() for _ in range(count)]
    for a, b in edges:
        if a != b:
            neighbours[a].add(b)
            neighbours[b].add(a)
    blocks = []
    for members in _components(neighbours):
        points = _spread(_distances(members, neighbours)) * STEP
        points[:, 0] *= STRETCH
        blocks.append((members, _push_apart(points, sizes[members])))
    return _pack(blocks, sizes, count)


def _components(neighbours: list[set[int]]) -> list[list[int]]:
    seen: set[int] = set()
    found = []
    for start in range(len(neighbours)):
        if start in seen:
            continue
        members, queue = [], deque([start])
        seen.add(start)
        while queue:
            node = queue.popleft()
            members.append(node)
            fresh = neighbours[node] - seen
            seen |= fresh
            queue.extend(sorted(fresh))
        found.append(sorted(members))
    return sorted(found, key=len, reverse=True)


def _distances(members: list[int], neighbours: list[set[int]]) -> np.ndarray:
    """Numbers of steps between all pairs of one component."""
    index = {node: i for i, node in enumerate(members)}
    table = np.zeros((len(members), len(members)))
    for start in members:
        steps, queue = {start: 0}, deque([start])
        while queue:
            node = queue.popleft()
            for other in neighbours[node]:
                if other not in steps:
                    steps[other] = steps[node] + 1
                    queue.append(other)
        for node, distance in steps.items():
            table[index[start], index[node]] = distance
    return table


def _spread(distances: np.ndarray) -> np.ndarray:
    """Points whose distances resemble the given ones, long side horizontal."""
    count = len(distances)
    if count == 1:
        return np.zeros((1, 2))
    centre = np.eye(count) - 1.0 / count
    values, vectors = np.linalg.eigh(-0.5 * centre @ distances**2 @ centre)
    points = vectors[:, -2:][:, ::-1] * np.sqrt(np.maximum(values[-2:][::-1], 1e-6))
    points += 1e-3 * np.column_stack([np.sin(np.arange(count)), np.cos(2.0 * np.arange(count))])  # no two in one place
    weights = np.where(distances > 0, 1.0 / np.maximum(distances, 1.0) ** 2, 0.0)
    inverse = np.linalg.pinv(np.diag(weights.sum(axis=1)) - weights)
    for _ in range(120):
        apart = np.linalg.norm(points[:, None] - points[None], axis=2)
        ratio = np.where(apart > 1e-9, weights * distances / np.maximum(apart, 1e-9), 0.0)
        new = inverse @ (np.diag(ratio.sum(axis=1)) - ratio) @ points
        moved, points = np.abs(new - points).max(), new
        if moved < 1e-3:
            break
    points -= points.mean(axis=0)
    _, _, axes = np.linalg.svd(points, full_matrices=False)
    turned = points @ axes.T
    return turned * np.where(np.abs(turned.min(axis=0)) < turned.max(axis=0), -1.0, 1.0)


def _push_apart(points: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Move overlapping boxes away from each other along the direction that needs least."""
    points = points.copy()
    need = (sizes[:, None] + sizes[None]) / 2.0 + 9.0
    for _ in range(300):
        apart = points[:, None] - points[None]
        overlap = need - np.abs(apart)
        clash = np.triu((overlap > 0).all(axis=2), 1)
        if not clash.any():
            break
        for a, b in np.argwhere(clash):
            axis = int(overlap[a, b, 1] <= overlap[a, b, 0])
            shift = overlap[a, b, axis] / 2.0 * (1.0 if apart[a, b, axis] >= 0 else -1.0)
            points[a, axis] += shift * 0.7
            points[b, axis] -= shift * 0.7
    return points


def _pack(blocks: list, sizes: np.ndarray, count: int) -> np.ndarray:
    """Put the components beside each other in rows no wider than the widest of them."""
    where = np.zeros((count, 2))
    widths = []
    for members, points in blocks:
        half = sizes[members] / 2.0
        low = (points - half).min(axis=0)
        points -= low
        widths.append((points + half).max(axis=0))
    limit = max(900.0, max(width[0] for width in widths))
    x = y = row = 0.0
    for (members, points), extent in zip(blocks, widths, strict=True):
        if x and x + extent[0] > limit:
            x, y, row = 0.0, y + row + GAP, 0.0
        where[members] = points + np.array((x, y))
        x += extent[0] + GAP
        row = max(row, extent[1])
    return where
