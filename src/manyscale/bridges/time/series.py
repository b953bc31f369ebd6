"""Slow manifolds beyond steady states: the fast variables also follow how fast the slow ones move.

On the manifold y = h(z) of z' = F(z, y), y' = G(z, y) the invariance equation G(z, h) = Dh F(z, h) holds. Its solution is
approached by h_{k+1}: G(z, h_{k+1}) = Dh_k F(z, h_k) from the steady states h_0 (Fraser, J. Chem. Phys. 88:4732, 1988;
Roussel & Fraser, J. Chem. Phys. 93:1072, 1990), which agrees with Fenichel's series to order k (Kaper & Kaper, Physica D
165:66, 2002). Each order gains a factor of the time-scale ratio until the series, which is asymptotic, turns.

The first order is one linear correction of the steady states, which keeps to their branch where the steady states are
roots of an equation (the zero-derivative principle y'' = 0 agrees to that order, but has further roots: Gear, Kaper,
Kevrekidis & Zagaris, SIAM J. Appl. Dyn. Syst. 4:711, 2005).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from manyscale.bridges.time.elimination import Closure, eliminate
from manyscale.bridges.time.flow import Flow
from manyscale.bridges.time.network import NoNetwork
from manyscale.errors import InputError
from manyscale.model.algebra import differentiate
from manyscale.model.expr import Expr, Number, Symbol, add, mul, substitute, symbols
from manyscale.model.polynomial import nodes

HIGHEST = 3
LONGEST = 20_000  # nodes of all formulas
SHORT = 8  # nodes of a formula that is written out wherever it is used
Extra = Mapping[str, tuple[str, Expr | None]]


def raised(flow: Flow, closure: Closure, order: int, new_name: Callable[[str], str]) -> tuple[Closure, Extra]:
    """The closure of that order, and new variables that its formulas use: id -> (fast variable of its kind or "",
    formula, or None for what an equation of the closure determines).

    Raises NoNetwork: too long a formula, functions without derivative, or an order above 1 without formulas.
    """
    if not 1 <= order <= HIGHEST:
        raise NoNetwork(f"slow manifolds are made to order {HIGHEST} at most, not {order}")
    try:
        if order == 1:
            return _lagging(flow, closure, new_name)
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


def _lagging(flow: Flow, closure: Closure, new_name: Callable[[str], str]) -> tuple[Closure, Extra]:
    """y = h_0 + D^-1 w with D w = -C F, all at h_0: the steady states, how fast they drift (w), and by how much the
    variables lag behind that. Linear systems without a short formula stay equations, which have one solution."""
    numeric = [y for y in flow.fast if y in closure.equations]
    base = {id: new_name(f"{id}_order0") for id in (*closure.rules, *numeric)}
    at = {id: Symbol(name) for id, name in base.items()}
    hidden = {n: f for n, f in flow.dependents.items() if n not in closure.rules}
    extra: dict[str, tuple[str, Expr | None]] = {}
    for id, formula in closure.rules.items():
        extra[base[id]] = (id, substitute(_closed(formula, hidden), at))
    equations = {}
    for y in numeric:
        extra[base[y]] = (y, None)
        equations[base[y]] = substitute(_closed(closure.equations[y], hidden), at)

    def named(wanted: str, kind: str, formula: Expr) -> Expr:
        """The formula at h_0, under a name of its own where it is long."""
        formula = substitute(formula, at)
        if nodes(formula) <= SHORT:
            return formula
        name = new_name(wanted)
        extra[name] = (kind, formula)
        return Symbol(name)

    fast, slow = _jacobian(flow)
    moved = {z for row in slow.values() for z, entry in row.items() if entry != Number(0.0)}
    velocity = {z: named(f"{z}_velocity", "", f) for z, f in flow.slow.items() if z in moved}
    decay = {y: {k: named(f"{y}_by_{k}", "", f) for k, f in row.items()} for y, row in fast.items()}
    push = {y: named(f"{y}_push", "", add(*(mul(row[z], v) for z, v in velocity.items()))) for y, row in slow.items()}
    drift = {y: new_name(f"{y}_drift") for y in flow.fast}
    lag = {y: new_name(f"{y}_lag") for y in flow.fast}
    numeric += _solved(decay, {y: push[y] for y in flow.fast}, drift, dict.fromkeys(drift, ""), extra, equations)
    behind = {y: mul(-1.0, Symbol(drift[y])) for y in flow.fast}
    numeric += _solved(decay, behind, lag, {y: y for y in lag}, extra, equations)
    _short([*equations.values(), *(f for _, f in extra.values() if f is not None)])
    rules = {y: add(at[y], Symbol(lag[y])) for y in flow.fast}
    how = {y: "numeric" if y in numeric else closure.how.get(y, "linear") for y in flow.fast}
    return Closure(rules, equations, how), extra


def _solved(decay, rest: Mapping[str, Expr], unknown: Mapping[str, str], kinds, extra, equations) -> list[str]:
    """Solve sum_k decay[y][k] unknown[k] + rest[y] = 0: by formula into `extra`, else into `equations`; the y without."""
    system = {
        unknown[y]: add(rest[y], *(mul(entry, Symbol(unknown[k])) for k, entry in row.items()))
        for y, row in decay.items()
    }
    found = eliminate(system, {})
    left = []
    for y, name in unknown.items():
        if name in found.rules:
            extra[name] = (kinds[y], found.rules[name])
        else:
            extra[name] = (kinds[y], None)
            equations[name] = found.equations[name]
            left.append(y)
    return left


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
        _short(h.values())
    return Closure(h, {}, dict(step.how))


def _closed(formula: Expr, rules: Mapping[str, Expr]) -> Expr:
    """A formula with every name that has a rule written out."""
    for _ in range(len(rules) + 1):
        inside = {name: rules[name] for name in symbols(formula) & set(rules)}
        if not inside:
            return formula
        formula = substitute(formula, inside)
    raise NoNetwork("the formulas of the fast variables go in a circle")


def _short(formulas: Iterable[Expr]) -> None:
    size = sum(nodes(f) for f in formulas)
    if size > LONGEST:
        raise NoNetwork(f"the formulas of this order have {size} parts")
