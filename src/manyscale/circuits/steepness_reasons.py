"""Why a response is steep: number of sites, and what lets the slope exceed it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from manyscale.circuits.dose_response import Dosing
from manyscale.model.model import Model
from manyscale.model.parts import Species
from manyscale.model.structure import conservation_laws

DRIVEN = 1e-6  # net flux through a reversible step, as a share of its gross flux, from which energy is spent


@dataclass(frozen=True)
class Origin:
    """sites: largest number of input molecules in one complex; equilibrium: no net flux anywhere; free: the dose is the
    free amount; monomer: one input molecule binds at a time; driven: reactions with a net flux."""

    sites: int | None
    equilibrium: bool
    free: bool
    monomer: bool
    driven: tuple[str, ...] = ()

    @property
    def bounded(self) -> bool:
        """Whether n <= sites must hold: free, monomeric input in detailed balance."""
        return self.sites is not None and self.equilibrium and self.free and self.monomer

    def explain(self, n: float) -> str:
        """In words, for a slope n."""
        if self.sites is None:
            return "the input enters rate laws rather than binding sites, so no number of sites bounds the slope"
        named = f"{self.sites} site{'s' if self.sites != 1 else ''} for the input"
        if n <= self.sites * (1 + 1e-6):
            held = (
                "as it must be for a free, monomeric input in detailed balance"
                if self.bounded
                else "though it need not be"
            )
            return f"the slope stays below the number of sites ({named}), {held}"
        causes = []
        if not self.free:
            causes.append("titration: the dose is the total, which first fills what binds it")
        if not self.monomer:
            causes.append("a multimeric input: several input molecules join before or while they bind")
        if not self.equilibrium:
            causes.append(f"energy spent: net flux through {', '.join(self.driven[:4])}")
        if not causes:
            return f"the slope exceeds the number of sites ({named}) without a reason found; check the model"
        return f"the slope exceeds the number of sites ({named}) by " + "; ".join(causes)


def origin(dosing: Dosing, log_dose: float, y: np.ndarray) -> Origin:
    """What bounds the slope of a dose-response curve, from the structure and the fluxes at one point."""
    model = dosing.model
    part = model.by_id.get(dosing.input)
    if not isinstance(part, Species) or not _binds(model, dosing.input):
        return Origin(None, True, True, True)
    driven = _driven(dosing, log_dose, y)
    fixed = part.boundary or part.constant
    return Origin(_sites(model, dosing.input), not driven, fixed, _one_at_a_time(model, dosing.input), driven)


def _binds(model: Model, id: str) -> bool:
    return any(p.species == id for r in model.reactions for p in (*r.reactants, *r.products))


def _one_at_a_time(model: Model, id: str) -> bool:
    """No reaction takes or gives more than one input molecule, and none joins two things that hold it."""
    held = _content(model, id)
    for reaction in model.reactions:
        for side in (reaction.reactants, reaction.products):
            numbers = [_number(p) * held.get(p.species, 0.0) for p in side if held.get(p.species, 0.0)]
            others = [p for p in side if p.species != id and held.get(p.species, 0.0)]
            own = sum(_number(p) for p in side if p.species == id)
            if own > 1 or (len(numbers) > 1 and len(others) > 1) or any(_number(p) > 1 for p in others):
                return False
    return True


def _number(participant) -> float:
    value = participant.stoichiometry
    return float(value) if isinstance(value, int | float) else 1.0


def _content(model: Model, id: str) -> dict[str, float]:
    """Input molecules in each species, from the conservation laws of the network with the input set free."""
    ids = [s.id for s in model.species]
    index = {s: i for i, s in enumerate(ids)}
    entries: list[tuple[int, int, int]] = []
    for j, reaction in enumerate(model.reactions):
        if not (reaction.reactants and reaction.products):
            continue  # synthesis and loss change totals, not what complexes are made of
        for sign, side in ((-1, reaction.reactants), (1, reaction.products)):
            entries += [(index[p.species], j, int(sign * _number(p))) for p in side if _number(p) == int(_number(p))]
    found: dict[str, float] = {id: 1.0}
    for law in conservation_laws(entries, ids):
        if id in law.coefficients and law.semi_positive and len(law.coefficients) > 1:
            own = float(law.coefficients[id])
            counts = {s: float(c) / own for s, c in law.coefficients.items()}
            if len(found) == 1 or max(counts.values()) < max(found.values()):
                found = counts
    return found


def _sites(model: Model, id: str) -> int:
    return max(1, round(max(_content(model, id).values())))


def _driven(dosing: Dosing, log_dose: float, y: np.ndarray) -> tuple[str, ...]:
    """Reversible steps (or one-way reactions) that carry a net flux at a steady state."""
    kernel = dosing.kernel
    if not kernel.system.rates:
        return ()
    model = dosing.model
    rates = kernel.rates(0.0, y, dosing.point(log_dose)[1])
    groups: dict[tuple, list[tuple[str, float]]] = {}
    for reaction, rate in zip(model.reactions, rates):
        net: dict[str, float] = {}
        for sign, side in ((-1.0, reaction.reactants), (1.0, reaction.products)):
            for p in side:
                net[p.species] = net.get(p.species, 0.0) + sign * _number(p)
        changed = sorted((s, x) for s, x in net.items() if x)
        if changed:
            sign = 1.0 if changed[0][1] > 0 else -1.0
            key = tuple((s, sign * x) for s, x in changed)
            groups.setdefault(key, []).append((reaction.id, sign * float(rate)))
    gross = _gross(dosing, log_dose, y)
    found = []
    for members in groups.values():
        net_rate = abs(sum(rate for _, rate in members))
        whole = max(sum(abs(rate) for _, rate in members), max(gross.get(id, 0.0) for id, _ in members))
        if net_rate > DRIVEN * whole and whole > 0:
            found.append(members[0][0])
    return tuple(found)


def _gross(dosing: Dosing, log_dose: float, y: np.ndarray) -> dict[str, float]:
    """Size of the terms of each rate: |dv/dy| |y|, which does not vanish in equilibrium."""
    slopes = np.abs(dosing.kernel.rate_jacobian(0.0, y, dosing.point(log_dose)[1]))
    return dict(zip((r.id for r in dosing.model.reactions), slopes @ np.abs(y)))
