"""`burden`: what foreign genes cost the cell that carries them, and each other.

Genes share energy, free ribosomes and dilution with the host (Weisse et al. 2015). Competition for ribosomes: Gyorgy A,
Jimenez JI, Yazbek J, Huang HH, Chung H, Weiss R, Del Vecchio D (2015) Isocost lines describe the cellular economy of
genetic circuits. Biophys J 109:639.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from manyscale.analysis.stability import conserved_quotient
from manyscale.analysis.steady import SteadyState, steady_state
from manyscale.circuits.embedding import embedded
from manyscale.circuits.frontier import Isocost, Pareto, undominated
from manyscale.circuits.module import Module
from manyscale.circuits.polymerases import with_polymerases
from manyscale.circuits.resources import Gene, Host, find_host, gene_ids, host_values, rising_numbers, with_genes
from manyscale.circuits.sbol import is_sbol, read_sbol
from manyscale.engines.simulate import as_model
from manyscale.errors import InputError, SimulationError
from manyscale.kernels import compile_model
from manyscale.model.model import Model

__all__ = ["Burden", "Isocost", "Pareto", "burden"]

PROBE = Gene("reporter", 1e-3)  # a gene too weak to matter, which feels what the others do


@dataclass(frozen=True, eq=False)
class Burden:
    """A host with foreign genes at its steady state. `values` has everything by id; times are the host's."""

    host: Host
    genes: tuple[Gene, ...]
    model: Model
    state: SteadyState
    alone: SteadyState
    remarks: tuple[str, ...] = ()
    circuit: Module | Model | None = None  # as given, None for genes

    @property
    def values(self) -> Mapping[str, float]:
        return self.state.values

    @property
    def growth_rate(self) -> float:
        """Per time unit of the host."""
        return float(self.values[self.host.growth])

    @property
    def relative_growth(self) -> float:
        """Growth with the genes over growth without."""
        return self.growth_rate / float(self.alone[self.host.growth])

    @property
    def protein_fractions(self) -> dict[str, float]:
        """Share of each foreign protein in the cell's protein mass."""
        mass = self.values[self.host.mass]
        return {g.id: float(self.values[gene_ids(g)["length"]] * g.total(self.values) / mass) for g in self.genes}

    @property
    def protein_fraction(self) -> float:
        """Share of all foreign protein in the cell's protein mass."""
        return sum(self.protein_fractions.values())

    @property
    def synthesis_fraction(self) -> float:
        """Share of the circuit in all amino acids that the cell translates: above its share of protein where it is degraded."""
        v, host = self.values, self.host
        foreign = sum(float(v[gene_ids(g)["complex"]]) for g in self.genes)
        return foreign / float(v[host.translating])

    @property
    def mass_error(self) -> float:
        """|mass / mass_total - 1|, which the bookkeeping makes zero at every steady state."""
        return abs(self.values[self.host.mass] / self.values[self.host.mass_total] - 1.0)

    @property
    def ribosome_eps(self) -> float:
        """growth / (bind * free mRNA + unbind + initiation-clearing rate): how fast binding is beside growth."""
        host, v = self.host, self.values
        free = sum(
            v[m] for m in (*host.messages, *(gene_ids(g)["message"] for g in self.genes if g.initiation is None))
        )
        clearing = (
            v[host.elongation] / v[next(x for x in host.lengths.values() if x != host.lengths.get(host.ribosome))]
        )
        return float(v[host.growth] / (v[host.bind] * free + v[host.unbind] + clearing))

    @cached_property
    def coupling(self) -> dict[tuple[str, str], float]:
        """(watched, driven) -> d ln watched protein / d ln strength of the driven gene, exactly by the implicit function.

        "reporter" is a gene too weak to matter: its entries tell what any bystander feels. Negative: competition."""
        watched, model = (*self.genes, PROBE), with_genes(replace(self.host, model=self.model), [PROBE])
        found = steady_state(model, host_values(model, self.values))
        sense = log_sensitivities(
            model, found, [gene_ids(g)["strength"] for g in self.genes], [g.copies for g in watched]
        )
        return {
            (a.id, b.id): float(sense[i, j])
            for j, b in enumerate(self.genes) if b.strength > 0
            for i, a in enumerate(watched) if a.strength > 0
        }  # fmt: skip

    def pareto(
        self, factors: Sequence[float] | None = None, *, progress: Callable[[float], None] | None = None
    ) -> Pareto:
        """Product rate against growth as all strengths are multiplied by `factors` (default: 49 from 0.01 to 1000).

        Ctrl-C keeps what is done. Errors: InputError for factors that are not positive and rising."""
        given = rising_numbers(np.geomspace(1e-2, 1e3, 49) if factors is None else factors, "factors", 2)
        strengths = [{gene_ids(g)["strength"]: g.strength * x for g in self.genes} for x in given]
        rows, stopped = self._scan(strengths, progress)
        v = self.host
        growth = np.array([r[v.growth] if r else np.nan for r in rows])
        product = np.array([sum(g.total(r) for g in self.genes) if r else np.nan for r in rows])
        made = np.array([sum(g.made(r, v) for g in self.genes) if r else np.nan for r in rows])
        share = np.array(
            [sum(r[gene_ids(g)["length"]] * g.total(r) for g in self.genes) / r[v.mass] if r else np.nan for r in rows]
        )
        uptake = np.array([r[v.uptake] if r else np.nan for r in rows])
        front = np.array([undominated(i, growth, made) for i in range(given.size)])
        if not np.isfinite(made).any():
            raise SimulationError(f"no point of the scan was computed: {stopped or 'no steady state'}")
        return Pareto(
            given,
            growth,
            product,
            made,
            share,
            uptake,
            front,
            int(np.nanargmax(made)),
            stopped,
            float(self.alone[v.growth]),
        )

    def isocost(
        self, first: str | None = None, second: str | None = None, strengths: Sequence[float] | None = None
    ) -> Isocost:
        """How the protein of `second` falls as the gene `first` is driven (default: first and second gene, or a reporter
        of strength 1 as second). strengths: of the first gene; default 0 to twice its own, 11 values.

        Errors: InputError for genes that are not there."""
        ids = [g.id for g in self.genes]
        first = first if first is not None else ids[0]
        second = second if second is not None else next((id for id in ids if id != first), PROBE.id)
        for id in (first, second):
            if id not in ids and id != PROBE.id:
                raise InputError(f"there is no gene {id!r}; genes: {', '.join(ids)}")
        if first == second or first == PROBE.id:
            raise InputError("an isocost line needs two different genes, the first of them a gene of the circuit")
        base, other = self, replace(PROBE, strength=1.0)
        if second in ids:
            other = next(g for g in self.genes if g.id == second)
        else:
            base = replace(self, model=with_genes(replace(self.host, model=self.model), [other]))
        own = next(g for g in self.genes if g.id == first)
        given = np.linspace(0.0, 2.0 * own.strength, 11) if strengths is None else np.asarray(strengths, dtype=float)
        if given.size < 3 or (given < 0).any() or not np.isfinite(given).all():
            raise InputError("strengths: give at least three numbers that are not negative")
        rows, stopped = base._scan([{gene_ids(own)["strength"]: float(x)} for x in given], None)
        if stopped:
            raise SimulationError(stopped)
        x, y = np.array([own.total(r) for r in rows]), np.array([other.total(r) for r in rows])
        slope, intercept = np.polyfit(x, y, 1)
        error = float(np.abs(intercept + slope * x - y).max() / max(np.ptp(y), 1e-300))
        growth = np.array([r[self.host.growth] for r in rows])
        return Isocost((first, second), given, x, y, growth, float(slope), float(intercept), error)

    def _scan(self, changes: Sequence[Mapping[str, float]], progress: Callable[[float], None] | None):
        """(values at each change or None, why it stopped), each from the one before."""
        rows: list[Mapping[str, float] | None] = [None] * len(changes)
        last, stopped = self.values, ""
        try:
            for k, change in enumerate(changes):
                last = rows[k] = steady_state(self.model, host_values(self.model, last) | dict(change)).values
                if progress:
                    progress((k + 1) / len(changes))
        except KeyboardInterrupt:
            stopped = "interrupted"
        except SimulationError as error:
            stopped = f"no steady state at {dict(changes[k])}: {error}"
        return rows, stopped

    def to_dict(self) -> dict[str, Any]:
        """The numbers, for JSON."""
        return {
            "host": self.host.name, "genes": {g.id: {"strength": g.strength, "length": g.length, "decay": g.decay} for g in self.genes},
            "growth_rate": self.growth_rate, "relative_growth": self.relative_growth,
            "protein_fraction": self.protein_fraction, "synthesis_fraction": self.synthesis_fraction, "protein_fractions": self.protein_fractions,
            "molecules": {g.id: g.total(self.values) for g in self.genes},
            "coupling": [{"watched": a, "driven": b, "elasticity": x} for (a, b), x in self.coupling.items()],
            "ribosome_eps": self.ribosome_eps, "mass_error": self.mass_error, "remarks": list(self.remarks),
        }  # fmt: skip

    def __repr__(self) -> str:
        return (f"<Burden on {self.host.name}: growth {self.growth_rate:.4g}, {self.relative_growth:.1%} of the host alone; "
                f"{self.protein_fraction:.1%} of its protein>")  # fmt: skip


def burden(
    circuit: Any,
    host: Host | str = "weisse_2015",
    *,
    values: Mapping[str, float] | None = None,
    lengths: Mapping[str, float] | None = None,
    polymerases: float | None = None,
    units: Mapping[str, str] | None = None,
) -> Burden:
    """What a circuit costs a host.

    circuit: gene -> expression strength (transcription at plenty of energy, molecules per time of the host); or `Gene`s
    with lengths and degradation; or a Module, a Model or a file of plain reactions, whose proteins become genes of
    strength 1 (see `circuits.embedding`). host: name or `Host`. values: changes of the host's constants by id, such as
    its nutrient. lengths: protein -> amino acids (default 300; 0: an RNA that nothing is made from). polymerases: per cell,
    shared by all genes (default: as many as are wanted). units: for a circuit that does not say them, "time" and
    "species" (of a species' value), such as {"time": "s", "species": "nM"}.
    Errors: InputError for what cannot be read; SimulationError where the burdened cell has no steady state.
    """
    cell = find_host(host)
    if values:
        cell = replace(cell, model=_changed(cell.model, values))
    if polymerases is not None:
        cell = with_polymerases(cell, polymerases)
    alone = steady_state(cell.model)
    remarks: tuple[str, ...] = ()
    design = None
    if isinstance(circuit, Module | Model | str | Path):
        circuit = read_sbol(circuit) if is_sbol(circuit) else circuit
        design = circuit if isinstance(circuit, Module) else as_model(circuit)
        genes, model, remarks = embedded(cell, design.model if isinstance(design, Module) else design, lengths, units)
    else:
        if units:
            raise InputError("units are for circuits given as models; strengths of genes are transcripts per minute")
        genes = _genes(circuit, lengths or {})
        model = with_genes(cell, genes)
    if model.events:
        remarks += ("events do not act on steady states: all numbers are for the cell before them; `model` keeps them",)
    state = steady_state(model, host_values(cell.model, alone.values))
    if state.stable is False:
        remarks += (f"the steady state is not stable ({state.kind}): the cell will not stay there; simulate `model`",)
    found = Burden(cell, genes, model, state, alone, remarks, design)
    if found.growth_rate <= 0 or found.mass_error > 1e-6:
        raise SimulationError(
            f"the burdened cell does not grow (rate {found.growth_rate:.3g}, mass off by {found.mass_error:.1e}); "
            "lower the expression or the degradation of the genes"
        )
    return found


def _genes(circuit: Any, lengths: Mapping[str, float]) -> tuple[Gene, ...]:
    if isinstance(circuit, Gene):
        circuit = (circuit,)
    if isinstance(circuit, Mapping):
        circuit = [_gene(id, strength) for id, strength in circuit.items()]
    if not (isinstance(circuit, list | tuple) and circuit and all(isinstance(g, Gene) for g in circuit)):
        raise InputError(
            "a circuit is {gene: strength}, a list of Gene with at least one of them, a module, a model or a file; "
            f"not {circuit!r:.80}"
        )
    ids = [g.id for g in circuit]
    for id in lengths:
        if id not in ids:
            raise InputError(f"there is no gene {id!r}; genes: {', '.join(ids)}")
    return tuple(replace(g, length=float(lengths[g.id])) if g.id in lengths else g for g in circuit)


def _gene(id: Any, strength: Any) -> Gene:
    try:
        return Gene(str(id), float(strength))
    except (TypeError, ValueError):
        raise InputError(f"the strength of gene {id!r} is {strength!r}; give a number") from None


def _changed(model: Model, values: Mapping[str, float]) -> Model:
    known = {p.id for p in model.parameters if p.constant}
    for id in values:
        if id not in known:
            raise InputError(f"the host has no constant {id!r}; it has {', '.join(sorted(known))}")
    return model.replace(
        parameters=tuple(replace(p, value=float(values[p.id])) if p.id in values else p for p in model.parameters)
    )


def log_sensitivities(
    model: Model, found: SteadyState, constants: Sequence[str], outputs: Sequence[Sequence[tuple[str, float]]]
) -> np.ndarray:
    """d ln output / d ln constant at a steady state, shape (outputs, constants): J dy = -f_p on the conserved quotient.

    An output is a sum of (state, weight)."""
    kernel = compile_model(model)
    y, p = found.states, found.parameters
    quotient = conserved_quotient(kernel, 0.0, y, p)
    keep = quotient.independent
    where = [kernel.system.parameter_index[id] for id in constants]
    change = kernel.parameter_jacobian(0.0, y, p)[:, where]
    moved = quotient.embed @ np.linalg.solve(quotient.reduce(kernel.jacobian(0.0, y, p)), -change[keep])
    weights = np.zeros((len(outputs), y.size))
    for i, parts in enumerate(outputs):
        for id, weight in parts:
            weights[i, kernel.system.state_index[id]] += weight
    with np.errstate(all="ignore"):
        return np.asarray((weights @ moved) * p[where][None, :] / (weights @ y)[:, None])
