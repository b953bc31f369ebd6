"""`cut`: one model taken apart at shared species into an upstream and a downstream module."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from manyscale.circuits.module import Module
from manyscale.engines.simulate import as_model
from manyscale.errors import InputError
from manyscale.kernels.flatten import near
from manyscale.model.expr import Expr, symbols
from manyscale.model.model import Model
from manyscale.model.parts import Reaction


def cut(model: Model | str | Path, upstream: Iterable[str], ports: Iterable[str]) -> tuple[Module, Module]:
    """(upstream, downstream) of a model: `upstream` names the species of the first half, `ports` those that both share.

    Every reaction goes to the half whose species it changes; one that changes ports only stays upstream. Connecting the
    halves at the ports gives the model again. Errors: InputError for a cut through a reaction (which changes species of
    both halves), for a rate or rule that reads across the cut, and for models with events.
    """
    model = as_model(model)
    shared = list(dict.fromkeys(ports))
    species = [s.id for s in model.species]
    first = set(upstream) | set(shared)
    for id in (*first, *shared):
        if id not in species:
            raise InputError(f"cut: the model has no species {id!r}{near(id, species)}")
    if model.events or any(r.kind == "algebraic" for r in model.rules):
        raise InputError("cut: models with events or algebraic rules are not taken apart")
    second = {s for s in species if s not in first} | set(shared)
    if not second - set(shared):
        raise InputError("cut: nothing is left downstream; name fewer species upstream")
    upper, lower = [], []
    for reaction in model.reactions:
        (upper if _is_upstream(reaction, first, second, set(shared)) else lower).append(reaction)
    return (
        Module(_half(model, first, upper, "up"), outputs=shared, name=f"{model.id}_up"),
        Module(_half(model, second, lower, "down"), inputs=shared, name=f"{model.id}_down"),
    )


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


def _half(model: Model, kept: set[str], reactions: list[Reaction], suffix: str) -> Model:
    """The species `kept`, these reactions, and of everything else what they need."""
    rules = {r.variable: r for r in model.rules if r.variable}
    starts = {a.symbol: a for a in model.initial_assignments}
    gone = {s.id for s in model.species} - kept
    needed: set[str] = set(kept)
    work: list[Expr | None] = [r.rate for r in reactions]
    work += [rules[id].formula for id in kept if id in rules] + [starts[id].formula for id in kept if id in starts]
    while work:
        formula = work.pop()
        for name in symbols(formula) if formula is not None else ():
            if name in gone:
                raise InputError(f"a rule of the {suffix}stream half reads {name!r} across the cut; make it a port")
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
        constraints=(), meta=None,
    )  # fmt: skip
