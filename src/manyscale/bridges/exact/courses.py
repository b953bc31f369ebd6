"""Closed formulas in time of what has a linear equation with constant coefficients, alone or in pairs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from manyscale.model.expr import ONE, ZERO, Call, Expr, Mul, Number, Symbol, Time, add, mul, power


@dataclass(frozen=True)
class Course:
    """formula: over constants, time and new names; constants: name wished for -> its value, over ids at the start.

    since: name of the constant that holds the time of the last reset, "" where nothing resets; `start` is then the name
    of what holds the value right after it.
    """

    formula: Expr
    constants: Mapping[str, Expr]
    start: str = ""
    since: str = ""


def line(rate: Expr, flow: Expr, name: str, start: Expr | None, since: str = "") -> Course:
    """S with S' = rate S + flow: start exp(rate t) + flow (exp(rate t) - 1)/rate, with S(0) = `start` (None: zero), called `name`."""
    elapsed = add(Time(), mul(-1.0, Symbol(since))) if since else Time()
    grown = Call("exp", (mul(rate, elapsed),)) if rate != ZERO else ONE
    terms, constants = [], {}
    if start is not None:
        constants[name] = start
        terms.append(mul(Symbol(name), grown))
    if flow != ZERO:
        terms.append(mul(flow, elapsed if rate == ZERO else over(add(grown, -1.0), rate)))
    if since:
        constants[since] = Number(0.0)
    return Course(add(*terms), constants, name, since)


def spread(a: Sequence[Sequence[Expr]]) -> Expr:
    """Square of half the distance of the eigenvalues of a 2 x 2 matrix, which are real and different where it is positive."""
    half = mul(0.5, add(a[0][0], mul(-1.0, a[1][1])))
    return add(mul(half, half), mul(a[0][1], a[1][0]))


def pair(
    a: Sequence[Sequence[Expr]], flows: Sequence[Expr], below: Expr, names: Sequence[str], starts: Sequence[Expr]
) -> tuple[Course, Course]:
    """S_1, S_2 with S' = a S + flows, as sums of two exponentials and a constant: S* + exp(s t) P (S(0) - S*) + exp(q t) Q (S(0) - S*)
    with eigenvalues s > q and their projectors P, Q. below: determinant of `a`, used where there are flows."""
    rates = tuple(f"{names[0]}_{names[1]}_{kind}" for kind in ("slow", "fast"))
    middle, width = mul(0.5, add(a[0][0], a[1][1])), power(spread(a), 0.5)
    values = (add(middle, width), add(middle, mul(-1.0, width)))
    ends = [_rest(a, flows, below, i) if any(f != ZERO for f in flows) else ZERO for i in (0, 1)]
    found = []
    for i, name in enumerate(names):
        j = 1 - i
        here, there = (add(starts[k], mul(-1.0, ends[k])) for k in (i, j))
        moved = add(mul(a[i][i], here), mul(a[i][j], there))  # (a (S(0) - S*))_i
        parts = [
            over(add(moved, mul(-1.0, values[1], here)), mul(2.0, width)),
            over(add(mul(values[0], here), mul(-1.0, moved)), mul(2.0, width)),
        ]
        constants = {f"{name}_{kind}_part": part for kind, part in zip(("slow", "fast"), parts)}
        terms = [mul(Symbol(n), Call("exp", (mul(Symbol(r), Time()),))) for n, r in zip(constants, rates)]
        constants |= dict(zip(rates, values))
        if ends[i] != ZERO:
            constants[f"{name}_end"] = ends[i]
            terms.append(Symbol(f"{name}_end"))
        found.append(Course(add(*terms), constants))
    return found[0], found[1]


def determinant(a: Sequence[Sequence[Expr]]) -> Expr:
    return add(mul(a[0][0], a[1][1]), mul(-1.0, a[0][1], a[1][0]))


def _rest(a: Sequence[Sequence[Expr]], flows: Sequence[Expr], below: Expr, i: int) -> Expr:
    """Component i of the state at rest, -a^-1 flows."""
    j = 1 - i
    return over(add(mul(a[i][j], flows[j]), mul(-1.0, a[j][j], flows[i])), below)


def over(above: Expr, below: Expr) -> Expr:
    """The quotient, with the number in front of what is divided by taken out of it."""
    factors = below.factors if isinstance(below, Mul) else (below,)
    number = factors[0].value if isinstance(factors[0], Number) else 1.0
    rest = mul(*(factors[1:] if isinstance(factors[0], Number) else factors))
    return mul(1.0 / number, above, power(rest, -1.0)) if rest != ONE else mul(1.0 / number, above)
