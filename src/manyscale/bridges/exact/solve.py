"""Variables that have a formula: linear equations by themselves, rates in a fixed proportion, sums with a linear equation;
exact.

x' = a x + b with constants a and b is solved by x(0) exp(a t) + b (exp(a t) - 1)/a. Two variables with x' = a x + c g and
y' = a y + d g, g any function of the state and of time, differ by a solution of w' = a w: y = (d/c) x + w(0) exp(a t). With
a = 0 this is a conserved sum whose coefficients are rate constants, which no stoichiometry shows. A sum S of variables
with S' = a S + b gives one of them from the others, and so do two sums that depend on each other alone (`from_sums`).

A variable with an equation of its own that events set starts its course anew with each of them: its start and the time of
the last event are values of the small model that its events set.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from manyscale.bridges.bridge import Bridge, Chain
from manyscale.bridges.certificate import Assumption, Certificate, Refusal
from manyscale.bridges.compose import start_values
from manyscale.bridges.exact.conserve import CHECKED, REPLAYS, replayed
from manyscale.bridges.exact.courses import line, over
from manyscale.bridges.exact.exactly import FromZero, exactly
from manyscale.bridges.exact.from_sums import Solution, from_sums
from manyscale.bridges.exact.own_sums import Parts
from manyscale.bridges.exact.separate import Separated, TooMany, given_later
from manyscale.bridges.exact.signs import Signs
from manyscale.bridges.explain import listed
from manyscale.bridges.held import ruled_model, unfreezable
from manyscale.errors import InputError
from manyscale.kernels import compile_model
from manyscale.kernels.interpret import evaluate
from manyscale.kernels.system import System
from manyscale.model.expr import (
    ZERO,
    Expr,
    Symbol,
    Time,
    add,
    mul,
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


def attempt(
    model: Model, scales: Scales | None, question: Question, *, before: Chain | None = None
) -> Bridge | Refusal:
    """The bridge to the model with these variables given by formula; a Refusal where there is none. before: the steps
    from the model that the question is about to this one."""
    kernel = compile_model(model)
    system = kernel.system
    if system.delays or system.mass is not None:
        return Refusal(NAME, "the model has delays or coupled derivatives")
    found = solutions(model, Signs(model, question.box, before))
    if not found:
        return Refusal(
            NAME, "no variable has a linear equation of its own, or a rate proportional to another's", 0.0, 1.0
        )
    bridge = _bridge(model, system, found, question)
    try:
        y, p = kernel.initial()
        tied = {one.id: one.mixed for one in found if not one.course.constants}
        worst = replayed(replace(bridge, project=None), y[None, :], p, tied)
    except InputError as error:
        return Refusal(NAME, f"what is left cannot be written: {str(error).splitlines()[0]}")
    if not worst <= CHECKED:
        return Refusal(NAME, "the equations of the small model differ from those of the model", worst, CHECKED)
    return bridge


def solutions(model: Model, signs: Signs) -> tuple[Solution, ...]:
    """What can be solved; signs: those of constants over the region."""
    kernel = compile_model(model)
    y, _ = kernel.initial()
    sign = signs.of
    system = kernel.system
    forbidden = unfreezable(model, system, jumps=True)
    reset = {target for event in model.events for target, _ in event.assignments}
    given = {*signs.box, *given_later(model)}
    apart = Separated(model, system)
    found: list[Solution] = []
    leaders: dict[object, _Leader] = {}
    written: dict[str, Parts] = {}
    for i, id in enumerate(system.states):
        if i in forbidden or system.state_symbols[i] != id or (id in reset and _set_later(model, id)):
            continue
        try:
            parts = apart.parts(system.right_sides[i])
        except TooMany:
            continue
        if id not in reset:
            written[id] = dict(parts)
        rate = parts.pop((Symbol(id),), ZERO)
        if (not parts and rate == ZERO) or (rate != ZERO and not sign(rate)):
            continue
        zero = y[i] == 0.0 and id not in given
        if set(parts) <= {()}:
            since = f"{id}_since" if id in reset else ""
            course = line(rate, parts.get((), ZERO), f"{id}_start", None if zero else Symbol(id), since)
            found.append(Solution(id, course))
            continue
        if id in reset:
            continue
        first = leaders.setdefault((rate, frozenset(parts)), _Leader(id, parts, zero))
        share = first.share(parts) if first.id != id else None
        if share is not None and sign(share):
            origin = None if zero and first.zero else add(Symbol(id), mul(-1.0, share, Symbol(first.id)))
            found.append(Solution(id, line(rate, ZERO, f"{id}_rest", origin), {first.id: share}))
    taken = {one.id for one in found} | {other for one in found for other in one.shares}
    abundant = dict(zip(system.states, np.abs(y)))
    found += from_sums({id: parts for id, parts in written.items() if id not in taken}, abundant, sign)
    return tuple(found)


def _set_later(model: Model, id: str) -> bool:
    """Whether an event sets it to what was computed at another time."""
    return any(
        event.delay is not None and event.use_trigger_values and id in {target for target, _ in event.assignments}
        for event in model.events
    )


@dataclass(frozen=True)
class _Leader:
    """The first variable with a rate of its kind; zero: whether it starts at zero for certain."""

    id: str
    parts: Mapping[tuple[Expr, ...], Expr]
    zero: bool

    def share(self, parts: Mapping[tuple[Expr, ...], Expr]) -> Expr | None:
        """The constant that the rates of this variable are to be multiplied with, None where there is none."""
        shares = {simplify(over(c, self.parts[key])) for key, c in parts.items()}
        return shares.pop() if len(shares) == 1 else None


def _bridge(model: Model, system: System, found: tuple[Solution, ...], question: Question) -> Bridge:
    new, values = Names(model).free, start_values(model)
    wished = {name: value for one in found for name, value in one.course.constants.items()}
    named = {name: new(name) for name in wished}
    added = {named[name]: value for name, value in wished.items()}
    formulas = {one.id: substitute(one.formula, {old: Symbol(n) for old, n in named.items()}) for one in found}
    hidden = sorted({name for f in formulas.values() for name in symbols(f) if name not in model.by_id and "." in name})
    visible = {name: new("_".join(reversed(name.split(".")))) for name in hidden}
    formulas = {id: substitute(f, {old: Symbol(n) for old, n in visible.items()}) for id, f in formulas.items()}
    added |= {n: Symbol(old) for old, n in visible.items()}
    resets = {one.id: (named.get(one.course.start), named[one.course.since]) for one in found if one.course.since}
    moving = {id for pair in resets.values() for id in pair}
    constants = tuple(
        Parameter(id, float(evaluate(f, 0.0, values)), constant=id not in moving) for id, f in added.items()
    )
    coarse = _reset_instead(ruled_model(model, formulas, constants, question.observables), resets)
    left = compile_model(coarse).system
    restrict = {id: Symbol(id) for id in left.states} | {id: f for id, f in added.items() if id not in visible.values()}
    parameters = {n: Symbol(old) for old, n in visible.items()}
    parameters |= {
        k.id: Symbol(k.id) for k in model.parameters if k.id in left.parameters and k.id in system.parameters
    }
    empty = {id for one in found if not one.course.constants for id in (one.id, *one.shares)}
    return Bridge(
        name=NAME, fine=model, coarse=coarse, restrict=restrict,
        lift={s.id: formulas.get(s.id, Symbol(s.id)) for s in model.species},
        certificate=_certificate(model, system, found, formulas, empty, question), parameters=parameters,
        eliminated=tuple(formulas), project=FromZero({**restrict, **parameters}, tuple(sorted(empty))),
    )  # fmt: skip


def _reset_instead(model: Model, resets: Mapping[str, tuple[str, str]]) -> Model:
    """The model whose events set the start of a course and its time, in place of the variable itself."""
    if not resets:
        return model
    events = []
    for event in model.events:
        changed: list[tuple[str, Expr]] = []
        for target, formula in event.assignments:
            start, since = resets.get(target, (target, ""))
            changed += [(start, formula), (since, Time())] if since else [(target, formula)]
        events.append(replace(event, assignments=tuple(changed)))
    return model.replace(events=tuple(events))


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
            f"{len(found)} of {system.size} variables ha{'s' if len(found) == 1 else 've'} a formula: a linear equation of its own, alone or in a pair, a part in a sum that has one, "
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
