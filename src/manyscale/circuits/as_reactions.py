"""A circuit whose rules are written as what a host understands: reactions for species, assignments where a rule can be
solved."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from itertools import product

from manyscale.bridges.compose import start_values
from manyscale.errors import InputError
from manyscale.kernels import compile_model
from manyscale.model.algebra import inline_functions, is_negated
from manyscale.model.evaluate import evaluate
from manyscale.model.expr import Add, Expr, Mul, Symbol, mul
from manyscale.model.model import Model
from manyscale.model.naming import Names
from manyscale.model.parts import Participant, Reaction, Rule
from manyscale.model.simplify import simplify

__all__ = ["as_reactions"]

MOST = 200  # terms of one rate of change


def as_reactions(circuit: Model) -> Model:
    """The same circuit with a reaction for every term of a species' rate rule (positive: it is made, negative: it is
    lost) and assignment rules in place of algebraic ones. Rate rules of parameters stay.

    Errors: InputError for algebraic rules that set a species or have no solution by formula."""
    return _with_reactions(_with_assignments(circuit))


def _with_assignments(circuit: Model) -> Model:
    if not any(rule.kind == "algebraic" for rule in circuit.rules):
        return circuit
    system = compile_model(circuit).system
    told = {rule.variable for rule in circuit.rules} | {r.id for r in circuit.reactions}
    solved = {id: formula for id, formula in system.definitions.items() if id not in told}
    species = [s.id for s in circuit.species if s.id in solved]
    implicit = [system.states[i] for i, _ in system.algebraic]
    if species or implicit:
        raise InputError(
            f"an algebraic rule sets {(species or implicit)[0]!r}"
            + (
                ", a species; in a host every species follows from reactions"
                if species
                else " without a formula for it"
            )
            + ": write it as reactions, or as an assignment rule for a parameter"
        )
    rules = [rule for rule in circuit.rules if rule.kind != "algebraic"]
    return circuit.replace(rules=(*rules, *(Rule("assignment", f, id) for id, f in solved.items())))


def _with_reactions(circuit: Model) -> Model:
    own = {s.id for s in circuit.species}
    ruled = {str(r.variable): r for r in circuit.rules if r.kind == "rate" and r.variable in own}
    if not ruled:
        return circuit
    new = Names(circuit).free
    reactions = [
        replace(r, reactants=_others(r.reactants, ruled), products=_others(r.products, ruled))
        for r in circuit.reactions
    ]  # a reaction does not change what has a rate rule
    species = {s.id: s for s in circuit.species}
    values = start_values(circuit) | dict.fromkeys(own, 1.0)
    for id, rule in ruled.items():
        place = species[id].compartment
        size = () if species[id].only_substance or place is None else (Symbol(place),)
        for term in _terms(inline_functions(rule.formula, circuit.functions)):
            lost = _negative(term, values)
            rate = mul(*size, simplify(mul(-1.0, term)) if lost else term)
            side = (Participant(id, 1.0),)
            name = new(f"{'lose' if lost else 'make'}_{id}")
            reactions.append(Reaction(name, side if lost else (), () if lost else side, rate=rate))
    return circuit.replace(
        species=tuple(replace(s, boundary=False) if s.id in ruled else s for s in circuit.species),
        rules=tuple(r for r in circuit.rules if r not in ruled.values()), reactions=tuple(reactions),
    )  # fmt: skip


def _negative(term: Expr, values: dict[str, float]) -> bool:
    """Whether a term takes away, with the constants as they are."""
    try:
        found = evaluate(term, values)
    except InputError:
        found = math.nan
    return found < 0 if found == found and found != 0 else is_negated(term)


def _others(side, ruled) -> tuple[Participant, ...]:
    return tuple(p for p in side if p.species not in ruled)


def _terms(formula: Expr) -> list[Expr]:
    """Summands, products written out; what else a formula has (quotients, functions) stays whole."""
    found: list[Expr] = []
    for term in _written_out(formula):
        found.append(simplify(term))
        if len(found) > MOST:
            raise InputError("a rate rule has too many terms to be written as reactions")
    return found


def _written_out(formula: Expr) -> Iterator[Expr]:
    match formula:
        case Add(terms):
            for term in terms:
                yield from _written_out(term)
        case Mul(factors):
            for choice in product(*(list(_written_out(f)) for f in factors)):
                yield mul(*choice)
        case _:
            yield formula
