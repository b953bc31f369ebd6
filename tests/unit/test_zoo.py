"""Zoo models give the published numbers and keep their books."""

from __future__ import annotations

import numpy as np
import pytest

import manyscale as ms
from manyscale import zoo
from manyscale.kernels import compile_model


def test_an_unknown_problem_is_told_with_the_names():
    with pytest.raises(ms.InputError, match="weisse_2015"):
        zoo.problem("weise")


def test_the_mechanistic_cell_grows_as_published():
    problem = zoo.problem("weisse_2015")
    found = ms.steady_state(problem.model())
    ribosomes = 7549 * (found["r"] + found["translating"]) / found["mass"]
    known = dict(problem.gold) | {"ribosome_fraction": ribosomes}
    for name, value in problem.gold.items():
        assert known[name] == pytest.approx(value, rel=1e-5)
        if name != "ribosome_fraction":
            assert found[name] == pytest.approx(value, rel=2e-5)
    assert ribosomes == pytest.approx(0.240711, rel=1e-5) and found.stable


@pytest.mark.parametrize("ns, rate, share", [(0.08, 0.0056542, 0.15699), (0.12, 0.0079826, 0.17103),
                                             (0.25, 0.0144835, 0.20193), (1.0, 0.0370164, 0.29296)])  # fmt: skip
def test_growth_and_ribosomes_rise_with_the_nutrient(ns, rate, share):
    found = ms.steady_state(zoo.problem("weisse_2015").model(), {"ns": ns})
    assert found["growth"] == pytest.approx(rate, rel=1e-5)
    assert 7549 * (found["r"] + found["translating"]) / found["mass"] == pytest.approx(share, rel=5e-5)
    assert found["mass"] == pytest.approx(1e8, rel=1e-10)


def test_mass_relaxes_to_its_total_by_growth_alone():
    """mass' = growth (M - mass) at any state, stationary or not."""
    kernel = compile_model(zoo.problem("weisse_2015").model())
    y, p = kernel.initial(None)
    weights = {"r": 7549, "et": 300, "em": 300, "q": 300} | {f"c_{x}": 7549 for x in "rtmq"}
    row = np.array([weights.get(id, 0.0) for id in kernel.system.states])
    for seed in range(5):
        z = y * np.exp(np.random.default_rng(seed).normal(0, 1, y.size))
        v = kernel.values(0.0, z, p)
        expected = v["growth"] * (v["mass_total"] - v["mass"])
        assert v["mass"] == pytest.approx(row @ z, rel=1e-12)
        assert row @ kernel.rhs(0.0, z, p) == pytest.approx(
            expected, rel=1e-9, abs=1e-9 * v["growth"] * v["mass_total"]
        )


@pytest.mark.parametrize("changes", [{}, {"kappa_n": 1.0}, {"kappa_t": 3.0}, {"phi_h": 0.2}])
def test_three_sectors_grow_by_the_formula_and_sum_to_one(changes):
    from manyscale.zoo import scott_hwa

    found = ms.steady_state(scott_hwa.model(**changes))
    assert found["growth"] == pytest.approx(scott_hwa.growth(**changes), rel=1e-9)
    assert sum(found[x] for x in scott_hwa.SECTORS) == pytest.approx(1.0, abs=1e-12)


def test_foreign_protein_lowers_growth_linearly():
    from manyscale.zoo import scott_hwa

    relative = ms.steady_state(scott_hwa.model(phi_h=0.2))["growth"] / scott_hwa.growth()
    assert relative == pytest.approx(1 - 0.2 / (scott_hwa.PHI_MAX - scott_hwa.PHI_0), rel=1e-9)


def test_the_spectrum_of_the_cell_has_its_known_gap():
    """With one foreign gene the fast modes are seven: uptake, energy, ribosomes, and one per pair of like mRNAs."""
    found = ms.burden({"gfp": 1e-9})
    rates = np.sort(-found.state.eigenvalues.real)[::-1]
    known = (8.90e4, 3.33e4, 413.8, 27.92, 27.92, 27.92, 25.71, 0.12065)
    assert rates[:8] == pytest.approx(known, rel=5e-4)
    assert rates[6] / rates[7] == pytest.approx(213.0, rel=5e-3)
    assert np.sum(np.isclose(rates, found.growth_rate, rtol=1e-6)) >= 2  # what only dilution takes away
    assert found.values["r"] == pytest.approx(24.268, abs=1e-3)


@pytest.mark.parametrize("ns, free, clearing", [(0.08, 245.2, 0.9128), (0.5, 388.2, 2.5402), (1.0, 366.5, 3.2085)])
def test_free_messages_and_the_speed_of_translation(ns, free, clearing):
    found = ms.steady_state(zoo.problem("weisse_2015").model(), {"ns": ns})
    assert sum(found[m] for m in ("m_r", "m_t", "m_m", "m_q")) == pytest.approx(free, abs=0.06)
    assert found["elongation"] / 300 == pytest.approx(clearing, abs=1e-4)


def test_translation_alone_would_allow_a_doubling_in_a_quarter_of_an_hour():
    from manyscale.zoo import scott_hwa

    fastest = scott_hwa.growth(kappa_n=1e9)
    assert 60 * np.log(2) / fastest == pytest.approx(14.5, abs=0.1)
    assert ms.steady_state(scott_hwa.model(kappa_n=1e9))["growth"] == pytest.approx(fastest, rel=1e-6)
