"""Conserved totals in place of differential equations; exact.

A law "sum of g_i * amount_i = T" of the stoichiometry, exact over the rationals, makes one species a function of the
others and of T. It stays in the model as a boundary species with an assignment rule, T becomes a parameter.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from types import MappingProxyType

import numpy as np

from manyscale.bridges.bridge import Bridge
from manyscale.bridges.certificate import (
    Assumption,
    Certificate,
    Refusal,
)
from manyscale.bridges.compose import carry, start_values
from manyscale.bridges.exact.exactly import exactly
from manyscale.engines.ode import simulate_ode
from manyscale.errors import InputError, SimulationError
from manyscale.kernels import compile_model
from manyscale.kernels.kernel import Kernel
from manyscale.kernels.system import System
from manyscale.model.dimensions import KINDS, unit_of_parts
from manyscale.model.elimination import subtract
from manyscale.model.evaluate import evaluate
from manyscale.model.expr import Expr, Number, Symbol, add, mul, power
from manyscale.model.model import Model
from manyscale.model.naming import free_name
from manyscale.model.parts import Compartment, Parameter, Rule, Species, UnitDefinition, UnitPart
from manyscale.model.printing import infix
from manyscale.model.question import Question
from manyscale.model.structure import ConservationLaw
from manyscale.scales import conservation
from manyscale.scales.measure import Scales
from manyscale.units import definition

CHECKED = 1e-9  # largest relative difference of right-hand sides accepted as rounding
REPLAYS = 3  # points at which they are compared


@dataclass(frozen=True)
class Total:
    """One law in use: its total as a parameter of the coarse model, and the formula of the species computed from it."""

    law: ConservationLaw
    species: str
    id: str
    formula: Expr  # of the total, over fine ids
    value: float
    units: str | None
    concentration: str | None  # the compartment it is a concentration in; None: an amount
    rule: Expr  # of the species, over ids of the coarse model


def attempt(model: Model, scales: Scales | None, question: Question) -> Bridge | Refusal:
    """The bridge to the model in which totals replace one species each; a Refusal where nothing is conserved."""
    kernel = compile_model(model)
    system = kernel.system
    if any(reaction.fast for reaction in model.reactions):
        return Refusal(
            "conserve", "the model declares infinitely fast reactions, which its simulation already projects out"
        )
    y, p = kernel.initial()
    states = _along(scales, kernel, y, question)
    found = conservation.laws(model, system)
    used, chosen = conservation.dependent(model, kernel, found, states, p, conservation.not_to_compute(model))
    if not used:
        why = "no sum of amounts is conserved" if not found else (
            "the species in conserved sums are set by events, initial assignments or delays and cannot be computed")  # fmt: skip
        return Refusal("conserve", why, 0.0, 1.0)
    idle = {law.species[0] for law in used if law.trivial}
    totals = _totals(
        model, [law for law in used if not law.trivial], [s for law, s in zip(used, chosen) if not law.trivial]
    )
    bridge = _bridge(model, system, question, totals, idle)
    try:
        compile_model(bridge.coarse)
    except InputError as error:
        return Refusal("conserve", f"with totals the other equations of the model cannot be solved ({error})")
    if not _exact(system, used):
        return Refusal(
            "conserve", "a law of the stoichiometry does not hold exactly", where=", ".join(t.law.name for t in totals)
        )
    worst = replayed(bridge, states, p)
    if not worst <= CHECKED:
        return Refusal("conserve", "the equations with totals differ from those without", worst, CHECKED)
    return bridge


def redundant(model: Model) -> int:
    """How many equations of a model its conserved totals make redundant."""
    kernel = compile_model(model)
    y, p = kernel.initial()
    found = conservation.laws(model, kernel.system)
    return len(conservation.dependent(model, kernel, found, y[None, :], p, conservation.not_to_compute(model))[0])


def _along(scales: Scales | None, kernel: Kernel, y: np.ndarray, question: Question) -> np.ndarray:
    """States along a trajectory, to see which species are abundant."""
    if scales is not None and scales.trajectory.kernel.system.states == kernel.system.states:
        return scales.trajectory.states
    try:
        return simulate_ode(kernel, np.linspace(0.0, float(question.horizon or 0.0), 51), rtol=1e-4).states
    except (InputError, SimulationError):
        return y[None, :]


def _totals(model: Model, laws: list[ConservationLaw], chosen: list[str]) -> list[Total]:
    """Totals and rules. Where laws share computed species the system is solved exactly."""
    taken = set(model.by_id) | {k.id for r in model.reactions for k in r.local} | {"time", "avogadro", "pi"}
    values = start_values(model)
    order = _solve(laws, chosen)
    factors, units = _shared_factor(model, laws, order)
    totals = []
    ids = []
    for law in laws:
        ids.append(_total_id(law, taken))
        taken.add(ids[-1])
    for k, law in enumerate(laws):
        formula = _sum(model, law.coefficients, factors[k])
        rule = _rule(model, laws, ids, chosen[k], order[k], factors)
        value = float(sum(float(c) * _amount_value(model, s, values, factors[k]) for s, c in law.coefficients.items()))
        totals.append(Total(law, chosen[k], ids[k], formula, value, units[k], factors[k], rule))
    return totals


def _solve(laws: list[ConservationLaw], chosen: list[str]) -> list[tuple[dict[int, Fraction], dict[str, Fraction]]]:
    """For each computed species: extent = sum of a_k T_k - sum of b_s extent_s over the species that stay."""
    rows = []
    for k, law in enumerate(laws):
        rows.append(({k: Fraction(1)}, {s: Fraction(c) for s, c in law.coefficients.items()}))
    for k, species in enumerate(chosen):
        place = next(i for i in range(k, len(rows)) if rows[i][1].get(species))
        rows[k], rows[place] = rows[place], rows[k]
        pivot = rows[k][1][species]
        rows[k] = tuple({n: x / pivot for n, x in part.items()} for part in rows[k])  # type: ignore[assignment]
        for i in range(len(rows)):
            factor = rows[i][1].get(species, Fraction(0))
            if i != k and factor:
                for part, other in zip(rows[i], rows[k], strict=True):
                    subtract(part, other, factor)
    return [(total, {s: x for s, x in part.items() if s != chosen[k]}) for k, (total, part) in enumerate(rows)]


def _shared_factor(model: Model, laws, order) -> tuple[list[str | None], list[str | None]]:
    """Per law: the compartment whose size cancels, so that the total is a concentration (None: it is an amount), and
    the unit of the total. Laws that are solved together share one choice."""
    places = [_one_place(model, law.coefficients) for law in laws]
    changed = True
    while changed:
        changed = False
        for k, (total, _) in enumerate(order):
            group = {places[i] for i in total} | {places[k]}
            if len(group) > 1:
                for i in (*total, k):
                    changed |= places[i] is not None
                    places[i] = None
    units = [_unit(model, laws[k], places[k]) for k in range(len(laws))]
    return places, units


def _one_place(model: Model, species) -> str | None:
    """The compartment of all these species if they are concentrations in one of constant size, without conversion."""
    parts = [model[s] for s in species]
    place = parts[0].compartment
    constant = model[place].constant and not any(rule.variable == place for rule in model.rules)
    alike = all(s.compartment == place and not s.only_substance and not _conversion(model, s) for s in parts)
    return place if constant and alike and model[place].dimensions != 0 else None


def _conversion(model: Model, species: Species) -> str | None:
    return species.conversion_factor or model.conversion_factor


def _extent(model: Model, id: str, shared: str | None) -> Expr:
    """Amount of a species in units of reaction extent (its concentration, where the size of the compartment cancels)."""
    species = model[id]
    value: Expr = Symbol(id)
    if shared is not None:
        return value
    if not species.only_substance and model[species.compartment].dimensions != 0:
        value = mul(value, Symbol(species.compartment))
    factor = _conversion(model, species)
    return value if factor is None else mul(value, power(Symbol(factor), -1.0))


def _from_extent(model: Model, id: str, formula: Expr, shared: str | None) -> Expr:
    species = model[id]
    if shared is not None:
        return formula
    factor = _conversion(model, species)
    if factor is not None:
        formula = mul(formula, Symbol(factor))
    if not species.only_substance and model[species.compartment].dimensions != 0:
        formula = mul(formula, power(Symbol(species.compartment), -1.0))
    return formula


def _sum(model: Model, coefficients, shared: str | None) -> Expr:
    return add(*(mul(Number(float(c)), _extent(model, s, shared)) for s, c in coefficients.items()))


def _amount_value(model: Model, id: str, values, shared: str | None) -> float:
    return evaluate(_extent(model, id, shared), values)


def _rule(model: Model, laws, ids, species: str, solved, factors) -> Expr:
    total, rest = solved
    shared = factors[next(iter(total))]
    terms = [mul(Number(float(x)), Symbol(ids[i])) for i, x in total.items()]
    terms += [mul(Number(float(-x)), _extent(model, s, shared)) for s, x in rest.items()]
    return _from_extent(model, species, add(*terms), shared)


def _unit(model: Model, law: ConservationLaw, shared: str | None) -> str | None:
    """Unit id of a total, where one of the model says it."""
    parts = [model[s] for s in law.species]
    if any(_conversion(model, s) for s in parts):
        return model.extent_units
    substance = {s.substance_units or model.substance_units for s in parts}
    if shared is None:
        return substance.pop() if len(substance) == 1 else None
    return None


def _total_id(law: ConservationLaw, taken: set[str]) -> str:
    text = re.sub(r"^(total|constant) ", "", law.name)
    stem = "T_" + (re.sub(r"\W+", "_", text, flags=re.ASCII).strip("_") or "total")
    return free_name(stem, taken)


def _bridge(model: Model, system: System, question: Question, totals: list[Total], idle: set[str]) -> Bridge:
    computed = {total.species: total for total in totals}
    coarse = _coarse(model, totals, computed, idle)
    kept = [s.id for s in model.species if s.id not in computed]
    lift: dict[str, Expr] = {id: Symbol(id) for id in kept}
    lift |= {total.species: total.rule for total in totals}
    names = {system.states[i]: i for i in range(system.size)}
    restrict: dict[str, Expr] = {id: Symbol(id) for id in kept if id in names}
    restrict |= {total.id: total.formula for total in totals}
    return Bridge(
        name="conserve",
        fine=model,
        coarse=coarse,
        restrict=restrict,
        lift=lift,
        certificate=_certificate(model, question, totals, idle),
        eliminated=(*computed, *(id for id in names if id in idle)),
    )


def _coarse(model: Model, totals: list[Total], computed: dict[str, Total], idle: set[str]) -> Model:
    unit_ids, definitions = _concentration_units(model, totals)
    species = tuple(replace(s, boundary=True) if s.id in computed or s.id in idle else s for s in model.species)
    new = tuple(
        Parameter(t.id, t.value, units=t.units or unit_ids.get(t.id), constant=True, name=t.law.name) for t in totals
    )
    rules = tuple(Rule("assignment", t.rule, t.species, name=f"from {t.law.name}") for t in totals)
    return model.replace(
        species=species,
        parameters=(*model.parameters, *new),
        rules=(*model.rules, *rules),
        initial_assignments=tuple(a for a in model.initial_assignments if a.symbol not in computed),
        units=(*model.units, *definitions),
    )


def _concentration_units(model: Model, totals: list[Total]) -> tuple[dict[str, str], list[UnitDefinition]]:
    """Units of totals that are concentrations: a definition of the model that is the same unit, or a new one."""
    found: dict[str, str] = {}
    new: list[UnitDefinition] = []
    for total in totals:
        species = model[total.species]
        place = _one_place(model, total.law.coefficients)
        substance = _parts(model, species.substance_units or model.substance_units)
        volume = _parts(model, _size_unit(model, model[place])) if place else None
        if total.units or total.concentration is None or substance is None or volume is None:
            continue
        parts = (*substance, *(replace(part, exponent=-part.exponent) for part in volume))
        unit = unit_of_parts(parts)
        known = [*model.units, *new]
        same = next((d for d in known if unit_of_parts(d.parts).same(unit)), None)
        if same is None:
            same = definition(parts)
            while same.id in {d.id for d in known}:
                same = replace(same, id=f"{same.id}_")
            new.append(same)
        found[total.id] = same.id
    return found, new


def _size_unit(model: Model, place: Compartment) -> str | None:
    by_dimension = {3: model.volume_units, 2: model.area_units, 1: model.length_units}
    return place.units or by_dimension.get(place.dimensions)  # type: ignore[call-overload]


def _parts(model: Model, unit: str | None) -> tuple[UnitPart, ...] | None:
    """Parts of a unit id of the model; None where it is not declared."""
    declared = next((d.parts for d in model.units if d.id == unit), None)
    return declared if declared is not None else (UnitPart(unit),) if unit in KINDS else None


def _certificate(model: Model, question: Question, totals: list[Total], idle: set[str]) -> Certificate:
    sums = "; ".join(f"{t.law.name} = {infix(t.law.expression())}" for t in totals[:6])
    more = f" and {len(totals) - 6} more" if len(totals) > 6 else ""
    still = f" {len(idle)} species that no reaction changes are constants." if idle else ""
    claim = f"{len(totals)} conserved total{'s' if len(totals) != 1 else ''} ({sums}{more}) replace one species each; no error is made."
    return exactly(
        model,
        claim=(claim if totals else "").strip() + still,
        assumptions=(
            Assumption("the coefficients annihilate the stoichiometric matrix, over the rationals", "proved"),
            Assumption("no event, rule or variable stoichiometry changes a species of a law", "proved"),
            Assumption(f"right-hand sides agree to {CHECKED:g} at {REPLAYS} random states", "checked"),
        ),
        box=question.box,
        recipe={
            "method": "conserve",
            "laws": {t.id: {s: str(c) for s, c in t.law.coefficients.items()} for t in totals},
            "computed": [t.species for t in totals],
        },
    )


def _exact(system: System, laws) -> bool:
    """g N = 0 for every law, in rational arithmetic, from the matrix itself."""
    index = {id: i for i, id in enumerate(system.states)}
    columns: dict[int, dict[int, Fraction]] = {}
    for i, j, value in system.stoichiometry:
        columns.setdefault(i, {})[j] = columns.get(i, {}).get(j, Fraction(0)) + Fraction(value)
    loose = {i for i, _, _ in system.variable_stoichiometry}
    for law in laws:
        sums: dict[int, Fraction] = {}
        for species, c in law.coefficients.items():
            if index[species] in loose:
                return False
            for j, value in columns.get(index[species], {}).items():
                sums[j] = sums.get(j, Fraction(0)) + c * value
        if any(sums.values()):
            return False
    return True


def replayed(
    bridge: Bridge, states: np.ndarray, p: np.ndarray, tied: Mapping[str, Expr] = MappingProxyType({})
) -> float:
    """Largest relative difference of right-hand sides at random states. tied: states -> formulas of others and of
    parameters that they follow."""
    fine, coarse = compile_model(bridge.fine), compile_model(bridge.coarse)
    place = {id: i for i, id in enumerate(fine.system.states)}
    columns = [place[id] for id in coarse.system.states]
    random = np.random.default_rng(20_240)
    worst = 0.0
    ids = [id for id in fine.system.states if id in fine.names and np.isfinite(states[0][place[id]])]
    typical = np.nan_to_num(np.abs(states)).max(axis=0)
    typical = np.where(typical > 0, typical, 1e-3 * typical.max(initial=0.0) or 1.0)
    for _ in range(REPLAYS):
        moved = {id: float(random.uniform(0.5, 2.0) * typical[place[id]]) for id in ids}
        known = start_values(bridge.fine, moved) if tied else {}
        moved |= {id: float(evaluate(formula, known)) for id, formula in tied.items()}
        y, q = fine.initial(moved)
        yc, qc = coarse.initial(carry(bridge, moved))
        a, b = fine.rhs(0.0, y, q)[columns], coarse.rhs(0.0, yc, qc)
        scale = _term_sizes(fine, y, q)[columns]
        with np.errstate(all="ignore"):
            gap = np.abs(a - b) / np.where(scale > 0, scale, 1.0)
        good = np.isfinite(a) & np.isfinite(b)
        if (np.isfinite(a) != np.isfinite(b)).any():
            return float("inf")
        worst = max(worst, float(gap[good].max(initial=0.0)))
    return worst


def _term_sizes(kernel: Kernel, y: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Sum of the sizes of what is added up in each right-hand side, shape (n,): what rounding is relative to."""
    rates = np.abs(kernel.rates(0.0, y, p))
    sizes = np.abs(kernel.rhs(0.0, y, p))
    total = np.zeros(kernel.size)
    for i, j, value in kernel.system.balance:
        total[i] += abs(float(value)) * rates[j]
    factors = np.abs(np.asarray(kernel.evaluate(kernel.system.row_factors, 0.0, y, p), dtype=float))
    return np.maximum(sizes, total * factors)
