"""The mechanistic cell as three sectors, with slopes as functions of its rates."""

from __future__ import annotations

import numpy as np
import pytest

import manyscale as ms
from manyscale.circuits.growth_laws import growth_laws
from manyscale.circuits.proteome import check_sectors
from manyscale.zoo import weisse_2015


@pytest.fixture(scope="module")
def bridge():
    found = growth_laws()
    assert isinstance(found, ms.Bridge)
    return found


def test_ribosomes_follow_the_known_line(bridge):
    values = bridge.carry()
    assert values["kappa_t"] == pytest.approx(0.2357, rel=0.01) and values["phi_0"] == pytest.approx(0.1377, rel=0.01)
    assert bridge.certificate.recipe["r_squared"] == pytest.approx(0.9972, abs=5e-4)
    assert bridge.certificate.recipe["kappa_n_error"] < 2e-6


@pytest.mark.parametrize(
    "changes", [{"ns": 0.1}, {"ns": 0.37}, {"ns": 0.93}, {"ns": 0.6, "vt": 760.0, "kb": 0.95, "gmax": 1300.0}]
)
def test_three_sectors_grow_as_the_cell_does(bridge, changes):
    """Full and coarse models, each at its own steady state, at points that the lines do not know."""
    full = ms.steady_state(bridge.fine, changes)
    start = bridge.carry(changes)
    coarse = ms.steady_state(
        bridge.coarse, {k: start[k] for k in ("kappa_n", "kappa_t", "phi_0", "phi_max", "q_slope")}
    )
    bound = bridge.certificate.error.bound * 0.037  # the norm is relative to the fastest growth of the range
    assert abs(coarse["growth"] - full["growth"]) < bound
    assert coarse["phi_R"] + coarse["phi_P"] + coarse["phi_Q"] == pytest.approx(1.0, abs=1e-9)
    assert coarse["growth"] == pytest.approx(coarse["balanced"], rel=1e-9)


def test_shares_are_those_of_the_ribosomes_at_work():
    """phi_i = c_i/(all c) exactly, at any steady state: the step from which the laws follow."""
    for ns in (0.08, 0.5, 2.0):
        v = ms.steady_state(weisse_2015.model(), {"ns": ns}).values
        shares = {"c_r": v["n_r"] * (v["r"] + v["translating"]), "c_t": v["n_x"] * v["et"], "c_q": v["n_x"] * v["q"]}
        for id, mass in shares.items():
            assert mass / v["mass_total"] == pytest.approx(v[id] / v["translating"], rel=1e-9)


def test_the_coarse_shares_sum_to_one(bridge):
    assert check_sectors(bridge.coarse, ["phi_R", "phi_P", "phi_Q"]) < 1e-9


def test_a_constant_rest_would_not_do(bridge):
    assert (
        bridge.certificate.recipe["constant_rest_error"] > 0.2 and "q_slope = 0" in bridge.certificate.alternatives[0]
    )


def test_a_range_that_is_not_linear_is_refused():
    refused = growth_laws((0.08, 20.0))
    assert isinstance(refused, ms.Refusal) and refused.value > refused.threshold == 0.05
    assert isinstance(growth_laws(factor=2.0), ms.Refusal)


def test_bad_input_is_told():
    with pytest.raises(ms.InputError, match="smaller one first"):
        growth_laws((1.0, 0.1))
    with pytest.raises(ms.InputError, match="may differ"):
        growth_laws(values={"n_r": 1.0})


def test_a_batch_of_fixed_nutrient_makes_as_many_cells_whatever_they_express():
    """A cell costs M amino acids and what it stores, however it divides them: nutrient M/ns, product by share alone."""
    front = ms.burden({"gfp": 100.0}).pareto(np.geomspace(0.1, 10, 7))
    batch = front.batch(1e14, cells=1e3, turnaround=60.0)
    assert batch.cells == pytest.approx(1e3 + 1e14 * 0.5 / 1e8, rel=1e-5)
    assert batch.product == pytest.approx(batch.cells * front.protein_fraction * 1e8 / 300, rel=1e-9)
    assert batch.time == pytest.approx(60.0 + np.log(batch.cells / 1e3) / front.growth_rate, rel=1e-12)
    assert (np.diff(batch.product) > 0).all() and batch.productivity[batch.best] == batch.productivity.max()
    with pytest.raises(ms.InputError, match="nutrient"):
        front.batch(0.0)
