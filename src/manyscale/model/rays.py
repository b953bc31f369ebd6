"""Extreme rays of the non-negative part of a subspace, exact."""

from __future__ import annotations

from manyscale.model.elimination import Row, reduced


class TooManyRays(Exception):
    """The cone has more extreme rays than the caller wants to see."""


MAX_WORK = 3_000_000  # comparisons of supports in one cut


def extreme_rays(basis: list[Row], limit: int = 1_000) -> list[Row]:
    """Extreme rays of {y = sum of c_k basis_k: y >= 0}, each with coprime whole entries.

    Double description with bit sets of zero entries (Fukuda & Prodon, 1996). The basis is in reduced echelon form:
    each vector has a coordinate, positive, that no other has; so the cone starts as c >= 0. Raises TooManyRays.
    """
    _check_reduced(basis)
    columns = sorted({j for v in basis for j in v})
    bit = {j: 1 << k for k, j in enumerate(columns)}
    rays = [dict(v) for v in basis]
    negative = [j for j in columns if any(v.get(j, 0) < 0 for v in basis)]
    negative.sort(key=lambda j: (sum(j in v for v in basis), j))
    mask = sum(bit[j] for j in columns if j not in negative)
    for j in negative:
        rays = _cut(rays, j, mask, bit, limit)
        mask |= bit[j]
    return rays


def _check_reduced(basis: list[Row]) -> None:
    count: dict[int, int] = {}
    for vector in basis:
        for j in vector:
            count[j] = count.get(j, 0) + 1
    if not all(any(count[j] == 1 and v > 0 for j, v in vector.items()) for vector in basis):
        raise ValueError("the basis is not in reduced echelon form")


def _cut(rays: list[Row], column: int, mask: int, bit: dict[int, int], limit: int) -> list[Row]:
    """Rays of the cone cut by y[column] >= 0; `mask` holds the columns whose inequalities are already in."""
    keep = [r for r in rays if r.get(column, 0) >= 0]
    above = [r for r in keep if r.get(column, 0) > 0]
    below = [r for r in rays if r.get(column, 0) < 0]
    if not below:
        return rays
    supports = {id(r): _support(r, mask, bit) for r in rays}
    everything = list(supports.values())
    if len(above) * len(below) * len(rays) > MAX_WORK:
        raise TooManyRays(f"{len(rays)} rays are too many to go on")
    for up in above:
        for down in below:
            joint = supports[id(up)] | supports[id(down)]
            # neighbours: no third ray is positive only where these two are
            if sum(1 for s in everything if s | joint == joint) > 2:
                continue
            a, b = up[column], -down[column]
            new = {j: b * v for j, v in up.items()}
            for j, v in down.items():
                value = new.get(j, 0) + a * v
                if value:
                    new[j] = value
                else:
                    new.pop(j, None)
            keep.append(reduced(new))
            if len(keep) > limit:
                raise TooManyRays(f"more than {limit} extreme rays")
    return keep


def _support(ray: Row, mask: int, bit: dict[int, int]) -> int:
    support = 0
    for j in ray:
        support |= bit[j]
    return support & mask
