"""A circuit written as plain reactions, put into a host: its proteins become genes that share what the host has.

A reaction that makes a protein from nothing expresses a gene: in the host it is transcribed at a rate that, in the
unburdened cell, would make the protein as fast as the circuit says. A protein that the circuit makes from an mRNA of its
own keeps that mRNA: it is transcribed with the host's energy (and polymerases) and loads free ribosomes, several at a
time, as often as in the unburdened cell gives the circuit's rate of translation. Growth dilutes all forms of proteins and
RNAs (see `roles`), and what a complex holds besides (a promoter, which is copied with the cell) is set free.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from manyscale.analysis.steady import steady_state
from manyscale.circuits.host_units import HostUnits, host_units, plain
from manyscale.circuits.renaming import renamed
from manyscale.circuits.resources import Gene, Host, energized, gene_ids, with_genes
from manyscale.circuits.roles import Roles, net_change, roles
from manyscale.errors import SimulationError
from manyscale.model.algebra import differentiate
from manyscale.model.check import check, raise_violations
from manyscale.model.evaluate import evaluate
from manyscale.model.expr import Expr, Number, Symbol, add, symbols
from manyscale.model.model import Model
from manyscale.model.parts import Participant, Reaction, Species

__all__ = ["embedded"]

UNTRANSLATED = 100.0  # nucleotides of an RNA that no protein is made from


def embedded(host: Host, circuit: Model, lengths: Mapping[str, float] | None = None,
             told: Mapping[str, str] | None = None):  # fmt: skip
    """(genes, model of the host with the circuit in it, remarks). All circuit species become molecules per cell; a gene's
    strength is 1 where it expresses as designed.

    lengths: protein -> amino acids (default 300); 0 marks an RNA. told: units that the circuit does not say. A first-order loss is read as degradation and dilution
    together, so the unburdened growth rate is taken off it.
    Errors: InputError or UnitsError for circuits that cannot be read this way, with the reaction that is in the way.
    """
    circuit = plain(circuit)
    own = roles(circuit, lengths or {})
    circuit, names = _free_names(circuit, host, own)
    lengths = {names.get(id, id): x for id, x in (lengths or {}).items()}
    units = host_units(circuit, host, told)
    alone = steady_state(host.model).values
    found = roles(circuit, lengths)
    remarks: list[str] = _told(found)
    reactions, losses = _reactions(circuit, found, units, float(alone[host.growth]), remarks)
    for held, free in ({id: {} for id in found.rnas} | dict(found.released)).items():
        reactions.append(
            Reaction(f"dilute_{held}", _side({held: 1}), _side(free), rate=Symbol(host.growth) * Symbol(held))
        )
    genes = [_gene(id, found, units, alone, host, lengths, losses) for id in found.proteins]
    demand = {g.id: _demand(g, found, units, host, alone) for g in genes if g.initiation is None}
    transcripts, busy = _transcripts(found, units, host, alone, genes)
    model = with_genes(host, genes, demand=demand, transcribing=busy)
    start = _start(circuit, units, remarks)
    at_start = {**_constants(circuit), **start, **{gene_ids(g)["strength"]: 1.0 for g in genes}}
    for gene in genes:  # mRNA and complex as in the unburdened cell
        start |= _loaded(gene, host, alone, demand.get(gene.id), at_start)
    model = _joined(model, host, circuit, found, units, start, [*reactions, *transcripts])
    raise_violations(check(model, units=False), f"{circuit.id!r} in {host.name!r}")
    return tuple(genes), model, tuple(remarks)


def _told(found: Roles) -> list[str]:
    said = []
    for id, one in found.messages.items():
        templates = ", ".join(sorted(set(one.values())))
        said.append(
            f"{templates} is read as mRNA of {id}, which is made in proportion to it; give it a length if it is a protein"
        )
    if found.kept:
        said.append(
            f"{', '.join(found.kept)}: the total stays, as of a gene that is copied with the cell, and costs nothing"
        )
    return said


def _gene(id: str, found: Roles, units: HostUnits, alone, host: Host, lengths: Mapping[str, float], losses) -> Gene:
    gene = Gene(id, 1.0, float(lengths.get(id, 300.0)), forms=tuple(sorted(found.forms[id].items())),
                losses=tuple(losses.get(id, ())))  # fmt: skip
    if id not in found.messages:
        return gene
    flux = add(*(units.rate(r.rate) for r in found.makers(id, units.circuit)))  # type: ignore[arg-type]
    clear = alone[host.elongation] / gene.length
    loading = Number((1.0 + alone[host.growth] / clear) / alone[host.ribosome]) * flux  # what is loaded is diluted too
    if not _own_messages(id, found):
        loading = loading * Symbol(gene_ids(gene)["strength"])
    return replace(gene, initiation=loading)


def _own_messages(id: str, found: Roles) -> bool:
    """Whether no other protein is made from the mRNAs of this one."""
    mine = set(found.messages[id].values())
    return not any(mine & set(one.values()) for other, one in found.messages.items() if other != id)


def _demand(gene: Gene, found: Roles, units: HostUnits, host: Host, alone) -> Expr:
    """Transcription at plenty of energy of a gene whose mRNA the circuit does not have."""
    made = add(*(units.rate(r.rate) for r in found.makers(gene.id, units.circuit)))  # type: ignore[arg-type]
    return made * Number(1.0 / _yield(host, alone, gene)) * Symbol(gene_ids(gene)["strength"])


def _transcripts(found: Roles, units: HostUnits, host: Host, alone, genes: list[Gene]):
    """(reactions that transcribe the circuit's own RNAs, [(transcription at full share of polymerases, nucleotides)])."""
    energy = alone[host.energy] / (alone[host.threshold] + alone[host.energy])
    reactions, busy = [], []
    for id in found.rnas:
        coded = [g for g in genes if id in found.messages.get(g.id, {}).values()]
        nucleotides = 3.0 * sum(g.length for g in coded) or UNTRANSLATED
        scaled = [Symbol(gene_ids(g)["strength"]) for g in coded if _own_messages(g.id, found)]
        for r in found.makers(id, units.circuit):
            law = Number(1.0 / energy) * units.rate(r.rate)  # type: ignore[arg-type]
            for strength in scaled:
                law = law * strength
            rate, full = energized(host, law)
            busy.append((full, Number(nucleotides)))
            reactions.append(Reaction(r.id, (), _side({id: 1}), rate=rate))
    return reactions, busy


def _loaded(gene: Gene, host: Host, alone, demand: Expr | None, values: Mapping[str, float]) -> dict[str, float]:
    """Its complexes with ribosomes, and its mRNA where the host makes it, as the unburdened cell would have them."""
    ids = gene_ids(gene)
    if gene.initiation is not None:
        clear = alone[host.elongation] / gene.length
        flux = evaluate(gene.initiation, values) * alone[host.ribosome]
        return {ids["complex"]: flux / (clear + alone[host.growth])}
    assert demand is not None
    flux = evaluate(demand, values)
    return dict(zip((ids["message"], ids["complex"]), (flux * x for x in _per_strength(host, alone, gene))))


def _joined(model: Model, host: Host, circuit: Model, found: Roles, units: HostUnits, start, reactions) -> Model:
    cell = next(s.compartment for s in model.species if s.id == host.ribosome)
    species = [replace(s, initial=start[s.id]) if s.id in start else s for s in model.species]
    species += [
        Species(s.id, cell, start[s.id], "amount", model.substance_units, only_substance=True, boundary=s.boundary,
                constant=s.constant)
        for s in circuit.species if s.id not in found.proteins
    ]  # fmt: skip
    constants = tuple(replace(p, units=None) for p in circuit.parameters)
    return model.replace(
        id=f"{circuit.id}_in_{host.name}", species=tuple(species), parameters=(*model.parameters, *constants),
        reactions=(*model.reactions, *reactions), rules=(*model.rules, *map(units.rule, circuit.rules)),
        events=(*model.events, *map(units.event, circuit.events)),
        constraints=(*model.constraints, *map(units.constraint, circuit.constraints)),
    )  # fmt: skip


def _free_names(circuit: Model, host: Host, found: Roles) -> tuple[Model, dict[str, str]]:
    """(the circuit with ids that the host and its genes have not, {old: new})."""
    made = ["c", "w", "length", "bind", "translate", "dilute", "dilute_c"]
    taken = set(host.model.by_id) | {f"dilute_{s.id}" for s in circuit.species}
    for id in found.proteins:
        mine = made if id in found.messages else [*made, "m", "transcribe", "decay_m", "dilute_m"]
        taken |= {f"{kind}_{id}" for kind in mine}
    own = {part.id for part in circuit.parts()}
    names = {}
    for part in circuit.parts():
        if part.id in taken and part.id not in {c.id for c in circuit.compartments}:
            new = f"circuit_{part.id}"
            while new in taken or new in own:
                new = f"circuit_{new}"
            names[part.id] = new
    return renamed(circuit, names), names


def _reactions(circuit: Model, found: Roles, units: HostUnits, growth: float, remarks: list[str]):
    """(reactions that convert or lose, {protein: what of it is degraded, in molecules per time})."""
    reactions: list[Reaction] = []
    losses: dict[str, list[Expr]] = {}
    constants = _constants(circuit)
    amounts = {s.id for s in circuit.species} | {str(rule.variable) for rule in circuit.rules}  # whatever may change
    diluted = {*found.proteins, *found.rnas, *found.released}
    left = dict.fromkeys(diluted, growth)  # what of dilution is still to be found in the circuit's losses
    for r in circuit.reactions:
        what, id = found.kinds[r.id]
        if what == "makes":
            continue
        rate = units.rate(r.rate)  # type: ignore[arg-type]
        lost = {k: -float(x) for k, x in net_change(r, circuit).items()}
        if what == "loses" and lost == {id: 1.0} and id in diluted:
            slope = differentiate(rate, id)
            if symbols(slope) & amounts:
                remarks.append(f"{r.id} is no first-order loss: it is degradation, beside dilution")
            else:
                whole = evaluate(slope, constants)
                dilution = min(left[id], whole)
                left[id] -= dilution
                if whole - dilution <= 1e-12 * growth:
                    remarks.append(f"{r.id} is no faster than dilution by the unburdened cell, which takes its place")
                    continue
                if dilution > 0:
                    rate = rate - Number(dilution) * Symbol(id)
                    remarks.append(
                        f"{r.id}: {dilution:.4g} per minute of its rate constant is dilution, {whole - dilution:.4g} degradation"
                    )
        for protein in found.proteins:
            copies = sum(x * found.forms[protein].get(k, 0.0) for k, x in lost.items())
            if abs(copies) > 1e-9:
                losses.setdefault(protein, []).append(Number(copies) * rate)
        sides = [tuple(Participant(p.species, p.stoichiometry) for p in side) for side in (r.reactants, r.products)]
        reactions.append(Reaction(r.id, sides[0], sides[1], rate=rate, reversible=r.reversible))
    return reactions, losses


def _side(copies: Mapping[str, float]) -> tuple[Participant, ...]:
    return tuple(Participant(id, float(x)) for id, x in copies.items())


def _constants(circuit: Model) -> dict[str, float]:
    return {p.id: float(p.value) for p in circuit.parameters if p.value is not None}


def _start(circuit: Model, units: HostUnits, remarks: list[str]) -> dict[str, float]:
    """Molecules to start from: the circuit's steady state on its own (which of several is thus kept), or its start.
    Parameters with a rate of change stand at their start."""
    try:
        found = steady_state(circuit.replace(rules=tuple(r for r in circuit.rules if r.kind != "rate")))
        if found.stable is not False:
            return {s.id: found[s.id] * units.molecules for s in circuit.species}
        remarks.append("the circuit alone has no stable steady state near its start; its initial values are used")
    except SimulationError:
        remarks.append("the circuit alone has no steady state; its initial values are used")
    size = float(circuit.compartments[0].size or 1.0)
    as_stated = {s.id: size if s.initial_kind == "amount" and not s.only_substance else 1.0 for s in circuit.species}
    return {s.id: (s.initial or 0.0) / as_stated[s.id] * units.molecules for s in circuit.species}


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
