"""Proven bounds hold at every sampled point, are not far above the truth, and are refused where the reduction is bad."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import manyscale as ms
from manyscale.bridges.bridge import Chain
from manyscale.bridges.certificate import Certificate
from manyscale.bridges.norm import compare
from manyscale.bridges.rigorous.prove import Prover
from manyscale.bridges.rigorous.prove import prove as search_proof
from manyscale.bridges.time.quasi_steady import quasi_steady
from manyscale.bridges.verify import sample
from manyscale.scales import resolve


def prover(model: ms.Model, fast, question: ms.Question, *, totals=None, layer: float = 0.0):
    """(prover, chain, question) of a bridge made by hand."""
    question = resolve(model, question)
    bridge = quasi_steady(model, fast, totals=totals, layer=layer, observables=question.observables)
    chain = Chain(model, (bridge,))
    return Prover(chain, bridge, question), chain, question


def one_box(made: Prover) -> dict[str, float]:
    """Relative bound of each observable over the whole region, from one box."""
    run = made.run(made.low[:, None], made.high[:, None], lambda: False)
    assert np.isinf(run.died).all()
    return dict(zip(run.ids, (run.error / run.size)[:, 0].tolist()))


def assert_holds(chain, question, bounds, count: int, seed: int = 0) -> float:
    """Every error at sampled points is below its bound; returns the largest share of it."""
    share = 0.0
    for point in sample(question.box, count, seed):
        found = compare(chain, question, point, rtol=1e-9)
        for id, error in found.per_observable.items():
            assert error <= bounds[id] * (1 + 1e-6) + 1e-7, (id, point)
            share = max(share, error / bounds[id])
    return share


MM = """
model enzyme
  compartment c = 1; species S in c, C in c, P in c;
  S = {S0}; C = 0; P = 0; E0 = {E0}; k1 = {k1}; back = {back}; k2 = {k2};
  E := E0 - C;
  bind: S -> C; c*(k1*E*S - back*C);
  turn: C => P; c*k2*C;
end
"""


def enzyme(E0, S0=1.0, k1=1.0, back=1.0, k2=1.0) -> ms.Model:
    return ms.read(MM.format(E0=E0, S0=S0, k1=k1, back=back, k2=k2))


@pytest.mark.parametrize("layer", [0.0, 6.0])
def test_michaelis_menten_bound_holds_and_is_sharp(layer):
    E0 = 0.01
    question = ms.Question(horizon=500.0, observables=("S", "P"), region=1.02)
    made, chain, question = prover(enzyme(E0), ["C"], question, layer=layer)
    bounds = one_box(made)
    share = assert_holds(chain, question, bounds, 60)
    assert share > 0.2 and max(bounds.values()) < 0.02


@pytest.mark.full
def test_michaelis_menten_bound_holds_at_two_thousand_points():
    question = ms.Question(horizon=500.0, observables=("S", "C", "P"), region=1.1)
    made, chain, question = prover(enzyme(0.005), ["C"], question, layer=6.0)
    assert_holds(chain, question, one_box(made), 2000)


def test_total_quasi_steady_state_of_an_enzyme():
    question = ms.Question(horizon=300.0, observables=("P", "S"), region=1.01)
    made, chain, question = prover(enzyme(0.05, back=20.0), ["C"], question, totals={"C": "bind"})
    bounds = one_box(made)
    assert assert_holds(chain, question, bounds, 40) > 0.01
    assert max(bounds.values()) < 0.05


def test_an_enzyme_with_a_competitive_inhibitor():
    text = """
    model inhibited
      compartment c = 1; species S in c, C in c, D in c, P in c;
      S = 1; C = 0; D = 0; P = 0; E0 = 0.005; I = 2; k1 = 5; b1 = 5; k2 = 5; k3 = 5; b3 = 5;
      E := E0 - C - D;
      bind: S -> C; c*(k1*E*S - b1*C);
      turn: C => P; c*k2*C;
      block: => D; c*(k3*E*I - b3*D);
    end
    """
    question = ms.Question(horizon=300.0, observables=("S", "P"), region=1.01)
    made, chain, question = prover(ms.read(text), ["C", "D"], question)
    bounds = one_box(made)
    assert assert_holds(chain, question, bounds, 40) > 0.01
    assert max(bounds.values()) < 0.05


def test_a_biomodel_is_proven_over_its_whole_default_region(corpora):
    model = ms.read(corpora / "biomodels" / "BIOMD0000000363.xml")
    question = ms.Question(horizon=2e5)
    chain = ms.reduce(model, question, rigorous=True)
    assert chain.certificate.tier == "rigorous" and chain.certificate.domain
    found = ms.verify(chain, question, points=100)
    assert found.ok and found.worst <= chain.certificate.error.bound <= 0.05


def test_the_bound_shrinks_like_the_small_parameter():
    found = []
    for E0 in (0.04, 0.02, 0.01):
        question = ms.Question(horizon=5.0 / E0, observables=("S",), region=1.0)
        made, _, _ = prover(enzyme(E0), ["C"], question)
        found.append(one_box(made)["S"])
    assert found[0] / found[1] == pytest.approx(2.0, rel=0.15)
    assert found[1] / found[2] == pytest.approx(2.0, rel=0.1)


def test_a_bad_quasi_steady_state_is_never_proven():
    question = ms.Question(horizon=6.0, observables=("S",), region=1.001)
    made, _, _ = prover(enzyme(10.0, S0=10.0), ["C"], question)
    run = made.run(made.low[:, None], made.high[:, None], lambda: False)
    assert not run.bound[0] <= 0.3  # the error itself is 0.48


BAD = [(5.0, 5.0, 1.0, 1.0, 1.0), (1.0, 1.0, 1.0, 0.01, 1.0), (2.0, 10.0, 1.0, 1.0, 1.0), (0.5, 1.0, 20.0, 1.0, 5.0)]


@pytest.mark.parametrize("E0, S0, k1, back, k2", BAD)
@pytest.mark.parametrize("totals", [None, {"C": "bind"}])
def test_no_proof_where_the_error_is_above_the_tolerance(E0, S0, k1, back, k2, totals):
    question = ms.Question(horizon=8.0 * (S0 + E0 + (back + k2) / k1) / (k2 * E0), observables=("S", "P"), region=1.0)
    made, chain, question = prover(enzyme(E0, S0, k1, back, k2), ["C"], question, totals=totals)
    run = made.run(made.low[:, None], made.high[:, None], lambda: False)
    found = compare(chain, question, {}, rtol=1e-9)
    assert run.bound[0] >= found.worst * (1 - 1e-6)
    if found.worst > question.tolerance:
        assert not run.bound[0] <= question.tolerance


def test_a_linear_chain_has_the_bound_of_its_closed_form():
    text = "a' = -k*a; b' = k*a - f*b; c' = f*b - k*c; a = 1; b = 0; c = 0; k = 1; f = 50"
    question = ms.Question(horizon=5.0, observables=("a", "c"), region=1.05)
    made, chain, question = prover(ms.read(text), ["b"], question)
    bounds = one_box(made)
    share = assert_holds(chain, question, bounds, 60)
    assert bounds["a"] <= 1e-6  # a does not feel b
    assert share > 0.1 and bounds["c"] < 0.2


def test_davis_skodje_misses_by_the_known_term():
    g = 50.0
    model = ms.read(f"z' = -z; y' = -g*y + ((g - 1)*z + g*z^2)/(1 + z)^2; z = 2; y = 1; g = {g}")
    made, _, _ = prover(model, ["y"], ms.Question(horizon=4.0, region=1.01, observables=("z", "y")))
    made.late = {"y": 0.2}
    bounds = one_box(made)
    z = np.linspace(2 * np.exp(-4.0), 2 * np.exp(-0.2), 400)
    exact = np.max(z / (g * (1 + z) ** 2))  # |h - z/(1 + z)| after the layer; the largest y is 1
    assert exact * 0.99 <= bounds["y"] <= 4 * exact


def test_an_autoregulated_gene_with_fast_messenger():
    text = """
    m' = (kt/(1 + (p/K)^2) - gm*m)/e; p' = ktl*m - gp*p; m = 0; p = 0;
    kt = 2; K = 1; gm = 1; ktl = 1; gp = 1; e = 0.002
    """
    made, chain, question = prover(ms.read(text), ["m"], ms.Question(horizon=5.0, region=1.02, observables=("p",)))
    bounds = one_box(made)
    assert assert_holds(chain, question, bounds, 40) > 0.05
    assert bounds["p"] < 0.05


def test_a_smaller_region_is_stated_where_the_whole_is_not_proven():
    question = ms.Question(horizon=500.0, observables=("S",), region=3.0)
    _, chain, question = prover(enzyme(0.05), ["C"], question)
    proof = search_proof(chain, chain.bridges[0], question, time_limit=15.0)
    assert not proof.whole and 1.0 < proof.factor < 3.0 and proof.bound <= question.tolerance
    assert proof.reason


def test_reduce_upgrades_the_tier_and_held_back_points_agree(examples):
    question = ms.Question(region=1.03)
    chain = ms.reduce(ms.read(examples / "michaelis_menten_1925.ant"), question, rigorous=True)
    assert chain.certificate.tier == "rigorous"
    found = ms.verify(chain, question, points=40)
    assert found.ok and found.worst <= chain.certificate.error.bound <= 0.05


def test_what_has_no_proof_keeps_its_certificate_and_says_why(examples):
    model = ms.read("S' = -k*S*C; C' = (k*S - f*C)*piecewise(1, S > 0.5, 0.9); S = 1; C = 0; k = 1; f = 100")
    question = resolve(model, ms.Question(horizon=3.0, observables=("S",), region=1.01))
    bridge = quasi_steady(model, ["C"], observables=("S",))
    bridge = replace(bridge, certificate=Certificate("estimated", "for the test"))
    proven = ms.prove(Chain(model, (bridge,)), question, time_limit=5.0)
    assert proven.certificate.tier == "estimated"
    assert any("not proven" in text for text in proven.bridges[0].certificate.alternatives)


ROOT = "model crowd; z = 1; y = 0; a = 2; b = 1; c = 0.5; k = 0.3; s = {s}; z' = -k*y*z; y' = s*(a*z - b*y - c*y^3 - c*y^5); end"


def test_a_steady_state_without_a_formula_is_enclosed_and_its_bound_holds():
    found = []
    for s in (200.0, 400.0):
        question = ms.Question(horizon=4.0, observables=("z",), region=1.02)
        made, chain, question = prover(ms.read(ROOT.format(s=s)), ["y"], question)
        assert made.problem.implicit
        bounds = one_box(made)
        assert_holds(chain, question, bounds, 20)
        found.append(bounds["z"])
    assert max(found) < 0.05 and found[1] < 0.7 * found[0]
