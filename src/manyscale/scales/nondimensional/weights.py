"""Scaling symmetries of a model, from its formulas alone.

A scaling multiplies every quantity q by exp(sum_k z_k * W[k, q]). It leaves all equations as they are if terms of each
sum have one weight, arguments of exp and the like weight zero, and so on: linear conditions with whole coefficients on
the weights (Hubert & Labahn, Found. Comput. Math. 13:479, 2013, from the exponents of monomials; here from formulas of
any kind). Numbers in formulas have weight zero, so a symmetry never moves them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from manyscale.errors import InputError
from manyscale.model.algebra import inline_functions
from manyscale.model.elimination import distinct, whole
from manyscale.model.expr import (
    Add,
    Bool,
    Call,
    Delay,
    Expr,
    Logic,
    Mul,
    Number,
    Piecewise,
    Power,
    RateOf,
    Relation,
    Symbol,
    Time,
)
from manyscale.model.model import Model
from manyscale.model.parts import Reaction
from manyscale.model.printing import infix
from manyscale.model.structure import integer_null_space
from manyscale.scales.nondimensional.monomial import fraction

TIME = "(time)"
ALIKE = ("abs", "min", "max", "rem")  # results scale as the arguments do
Form = dict[tuple[str, str], Fraction]  # (quantity, symbolic factor of the exponent) -> coefficient
PLAIN: Form = {}


@dataclass(frozen=True)
class Symmetries:
    """All scaling symmetries of a model: `weights[k]` gives the whole weight of each quantity it moves (id; "reaction.k"
    for local parameters; `TIME`). conditions: how many the formulas impose."""

    quantities: tuple[str, ...]
    weights: tuple[Mapping[str, int], ...]
    conditions: int

    @property
    def rank(self) -> int:
        return len(self.weights)

    def of(self, quantity: str) -> tuple[int, ...]:
        """Weights of one quantity under every symmetry, shape (rank,)."""
        return tuple(w.get(quantity, 0) for w in self.weights)


def find_symmetries(model: Model) -> Symmetries:
    """The lattice of scaling symmetries, as a short basis of whole vectors."""
    work = _Conditions(model)
    work.run()
    index = {q: i for i, q in enumerate(work.quantities)}
    rows = distinct(whole({index[q]: c for q, c in row.items()}) for row in work.rows)
    basis = integer_null_space(rows, len(index))
    names = tuple(index)
    weights = tuple({names[i]: int(c) for i, c in sorted(vector.items())} for vector in basis)
    return Symmetries(names, weights, len(rows))


class _Conditions:
    """Linear conditions on weights, one row {quantity: coefficient} each; the sum must vanish."""

    def __init__(self, model: Model):
        self.model = model
        self.functions = {f.id: f for f in model.functions}
        self.rows: list[dict[str, Fraction]] = []
        self.participants = {p.id for r in model.reactions for p in (*r.reactants, *r.products) if p.id}
        self.quantities: dict[str, None] = {TIME: None}

    def run(self) -> None:
        model = self.model
        for part in (*model.compartments, *model.species, *model.parameters):
            self.quantities[part.id] = None
        for id in self.participants:
            self.same(self.of(id), PLAIN)
        for reaction in model.reactions:
            self.reaction(reaction)
        for rule in model.rules:
            found = self.infer(rule.formula)
            if rule.kind == "assignment":
                self.same(found, self.of(rule.variable or ""))
            elif rule.kind == "rate":
                self.same(found, _sum(self.of(rule.variable or ""), self.of(TIME), -1))
        for item in model.initial_assignments:
            self.same(self.infer(item.formula), self.of(item.symbol))
        for event in model.events:
            self.infer(event.trigger)
            if event.delay is not None:
                self.same(self.infer(event.delay), self.of(TIME))
            if event.priority is not None:
                self.same(self.infer(event.priority), PLAIN)
            for target, formula in event.assignments:
                self.same(self.infer(formula), self.of(target))

    def reaction(self, reaction: Reaction) -> None:
        local = {k.id: f"{reaction.id}.{k.id}" for k in reaction.local}
        for name in local.values():
            self.quantities[name] = None
        rate = None if reaction.rate is None else self.infer(reaction.rate, local)
        if rate is not None:
            self.same(rate, self.of(reaction.id))
        extent = _sum(self.of(reaction.id), self.of(TIME), 1)
        for participant in (*reaction.reactants, *reaction.products):
            species = self.model[participant.species]
            change = extent
            if isinstance(participant.stoichiometry, Expr):
                change = _sum(change, self.infer(participant.stoichiometry, local) or PLAIN, 1)
            factor = species.conversion_factor or self.model.conversion_factor
            if factor is not None:
                change = _sum(change, self.of(factor), 1)
            if not (species.boundary or species.constant):
                self.same(change, self.amount(species.id))

    def amount(self, id: str) -> Form:
        """Weight of the amount of a species."""
        species = self.model[id]
        dense = not species.only_substance and self.model[species.compartment].dimensions != 0
        return _sum(self.of(id), self.of(species.compartment), 1) if dense else self.of(id)

    def of(self, quantity: str) -> Form:
        self.quantities[quantity] = None
        return {(quantity, ""): Fraction(1)}

    def same(self, one: Form | None, other: Form | None) -> None:
        """None (the number zero) is alike to everything."""
        if one is None or other is None:
            return
        parts: dict[str, dict[str, Fraction]] = {}
        for (quantity, factor), value in _sum(one, other, -1).items():
            parts.setdefault(factor, {})[quantity] = value
        self.rows += parts.values()

    def alike(self, parts: list[Form | None]) -> Form | None:
        known = [part for part in parts if part is not None]
        for part in known[1:]:
            self.same(known[0], part)
        return known[0] if known else None

    def infer(self, expr: Expr, local: Mapping[str, str] | None = None) -> Form | None:
        """Weight of a formula; conditions within it are noted on the way. None: the number zero."""
        return self._infer(inline_functions(expr, self.functions), local or {})

    def _infer(self, expr: Expr, local: Mapping[str, str]) -> Form | None:
        match expr:
            case Symbol(name):
                return self.of(local.get(name, name))
            case Number(value, _):
                return PLAIN if value != 0 else None
            case Time():
                return self.of(TIME)
            case Mul(factors):
                total: Form | None = PLAIN
                for part in [self._infer(f, local) for f in factors]:
                    total = None if total is None or part is None else _sum(total, part, 1)
                return total
            case Add(terms):
                return self.alike([self._infer(t, local) for t in terms])
            case Power(base, exponent):
                return self.power(base, exponent, local)
            case Call(function, arguments):
                return self.call(function, [self._infer(a, local) for a in arguments])
            case Piecewise(pieces, otherwise):
                for _, condition in pieces:
                    self._infer(condition, local)
                values = [value for value, _ in pieces] + ([] if otherwise is None else [otherwise])
                return self.alike([self._infer(v, local) for v in values])
            case Relation(_, left, right):
                self.alike([self._infer(left, local), self._infer(right, local)])
            case Logic(_, arguments):
                for argument in arguments:
                    self.same(self._infer(argument, local), PLAIN)
            case Delay(argument, lag):
                self.same(self._infer(lag, local), self.of(TIME))
                return self._infer(argument, local)
            case RateOf(name):
                return _sum(self.of(local.get(name, name)), self.of(TIME), -1)
            case Bool():
                pass
            case _:
                raise InputError(f"{infix(expr)} cannot be scaled")
        return PLAIN

    def power(self, base: Expr, exponent: Expr, local: Mapping[str, str]) -> Form | None:
        inner = self._infer(base, local)
        if type(exponent) is Number:
            if inner is None:
                return None if exponent.value > 0 else PLAIN
            times = fraction(exponent.value)
            if times is None:
                self.same(inner, PLAIN)
                return PLAIN
            return {key: value * times for key, value in inner.items() if times}
        self.same(self._infer(exponent, local), PLAIN)
        if inner is None:
            return None
        if any(factor for _, factor in inner) or not self.constant(exponent, local):
            self.same(inner, PLAIN)
            return PLAIN
        return {(quantity, infix(exponent)): value for (quantity, _), value in inner.items()}

    def constant(self, exponent: Expr, local: Mapping[str, str]) -> bool:
        """Whether an exponent is one unchanging name: then x^n scales by n times the weight of x, for every n."""
        return type(exponent) is Symbol and (
            exponent.name in local or getattr(self.model.by_id.get(exponent.name), "constant", False)
        )

    def call(self, function: str, parts: list[Form | None]) -> Form | None:
        if function in ALIKE:
            return self.alike(parts)
        if function == "quotient":
            self.alike(parts)
            return PLAIN
        for part in parts:
            self.same(part, PLAIN)
        return PLAIN


def _sum(one: Form, other: Form, sign: int) -> Form:
    total = dict(one)
    for key, value in other.items():
        new = total.get(key, Fraction(0)) + sign * value
        if new:
            total[key] = new
        else:
            total.pop(key, None)
    return total
