"""Right-hand sides as sums of products, each of a constant coefficient and a factor that changes with state and time."""

from __future__ import annotations

from itertools import product

from manyscale.kernels.system import System
from manyscale.model.expr import ZERO, Add, Expr, Mul, Number, Power, Symbol, add, mul, substitute, symbols, walk
from manyscale.model.model import Model
from manyscale.model.simplify import simplify

MOST = 400  # products of one right-hand side

Term = tuple[tuple[Expr, ...], tuple[Expr, ...]]  # constant factors, factors that change


class TooMany(Exception):
    """A right-hand side has too many products."""


def given_later(model: Model) -> set[str]:
    """Ids whose value at the start is computed, or that events change."""
    found = {item.symbol for item in model.initial_assignments}
    return found | {target for event in model.events for target, _ in event.assignments}


class Separated:
    """Coefficients are formulas over parameters that nothing changes; definitions are written out."""

    def __init__(self, model: Model, system: System):
        self.definitions = system.definitions
        self.constants = set(system.parameters) - {t for event in model.events for t, _ in event.assignments}
        self._terms: dict[str, list[Term]] = {}
        self._plain: dict[str, Expr] = {}
        self._constant: dict[str, bool] = {}

    def parts(self, formula: Expr) -> dict[tuple[Expr, ...], Expr]:
        """Factors that change, in one order -> coefficient; () for what does not change at all. Raises TooMany."""
        sums: dict[tuple[Expr, ...], list[Expr]] = {}
        for fixed, moving in self.terms(formula):
            sums.setdefault(tuple(sorted(moving, key=repr)), []).append(mul(*fixed))
        found = {key: simplify(add(*(simplify(one) for one in coefficients))) for key, coefficients in sums.items()}
        return {key: c for key, c in found.items() if c != ZERO}

    def terms(self, formula: Expr) -> list[Term]:
        if self.constant(formula):
            return [] if formula == ZERO else [((self.plain(formula),), ())]
        match formula:
            case Symbol(name) if name in self.definitions:
                if name not in self._terms:
                    self._terms[name] = self.terms(self.definitions[name])
                return self._terms[name]
            case Add(terms):
                found = [term for one in terms for term in self.terms(one)]
            case Mul(factors):
                lists = [self.terms(one) for one in factors]
                size = 1
                for one in lists:
                    size *= len(one)
                    if size > MOST:
                        raise TooMany("a right-hand side has too many products to be written out")
                found = [
                    (tuple(f for t in choice for f in t[0]), tuple(f for t in choice for f in t[1]))
                    for choice in product(*lists)
                ]
            case _:
                return [((), (self.plain(formula),))]
        if len(found) > MOST:
            raise TooMany("a right-hand side has too many products to be written out")
        return found

    def constant(self, formula: Expr) -> bool:
        """Whether it depends on constants alone."""
        if any(type(node) not in (Number, Symbol, Add, Mul, Power) for node in walk(formula)):
            return False  # functions and pieces are left where they are
        return all(self._constant_symbol(name) for name in symbols(formula))

    def _constant_symbol(self, name: str) -> bool:
        if name not in self._constant:
            known = name in self.constants
            self._constant[name] = known or (name in self.definitions and self.constant(self.definitions[name]))
        return self._constant[name]

    def plain(self, formula: Expr) -> Expr:
        """With definitions written out."""
        inside = {name: self._written(name) for name in symbols(formula) if name in self.definitions}
        return substitute(formula, inside) if inside else formula

    def _written(self, name: str) -> Expr:
        if name not in self._plain:
            self._plain[name] = self.plain(self.definitions[name])
        return self._plain[name]
