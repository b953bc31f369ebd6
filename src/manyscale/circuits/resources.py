"""What a host cell offers to foreign genes, and the host with such genes in it: shared energy, ribosomes and dilution."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np

from manyscale.errors import InputError
from manyscale.kernels.flatten import near
from manyscale.model.expr import Expr, Number, Symbol, add
from manyscale.model.model import Model
from manyscale.model.parse import parse
from manyscale.model.parts import Parameter, Participant, Reaction, Species

__all__ = ["Gene", "Host", "find_host", "gene_ids", "host_values", "rising_numbers", "with_genes"]


def rising_numbers(values: Sequence[float], what: str, least: int) -> np.ndarray:
    """Numbers of a scan as an array. Errors: InputError unless they are at least `least` (2 or 3) positive ones that rise."""
    given = np.asarray(values, dtype=float)
    short = given.ndim != 1 or given.size < least
    if short or not np.isfinite(given).all() or (given <= 0).any() or (np.diff(given) <= 0).any():
        raise InputError(f"{what}: give at least {'two' if least == 2 else 'three'} positive numbers, rising")
    return given


def host_values(model: Model, values: Mapping[str, float]) -> dict[str, float]:
    """Amounts of the species that change, from another solution: a start near it."""
    return {s.id: float(values[s.id]) for s in model.species if s.id in values and not s.constant}


@dataclass(frozen=True)
class Gene:
    """A foreign gene. strength: transcription at plenty of energy, molecules per time of the host; length: of the protein,
    amino acids; decay: active degradation of the protein beside dilution, per time of the host."""

    id: str
    strength: float
    length: float = 300.0
    decay: float = 0.0
    forms: tuple[tuple[str, float], ...] = ()  # species that hold the protein, and how many copies; default: itself
    losses: tuple[Expr, ...] = ()  # rates at which other reactions degrade it, molecules per time
    initiation: Expr | None = (
        None  # ribosomes that its mRNAs load per free ribosome and time; None: the host makes its mRNA
    )

    @property
    def copies(self) -> tuple[tuple[str, float], ...]:
        """Species that hold the protein, with the number of copies in each."""
        return self.forms or ((self.id, 1.0),)

    def total(self, values: Mapping[str, float]) -> float:
        """Molecules of the protein in all its forms."""
        return sum(x * float(values[s]) for s, x in self.copies)

    def made(self, values: Mapping[str, float], host: Host) -> float:
        """Molecules translated per time."""
        ids = gene_ids(self)
        return float(values[host.elongation] * values[ids["complex"]] / values[ids["length"]])

    def __post_init__(self) -> None:
        if not self.id.isidentifier() or not self.id.isascii():
            raise InputError(f"the gene {self.id!r}: a name is letters, digits and _, and starts with a letter")
        for what, value, least in (
            ("strength", self.strength, 0.0),
            ("length", self.length, 1.0),
            ("decay", self.decay, 0.0),
        ):
            if not math.isfinite(value) or value < least:
                raise InputError(f"the {what} of gene {self.id!r} is {value!r}; give a number of at least {least:g}")


@dataclass(frozen=True)
class Host:
    """A cell model in amounts of molecules, and the ids of what genes share in it.

    energy, ribosome: species; elongation (amino acids per time), growth, translating (all ribosomes at work), mass (all
    protein in amino acids): ids of assignment rules; mass_total: constant that `mass` settles at; bind, unbind, decay,
    threshold: constants of ribosome binding, mRNA decay and energy for transcription; nutrient: constant, its quality;
    uptake: reaction that takes it up; lengths: protein -> its length (constant); messages: free mRNAs; volume: litres;
    minutes: the host's time unit in minutes. metabolic: proteins that take up and turn over the nutrient. transcription: reaction that transcribes -> length (constant) of what it
    codes for; polymerase_share, transcribing, polymerase_speed: ids in a host whose polymerases are counted (see
    `polymerases.with_polymerases`), "" elsewhere.
    """

    name: str
    model: Model
    energy: str
    ribosome: str
    elongation: str
    growth: str
    translating: str
    mass: str
    mass_total: str
    bind: str
    unbind: str
    decay: str
    threshold: str
    nutrient: str
    uptake: str
    lengths: Mapping[str, str]
    messages: tuple[str, ...]
    volume: float = 1e-15
    minutes: float = 1.0
    source: str = ""
    transcription: Mapping[str, str] = field(default_factory=dict)
    metabolic: tuple[str, ...] = ()
    polymerase_share: str = ""
    transcribing: str = ""
    polymerase_speed: str = ""


@lru_cache(maxsize=1)
def _weisse() -> Host:
    from manyscale.zoo import weisse_2015 as cell

    return Host(
        "weisse_2015", cell.model(), energy="a", ribosome="r", elongation="elongation", growth="growth",
        translating="translating", mass="mass", mass_total="mass_total", bind="kb", unbind="ku", decay="dm",
        threshold="theta_x", nutrient="ns", uptake="uptake", lengths=cell.LENGTHS, messages=("m_r", "m_t", "m_m", "m_q"), source=cell.SOURCE,
        metabolic=("et", "em"), transcription={"transcribe_r": "n_r", "transcribe_t": "n_x", "transcribe_m": "n_x", "transcribe_q": "n_x"},
    )  # fmt: skip


HOSTS = {"weisse_2015": _weisse}


def find_host(host: Host | str) -> Host:
    """The host itself, or one of that name. Errors: InputError, with the names there are."""
    if isinstance(host, Host):
        return host
    if not isinstance(host, str) or host not in HOSTS:
        raise InputError(
            f"there is no host {host!r}{near(str(host), HOSTS)}; hosts: {', '.join(HOSTS)}, or give a Host"
        )
    return HOSTS[host]()


def gene_ids(gene: Gene) -> dict[str, str]:
    """Ids of a gene's parts in a host: message, complex, strength, length, and its degradation rate."""
    g = gene.id
    return {"message": f"m_{g}", "complex": f"c_{g}", "strength": f"w_{g}", "length": f"length_{g}",
            "decay": f"k_degrade_{g}"}  # fmt: skip


def energized(host: Host, law: Expr) -> tuple[Expr, Expr]:
    """(rate of transcription, the same at the unburdened share of polymerases) for a law at plenty of energy."""
    full = law * parse(f"({host.energy}/({host.threshold} + {host.energy}))")
    return (full * Symbol(host.polymerase_share) if host.polymerase_share else full), full


def with_genes(host: Host, genes: Iterable[Gene], *, demand: Mapping[str, Expr] | None = None,
               transcribing: Sequence[tuple[Expr, Expr]] = ()) -> Model:  # fmt: skip
    """The host's model with the genes in it; each has a free mRNA, its complex with a ribosome, and the protein.

    Transcription strength * energy/(threshold + energy), translation as that of the host's own genes: one protein costs
    `length` of energy, the ribosomes at work drive growth, and growth dilutes all. The rules `translating` and `mass`
    count the new complexes and proteins; growth is net of what is degraded: mass' = growth (mass_total - mass) exactly.
    demand: gene id -> formula that stands in place of its strength (regulated genes). A gene with `initiation` has mRNAs
    elsewhere and gets none. transcribing: (rate at the unburdened share of polymerases, nucleotides) of other RNAs.
    Errors: InputError for names that the host has, or that two genes share.
    """
    genes = tuple(genes)
    model, cell = host.model, _place(host)
    taken = set(model.by_id)
    species, parameters, reactions = [], [], []
    for gene in genes:
        ids = gene_ids(gene)
        own = {gene.id, *ids.values()}
        if own & taken:
            raise InputError(f"gene {gene.id!r}: {sorted(own & taken)[0]!r} is a name in use already; rename the gene")
        taken |= own
        for id in (ids["message"], ids["complex"], gene.id)[gene.initiation is not None :]:
            species.append(Species(id, cell, 0.0, "amount", model.substance_units, only_substance=True))
        parameters += [Parameter(ids["strength"], gene.strength), Parameter(ids["length"], gene.length)]
        if gene.decay:
            parameters.append(Parameter(ids["decay"], gene.decay))
        reactions += _expression(host, gene, ids, (demand or {}).get(gene.id, Symbol(ids["strength"])))
    busy = list(transcribing)
    for gene in (g for g in genes if g.initiation is None):
        ids = gene_ids(gene)
        full = energized(host, (demand or {}).get(gene.id, Symbol(ids["strength"])))[1]
        busy.append((full, Number(3.0) * Symbol(ids["length"])))
    rules = tuple(_counted(host, genes, rule, busy) for rule in model.rules)
    return model.replace(
        id=f"{model.id}_with_{len(genes)}_genes" if genes else model.id, species=(*model.species, *species),
        parameters=(*model.parameters, *parameters), reactions=(*model.reactions, *reactions), rules=rules,
    )  # fmt: skip


def _place(host: Host) -> str:
    one = host.model.by_id[host.ribosome]
    assert isinstance(one, Species)
    return one.compartment


def _expression(host: Host, gene: Gene, ids: Mapping[str, str], demand: Expr) -> list[Reaction]:
    g, m, c = gene.id, ids["message"], ids["complex"]
    a, r = host.energy, host.ribosome
    made, clear = {c: 1, a: gene.length}, f"{host.elongation}*{c}/{ids['length']}"
    if gene.initiation is None:
        found = [
            Reaction(f"transcribe_{g}", (), (Participant(m, 1.0),), rate=energized(host, demand)[0]),
            _reaction(f"bind_{g}", {r: 1, m: 1}, {c: 1}, f"{host.bind}*{r}*{m} - {host.unbind}*{c}", reversible=True),
            _reaction(f"translate_{g}", made, {m: 1, r: 1, g: 1}, clear),
            _reaction(f"decay_{m}", {m: 1}, {}, f"{host.decay}*{m}"),
            _reaction(f"dilute_{m}", {m: 1}, {}, f"{host.growth}*{m}"),
        ]
    else:  # an mRNA takes on the next ribosome while others are at work on it
        found = [
            Reaction(f"bind_{g}", (Participant(r, 1.0),), (Participant(c, 1.0),), rate=gene.initiation * Symbol(r)),
            _reaction(f"translate_{g}", made, {r: 1, g: 1}, clear),
        ]
    found += [_reaction(f"dilute_{id}", {id: 1}, {}, f"{host.growth}*{id}") for id in (c, g)]
    if gene.decay:
        found.append(_reaction(f"degrade_{g}", {g: 1}, {}, f"{ids['decay']}*{g}"))
    return found


def _reaction(id: str, left: Mapping[str, float], right: Mapping[str, float], law: str,
              reversible: bool = False) -> Reaction:  # fmt: skip
    sides = [tuple(Participant(s, float(x)) for s, x in side.items()) for side in (left, right)]
    return Reaction(id, sides[0], sides[1], rate=parse(law), reversible=reversible)


def _counted(host: Host, genes: tuple[Gene, ...], rule, busy: Sequence[tuple[Expr, Expr]]):
    """The rules for ribosomes and polymerases at work and for mass, with the genes in them."""
    formula = rule.formula
    if host.transcribing and rule.variable == host.transcribing:
        for rate, nucleotides in busy:
            formula = formula + rate * nucleotides / Symbol(host.polymerase_speed)
    elif rule.variable == host.translating:
        for gene in genes:
            formula = formula + Symbol(gene_ids(gene)["complex"])
    elif rule.variable == host.mass:
        for gene in genes:
            held = add(*(Number(x) * Symbol(s) for s, x in gene.copies))
            formula = formula + Symbol(gene_ids(gene)["length"]) * held
    elif rule.variable == host.growth:
        for gene in genes:
            ids = gene_ids(gene)
            lost = (*gene.losses, *([Symbol(ids["decay"]) * Symbol(gene.id)] if gene.decay else []))
            if lost:
                formula = formula - Symbol(ids["length"]) * add(*lost) / Symbol(host.mass_total)
    return rule if formula is rule.formula else replace(rule, formula=formula)
