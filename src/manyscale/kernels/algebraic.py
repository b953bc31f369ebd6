"""Algebraic rules: which variable each one determines, and whether it can be solved for it in symbols."""

from __future__ import annotations

from manyscale.errors import InputError
from manyscale.model.expr import MINUS_ONE, ZERO, Add, Expr, Mul, Symbol, add, mul, power, symbols
from manyscale.model.parts import Compartment


def settle_algebraic(work) -> None:
    """Match each algebraic rule with a free variable (augmenting paths); solve where linear.

    A rule that is linear in its variable and not tied in a loop with others becomes an assignment rule; the
    others
    make their variable a state whose row of the mass matrix is zero.
    """
    rules = work.algebraic
    if not rules:
        return
    everything = _free_variables(work)
    for free in (everything - work.event_targets, everything):  # what events assign is not free, if that can be
        touched = [reach(rule, work) & free for rule in rules]
        match = _match(touched)
        if len(match) == len(rules):
            break
    if len(match) < len(rules):
        missing = next(i for i in range(len(rules)) if i not in match.values())
        names = ", ".join(sorted(touched[missing])) or "none"
        raise InputError(
            f"algebraic rule {missing + 1} determines no variable of its own (free in it: {names}); "
            "the model is overdetermined"
        )
    for variable, index in match.items():
        solution = _solve_linear(rules[index], variable, work)
        if solution is None:
            work.algebraic_states[variable] = rules[index]
        else:
            work.assigned[variable] = solution
    _break_loops(work, {v: rules[i] for v, i in match.items()})
    work.varying.update(v for v in match if isinstance(work.model[v], Compartment))


def _free_variables(work) -> set[str]:
    model = work.model
    fixed = {*work.assigned, *work.rate_ruled, *work.reacting}
    found = {s.id for s in model.species if not s.constant}
    found |= {c.id for c in (*model.compartments, *model.parameters) if not c.constant}
    found |= {id for id, part in work.participants.items() if not part.constant}
    return found - fixed


def reach(expr: Expr, work) -> set[str]:
    """All names the expression depends on, through assignment rules and reaction rates."""
    seen: set[str] = set()
    stack = list(symbols(expr))
    while stack:
        name = stack.pop()
        if name in seen:
            continue
        seen.add(name)
        formula = work.assigned.get(name, work.rates.get(name))
        if formula is not None:
            stack.extend(symbols(formula))
    return seen


def _match(touched: list[set[str]]) -> dict[str, int]:
    """Variable -> rule, as large as possible, by augmenting paths; rules with few choices first."""
    match: dict[str, int] = {}

    def augment(rule: int, seen: set[str]) -> bool:
        for name in sorted(touched[rule]):
            if name in seen:
                continue
            seen.add(name)
            if name not in match or augment(match[name], seen):
                match[name] = rule
                return True
        return False

    for rule in sorted(range(len(touched)), key=lambda i: len(touched[i])):
        augment(rule, set())
    return match


def _solve_linear(rule: Expr, variable: str, work) -> Expr | None:
    """x from a*x + b = 0, where neither a nor b depends on x, and a does not vanish wherever some species are zero."""
    split = linear_split(rule, variable)
    if split is None:
        return None
    slope, rest = split
    if slope == ZERO or _vanishes_with_variables(slope, work) or variable in reach(slope, work) | reach(rest, work):
        return None
    return mul(-1.0, rest, power(slope, MINUS_ONE))


def _vanishes_with_variables(slope: Expr, work) -> bool:
    """Whether every term has a species or parameter that changes: 0/0 where all of them are zero, as at many a start."""
    moving = {part.id for part in (*work.model.species, *work.model.parameters) if not part.constant}
    terms = slope.terms if isinstance(slope, Add) else (slope,)
    return all(moving & ({*symbols(term)} | reach(term, work)) for term in terms)


def linear_split(expr: Expr, name: str) -> tuple[Expr, Expr] | None:
    """(a, b) with expr = a*name + b and neither containing the name; None where that cannot be read off."""
    if name not in symbols(expr):
        return ZERO, expr
    if isinstance(expr, Symbol):
        return add(1.0), ZERO
    if isinstance(expr, Add):
        parts = [linear_split(term, name) for term in expr.terms]
        known = [part for part in parts if part is not None]
        if len(known) < len(parts):
            return None
        return add(*(a for a, _ in known)), add(*(b for _, b in known))
    if isinstance(expr, Mul):
        inside = [f for f in expr.factors if name in symbols(f)]
        if len(inside) != 1:
            return None
        part = linear_split(inside[0], name)
        if part is None:
            return None
        others = mul(*(f for f in expr.factors if f is not inside[0]))
        return mul(part[0], others), mul(part[1], others)
    return None


def _break_loops(work, rules: dict[str, Expr]) -> None:
    """Solved rules that depend on themselves through each other go back to being equations."""
    for variable in [v for v in rules if v in work.assigned]:
        if variable in reach(work.assigned[variable], work):
            del work.assigned[variable]
            work.algebraic_states[variable] = rules[variable]
