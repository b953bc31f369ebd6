"""Quasi-steady-state bridges: the coarse network of a split, with its initial layer, before anything is promised.

`quasi_steady` is for a user who knows what is fast; `manyscale.reduce` finds splits itself and certifies them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from manyscale.bridges.bridge import Bridge
from manyscale.bridges.certificate import Certificate, Refusal, source_hash, versions
from manyscale.bridges.compose import carry
from manyscale.bridges.explain import listed
from manyscale.bridges.time.layer import LayerProjection
from manyscale.bridges.time.network import Coarse, NoNetwork, build
from manyscale.bridges.time.split import Split
from manyscale.engines.simulate import as_model
from manyscale.errors import InputError
from manyscale.kernels import compile_model
from manyscale.kernels.flatten import near
from manyscale.kernels.system import System
from manyscale.model.expr import Delay, Expr, walk
from manyscale.model.model import Model
from manyscale.model.parts import Parameter, Species
from manyscale.model.printing import infix

LAYER_LENGTH = 12.0  # decay times of the slowest fast variable after which nothing of the layer is left


@dataclass(frozen=True)
class Draft:
    """A bridge whose certificate is still to be made, and how its network was found."""

    bridge: Bridge
    network: Coarse
    split: Split
    order: int = 0


def quasi_steady(
    model: Model, fast: Sequence[str], *, totals: Mapping[str, str] | None = None, layer: float = 0.0,
    observables: Sequence[str] = (), order: int = 0,
) -> Bridge:  # fmt: skip
    """Replace the fast variables by their quasi-steady states, as told; nothing is promised (tier "measured").

    fast: species or rate-rule variables. totals: fast species -> reaction whose fast motion it follows; what that
    reaction binds then becomes a total (total quasi-steady state). layer: length of the initial layer in the model's
    time unit; 0: the coarse model starts from the fine one's slow values as they are. order: of the slow manifold, see
    `slow_manifold`.
    Errors: InputError for unknown names and splits that make no network.
    """
    model = as_model(model)
    system = compile_model(model).system
    index = {id: i for i, id in enumerate(system.states)}
    rows = {name: j for j, (name, _) in enumerate(system.rates)}
    totals = dict(totals or {})
    for id in (*fast, *totals):
        if id not in index:
            raise InputError(f"{id!r} is no variable of the equations of {model.id!r}{near(id, index)}")
    for name in totals.values():
        if name not in rows:
            raise InputError(f"the model has no reaction {name!r}{near(name, rows)}")
    refused = unsuitable(model, system) or next((_barred(model, system, index[id]) for id in fast), None)
    if refused:
        raise InputError(f"quasi_steady: {refused}")
    split = Split(
        system.size, tuple(index[id] for id in fast), tuple(rows[totals[id]] if id in totals else None for id in fast)
    )
    try:
        return draft(model, split, layer=layer, observables=observables, order=order).bridge
    except NoNetwork as reason:
        raise InputError(f"quasi_steady: {reason}") from None


def unsuitable(model: Model, system: System) -> str | None:
    """Why nothing in the model can be eliminated, or None."""
    if system.delays or any(type(n) is Delay for r in model.rules for n in walk(r.formula)):
        return "the model has delays: its state is a history, which has no quasi-steady state here"
    if system.algebraic:
        return "the model has algebraic equations of its own"
    if system.mass is not None:
        return "the model declares infinitely fast reactions, which its simulation already projects out"
    return None


def _barred(model: Model, system: System, i: int) -> str | None:
    return f"{system.states[i]} {barred(model, system)[i]}" if i in barred(model, system) else None


def barred(model: Model, system: System, *, jumps: bool = False) -> dict[int, str]:
    """States that cannot be eliminated: position -> why. jumps: whether those that events set can."""
    found: dict[int, str] = {}
    targets = [] if jumps else [target for event in system.events for target in event.targets]
    assigned = {target.index for target in targets if target.kind == "state"}
    rate_of = {n.removeprefix("rateOf(").rstrip(")") for n in system.definitions if n.startswith("rateOf(")}
    formulas = {i for i, _, _ in system.variable_stoichiometry}
    for i, id in enumerate(system.states):
        part = model.by_id.get(id)
        if i in assigned:
            found[i] = "is set by an event"
        elif system.state_symbols[i] != id:
            found[i] = "is in a compartment whose size changes"
        elif id in rate_of:
            found[i] = "has its rate of change used in a formula"
        elif i in formulas:
            found[i] = "has a stoichiometry that changes"
        elif not isinstance(part, Species | Parameter):
            found[i] = "is a compartment or a stoichiometry"
        elif isinstance(part, Species) and (part.conversion_factor or model.conversion_factor):
            found[i] = "has a conversion factor"
    return found


def draft(model: Model, split: Split, *, layer: float, entry: float | None = None,
          observables: Sequence[str] = (), order: int = 0, started: bool = True) -> Draft:  # fmt: skip
    """The bridge of a split without promises. layer: time of the projection; entry: time from which eliminated
    variables count (default: the same). Without `started` the coarse model has no start of its own, only those that are
    carried to it. Raises NoNetwork."""
    kernel = compile_model(model)
    network = build(model, kernel.system, split, observables, order)
    entry = layer if entry is None else entry
    project = LayerProjection(
        model, network.model, network.restrict, network.parameters, network.guesses, layer, fast=network.fast
    )
    name = "slow_manifold" if order else "total_quasi_steady" if network.totals else "quasi_steady"
    gone = (*network.fast, *network.computed)
    bridge = Bridge(
        name=name, fine=model, coarse=network.model, restrict=network.restrict, lift=network.lift,
        certificate=Certificate("measured", claim(network, order)), parameters=network.parameters,
        eliminated=gone, layer_species=tuple(followers(model, gone)), layer_time=entry,
        project=project,
    )  # fmt: skip
    if started:
        bridge = replace(bridge, coarse=_started(bridge))
    return Draft(replace(bridge, project=replace(project, coarse=bridge.coarse)), network, split, order)


def followers(model: Model, gone: Sequence[str]) -> list[str]:
    """Eliminated variables and everything that assignment rules compute from them without delay."""
    from manyscale.model.expr import symbols

    late = set(gone)
    rules = {r.variable: symbols(r.formula) for r in model.rules if r.kind == "assignment" and r.variable}
    rates = {r.id: symbols(r.rate) for r in model.reactions if r.rate is not None}
    changed = True
    while changed:
        changed = False
        for id, names in {**rules, **rates}.items():
            if id not in late and names & late:
                late.add(id)
                changed = True
    return [*gone, *sorted(late - set(gone))]


def _started(bridge: Bridge) -> Model:
    """The coarse model with its own projected initial values."""
    start = carry(bridge)
    model = bridge.coarse
    fine = bridge.fine
    algebraic = set(bridge.project.guesses) if bridge.project else set()
    changed = {id for id in (*bridge.restrict, *algebraic) if id in start}
    species = tuple(
        replace(s, initial=start[s.id], initial_kind=_kind(model, s)) if s.id in changed else s for s in model.species
    )
    parameters = tuple(
        replace(k, value=start[k.id]) if k.id in changed or (k.id in start and k.id not in fine.by_id) else k
        for k in model.parameters
    )
    kept = tuple(a for a in model.initial_assignments if a.symbol not in changed)
    return model.replace(species=species, parameters=parameters, initial_assignments=kept)


def _kind(model: Model, species: Species) -> str:
    dense = not species.only_substance and model[species.compartment].dimensions != 0
    return "concentration" if dense else "amount"


def claim(network: Coarse, order: int = 0) -> str:
    """What the bridge does, in one sentence."""
    how = network.closure.how
    exact = [y for y in network.fast if how.get(y) != "numeric"]
    numeric = [y for y in network.fast if how.get(y) == "numeric"]
    parts = []
    if exact:
        parts.append(f"{listed(exact)} follow{'s' if len(exact) == 1 else ''} from slow variables by formula")
    if numeric:
        parts.append(f"{listed(numeric)} by equations that are solved along the way")
    text = " and ".join(parts)
    if network.totals:
        sums = [f"{t.id} = {infix(t.formula)}" for t in network.totals]
        text += f"; slow totals {listed(sums)} replace {listed([t.species for t in network.totals])}"
    if order:
        text += f"; corrected to order {order} in the ratio of fast to slow times"
    return text + "."


def recipe(network: Coarse, split: Split, system: System, layer: float, order: int = 0) -> dict:
    """Enough to make the same coarse model again with `quasi_steady`."""
    names = [name for name, _ in system.rates]
    return {
        "method": "slow_manifold" if order else "total_quasi_steady" if network.totals else "quasi_steady",
        "order": order,
        "fast": list(network.fast),
        "totals": {y: names[d] for y, d in zip(network.fast, split.directions) if d is not None},
        "layer": layer,
        "closure": dict(network.closure.how),
        "formulas": {y: infix(f) for y, f in network.closure.rules.items() if len(network.closure.rules) <= 40},
    }


def stamp(model: Model) -> dict:
    """What every certificate carries."""
    return {"source_hash": source_hash(model), "versions": versions()}


__all__ = [
    "Draft",
    "Expr",
    "NoNetwork",
    "Refusal",
    "barred",
    "draft",
    "np",
    "quasi_steady",
    "recipe",
    "unsuitable",
]
