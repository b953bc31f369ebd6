"""Bridges one after another: initial values, lifts and certificates of a whole chain."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from manyscale.bridges.bands import together
from manyscale.bridges.bridge import Bridge, Chain
from manyscale.bridges.certificate import Assumption, Certificate, ErrorStatement, added, source_hash, versions, weakest
from manyscale.errors import InputError
from manyscale.kernels import compile_model
from manyscale.kernels.interpret import evaluate
from manyscale.model.expr import Expr, Symbol, substitute, symbols
from manyscale.model.model import Model


def join(first: Bridge | Chain, second: Bridge | Chain) -> Chain:
    """One chain that crosses `first`, then `second`. Errors: InputError if the models do not meet."""
    before, after = _as_chain(first), _as_chain(second)
    if before.coarse is not after.fine and before.coarse != after.fine:
        raise InputError(
            f"the bridges do not meet: the first ends at {before.coarse.id!r}, the second starts at another model "
            f"({after.fine.id!r}); make the second one from the coarse model of the first"
        )
    return Chain(before.fine, (*before.bridges, *after.bridges), (*before.refusals, *after.refusals))


def _as_chain(part: Bridge | Chain) -> Chain:
    return part if isinstance(part, Chain) else Chain(part.fine, (part,))


def start_values(model: Model, values: Mapping[str, float] | None = None) -> dict[str, float]:
    """Value of every id of a model at t = 0, with some overridden."""
    kernel = compile_model(model)
    y, p = kernel.initial(values)
    return kernel.values(0.0, y, p)


def carry(bridge: Bridge, values: Mapping[str, float] | None = None) -> dict[str, float]:
    """Overrides of the fine model to overrides of everything in the coarse model.

    What the bridge projects or computes is taken from it; what both models have under one id stays.
    """
    full = start_values(bridge.fine, values)
    if bridge.project is not None:
        new = dict(bridge.project(full))
    else:
        formulas = {**bridge.restrict, **bridge.parameters}
        new = {id: float(evaluate(formula, 0.0, full)) for id, formula in formulas.items()}
    found = {}
    for id in settable(bridge.coarse):
        value = new.get(id, full.get(id, math.nan))
        if math.isfinite(value):
            found[id] = float(value)
    system = compile_model(bridge.coarse).system
    for i, _ in system.algebraic:  # where the search for a consistent value starts
        id = system.states[i]
        if math.isfinite(new.get(id, math.nan)):
            found[id] = float(new[id])
    return found


def carry_all(chain: Chain, values: Mapping[str, float] | None = None) -> dict[str, float]:
    """`carry` through every bridge of a chain."""
    found = dict(values or {})
    for bridge in chain.bridges:
        found = carry(bridge, found)
    return found


def clock(chain: Chain, values: Mapping[str, float] | None = None) -> float:
    """Time of the fine model per time of the coarse one, at a point given by overrides of the fine model."""
    found, pace = dict(values or {}), 1.0
    for bridge in chain.bridges:
        if bridge.clock is not None:
            pace *= float(evaluate(bridge.clock, 0.0, start_values(bridge.fine, found)))
        found = carry(bridge, found)
    return pace


def settable(model: Model) -> list[str]:
    """Ids that have a value of their own at the start: no rule, no algebraic equation determines them."""
    system = compile_model(model).system
    ruled = {system.states[i] for i, _ in system.algebraic}
    kept = {*system.state_index, *system.parameter_index}
    ruled |= {id for id in system.definitions if f"{id}.amount" not in kept}  # algebraic rules that could be solved
    ids = [*(c.id for c in model.compartments), *(s.id for s in model.species), *(k.id for k in model.parameters)]
    return [id for id in ids if id not in ruled] + [f"{r.id}.{k.id}" for r in model.reactions for k in r.local]


def lift(chain: Chain) -> dict[str, Expr]:
    """Composed lifts: fine id -> expression over coarse ids. What cannot be lifted all the way is left out."""
    found: dict[str, Expr] = {s.id: Symbol(s.id) for s in chain.fine.species}
    for bridge in chain.bridges:
        found.update({id: Symbol(id) for id in bridge.lift if id not in found and id in chain.fine})
        step = {}
        for id, formula in found.items():
            if bridge.clock is not None and id in bridge.lift:  # nothing that is not in its lift keeps its meaning
                step[id] = bridge.lift[id]
                continue
            names = symbols(formula)
            parts = {name: _lifted(bridge, name) for name in names}
            if all(part is not None for part in parts.values()):
                step[id] = substitute(formula, {k: v for k, v in parts.items() if v is not None})
        found = step
    return found


def _lifted(bridge: Bridge, name: str) -> Expr | None:
    if name in bridge.lift:
        return bridge.lift[name]
    if bridge.clock is not None:
        return None
    return Symbol(name) if name in bridge.coarse or _is_local(bridge.coarse, name) else None


def _is_local(model: Model, name: str) -> bool:
    reaction, dot, _ = name.partition(".")
    return bool(dot) and reaction in model


def restrict(chain: Chain) -> dict[str, Expr]:
    """Composed restrictions: coarse id -> expression over ids of the fine model."""
    found: dict[str, Expr] = {}
    for bridge in chain.bridges:
        step = {**bridge.restrict, **bridge.parameters}
        kept = {id: formula for id, formula in found.items() if id in bridge.coarse and id not in step}
        found = {**kept, **{id: substitute(formula, found) for id, formula in step.items()}}
    return found


def observed(chain: Chain | Bridge, run, ids) -> np.ndarray:
    """Values of ids of the fine model on a trajectory of the coarse model, shape (len(ids), nt).

    The coarse model's own value where it has the id (and counts in the same units), else the lift. Errors: InputError for what it cannot express.
    """
    chain = _as_chain(chain)
    known = set() if chain.rescaled else set(run.ids)
    rows = [run[id] if id in known else lifted(chain, run, id) for id in ids]
    return np.array(rows, dtype=float).reshape(len(rows), len(run.times))


def lifted(chain: Chain, run, id: str) -> np.ndarray:
    """Value of one fine id on a coarse trajectory by the chain's lift, shape (nt,)."""
    formula = chain.lift.get(id)
    if formula is None:
        raise InputError(f"the small model cannot express {id!r}: it was not among the observables")
    values = {name: run[name] for name in symbols(formula)}
    with np.errstate(all="ignore"):
        return np.broadcast_to(np.asarray(evaluate(formula, run.times, values), dtype=float), run.times.shape)


def certificate(chain: Chain) -> Certificate:
    """The certificate of a whole chain.

    Errors add up (`certificate.added`).
    """
    parts = [bridge.certificate for bridge in chain.bridges]
    tier = weakest(part.tier for part in parts)
    assumptions = [a for part in parts for a in part.assumptions]
    if sum(part.tier != "exact" for part in parts) > 1:
        assumptions.append(
            Assumption(
                "the region of each step, mapped by the step before it, lies in the region of the next", "assumed"
            )
        )
    gaps = [part.spectrum for part in parts if part.spectrum is not None]
    defects = [part.defect for part in parts if part.defect is not None]
    return Certificate(
        tier=tier,
        claim=" ".join(part.claim for part in parts) or "Nothing was reduced.",
        assumptions=tuple(dict.fromkeys(assumptions)),
        groups=tuple(g for part in parts for g in part.groups),
        spectrum=min(gaps, key=lambda s: s.gap) if gaps else None,
        defect=max(defects) if defects else None,
        error=_error(parts),
        domain=parts[0].domain if parts else {},
        alternatives=tuple(a for part in parts for a in part.alternatives),
        recipe={"steps": [dict(part.recipe) for part in parts]},
        source_hash=parts[0].source_hash if parts else source_hash(chain.fine),
        versions=versions(),
    )


def _error(parts: list[Certificate]) -> ErrorStatement | None:
    statements = [part.error for part in parts if part.error is not None]
    if not statements:
        return None
    bound, measured = _all_added([s.bound for s in statements]), _all_added([s.measured for s in statements])
    per: dict[str, float] = {}
    for one in statements:
        for id, value in one.per_observable.items():
            per[id] = per.get(id, 0.0) + value
    points = min(s.points for s in statements)
    return ErrorStatement(statements[-1].norm, measured, bound, None, per, points, together(parts))


def _all_added(errors: list[float | None]) -> float | None:
    known = [error for error in errors if error is not None]
    return added(known) if len(known) == len(errors) else None
