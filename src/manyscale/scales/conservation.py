"""Conservation laws of a lowered model, and which species are computed from the totals."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from manyscale.kernels.kernel import Kernel
from manyscale.kernels.system import System
from manyscale.model.expr import Delay, RateOf, symbols, walk
from manyscale.model.model import Model
from manyscale.model.structure import ConservationLaw, conservation_laws, dependent_species

END_PRODUCT = 2.0  # preference for a species that nothing depends on: its rounding errors go nowhere


def laws(model: Model, system: System) -> tuple[ConservationLaw, ...]:
    """All laws "sum of coefficient * amount = constant", exact over the rationals, trivial ones included.

    Amounts are in units of reaction extent (amount / conversion factor). States that rate rules, algebraic rules,
    events or variable stoichiometries change are in no law.
    """
    otherwise = {i for i, _ in (*system.rate_rules, *system.algebraic)}
    otherwise |= {i for i, _, _ in system.variable_stoichiometry}
    otherwise |= {t.index for event in system.events for t in event.targets if t.kind == "state"}
    otherwise |= {i for i, species in enumerate(system.state_is_species) if not species}
    names = {s.id: s.name for s in model.species if s.name}
    return conservation_laws(system.stoichiometry, system.states, names=names, changed_otherwise=sorted(otherwise))


def extents(kernel: Kernel, states: np.ndarray, p: np.ndarray) -> np.ndarray:
    """States (nt, n) as amounts in units of reaction extent, which the laws add up."""
    return states / row_factors(kernel, states[0], p)


def row_factors(kernel: Kernel, y: np.ndarray, p: np.ndarray) -> np.ndarray:
    """What turns the amounts of the stoichiometry into the units of y, shape (n,); constant in time."""
    factors = np.asarray(kernel.evaluate(kernel.system.row_factors, 0.0, y, p), dtype=float)
    return np.where(np.isfinite(factors) & (factors != 0), factors, 1.0)


def dependent(
    model: Model,
    kernel: Kernel,
    found: Sequence[ConservationLaw],
    states: np.ndarray,
    p: np.ndarray,
    forbidden: Collection[str] = (),
) -> tuple[tuple[ConservationLaw, ...], tuple[str, ...]]:
    """The laws that can be used, and the species computed from each.

    states: (nt, n) along a trajectory. Chosen is what makes up most of the total at all times, because a small
    difference of large numbers loses digits; end products come first of all. A law for which only `forbidden` species
    are left is dropped.
    """
    weights = _weights(kernel, found, states, p, _influential(kernel.system))
    for species in forbidden:
        if species in weights:
            weights[species] = -1.0
    usable = list(found)
    while True:
        chosen = dependent_species(usable, weights)
        bad = [k for k, species in enumerate(chosen) if species in forbidden]
        if not bad:
            return tuple(usable), chosen
        usable = [law for k, law in enumerate(usable) if k not in bad]


def _weights(
    kernel: Kernel, found: Sequence[ConservationLaw], states: np.ndarray, p: np.ndarray, influential: set[str]
) -> dict[str, float]:
    index = {id: i for i, id in enumerate(kernel.system.states)}
    amounts = np.abs(extents(kernel, states, p))
    weights: dict[str, float] = {}
    for law in found:
        columns = [index[s] for s in law.coefficients]
        parts = amounts[:, columns] * np.abs([float(c) for c in law.coefficients.values()])
        total = parts.sum(axis=1, keepdims=True)
        share = np.divide(parts, total, out=np.zeros_like(parts), where=total > 0)
        score = np.round(share.max(axis=0) + share.min(axis=0), 3)
        for species, value in zip(law.coefficients, score):
            bonus = 0.0 if species in influential else END_PRODUCT
            weights[species] = max(weights.get(species, 0.0), float(value) + bonus)
    return weights


def _influential(system: System) -> set[str]:
    """Names that occur in any formula of the dynamics."""
    formulas = [f for _, f in (*system.variables, *system.rates, *system.rate_rules, *system.algebraic)]
    formulas += [f for _, _, f in system.variable_stoichiometry]
    for event in system.events:
        formulas += [event.trigger, *event.formulas]
        formulas += [f for f in (event.delay, event.priority) if f is not None]
    names: set[str] = set()
    for formula in formulas:
        names |= symbols(formula)
    return {name.removesuffix(".amount") for name in names}


def not_to_compute(model: Model) -> set[str]:
    """Species that must stay dynamic: assigned by events, or looked at by rateOf, delay or initial assignments."""
    found = {target for event in model.events for target, _ in event.assignments}
    for item in model.initial_assignments:
        found |= symbols(item.formula)
    for formula in _all_formulas(model):
        for node in walk(formula):
            if isinstance(node, RateOf):
                found.add(node.name)
            elif isinstance(node, Delay):
                found |= symbols(node.argument)
    return found


def _all_formulas(model: Model):
    for reaction in model.reactions:
        if reaction.rate is not None:
            yield reaction.rate
    for rule in model.rules:
        yield rule.formula
    for event in model.events:
        yield event.trigger
        yield from (formula for _, formula in event.assignments)
        yield from (f for f in (event.delay, event.priority) if f is not None)
    for function in model.functions:
        yield function.body


def reconstruction(
    kernel: Kernel, found: Sequence[ConservationLaw], chosen: Sequence[str], y: np.ndarray, p: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(independent, dependent, B): small changes of the dependent states are B times those of the independent ones.

    Indices into y; B of shape (len(dependent), len(independent)), in the units of y.
    """
    index = {id: i for i, id in enumerate(kernel.system.states)}
    computed = np.array([index[s] for s in chosen], dtype=int)
    mask = np.ones(kernel.size, dtype=bool)
    mask[computed] = False
    free = np.flatnonzero(mask)
    if not len(computed):
        return free, computed, np.zeros((0, len(free)))
    matrix = np.zeros((len(found), kernel.size))
    for k, law in enumerate(found):
        for species, coefficient in law.coefficients.items():
            matrix[k, index[species]] = float(coefficient)
    matrix /= row_factors(kernel, y, p)
    return free, computed, -np.linalg.solve(matrix[:, computed], matrix[:, free])


def totals(found: Sequence[ConservationLaw], kernel: Kernel, y: np.ndarray, p: np.ndarray) -> Mapping[str, float]:
    """Value of each conserved sum by its name, in units of reaction extent."""
    amounts = dict(zip(kernel.system.states, extents(kernel, y[None, :], p)[0]))
    return {law.name: law.total(amounts) for law in found}
