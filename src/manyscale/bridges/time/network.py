"""The coarse network of a split: fast variables by rule or equation, totals as new species, everything else as it was."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction

from manyscale.bridges.time.elimination import Closure, eliminate
from manyscale.bridges.time.reactions import needed
from manyscale.bridges.time.split import Split, partners
from manyscale.errors import InputError
from manyscale.kernels.system import System
from manyscale.model.algebra import differentiate
from manyscale.model.expr import Expr, Symbol, add, mul, power, substitute, symbols
from manyscale.model.model import Model
from manyscale.model.naming import Names, total_names
from manyscale.model.parts import Parameter, Participant, Reaction, Rule, Species
from manyscale.model.polynomial import NotPolynomial, Ring, TooLarge


class NoNetwork(Exception):
    """The split cannot be written as a network; the message says why."""


@dataclass(frozen=True)
class Total:
    """A new slow species `id`: the state `species` plus bound forms; `coefficients` in amounts."""

    id: str
    name: str
    species: str
    coefficients: Mapping[str, Fraction]
    formula: Expr  # over fine ids
    amount: bool  # whether its id means an amount


@dataclass(frozen=True)
class Coarse:
    """A coarse model and how it hangs together with the fine one."""

    model: Model
    closure: Closure
    totals: tuple[Total, ...]
    equations: Mapping[str, Expr]  # y' of the fast variables in the coordinates of the split, dependents written out
    fast: tuple[str, ...]
    computed: tuple[str, ...]  # states that became functions of totals
    restrict: Mapping[str, Expr]
    lift: Mapping[str, Expr]
    parameters: Mapping[str, Expr]
    slow: tuple[str, ...]  # states of the coarse model that are no algebraic variables
    guesses: Mapping[str, str]  # algebraic variable -> fine id that is near it after the initial layer


def build(
    model: Model, system: System, split: Split, observables: Collection[str] = (), order: int = 0
) -> Coarse:  # fmt: skip
    """The coarse network, with fast variables on the slow manifold of that order (0: steady states). Raises NoNetwork."""
    stoichiometry = system.columns
    table = partners(split, stoichiometry)
    if table is None:
        raise NoNetwork("the fast directions depend on each other")
    fast = tuple(system.states[i] for i in split.fast)
    names = Names(model)
    totals = _totals(model, system, table, names)
    local = _global_names(model, names)
    closure, written = _closure(model, system, fast, totals, local)
    extra: Mapping[str, tuple[str, Expr | None]] = {}
    if order:
        from manyscale.bridges.time.flow import clocked, make_flow, with_time
        from manyscale.bridges.time.series import raised

        flow = make_flow(model, system, fast, totals, local)
        closure, extra = with_time(*raised(flow, clocked(closure), order, names.new))
    used = {
        k
        for f in (*closure.rules.values(), *closure.equations.values(), *(e for _, e in extra.values()))
        if f is not None
        for k in symbols(f)
    }
    promoted = {old: new for old, new in local.items() if new in used}
    coarse = _Writer(model, system, fast, totals, table, closure, promoted, set(observables), extra).model()
    strange = sorted(n for f in coarse.rules for n in symbols(f.formula) if "." in n or "(" in n)
    if strange:
        raise NoNetwork(f"a formula would need {strange[0]}, which no rule can name")
    computed = tuple(t.species for t in totals)
    gone = {*fast, *computed}
    kept = tuple(id for id in system.states if id not in gone)
    restrict = {**{id: Symbol(id) for id in kept}, **{t.id: t.formula for t in totals}}
    lift: dict[str, Expr] = {s.id: Symbol(s.id) for s in model.species}
    parameters = {new: Symbol(old) for old, new in promoted.items()}
    slow = (*kept, *(t.id for t in totals))
    near = {id: extra[id][0] if id in extra else id for id in closure.equations}
    return Coarse(coarse, closure, totals, written, fast, computed, restrict, lift, parameters, slow, near)


def _global_names(model: Model, names: Names) -> dict[str, str]:
    """New global id per local parameter "reaction.k"."""
    return {f"{r.id}.{k.id}": names.new(f"{k.id}_{r.id}") for r in model.reactions for k in r.local}


def plain(model: Model, system: System, i: int) -> bool:
    """Whether state i is a species that only reactions change, in a compartment of constant size."""
    if not system.state_is_species[i] or system.state_symbols[i] != system.states[i]:
        return False
    if any(i == k for k, _ in (*system.rate_rules, *system.algebraic)):
        return False
    species = model[system.states[i]]
    return not (species.conversion_factor or model.conversion_factor)


def _totals(model: Model, system: System, table, names: Names) -> tuple[Total, ...]:
    found = []
    for i, entries in sorted(table.items()):
        if any(v > 0 for v in entries.values()):
            raise NoNetwork(f"what stays slow is a difference, not a total, at {system.states[i]}")
        members = {i: Fraction(1), **{y: -v for y, v in entries.items()}}
        if not all(plain(model, system, k) for k in members):
            raise NoNetwork(f"the total of {system.states[i]} contains what is not a plain species")
        found.append({system.states[k]: v for k, v in members.items()})
    titles = total_names(found, {s.id: s.name for s in model.species}, [s.id for s in model.species])
    totals = []
    for members, title in zip(found, titles):
        first = next(iter(members))
        parts = [model[id] for id in members]
        dense = all(_dense(model, s) and s.compartment == parts[0].compartment for s in parts)
        formula = add(*(mul(float(v), Symbol(id) if dense else _amount(model, id)) for id, v in members.items()))
        totals.append(Total(names.new(f"{first}_total"), title, first, members, formula, not dense))
    return tuple(totals)


def _dense(model: Model, species: Species) -> bool:
    return not species.only_substance and model[species.compartment].dimensions != 0


def _amount(model: Model, id: str) -> Expr:
    species = model[id]
    return mul(Symbol(id), Symbol(species.compartment)) if _dense(model, species) else Symbol(id)


def computed_species(model: Model, total: Total) -> Expr:
    """The state of a total as a function of it and of the fast variables."""
    bound = [(id, v) for id, v in total.coefficients.items() if id != total.species]
    one = (lambda id: _amount(model, id)) if total.amount else Symbol
    rest = add(Symbol(total.id), *(mul(-float(v), one(id)) for id, v in bound))
    if total.amount and _dense(model, model[total.species]):
        rest = mul(rest, power(Symbol(model[total.species].compartment), -1.0))
    return rest


# the equations


def _closure(model: Model, system: System, fast: tuple[str, ...], totals, local: Mapping[str, str]):
    """Solve the steady-state equations of the fast variables: (closure, the equations with dependents written out)."""
    symbol = {old: Symbol(new) for old, new in local.items()}
    rates = {name: substitute(formula, symbol) for name, formula in system.rates}
    variables = {name: substitute(formula, symbol) for name, formula in system.variables}
    variables |= {total.species: computed_species(model, total) for total in totals}
    inside = set(fast)
    dependents: dict[str, Expr] = {}
    order = [*(t.species for t in totals), *(name for name, _ in system.variables)]
    for name in order:
        if reaches(variables[name], inside, variables):
            dependents[name] = inline(variables[name], inside, variables)
    flat = {name: inline(formula, inside, {**rates}) for name, formula in rates.items()}
    equations = {}
    index = {id: i for i, id in enumerate(system.states)}
    for y in fast:
        right = substitute(system.right_sides[index[y]], flat)
        equations[y] = inline(right, inside, {k: v for k, v in variables.items() if k in dependents}, dependents)
    kept, inlined = _affine(equations, dependents, fast)
    written = {
        y: substitute(substitute(g, kept), {new: Symbol(old) for old, new in local.items()}) for y, g in inlined.items()
    }
    return eliminate(inlined, kept), written


def _affine(equations: Mapping[str, Expr], dependents: Mapping[str, Expr], fast) -> tuple[dict, dict]:
    """Dependents that are totals minus bound forms stay symbols; the others are written out in the equations."""
    kept, gone = {}, {}
    for name, formula in dependents.items():
        ring = Ring(fast)
        try:
            part = ring.read(formula)
            straight = part.below == {(): 1.0} and ring.affine(part.above) is not None
        except (NotPolynomial, TooLarge):
            straight = False
        (kept if straight else gone)[name] = formula
    return kept, {y: substitute(g, gone) for y, g in equations.items()}


def reaches(formula: Expr, wanted: set[str], definitions: Mapping[str, Expr]) -> bool:
    seen: set[str] = set()
    stack = [*symbols(formula)]
    while stack:
        name = stack.pop()
        if name in wanted:
            return True
        if name not in seen and name in definitions:
            seen.add(name)
            stack.extend(symbols(definitions[name]))
    return False


def inline(formula: Expr, wanted: set[str], definitions: Mapping[str, Expr], stop: Collection[str] = ()) -> Expr:
    """Definitions that depend on what is wanted, written out, except those in `stop`."""
    for _ in range(60):
        names = {
            n
            for n in symbols(formula)
            if n in definitions and n not in stop and reaches(definitions[n], wanted, definitions)
        }
        if not names:
            return formula
        formula = substitute(formula, {n: definitions[n] for n in names})
    raise NoNetwork("formulas depend on each other too deeply")


def decay_formulas(model: Model, system: System, network: Coarse) -> dict[str, Expr]:
    """-dG/dy of each fast variable's own equation, over fine ids and totals (which are written out again)."""
    back = {t.id: t.formula for t in network.totals}
    found = {}
    for y, equation in network.equations.items():
        try:
            found[y] = substitute(mul(-1.0, differentiate(equation, y)), back)
        except InputError:
            continue
    return found


# the model


class _Writer:
    """Writes the coarse model."""

    def __init__(self, model, system, fast, totals, table, closure, promoted, observables, extra=()):
        self.fine, self.system, self.closure = model, system, closure
        self.fast, self.totals, self.promoted, self.observables = set(fast), totals, promoted, observables
        self.rules = {**{t.species: computed_species(model, t) for t in totals}, **closure.rules}
        self.extra = dict(extra)  # new id -> (variable whose kind it is of, formula)
        self.determined = self.fast | {t.species for t in totals} | set(closure.rules)
        self.index = {id: i for i, id in enumerate(system.states)}
        self.net = system.columns
        changed = {rule.variable for rule in model.rules} | {t for event in model.events for t, _ in event.assignments}
        self.still = {*system.parameter_index} - changed  # what must not be left free for an equation to determine

    def model(self) -> Model:
        fine = self.fine
        species = [self._species(s) for s in fine.species]
        species += [self._total(t) for t in self.totals]
        like = {id: fine[y] if y else Parameter(id) for id, (y, _) in self.extra.items()}
        start = {id: 0.0 if formula is None else None for id, (_, formula) in self.extra.items()}
        species += [replace(s, id=id, name="", meta=None, boundary=True, constant=False, initial=start[id])
                    for id, s in like.items() if isinstance(s, Species)]  # fmt: skip
        added = [replace(k, id=id, name="", meta=None, constant=False, value=start[id])
                 for id, k in like.items() if isinstance(k, Parameter)]  # fmt: skip
        rules = [r for r in fine.rules if r.variable not in self.determined]
        rules += [Rule("assignment", f, id, name="quasi-steady state") for id, f in self.rules.items()]
        rules += [Rule("assignment", f, id, name="towards the slow manifold") for id, (_, f) in self.extra.items()
                  if f is not None]  # fmt: skip
        rules += [Rule("algebraic", g, name=f"steady state of {y}") for y, g in self.closure.equations.items()]
        old = {key: self._parameter(key) for key in self.promoted}
        parameters = tuple(
            replace(p, constant=p.id not in self.determined and p.id in self.still) for p in fine.parameters
        )
        coarse = fine.replace(
            species=tuple(species), rules=tuple(rules), parameters=(*parameters, *old.values(), *added),
            compartments=tuple(replace(c, constant=c.id in self.still) for c in fine.compartments),
            initial_assignments=tuple(a for a in fine.initial_assignments if a.symbol not in self.determined),
            reactions=tuple(self._reaction(j, r) for j, r in enumerate(fine.reactions)),
        )  # fmt: skip
        return coarse.replace(reactions=needed(coarse, self.observables))

    def _species(self, species: Species) -> Species:
        if species.id not in self.determined:
            return replace(species, constant=True) if species.id in self.still else species
        keep = species.initial if species.id in self.closure.equations else None
        return replace(species, boundary=True, constant=False, initial=keep)

    def _total(self, total: Total) -> Species:
        first = self.fine[total.species]
        return Species(
            total.id, first.compartment, None, "amount" if total.amount else "concentration",
            substance_units=first.substance_units, only_substance=total.amount or first.only_substance, name=total.name,
        )  # fmt: skip

    def _parameter(self, key: str) -> Parameter:
        reaction, _, id = key.partition(".")
        own = next(k for k in self.fine[reaction].local if k.id == id)
        return replace(own, id=self.promoted[key], constant=True, name=own.name or f"{id} of {reaction}")

    def _reaction(self, j: int, reaction: Reaction) -> Reaction:
        """Participants of totals in place of what they contain; promoted local parameters by their global names."""
        here = {k.id: self.promoted[f"{reaction.id}.{k.id}"] for k in reaction.local
                if f"{reaction.id}.{k.id}" in self.promoted}  # fmt: skip
        if here:
            rate = None if reaction.rate is None else substitute(reaction.rate, {k: Symbol(v) for k, v in here.items()})
            reaction = replace(reaction, rate=rate, local=tuple(k for k in reaction.local if k.id not in here))
        if not self.totals:
            return reaction
        moved = {t.species for t in self.totals} | {id for t in self.totals for id in t.coefficients}
        change = self.net[j]
        both = {}
        for total in self.totals:
            number = sum(
                (v * change.get(self.index[id], Fraction(0)) for id, v in total.coefficients.items()), Fraction(0)
            )
            if number:
                both[total.id] = number
        touched = [p.species for p in (*reaction.reactants, *reaction.products) if p.species in moved]
        sides = [tuple(p for p in side if p.species not in moved) for side in (reaction.reactants, reaction.products)]
        sides[0] += tuple(Participant(id, float(-v)) for id, v in both.items() if v < 0)
        sides[1] += tuple(Participant(id, float(v)) for id, v in both.items() if v > 0)
        names = symbols(reaction.rate) if reaction.rate is not None else set()
        extra = [id for id in dict.fromkeys(touched) if id in names and id not in reaction.modifiers]
        return replace(reaction, reactants=sides[0], products=sides[1], modifiers=(*reaction.modifiers, *extra))
