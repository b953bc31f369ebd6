"""From a model to a `System`: every rule of SBML about what changes how, applied once, in symbols."""

from __future__ import annotations

from fractions import Fraction

from manyscale.errors import InputError, UnsupportedError
from manyscale.kernels.algebraic import reach, settle_algebraic
from manyscale.kernels.fast import project_fast
from manyscale.kernels.flatten import Flattener
from manyscale.kernels.interpret import evaluate
from manyscale.kernels.order import find_roots, schedule
from manyscale.kernels.system import DelayedValue, LoweredEvent, System, Target
from manyscale.model.expr import (
    MINUS_ONE,
    ONE,
    ZERO,
    Expr,
    Number,
    Piecewise,
    Relation,
    Symbol,
    Time,
    add,
    mul,
    power,
    substitute,
    symbols,
    walk,
)
from manyscale.model.model import Model
from manyscale.model.parts import Compartment, Parameter, Participant, Species


def lower(model: Model) -> System:
    """Inline, order, classify. Raises InputError for cycles, unknown names and contradictory rules."""
    try:
        return _lower(model)
    except RecursionError:
        raise InputError("a formula or function of the model is nested too deeply; split it up with rules") from None


def _lower(model: Model) -> System:
    work = Lowering(model)
    work.read_rules()
    work.read_reactions()
    work.read_events()
    work.read_initial_assignments()
    work.remember_what_delays_need()
    work.find_varying_compartments()
    settle_algebraic(work)
    work.place_species()
    work.place_others()
    work.fill_reactions()
    return work.finish()


class Lowering:
    """The state of one lowering; each method is one step, in the order of `lower`."""

    def __init__(self, model: Model):
        self.model = model
        self.flattener = Flattener(model)
        self.flatten = self.flattener.flatten
        self.assigned: dict[str, Expr] = {}  # id -> formula of its assignment rule
        self.rate_ruled: dict[str, Expr] = {}
        self.algebraic: list[Expr] = []
        self.algebraic_states: dict[str, Expr] = {}  # id -> the equation matched to it
        self.rates: dict[str, Expr] = {}
        self.local_parameters: list[str] = []
        self.events: list[tuple] = []
        self.event_targets: set[str] = set()
        self.initial: dict[str, Expr] = {}
        self.varying: set[str] = set()  # compartments whose size changes
        self.reacting: set[str] = set()  # species that some reaction changes
        self.participants: dict[str, Participant] = {}
        self.static: dict[str, float] = {}  # stoichiometries with an id that never change
        self.states: dict[str, str] = {}  # symbol -> id
        self.amounts: set[str] = set()  # state symbols that are amounts of species
        self.parameters: list[str] = []
        self.derived: dict[str, Expr] = {}
        self.factors: dict[str, Expr] = {}  # state symbol -> row factor
        self.stoichiometry: dict[tuple[int, int], Fraction | int] = {}
        self.variable_stoichiometry: dict[tuple[int, int], Expr] = {}
        self.remarks: list[str] = []

    # what the model says

    def read_rules(self) -> None:
        for rule in self.model.rules:
            if rule.kind == "algebraic":
                self.algebraic.append(self.flatten(rule.formula, where="algebraic rule"))
                continue
            name = rule.variable or ""
            if name not in self.model or not isinstance(
                self.model[name], Species | Compartment | Parameter | Participant
            ):
                raise InputError(f"{rule.kind} rule for {name!r}: there is no variable of that name")
            if name in self.assigned or name in self.rate_ruled:
                raise InputError(f"{name} is determined by two rules; keep one of them")
            table = self.assigned if rule.kind == "assignment" else self.rate_ruled
            table[name] = self.flatten(rule.formula, where=f"{rule.kind} rule for {name}")

    def read_reactions(self) -> None:
        ruled = {*self.assigned, *self.rate_ruled}
        by_id = self.model.by_id
        for reaction in self.model.reactions:
            local = {k.id: f"{reaction.id}.{k.id}" for k in reaction.local} if reaction.local else {}
            self.local_parameters.extend(local.values())
            where = f"reaction {reaction.id}"
            if reaction.rate is None:
                self.rates[reaction.id] = ZERO
                self.remarks.append(f"reaction {reaction.id} has no rate law; its rate is taken as zero")
            else:
                self.rates[reaction.id] = self.flatten(reaction.rate, local, where)
            for part in (*reaction.reactants, *reaction.products):
                species = by_id.get(part.species)
                if not isinstance(species, Species):
                    raise InputError(f"{where}: {part.species!r} is not a species of the model")
                if part.id:
                    self.participants[part.id] = part
                if species.boundary or species.constant:
                    continue
                if part.species in ruled:
                    raise InputError(
                        f"species {part.species} is changed by {where} and a rule; make it a boundary species"
                    )
                self.reacting.add(part.species)

    def read_events(self) -> None:
        for event in self.model.events:
            where = f"event {event.id}"
            flat = [None if e is None else self.flatten(e, where=where) for e in (event.delay, event.priority)]
            assignments = []
            for target, formula in event.assignments:
                if target in self.assigned:
                    raise InputError(f"{where} assigns {target}, which an assignment rule determines")
                if target not in self.model:
                    raise InputError(f"{where} assigns {target!r}, which the model does not have")
                self.event_targets.add(target)
                assignments.append((target, self.flatten(formula, where=where)))
            self.events.append((event, self.flatten(event.trigger, where=where), flat, assignments))

    def read_initial_assignments(self) -> None:
        for item in self.model.initial_assignments:
            if item.symbol not in self.model:
                raise InputError(f"initial assignment for {item.symbol!r}: there is no variable of that name")
            self.initial[item.symbol] = self.flatten(item.formula, where=f"initial assignment of {item.symbol}")

    # what changes how

    def remember_what_delays_need(self) -> None:
        """Parameters that events set and delays look back at become states (at rest), so that they have a past."""
        for argument, _ in self.flattener.delays:
            for id in reach(argument, self) & self.event_targets:
                if isinstance(self.model.by_id.get(id), Parameter) and id not in self.rate_ruled:
                    self.rate_ruled[id] = ZERO

    def find_varying_compartments(self) -> None:
        for compartment in self.model.compartments:
            id = compartment.id
            if id in self.assigned or id in self.rate_ruled or id in self.event_targets:
                self.varying.add(id)
            elif compartment.size is None and id not in self.initial and compartment.dimensions != 0:
                self.remarks.append(f"compartment {id} has no size; 1 is used")

    def is_concentration(self, species: Species) -> bool:
        """Whether the species' id means a concentration in formulas."""
        return not species.only_substance and self.model[species.compartment].dimensions != 0

    def place_species(self) -> None:
        """Make each species a state, a parameter or a variable."""
        for species in self.model.species:
            id = species.id
            if species.compartment not in self.model:
                raise InputError(f"species {id}: there is no compartment {species.compartment!r}")
            if id in self.assigned:
                continue
            dense = self.is_concentration(species)
            moving = dense and species.compartment in self.varying
            if id in self.rate_ruled:
                self._place_rate_ruled_species(species, moving)
                continue
            if id in self.algebraic_states:
                self.states[id] = id
                continue
            symbol = f"{id}.amount" if moving else id
            if moving:
                self.derived[id] = mul(Symbol(symbol), power(Symbol(species.compartment), MINUS_ONE))
            if id not in self.reacting:
                self.parameters.append(symbol)
                continue
            self.states[symbol] = id
            factor = species.conversion_factor or self.model.conversion_factor
            row: Expr = Symbol(factor) if factor else ONE
            if dense and not moving:
                row = mul(row, power(Symbol(species.compartment), MINUS_ONE))
            else:
                self.amounts.add(symbol)
            self.factors[symbol] = row

    def _place_rate_ruled_species(self, species: Species, moving: bool) -> None:
        """d[S]/dt is given; amounts are kept where events change the volume (they conserve them)."""
        id, size = species.id, Symbol(species.compartment)
        if not (moving and species.compartment in self.event_targets):
            self.states[id] = id
            if not self.is_concentration(species):
                self.amounts.add(id)
            return
        symbol = f"{id}.amount"
        self.states[symbol] = id
        self.amounts.add(symbol)
        self.derived[id] = mul(Symbol(symbol), power(size, MINUS_ONE))
        growth = self.rate_ruled.get(species.compartment, ZERO)
        self.rate_ruled[id] = add(mul(self.rate_ruled[id], size), mul(Symbol(id), growth))

    def place_others(self) -> None:
        """Parameters, compartments and stoichiometries: state, variable or entry of p."""
        self._find_static()
        compartments, parameters = self.model.compartments, self.model.parameters
        for id in [*(c.id for c in compartments), *(k.id for k in parameters), *self.participants]:
            if id in self.assigned:
                continue
            if id in self.rate_ruled or id in self.algebraic_states:
                self.states[id] = id
            elif id in self.static:
                self.derived[id] = Number(self.static[id])
            elif id in self.participants and isinstance(formula := self.participants[id].stoichiometry, Expr):
                self.derived[id] = self.flatten(formula, where=f"stoichiometry {id}")
            else:
                self.parameters.append(id)
        self.parameters.extend(self.local_parameters)

    def _find_static(self) -> None:
        """Stoichiometries with an id that are plain numbers for good: exact entries of the matrix."""
        varying = {*self.assigned, *self.rate_ruled, *self.event_targets, *self.algebraic_states}
        for id, part in self.participants.items():
            formula = self.initial.get(id, part.stoichiometry)
            if id in varying or (isinstance(formula, Expr) and not is_closed(formula)):
                continue
            if isinstance(formula, Expr):
                formula = evaluate(formula, 0.0, {})
            self.static[id] = 1.0 if formula is None else float(formula)

    def fill_reactions(self) -> None:
        row = {id: i for i, id in enumerate(self.states.values()) if id in self.reacting}
        entries = self.stoichiometry
        for j, reaction in enumerate(self.model.reactions):
            for sign, parts in ((-1, reaction.reactants), (1, reaction.products)):
                for part in parts:
                    i = row.get(part.species)
                    if i is None:
                        continue
                    if part.stoichiometry == 1.0 and part.id is None:
                        entries[i, j] = entries.get((i, j), 0) + sign
                    else:
                        self._enter(i, j, sign, part, reaction.id)

    def _enter(self, i: int, j: int, sign: int, part: Participant, reaction: str) -> None:
        number = self.static.get(part.id, part.stoichiometry) if part.id else part.stoichiometry
        if part.id and part.id not in self.static:
            term: Expr = Symbol(part.id)
        elif isinstance(number, Expr):
            term = self.flatten(number, where=f"stoichiometry of {part.species} in reaction {reaction}")
        else:
            value = 1.0 if number is None else float(number)
            if value != value or value in (float("inf"), float("-inf")):
                raise InputError(f"reaction {reaction}: the stoichiometry of {part.species} is {value}")
            exact = Fraction(int(value)) if value == int(value) else Fraction(value).limit_denominator(10**6)
            if float(exact) != value:
                exact = Fraction(value)
            self.stoichiometry[i, j] = self.stoichiometry.get((i, j), 0) + sign * exact
            return
        if type(term) is Number:
            self.stoichiometry[i, j] = self.stoichiometry.get((i, j), 0) + sign * Fraction(term.value)
        else:
            old = self.variable_stoichiometry.get((i, j), ZERO)
            self.variable_stoichiometry[i, j] = add(old, mul(float(sign), term))

    # the result

    def finish(self) -> System:
        symbols_, ids = tuple(self.states), tuple(self.states.values())
        species = {s.id for s in self.model.species}
        exact: dict = {}  # one Fraction for each number that occurs
        matrix = self.stoichiometry
        entries = tuple(
            (*place, exact.get(x) or exact.setdefault(x, Fraction(x)))
            for place in sorted(matrix)
            if (x := matrix[place])
        )
        flexible = tuple((i, j, e) for (i, j), e in sorted(self.variable_stoichiometry.items(), key=lambda x: x[0]))
        factors = tuple(self.factors.get(s, ONE) for s in symbols_)
        ruled = tuple((i, self.rate_ruled[id]) for i, id in enumerate(ids) if id in self.rate_ruled)
        algebraic = tuple((i, self.algebraic_states[id]) for i, id in enumerate(ids) if id in self.algebraic_states)
        balance, mass = entries, None
        fast = [j for j, reaction in enumerate(self.model.reactions) if reaction.fast]
        if fast:
            if flexible or algebraic:
                raise UnsupportedError("fast", "fast reactions together with algebraic rules or variable stoichiometry")
            balance, mass, factors = project_fast(entries, fast, factors)
        elif algebraic:
            zero = {i for i, _ in algebraic}
            mass = tuple((i, i, ZERO if i in zero else ONE) for i in range(len(ids)))
        delays = tuple(
            DelayedValue(s, _at_rest_before_start(a), lag)
            for (a, lag), s in self.flattener.delays.items()
            if _closed(a, lag)
        )
        definitions = {**self.assigned, **self.derived}
        draft = {
            "states": ids, "state_symbols": symbols_, "state_is_amount": tuple(s in self.amounts for s in symbols_),
            "state_is_species": tuple(id in species for id in ids),
            "parameters": (*self.parameters, *(d.symbol for d in delays)),
            "stoichiometry": entries, "balance": balance, "variable_stoichiometry": flexible, "row_factors": factors,
            "rate_rules": ruled, "algebraic": algebraic, "mass": mass, "delays": delays,
            "events": tuple(self._lower_event(*item) for item in self.events),
            "static_stoichiometry": self.static, "remarks": tuple(self.remarks), "initial": self.initial,
        }  # fmt: skip
        return schedule(draft, definitions, self.rates, self.flattener.rate_of, find_roots)

    def _lower_event(self, event, trigger, extra, assignments) -> LoweredEvent:
        states = {name: i for i, name in enumerate(self.states)}
        parameters = {name: i for i, name in enumerate(self.parameters)}
        targets = []
        for id, _ in assignments:
            symbol, factor = id, None
            if f"{id}.amount" in states or f"{id}.amount" in parameters:
                symbol, factor = f"{id}.amount", Symbol(self.model[id].compartment)
            if symbol in states:
                targets.append(Target("state", states[symbol], factor))
            elif symbol in parameters:
                targets.append(Target("parameter", parameters[symbol], factor))
            else:
                raise InputError(f"event {event.id} assigns {id}, which is determined by a rule")
        return LoweredEvent(
            event.id, trigger, tuple(targets), tuple(f for _, f in assignments), extra[0], extra[1],
            event.initial_value, event.persistent, event.use_trigger_values,
        )  # fmt: skip


def is_closed(expr: Expr) -> bool:
    """No symbols and no time in it: a number in disguise."""
    return not any(type(node) in (Symbol, Time) for node in walk(expr))


def _at_rest_before_start(argument: Expr) -> Expr:
    """Before t = 0 everything has the value it has at the start, so every rateOf is zero there."""
    started = Relation(">=", Time(), ZERO)
    rates = {name for name in symbols(argument) if name.startswith("rateOf(")}
    return substitute(argument, {name: Piecewise(((Symbol(name), started),), ZERO) for name in rates})


def _closed(*exprs: Expr) -> bool:
    """No argument of a function left (such delays belong to function bodies)."""
    return not any("(" in name and not name.startswith(("delay(", "rateOf(")) for e in exprs for name in symbols(e))
