"""The equations of a split as a flow of slow coordinates and fast variables, for slow manifolds of higher order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from manyscale.bridges.time.elimination import Closure
from manyscale.bridges.time.network import computed_species, inline, reaches
from manyscale.kernels.system import System
from manyscale.model.algebra import differentiate
from manyscale.model.expr import Expr, Number, Symbol, Time, add, mul, substitute, symbols, transform, walk
from manyscale.model.model import Model

CLOCK = "time itself"  # no id can have a space


def _written(formula: Expr, definitions: Mapping[str, Expr]):
    """Every node of a formula and of the definitions it uses."""
    done: set[str] = set()
    stack = [formula]
    while stack:
        for node in walk(stack.pop()):
            yield node
            if type(node) is Symbol and node.name in definitions and node.name not in done:
                done.add(node.name)
                stack.append(definitions[node.name])


@dataclass(frozen=True)
class Flow:
    """z' and y' of the slow coordinates and the fast variables, as functions of these and of constants alone;
    dependents: everything that rules or totals compute from fast variables, likewise. Where time itself enters it is one
    more slow coordinate, CLOCK, of speed 1."""

    slow: Mapping[str, Expr]
    fast: Mapping[str, Expr]
    dependents: Mapping[str, Expr]


def make_flow(model: Model, system: System, fast: tuple[str, ...], totals, local: Mapping[str, str]) -> Flow:
    """The equations in the coordinates of a split, everything written out."""
    symbol = {old: Symbol(new) for old, new in local.items()}
    rates = {name: substitute(formula, symbol) for name, formula in system.rates}
    known = {name: substitute(formula, symbol) for name, formula in system.variables}
    known |= {**rates, **{t.species: computed_species(model, t) for t in totals}}
    computed = {t.species for t in totals}
    index = {id: i for i, id in enumerate(system.states)}
    kept = [id for id in system.states if id not in fast and id not in computed]
    moving = {*fast, *kept, *(t.id for t in totals)}
    right = {id: inline(substitute(system.right_sides[index[id]], symbol), moving, known) for id in system.states}
    slow = {id: right[id] for id in kept}
    for total in totals:
        parts = (mul(differentiate(total.formula, id), right[id]) for id in total.coefficients)
        slow[total.id] = inline(add(*parts), moving, known)
    late = [n for n in known if n not in rates and reaches(known[n], set(fast), known)]
    flow = Flow(slow, {y: right[y] for y in fast}, {n: inline(known[n], moving, known) for n in late})
    if not any(type(node) is Time for f in (*slow.values(), *flow.fast.values()) for node in _written(f, known)):
        return flow
    parts = ({k: _clocked(f, known) for k, f in part.items()} for part in (flow.slow, flow.fast, flow.dependents))
    slow, quick, dependents = parts
    return Flow({**slow, CLOCK: Number(1.0)}, quick, dependents)


def _clocked(formula: Expr, known: Mapping[str, Expr]) -> Expr:
    """With every definition that contains time written out, and time as the coordinate CLOCK."""
    late = {n: f for n, f in known.items() if any(type(x) is Time for x in _written(f, known))}
    for _ in range(len(late) + 1):
        if not symbols(formula) & set(late):
            break
        formula = substitute(formula, late)
    return _to_clock(formula)


def _to_clock(formula: Expr) -> Expr:
    return transform(formula, lambda node: Symbol(CLOCK) if type(node) is Time else node)


def _to_time(formula: Expr) -> Expr:
    return substitute(formula, {CLOCK: Time()})


def clocked(closure: Closure) -> Closure:
    """The closure with time as the coordinate CLOCK."""
    return _changed(closure, _to_clock)


def with_time(closure: Closure, extra: Mapping[str, tuple[str, Expr | None]]):
    """A closure and its new variables with the coordinate CLOCK as time again."""
    return _changed(closure, _to_time), {
        id: (kind, None if f is None else _to_time(f)) for id, (kind, f) in extra.items()
    }


def _changed(closure: Closure, change: Callable[[Expr], Expr]) -> Closure:
    rules, equations = ({k: change(f) for k, f in part.items()} for part in (closure.rules, closure.equations))
    return replace(closure, rules=rules, equations=equations)
