"""Do the units of a model agree? Dimension and size of every rate law, rule, event and initial assignment.

What a model does not declare is reported as missing, never guessed. Numbers without units fit everywhere: a product
with one has the dimension of its other factors, but where that then disagrees it is the number that is in question.
"""

from __future__ import annotations

from dataclasses import dataclass

from manyscale.errors import InputError, UnitsError
from manyscale.model.declared_units import LITERAL, PURE, SIGN, UNKNOWN, Declarations, Found
from manyscale.model.dimensions import NONE, Unit, unit_text
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
from manyscale.model.parts import Function, Parameter, Reaction, Species
from manyscale.model.violation import Violation

SAME = ("abs", "floor", "ceil", "min", "max", "rem")  # results in the units of the arguments


@dataclass(frozen=True)
class UnitsReport:
    """ok: True (everything declared and consistent), False (violations) or None (not all units are declared).

    violations: what disagrees for certain. missing: what is not declared, or agrees only if a number carries units.
    """

    violations: tuple[Violation, ...]
    missing: tuple[Violation, ...]

    @property
    def ok(self) -> bool | None:
        return False if self.violations else None if self.missing else True

    def __str__(self) -> str:
        if self.ok:
            return "All units are declared and agree."
        lines = [str(v) for v in self.violations]
        if self.missing:
            lines.append(f"Not declared ({len(self.missing)}):")
            lines += [f"  {m}" for m in self.missing[:20]]
            lines += [f"  and {len(self.missing) - 20} more"] if len(self.missing) > 20 else []
        return "\n".join(lines)


def check_units(model: Model) -> UnitsReport:
    """Check all formulas of a model; the report lists every violation and everything that is not declared."""
    return _Checker(model).run()


def dimension_of(expr: Expr, model: Model) -> Unit | None:
    """Units of a formula in terms of the model's declarations; None where they are not known.

    Numbers without units leave the dimension of what they multiply; None where only numbers stand. Raises UnitsError
    when terms disagree.
    """
    checker = _Checker(model)
    found = checker.infer(expr, {}, "formula")
    if checker.names.violations:
        raise UnitsError(str(checker.names.violations[0]))
    return None if found.literal else found.unit


def unit_of(model: Model, id: str) -> Unit | None:
    """Units of what an id stands for in formulas (a species: concentration, or amount if only_substance)."""
    return Declarations(model).of(id).unit


def substance_and_volume(model: Model, species: Species, amount: bool) -> str:
    """Unit text of the amount or the concentration of a species; empty where it is not declared."""
    names = Declarations(model)
    unit = names.substance(species)
    volume = names.of(species.compartment).unit if species.compartment in model else None
    if unit is None or (volume is None and not amount):
        return ""
    return unit_text(unit if amount else unit / volume)  # type: ignore[operator]


class _Checker:
    def __init__(self, model: Model):
        self.model = model
        self.names = Declarations(model)
        self.functions: dict[str, Function] = {f.id: f for f in model.functions}

    # Formulas

    def run(self) -> UnitsReport:
        model = self.model
        if model.time_units is None:
            self.names.lack("model", "no units of time are declared")
        if model.extent_units is None and model.reactions:
            self.names.lack("model", "no units of extent are declared")
        self.species_agree_with_extent()
        for reaction in model.reactions:
            self.reaction(reaction)
        for rule in model.rules:
            place = f"{rule.kind} rule" + (f" for {rule.variable}" if rule.variable else "")
            found = self.infer(rule.formula, {}, place)
            if rule.variable is not None:
                wanted = self.names.of(rule.variable).unit
                if rule.kind == "rate" and wanted is not None:
                    wanted = None if self.names.time is None else wanted / self.names.time
                self.expect(found, wanted, place)
        for item in model.initial_assignments:
            place = f"initial assignment of {item.symbol}"
            self.expect(self.infer(item.formula, {}, place), self.names.of(item.symbol).unit, place)
        for event in model.events:
            place = f"event {event.id}"
            self.infer(event.trigger, {}, place)
            if event.delay is not None:
                self.expect(self.infer(event.delay, {}, place), self.names.time, f"{place}, delay")
            if event.priority is not None:
                self.expect(self.infer(event.priority, {}, place), NONE, f"{place}, priority")
            for target, formula in event.assignments:
                at = f"{place}, assignment of {target}"
                self.expect(self.infer(formula, {}, at), self.names.of(target).unit, at)
        for number, constraint in enumerate(model.constraints, 1):
            self.infer(constraint.condition, {}, f"constraint {number}")
        return UnitsReport(tuple(self.names.violations), tuple(self.names.missing.values()))

    def species_agree_with_extent(self) -> None:
        """N v is in extent; it must be the species' substance, if necessary through a conversion factor."""
        changed = {p.species for r in self.model.reactions for p in (*r.reactants, *r.products)}
        for part in self.model.species:
            if part.id not in changed or part.boundary or part.constant or self.names.extent is None:
                continue
            substance, extent = self.names.substance(part), self.names.extent
            factor = part.conversion_factor or self.model.conversion_factor
            if factor is not None:
                unit = self.names.of(factor).unit
                if unit is None:
                    continue
                extent = extent * unit
            if substance is not None and not substance.same(extent):
                self.names.violate(
                    f"species {part.id}",
                    f"its amount is in {unit_text(substance)}, but reactions change it in {unit_text(extent)}",
                    "give it a conversion factor or use the same units",
                )

    def reaction(self, reaction: Reaction) -> None:
        place = f"reaction {reaction.id}"
        for participant in (*reaction.reactants, *reaction.products):
            if isinstance(participant.stoichiometry, Expr):
                at = f"{place}, stoichiometry of {participant.species}"
                self.expect(self.infer(participant.stoichiometry, {}, at), NONE, at)
        if reaction.rate is None:
            return
        local = {}
        for parameter in reaction.local:
            where = f"{place}, parameter {parameter.id}"
            unit = self.names.declared(parameter.units, where)
            if parameter.units is None:
                self.names.lack(where, "no units are declared")
            local[parameter.id] = UNKNOWN if unit is None else Found(unit)
        found = self.infer(reaction.rate, local, place)
        fix = ""
        if found.unit is not None and self.names.rate is not None and not found.unit.same(self.names.rate):
            ratio = self.names.rate / found.unit
            for compartment in self.model.compartments:
                volume = self.names.of(compartment.id).unit
                if volume is not None and compartment.dimensions != 0 and ratio.same_dimension(volume):
                    fix = f"the law gives a rate per volume: multiply it by a compartment such as {compartment.id}"
                    break
        self.expect(found, self.names.rate, place, fix)

    def expect(self, found: Found, wanted: Unit | None, place: str, fix: str = "") -> None:
        if found.unit is None or wanted is None or found.unit.same(wanted) or found.literal:
            return
        if found.unit.same_dimension(wanted):
            ratio = found.unit.factor / wanted.factor
            fix = fix or f"they differ by the factor {ratio:.6g}"
        message = f"the formula is in {unit_text(found.unit)}, but {unit_text(wanted)} is expected"
        if found.sure:
            self.names.violate(place, message, fix)
        else:
            self.names.lack(place, f"{message}, unless a number in it carries units", fix)

    def infer(self, expr: Expr, local: dict[str, Found], place: str) -> Found:
        match expr:
            case Symbol(name):
                return local[name] if name in local else self.names.of(name)
            case Number(value, units):
                if units is not None:
                    unit = self.names.declared(units, place)
                    return UNKNOWN if unit is None else Found(unit)
                return SIGN if value in (1.0, -1.0) else LITERAL
            case Mul(factors):
                return self.product([self.infer(f, local, place) for f in factors])
            case Add(terms):
                return self.alike([self.infer(t, local, place) for t in terms], "terms", expr, place)
            case Power(base, exponent):
                return self.power(base, exponent, local, place)
            case Time():
                return UNKNOWN if self.names.time is None else Found(self.names.time)
            case Call(function, arguments):
                return self.call(expr, function, arguments, local, place)
            case Piecewise(pieces, otherwise):
                for _, condition in pieces:
                    self.infer(condition, local, place)
                values = [value for value, _ in pieces] + ([] if otherwise is None else [otherwise])
                return self.alike([self.infer(v, local, place) for v in values], "pieces", expr, place)
            case Relation(_, left, right):
                self.alike([self.infer(left, local, place), self.infer(right, local, place)], "sides", expr, place)
            case Logic(_, arguments):
                for argument in arguments:
                    self.infer(argument, local, place)
            case Delay(argument, lag):
                self.expect(self.infer(lag, local, place), self.names.time, f"{place}, delay")
                return self.infer(argument, local, place)
            case RateOf(name):
                unit = self.names.of(name).unit
                return UNKNOWN if unit is None or self.names.time is None else Found(unit / self.names.time)
            case Bool():
                pass
        return PURE

    def product(self, parts: list[Found]) -> Found:
        total, sure, literal = NONE, True, True
        for part in parts:
            if part is SIGN:  # how subtraction and negation are written
                continue
            if part.unit is None:
                return UNKNOWN
            total = total * part.unit
            sure = sure and part.sure
            literal = literal and part.literal
        return LITERAL if literal else Found(total, sure)

    def alike(self, parts: list[Found], what: str, expr: Expr, place: str) -> Found:
        """Units of things that must have the same; numbers and unknown things fit in."""
        first: Found | None = None
        sure = True
        for part in parts:
            if part.unit is None or part.literal:
                sure = False
                continue
            if first is None:
                first = part
            elif not first.unit.same(part.unit):  # type: ignore[union-attr]
                message = (
                    f"{what} in {unit_text(first.unit)} and in {unit_text(part.unit)} "  # type: ignore[arg-type]
                    f"{'are compared' if what == 'sides' else 'stand together'} in {_short(expr)}"
                )
                if first.sure and part.sure:
                    self.names.violate(place, message)
                else:
                    self.names.lack(place, f"{message}, unless a number in it carries units")
                return UNKNOWN
            sure = sure and part.sure
        if first is None:
            return LITERAL if any(p.literal for p in parts) else UNKNOWN
        # a number beside pure terms, as in 1 + S/K, is pure itself
        return Found(
            first.unit, sure or (first.sure and _is_one(first.unit) and all(p.unit is not None for p in parts))
        )

    def power(self, base: Expr, exponent: Expr, local: dict[str, Found], place: str) -> Found:
        inner = self.infer(base, local, place)
        above = NONE if type(exponent) is Number else self.infer(exponent, local, place).unit
        if above is not None and not above.dimensionless:
            self.names.violate(
                place, f"the exponent {_short(exponent)} is in {unit_text(above)}; exponents are pure numbers"
            )
            return UNKNOWN
        if inner.unit is None or inner.literal:
            return inner
        if _is_one(inner.unit):
            return inner
        value = self.constant(exponent, local)
        if value is None:
            self.names.lack(place, f"the units of {_short(Power(base, exponent))} depend on a varying exponent")
            return UNKNOWN
        try:
            return Found(inner.unit**value, inner.sure)
        except (OverflowError, ZeroDivisionError):
            return UNKNOWN

    def constant(self, exponent: Expr, local: dict[str, Found]) -> float | None:
        """Value of an exponent that is a number or a constant parameter."""
        match exponent:
            case Number(value, _):
                return value
            case Symbol(name) if name not in local:
                part = self.model.by_id.get(name)
                return part.value if isinstance(part, Parameter) and part.constant else None
            case Mul(factors):
                values = [self.constant(f, local) for f in factors]
                if all(v is not None for v in values):
                    total = 1.0
                    for v in values:
                        total *= v  # type: ignore[operator]
                    return total
        return None

    def call(self, expr: Expr, function: str, arguments, local: dict[str, Found], place: str) -> Found:
        if function in self.functions:
            return self.inline(expr, local, place)
        parts = [self.infer(a, local, place) for a in arguments]
        if function in SAME:
            return self.alike(parts, "arguments", expr, place)
        if function == "quotient" and len(parts) == 2:
            if parts[0].unit is None or parts[1].unit is None:
                return UNKNOWN
            return Found(parts[0].unit / parts[1].unit, parts[0].sure and parts[1].sure)
        for part in parts:
            self.expect(part, NONE, f"{place}, argument of {function}")
        return PURE

    def inline(self, expr: Expr, local: dict[str, Found], place: str) -> Found:
        from manyscale.model.algebra import inline_functions

        try:
            return self.infer(inline_functions(expr, self.functions), local, place)
        except InputError as error:
            self.names.lack(place, str(error))
            return UNKNOWN


def _is_one(unit: Unit | None) -> bool:
    return unit is not None and unit.same(NONE)


def _short(expr: Expr) -> str:
    text = str(expr)
    return text if len(text) <= 60 else f"{text[:57]}..."
