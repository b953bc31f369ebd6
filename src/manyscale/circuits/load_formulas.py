"""Loading by formula: binding polynomials, what is bound, R, S and time constants, where the binding is solvable."""

from __future__ import annotations

from typing import Any

import numpy as np

from manyscale.bridges.time.elimination import eliminate
from manyscale.kernels.interpret import evaluate
from manyscale.model.algebra import collect_linear, differentiate, simplify
from manyscale.model.expr import Expr, Number, Symbol, add, mul, power, substitute, symbols
from manyscale.model.polynomial import NotPolynomial, TooLarge
from manyscale.model.sympy_bridge import factored

AGREES = 1e-6  # a formula that differs more than this from the number is not shown
LARGEST = 12  # complexes up to which formulas are made


def formulas(one) -> dict[str, Any]:
    """See `Load.formulas`. Each formula is compared with the numbers at the operating point; one that does not agree is
    left out."""
    part = one._part
    if len(part.fast) > LARGEST:
        return {}
    bound = _bound(one)
    if bound is None:
        return {}
    found: dict[str, Expr] = {f"bound {id}": formula for id, formula in bound.items()}
    states = part.kernel.system.states
    inside = {s.id for s in one.module.upstream.model.species}
    for k, i in enumerate(part.sites):
        if states[i] in bound:
            total = Symbol(f"{states[i]}_total")
            found[f"polynomial {states[i]}"] = factored(mul(total, power(bound[states[i]], -1.0)))
            found[f"{states[i]}_total"] = _sum(part.closed[k], states)
    n = part.inner
    held: dict[tuple[int, str], Expr] = {}
    for j in range(n):
        for side in ("R", "S"):
            terms = [
                mul(float(w), bound[states[i]])
                for i, w in enumerate(part.holds[j])
                if w and states[i] in bound and i not in part.ligands and (states[i] in inside) == (side == "R")
            ]
            held[j, side] = add(*terms) if terms else Number(0.0)
    for j in range(n):
        for k in range(n):
            for side, matrix in (("R", one.R), ("S", one.S)):
                formula = factored(differentiate(held[j, side], states[part.ligands[k]]))
                if _agrees(one, formula, matrix[j, k]):
                    found[f"{side}[{one.ids[j]},{one.ids[k]}]"] = formula
    found.update(_times(one, held, bound))
    return found


def _sum(row: np.ndarray, states) -> Expr:
    return add(*(mul(float(w), Symbol(states[i])) for i, w in enumerate(row) if w))


def _totals(one) -> dict[str, float]:
    part = one._part
    y = np.array([one.values[id] for id in part.kernel.system.states])
    return {f"{part.kernel.system.states[i]}_total": float(t) for i, t in zip(part.sites, part.closed @ y)}


def _value(one, formula: Expr) -> float:
    with np.errstate(all="ignore"):
        return float(evaluate(formula, 0.0, {**one.values, **_totals(one)}))


def _agrees(one, formula: Expr, number: float) -> bool:
    try:
        return abs(_value(one, formula) - number) <= AGREES * max(abs(number), 1e-12)
    except (KeyError, ArithmeticError, ValueError):
        return False


def _bound(one) -> dict[str, Expr] | None:
    """Complex or free site -> formula in free ligands and totals of sites: detailed balance first, then all equations."""
    part = one._part
    system = part.kernel.system
    states, rates = system.states, dict(system.rates)
    names = [name for name, _ in system.rates]
    variables = dict(system.variables)
    dependents = {}
    for k, i in enumerate(part.sites):
        rest = add(*(mul(-float(w), Symbol(states[j])) for j, w in enumerate(part.closed[k]) if w and j != i))
        dependents[states[i]] = add(Symbol(f"{states[i]}_total"), rest)
    balanced = {}
    for c in part.fast:
        for j in part.binders.get(c, ())[:1]:
            both = [g for g in part.binders[c] if _same_change(part, g, j)]
            signs = [_sign(part, g, c) for g in both]
            balanced[states[c]] = substitute(add(*(mul(s, rates[names[g]]) for g, s in zip(both, signs))), variables)
    full = {states[c]: substitute(substitute(system.right_sides[c], rates), variables) for c in part.fast}
    for equations in (balanced if len(balanced) == len(full) else None, full):
        if equations is None:
            continue
        try:
            closure = eliminate({y: simplify(g) for y, g in equations.items()}, dependents)
        except (NotPolynomial, TooLarge):
            continue
        if closure.equations:
            continue
        solved = _resolved({**dependents, **closure.rules})
        if all(_agrees(one, solved[s], one.values[s]) for s in solved if s in one.values):
            return {s: factored(f) for s, f in solved.items()}
    return None


def _same_change(part, g: int, j: int) -> bool:
    net = part.kernel.system.columns
    return {i: abs(x) for i, x in net[g].items()} == {i: abs(x) for i, x in net[j].items()}


def _sign(part, g: int, c: int) -> float:
    return 1.0 if part.kernel.system.columns[g].get(c, 1) > 0 else -1.0


def _resolved(rules: dict[str, Expr]) -> dict[str, Expr]:
    """Rules that use no other rule's name any more."""
    for _ in range(len(rules) + 1):
        rules = {
            name: substitute(f, {k: v for k, v in rules.items() if k in symbols(f) and k != name})
            for name, f in rules.items()
        }
        if not any(symbols(f) & set(rules) for f in rules.values()):
            break
    return rules


def _times(one, held, bound) -> dict[str, Expr]:
    """tau_0, tau_eff and their difference for one free species and an upstream module without other slow variables."""
    part = one._part
    system = part.kernel.system
    inside = {s.id for s in one.module.upstream.model.species}
    slow = [s for s in system.states if s in inside and s not in bound]
    if part.inner != 1 or slow != [one.port]:
        return {}
    x = one.port
    rates, variables = dict(system.rates), dict(system.variables)
    row = part.holds[0]
    change = add(*(mul(float(w), system.right_sides[i]) for i, w in enumerate(row) if w))
    change = simplify(substitute(substitute(substitute(change, rates), variables), bound))
    free = factored(substitute(change, {}))
    whole = add(1.0, differentiate(held[0, "R"], x), differentiate(held[0, "S"], x))
    tau = factored(mul(-1.0, whole, power(differentiate(free, x), -1.0)))
    found = {"h": free, "tau_eff": tau} if _agrees(one, tau, one.tau_eff) else {}
    if found:
        found |= _where_equal(one, tau)
    upstream_rows = _alone(one, held)
    if upstream_rows is not None:
        found["tau_0"] = upstream_rows
        steady = _steady(free, x)
        if steady is not None and "tau_eff" in found:
            found[f"steady {x}"] = factored(steady)
            found["delta_tau"] = factored(substitute(add(tau, mul(-1.0, upstream_rows)), {x: steady}))
    return found


def _where_equal(one, tau: Expr) -> dict[str, Expr]:
    """The time constant for constants that have the same value upstream and downstream, where that makes it shorter."""
    upper = {k.id for k in one.module.upstream.model.parameters}
    names = sorted(symbols(tau) & {k.id for k in one.model.parameters})
    for a in (n for n in names if n in upper):
        for b in (n for n in names if n not in upper and one.values[n] == one.values[a]):
            short = factored(substitute(tau, {b: Symbol(a)}))
            if 2 * len(str(short)) < len(str(tau)) and _agrees(one, short, one.tau_eff):
                return {f"tau_eff where {b} = {a}": short}
    return {}


def _alone(one, held) -> Expr | None:
    from manyscale.kernels import compile_model

    system = compile_model(one.module.upstream.model).system
    if len(system.states) != 1:
        return None
    rates, variables = dict(system.rates), dict(system.variables)
    own = substitute(substitute(system.right_sides[0], rates), variables)
    slope = differentiate(simplify(own), one.port)
    tau = factored(mul(-1.0, power(slope, -1.0)))
    return tau if abs(_value(one, tau) - one.tau_0) <= AGREES * one.tau_0 or one.port in symbols(tau) else None


def _steady(free: Expr, x: str) -> Expr | None:
    """Where h vanishes, if h is linear in x."""
    found = collect_linear(free, [x])
    if found is None:
        return None
    slopes, rest = found
    return mul(-1.0, rest, power(slopes[x], -1.0)) if x in slopes else None
