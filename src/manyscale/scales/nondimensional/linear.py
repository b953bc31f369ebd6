"""Linear equations taken in one at a time, exactly, with a watch on what they determine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction

from manyscale.model.elimination import subtract

Sparse = dict[int, Fraction]


class Solution:
    """Reduced echelon form of the equations so far. rows: by pivot. shares: of each row, in the equations included.

    watched: name -> (weights, target, limit): linear forms whose value, once determined, has to be within `limit` of
    `target`; an equation that would violate this is refused (unless it is included unguarded).
    """

    def __init__(self, watched: Mapping[str, tuple[Mapping[int, int], float, float]]):
        self.rows: dict[int, Sparse] = {}
        self.shares: dict[int, Sparse] = {}
        self.values: dict[int, float] = {}
        self.open: dict[str, tuple[Sparse, Sparse, float, float, float]] = {  # rest, shares, known, target, limit
            name: (_fractions(weights), {}, 0.0, target, limit) for name, (weights, target, limit) in watched.items()
        }

    def include(
        self,
        weights: Mapping[int, int],
        value: float,
        number: int,
        *,
        guarded: bool = True,
        accepted: Callable[[Sparse], bool] | None = None,
        settling: bool = False,
    ) -> bool | None:
        """Take in `weights . z = value` as equation `number`; None if it depends on those before, False if refused.

        accepted: a further test on every watched form that it determines, from its shares in the equations. settling:
        refuse it unless it determines a watched form.
        """
        row, shares = _fractions(weights), {number: Fraction(1)}
        for pivot in [k for k in row if k in self.rows]:
            factor = row.get(pivot, Fraction(0))
            if factor:
                subtract(row, self.rows[pivot], factor)
                subtract(shares, self.shares[pivot], factor)
                value -= float(factor) * self.values[pivot]
        if not row:
            return None
        pivot = min(row, key=lambda k: (abs(row[k].numerator) + row[k].denominator, k))
        lead = row[pivot]
        row = {k: v / lead for k, v in row.items()}
        shares = {k: v / lead for k, v in shares.items()}
        value /= float(lead)
        changed = self._watch(pivot, row, shares, value, guarded, accepted)
        if changed is None or (settling and all(rest for rest, *_ in changed.values())):
            return False
        self.open.update(changed)
        for other, its_row in self.rows.items():
            factor = its_row.get(pivot, Fraction(0))
            if factor:
                subtract(its_row, row, factor)
                subtract(self.shares[other], shares, factor)
                self.values[other] -= float(factor) * value
        self.rows[pivot], self.shares[pivot], self.values[pivot] = row, shares, value
        return True

    def _watch(self, pivot: int, row: Sparse, shares: Sparse, value: float, guarded: bool, accepted) -> dict | None:
        """What is left open of every watched form, with this row; None if one of them ends up too far off."""
        changed = {}
        for name, (rest, made_of, known, target, limit) in self.open.items():
            factor = rest.get(pivot)
            if not factor:
                continue
            rest, made_of = dict(rest), dict(made_of)
            subtract(rest, row, factor)
            subtract(made_of, shares, -factor)
            known += float(factor) * value
            if not rest:
                if guarded and abs(known - target) > limit:
                    return None
                if accepted is not None and not accepted(made_of):
                    return None
            changed[name] = (rest, made_of, known, target, limit)
        return changed


def _fractions(weights: Mapping[int, int]) -> Sparse:
    return {k: Fraction(w) for k, w in weights.items() if w}
