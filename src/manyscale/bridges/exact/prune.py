"""Leaving out what the observables do not depend on; exact.

Influence is followed backwards from the observables through rate laws, stoichiometries, rules, events, volumes and
initial values. What is not reached cannot change an observable.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from manyscale.bridges.bridge import Bridge
from manyscale.bridges.certificate import Assumption, Certificate, Refusal
from manyscale.bridges.exact.exactly import exactly
from manyscale.kernels import compile_model
from manyscale.model.expr import Expr, Symbol, symbols
from manyscale.model.model import Model
from manyscale.model.parts import Event, Participant, Reaction, Species
from manyscale.model.question import Question
from manyscale.scales.measure import Scales


def attempt(model: Model, scales: Scales | None, question: Question) -> Bridge | Refusal:
    """The bridge to the model without what the observables do not need; a Refusal where they need all of
    its differential equations (leaving out constants alone is not worth another model)."""
    needed = influences(model, question.observables)
    coarse = _without(model, needed)
    before, after = compile_model(model).size, compile_model(coarse).size
    gone = [s.id for s in model.species if s.id not in needed]
    if before == after:
        return Refusal("prune", "the observables depend on every differential equation of the model", 0.0, 1.0)
    kept = [s.id for s in coarse.species]
    states = set(compile_model(coarse).system.states)
    lift: dict[str, Expr] = {
        part.id: Symbol(part.id) for part in coarse.parts() if part.id not in coarse_functions(coarse)
    }
    return Bridge(
        name="prune",
        fine=model,
        coarse=coarse,
        restrict={id: Symbol(id) for id in kept if id in states},
        lift=lift,
        parameters={k.id: Symbol(k.id) for k in coarse.parameters if k.constant},
        certificate=_certificate(model, question, gone, before - after, len(model.reactions) - len(coarse.reactions)),
        eliminated=tuple(gone),
    )


def coarse_functions(model: Model) -> set[str]:
    """Ids that are no quantities."""
    return {f.id for f in model.functions} | {e.id for e in model.events}


def influences(model: Model, observables: Iterable[str]) -> set[str]:
    """Ids of everything that can change the observables, and the observables themselves ("reaction.k" for locals)."""
    sources = _sources(model)
    needed: set[str] = set()
    todo = list(observables)
    for rule in model.rules:
        if rule.kind == "algebraic":  # which of its symbols it determines depends on the whole system
            todo += symbols(rule.formula)
    if sum(event.priority is not None for event in model.events) > 1:
        todo += [event.id for event in model.events]  # who comes first among simultaneous events may be drawn by lot
        todo += [target for event in model.events for target, _ in event.assignments]
    while todo:
        name = todo.pop()
        if name in needed:
            continue
        needed.add(name)
        todo += sources.get(name, ())
    return needed


def _sources(model: Model) -> dict[str, set[str]]:
    """Id -> ids that its value, its change or its jumps depend on. Reactions and events are ids too."""
    found: dict[str, set[str]] = {}

    def note(id: str, names: Iterable[str]) -> None:
        found.setdefault(id, set()).update(names)

    for species in model.species:
        note(species.id, {species.compartment})
        if factor := species.conversion_factor or model.conversion_factor:
            note(species.id, {factor})
    for reaction in model.reactions:
        local = {k.id for k in reaction.local}
        rate = _symbols(model, reaction.rate)
        note(reaction.id, (f"{reaction.id}.{n}" if n in local else n for n in rate))
        for part in (*reaction.reactants, *reaction.products):
            if part.id:
                note(part.id, _stoichiometry(part))
            moved = model.by_id.get(part.species)
            if isinstance(moved, Species) and not (moved.boundary or moved.constant):
                note(part.species, {reaction.id, *([part.id] if part.id else []), *_stoichiometry(part)})
    for rule in model.rules:
        if rule.variable:
            note(rule.variable, _symbols(model, rule.formula))
    for item in model.initial_assignments:
        note(item.symbol, _symbols(model, item.formula))
    for event in model.events:
        note(event.id, _trigger_symbols(model, event))
        for target, formula in event.assignments:
            note(target, {event.id, *_symbols(model, formula)})
            if isinstance(model.by_id.get(target), Species):
                note(target, {model[target].compartment})
    return found


def _symbols(model: Model, formula: Expr | None) -> frozenset[str]:
    return frozenset() if formula is None else symbols(formula)


def _stoichiometry(part: Participant) -> frozenset[str]:
    return symbols(part.stoichiometry) if isinstance(part.stoichiometry, Expr) else frozenset()


def _trigger_symbols(model: Model, event: Event) -> frozenset[str]:
    found = symbols(event.trigger)
    for part in (event.delay, event.priority):
        found |= _symbols(model, part)
    return found


def _without(model: Model, needed: set[str]) -> Model:
    """The model restricted to what is needed; participants that nobody needs leave their reactions."""
    reactions = []
    for reaction in model.reactions:
        kept = _reaction(model, reaction, needed)
        if kept is not None:
            reactions.append(kept)
    names = {name for r in reactions for name in _used(r)} | needed
    events = []
    for event in model.events:
        assignments = tuple(a for a in event.assignments if a[0] in needed)
        if assignments:
            events.append(replace(event, assignments=assignments))
    species = tuple(s for s in model.species if s.id in names)
    places = {s.compartment for s in species} | {r.compartment for r in reactions}
    rules = tuple(r for r in model.rules if r.kind == "algebraic" or r.variable in names)
    known = names | places
    return model.replace(
        species=species,
        compartments=tuple(c for c in model.compartments if c.id in known),
        parameters=tuple(k for k in model.parameters if k.id in names),
        reactions=tuple(reactions),
        rules=rules,
        events=tuple(events),
        initial_assignments=tuple(a for a in model.initial_assignments if a.symbol in names),
        constraints=tuple(c for c in model.constraints if symbols(c.condition) <= known),
        functions=model.functions,
    )


def _reaction(model: Model, reaction: Reaction, needed: set[str]) -> Reaction | None:
    """The reaction with the participants that are needed; None where it changes nothing that is."""
    changed = any(
        p.species in needed and not (model[p.species].boundary or model[p.species].constant)
        for p in (*reaction.reactants, *reaction.products)
    )
    if not changed and reaction.id not in needed:
        return None
    modifiers = tuple(m for m in reaction.modifiers if m in needed)
    return replace(
        reaction,
        reactants=tuple(p for p in reaction.reactants if p.species in needed),
        products=tuple(p for p in reaction.products if p.species in needed),
        modifiers=modifiers,
        modifier_meta=tuple(m for m in reaction.modifier_meta if m[0] in modifiers),
    )


def _used(reaction: Reaction) -> set[str]:
    local = {k.id for k in reaction.local}
    found = {n for n in symbols(reaction.rate) if n not in local} if reaction.rate is not None else set()
    return found | ({reaction.compartment} if reaction.compartment else set())


def _certificate(model: Model, question: Question, gone: list[str], states: int, reactions: int) -> Certificate:
    names = ", ".join(gone[:8]) + (f" and {len(gone) - 8} more" if len(gone) > 8 else "")
    return exactly(
        model,
        claim=(
            f"The observables do not depend on {names or 'what was left out'}: {states} differential "
            f"equation{'s' if states != 1 else ''} and {reactions} reaction{'s' if reactions != 1 else ''} less, no error is made."
        ),
        assumptions=(
            Assumption("no path of influence leads from what was left out to an observable", "proved"),
            Assumption("what was left out cannot be read off the small model any more", "proved"),
        ),
        box=question.box,
        recipe={"method": "prune", "observables": list(question.observables), "removed": gone},
    )
