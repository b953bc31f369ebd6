"""The response as a formula of the dose, where the steady state has one, and closed forms of its steepness."""

from __future__ import annotations

from typing import Any

import numpy as np

from manyscale.bridges.time.elimination import eliminate
from manyscale.circuits.dose_response import Dosing
from manyscale.kernels.interpret import evaluate
from manyscale.model.algebra import simplify
from manyscale.model.expr import Expr, Symbol, add, mul, substitute, symbols
from manyscale.model.polynomial import NotPolynomial, TooLarge
from manyscale.model.structure import conservation_laws
from manyscale.model.sympy_bridge import closed_half, factored

AGREES = 1e-7
MOST_STATES = 20


def response_formula(dosing: Dosing, dose: np.ndarray, response: np.ndarray) -> Expr | None:
    """The output as a formula of the input, constants and totals ("S_total" for the conserved sum that S is in).

    Compared with the computed curve at ten doses; None where it has no formula or they differ.
    """
    system = dosing.kernel.system
    if dosing.input not in system.parameter_index or system.size > MOST_STATES or system.algebraic or system.events:
        return None
    definitions = system.definitions
    output = Symbol(dosing.output)
    try:
        solved, totals = _solved(dosing)
    except (NotPolynomial, TooLarge):
        return None
    if solved is None:
        return None
    formula = _inlined(output, definitions)
    formula = substitute(formula, solved)
    formula = factored(simplify(formula))
    rows = np.unique(np.linspace(0, len(dose) - 1, 10).astype(int))
    for k in rows:
        _, p = dosing.point(float(np.log(dose[k])))
        values = dict(zip(system.parameters, p)) | totals
        if not symbols(formula) <= set(values):
            return None
        with np.errstate(all="ignore"):
            found = float(evaluate(formula, 0.0, values))
        if not abs(found - response[k]) <= AGREES * max(abs(response[k]), 1e-3 * float(np.abs(response).max())):
            return None
    return formula


def formula_values(dosing: Dosing) -> dict[str, float]:
    """Values of the constants and totals that a response formula uses, at the model's own dose."""
    _, totals = _totals(dosing)
    _, p = dosing.point(float(np.log(dosing.start)))
    return dict(zip(dosing.kernel.system.parameters, map(float, p))) | totals


def _inlined(formula: Expr, definitions) -> Expr:
    for _ in range(len(definitions) + 1):
        used = {name: definitions[name] for name in symbols(formula) if name in definitions}
        if not used:
            break
        formula = substitute(formula, used)
    return formula


def _totals(dosing: Dosing):
    """(dependents: state -> total minus the other members, values of the totals), in units of the states."""
    kernel, system = dosing.kernel, dosing.kernel.system
    y, p = dosing.point(float(np.log(dosing.start)))
    ruled = sorted({i for i, _ in system.rate_rules} | {i for i, _, _ in system.variable_stoichiometry})
    found = conservation_laws(system.stoichiometry, system.states, changed_otherwise=ruled) if system.size else ()
    factors = kernel.evaluate(system.row_factors, 0.0, y, p) if system.size else np.empty(0)
    dependents: dict[str, Expr] = {}
    totals: dict[str, float] = {}
    for law in found:
        members = {system.states.index(s): float(c) for s, c in law.coefficients.items()}
        head = min((i for i in members if system.state_symbols[i] not in dependents), default=None)
        if head is None or not law.semi_positive:
            return None, {}
        name = f"{system.states[head]}_total"
        share = {i: c / factors[i] / (members[head] / factors[head]) for i, c in members.items()}
        totals[name] = float(sum(w * y[i] for i, w in share.items()))
        rest = (mul(-w, Symbol(system.state_symbols[i])) for i, w in share.items() if i != head)
        dependents[system.state_symbols[head]] = add(Symbol(name), *rest)
    return dependents, totals


def _solved(dosing: Dosing):
    system = dosing.kernel.system
    dependents, totals = _totals(dosing)
    if dependents is None:
        return None, {}
    equations = {}
    for i, name in enumerate(system.state_symbols):
        if name not in dependents:
            equations[name] = simplify(_inlined(system.right_sides[i], system.definitions))
    closure = eliminate(equations, dependents)
    if closure.equations:
        return None, {}
    rules = {**dependents, **closure.rules}
    for _ in range(len(rules) + 1):
        if not any(symbols(f) & set(rules) for f in rules.values()):
            return rules, totals
        rules = {n: substitute(f, {k: v for k, v in rules.items() if k != n}) for n, f in rules.items()}
    return None, {}


def closed_forms(formula: Expr, input: str) -> dict[str, Any]:
    """ "half_point" and "n_half" of a response proportional to (saturation)^N, "sites" N; {} for others."""
    found = closed_half(formula, input)
    return {} if found is None else found
