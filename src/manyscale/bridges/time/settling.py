"""How the fast variables settle on their slow manifold at the start, added to a bridge as decaying terms.

A slow manifold y = h(z, t) is right once the start is forgotten. The distance d = y - h first obeys d' = J d + (curvature),
with J the derivative of y' by y while the slow coordinates stand still, so that

    y(t) = h(z(t), t) + sum_k a_k exp(-r_k t),    sum_k a_k = y(0) - h(z(0), 0),

the composite expansion of outer solution and initial layer (O'Malley, Singular Perturbation Methods for Ordinary
Differential Equations, 1991, section 2). A single fast variable has d' = -r d + q d^2, exactly so where two molecules bind:

    d(t) = a exp(-r t)/(1 - b (1 - exp(-r t))),    b = q a/r.

The terms stand in the rules of the fast variables, so that the slow coordinates are moved by them too and start with the fine
model's own values, without a projection. What is left out of several fast variables, while they settle, is of second order
in their distance from the manifold at the start.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from manyscale.bridges.bridge import Bridge
from manyscale.bridges.compose import carry, settable, start_values
from manyscale.bridges.time.layer import free, held_slow
from manyscale.engines.ode import simulate_ode
from manyscale.kernels import compile_model
from manyscale.model.expr import Call, Expr, Symbol, Time, add, mul, power
from manyscale.model.naming import Names
from manyscale.model.parts import Parameter

MOST = 8  # fast variables; each brings as many terms as there are


@dataclass(frozen=True)
class Settling:
    """Values of the fine model by id -> start of the coarse one, with the constants of the decaying terms.

    bridge: the one without the terms; rates, amplitudes: ids of parameters, the latter as [variable][term]; bend: the one
    of b, for a single fast variable.
    """

    bridge: Bridge
    fast: tuple[str, ...]
    rates: tuple[str, ...]
    amplitudes: tuple[tuple[str, ...], ...]
    bend: str = ""

    def __call__(self, values: Mapping[str, float]) -> dict[str, float]:
        given = {id: values[id] for id in settable(self.bridge.fine) if np.isfinite(values.get(id, np.nan))}
        start = carry(self.bridge, given)
        decays, sizes, bend = decaying_terms(self.bridge, self.fast, given, start)
        terms = dict(zip(self.rates, decays)) | ({self.bend: bend} if self.bend else {})
        for ids, row in zip(self.amplitudes, sizes):
            terms |= dict(zip(ids, row))
        return {**start, **{id: float(x) for id, x in terms.items()}}


def decaying_terms(bridge: Bridge, fast: tuple[str, ...], given: Mapping[str, float], start: Mapping[str, float]):
    """(rates, amplitudes, b): shapes (m,), (m, m) with [variable, term], and a number; no amplitude where the fast
    variables do not settle without swinging, as the terms would not be theirs."""
    fine, coarse = compile_model(bridge.fine), compile_model(bridge.coarse)
    y, p = fine.initial(given)
    found = simulate_ode(coarse, np.array([0.0]), values=free(coarse, start))
    on = np.array([float(found[id][0]) for id in fine.system.states])
    rows = [fine.system.state_index[id] for id in fast]
    held = held_slow(bridge.restrict, fine, rows, on, p)
    matrix = (fine.jacobian(0.0, on, p) @ held)[rows]
    values, vectors = np.linalg.eig(matrix)
    nothing = np.zeros(len(fast)), np.zeros((len(fast), len(fast))), 0.0
    if not (values.real < 0).all() or (np.abs(values.imag) > 1e-9 * np.abs(values)).any():
        return nothing
    values, vectors = values.real, vectors.real
    if np.linalg.cond(vectors) > 1e8:
        return nothing
    off = (y - on)[rows]
    bend = 0.0
    if len(fast) == 1 and off[0]:
        secant = (fine.jacobian(0.0, on + held[:, 0] * off[0], p) @ held)[rows][0, 0] - matrix[0, 0]  # 2 q a
        bend = float(-0.5 * secant / matrix[0, 0])
        bend = bend if bend < 1.0 else 0.0
    return -values, vectors * np.linalg.solve(vectors, off), bend


def with_settling(bridge: Bridge, fast: tuple[str, ...]) -> Bridge:
    """The bridge with the decay of its fast variables onto the slow manifold, as terms of time in their rules.

    Nothing is added for more than MOST fast variables. The coarse model then is for runs from time 0.
    """
    coarse = bridge.coarse
    rules = {r.variable: r for r in coarse.rules if r.kind == "assignment" and r.variable in fast}
    if not fast or len(fast) > MOST or set(rules) != set(fast):
        return bridge
    new_id = Names(coarse, bridge.fine).free
    count = range(1, len(fast) + 1)
    rates = tuple(new_id(f"settling_rate_{k}") for k in count)
    amplitudes = tuple(tuple(new_id(f"{id}_settling_{k}") for k in count) for id in fast)
    bend = new_id(f"{fast[0]}_settling_bend") if len(fast) == 1 else ""
    settling = Settling(bridge, fast, rates, amplitudes, bend)
    start = settling(start_values(bridge.fine))
    new = {id: add(rules[id].formula, *_terms(ids, rates, bend)) for id, ids in zip(fast, amplitudes)}
    added = [Parameter(id, start[id]) for id in (*rates, *(id for ids in amplitudes for id in ids), bend) if id]
    model = coarse.replace(
        rules=tuple(replace(r, formula=new[r.variable]) if r.variable in new else r for r in coarse.rules),
        parameters=(*coarse.parameters, *added),
    )
    claim = bridge.certificate.claim.removesuffix(".") + "; with their decay onto it, where that does not swing."
    certificate = replace(bridge.certificate, claim=claim)
    return replace(bridge, coarse=model, project=settling, certificate=certificate, layer_species=(), layer_time=0.0)


def _terms(amplitudes: tuple[str, ...], rates: tuple[str, ...], bend: str) -> list[Expr]:
    decays = [Call("exp", (mul(-1.0, Symbol(r), Time()),)) for r in rates]
    terms = [mul(Symbol(a), decay) for a, decay in zip(amplitudes, decays)]
    if bend:
        below = add(1.0, mul(-1.0, Symbol(bend), add(1.0, mul(-1.0, decays[0]))))
        return [mul(terms[0], power(below, -1.0))]
    return terms
