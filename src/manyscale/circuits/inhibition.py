"""The second growth law: ribosomes against growth as translation is inhibited.

An inhibitor such as chloramphenicol stalls ribosomes at work, which stay on their mRNA and in the cell's protein mass
until growth dilutes them (Weisse et al. 2015, PNAS 112:E1038, "zombie" complexes). As energy is spent on translation
alone, growth = kappa_n phi_P holds whatever is stalled, with kappa_n = ns vt s0/(2 n_x (Kt + s0)) of the mechanistic cell,
and with shares that sum to one

    phi_R = 1 - phi_Q - growth/kappa_n:  ribosomes rise as growth falls.

In Scott et al. (2010, Science 330:1099) the rest phi_Q is constant, so that the slope is -1/kappa_n. In the mechanistic
cell the rest shrinks with growth too and gives most of the slope; lines of all nutrients still meet near one share where
growth ends, as theirs do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from manyscale.analysis.steady import steady_state
from manyscale.circuits.resources import Host, find_host, host_values, rising_numbers
from manyscale.errors import InputError, SimulationError
from manyscale.model.expr import Symbol, add, symbols
from manyscale.model.model import Model
from manyscale.model.parts import Parameter, Participant, Reaction, Species

__all__ = ["InhibitionLaw", "inhibition_law", "with_inhibitor"]


def with_inhibitor(host: Host | str = "weisse_2015", rate: float = 0.0) -> Host:
    """The host with an inhibitor of translation: each ribosome at work stalls at `inhibition` (constant, per time of the
    host, value `rate`) and stays so. Errors: InputError for a host that is inhibited already, or rates below 0."""
    cell = find_host(host)
    if not (np.isfinite(rate) and rate >= 0):
        raise InputError(f"inhibition is {rate!r}; give a rate of at least 0")
    if "inhibition" in cell.model.by_id:
        raise InputError(f"the host {cell.name!r} has an inhibitor already")
    return replace(cell, model=_stalling(cell, float(rate)), name=f"{cell.name}_inhibited")


def _stalling(cell: Host, rate: float) -> Model:
    model = cell.model
    formula = next(r.formula for r in model.rules if r.variable == cell.translating)
    working = [s for s in model.species if s.id in symbols(formula)]
    species, reactions, stalled = [], [], []
    for one in working:
        id = f"stalled_{one.id}"
        stalled.append(Symbol(id))
        species.append(Species(id, one.compartment, 0.0, one.initial_kind, one.substance_units, one.only_substance))
        reactions += [
            Reaction(f"stall_{one.id}", (Participant(one.id),), (Participant(id),), rate=Symbol("inhibition") * Symbol(one.id)),
            Reaction(f"dilute_{id}", (Participant(id),), (), rate=Symbol(cell.growth) * Symbol(id)),
        ]  # fmt: skip
    weight = Symbol(cell.lengths[cell.ribosome])
    rules = tuple(
        replace(r, formula=add(r.formula, *(weight * s for s in stalled))) if r.variable == cell.mass else r
        for r in model.rules
    )
    return model.replace(
        id=f"{model.id}_inhibited", species=(*model.species, *species), reactions=(*model.reactions, *reactions), rules=rules,
        parameters=(*model.parameters, Parameter("inhibition", rate)),
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class InhibitionLaw:
    """Ribosome share (stalled ones included) against growth as translation is inhibited at one nutrient:
    share = intercept - growth/kappa_n.

    inhibition: rates at which ribosomes at work stall; growth_rate, ribosome_share, rest_share (what is neither ribosome
    nor metabolism): along them. slope, intercept: of the best line; r_squared; error: largest distance from it as a share of
    the range of shares. metabolic_slope: -1/kappa_n by formula, the part of the slope that metabolism gives; exact_error:
    |share - (1 - rest - growth/kappa_n)|, an identity of the cell that is checked at each point.
    """

    nutrient: float
    inhibition: np.ndarray
    growth_rate: np.ndarray
    ribosome_share: np.ndarray
    rest_share: np.ndarray
    slope: float
    intercept: float
    r_squared: float
    error: float
    metabolic_slope: float
    exact_error: float

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers and lists."""
        return {k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in vars(self).items()}


def inhibition_law(host: Host | str = "weisse_2015", inhibition: Sequence[float] | None = None, *,
                   values: Mapping[str, float] | None = None, progress: Callable[[float], None] | None = None
                   ) -> InhibitionLaw:  # fmt: skip
    """The second growth law of a mechanistic cell over rates of inhibition (default: none and 8 from 0.002 to 0.03 per
    time of the host). values: changes of the cell's constants, such as its nutrient.

    Errors: InputError for rates that are not positive and rising; SimulationError where the cell stops growing.
    """
    cell = with_inhibitor(host)
    given = np.geomspace(0.002, 0.03, 8) if inhibition is None else rising_numbers(inhibition, "inhibition", 3)
    given = np.concatenate([[0.0], given])
    rows, last = [], {}
    for k, rate in enumerate(given):
        found = steady_state(cell.model, {**(values or {}), **last, "inhibition": float(rate)}).values
        if found[cell.growth] < 1e-9 * rows[0][cell.growth] if rows else found[cell.growth] <= 0:
            raise SimulationError(f"the cell does not grow at an inhibition of {rate:g}; give smaller rates")
        last = host_values(cell.model, found)
        rows.append(found)
        if progress:
            progress((k + 1) / len(given))
    return _law(cell, given, rows)


def _law(cell: Host, given: np.ndarray, rows) -> InhibitionLaw:
    length = cell.lengths[cell.ribosome]
    stalled = [s.id for s in cell.model.species if s.id.startswith("stalled_")]
    growth = np.array([v[cell.growth] for v in rows])
    share = np.array(
        [v[length] * (v[cell.ribosome] + v[cell.translating] + sum(v[s] for s in stalled)) / v[cell.mass] for v in rows]
    )
    mass = np.array([v[cell.mass] for v in rows])
    metabolic = np.array([sum(v[cell.lengths[p]] * v[p] for p in cell.metabolic) for v in rows]) / mass
    per_share = (
        np.array([v[cell.nutrient] * v[cell.uptake] for v in rows]) / mass / metabolic
    )  # growth per share: kappa_n
    slope, intercept = np.polyfit(growth, share, 1)
    away = intercept + slope * growth - share
    r_squared = 1.0 - float(away @ away) / float(((share - share.mean()) ** 2).sum())
    rest = 1.0 - share - metabolic
    return InhibitionLaw(
        float(rows[0][cell.nutrient]), given, growth, share, rest, float(slope), float(intercept), r_squared,
        float(np.abs(away).max() / np.ptp(share)), float(-1.0 / per_share[0]),
        float(np.abs(share - (1.0 - rest - growth / per_share)).max()),
    )  # fmt: skip
