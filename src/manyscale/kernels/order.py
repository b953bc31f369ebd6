"""Dependency order of formulas, derivatives that formulas ask for, and the switching functions in formulas."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from manyscale.errors import InputError, UnsupportedError
from manyscale.kernels.system import System
from manyscale.model.expr import (
    ZERO,
    Add,
    Call,
    Expr,
    Mul,
    Number,
    Relation,
    Symbol,
    Time,
    add,
    children,
    mul,
    symbols,
    transform,
)


def schedule(draft: dict, definitions: dict[str, Expr], rates: dict[str, Expr], rate_of: dict, roots) -> System:
    """Complete the draft of a System: define the rateOf symbols, order everything, collect the roots."""
    initial = draft.pop("initial")
    system = System(
        **draft, variables=tuple(definitions.items()), rates=tuple(rates.items()), schedule=(), roots=(),
        initial_formulas=tuple(initial.items()),
    )  # fmt: skip
    pending = [s for s in rate_of if "(" not in rate_of[s]]
    definitions = dict(definitions)
    for symbol in pending:
        definitions[symbol] = derivative_in_time(Symbol(rate_of[symbol]), system)
    everything = {**definitions, **rates}
    scans = {name: scan(formula) for name, formula in everything.items()}
    uses = {name: names for name, (names, _) in scans.items()}
    order = sorted_by_dependency(uses)
    system = replace(
        system,
        variables=tuple((name, definitions[name]) for name in order if name in definitions),
        schedule=tuple(order),
        uses=uses,
    )
    return replace(system, roots=roots(system, [everything[name] for name, (_, jumps) in scans.items() if jumps]))


def scan(expr: Expr) -> tuple[set[str], bool]:
    """Names in the expression ("" for time), and whether it can switch or jump."""
    names: set[str] = set()
    jumps = False
    stack: list[Any] = [expr]
    while stack:
        node = stack.pop()
        kind = type(node)
        if kind is Symbol:
            names.add(node.name)
        elif kind is Mul:
            stack.extend(node.factors)
        elif kind is Add:
            stack.extend(node.terms)
        elif kind is Time:
            names.add("")
        elif kind is not Number:
            jumps = jumps or kind is Relation or (kind is Call and node.function in JUMPING)
            stack.extend(children(node))
    return names, jumps


def sorted_by_dependency(uses: Mapping[str, set[str]]) -> list[str]:
    """Names in an order in which each only uses earlier ones; InputError names the members of a cycle."""
    defined = uses.keys()
    needs = {name: sorted(names & defined) for name, names in uses.items()}
    done: set[str] = set()
    order: list[str] = []
    for start in uses:
        if start in done:
            continue
        path: dict[str, None] = {start: None}
        stack = [(start, iter(needs[start]))]
        while stack:
            name, rest = stack[-1]
            for need in rest:
                if need in path:
                    names = list(path)
                    cycle = [*names[names.index(need) :], need]
                    raise InputError(f"these formulas depend on each other in a circle: {' -> '.join(cycle)}")
                if need not in done:
                    path[need] = None
                    stack.append((need, iter(needs[need])))
                    break
            else:
                stack.pop()
                del path[name]
                done.add(name)
                order.append(name)
    return order


def derivative_in_time(expr: Expr, system: System) -> Expr:
    """d/dt along solutions, by the chain rule through variables and rates."""
    known: dict[str, Expr] = {}
    right = system.right_sides
    algebraic = {system.state_symbols[i] for i, _ in system.algebraic}

    def of_name(name: str) -> Expr:
        if name not in known:
            known[name] = ZERO  # a circle is reported when the formulas are ordered
            if name.startswith(("rateOf(", "delay(")):
                raise UnsupportedError("rateOf", f"the rate of change of {name} is not supported")
            if name in algebraic:
                raise InputError(f"rateOf({name}): {name} is determined by an algebraic rule, its rate is not known")
            if name in system.state_index:
                known[name] = right[system.state_index[name]]
            elif name in system.definitions:
                known[name] = of_formula(system.definitions[name])
        return known[name]

    def of_formula(formula: Expr) -> Expr:
        from manyscale.model.algebra import differentiate

        terms = [mul(differentiate(formula, name), of_name(name)) for name in sorted(symbols(formula))]
        explicit = transform(formula, lambda node: Symbol(CLOCK) if type(node) is Time else node)
        by_time = transform(differentiate(explicit, CLOCK), lambda node: Time() if node == Symbol(CLOCK) else node)
        return add(by_time, *terms)

    return of_name(expr.name) if isinstance(expr, Symbol) else of_formula(expr)


CLOCK = "(time)"  # stands for time where a derivative by it is taken; no id looks like this


def find_roots(system: System, jumping: list[Expr]) -> tuple[Expr, ...]:
    """Functions that change sign where a relation in a trigger or formula switches, or where floor or ceil jumps.

    `jumping`: the formulas of variables and rates in which that can happen at all. Switches that depend on
    parameters alone happen at events only and are left out.
    """
    formulas = [*jumping, *(formula for _, formula in (*system.rate_rules, *system.algebraic))]
    formulas += [formula for _, _, formula in system.variable_stoichiometry]
    formulas += [event.trigger for event in system.events]
    moving = {"", *system.state_symbols, *(d.symbol for d in system.delays)}
    for name in system.schedule if formulas else ():
        if not moving.isdisjoint(system.uses[name]):
            moving.add(name)
    found: dict[Expr, None] = {}
    for formula in formulas:
        for root in _switches(formula):
            if not moving.isdisjoint(scan(root)[0]):
                found.setdefault(root)
    return tuple(found)


JUMPING = ("floor", "ceil", "quotient", "rem")
PI = 3.141592653589793


def _switches(expr: Expr):
    stack: list[Any] = [expr]
    while stack:
        node = stack.pop()
        if type(node) is Relation:
            yield add(node.left, mul(-1.0, node.right))
        elif type(node) is Call and node.function in ("floor", "ceil"):
            yield Call("sin", (mul(Number(PI), node.arguments[0]),))
        elif type(node) is Call and node.function in ("quotient", "rem"):
            left, right = node.arguments
            yield Call("sin", (mul(Number(PI), left, right**-1.0),))
        stack.extend(children(node))
