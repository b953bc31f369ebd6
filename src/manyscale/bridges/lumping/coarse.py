"""The network of lumped variables.

With L the lumping, d(Ly)/dt = L f(y) depends on Ly alone, so it may be evaluated at any y with the same Ly: the coarse
model is the fine one at such a state, reaction by reaction, with stoichiometries L N.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from manyscale.bridges.compose import start_values
from manyscale.bridges.lumping.names import lump_id, lump_name
from manyscale.bridges.lumping.readable import Row, Section, section
from manyscale.errors import UnsupportedError
from manyscale.kernels.system import System
from manyscale.model.expr import ONE, ZERO, Expr, Mul, Number, RateOf, Symbol, add, mul, substitute, symbols, walk
from manyscale.model.model import Model
from manyscale.model.parts import Parameter, Participant, Reaction, Rule, Species

FILLINGS = ("leading", "spread")  # states y with a given Ly: all of a lump in one species of its own, or in all of them


@dataclass(frozen=True)
class LumpedModel:
    """The coarse model, its new species as formulas over fine ids, and the fine ids that it no longer has."""

    model: Model
    lumps: Mapping[str, Expr]
    gone: tuple[str, ...]


def frame(model: Model, system: System, place: int) -> tuple:
    """What the species of one lump must share, so that their sum is a species."""
    part = model.by_id.get(system.states[place])
    ruled = place in {i for i, _ in system.rate_rules}
    if isinstance(part, Species):
        own = (part.compartment, part.only_substance, part.substance_units, part.conversion_factor)
        return (ruled, *own, system.row_factors[place])
    return ("parameter", part.units) if isinstance(part, Parameter) else ("alone", place)


def unsupported(model: Model, system: System) -> str | None:
    """What the equations have that keeps them from being lumped, in words."""
    for found, what in (
        (system.delays, "delays"),
        (system.algebraic or system.mass, "algebraic rules"),
        (any(r.fast for r in model.reactions), "infinitely fast reactions"),
        (system.variable_stoichiometry, "stoichiometries that change"),
        (system.state_symbols != system.states, "compartments whose size changes"),
        (any(type(node) is RateOf for f in model.formulas() for node in walk(f)), "rateOf"),
    ):
        if found:
            return what
    return None


class Rewriting:
    """The coarse model of one lumping. keeps(id): a fine quantity is a function of the lumped variables. filling: one of
    FILLINGS, or "shares", which then say what part of its sum each member is.
    leading: the section of the rows, where it is not the plain one."""

    def __init__(
        self, model: Model, system: System, rows: Sequence[Row], keeps: Callable[[str], bool],
        observables: Collection[str] = (), filling: str = "leading", shares: Mapping[str, float] | None = None, leading: Section | None = None,
    ):  # fmt: skip
        self.model, self.system, self.rows, self.keeps = model, system, rows, keeps
        self.observables, self.shares = set(observables), shares or {}
        self.leading = section(rows) if leading is None else leading
        self.taken = set(model.by_id) | {k.id for r in model.reactions for k in r.local} | {"time", "avogadro", "pi"}
        self.states = system.states
        self.single = {self.states[next(iter(row))] for row in rows if len(row) == 1}
        self.lump_ids = [self._id(row) for row in rows]
        self.filled = self._filled(filling)
        self.formulas = {r.variable: r.formula for r in model.rules if r.kind == "assignment"}
        self.kept_rules = {id: keeps(id) for id in self.formulas}
        self.written: dict[str, Expr] = {}
        self.flux_kept: dict[str, bool] = {}

    def result(self) -> LumpedModel:
        """Errors: UnsupportedError where the coarse model cannot be written."""
        model = self.model
        formulas = [*self._other_formulas()]
        asked = self.observables | {n for f in formulas for n in symbols(f)}
        reactions = self._merged([new for r in model.reactions if (new := self._reaction(r, asked)) is not None], asked)
        gone = [id for id in self.states if id not in self.single]
        gone += [id for id, kept in self.kept_rules.items() if not kept]
        rules = tuple(
            replace(r, formula=self.rewritten(r.formula)) for r in model.rules
            if r.variable not in set(gone)
        )  # fmt: skip
        new = [*self._new_parts()]
        coarse = model.replace(
            species=(*(s for s in model.species if s.id not in set(gone)), *(s for s in new if isinstance(s, Species))),
            parameters=(
                *(k for k in model.parameters if k.id not in set(gone)), *(k for k in new if isinstance(k, Parameter)),
            ),
            compartments=tuple(c for c in model.compartments if c.id not in set(gone)),
            reactions=tuple(reactions), rules=(*rules, *self._rate_rules()),
        )  # fmt: skip
        known = set(coarse.by_id) | {f.id for f in model.functions}
        coarse = coarse.replace(
            constraints=tuple(c for c in model.constraints if symbols(c.condition) <= known),
        )
        coarse = self._started(coarse, known)
        lost = {r.id for r in model.reactions} - {r.id for r in coarse.reactions}
        return LumpedModel(coarse, self.lumps(), (*gone, *sorted(lost)))

    def lumps(self) -> dict[str, Expr]:
        """New species as sums of fine ones."""
        return {
            id: add(*(mul(Number(float(x)), Symbol(self.states[i])) for i, x in row.items()))
            for id, row in zip(self.lump_ids, self.rows, strict=True) if len(row) > 1
        }  # fmt: skip

    # species

    def _id(self, row: Row) -> str:
        if len(row) == 1:
            return self.states[next(iter(row))]
        id = lump_id([self.states[i] for i in row], self.taken)
        self.taken.add(id)
        return id

    def _filled(self, filling: str) -> dict[str, Expr]:
        """Every lumped species by the lumps."""
        empty = ONE if filling == "spread" else ZERO
        found: dict[str, Expr] = {id: empty for id in self.states if id not in self.single}
        for id, row, (place, values) in zip(self.lump_ids, self.rows, self.leading, strict=True):
            if len(row) == 1:
                continue
            if filling == "leading":
                terms = (mul(Number(float(x)), Symbol(self.lump_ids[r])) for r, x in values.items())
                found[self.states[place]] = add(*terms)
                continue
            if any(len(self._memberships[i]) > 1 for i in row):
                raise UnsupportedError("lump", "lumps that share species cannot be spread")
            if filling == "shares":
                names = [self.states[i] for i in row]
                found |= {name: mul(Number(self.shares[name]), Symbol(id)) for name in names}
                continue
            norm = sum(x * x for x in row.values())
            found |= {self.states[i]: mul(Number(float(x / norm)), Symbol(id)) for i, x in row.items()}
        return found

    def _new_parts(self) -> Iterator[Species | Parameter]:
        """A species, or a parameter, for each sum."""
        values = start_values(self.model) if len(self.single) < len(self.rows) else {}
        for id, row in zip(self.lump_ids, self.rows, strict=True):
            if len(row) == 1:
                continue
            members = {self.states[i]: x for i, x in row.items()}
            first = self.model[next(iter(members))]
            start = float(sum(float(x) * values[member] for member, x in members.items()))
            name = lump_name(members, self.model)
            if isinstance(first, Parameter):
                yield Parameter(id, start, first.units, constant=False, name=name)
                continue
            yield Species(
                id, first.compartment, start, self._kind(first), substance_units=first.substance_units,
                only_substance=first.only_substance, conversion_factor=first.conversion_factor,
                boundary=first.boundary, name=name,
            )  # fmt: skip

    def _kind(self, species: Species) -> str:
        whole = species.only_substance or self.model[species.compartment].dimensions == 0
        return "amount" if whole else "concentration"

    def _rate_rules(self) -> Iterator[Rule]:
        """Rate rules of sums of variables that have some."""
        rates = {rule.variable: rule.formula for rule in self.model.rules if rule.kind == "rate"}
        for id, row in zip(self.lump_ids, self.rows, strict=True):
            if len(row) > 1 and self.states[next(iter(row))] in rates:
                terms = (mul(Number(float(x)), self.rewritten(rates[self.states[i]])) for i, x in row.items())
                yield Rule("rate", add(*terms), id)

    def _started(self, coarse: Model, known: set[str]) -> Model:
        """Initial assignments that refer to what is gone become numbers."""
        left, fixed = [], {}
        for item in self.model.initial_assignments:
            if item.symbol not in known:
                continue
            if symbols(item.formula) <= known:
                left.append(item)
            else:
                fixed[item.symbol] = start_values(self.model)[item.symbol]
        if fixed:
            coarse = coarse.replace(
                species=tuple(self._with_start(s, fixed) for s in coarse.species),
                parameters=tuple(replace(k, value=fixed.get(k.id, k.value)) for k in coarse.parameters),
                compartments=tuple(replace(c, size=fixed.get(c.id, c.size)) for c in coarse.compartments),
            )
        return coarse.replace(initial_assignments=tuple(left))

    def _with_start(self, species: Species, values: Mapping[str, float]) -> Species:
        if species.id not in values:
            return species
        return replace(species, initial=values[species.id], initial_kind=self._kind(species))

    # formulas

    def _other_formulas(self):
        """Formulas outside reactions that the coarse model will have, as they are."""
        for rule in self.model.rules:
            if rule.kind != "assignment" or self.kept_rules[rule.variable]:
                yield rule.formula
        for event in self.model.events:
            yield event.trigger
            yield from (f for f in (event.delay, event.priority) if f is not None)
            yield from (f for _, f in event.assignments)

    def rewritten(self, formula: Expr, local: Collection[str] = ()) -> Expr:
        """A fine formula at the state that stands for the lumps."""
        names = symbols(formula)
        changes = {}
        for name in names:
            if name in local:
                continue
            new = self._replacement(name)
            if new is not None:
                changes[name] = new
                if not symbols(new).isdisjoint(local):
                    raise UnsupportedError("lump", f"a local parameter hides {', '.join(symbols(new) & set(local))}")
        return substitute(formula, changes) if changes else formula

    def _replacement(self, name: str) -> Expr | None:
        if name in self.filled:
            return self.filled[name]
        if name in self.formulas and not self.kept_rules[name]:
            if name not in self.written:
                self.written[name] = self.rewritten(self.formulas[name])
            return self.written[name]
        part = self.model.by_id.get(name)
        if isinstance(part, Participant):
            raise UnsupportedError("lump", f"formulas use the stoichiometry {name}")
        if isinstance(part, Reaction) and not self._flux(part):
            if part.local:
                raise UnsupportedError("lump", f"formulas use the rate of {name}, which has local parameters")
            return self.rewritten(part.rate) if part.rate is not None else ZERO
        return None

    # reactions

    def _flux(self, reaction: Reaction) -> bool:
        """Whether the rate of a reaction is a function of the lumped variables."""
        found = self.flux_kept.get(reaction.id)
        if found is None:
            found = self.flux_kept[reaction.id] = self.keeps(reaction.id)
        return found

    def _reaction(self, reaction: Reaction, asked: Collection[str]) -> Reaction | None:
        wanted = reaction.id in asked and self._flux(reaction)
        column = self.system.columns[self.system.rate_index[reaction.id]]
        parts = (*reaction.reactants, *reaction.products)
        local = [k.id for k in reaction.local]
        rate = ZERO if reaction.rate is None else self.rewritten(reaction.rate, local)
        if rate == ZERO and not wanted:
            return None
        if all(p.species not in self.filled and self._stays(p.species) for p in parts) and rate == reaction.rate:
            return reaction
        change = self._change(column)
        if not change and not wanted:
            return None
        if any(p.id for p in parts):
            raise UnsupportedError("lump", f"reaction {reaction.id} has stoichiometries with ids")
        id = reaction.id if rate == reaction.rate or self._flux(reaction) else self._new_id(f"{reaction.id}_lumped")
        species = {s.id for s in self.model.species if self._stays(s.id)} | {*self.lump_ids}
        used = (symbols(rate) - set(local)) & (species - set(self.states) | self.single | {*self.lump_ids})
        return replace(
            reaction, id=id, rate=rate,
            reactants=tuple(Participant(s, float(-x)) for s, x in change.items() if x < 0),
            products=tuple(Participant(s, float(x)) for s, x in change.items() if x > 0),
            modifiers=tuple(sorted(s for s in used if change.get(s, 0) >= 0)), modifier_meta=(),
        )  # fmt: skip

    def _merged(self, reactions: Sequence[Reaction], asked: Collection[str]) -> list[Reaction]:
        """Reactions that do the same at rates that differ by a number only, as one; those asked for stay."""
        groups: dict[tuple, list[tuple[float, Reaction]]] = {}
        for k, reaction in enumerate(reactions):
            number, rest = _number_apart(reaction.rate)
            own = reaction.id in asked or bool(reaction.local) or self._same(reaction)
            key = (
                (k,) if own else (reaction.reactants, reaction.products, reaction.modifiers, rest, reaction.compartment)
            )
            groups.setdefault(key, []).append((number, reaction))
        return [group[0][1] if len(group) == 1 else self._sum(group) for group in groups.values()]

    def _same(self, reaction: Reaction) -> bool:
        """Whether it is a reaction of the fine model, with everything that is said about it there."""
        return self.model.by_id.get(reaction.id) is reaction

    def _sum(self, group: Sequence[tuple[float, Reaction]]) -> Reaction:
        first = group[0][1]
        id = first.id if first.id not in self.model else self._new_id(f"{first.id}_lumped")
        rate = mul(Number(sum(n for n, _ in group)), _number_apart(first.rate)[1] or ONE)
        return replace(first, id=id, rate=rate)

    def _stays(self, id: str) -> bool:
        return id not in self.filled and self.kept_rules.get(id, True)

    def _change(self, column: Mapping[int, Fraction]) -> dict[str, Fraction]:
        """L N of one reaction, by coarse species."""
        total: dict[str, Fraction] = {}
        for i, n in column.items():
            for r, x in self._memberships.get(i, ()):
                total[self.lump_ids[r]] = total.get(self.lump_ids[r], Fraction(0)) + n * x
        return {id: x for id, x in total.items() if x}

    @property
    def _memberships(self) -> dict[int, list[tuple[int, Fraction]]]:
        found = self.__dict__.get("_rows_of")
        if found is None:
            found = self.__dict__["_rows_of"] = {}
            for r, row in enumerate(self.rows):
                for i, x in row.items():
                    found.setdefault(i, []).append((r, x))
        return found

    def _new_id(self, id: str) -> str:
        while id in self.taken:
            id += "_"
        self.taken.add(id)
        return id


def _number_apart(rate: Expr | None) -> tuple[float, Expr | None]:
    """Plain number and rest of a product."""
    if type(rate) is not Mul:
        return 1.0, rate
    numbers = [f.value for f in rate.factors if type(f) is Number and f.units is None]
    rest = [f for f in rate.factors if type(f) is not Number or f.units is not None]
    return math.prod(numbers), mul(*rest)
