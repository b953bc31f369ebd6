"""Variables that follow from sums of variables with linear equations of their own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from manyscale.bridges.exact.courses import Course, determinant, line, over, pair
from manyscale.bridges.exact.own_sums import OwnSum, Parts, collected, own_sums
from manyscale.model.expr import ZERO, Expr, Number, Symbol, add, mul
from manyscale.model.simplify import simplify

Sign = Callable[[Expr], float]  # 1 or -1 where a formula over constants has this sign all over the region, else 0


@dataclass(frozen=True)
class Solution:
    """id = sum of share * other + course. Shares are over constants and those of the course."""

    id: str
    course: Course
    shares: Mapping[str, Expr] = field(default_factory=dict)

    @property
    def mixed(self) -> Expr:
        """What the others give."""
        return add(*(mul(share, Symbol(other)) for other, share in self.shares.items()))

    @property
    def formula(self) -> Expr:
        """Over ids of the coarse model and the names that the course wishes for."""
        return add(self.mixed, self.course.formula)


def from_sums(written: Mapping[str, Parts], abundant: Mapping[str, float], sign: Sign) -> list[Solution]:
    """One variable from each sum with a linear equation of its own, and two from each pair of sums that only depend on each
    other: the most abundant of those that no other sum has."""
    sums = own_sums(written)
    count = Counter(id for one in sums for id in one.weights)
    chosen = [_chosen(one, count, abundant, sign) for one in sums]
    found: list[Solution] = []
    for k, one in enumerate(sums):
        if chosen[k] is None:
            continue
        others = [j for j in one.rates if j != k]
        rate = one.rates.get(k, ZERO)
        if not others and (rate == ZERO or sign(rate)):
            found.append(_alone(one, chosen[k], rate))
        elif len(others) == 1 and others[0] > k and chosen[others[0]] is not None:
            found += _two(sums, (k, others[0]), (chosen[k], chosen[others[0]]), sign)
    return found


def _chosen(one: OwnSum, count: Mapping[str, int], abundant: Mapping[str, float], sign: Sign) -> str | None:
    """The variable that a sum is to give."""
    own = [id for id, weight in one.weights.items() if count[id] == 1 and sign(weight)]
    return max(own, key=lambda id: abundant[id]) if own else None


def _shares(one: OwnSum, id: str) -> tuple[dict[str, Expr], dict[str, Expr], Expr]:
    """Shares of the others, as numbers or names of constants; these constants; the value of what they leave at the start."""
    shares: dict[str, Expr] = {}
    constants: dict[str, Expr] = {}
    values = {other: mul(-1.0, over(w, one.weights[id])) for other, w in one.weights.items() if other != id}
    for other, value in values.items():
        value = simplify(value)
        if isinstance(value, Number):
            shares[other] = value
        else:
            name = f"{id}_per_{other}"
            shares[other], constants[name] = Symbol(name), value
    return shares, constants, add(Symbol(id), *(mul(-1.0, values[other], Symbol(other)) for other in shares))


def _alone(one: OwnSum, id: str, rate: Expr) -> Solution:
    shares, constants, origin = _shares(one, id)
    course = line(rate, simplify(over(one.flow, one.weights[id])), f"{id}_rest" if shares else f"{id}_start", origin)
    return Solution(id, Course(course.formula, {**constants, **course.constants}), shares)


def _two(sums, numbers: tuple[int, int], ids: tuple[str, str], sign: Sign) -> list[Solution]:
    """Variables of two sums whose equations hold each other and nothing else, with real eigenvalues over the region."""
    both = [sums[k] for k in numbers]
    if set(both[1].rates) - set(numbers) or numbers[0] not in both[1].rates:
        return []
    # as sums in which the chosen variable has the weight 1
    scale = [one.weights[id] for one, id in zip(both, ids)]
    a = [
        [simplify(mul(one.rates.get(j, ZERO), over(scale[c], scale[r]))) for c, j in enumerate(numbers)]
        for r, one in enumerate(both)
    ]
    flows = [simplify(over(one.flow, scale[r])) for r, one in enumerate(both)]
    below = collected([determinant(a)])
    if sign(collected([mul(a[0][1], a[1][0])])) <= 0:  # the eigenvalues may meet
        return []
    if any(flow != ZERO for flow in flows) and not sign(below):
        return []
    parted = [_shares(one, id) for one, id in zip(both, ids)]
    courses = pair(a, flows, below, ids, [origin for _, _, origin in parted])
    return [
        Solution(id, Course(course.formula, {**constants, **course.constants}), shares)
        for id, course, (shares, constants, _) in zip(ids, courses, parted)
    ]
