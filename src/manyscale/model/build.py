"""Models built by hand, reading like the paper."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

from manyscale.errors import InputError, UnitsError
from manyscale.model import parts
from manyscale.model.check import check, raise_violations
from manyscale.model.dimensions import base_parts, unit_of_parts
from manyscale.model.expr import Expr, Symbol, mul, symbols
from manyscale.model.model import Model
from manyscale.model.parse import parse
from manyscale.model.reaction_text import split_event, split_reaction, split_rule
from manyscale.model.unit_check import check_units as compare_units
from manyscale.model.unit_check import dimension_of
from manyscale.model.unit_system import Quantity, UnitSystem, choose_units
from manyscale.units import parse_quantity

__all__ = ["build"]
_SIGNATURE = re.compile(r"\s*([A-Za-z_]\w*)\s*\(([\w\s,]*)\)\s*\Z", re.ASCII)
Value = str | float | Quantity


def build(
    name: str = "model",
    *,
    species: Mapping[str, Value] | None = None,
    parameters: Mapping[str, Value] | None = None,
    reactions: Iterable[str] | Mapping[str, str] = (),
    compartments: Mapping[str, Value] | None = None,
    rules: Iterable[str] = (),
    events: Iterable[str] = (),
    functions: Mapping[str, str] | None = None,
    rates: str = "concentration",
    amounts: bool = False,
    time: str | None = None,
    substance: str | None = None,
    volume: str | None = None,
    check_units: bool = True,
) -> Model:
    """A model from text, as `manyscale.model("name", ...)`.

        ms.model("Michaelis-Menten",
                 species={"S": "10 uM", "E": "1 uM", "ES": "0 uM", "P": "0 uM"},
                 parameters={"kf": "1e6 1/(M s)", "kr": "1 1/s", "kcat": "0.1 1/s"},
                 reactions=["bind: S + E <-> ES; kf*S*E - kr*ES", "turn: ES -> E + P; kcat*ES"])

    species: initial values. "10 uM" is a concentration (and so is the species in formulas), "100 molecules" or
        "5 nmol" an amount (and so is the species in formulas); a plain number is a concentration, or an amount where
        `amounts` is true. "10 uM in nucleus" places it, "10 uM fixed" keeps it constant, "= 2*K" computes it
        (the unit is then that of the other species).
    parameters: values with units ("1e6 1/(M s)", "2 dimensionless"), without ("2"), or "= formula" at the start.
    reactions: "id: A + 2 B -> C; rate"; <-> is only a remark, the rate law says it all. See `model.laws` for
        named laws.
    rates: what rate laws give. "concentration" (default, as papers write them): concentration per time of the
        compartment of the reaction ("v1 in cell: ..."; not needed where all its species are in one), which is
        multiplied by its size; laws of reactions among amounts stay as they are. "amount": amount per time.
    rules: "C = A + B" (assignment), "C' = -k*C" (rate), "0 = A + B - T" (algebraic).
    events: "at time > 10: k = 0, S = S + 5", with "after delay" and "priority p" before the colon.
    compartments: sizes, "1 L" or "2 fL"; one called `cell` of one litre (or one unit) where none is given.
    time, substance, volume: units of the model. Default: the ones the quantities are written in. Every quantity of
        substance, volume and time is converted to them, so that laws need no factors.

    Raises InputError with everything that is wrong, UnitsError where units disagree (unless `check_units` is false).
    """
    if rates not in ("concentration", "amount"):
        raise InputError(f"rates={rates!r}: write 'concentration' or 'amount'")
    work = _Builder(functions or {}, rates, amounts)
    work.read_quantities(species or {}, parameters or {}, compartments or {})
    work.system = choose_units(
        work.all_quantities(),
        [s[0] for s in work.species.values()],
        work.compartments.values(),
        time,
        substance,
        volume,
    )
    work.place_compartments()
    work.place_species()
    work.place_parameters()
    named = reactions.items() if isinstance(reactions, Mapping) else ((None, text) for text in reactions)
    for number, (id, text) in enumerate(named, 1):
        work.reaction(id, text, number)
    for number, text in enumerate(_listed(rules, "rules"), 1):
        work.rule(text, number)
    for number, text in enumerate(_listed(events, "events"), 1):
        work.event(text, number)
    model = work.finish(name)
    raise_violations(check(model, units=False), f"the model {name!r}")
    if check_units:
        found = compare_units(model).violations
        if found:
            raise UnitsError("units disagree:\n" + "\n".join(f"  {v}" for v in found))
    return model


def _listed(texts: Iterable[str], what: str) -> list[str]:
    if isinstance(texts, str):
        raise InputError(f"{what} are a list of texts, not one text; write {what}=[{texts[:30]!r}]")
    return list(texts)


class _Builder:
    """One model in the making; each method is one step, in the order of `build`."""

    def __init__(self, functions: Mapping[str, str], rates: str, amounts: bool):
        self.rates, self.amounts = rates, amounts
        self.system = UnitSystem()
        self.species: dict[str, tuple[Quantity, str | None, bool]] = {}  # quantity, compartment, fixed
        self.parameters: dict[str, Quantity] = {}
        self.compartments: dict[str, Quantity] = {}
        self.initial: list[tuple[str, str]] = []  # id, formula text
        self.computed: set[str] = set()  # ids with a formula for their initial value
        self.made: dict[str, dict] = {kind: {} for kind in ("compartments", "species", "parameters")}
        self.reactions: list[parts.Reaction] = []
        self.rules: list[parts.Rule] = []
        self.events: list[parts.Event] = []
        self.signatures: dict[str, int] = {}
        bodies = []
        for head, body in functions.items():
            match = _SIGNATURE.match(head)
            if match is None:
                raise InputError(f"function {head!r}: write for example functions={{'f(x, y)': 'x*y'}}")
            names = tuple(a.strip() for a in match[2].split(",") if a.strip())
            self.signatures[match[1]] = len(names)
            bodies.append((match[1], names, body))
        self.functions = [parts.Function(id, names, self.formula(body, f"function {id}")) for id, names, body in bodies]

    def formula(self, text: str, place: str) -> Expr:
        return parse(str(text), place=place, functions=self.signatures)

    # Quantities

    def read_quantities(self, species: Mapping, parameters: Mapping, compartments: Mapping) -> None:
        for id, value in compartments.items():
            self.compartments[id] = self.quantity(id, value, "compartment")
        if not self.compartments:
            self.compartments["cell"] = Quantity(1.0)
        for id, value in species.items():
            where, fixed = "", False
            if isinstance(value, str):
                value, _, where = (p.strip() for p in value.partition(" in "))
                fixed = value.endswith(" fixed") or where.endswith(" fixed")
                value, where = value.removesuffix(" fixed"), where.removesuffix(" fixed").strip()
            self.species[id] = (self.quantity(id, value, "species"), where or None, fixed)
        for id, value in parameters.items():
            self.parameters[id] = self.quantity(id, value, "parameter")

    def quantity(self, id: str, value: Value, kind: str) -> Quantity:
        if isinstance(value, str) and value.lstrip().startswith("="):
            self.initial.append((id, value.lstrip()[1:]))
            self.computed.add(id)
            return Quantity(0.0)
        try:
            return parse_quantity(value)
        except InputError as error:
            raise type(error)(f"{kind} {id}: {error}") from None

    def all_quantities(self) -> list[Quantity]:
        return [*(s[0] for s in self.species.values()), *self.parameters.values(), *self.compartments.values()]

    def place_compartments(self) -> None:
        for id, size in self.compartments.items():
            if size.parts is None and self.system.volume is not None and id == "cell" and len(self.compartments) == 1:
                size = replace(size, parts=self.system.volume)  # the compartment that nobody wrote
            value, units = self.express(size, f"compartment {id}")
            self.made["compartments"][id] = parts.Compartment(id, value, self.system.id_of(units))

    def express(self, quantity: Quantity, place: str):
        try:
            return self.system.express(quantity)
        except UnitsError as error:
            raise UnitsError(f"{place}: {error}") from None

    def place_species(self) -> None:
        names = list(self.compartments)
        for id, (quantity, where, fixed) in self.species.items():
            if where is None and len(names) > 1:
                raise InputError(f"species {id}: say in which compartment, for example '10 uM in {names[0]}'")
            amount = self.is_amount(id, quantity)
            value, _ = self.express(quantity, f"species {id}")
            computed = id in self.computed
            self.made["species"][id] = parts.Species(
                id, where or names[0], None if computed else value, "amount" if amount else "concentration",
                only_substance=amount, boundary=fixed, constant=fixed,
            )  # fmt: skip

    def is_amount(self, id: str, quantity: Quantity) -> bool:
        unit = quantity.unit
        if unit is None:
            return self.amounts
        kept = [unit.exponents[k] for k in (1, 2, 3, 4, 6)]
        counted, length = unit.exponents[5] + unit.exponents[7], unit.exponents[0]
        if counted != 1 or length not in (0, -3) or any(kept):
            raise UnitsError(f"species {id}: {quantity} is neither an amount nor a concentration; write it as '10 uM'")
        return length == 0

    def place_parameters(self) -> None:
        for id, quantity in self.parameters.items():
            value, units = self.express(quantity, f"parameter {id}")
            self.made["parameters"][id] = parts.Parameter(
                id, None if id in self.computed else value, self.system.id_of(units)
            )  # fmt: skip

    # Reactions, rules, events

    def reaction(self, id: str | None, text: str, number: int) -> None:
        place = f"reaction {number} ({str(text).strip()[:60]!r})"
        if not isinstance(text, str):
            raise InputError(f"{place}: a reaction is text such as 'v1: A -> B; k*A'")
        read = split_reaction(text, place)
        rate = self.formula(read.rate, place)
        sides = [[self.participant(*term, place) for term in side] for side in (read.reactants, read.products)]
        taking_part = list(dict.fromkeys(p.species for side in sides for p in side))
        where = self.compartment_of(read.compartment, taking_part, place)
        if where is not None:
            rate = mul(Symbol(where), rate)
        modifiers = tuple(sorted(n for n in symbols(rate) if n in self.species and n not in taking_part))
        self.reactions.append(
            parts.Reaction(
                id or read.id or f"v{number}",
                tuple(sides[0]),
                tuple(sides[1]),
                modifiers,
                rate,
                reversible=read.reversible,
                compartment=read.compartment,
            )
        )

    def participant(self, count: str, species: str, place: str) -> parts.Participant:
        if species not in self.species:
            from difflib import get_close_matches

            close = get_close_matches(species, list(self.species), n=1)
            raise InputError(
                f"{place}: {species!r} is not among the species" + (f"; did you mean {close[0]}?" if close else "; add it")
            )  # fmt: skip
        try:
            return parts.Participant(species, float(count))
        except ValueError:
            return parts.Participant(species, self.formula(count, place), constant=False)

    def compartment_of(self, named: str | None, species: list[str], place: str) -> str | None:
        """The compartment whose size turns the rate law into amount per time; None where it gives that already."""
        if named is not None and named not in self.compartments:
            raise InputError(f"{place}: there is no compartment {named!r}; add it to the compartments")
        if self.rates == "amount":
            return None
        kinds = {self.made["species"][s].only_substance for s in species}
        if named is None and kinds == {True}:
            return None
        if named is not None:
            return named
        if len(kinds) > 1:
            raise InputError(f"{place}: some species are amounts and some concentrations; write rates='amount'")
        places = sorted({self.made["species"][s].compartment for s in species}) or list(self.compartments)
        if len(places) > 1:
            raise InputError(
                f"{place}: concentration per time of which compartment? Write 'v1 in {places[0]}: ...' or rates='amount'"
            )
        return places[0]

    def rule(self, text: str, number: int) -> None:
        place = f"rule {number} ({str(text).strip()[:60]!r})"
        kind, variable, formula = split_rule(str(text), place)
        self.rules.append(parts.Rule(kind, self.formula(formula, place), variable))
        if variable is not None:
            self.vary(variable, create=True)

    def vary(self, id: str, create: bool = False) -> None:
        """Declare something as not constant; a rule may introduce a parameter of its own."""
        for kind, made in self.made.items():
            if id in made and (kind != "species" or not made[id].boundary):
                made[id] = replace(made[id], constant=False)
        if create and not any(id in made for made in self.made.values()):
            self.made["parameters"][id] = parts.Parameter(id, None, None, constant=False)

    def event(self, text: str, number: int) -> None:
        place = f"event {number} ({str(text).strip()[:60]!r})"
        read = split_event(str(text), place)
        delay, priority = (None if o is None else self.formula(o, place) for o in (read.delay, read.priority))
        for target, _ in read.assignments:
            self.vary(target)
        self.events.append(
            parts.Event(
                read.id or f"event_{number}",
                self.formula(read.trigger, place),
                tuple((target, self.formula(formula, place)) for target, formula in read.assignments),
                delay,
                priority,
            )
        )

    def finish(self, name: str) -> Model:
        ruled = {r.variable for r in self.rules if r.kind == "assignment"}
        starts = tuple(
            parts.InitialAssignment(id, self.formula(text, f"initial value of {id}"))
            for id, text in self.initial
            if id not in ruled
        )
        system = self.system
        substance = system.id_of(system.substance)
        time, volume = system.id_of(system.time), system.id_of(system.volume)
        identifier = re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_") or "model"
        model = Model(
            id=identifier if not identifier[0].isdigit() else f"m{identifier}",
            name=name if name != identifier else "",
            compartments=tuple(self.made["compartments"].values()), species=tuple(self.made["species"].values()),
            parameters=tuple(self.made["parameters"].values()), reactions=tuple(self.reactions),
            initial_assignments=starts, rules=tuple(self.rules), events=tuple(self.events),
            functions=tuple(self.functions), units=tuple(system.definitions.values()), time_units=time,
            substance_units=substance, extent_units=substance, volume_units=volume,
        )  # fmt: skip
        return self.with_derived_units(model)

    def with_derived_units(self, model: Model) -> Model:
        """Parameters given by formulas get the units of these, where they are known."""
        formulas = {i.symbol: i.formula for i in model.initial_assignments}
        formulas |= {r.variable: r.formula for r in self.rules if r.kind == "assignment" and r.variable is not None}
        for id in [p.id for p in model.parameters if p.id in formulas and p.units is None and p.value is None]:
            try:
                unit = dimension_of(formulas[id], model)
            except UnitsError:
                continue  # reported by the check of the whole model
            if unit is None:
                continue
            given = Quantity(1.0, base_parts(unit))
            target = self.system.target(given)
            units = self.system.id_of(given.parts if target is None else target)
            if target is not None and not unit_of_parts(target).same(unit):
                continue
            parameters = tuple(replace(p, units=units) if p.id == id else p for p in model.parameters)
            model = model.replace(parameters=parameters, units=tuple(self.system.definitions.values()))
        return model
