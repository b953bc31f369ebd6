"""Laws that a model already writes in Michaelis-Menten or Hill form: do they hold at the amounts in the model?

v = k E S/(K_M + S) leaves out the substrate that is bound: a share E_T/(K_M + S) of it. Where the enzyme is a species of
the model that share is a number, which also bounds what the total form would miss, K <= K_M in K E_T/(E_T + S + K_M)^2.
Where only a V_max is given, or a Hill function of a factor whose sites are not counted, nothing can be said.
"""

from __future__ import annotations

import numpy as np

from manyscale.bridges.findings import Finding
from manyscale.errors import InputError
from manyscale.kernels.kernel import Kernel
from manyscale.model.algebra import as_fraction, polynomial_in
from manyscale.model.expr import Add, Expr, Power, symbols, walk
from manyscale.model.model import Model
from manyscale.model.parts import Reaction, Species

MOST = 0.1  # bound share of the substrate


def written_laws(model: Model, kernel: Kernel, run) -> list[Finding]:
    """One finding per reaction and saturating reactant or modifier."""
    species = {s.id for s in model.species}
    rates = dict(kernel.system.rates)
    found = []
    for reaction in model.reactions:
        rate = rates.get(reaction.id)
        if rate is None:
            continue
        consumed = {p.species for p in reaction.reactants}
        for id in sorted(symbols(rate) & species):
            hill = _hill(rate, id)
            km = None if hill else _half_saturation(rate, id)
            if km is None and not hill:
                continue
            if hill:
                found.append(_unknown(reaction, id, "Hill law", "the model does not say how many sites it occupies"))
            elif id in consumed:
                found.append(_judged(model, kernel, run, reaction, rate, id, km, species))
    return found


def _half_saturation(rate: Expr, id: str) -> Expr | None:
    """K_M where the rate is (... S)/(K_M + S): quotient of the coefficients of a denominator linear in S."""
    try:
        above, below = as_fraction(rate, [id])
    except InputError:
        return None
    factors = polynomial_in(below, id, 2)
    if factors is None or len(factors) != 2 or polynomial_in(above, id, 2) is None:
        return None
    return factors[0] * factors[1] ** -1


def _hill(rate: Expr, id: str) -> bool:
    """Whether a power of the species other than 1 stands in a sum below a bar."""
    for node in walk(rate):
        if isinstance(node, Power) and isinstance(node.base, Add) and _negative(node.exponent):
            for inner in walk(node.base):
                if isinstance(inner, Power) and id in symbols(inner.base) and not isinstance(inner.base, Add):
                    return not _negative(inner.exponent)
    return False


def _negative(exponent: Expr) -> bool:
    value = getattr(exponent, "value", None)
    return value is not None and value < 0


def _judged(model: Model, kernel, run, reaction: Reaction, rate: Expr, id: str, km: Expr, species: set[str]) -> Finding:
    consumed = {p.species for p in reaction.reactants}
    above, _ = as_fraction(rate, [id])
    enzymes = []
    for other in sorted((symbols(above) & species) - consumed - {id}):
        factors = polynomial_in(above, other, 1)
        if factors is not None and len(factors) == 2 and not _counts(kernel, run, factors[0]):
            enzymes.append(other)
    if len(enzymes) != 1 or not _alike(model, enzymes[0], id):
        return _unknown(reaction, id, "Michaelis-Menten law", "the model does not say how much enzyme there is")
    enzyme = enzymes[0]
    half = np.abs(_along(kernel, run, km))
    rows = _rows(run)
    amount, substrate = np.abs(run[enzyme])[rows], np.abs(run[id])[rows]
    share = float(np.max(amount) / max(float(np.min(half) + np.max(substrate)), 1e-300))
    bound = float(np.max(half * amount / (amount + substrate + half) ** 2))
    valid = share < MOST
    text = f"{np.max(amount):.3g} of {enzyme} against {np.max(substrate):.3g} of {id} and K_M = {half[0]:.3g}: "
    text += f"E_T/(K_M + S) is {share:.2g} where {MOST:g} is the most, so bound substrate "
    text += "hardly counts" if valid else "would have to be counted"
    if not valid:
        better = "would" if bound < MOST else "might not"
        text += f"; the total quasi-steady state {better} hold (at most {bound:.2g})"
    return Finding("Michaelis-Menten law", f"{enzyme} on {id}", (reaction.id,), "E_T/(K_M + S)", share, MOST, None, valid,
                   text + ".")  # fmt: skip


def _unknown(reaction: Reaction, id: str, law: str, why: str) -> Finding:
    return Finding(law, id, (reaction.id,), "E_T/(K_M + S)", None, MOST, None, None, f"{why[0].upper()}{why[1:]}.")


def _counts(kernel, run, formula: Expr) -> bool:
    """Whether a formula is anything but zero along the run."""
    return bool(np.any(np.abs(_along(kernel, run, formula)) > 0))


def _along(kernel, run, formula: Expr) -> np.ndarray:
    """Values of a formula at some times of the run."""
    p = run.parameters
    one = [
        kernel.evaluate((formula,), float(run.times[k]), run.states[k], p if p.ndim == 1 else p[k]) for k in _rows(run)
    ]
    return np.array(one, dtype=float)[:, 0]


def _rows(run) -> np.ndarray:
    return np.unique(np.linspace(0, len(run.times) - 1, 21).astype(int))


def _alike(model: Model, first: str, second: str) -> bool:
    """Whether two species are counted alike: both concentrations, or both amounts."""
    a, b = model.by_id[first], model.by_id[second]
    return isinstance(a, Species) and isinstance(b, Species) and a.only_substance == b.only_substance
