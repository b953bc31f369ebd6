"""Quasi-steady reductions against closed forms and published cases."""

from __future__ import annotations

import numpy as np
import pytest

import manyscale as ms
from manyscale.bridges.time.quasi_steady import quasi_steady
from manyscale.kernels.interpret import evaluate

# E0, S0, k1, k-1, k2, time to 99% product, error of the standard and of the total form (no projection of the start)
MICHAELIS_MENTEN = [
    (1, 100, 1, 1, 1, 109.16, 0.00305, 0.00065),
    (1, 10, 1, 1, 1, 21.289, 0.02717, 0.00689),
    (0.1, 10, 1, 1, 1, 193.04, 0.00268, 0.00069),
    (0.01, 1, 1, 1, 1, 1022.6, 0.00131, 0.00110),
    (10, 10, 1, 1, 1, 5.4354, 0.27454, 0.04306),
    (10, 1, 1, 1, 1, 5.2203, 0.57040, 0.05284),
    (100, 10, 1, 1, 1, 4.6632, 0.82885, 0.00933),
    (1, 1, 1, 100, 0.1, 4665.6, 0.00362, 0.00001),
    (1, 1, 1, 0, 1, 7.4071, 0.21516, 0.10566),
]


def enzyme(E0, S0, k1, back, k2) -> ms.Model:
    return ms.read(f"""
    model enzyme
      compartment c = 1; species S in c, C in c, P in c;
      S = {S0}; C = 0; P = 0; E0 = {E0}; k1 = {k1}; back = {back}; k2 = {k2};
      E := E0 - C;
      bind: S -> C; c*(k1*E*S - back*C);
      turn: C => P; c*k2*C;
    end
    """)


@pytest.mark.parametrize("E0, S0, k1, back, k2, horizon, standard, total", MICHAELIS_MENTEN)
def test_michaelis_menten_errors_are_those_of_the_closed_forms(E0, S0, k1, back, k2, horizon, standard, total):
    model, times = enzyme(E0, S0, k1, back, k2), np.linspace(0, horizon, 2001)
    fine = ms.simulate(model, times, rtol=1e-9)["P"]
    for totals, expected in (({}, standard), ({"C": "bind"}, total)):
        coarse = quasi_steady(model, ["C"], totals=totals).coarse
        error = np.abs(ms.simulate(coarse, times, rtol=1e-9)["P"] - fine).max() / S0
        assert error == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("g", [10.0, 100.0])
def test_davis_skodje_misses_the_exact_manifold_by_the_known_term(g):
    model = ms.read(f"z' = -z; y' = -g*y + ((g - 1)*z + g*z^2)/(1 + z)^2; z = 2; y = 1; g = {g}")
    bridge = quasi_steady(model, ["y"])
    rule = next(r for r in bridge.coarse.rules if r.variable == "y")
    for z in (0.5, 1.0, 2.0):
        h = float(evaluate(rule.formula, 0.0, {"z": z, "g": g}))
        assert h - z / (1 + z) == pytest.approx(-z / (g * (1 + z) ** 2), rel=1e-10)


def test_slow_manifold_of_the_scaled_enzyme_to_lowest_order():
    model = ms.read("s' = -s + (s + k - l)*c; c' = (s - (s + k)*c)/e; s = 1; c = 0; k = 1; l = 0.5; e = 0.1")
    rule = next(r for r in quasi_steady(model, ["c"]).coarse.rules if r.variable == "c")
    assert float(evaluate(rule.formula, 0.0, {"s": 1.0, "k": 1.0, "l": 0.5, "e": 0.1})) == pytest.approx(0.5)


def test_autoregulated_gene_has_its_manifold_in_symbols_and_its_fast_rate():
    text = """
    m' = (kt/(1 + (p/K)^n) - gm*m)/e; p' = ktl*m - gp*p; m = 0; p = 0;
    kt = 2; K = 1; n = 2; gm = 1; ktl = 1; gp = 1; e = 0.001
    """
    model = ms.read(text)
    rule = next(r for r in quasi_steady(model, ["m"]).coarse.rules if r.variable == "m")
    values = {"kt": 2.0, "K": 1.0, "n": 2.0, "gm": 1.0, "ktl": 1.0, "gp": 1.0, "e": 0.001, "p": 0.7}
    assert float(evaluate(rule.formula, 0.0, values)) == pytest.approx(2.0 / (1 + 0.7**2))
    row = ms.measure(model, ms.Question(horizon=5)).rows[-1]
    assert min(row.time_scales) == pytest.approx(0.001, rel=0.05)  # e/gm
    assert row.fast_species == ("m",)
    chain = ms.reduce(model, ms.Question(observables=("p",), horizon=5, region=1.5))
    assert "m" in {id for bridge in chain.bridges for id in bridge.eliminated}


def test_robertson_without_its_fast_species():
    model = ms.read("""
    compartment c = 1; species B in c, C in c; B = 0; C = 0; k1 = 0.04; k2 = 3e7; k3 = 1e4; A := 1 - B - C;
    r1: => B; c*k1*A;  r2: B + B => B + C; c*k2*B^2;  r3: B => ; c*k3*B*C;
    """)
    times = [0.4, 40.0]
    fine = ms.simulate(model, times, rtol=1e-9)
    assert fine["C"] == pytest.approx([0.0147940222, 0.284163746], rel=1e-6)
    coarse = ms.simulate(quasi_steady(model, ["B"]).coarse, times, rtol=1e-9)
    assert np.abs(coarse["C"] - fine["C"]) == pytest.approx([2.9e-5, 4.7e-7], rel=0.2)


def real(chain) -> list:
    return [bridge for bridge in chain.bridges if bridge.name not in ("conserve", "prune")]


def biomodel(corpora, number: int):
    path = corpora / "biomodels" / f"BIOMD{number:010d}.xml"
    if not path.exists():
        pytest.skip(f"{path.name} is not in the corpora")
    return ms.read(path)


@pytest.mark.parametrize("number, horizon", [(26, 1500), (86, 100)])
def test_published_networks_get_smaller_and_keep_their_promise(corpora, number, horizon):
    question = ms.Question(horizon=horizon)
    chain = ms.reduce(biomodel(corpora, number), question)
    assert real(chain)
    checked = ms.verify(chain, question, points=24, seed=5)
    assert checked.violations == 0 or not len(checked.violations)


@pytest.mark.parametrize("number, horizon", [(10, 6000), (35, 200)])
def test_oscillators_without_a_gap_are_refused(corpora, number, horizon):
    chain = ms.reduce(biomodel(corpora, number), ms.Question(horizon=horizon))
    assert not real(chain)
    assert any(refusal.name == "quasi_steady" for refusal in chain.refusals)
