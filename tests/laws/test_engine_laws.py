"""What every simulation must obey, whatever the model: conservation, invariance, reproducibility, convergence."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

import manyscale as ms
from manyscale.analysis.stability import conserved_quotient
from manyscale.engines import simulate_ensemble
from manyscale.kernels import compile_model
from manyscale.model.expr import Symbol, substitute

METHODS = ["auto", "bdf", "rosenbrock", "explicit"]
PUBLISHED = [
    "huang_ferrell_1996",
    "kholodenko_2000",
    "tyson_1991",
    "vilar_2002",
    "goldbeter_koshland_1981",
    "michaelis_menten_1925",
]
T = np.linspace(0, 20, 21)


@pytest.fixture(scope="module", params=PUBLISHED)
def model(request, examples):
    return ms.read(examples / f"{request.param}.ant")


def largest_difference(a: dict, b: dict) -> float:
    """Over ids, as a share of each id's largest value."""
    return max(float(np.abs(a[k] - b[k]).max() / max(np.abs(b[k]).max(), 1e-30)) for k in b)


def states(run) -> dict:
    return {id: run[id] for id in run.kernel.system.states}


@pytest.mark.parametrize("method", METHODS[:3])
def test_conserved_sums_are_kept_to_rounding(model, method):
    run = ms.simulate(model, T, method=method)
    kernel = run.kernel
    laws = conserved_quotient(kernel, 0.0, run.states[0], run.parameters).laws
    sums, gross = run.states @ laws.T, np.abs(run.states) @ np.abs(laws.T)
    assert (np.abs(sums - sums[0]) <= 1e-10 * gross.max(axis=0)).all()


def test_the_order_of_species_and_reactions_does_not_matter(model):
    turned = model.replace(species=model.species[::-1], reactions=model.reactions[::-1])
    first, second = (states(ms.simulate(m, T, rtol=1e-9)) for m in (model, turned))
    assert largest_difference(first, second) < 1e-6


def test_names_do_not_matter(model):
    species = {s.id: Symbol(f"renamed_{s.id}") for s in model.species}
    new = {id: symbol.name for id, symbol in species.items()}

    def part(p):
        return replace(p, species=new[p.species])

    renamed = model.replace(
        species=tuple(replace(s, id=new[s.id]) for s in model.species),
        reactions=tuple(
            replace(
                r, reactants=tuple(map(part, r.reactants)), products=tuple(map(part, r.products)),
                modifiers=tuple(new[m] for m in r.modifiers), rate=substitute(r.rate, species),
            )
            for r in model.reactions
        ),
        rules=tuple(
            replace(r, formula=substitute(r.formula, species), variable=new.get(r.variable, r.variable)) for r in model.rules
        ),
        initial_assignments=tuple(
            replace(i, symbol=new.get(i.symbol, i.symbol), formula=substitute(i.formula, species)) for i in model.initial_assignments
        ),
    )  # fmt: skip
    first, second = ms.simulate(model, T, rtol=1e-9), ms.simulate(renamed, T, rtol=1e-9)
    assert largest_difference({old: second[id] for old, id in new.items()}, {old: first[old] for old in new}) < 1e-6


def test_the_same_call_gives_the_same_numbers_warm_and_cold(model):
    runs = [ms.simulate(model.replace(), T).states, *(ms.simulate(model, T).states for _ in range(5))]
    assert all(np.allclose(runs[0], other, rtol=1e-9, atol=1e-9 * np.abs(runs[0]).max()) for other in runs[1:])
    assert (runs[-1] == runs[-2]).all()


@pytest.mark.parametrize("method", METHODS[:3])
def test_tighter_tolerances_give_smaller_errors(model, method):
    exact = states(ms.simulate(model, T, rtol=1e-12))
    errors = [
        largest_difference(states(ms.simulate(model, T, rtol=r, method=method)), exact)
        for r in (1e-4, 1e-6, 1e-8, 1e-10)
    ]
    assert all(fine < 0.2 * coarse + 1e-9 for coarse, fine in pairwise(errors))
    assert errors[-1] < 1e-6


def test_methods_agree(model):
    runs = [states(ms.simulate(model, T, rtol=1e-10, method=method)) for method in METHODS[:3]]
    assert max(largest_difference(run, runs[0]) for run in runs[1:]) < 1e-6


def test_output_times_do_not_change_the_solution(model):
    few, many = ms.simulate(model, [0.0, 20.0]), ms.simulate(model, np.linspace(0, 20, 1001))
    assert few.states[-1] == pytest.approx(many.states[-1], rel=1e-12, abs=1e-12 * np.abs(many.states).max())


def test_units_of_amount_do_not_matter():
    """Absolute tolerances scale with the model: the same network in molecules and in attomoles."""
    text = "model m()\nS = {0}; C = 0; P = 0; E = {1}\na: S + E -> C; {2}*S*E\nb: C -> S + E; 1*C\nc: C -> E + P; 2*C\nend\n"
    runs = [states(ms.simulate(text.format(10 * u, u, 1 / u), T)) for u in (1e-30, 1e-6, 1.0, 1e12)]
    scaled = [{k: v / u for k, v in run.items()} for run, u in zip(runs, (1e-30, 1e-6, 1.0, 1e12))]
    assert all(largest_difference(run, scaled[2]) < 1e-5 for run in scaled)


def test_members_of_an_ensemble_are_single_runs(model):
    name = next(p.id for p in model.parameters if p.value and p.id in compile_model(model).system.parameters)
    values = model[name].value * np.array([0.7, 1.0, 1.3])
    together = simulate_ensemble(model, T, values={name: values}, rtol=1e-8)
    for k, value in enumerate(values):
        alone = ms.simulate(model, T, values={name: value}, rtol=1e-8)
        assert largest_difference({i: together[i][k] for i in together.ids}, states(alone)) < 1e-5


def test_steady_states_stand_still(model):
    try:
        steady = ms.steady_state(model)
    except ms.SimulationError:
        return
    rates = compile_model(model).rhs(0.0, steady.states, steady.parameters)
    assert np.abs(rates).max() <= 1e-7 * max(np.abs(steady.states).max(), 1.0)
    assert steady.residual < 1e-8
