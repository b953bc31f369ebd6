"""A circuit written as plain reactions, put into a host: its proteins become genes that share what the host has.

A reaction that makes a species from nothing expresses a gene: in the host it is transcribed at a rate that, in the
unburdened cell, would make the protein as fast as the circuit says. Which other species hold the protein (dimers,
complexes) follows from the conserved sums of the circuit's remaining reactions; growth dilutes them all, and what a
complex holds besides protein (a promoter, which is copied with the cell) is set free.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction

from manyscale.analysis.steady import steady_state
from manyscale.circuits.renaming import renamed
from manyscale.circuits.resources import Gene, Host, gene_ids, with_genes
from manyscale.circuits.unit_systems import base_unit
from manyscale.errors import InputError, SimulationError, UnitsError
from manyscale.model.algebra import differentiate, inline_functions
from manyscale.model.check import check, raise_violations
from manyscale.model.dimensions import KINDS
from manyscale.model.evaluate import evaluate
from manyscale.model.expr import Expr, Number, Symbol, substitute, symbols
from manyscale.model.model import Model
from manyscale.model.parts import Participant, Reaction, Species
from manyscale.model.structure import conservation_laws
from manyscale.units import molecules_per_unit

__all__ = ["embedded"]


@dataclass(frozen=True)
class _Scale:
    """molecules: per unit of a circuit species; extent: molecules per time of the host, per unit of a rate."""

    molecules: float
    extent: float


def embedded(host: Host, circuit: Model, lengths: Mapping[str, float] | None = None):
    """(genes, model of the host with the circuit in it, remarks). All circuit species become molecules per cell; a gene's
    strength is 1 where it expresses as designed.

    lengths: protein -> amino acids (default 300). A first-order loss is read as degradation and dilution together, so
    the unburdened growth rate is taken off it.
    Errors: InputError or UnitsError for circuits that cannot be read this way, with the reaction that is in the way.
    """
    _refuse(circuit)
    circuit = _free_names(circuit, host)
    scale = _scale(circuit, host)
    alone = steady_state(host.model).values
    kinds = {r.id: _kind(r, circuit) for r in circuit.reactions}
    proteins = _proteins(circuit, kinds)
    for id in lengths or {}:
        if id not in proteins:
            raise InputError(f"the circuit expresses no protein {id!r}; it expresses {', '.join(proteins)}")
    forms, released = _composition(circuit, kinds, proteins)
    growth = float(alone[host.growth])
    remarks: list[str] = []
    reactions, losses = _reactions(circuit, kinds, scale, forms, growth, remarks)
    for held, free in released.items():
        reactions.append(
            Reaction(f"dilute_{held}", _side({held: 1}), _side(free), rate=Symbol(host.growth) * Symbol(held))
        )
    genes, demand = [], {}
    for id in proteins:
        gene = Gene(id, 1.0, float((lengths or {}).get(id, 300.0)), forms=tuple(sorted(forms[id].items())),
                    losses=tuple(losses.get(id, ())))  # fmt: skip
        made = Number(0.0)
        for r in circuit.reactions:
            if kinds[r.id] == f"makes {id}":
                made = made + _rate(r, circuit, scale)
        genes.append(gene)
        demand[id] = made * Number(1.0 / _yield(host, alone, gene)) * Symbol(gene_ids(gene)["strength"])
    model = with_genes(host, genes, demand=demand)
    cell = next(s.compartment for s in model.species if s.id == host.ribosome)
    start = _start(circuit, scale, remarks)
    for gene in genes:  # mRNA and complex as in the unburdened cell
        flux = evaluate(demand[gene.id], {**_constants(circuit), **start, gene_ids(gene)["strength"]: 1.0})
        start[gene_ids(gene)["message"]], start[gene_ids(gene)["complex"]] = (
            flux * x for x in _per_strength(host, alone, gene)
        )
    species = [replace(s, initial=start[s.id]) if s.id in start else s for s in model.species]
    species += [
        Species(s.id, cell, start[s.id], "amount", model.substance_units, only_substance=True, boundary=s.boundary,
                constant=s.constant)
        for s in circuit.species if s.id not in proteins
    ]  # fmt: skip
    constants = tuple(replace(p, units=None) for p in circuit.parameters)
    model = model.replace(
        id=f"{circuit.id}_in_{host.name}", species=tuple(species), parameters=(*model.parameters, *constants),
        reactions=(*model.reactions, *reactions),
    )  # fmt: skip
    raise_violations(check(model, units=False), f"{circuit.id!r} in {host.name!r}")
    return tuple(genes), model, tuple(remarks)


def _refuse(circuit: Model) -> None:
    for what in ("rules", "events", "initial_assignments", "constraints"):
        if getattr(circuit, what, ()):
            raise InputError(
                f"the circuit has {what.replace('_', ' ')}; to put it into a host, write it with plain reactions"
            )
    if len(circuit.compartments) != 1 or not circuit.compartments[0].size:
        raise InputError("the circuit must have one compartment with a size: it becomes the cell")
    if any(s.conversion_factor for s in circuit.species) or len({s.only_substance for s in circuit.species}) > 1:
        raise InputError("the circuit's species must be all concentrations or all amounts, without conversion factors")
    for r in circuit.reactions:
        if r.rate is None or any(not isinstance(p.stoichiometry, float | int) for p in (*r.reactants, *r.products)):
            raise InputError(f"reaction {r.id!r} needs a rate law and constant stoichiometries")


def _free_names(circuit: Model, host: Host) -> Model:
    """The circuit with ids that the host has not."""
    made = ("m", "c", "w", "length", "transcribe", "bind", "translate", "decay_m", "dilute", "dilute_m", "dilute_c")
    taken = set(host.model.by_id) | {f"{kind}_{s.id}" for s in circuit.species for kind in made}
    own = {part.id for part in circuit.parts()}
    names = {}
    for part in circuit.parts():
        if part.id in taken and part.id not in {c.id for c in circuit.compartments}:
            new = f"circuit_{part.id}"
            while new in taken or new in own:
                new = f"circuit_{new}"
            names[part.id] = new
    return renamed(circuit, names)


def _scale(circuit: Model, host: Host) -> _Scale:
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
        return _Scale(molecules, molecules * per_time)
    assert volume is not None
    per_unit = molecules * host.volume / (volume.factor * 1e3)  # of a concentration
    return _Scale(per_unit, per_unit * per_time / float(circuit.compartments[0].size or 1.0))


def _net(reaction: Reaction, circuit: Model) -> dict[str, Fraction]:
    fixed = {s.id for s in circuit.species if s.boundary or s.constant}
    found: dict[str, Fraction] = {}
    for sign, side in ((-1, reaction.reactants), (1, reaction.products)):
        for p in side:
            if p.species not in fixed:
                found[p.species] = found.get(p.species, Fraction(0)) + sign * Fraction(float(p.stoichiometry))  # type: ignore[arg-type]
    return {k: v for k, v in found.items() if v}


def _kind(reaction: Reaction, circuit: Model) -> str:
    net = _net(reaction, circuit)
    if len(net) == 1:
        (id, change), = net.items()  # fmt: skip
        if change == 1:
            return f"makes {id}"
        if change < 0:
            return f"loses {id}"
    if net and all(x > 0 for x in net.values()):
        raise InputError(
            f"reaction {reaction.id!r} makes {', '.join(net)} at once; write one reaction for each protein"
        )
    return "converts"


def _proteins(circuit: Model, kinds: Mapping[str, str]) -> list[str]:
    found = list(dict.fromkeys(k.removeprefix("makes ") for k in kinds.values() if k.startswith("makes ")))
    if not found:
        raise InputError("the circuit makes no protein: no reaction makes a species from nothing")
    for r in circuit.reactions:
        if not kinds[r.id].startswith("makes "):
            continue
        read = sorted(symbols(r.rate) & set(found))  # type: ignore[arg-type]
        slope = symbols(differentiate(r.rate, read[0])) if len(read) == 1 else {read[0]} if read else set()  # type: ignore[arg-type]
        if read and read[0] != kinds[r.id].removeprefix("makes ") and not slope & {s.id for s in circuit.species}:
            raise InputError(
                f"{read[0]!r} looks like the mRNA of reaction {r.id!r}; the host makes the mRNAs itself: write the "
                "circuit with one reaction that makes the protein, at transcription * translation / mRNA decay"
            )
    return found


def _composition(circuit: Model, kinds: Mapping[str, str], proteins: list[str]):
    """({protein: {species: copies in it}}, {species with protein: what is left of it without}) from conserved sums."""
    ids = [s.id for s in circuit.species if not (s.boundary or s.constant)]
    place = {id: i for i, id in enumerate(ids)}
    converting = [r for r in circuit.reactions if kinds[r.id] == "converts"]
    entries = [(place[id], j, x) for j, r in enumerate(converting) for id, x in _net(r, circuit).items()]
    laws = [law.coefficients for law in conservation_laws(entries, ids) if law.semi_positive]
    forms: dict[str, dict[str, float]] = {}
    for id in proteins:
        own = [law for law in laws if id in law]
        if len(own) != 1 or len([x for x in proteins if x in own[0]]) != 1:
            near = [r.id for r in converting if id in _net(r, circuit)]
            raise InputError(f"{id!r} is not conserved by the reactions that convert it ({', '.join(near)}), so its mass "
                             "cannot be counted; write its loss as a reaction of its own")  # fmt: skip
        forms[id] = {s: float(x / own[0][id]) for s, x in own[0].items()}
    counted = {s for law in laws for s in law}
    for r in circuit.reactions:
        for id in _net(r, circuit):
            if id not in counted:
                raise InputError(f"{id!r}, which reaction {r.id!r} changes, is neither a protein nor a part of conserved "
                                 "amount, so its dilution is not clear; hold it fixed, or give it a reaction that makes it")  # fmt: skip
    held = {s for form in forms.values() for s in form}
    others = [law for law in laws if not set(proteins) & set(law)]
    released: dict[str, dict[str, float]] = {}
    for s in sorted(held - set(proteins)):
        released[s] = {}
        for law in (x for x in others if s in x):
            free = [x for x in law if x not in held and sum(x in other for other in others) == 1]
            if len(free) != 1:
                raise InputError(
                    f"what is left of {s!r} without its protein is not clear; found {', '.join(free) or 'nothing'}"
                )
            released[s][free[0]] = float(law[s] / law[free[0]])
    return forms, released


def _rate(reaction: Reaction, circuit: Model, scale: _Scale) -> Expr:
    """The rate law in molecules per time of the host, of species in molecules."""
    assert reaction.rate is not None
    law = substitute(
        inline_functions(reaction.rate, circuit.functions), {p.id: float(p.value or 0.0) for p in reaction.local}
    )
    values: dict[str, Expr | float] = {s.id: Number(1.0 / scale.molecules) * Symbol(s.id) for s in circuit.species}
    values[circuit.compartments[0].id] = float(circuit.compartments[0].size or 1.0)
    return Number(scale.extent) * substitute(law, values)


def _reactions(circuit: Model, kinds: Mapping[str, str], scale: _Scale, forms, growth: float, remarks: list[str]):
    """(reactions that convert or lose, {protein: what of it is degraded, in molecules per time})."""
    found: list[Reaction] = []
    losses: dict[str, list[Expr]] = {}
    amounts = {s.id for s in circuit.species}
    constants = _constants(circuit)
    for r in circuit.reactions:
        if kinds[r.id].startswith("makes "):
            continue
        rate = _rate(r, circuit, scale)
        if kinds[r.id].startswith("loses "):
            id = kinds[r.id].removeprefix("loses ")
            copies = -float(_net(r, circuit)[id])
            slope = differentiate(rate, id)
            if copies == 1.0 and not symbols(slope) & amounts:
                active = evaluate(slope, constants) - growth
                if active <= 1e-12 * growth:
                    remarks.append(f"{r.id} is no faster than dilution by the unburdened cell, which takes its place")
                    continue
                rate = rate - Number(growth) * Symbol(id)
                remarks.append(f"{r.id}: {growth:.4g} of its rate constant is dilution, {active:.4g} degradation")
            for protein, form in forms.items():
                if id in form:
                    losses.setdefault(protein, []).append(Number(copies * form[id]) * rate)
        sides = [tuple(Participant(p.species, p.stoichiometry) for p in side) for side in (r.reactants, r.products)]
        found.append(Reaction(r.id, sides[0], sides[1], rate=rate, reversible=r.reversible))
    return found, losses


def _side(copies: Mapping[str, float]) -> tuple[Participant, ...]:
    return tuple(Participant(id, float(x)) for id, x in copies.items())


def _constants(circuit: Model) -> dict[str, float]:
    return {p.id: float(p.value) for p in circuit.parameters if p.value is not None}


def _start(circuit: Model, scale: _Scale, remarks: list[str]) -> dict[str, float]:
    """Molecules to start from: the circuit's steady state on its own (which of several is thus kept), or its start."""
    try:
        found = steady_state(circuit)
        if found.stable is not False:
            return {s.id: found[s.id] * scale.molecules for s in circuit.species}
        remarks.append("the circuit alone has no stable steady state near its start; its initial values are used")
    except SimulationError:
        remarks.append("the circuit alone has no steady state; its initial values are used")
    size = float(circuit.compartments[0].size or 1.0)
    as_stated = {s.id: size if s.initial_kind == "amount" and not s.only_substance else 1.0 for s in circuit.species}
    return {s.id: (s.initial or 0.0) / as_stated[s.id] * scale.molecules for s in circuit.species}


def _per_strength(host: Host, alone: Mapping[str, float], gene: Gene) -> tuple[float, float]:
    """Free mRNAs and complexes with ribosomes per unit of strength in the unburdened cell, at steady state."""
    growth, bind, unbind = alone[host.growth], alone[host.bind] * alone[host.ribosome], alone[host.unbind]
    clear = alone[host.elongation] / gene.length
    per_message = bind / (unbind + clear + growth)  # complexes per free mRNA
    energy = alone[host.energy] / (alone[host.threshold] + alone[host.energy])
    messages = energy / (alone[host.decay] + growth + bind - (unbind + clear) * per_message)
    return float(messages), float(messages * per_message)


def _yield(host: Host, alone: Mapping[str, float], gene: Gene) -> float:
    """Proteins made per unit of strength in the unburdened cell."""
    return _per_strength(host, alone, gene)[1] * alone[host.elongation] / gene.length
