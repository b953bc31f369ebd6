"""The burden of foreign genes: published growth, exact books, competition."""

from __future__ import annotations

import numpy as np
import pytest

import manyscale as ms
from manyscale.circuits.resources import Gene, find_host, with_genes
from manyscale.kernels import compile_model


@pytest.fixture(scope="module")
def pair():
    return ms.burden({"first": 30.0, "second": 60.0})


@pytest.mark.parametrize("strength, growth, share", [(10, 0.8727, 0.0462), (30, 0.7115, 0.1130), (100, 0.4626, 0.2450),
                                                     (300, 0.2535, 0.4029), (1000, 0.1101, 0.5830)])  # fmt: skip
def test_growth_falls_with_expression_as_known(strength, growth, share):
    found = ms.burden({"gfp": strength}, host="weisse_2015")
    assert found.relative_growth == pytest.approx(growth, abs=6e-5)
    assert found.protein_fraction == pytest.approx(share, abs=6e-5)
    assert found.mass_error < 1e-9


@pytest.mark.parametrize("ns, eps", [(0.08, 2.288e-5), (0.5, 6.156e-5), (1.0, 9.987e-5)])
def test_ribosome_binding_is_fast_beside_growth(ns, eps):
    found = ms.burden({"gfp": 0.0}, values={"ns": ns})
    assert found.ribosome_eps == pytest.approx(eps, rel=1e-3) and found.relative_growth == pytest.approx(1.0, rel=1e-12)


def test_mass_keeps_exact_books_with_degradation():
    """mass' = growth (M - mass) at states that are not stationary, with two genes of different length."""
    host = find_host("weisse_2015")
    model = with_genes(host, [Gene("x", 30.0, 250.0, 0.1), Gene("z", 60.0, 700.0)])
    kernel = compile_model(model)
    y, p = kernel.initial({"x": 1e4, "z": 2e4, "c_x": 50.0, "c_z": 80.0})
    lengths = {"r": 7549, "et": 300, "em": 300, "q": 300, "x": 250, "z": 700} | {f"c_{g}": 7549 for g in "rtmqxz"}
    row = np.array([lengths.get(id, 0.0) for id in kernel.system.states])
    v = kernel.values(0.0, y, p)
    assert v["mass"] == pytest.approx(row @ y, rel=1e-12)
    assert row @ kernel.rhs(0.0, y, p) == pytest.approx(v["growth"] * (1e8 - v["mass"]), rel=1e-9)
    found = ms.burden([Gene("x", 30.0, 250.0, 0.1), Gene("z", 60.0, 700.0)])
    assert found.mass_error < 1e-9 and found.relative_growth < 1


def test_what_is_translated_is_what_is_there_unless_it_is_degraded():
    """At balanced growth made = growth * protein for what only growth takes away, so both shares are one (phi = c/sum c)."""
    kept, lost = ms.burden({"x": 50.0}), ms.burden([Gene("x", 50.0, 300.0, 0.3)])
    assert kept.synthesis_fraction == pytest.approx(kept.protein_fraction, rel=1e-9)
    assert lost.synthesis_fraction > 5 * lost.protein_fraction
    v = lost.values
    made, all_ = v["elongation"] * v["c_x"] / 300, v["elongation"] * v["translating"]
    assert made == pytest.approx((v["growth"] + 0.3) * v["x"], rel=1e-9)
    assert lost.synthesis_fraction == pytest.approx(300 * made / all_, rel=1e-12)


def test_two_unrelated_genes_compete(pair):
    assert pair.coupling["second", "first"] < 0 and pair.coupling["first", "second"] < 0
    # a gene's own answer is that of a bystander plus one: the strength itself
    assert pair.coupling["first", "first"] - pair.coupling["reporter", "first"] == pytest.approx(1.0, abs=1e-9)
    assert pair.coupling["second", "first"] == pytest.approx(pair.coupling["reporter", "first"], rel=1e-6)


def test_coupling_agrees_with_solving_again(pair):
    e = 1e-4
    up, down = (ms.burden({"first": 30.0 * f, "second": 60.0}).values["second"] for f in (1 + e, 1 - e))
    assert np.log(up / down) / np.log((1 + e) / (1 - e)) == pytest.approx(pair.coupling["second", "first"], rel=1e-4)


def test_isocost_lines_fall(pair):
    line = pair.isocost("first", "second")
    assert line.slope < 0 and (np.diff(line.second) < 0).all() and line.error < 0.02
    assert ms.burden({"gfp": 10.0}).isocost().names == ("gfp", "reporter")


def test_product_rate_has_an_optimum_between_nothing_and_no_growth():
    front = ms.burden({"gfp": 100.0}).pareto()
    assert 0 < front.best < len(front.factors) - 1
    assert (np.diff(front.growth_rate) < 0).all() and (np.diff(front.protein_fraction) > 0).all()
    assert front.front[: front.best + 1].all() and not front.front[front.best + 1 :].any()


def test_an_interrupted_scan_keeps_what_is_done():
    def stop(share):
        if share > 0.5:
            raise KeyboardInterrupt

    front = ms.burden({"gfp": 100.0}).pareto(progress=stop)
    assert front.stopped == "interrupted" and np.isfinite(front.growth_rate).sum() == 25


@pytest.mark.parametrize(
    "circuit, host, message",
    [({}, "weisse_2015", "at least one"), ({"gfp": "much"}, "weisse_2015", "give a number"), ({"gfp": -1}, "weisse_2015", "at least 0"),
     ({"r": 1}, "weisse_2015", "in use already"), ({"gfp": 1}, "weise_2015", "weisse_2015"), ({"g f": 1}, "weisse_2015", "letters")],
)  # fmt: skip
def test_bad_input_is_told(circuit, host, message):
    with pytest.raises(ms.InputError, match=message):
        ms.burden(circuit, host)


def test_bad_factors_and_genes_are_told(pair):
    with pytest.raises(ms.InputError, match="rising"):
        pair.pareto([1.0, 0.5])
    with pytest.raises(ms.InputError, match="no gene"):
        pair.isocost("third")
    with pytest.raises(ms.InputError, match="no constant"):
        ms.burden({"gfp": 1.0}, values={"nss": 1.0})


def test_simulation_ends_at_the_steady_state_found():
    found = ms.burden({"gfp": 100.0})
    run = ms.simulate(found.model, [0.0, 3000.0], rtol=1e-9)
    for id in ("growth", "gfp", "mass", "a"):
        assert run[id][-1] == pytest.approx(found.values[id], rel=1e-6)
