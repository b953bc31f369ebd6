"""All that is wrong in a model at once, with places and ways to mend it."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches

from manyscale.errors import InputError
from manyscale.model.dimensions import KINDS
from manyscale.model.expr import (
    FUNCTIONS,
    Add,
    Call,
    Expr,
    Logic,
    Mul,
    Piecewise,
    Power,
    RateOf,
    Symbol,
    Time,
    symbols,
    walk,
)
from manyscale.model.model import Model
from manyscale.model.parts import Compartment, Function, Parameter, Participant, Reaction, Species
from manyscale.model.violation import Violation

__all__ = ["Violation", "check", "raise_violations"]
_IDENTIFIER = re.compile(r"[A-Za-z_]\w*\Z", re.ASCII)
_ARITHMETIC = (Add, Mul, Power, Time)


def check(model: Model, *, units: bool = True) -> list[Violation]:
    """Everything that is wrong in the model; an empty list means that it can be simulated and written.

    units: also check that units agree (a model with unit violations still runs). Use `raise_violations` to refuse.
    """
    checker = _Checker(model)
    checker.ids()
    checker.references()
    checker.formulas()
    checker.values()
    checker.reactions()
    checker.rules()
    checker.events()
    checker.cycles()
    if units:
        from manyscale.model.unit_check import check_units

        checker.found.extend(check_units(model).violations)
    return checker.found


def raise_violations(violations: Iterable[Violation], what: str = "the model") -> None:
    """Raise InputError naming all violations, one a line (at most 20); nothing to raise if there are none."""
    found = list(violations)
    if not found:
        return
    if len(found) == 1:
        raise InputError(str(found[0]))
    lines = [f"  {v}" for v in found[:20]]
    lines += [f"  and {len(found) - 20} more"] if len(found) > 20 else []
    raise InputError(f"{what} has {len(found)} faults:\n" + "\n".join(lines))


class _Checker:
    def __init__(self, model: Model):
        self.model = model
        self.found: list[Violation] = []
        self.by_id = model.by_id
        self.functions: dict[str, Function] = {f.id: f for f in model.functions}
        self.ruled = {r.variable: r.kind for r in model.rules if r.variable is not None}
        self.assigned_at_start = {i.symbol for i in model.initial_assignments}
        self.free = self.algebraic_symbols()

    def say(self, place: str, message: str, fix: str = "") -> None:
        self.found.append(Violation(place, message, fix))

    def algebraic_symbols(self) -> set[str]:
        return {name for r in self.model.rules if r.kind == "algebraic" for name in symbols(r.formula)}

    # Names

    def ids(self) -> None:
        seen: dict[str, object] = {}
        for part in self.model.parts():
            place = place_of(part)
            if not _IDENTIFIER.match(part.id or ""):
                self.say(place, f"{part.id!r} is not an identifier", "use letters, digits and _")
            if part.id in seen:
                self.say(place, f"the id {part.id} is also that of {place_of(seen[part.id])}", "rename one of them")
            seen[part.id] = part
            if isinstance(part, Function) and part.id in FUNCTIONS:
                self.say(place, f"{part.id} is the name of a built-in function", "rename it")
        defined: set[str] = set()
        for unit in self.model.units:
            place = f"unit definition {unit.id}"
            if unit.id in defined:
                self.say(place, "this unit is defined twice", "remove one definition")
            elif unit.id in KINDS:
                self.say(place, f"{unit.id} is the name of a base unit", "rename it")
            defined.add(unit.id)
        for reaction in self.model.reactions:
            local = [k.id for k in reaction.local]
            for name in sorted({n for n in local if local.count(n) > 1}):
                self.say(f"reaction {reaction.id}", f"two local parameters are called {name}", "rename one of them")

    def need(self, id: str | None, kind: type | tuple, what: str, place: str) -> bool:
        part = self.by_id.get(id) if id is not None else None
        if isinstance(part, kind):
            return True
        if part is None:
            self.say(place, f"{id!r} is not defined", self.similar(id))
        else:
            self.say(place, f"{place_of(part)} is used as {what}", f"name {what}")
        return False

    def similar(self, name: str | None) -> str:
        close = get_close_matches(str(name), [*self.by_id, *self.functions], n=1)
        return f"did you mean {close[0]}?" if close else "define it"

    def references(self) -> None:
        model = self.model
        factors = [("model", model.conversion_factor)]
        for species in model.species:
            self.need(species.compartment, Compartment, "a compartment", f"species {species.id}")
            factors.append((f"species {species.id}", species.conversion_factor))
        for place, factor in factors:
            if factor is not None:
                self.need(factor, Parameter, "a parameter", f"{place}, conversion factor")
        for reaction in model.reactions:
            place = f"reaction {reaction.id}"
            for id in [p.species for p in (*reaction.reactants, *reaction.products)] + list(reaction.modifiers):
                self.need(id, Species, "a species", place)

    # Formulas

    def all_formulas(self) -> Iterator[tuple[str, Expr, frozenset[str]]]:
        """(place, formula, names defined only there)"""
        model = self.model
        none: frozenset[str] = frozenset()
        for function in model.functions:
            yield f"function {function.id}", function.body, frozenset(function.arguments)
        for reaction in model.reactions:
            place = f"reaction {reaction.id}"
            if reaction.rate is not None:
                yield place, reaction.rate, frozenset(k.id for k in reaction.local)
            for participant in (*reaction.reactants, *reaction.products):
                if isinstance(participant.stoichiometry, Expr):
                    yield f"{place}, stoichiometry of {participant.species}", participant.stoichiometry, none
        for rule in model.rules:
            yield rule_place(rule), rule.formula, none
        for item in model.initial_assignments:
            yield f"initial assignment of {item.symbol}", item.formula, none
        for event in model.events:
            place = f"event {event.id}"
            yield f"{place}, trigger", event.trigger, none
            for what, formula in (("delay", event.delay), ("priority", event.priority)):
                if formula is not None:
                    yield f"{place}, {what}", formula, none
            for target, formula in event.assignments:
                yield f"{place}, assignment of {target}", formula, none
        for number, constraint in enumerate(model.constraints, 1):
            yield f"constraint {number}", constraint.condition, none

    def formulas(self) -> None:
        values = (Compartment, Species, Parameter, Reaction, Participant)
        usable = {id for id, part in self.by_id.items() if isinstance(part, values)}
        for place, formula, local in self.all_formulas():
            allowed = local if place.startswith("function ") else usable | local
            said: set[str] = set()
            for node in walk(formula):
                if isinstance(node, Symbol | RateOf):
                    if node.name not in allowed and node.name not in said:
                        said.add(node.name)
                        self.say(place, f"{node.name!r} is not defined", self.similar(node.name))
                elif type(node) is Call:
                    self.call(node, place)
                elif type(node) is Piecewise:
                    self.piecewise(node, place)
                elif type(node) is Logic:
                    self.logic(node, place)
            if place.endswith(", trigger") or place.startswith("constraint "):
                self.condition(formula, place)

    def call(self, node: Call, place: str) -> None:
        name, given = node.function, len(node.arguments)
        if name in self.functions:
            wanted: int | None = len(self.functions[name].arguments)
        elif name in FUNCTIONS:
            wanted = FUNCTIONS[name]
        else:
            close = get_close_matches(name, [*FUNCTIONS, *self.functions], n=1)
            self.say(place, f"there is no function {name!r}", f"did you mean {close[0]}?" if close else "define it")
            return
        if given != wanted if wanted is not None else given < 1:
            self.say(place, f"{name} takes {wanted or 'one or more'} argument(s), not {given}", f"correct {node}")

    def piecewise(self, node: Piecewise, place: str) -> None:
        if not node.pieces and node.otherwise is None:
            self.say(place, "a piecewise formula has no pieces", "give a value")
        for _, condition in node.pieces:
            self.condition(condition, place)

    def condition(self, condition: Expr, place: str) -> None:
        if isinstance(condition, _ARITHMETIC):
            self.say(place, f"{short(condition)} is a number, not a condition", "compare it with something")

    def logic(self, node: Logic, place: str) -> None:
        if node.operator == "not" and len(node.arguments) != 1:
            self.say(place, f"not takes one argument, not {len(node.arguments)}")
        elif node.operator == "implies" and len(node.arguments) != 2:
            self.say(place, f"implies takes two arguments, not {len(node.arguments)}")

    # Values

    def determined(self, id: str) -> bool:
        return id in self.assigned_at_start or self.ruled.get(id) == "assignment" or id in self.free

    def values(self) -> None:
        used = {name for _, formula, _ in self.all_formulas() for name in symbols(formula)}
        for c in self.model.compartments:
            self.value(f"compartment {c.id}", "size", c.size, c.id, needed=False)
            if c.size is not None and c.size <= 0 and c.dimensions != 0 and not self.determined(c.id):
                self.say(f"compartment {c.id}", f"the size is {c.size:g}", "give a positive size")
        for s in self.model.species:
            self.value(f"species {s.id}", f"initial {s.initial_kind}", s.initial, s.id, needed=True)
            if s.initial_kind not in ("amount", "concentration"):
                self.say(f"species {s.id}", f"initial_kind is {s.initial_kind!r}", "use 'amount' or 'concentration'")
        for p in self.model.parameters:
            self.value(f"parameter {p.id}", "value", p.value, p.id, needed=p.id in used or p.id in self.ruled)
        for r in self.model.reactions:
            for p in r.local:
                self.value(f"reaction {r.id}, parameter {p.id}", "value", p.value, "", needed=True)

    def value(self, place: str, what: str, value: float | None, id: str, needed: bool) -> None:
        if value is None:
            if needed and not self.determined(id):
                self.say(place, f"has no {what}", "give one, or an initial assignment")
        elif math.isnan(value) and not self.determined(id):
            self.say(place, f"the {what} is not a number (NaN)", "give a number")
        elif what.startswith("initial ") and (value < 0 or math.isinf(value)) and not self.determined(id):
            self.say(place, f"the {what} is {value:g}", "give a finite value that is not negative")

    # Reactions, rules, events

    def reactions(self) -> None:
        for reaction in self.model.reactions:
            place = f"reaction {reaction.id}"
            for participant in (*reaction.reactants, *reaction.products):
                stoichiometry = participant.stoichiometry
                if (
                    isinstance(stoichiometry, int | float)
                    and not math.isfinite(stoichiometry)
                    and not self.determined(participant.id or "")
                ):
                    self.say(place, f"the stoichiometry of {participant.species} is {stoichiometry:g}", "give a number")
                if stoichiometry is None and not self.determined(participant.id or ""):
                    self.say(place, f"the stoichiometry of {participant.species} is not given", "give a number")
                species = self.by_id.get(participant.species)
                if not isinstance(species, Species) or species.boundary:
                    continue
                if species.constant:
                    self.say(place, f"changes the constant species {species.id}", "make it a boundary species")
                elif species.id in self.ruled:
                    self.say(
                        place, f"changes {species.id}, which a rule determines too", f"make {species.id} a boundary species"
                    )  # fmt: skip

    def rules(self) -> None:
        seen: set[str] = set()
        for rule in self.model.rules:
            place = rule_place(rule)
            if rule.kind not in ("assignment", "rate", "algebraic"):
                self.say(place, f"there is no rule of kind {rule.kind!r}", "use assignment, rate or algebraic")
            if rule.variable is None:
                continue
            if rule.variable in seen:
                self.say(place, f"{rule.variable} is determined by two rules", "keep one of them")
            seen.add(rule.variable)
            self.changeable(rule.variable, place)
            if rule.kind == "assignment" and rule.variable in self.assigned_at_start:
                self.say(place, f"{rule.variable} has an initial assignment too", "remove the initial assignment")
        starts: set[str] = set()
        for item in self.model.initial_assignments:
            place = f"initial assignment of {item.symbol}"
            kinds = (Compartment, Species, Parameter, Participant)
            self.need(item.symbol, kinds, "a variable", place)
            if item.symbol in starts:
                self.say(place, "there are two of them", "keep one")
            starts.add(item.symbol)

    def changeable(self, id: str, place: str) -> None:
        kinds = (Compartment, Species, Parameter, Participant)
        if self.need(id, kinds, "a variable", place) and getattr(self.by_id[id], "constant", False):
            self.say(place, f"changes {id}, which is constant", f"declare {id} as not constant")

    def events(self) -> None:
        for event in self.model.events:
            targets: set[str] = set()
            for target, _ in event.assignments:
                place = f"event {event.id}"
                self.changeable(target, place)
                if self.ruled.get(target) == "assignment":
                    self.say(place, f"assigns {target}, which an assignment rule determines", "remove one of them")
                if target in targets:
                    self.say(place, f"assigns {target} twice", "keep one assignment")
                targets.add(target)

    def cycles(self) -> None:
        rules = {r.variable: r.formula for r in self.model.rules if r.kind == "assignment" and r.variable}
        rates = {r.id: r.rate for r in self.model.reactions if r.rate is not None}
        now = {**rates, **rules}
        first = find_cycle({name: symbols(formula) for name, formula in now.items()})
        functions = {
            f.id: {n.function for n in walk(f.body) if type(n) is Call} for f in self.model.functions
        }  # fmt: skip
        start = {**now, **{i.symbol: i.formula for i in self.model.initial_assignments}}
        for cycle, what in (
            (first, "these values depend on each other"),
            (find_cycle(functions), "these functions call each other"),
            (None if first else find_cycle({n: symbols(f) for n, f in start.items()}), "at the start, these values depend on each other"),
        ):  # fmt: skip
            if cycle:
                self.say(f"{cycle[0]}", f"{what}: {' -> '.join((*cycle, cycle[0]))}", "break the cycle")


def find_cycle(needs: Mapping[str, Iterable[str]]) -> list[str] | None:
    """Names of one cycle of dependences, or None."""
    state: dict[str, int] = {}  # 1: on the path, 2: done
    for root in needs:
        path: list[str] = []
        stack: list[tuple[str, Iterator[str]]] = []
        if root in state:
            continue
        state[root] = 1
        path.append(root)
        stack.append((root, iter(sorted(needs[root]))))
        while stack:
            name, rest = stack[-1]
            for other in rest:
                if other not in needs:
                    continue
                if state.get(other) == 1:
                    return path[path.index(other) :]
                if other not in state:
                    state[other] = 1
                    path.append(other)
                    stack.append((other, iter(sorted(needs[other]))))
                    break
            else:
                state[name] = 2
                path.pop()
                stack.pop()
    return None


def place_of(part: object) -> str:
    """ "species S": kind and id of a part."""
    kind = "stoichiometry" if isinstance(part, Participant) else type(part).__name__.lower()
    return f"{kind} {getattr(part, 'id', '')}"


def rule_place(rule) -> str:
    return f"{rule.kind} rule" + (f" for {rule.variable}" if rule.variable else f" 0 = {short(rule.formula)}")


def short(expr: Expr) -> str:
    text = str(expr)
    return text if len(text) <= 60 else f"{text[:57]}..."
