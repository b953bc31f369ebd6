"""A model as a sum of terms: each right-hand side with one coefficient per term.

With a coefficient of its own for every term, each variable can get a scale of its own: the coefficients are then the
dimensionless groups. Nothing is approximated.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from manyscale.kernels.interpret import evaluate
from manyscale.kernels.kernel import Kernel
from manyscale.kernels.system import System
from manyscale.model.algebra import is_negated, simplify
from manyscale.model.expr import (
    ONE,
    ZERO,
    Add,
    Call,
    Expr,
    Mul,
    Number,
    Power,
    Symbol,
    add,
    mul,
    power,
    substitute,
    symbols,
    walk,
)
from manyscale.model.model import Model
from manyscale.model.parts import Compartment, Event, Parameter, Rule, Species
from manyscale.model.printing import infix

MOST_TERMS = 120  # of one equation; longer ones stay as they are, with one coefficient
MOST_STATES = 200
MOST_NODES = 20_000  # of all formulas together


@dataclass(frozen=True)
class Term:
    """sign * coefficient * body in the equation of `target`; `sources` are reactions that bring it in."""

    target: str
    coefficient: str
    sign: float
    body: Expr
    sources: tuple[str, ...]


@dataclass(frozen=True)
class TermForm:
    """model: the equations as rate and assignment rules. formulas: what each of its parameters is in the ids of the
    original ("reaction.k" for local parameters). terms: of each equation, by the id it determines."""

    model: Model
    formulas: Mapping[str, Expr]
    terms: Mapping[str, tuple[Term, ...]]


def why_not(model: Model, system: System) -> str:
    """Why a model has no term form; empty if it has."""
    if system.size > MOST_STATES:
        return f"it has {system.size} equations (more than {MOST_STATES})"
    if system.mass is not None or system.algebraic:
        return "it has algebraic equations"
    if system.delays:
        return "it has delays"
    if any(name.endswith(".amount") for name in (*system.state_symbols, *system.parameters)):
        return "its volumes change"
    if any(target.factor is not None for event in system.events for target in event.targets):
        return "events set concentrations"
    known = {*system.state_symbols, *system.parameters, *system.definitions}
    formulas = [*system.definitions.values(), *system.right_sides, *(f for e in system.events for f in e.formulas)]
    formulas += [e.trigger for e in system.events]
    if sum(1 for f in formulas for _ in walk(f)) > MOST_NODES:
        return "its formulas are too long"
    if any(name.startswith("rateOf(") for name in known) or any(symbols(f) - known for f in formulas):
        return "formulas contain rates of change"
    return "" if system.size else "nothing in it changes by an equation"


def term_form(model: Model, kernel: Kernel, values: Mapping[str, float]) -> TermForm:
    """The term form of a model for which `why_not` finds nothing; `values` by id at the start."""
    return _Writer(model, kernel.system, values).run()


class _Writer:
    def __init__(self, model: Model, system: System, values: Mapping[str, float]):
        self.model, self.system = model, system
        self.values = {id: np.float64(value) for id, value in values.items()}  # which divide by zero without an error
        self.names = {name: _plain(name, system) for name in (*system.state_symbols, *system.parameters)}
        self.taken = {*self.names.values(), *(name for name, _ in system.variables)}
        moved = {system.parameters[t.index] for e in system.events for t in e.targets if t.kind == "parameter"}
        self.constants = set(system.parameters) - moved
        self.moved = moved
        self.settled: dict[str, Expr] = {}  # variables that are constants in disguise
        for name, formula in system.variables:
            if not _moves(formula) and symbols(formula) <= self.constants:
                self.settled[name] = formula
                self.constants.add(name)
        self.formulas: dict[str, Expr] = {}
        self.terms: dict[str, tuple[Term, ...]] = {}
        self.parameters: list[Parameter] = []

    def run(self) -> TermForm:
        system = self.system
        rules: list[Rule] = []
        for name, formula in system.variables:
            if name in self.settled:
                continue
            rules.append(Rule("assignment", self.equation(name, [(self.flat(formula), "")]), name))
        for i, id in enumerate(system.states):
            rules.append(Rule("rate", self.equation(id, self.right_side(i)), id))
        used = {n for rule in rules for n in symbols(rule.formula)}
        used |= {n for e in system.events for f in (e.trigger, *e.formulas) for n in symbols(self.renamed(f))}
        back = {new: old for old, new in self.names.items()}
        back |= {name: name for name in self.settled}
        for id in [*(self.names[p] for p in system.parameters), *self.settled]:
            if id in used or back[id] in self.moved:
                self.formulas[id] = Symbol(back[id])
                self.parameters.append(Parameter(id, self.value(back[id]), constant=back[id] not in self.moved))
        place = _free("space", {*self.model.by_id, *self.taken, *(p.id for p in self.parameters)})
        species, parameters = self.variables(place)
        whole = self.model.replace(
            compartments=(Compartment(place, 1.0),),
            species=species,
            parameters=(*self.parameters, *parameters),
            reactions=(), functions=(), constraints=(), initial_assignments=(), units=(),
            rules=tuple(rules),
            events=tuple(self.event(e) for e in system.events),
            time_units=None, substance_units=None, extent_units=None, volume_units=None, area_units=None,
            length_units=None, conversion_factor=None, meta=None, remarks=(),
        )  # fmt: skip
        return TermForm(whole, self.formulas, self.terms)

    def variables(self, place: str) -> tuple[tuple[Species, ...], list[Parameter]]:
        """States and variables: species of the model as species, the rest as parameters."""
        known = {s.id: s for s in self.model.species}
        species, rest = [], []
        for id in (*self.system.states, *(name for name, _ in self.system.variables if name not in self.settled)):
            value = self.value(id) if id in self.system.states else None
            name = getattr(self.model.by_id.get(id), "name", "")
            if id in known:
                species.append(
                    Species(id, place, value, "amount", only_substance=True, boundary=True, name=name)
                )  # fmt: skip
            else:
                rest.append(Parameter(id, value, constant=False, name=name))
        return tuple(species), rest

    def value(self, id: str) -> float:
        return float(self.values[id])

    def renamed(self, formula: Expr) -> Expr:
        return substitute(formula, {old: Symbol(new) for old, new in self.names.items() if old != new})

    def flat(self, formula: Expr) -> Expr:
        """With reaction rates written out."""
        while True:
            rates = symbols(formula) & self.system.rate_index.keys()
            if not rates:
                return formula
            formula = substitute(formula, {name: self.system.definitions[name] for name in rates})

    def right_side(self, i: int) -> list[tuple[Expr, str]]:
        system = self.system
        for row, formula in system.rate_rules:
            if row == i:
                return [(self.flat(formula), "")]
        parts = []
        for row, j, number in system.balance:
            if row == i:
                name, formula = system.rates[j]
                parts.append((mul(system.row_factors[i], Number(float(number)), self.flat(formula)), name))
        for row, j, count in system.variable_stoichiometry:
            if row == i:
                name, formula = system.rates[j]
                parts.append((mul(system.row_factors[i], self.flat(count), self.flat(formula)), name))
        return parts

    def equation(self, target: str, parts: list[tuple[Expr, str]]) -> Expr:
        """The formula with named coefficients; equal bodies from one reaction share one."""
        found: dict[tuple[str, str], list] = {}
        for formula, source in parts:
            for coefficient, body in split_terms(formula, self.constants):
                entry = found.setdefault((infix(body), source), [body, [], []])
                entry[1].append(coefficient)
                entry[2].append(source)
        whole: list[Expr] = []
        terms: list[Term] = []
        for body, coefficients, sources in found.values():
            coefficient = simplify(add(*coefficients))
            if coefficient == ZERO:
                continue
            sign = -1.0 if is_negated(coefficient) else 1.0
            coefficient = simplify(_times(sign, coefficient))
            id = _free(f"c_{target}_{len(terms) + 1}", self.taken)
            self.taken.add(id)
            self.formulas[id] = coefficient
            self.parameters.append(Parameter(id, _evaluated(coefficient, self.values)))
            renamed = self.renamed(body)
            terms.append(Term(target, id, sign, renamed, tuple(dict.fromkeys(s for s in sources if s))))
            whole.append(mul(sign, Symbol(id), renamed))
        self.terms[target] = tuple(terms)
        return add(*whole)

    def event(self, event) -> Event:
        assignments = []
        for target, formula in zip(event.targets, event.formulas):
            ids = self.system.states if target.kind == "state" else self.system.parameters
            assignments.append((self.names.get(ids[target.index], ids[target.index]), self.renamed(self.flat(formula))))
        delay, priority = (None if e is None else self.renamed(self.flat(e)) for e in (event.delay, event.priority))
        return Event(event.id, self.renamed(self.flat(event.trigger)), tuple(assignments), delay, priority,
                     event.initial_value, event.persistent, event.use_trigger_values)  # fmt: skip


def _evaluated(formula: Expr, values: Mapping[str, float]) -> float:
    with np.errstate(all="ignore"):
        return float(evaluate(formula, 0.0, values))


def _plain(name: str, system: System) -> str:
    """An id without the dot of local parameters, different from all others."""
    if "." not in name:
        return name
    known = {*system.state_symbols, *system.parameters, *system.definitions}
    return _free(name.replace(".", "_"), known)


def _free(name: str, taken: Iterable[str]) -> str:
    while name in taken:
        name += "_"
    return name


def _times(sign: float, formula: Expr) -> Expr:
    if type(formula) is Add:
        return add(*(mul(sign, term) for term in formula.terms))
    return mul(sign, formula)


def split_terms(formula: Expr, constants: set[str]) -> list[tuple[Expr, Expr]]:
    """(coefficient, body) of every term: products are multiplied out, divisions by sums left alone. Coefficients contain
    only `constants`; bodies have no constant factor."""
    formula = simplify(formula)
    terms = _expanded(formula, constants)
    if terms is None:
        terms = [formula]
    return [_parted(simplify(term), constants) for term in terms if term != ZERO]


def _expanded(formula: Expr, constants: set[str]) -> list[Expr] | None:
    """None where there would be too many."""
    if not symbols(formula) - constants and not _moves(formula):
        return [formula]
    match formula:
        case Add(terms):
            found: list[Expr] = []
            for term in terms:
                part = _expanded(term, constants)
                if part is None or len(found) + len(part) > MOST_TERMS:
                    return None
                found += part
            return found
        case Mul(factors):
            if any(_may_vanish(f) for f in factors):
                return [formula]  # (a - V)/(exp(a - V) - 1) must stay together
            return _multiplied([_expanded(f, constants) for f in factors])
        case Power(Add() as base, Number(exponent, None)) if exponent in (2.0, 3.0):
            return _multiplied([_expanded(base, constants)] * int(exponent))
    return [formula]


def _may_vanish(factor: Expr) -> bool:
    """A division by something that is no sum of positive terms."""
    for node in walk(factor):
        if type(node) is Power and type(node.exponent) is not Symbol and is_negated(node.exponent):
            inside = node.base.factors if type(node.base) is Mul else (node.base,)
            sums = [part for part in inside if type(part) is Add]
            if any(is_negated(term) for part in sums for term in part.terms) or any(
                type(part) is Call for part in walk(node.base)
            ):
                return True
    return False


def _multiplied(parts: list[list[Expr] | None]) -> list[Expr] | None:
    total: list[Expr] = [ONE]
    for part in parts:
        if part is None or len(total) * len(part) > MOST_TERMS:
            return None
        total = [mul(a, b) for a in total for b in part]
    return total


def _moves(formula: Expr) -> bool:
    """Contains time."""
    from manyscale.model.expr import RateOf, Time

    return any(type(node) in (Time, RateOf) for node in walk(formula))


def _parted(term: Expr, constants: set[str]) -> tuple[Expr, Expr]:
    above: list[Expr] = []
    below: list[Expr] = []
    for factor in term.factors if type(term) is Mul else (term,):
        if type(factor) is Power and factor.exponent == Number(-1.0) and type(factor.base) is Mul:
            for inner in factor.base.factors:
                (below if symbols(inner) - constants or _moves(inner) else above).append(power(inner, -1.0))
        else:
            (below if symbols(factor) - constants or _moves(factor) else above).append(factor)
    return mul(*above), mul(*below)
