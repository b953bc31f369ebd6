"""The network in which one variable stands for several equal ones."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from fractions import Fraction

from manyscale.bridges.time.reactions import needed
from manyscale.kernels.system import System
from manyscale.model.expr import Expr, Mul, Symbol, substitute, symbols
from manyscale.model.model import Model
from manyscale.model.parts import Participant, Reaction, Rule


def merged_model(model: Model, system: System, leader: Mapping[str, str], observables: Collection[str]) -> Model:
    """leader: id of a state -> id of the one that it equals. Those led follow by rule; reactions that then have the same
    rate are one (except those that observables or formulas name)."""
    species = tuple(replace(s, boundary=True) if s.id in leader else s for s in model.species)
    rules = tuple(r for r in model.rules if r.variable not in leader)
    follow = tuple(Rule("assignment", Symbol(first), id) for id, first in leader.items())
    coarse = model.replace(
        species=species, rules=(*rules, *follow),
        initial_assignments=tuple(a for a in model.initial_assignments if a.symbol not in leader),
    )  # fmt: skip
    asked = set(observables) | {name for f in _other_formulas(model) for name in symbols(f)}
    asked |= {r.id for r in model.reactions for p in (*r.reactants, *r.products) if p.id}
    led = {id: Symbol(first) for id, first in leader.items()}
    groups: dict[tuple, list[Reaction]] = {}
    for k, reaction in enumerate(needed(coarse, observables)):
        rate = _same_order(_followed(reaction, led))
        own = reaction.id in asked or bool(reaction.local) or rate is None
        groups.setdefault((k,) if own else (rate, reaction.compartment), []).append(replace(reaction, rate=rate))
    free = {s.id for s in species if not s.boundary and not s.constant}
    named = {s.id for s in species}
    made = [_one(model, system, group, free, named) for group in groups.values()]
    return coarse.replace(reactions=tuple(made))


def _other_formulas(model: Model):
    for rule in model.rules:
        yield rule.formula
    for event in model.events:
        yield from (f for f in (event.trigger, event.delay, event.priority) if f is not None)
        yield from (f for _, f in event.assignments)


def _followed(reaction: Reaction, led: Mapping[str, Symbol]) -> Expr | None:
    """The rate with leaders instead of those led."""
    local = {k.id for k in reaction.local}
    if reaction.rate is None:
        return None
    return substitute(reaction.rate, {id: s for id, s in led.items() if id not in local and s.name not in local})


def _same_order(rate: Expr | None) -> Expr | None:
    """Products with their factors in one order, so that equal ones are recognised."""
    return Mul(tuple(sorted(rate.factors, key=repr))) if type(rate) is Mul else rate


def _one(model: Model, system: System, group: list[Reaction], free: set[str], species: set[str]) -> Reaction:
    """Reactions of one rate as one."""
    first = group[0]
    used = (symbols(first.rate) - {k.id for k in first.local}) & species if first.rate is not None else set()
    if len(group) == 1:
        sides = {p.species for p in (*first.reactants, *first.products)}
        return replace(first, modifiers=tuple(sorted((used | set(first.modifiers)) - sides)))
    change: dict[str, Fraction] = {}
    for reaction in group:
        for i, n in system.columns[system.rate_index[reaction.id]].items():
            if system.states[i] in free:
                change[system.states[i]] = change.get(system.states[i], Fraction(0)) + n
    id = f"{first.id}_lumped"
    while id in model:
        id += "_"
    return replace(
        first, id=id, modifier_meta=(), modifiers=tuple(sorted(s for s in used if change.get(s, 0) >= 0)),
        reactants=tuple(Participant(s, float(-n)) for s, n in change.items() if n < 0),
        products=tuple(Participant(s, float(n)) for s, n in change.items() if n > 0),
    )  # fmt: skip
