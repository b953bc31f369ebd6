"""Shares of a proteome: whether they sum to one at all times, and the growth law of a mechanistic cell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from manyscale.analysis.steady import steady_state
from manyscale.circuits.resources import Host, find_host, rising_numbers
from manyscale.engines.simulate import as_model
from manyscale.errors import InputError
from manyscale.kernels import compile_model
from manyscale.model.model import Model

__all__ = ["GrowthLaw", "check_sectors", "growth_law"]

POINTS = 12  # states at which the invariant is tried
EXACT = 1e-9  # largest change of the sum as a share of what flows


def check_sectors(model: Model | Any, sectors: Sequence[str], *, total: float = 1.0) -> float:
    """Check that the sum of `sectors` (species) stays at `total`: that all states with this sum keep it.

    The sum may be kept reaction by reaction or by synthesis and dilution together; it is tried at random states with the
    sum at `total`, the other states and all shares positive. Returns the largest change seen, as a share of the flow.
    Errors: InputError that names the reaction (or the sector without one) that breaks the sum.
    """
    model = as_model(model)
    kernel = compile_model(model)
    index = kernel.system.state_index
    for id in sectors:
        if id not in index:
            raise InputError(
                f"sector {id!r} is not a species that changes; those are {', '.join(kernel.system.states)}"
            )
    if len(set(sectors)) < 2 or len(set(sectors)) < len(sectors):
        raise InputError("give at least two different sectors")
    rows = [index[id] for id in sectors]
    y, p = kernel.initial(None)
    start = float(y[rows].sum())
    if not np.isfinite(start) or abs(start - total) > 1e-9 * abs(total):
        raise InputError(
            f"the shares {' + '.join(sectors)} start at {start:.10g} and not at {total:g}; correct the initial values"
        )
    ids = [id for id, _ in kernel.system.rates]
    weights = np.zeros(len(ids))
    for i, j, x in kernel.system.balance:
        if i in rows:
            weights[j] += float(x)
    worst, parts, flow = 0.0, np.zeros((POINTS, len(ids))), np.zeros(POINTS)
    rng = np.random.default_rng(0)
    for k in range(POINTS):
        z = np.where(y > 0, y, max(float(np.abs(y).max()), 1.0)) * np.exp(rng.normal(0.0, 0.5, y.size))
        z[rows] *= total / z[rows].sum()
        f = kernel.rhs(0.0, z, p)
        parts[k] = weights * kernel.rates(0.0, z, p)
        flow[k] = max(float(np.abs(f[rows]).sum()), float(np.abs(parts[k]).sum()), 1e-300)
        worst = max(worst, abs(float(f[rows].sum())) / flow[k])
    if worst <= EXACT:
        return worst
    raise InputError(
        f"the shares {', '.join(sectors)} do not stay at sum {total:g}: {_culprit(ids, parts, flow, model, sectors)}"
    )


def _culprit(ids: list[str], parts: np.ndarray, flow: np.ndarray, model: Model, sectors: Sequence[str]) -> str:
    """Words for what breaks the sum: one reaction too many, a sector that is not lost, or all that do not balance."""
    rest = parts.sum(axis=1)
    alone = [
        id for j, id in enumerate(ids)
        if np.abs(parts[:, j]).max() > 0 and (np.abs(rest - parts[:, j]) <= EXACT * flow).all()
    ]  # fmt: skip
    if alone:
        return f"reaction {alone[0]!r} changes the sum and nothing balances it; without it the sum is kept"
    lost = {p.species for r in model.reactions for p in r.reactants}
    kept = [s for s in sectors if s not in lost]
    if kept:
        return f"no reaction takes {kept[0]!r} away, so growth does not dilute it; add its dilution"
    j = int(np.argmax(np.abs(parts.mean(axis=0))))
    open_ = [id for i, id in enumerate(ids) if np.abs(parts[:, i]).max() > 0]
    return f"the reactions {', '.join(open_)} do not balance; the largest is {ids[j]!r}"


@dataclass(frozen=True, eq=False)
class GrowthLaw:
    """Ribosome share against growth as the nutrient changes: share = intercept + growth/kappa_t.

    nutrient, growth_rate, ribosome_share, elongation: along the range. slope: of the best line, time of the host; kappa_t
    = 1/slope. r_squared; error: largest distance of a share from the line, as a share of their range: the certificate of
    linearity over `nutrient`. exact_error: |share - length_r (growth/elongation + free/M)|, an identity of the cell's
    equations that is checked at each point; it says where the slope comes from: length_r/elongation, plus how the free
    ribosomes and elongation itself change along the range.
    """

    nutrient: np.ndarray
    growth_rate: np.ndarray
    ribosome_share: np.ndarray
    elongation: np.ndarray
    slope: float
    intercept: float
    r_squared: float
    error: float
    exact_error: float
    slope_limit: float  # length_r / largest elongation of the range: slope at constant elongation, no idle ribosomes

    @property
    def kappa_t(self) -> float:
        return 1.0 / self.slope

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers and lists."""
        return {k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in vars(self).items()} | {
            "kappa_t": self.kappa_t
        }


def growth_law(host: Host | str = "weisse_2015", nutrient: Sequence[float] | None = None, *,
               values: Mapping[str, float] | None = None) -> GrowthLaw:  # fmt: skip
    """The first growth law of a mechanistic cell over a range of its nutrient (default: 8 from 0.08 to 1).

    values: changes of other constants. Errors: InputError for a range that is not positive and rising.
    """
    cell = find_host(host)
    given = rising_numbers(np.geomspace(0.08, 1.0, 8) if nutrient is None else nutrient, "nutrient", 3)
    rows = [steady_state(cell.model, {**(values or {}), cell.nutrient: float(x)}).values for x in given]
    length = cell.lengths[cell.ribosome]
    rate = np.array([v[cell.growth] for v in rows])
    share = np.array([v[length] * (v[cell.ribosome] + v[cell.translating]) / v[cell.mass] for v in rows])
    speed = np.array([v[cell.elongation] for v in rows])
    by_formula = np.array(
        [v[length] * (v[cell.growth] / v[cell.elongation] + v[cell.ribosome] / v[cell.mass_total]) for v in rows]
    )
    slope, intercept = np.polyfit(rate, share, 1)
    away = intercept + slope * rate - share
    r_squared = 1.0 - float(away @ away) / float(((share - share.mean()) ** 2).sum())
    return GrowthLaw(
        given, rate, share, speed, float(slope), float(intercept), r_squared, float(np.abs(away).max() / np.ptp(share)),
        float(np.abs(by_formula - share).max()), float(rows[-1][length] / speed.max()),
    )  # fmt: skip
