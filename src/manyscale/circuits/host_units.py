"""A circuit in the units of a host: molecules per cell and the host's time, plain numbers for its own constants."""

from __future__ import annotations

from dataclasses import dataclass, replace

from manyscale.circuits.resources import Host
from manyscale.circuits.unit_systems import base_unit
from manyscale.errors import InputError, UnitsError
from manyscale.kernels import compile_model
from manyscale.model.algebra import inline_functions
from manyscale.model.dimensions import KINDS
from manyscale.model.expr import Delay, Expr, Number, RateOf, Symbol, Time, substitute, symbols, transform, walk
from manyscale.model.model import Model
from manyscale.model.parts import Event, Rule
from manyscale.units import molecules_per_unit

__all__ = ["HostUnits", "host_units", "plain"]


def plain(circuit: Model) -> Model:
    """The circuit with functions, local parameters and rules written out in its rates, and starts as numbers.

    Assignment rules stay beside that, for what they tell. Errors: InputError for what no host can take."""
    if any(r.kind != "assignment" for r in circuit.rules) or circuit.constraints:
        raise InputError(
            "the circuit has rate rules, algebraic rules or constraints; to put it into a host, write what changes as reactions"
        )
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
    rules = {str(r.variable): inline_functions(r.formula, circuit.functions) for r in circuit.rules}

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
        """A rule for a parameter, which keeps its unit."""
        return replace(rule, formula=self.formula(rule.formula))

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


def host_units(circuit: Model, host: Host) -> HostUnits:
    """How a circuit's units become those of the host. Errors: UnitsError where it does not say them."""
    units = {k: base_unit(circuit, k) for k in ("time", "substance", "volume")}
    amounts = all(s.only_substance for s in circuit.species)
    missing = [k for k, u in units.items() if u is None and not (k == "volume" and amounts)]
    if missing:
        raise UnitsError(
            f"the circuit does not say its unit of {' and '.join(missing)}; a host needs molecules and minutes"
        )
    time, substance, volume = units["time"], units["substance"], units["volume"]
    assert time is not None and substance is not None
    if not time.same_dimension(KINDS["second"]):
        raise UnitsError("the circuit's unit of time is not a time; a host needs minutes")
    molecules = molecules_per_unit(substance)
    if molecules is None:
        raise UnitsError("the circuit's unit of substance counts neither moles nor molecules; a host needs molecules")
    per_time = 60.0 * host.minutes / time.factor
    if amounts:
        return HostUnits(circuit, molecules, molecules * per_time, per_time)
    assert volume is not None
    per_unit = molecules * host.volume / (volume.factor * 1e3)  # of a concentration
    return HostUnits(circuit, per_unit, per_unit * per_time / float(circuit.compartments[0].size or 1.0), per_time)
