"""Slow manifolds beyond steady states: the fast variables also follow how fast the slow ones move.

On the manifold y = h(z) of z' = F(z, y), y' = G(z, y) the invariance equation G(z, h) = Dh F(z, h) holds. Its solution is
approached by h_{k+1}: G(z, h_{k+1}) = Dh_k F(z, h_k) from the steady states h_0 (Fraser, J. Chem. Phys. 88:4732, 1988;
Roussel & Fraser, J. Chem. Phys. 93:1072, 1990), which agrees with Fenichel's series to order k (Kaper & Kaper, Physica D
165:66, 2002). Each order gains a factor of the time-scale ratio until the series, which is asymptotic, turns.

The first order is also that of the zero-derivative principle, y'' = 0 (Gear, Kaper, Kevrekidis & Zagaris, SIAM J. Appl.
Dyn. Syst. 4:711, 2005), which is used as an equation where the steady states have no formula.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from manyscale.bridges.time.elimination import Closure, eliminate
from manyscale.bridges.time.flow import Flow
from manyscale.bridges.time.network import NoNetwork
from manyscale.bridges.time.polynomial import nodes
from manyscale.errors import InputError
from manyscale.model.algebra import differentiate
from manyscale.model.expr import Expr, Symbol, add, mul, substitute, symbols

HIGHEST = 3
LONGEST = 20_000  # nodes of a formula
Extra = Mapping[str, tuple[str, Expr]]


def raised(flow: Flow, closure: Closure, order: int, new_name: Callable[[str], str]) -> tuple[Closure, Extra]:
    """The closure of that order, and new variables that its formulas use: id -> (fast variable of its kind, formula).

    Raises NoNetwork: too long a formula, functions without derivative, or an order above 1 without formulas.
    """
    if not 1 <= order <= HIGHEST:
        raise NoNetwork(f"slow manifolds are made to order {HIGHEST} at most, not {order}")
    try:
        if order == 1:
            found = _first(flow, closure, new_name) if closure.explicit else None
            return found or (_zero_derivative(flow), {})
        if not closure.explicit:
            raise NoNetwork("higher orders need steady states with a formula")
        return _iterated(flow, closure, order), {}
    except InputError as error:
        raise NoNetwork(str(error).splitlines()[0]) from None


def _jacobian(flow: Flow) -> tuple[dict, dict]:
    """(dG/dy, dG/dz) by rows."""
    fast = {y: {k: differentiate(g, k) for k in flow.fast} for y, g in flow.fast.items()}
    slow = {y: {z: differentiate(g, z) for z in flow.slow} for y, g in flow.fast.items()}
    return fast, slow


def _first(flow: Flow, closure: Closure, new_name: Callable[[str], str]) -> tuple[Closure, Extra] | None:
    """h_0 + D^-1 w with D w = -C F at h_0: the steady states, how fast they drift (w), and by how much the variables
    lag behind that. None where one of the linear systems has no formula."""
    base = {id: new_name(f"{id}_order0") for id in closure.rules}
    at = {id: Symbol(name) for id, name in base.items()}
    first = {y: at.get(y, Symbol(y)) for y in flow.fast}
    fast, slow = _jacobian(flow)
    drift = {y: new_name(f"{y}_drift") for y in flow.fast}
    lag = {y: new_name(f"{y}_lag") for y in flow.fast}
    moving = {}
    for y in flow.fast:
        own = add(*(mul(fast[y][k], Symbol(drift[k])) for k in flow.fast))
        moving[drift[y]] = substitute(add(own, *(mul(slow[y][z], f) for z, f in flow.slow.items())), first)
    drifts = eliminate(moving, {})
    behind = {}
    for y in flow.fast:
        own = add(*(mul(fast[y][k], Symbol(lag[k])) for k in flow.fast))
        behind[lag[y]] = substitute(add(own, mul(-1.0, Symbol(drift[y]))), first)
    lags = eliminate(behind, {})
    if not (drifts.explicit and lags.explicit):
        return None
    like = {**{base[y]: y for y in flow.fast}, **{lag[y]: y for y in flow.fast}}
    hidden = {n: f for n, f in flow.dependents.items() if n not in closure.rules}
    extra = {base[id]: (id, substitute(_closed(formula, hidden), at)) for id, formula in closure.rules.items()}
    for name, formula in lags.rules.items():
        extra[name] = (like[name], _closed(formula, drifts.rules))
    if sum(nodes(f) for _, f in extra.values()) > LONGEST:
        return None
    rules = {y: add(first[y], Symbol(lag[y])) for y in flow.fast}
    return Closure(rules, {}, {y: closure.how.get(y, "linear") for y in flow.fast}), extra


def _zero_derivative(flow: Flow) -> Closure:
    """y'' = C F + D G = 0 as equations for y."""
    fast, slow = _jacobian(flow)
    equations = {}
    for y in flow.fast:
        terms = [mul(slow[y][z], f) for z, f in flow.slow.items()] + [mul(fast[y][k], g) for k, g in flow.fast.items()]
        equations[y] = add(*terms)
    _short(equations)
    return Closure({}, equations, dict.fromkeys(flow.fast, "numeric"))


def _iterated(flow: Flow, closure: Closure, order: int) -> Closure:
    """h_order as formulas of the slow coordinates alone."""
    h = {y: _closed(closure.rules[y], {**flow.dependents, **closure.rules}) for y in flow.fast}
    pushed = {y: f"w({y})" for y in flow.fast}
    step = eliminate({y: add(g, mul(-1.0, Symbol(pushed[y]))) for y, g in flow.fast.items()}, {})
    if not step.explicit:
        raise NoNetwork("higher orders need equations of the fast variables that can be solved by formula")
    solved = {y: _closed(step.rules[y], step.rules) for y in flow.fast}
    for _ in range(order):
        velocity = {z: substitute(f, h) for z, f in flow.slow.items()}
        drift = {}
        for y, formula in h.items():
            drift[pushed[y]] = add(*(mul(differentiate(formula, z), f) for z, f in velocity.items()))
        h = {y: substitute(solved[y], drift) for y in flow.fast}
        _short(h)
    return Closure(h, {}, dict(step.how))


def _closed(formula: Expr, rules: Mapping[str, Expr]) -> Expr:
    """A formula with every name that has a rule written out."""
    for _ in range(len(rules) + 1):
        inside = {name: rules[name] for name in symbols(formula) & set(rules)}
        if not inside:
            return formula
        formula = substitute(formula, inside)
    raise NoNetwork("the formulas of the fast variables go in a circle")


def _short(formulas: Mapping[str, Expr]) -> None:
    size = sum(nodes(f) for f in formulas.values())
    if size > LONGEST:
        raise NoNetwork(f"the formulas of this order have {size} parts")
