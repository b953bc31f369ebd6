"""Variables that have a formula: linear equations by themselves, rates in a fixed proportion, sums with a linear equation;
exact.

x' = a x + b with constants a and b is solved by x(0) exp(a t) + b (exp(a t) - 1)/a. Two variables with x' = a x + c g and
y' = a y + d g, g any function of the state and of time, differ by a solution of w' = a w: y = (d/c) x + w(0) exp(a t). With
a = 0 this is a conserved sum whose coefficients are rate constants, which no stoichiometry shows. A sum S of variables
with S' = a S + b gives one of them from the others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from manyscale.bridges.bridge import Bridge
from manyscale.bridges.certificate import Assumption, Certificate, Refusal
from manyscale.bridges.compose import start_values
from manyscale.bridges.exact.conserve import CHECKED, REPLAYS, replayed
from manyscale.bridges.exact.exactly import FromZero, exactly
from manyscale.bridges.exact.own_sums import Parts, own_sums
from manyscale.bridges.exact.separate import Separated, TooMany, given_later
from manyscale.bridges.explain import listed
from manyscale.bridges.held import ruled_model, unfreezable
from manyscale.errors import InputError
from manyscale.kernels import compile_model
from manyscale.kernels.interpret import evaluate
from manyscale.kernels.system import System
from manyscale.model.expr import (
    ONE,
    ZERO,
    Add,
    Call,
    Expr,
    Mul,
    Number,
    Power,
    Symbol,
    Time,
    add,
    children,
    mul,
    power,
    substitute,
    symbols,
)
from manyscale.model.model import Model
from manyscale.model.naming import Names
from manyscale.model.parts import Parameter
from manyscale.model.printing import infix
from manyscale.model.question import Question
from manyscale.model.simplify import simplify
from manyscale.scales.measure import Scales

NAME = "solve"


@dataclass(frozen=True)
class Solution:
    """id = sum of share * other + start * exp(rate t) + flow (exp(rate t) - 1)/rate, with start the value of `origin` at
    t = 0; no shares: by itself; origin None: nothing to start from. Shares, rate and flow are over constants."""

    id: str
    rate: Expr
    flow: Expr = ZERO
    shares: Mapping[str, Expr] = field(default_factory=dict)
    origin: Expr | None = None

    @property
    def mixed(self) -> Expr:
        """What the others give."""
        return add(*(mul(share, Symbol(other)) for other, share in self.shares.items()))

    def formula(self, start: str) -> Expr:
        """Over ids of the coarse model; start: id of the constant that holds the value of `origin`."""
        terms = [self.mixed]
        grown = Call("exp", (mul(self.rate, Time()),)) if self.rate != ZERO else add(1.0)
        if self.origin is not None:
            terms.append(mul(Symbol(start), grown))
        if self.flow != ZERO:
            since = Time() if self.rate == ZERO else _over(add(grown, -1.0), self.rate)
            terms.append(mul(self.flow, since))
        return add(*terms)


def attempt(model: Model, scales: Scales | None, question: Question) -> Bridge | Refusal:
    """The bridge to the model with these variables given by formula; a Refusal where there is none."""
    kernel = compile_model(model)
    system = kernel.system
    if system.delays or system.mass is not None:
        return Refusal(NAME, "the model has delays or coupled derivatives")
    found = solutions(model, dict(question.box))
    if not found:
        return Refusal(
            NAME, "no variable has a linear equation of its own, or a rate proportional to another's", 0.0, 1.0
        )
    bridge = _bridge(model, system, found, question)
    try:
        y, p = kernel.initial()
        tied = {one.id: one.mixed for one in found if one.origin is None}
        worst = replayed(replace(bridge, project=None), y[None, :], p, tied)
    except InputError as error:
        return Refusal(NAME, f"what is left cannot be written: {str(error).splitlines()[0]}")
    if not worst <= CHECKED:
        return Refusal(NAME, "the equations of the small model differ from those of the model", worst, CHECKED)
    return bridge


def solutions(model: Model, box: Mapping[str, tuple[float, float]]) -> tuple[Solution, ...]:
    """What can be solved. box: what may change, with its range."""
    kernel = compile_model(model)
    y, p = kernel.initial()
    values = kernel.values(0.0, y, p)
    system = kernel.system
    forbidden = unfreezable(model, system)
    given = {*box, *given_later(model)}
    apart = Separated(model, system)
    found: list[Solution] = []
    leaders: dict[object, _Leader] = {}
    written: dict[str, Parts] = {}
    for i, id in enumerate(system.states):
        if i in forbidden or system.state_symbols[i] != id:
            continue
        try:
            parts = apart.parts(system.right_sides[i])
        except TooMany:
            continue
        written[id] = dict(parts)
        rate = parts.pop((Symbol(id),), ZERO)
        if (not parts and rate == ZERO) or (rate != ZERO and not _steady(rate, values, box)):
            continue
        zero = y[i] == 0.0 and id not in given
        if set(parts) <= {()}:
            found.append(Solution(id, rate, parts.get((), ZERO), origin=None if zero else Symbol(id)))
            continue
        first = leaders.setdefault((rate, frozenset(parts)), _Leader(id, parts, zero))
        share = first.share(parts) if first.id != id else None
        if share is not None and _steady(share, values, box):
            origin = None if zero and first.zero else add(Symbol(id), mul(-1.0, share, Symbol(first.id)))
            found.append(Solution(id, rate, ZERO, {first.id: share}, origin))
    taken = {one.id for one in found} | {other for one in found for other in one.shares}
    abundant = dict(zip(system.states, np.abs(y)))
    found += _from_sums({id: parts for id, parts in written.items() if id not in taken}, abundant, values, box)
    return tuple(found)


def _from_sums(
    written: Mapping[str, Parts], abundant: Mapping[str, float], values: Mapping[str, float],
    box: Mapping[str, tuple[float, float]],
) -> list[Solution]:  # fmt: skip
    """One variable from each sum with a linear equation of its own: the most abundant of those that no other sum has."""
    sums = [one for one in own_sums(written) if one.rate == ZERO or _steady(one.rate, values, box)]
    count = Counter(id for one in sums for id in one.weights)
    found = []
    for one in sums:
        own = [id for id in one.weights if count[id] == 1]
        if not own:
            continue
        id = max(own, key=lambda id: abundant[id])
        shares = {other: Number(-float(w / one.weights[id])) for other, w in one.weights.items() if other != id}
        origin = add(Symbol(id), *(mul(-share.value, Symbol(other)) for other, share in shares.items()))
        found.append(Solution(id, one.rate, simplify(mul(1.0 / float(one.weights[id]), one.flow)), shares, origin))
    return found


@dataclass(frozen=True)
class _Leader:
    """The first variable with a rate of its kind; zero: whether it starts at zero for certain."""

    id: str
    parts: Mapping[tuple[Expr, ...], Expr]
    zero: bool

    def share(self, parts: Mapping[tuple[Expr, ...], Expr]) -> Expr | None:
        """The constant that the rates of this variable are to be multiplied with, None where there is none."""
        shares = {simplify(_over(c, self.parts[key])) for key, c in parts.items()}
        return shares.pop() if len(shares) == 1 else None


def _over(above: Expr, below: Expr) -> Expr:
    """The quotient, with the number in front of what is divided by taken out of it."""
    factors = below.factors if isinstance(below, Mul) else (below,)
    number = factors[0].value if isinstance(factors[0], Number) else 1.0
    rest = mul(*(factors[1:] if isinstance(factors[0], Number) else factors))
    return mul(1.0 / number, above, power(rest, -1.0)) if rest != ONE else mul(1.0 / number, above)


def _steady(formula: Expr, values: Mapping[str, float], box: Mapping[str, tuple[float, float]]) -> bool:
    """Whether a formula over constants has a value of one sign for certain: terms of one sign, of factors that stay positive."""
    signs = set()
    for term in formula.terms if isinstance(formula, Add) else (formula,):
        sign = 1.0
        for factor in term.factors if isinstance(term, Mul) else (term,):
            if isinstance(factor, Number):
                sign *= factor.value
            elif not all(box.get(id, (values.get(id, 0.0),))[0] > 0 for id in symbols(factor)) or not _positive(factor):
                return False
        signs.add(np.sign(sign))
    return len(signs) == 1 and 0.0 not in signs


def _positive(formula: Expr) -> bool:
    """Whether it is positive for positive symbols."""
    if isinstance(formula, Number):
        return formula.value > 0
    if isinstance(formula, Power):
        return _positive(formula.base)
    return all(map(_positive, children(formula)))


def _bridge(model: Model, system: System, found: tuple[Solution, ...], question: Question) -> Bridge:
    new, values = Names(model).free, start_values(model)
    starts = {one.id: new(f"{one.id}_rest" if one.shares else f"{one.id}_start") for one in found}
    added = {starts[one.id]: one.origin for one in found if one.origin is not None}
    formulas = {one.id: one.formula(starts[one.id]) for one in found}
    hidden = sorted({name for f in formulas.values() for name in symbols(f) if name not in model.by_id and "." in name})
    visible = {name: new("_".join(reversed(name.split(".")))) for name in hidden}
    formulas = {id: substitute(f, {old: Symbol(n) for old, n in visible.items()}) for id, f in formulas.items()}
    added |= {n: Symbol(old) for old, n in visible.items()}
    constants = tuple(Parameter(id, float(evaluate(f, 0.0, values)), constant=True) for id, f in added.items())
    coarse = ruled_model(model, formulas, constants, question.observables)
    left = compile_model(coarse).system
    restrict = {id: Symbol(id) for id in left.states} | {id: f for id, f in added.items() if id not in visible.values()}
    parameters = {n: Symbol(old) for old, n in visible.items()}
    parameters |= {
        k.id: Symbol(k.id) for k in model.parameters if k.id in left.parameters and k.id in system.parameters
    }
    empty = {id for one in found if one.origin is None for id in (one.id, *one.shares)}
    return Bridge(
        name=NAME, fine=model, coarse=coarse, restrict=restrict,
        lift={s.id: formulas.get(s.id, Symbol(s.id)) for s in model.species},
        certificate=_certificate(model, system, found, formulas, empty, question), parameters=parameters,
        eliminated=tuple(formulas), project=FromZero({**restrict, **parameters}, tuple(sorted(empty))),
    )  # fmt: skip


def _certificate(model: Model, system: System, found, formulas, empty, question: Question) -> Certificate:
    shown = "; ".join(f"{id} = {infix(f)}" for id, f in list(formulas.items())[:4])
    more = f"; and {len(found) - 4} more" if len(found) > 4 else ""
    zero = (
        [Assumption(f"{listed(sorted(empty), 6)} start at zero, at every point of the region", "proved")]
        if empty
        else []
    )
    return exactly(
        model,
        claim=(
            f"{len(found)} of {system.size} variables ha{'s' if len(found) == 1 else 've'} a formula: a linear equation of its own, a part in a sum that has one, "
            f"or a rate that is a constant times another's ({shown}{more}). No error is made."
        ),
        assumptions=(
            Assumption("the right-hand sides, written out as sums of products, are linear or proportional term by term", "proved"),
            Assumption("what is divided by is a product or sum of positive constants all over the region", "proved"),
            *zero,
            Assumption(f"right-hand sides agree to {CHECKED:g} at {REPLAYS} random states", "checked"),
        ),
        box=question.box,
        recipe={"method": NAME, "formulas": {id: infix(f) for id, f in formulas.items()}},
    )  # fmt: skip
