"""`cut`: one model taken apart at shared species into an upstream and a downstream module."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from manyscale.circuits.module import Module
from manyscale.engines.simulate import as_model
from manyscale.errors import InputError
from manyscale.kernels.flatten import near
from manyscale.model.expr import Expr, Symbol, symbols
from manyscale.model.model import Model
from manyscale.model.parts import Event, Reaction, Rule


def cut(model: Model | str | Path, upstream: Iterable[str], ports: Iterable[str]) -> tuple[Module, Module]:
    """(upstream, downstream) of a model: `upstream` names the species of the first half, `ports` those that both share.

    Every reaction goes to the half whose species it changes; one that changes ports only stays upstream. So does every
    event. Connecting the halves at the ports gives the model again, but for rules that only report on both halves: those
    are left out. Errors: InputError for a cut through a reaction (which changes species of both halves), for a rate, rule or
    event that reads across the cut, and for models with algebraic rules.
    """
    model = as_model(model)
    shared = list(dict.fromkeys(ports))
    species = [s.id for s in model.species]
    first = set(upstream) | set(shared)
    for id in (*first, *shared):
        if id not in species:
            raise InputError(f"cut: the model has no species {id!r}{near(id, species)}")
    if any(r.kind == "algebraic" for r in model.rules):
        raise InputError("cut: models with algebraic rules are not taken apart")
    model = _without_reports(model, first)
    species = [s.id for s in model.species]
    rules = {r.variable: r for r in model.rules if r.kind == "assignment" and r.variable}
    for id in (s for s in species if s in rules and s not in first):  # what only reads upstream belongs there
        read = _reached(rules[id].formula, rules) & set(species) - {id}
        first |= {id} if read and not read - first else set()
    second = {s for s in species if s not in first} | set(shared)
    if not second - set(shared):
        raise InputError("cut: nothing is left downstream; name fewer species upstream")
    upper, lower = [], []
    for reaction in model.reactions:
        (upper if _is_upstream(reaction, first, second, set(shared)) else lower).append(reaction)
    above = [e for e in model.events if _reads(e) & (first - set(shared)) or not _reads(e) & (second - set(shared))]
    below = [e for e in model.events if e not in above]
    return (
        Module(_half(model, first, upper, above, "up"), outputs=shared, name=f"{model.id}_up"),
        Module(_half(model, second, lower, below, "down"), inputs=shared, name=f"{model.id}_down"),
    )


def _reads(event: Event) -> set[str]:
    """Everything that an event reads or sets."""
    formulas = [event.trigger, event.delay, event.priority, *(f for _, f in event.assignments)]
    return {id for id, _ in event.assignments}.union(*(symbols(f) for f in formulas if f is not None))


def _without_reports(model: Model, first: set[str]) -> Model:
    """The model without assignment rules that nothing uses and that read species of both halves (`first` is one)."""
    species = {s.id for s in model.species}
    rules = {r.variable: r for r in model.rules if r.kind == "assignment" and r.variable}
    while True:
        used = {id for r in model.reactions if r.rate is not None for id in symbols(r.rate)}
        used |= {p.species for r in model.reactions for p in (*r.reactants, *r.products)} | first & set(rules)
        used |= {id for r in model.rules for id in symbols(r.formula)}
        used |= {id for a in model.initial_assignments for id in symbols(a.formula)}
        used |= {id for e in model.events for id in _reads(e)}
        reports = {
            id for id in set(rules) - used
            if (read := _reached(rules[id].formula, rules) & species - {id}) & first and read - first
        }  # fmt: skip
        if not reports:
            return model
        for id in reports:
            rules.pop(id)
        model = model.replace(
            rules=tuple(r for r in model.rules if r.variable not in reports),
            species=tuple(s for s in model.species if s.id not in reports),
            parameters=tuple(k for k in model.parameters if k.id not in reports),
        )


def _reached(formula: Expr, rules: Mapping[str, Rule]) -> set[str]:
    """Names in a formula, those of the rules it uses included."""
    found, work = set(), [formula]
    while work:
        for name in symbols(work.pop()) - found:
            found.add(name)
            if name in rules:
                work.append(rules[name].formula)
    return found


def _is_upstream(reaction: Reaction, first: set[str], second: set[str], shared: set[str]) -> bool:
    changed = {p.species for p in (*reaction.reactants, *reaction.products)}
    above, below = changed & (first - shared), changed & (second - shared)
    if above and below:
        raise InputError(
            f"the cut goes through reaction {reaction.id!r}, which changes {min(above)} upstream and {min(below)} "
            "downstream; move one of them to the other half, or make it a port"
        )
    mine = not below
    read = set(reaction.modifiers) | (
        symbols(reaction.rate) - {k.id for k in reaction.local} if reaction.rate else set()
    )
    across = sorted(read & ((second if mine else first) - shared))
    if across:
        half = "upstream" if mine else "downstream"
        raise InputError(
            f"the {half} reaction {reaction.id!r} reads {across[0]} across the cut; make it a port or move it"
        )
    return mine


def _half(model: Model, kept: set[str], reactions: list[Reaction], events: list[Event], suffix: str) -> Model:
    """The species `kept`, these reactions, and of everything else what they need."""
    rules = {r.variable: r for r in model.rules if r.variable}
    starts = {a.symbol: a for a in model.initial_assignments}
    gone = {s.id for s in model.species} - kept
    needed: set[str] = set(kept)
    work: list[Expr | None] = [r.rate for r in reactions]
    work += [Symbol(id) for e in events for id in sorted(_reads(e))]
    work += [rules[id].formula for id in kept if id in rules] + [starts[id].formula for id in kept if id in starts]
    while work:
        formula = work.pop()
        for name in symbols(formula) if formula is not None else ():
            if name in gone:
                raise InputError(
                    f"a rule or event of the {suffix}stream half reads {name!r} across the cut; make it a port"
                )
            if name not in needed:
                needed.add(name)
                work += [one.formula for one in (rules.get(name), starts.get(name)) if one is not None]
    places = {s.compartment for s in model.species if s.id in kept} | needed
    places |= {r.compartment for r in reactions if r.compartment}
    return model.replace(
        id=f"{model.id}_{suffix}", name="", reactions=tuple(reactions),
        species=tuple(s for s in model.species if s.id in kept),
        parameters=tuple(k for k in model.parameters if k.id in needed),
        compartments=tuple(c for c in model.compartments if c.id in places),
        rules=tuple(r for r in model.rules if r.variable in needed),
        initial_assignments=tuple(a for a in model.initial_assignments if a.symbol in needed),
        events=tuple(events), constraints=(), meta=None,
    )  # fmt: skip
