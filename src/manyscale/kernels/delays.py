"""What delayed values were before the start: SBML takes them from the initial conditions, evaluated at those times."""

from __future__ import annotations

from manyscale.kernels.system import System
from manyscale.model.expr import Expr, Time, substitute, symbols, walk


def past_arguments(system: System) -> tuple[Expr, ...]:
    """Formula of each delayed argument for times before the start, given the state at the start.

    Initial assignments that depend on time are put in place of what they assign; everything else keeps its start value.
    """
    formulas = {**dict(system.initial_formulas), **system.definitions}
    moving = _depending_on_time(dict(system.initial_formulas), formulas)
    return tuple(_expand(d.argument, formulas, moving) for d in system.delays)


def _depending_on_time(initial: dict[str, Expr], formulas: dict[str, Expr]) -> set[str]:
    """Names whose value before the start differs from that at the start, through some initial assignment."""
    found = {name for name, formula in initial.items() if any(type(node) is Time for node in walk(formula))}
    growing = bool(found)
    while growing:
        new = {name for name, formula in formulas.items() if name not in found and symbols(formula) & found}
        found |= new
        growing = bool(new)
    return found


def _expand(formula: Expr, formulas: dict[str, Expr], moving: set[str], depth: int = 50) -> Expr:
    names = symbols(formula) & moving
    if not names or not depth:
        return formula
    return _expand(substitute(formula, {name: formulas[name] for name in names}), formulas, moving - names, depth - 1)
