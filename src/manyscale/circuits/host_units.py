"""A circuit in the units of a host: molecules per cell and the host's time, plain numbers for its own constants."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from manyscale.circuits.as_reactions import as_reactions
from manyscale.circuits.resources import Host
from manyscale.circuits.unit_systems import base_unit
from manyscale.errors import InputError, UnitsError
from manyscale.kernels import compile_model
from manyscale.model.algebra import inline_functions
from manyscale.model.dimensions import KINDS, Unit
from manyscale.model.expr import Delay, Expr, Number, RateOf, Symbol, Time, substitute, symbols, transform, walk
from manyscale.model.model import Model
from manyscale.model.parts import Constraint, Event, Rule
from manyscale.units import molecules_per_unit, units_of

__all__ = ["HostUnits", "host_units", "plain"]


def plain(circuit: Model) -> Model:
    """The circuit with functions, local parameters and rules written out in its rates, rates of change of species as
    reactions, and starts as numbers.

    Assignment rules, and rate rules of parameters, stay beside that. Errors: InputError for what no host can take."""
    circuit = as_reactions(circuit)
    ruled = {r.variable for r in circuit.rules}
    strange = [s.id for s in circuit.species if s.id in ruled] + [c.id for c in circuit.compartments if c.id in ruled]
    if strange:
        raise InputError(
            f"a rule sets {strange[0]!r}; in a host every species follows from reactions: write the rule for a parameter"
        )
    if len(circuit.compartments) != 1 or not circuit.compartments[0].size:
        raise InputError("the circuit must have one compartment with a size: it becomes the cell")
    if any(s.conversion_factor for s in circuit.species) or len({s.only_substance for s in circuit.species}) > 1:
        raise InputError("the circuit's species must be all concentrations or all amounts, without conversion factors")
    for r in circuit.reactions:
        if r.rate is None or any(not isinstance(p.stoichiometry, float | int) for p in (*r.reactants, *r.products)):
            raise InputError(f"reaction {r.id!r} needs a rate law and constant stoichiometries")
    circuit = _started(circuit) if circuit.initial_assignments else circuit
    rules = {
        str(r.variable): inline_functions(r.formula, circuit.functions) for r in circuit.rules if r.kind == "assignment"
    }

    def written(formula: Expr, local=()) -> Expr:
        found = substitute(inline_functions(formula, circuit.functions), {k.id: float(k.value or 0.0) for k in local})
        for _ in range(len(rules) + 1):
            if not symbols(found) & set(rules):
                break
            found = substitute(found, rules)
        if any(type(node) in (Delay, RateOf) for node in walk(found)):
            raise InputError("the circuit uses delays or rateOf, which a host cannot take; write them as reactions")
        return found

    def event(one: Event) -> Event:
        return replace(
            one, trigger=written(one.trigger), delay=written(one.delay) if one.delay is not None else None,
            priority=written(one.priority) if one.priority is not None else None,
            assignments=tuple((id, written(f)) for id, f in one.assignments),
        )  # fmt: skip

    return circuit.replace(
        reactions=tuple(replace(r, rate=written(r.rate, r.local), local=()) for r in circuit.reactions),
        rules=tuple(replace(r, formula=written(r.formula)) for r in circuit.rules), functions=(),
        events=tuple(map(event, circuit.events)),
        constraints=tuple(replace(c, condition=written(c.condition)) for c in circuit.constraints),
    )  # fmt: skip


def _started(circuit: Model) -> Model:
    kernel = compile_model(circuit)
    values = kernel.values(0.0, *kernel.initial())
    species = tuple(
        replace(s, initial=values[s.id], initial_kind="amount" if s.only_substance else "concentration")
        for s in circuit.species
    )
    parameters = tuple(replace(p, value=values[p.id]) for p in circuit.parameters)
    return circuit.replace(species=species, parameters=parameters, initial_assignments=())


@dataclass(frozen=True)
class HostUnits:
    """molecules: per unit of a circuit species; extent: molecules per time of the host, per unit of a rate; time: units
    of the circuit's time per unit of the host's."""

    circuit: Model
    molecules: float
    extent: float
    time: float

    def formula(self, law: Expr) -> Expr:
        """A formula of the circuit, same value and unit, of species in molecules and the host's time."""
        values: dict[str, Expr | float] = {
            s.id: Number(1.0 / self.molecules) * Symbol(s.id) for s in self.circuit.species
        }
        values[self.circuit.compartments[0].id] = float(self.circuit.compartments[0].size or 1.0)
        clock = transform(law, lambda node: Number(self.time) * node if type(node) is Time else node)
        return substitute(clock, values)

    def rate(self, law: Expr) -> Expr:
        """A rate law in molecules per time of the host."""
        return Number(self.extent) * self.formula(law)

    def rule(self, rule: Rule) -> Rule:
        """A rule for a parameter, which keeps its unit; a rate of change is one per time of the host."""
        found = self.formula(rule.formula)
        return replace(rule, formula=Number(self.time) * found if rule.kind == "rate" else found)

    def constraint(self, one: Constraint) -> Constraint:
        """A condition that is looked at along every run."""
        return replace(one, condition=self.formula(one.condition))

    def event(self, one: Event) -> Event:
        """An event; what it gives species is in molecules."""
        ids = {s.id for s in self.circuit.species}
        return replace(
            one, trigger=self.formula(one.trigger),
            delay=None if one.delay is None else Number(1.0 / self.time) * self.formula(one.delay),
            priority=None if one.priority is None else self.formula(one.priority),
            assignments=tuple(
                (id, Number(self.molecules) * self.formula(f) if id in ids else self.formula(f)) for id, f in one.assignments
            ),
        )  # fmt: skip


def host_units(circuit: Model, host: Host, told: Mapping[str, str] | None = None) -> HostUnits:
    """How a circuit's units become those of the host.

    told: units that the circuit does not say, "time" ("s") and "species" ("nM" or "molecules", of a species' value).
    Errors: UnitsError where it does not say them and they are not told, InputError for other keys.
    """
    told = dict(told or {})
    for key in told:
        if key not in ("time", "species"):
            raise InputError(f"units: {key!r} is none of time, species")
    time = units_of(told["time"]) if "time" in told else base_unit(circuit, "time")
    molecules = _per_species(circuit, host, told.get("species"))
    missing = [k for k, x in (("time", time), ("species", molecules)) if x is None]
    if time is None or molecules is None:
        raise UnitsError(
            f"the circuit does not say its unit of {' and '.join(missing)}; a host needs molecules and minutes: give "
            'units={"time": "s", "species": "nM"} (or --unit time=s --unit species=nM)'
        )
    if not time.same_dimension(KINDS["second"]):
        raise UnitsError("the circuit's unit of time is not a time; a host needs minutes")
    per_time = 60.0 * host.minutes / time.factor
    size = 1.0 if all(s.only_substance for s in circuit.species) else float(circuit.compartments[0].size or 1.0)
    return HostUnits(circuit, molecules, molecules * per_time / size, per_time)


def _per_species(circuit: Model, host: Host, told: str | None) -> float | None:
    """Molecules per cell for a species' value of 1; None where nothing says it."""
    if told is not None:
        unit = units_of(told)
        if not molecules_per_unit(unit):
            unit = unit * Unit(KINDS["litre"].exponents, host.volume * KINDS["litre"].factor)
        molecules = molecules_per_unit(unit)
        if molecules is None:
            raise UnitsError(f"units: {told!r} counts neither molecules nor a concentration of them")
        return molecules
    substance, volume = base_unit(circuit, "substance"), base_unit(circuit, "volume")
    amounts = all(s.only_substance for s in circuit.species)
    if substance is None or (volume is None and not amounts):
        return None
    molecules = molecules_per_unit(substance)
    if molecules is None:
        raise UnitsError("the circuit's unit of substance counts neither moles nor molecules; a host needs molecules")
    if amounts:
        return molecules
    assert volume is not None
    return molecules * host.volume / (volume.factor * 1e3)
