"""Every example shows the feature that its paper is known for."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest

import manyscale as ms


def run(examples, name, end, points=2001, **values):
    model = ms.read(examples / f"{name}.ant")
    return ms.simulate(model, np.linspace(0.0, end, points), values=values or None, rtol=1e-8)


def period(times, values):
    """Mean distance between upward crossings of the middle, in the second half."""
    half = len(times) // 2
    t, x = times[half:], values[half:] - (values[half:].max() + values[half:].min()) / 2
    up = np.flatnonzero((x[:-1] < 0) & (x[1:] >= 0))
    crossings = t[up] - x[up] * (t[up + 1] - t[up]) / (x[up + 1] - x[up])
    return float(np.diff(crossings).mean())


def half_time(times, values):
    return float(np.interp(values[-1] / 2, values[: np.argmax(values > values[-1] / 2) + 1],
                           times[: np.argmax(values > values[-1] / 2) + 1]))  # fmt: skip


def test_every_example_reads_without_remarks_about_what_was_interpreted(examples):
    names = sorted(path.stem for path in examples.glob("*.ant"))
    assert len(names) >= 12
    for name in names:
        model = ms.read(examples / f"{name}.ant")
        assert model.id == name


def test_units_of_every_example_are_declared_and_agree(examples):
    from manyscale.model.unit_check import check_units

    for path in examples.glob("*.ant"):
        assert check_units(ms.read(path)).ok is True, path.name


def test_every_example_cites_its_paper_and_is_listed(examples):
    listed = (examples / "README.md").read_text(encoding="utf-8")
    for path in examples.glob("*.ant"):
        assert "doi:10." in path.read_text(encoding="utf-8"), path.name
        assert f"`{path.name}`" in listed


def test_autoregulated_gene_answers_in_a_fifth_of_a_cell_cycle(examples):
    found = run(examples, "autoregulation_2002", 900, 9001)
    assert found["p"][-1] == pytest.approx(found["p_simple"][-1], rel=0.01)
    assert half_time(found.times, found["p"]) / 60 == pytest.approx(0.21, abs=0.01)
    assert half_time(found.times, found["p_simple"]) / 60 == pytest.approx(1.05, abs=0.02)


def test_repressilator_oscillates_with_a_period_of_two_hours(examples):
    found = run(examples, "repressilator_2000", 3000)
    assert period(found.times, found["LacI"]) == pytest.approx(125.35, rel=1e-3)


def test_toggle_has_two_stable_states_and_iptg_flips_it(examples):
    low = run(examples, "toggle_2000", 200)
    other = run(examples, "toggle_2000", 200, u=0.1, v=15.0)
    flipped = run(examples, "toggle_2000", 400, IPTG=6e-5)
    below = run(examples, "toggle_2000", 400, IPTG=3e-5)
    assert low["u"][-1] > 100 and low["v"][-1] < 1
    assert other["u"][-1] < 1 and other["v"][-1] > 10
    assert flipped["v"][-1] > 10
    assert below["v"][-1] < 1


def test_enzyme_obeys_the_michaelis_menten_law_after_its_transient(examples):
    found = run(examples, "michaelis_menten_1925", 100, 10001)
    rate = np.gradient(found["P"], found.times)
    s = found["S"]
    law = 0.1 * s / (2.0 + s)
    assert np.abs(rate - law)[50:-1].max() < 2e-3 * law.max()


def test_goldbeter_koshland_cycle_is_a_switch(examples):
    low = run(examples, "goldbeter_koshland_1981", 20000, E1=0.09)
    high = run(examples, "goldbeter_koshland_1981", 20000, E1=0.11)
    assert low["Wp"][-1] / 100 == pytest.approx(0.0812, abs=0.001)
    assert high["Wp"][-1] / 100 == pytest.approx(0.909, abs=0.002)


def hill_coefficient(inputs, outputs):
    """ln 81 / ln(EC90 / EC10)."""
    share = np.asarray(outputs) / outputs[-1]
    ec10, ec90 = (math.exp(np.interp(level, share, np.log(inputs))) for level in (0.1, 0.9))
    return math.log(81) / math.log(ec90 / ec10)


def test_mapk_cascade_gets_steeper_tier_by_tier(examples):
    model = ms.read(examples / "huang_ferrell_1996.ant")
    inputs = np.geomspace(1e-8, 0.1, 99)
    ends = {"P_KKK": [], "PP_KK": [], "PP_K": []}
    for level in inputs:
        found = ms.simulate(model, [0.0, 4000.0], values={"E1": float(level)})
        for id, column in ends.items():
            column.append(found[id][-1])
    n = {id: hill_coefficient(inputs, column) for id, column in ends.items()}
    assert n["P_KKK"] == pytest.approx(1.0, abs=0.05)
    assert n["PP_KK"] == pytest.approx(1.7, abs=0.1)
    assert n["PP_K"] == pytest.approx(4.64, abs=0.3)


def test_mapk_feedback_oscillates_every_twenty_minutes(examples):
    found = run(examples, "kholodenko_2000", 20000, 8001)
    assert period(found.times, found["MAPK_PP"]) / 60 == pytest.approx(21.66, rel=1e-3)


def test_selkov_has_a_limit_cycle_around_an_unstable_steady_state(examples):
    found = run(examples, "selkov_1968", 200, 8001)
    assert period(found.times, found["ADP"]) == pytest.approx(9.6226, rel=1e-3)
    still = run(examples, "selkov_1968", 10, ADP=0.6, F6P=0.6 / (0.08 + 0.36))
    assert np.ptp(still["ADP"]) < 1e-6


def test_glycolysis_oscillates_in_seconds(examples):
    found = run(examples, "glycolysis_wolf_2000", 10, 20001)
    assert period(found.times, found["ATP"]) * 60 == pytest.approx(8.437, rel=2e-3)
    assert np.ptp(found["NADH"]) > 0.05


def test_cell_cycle_takes_thirty_five_minutes(examples):
    found = run(examples, "tyson_1991", 400, 8001)
    assert period(found.times, found["M"]) == pytest.approx(35.60, rel=1e-3)


def test_squid_axon_fires_sixty_eight_times_a_second(examples):
    found = run(examples, "hodgkin_huxley_1952", 200, 20001)
    assert 1000 / period(found.times, found["V"]) == pytest.approx(68.3, rel=5e-3)
    assert 90 < found["V"].max() < 115
    quiet = run(examples, "hodgkin_huxley_1952", 100, I=0.0)
    assert np.abs(quiet["V"]).max() < 1.0


def test_genetic_clock_has_the_published_period(examples):
    found = run(examples, "vilar_2002", 400, 8001)
    assert period(found.times, found["R"]) == pytest.approx(25.56, rel=1e-3)


def test_growth_rate_rises_with_the_nutrient_as_published(examples):
    growth, share = [], []
    for quality in (0.08, 0.25, 0.5, 1.0):
        found = run(examples, "ribosome_allocation_2015", 20000, 21, ns=quality)
        growth.append(found["growth"][-1])
        ribosomes = sum(found[id][-1] for id in ("r", "c_r", "c_t", "c_m", "c_q"))
        share.append(7549 * ribosomes / 1e8)
    assert growth == pytest.approx([0.0056542, 0.0144835, 0.0241145, 0.0370164], rel=1e-4)
    assert share == pytest.approx([0.15699, 0.20193, 0.24071, 0.29296], rel=1e-3)


def test_nerve_rests_without_and_fires_with_a_stimulus(examples):
    fires = run(examples, "fitzhugh_nagumo_1961", 200, 20001)
    assert period(fires.times, fires["v"]) == pytest.approx(11.2279, rel=1e-3)
    rests = run(examples, "fitzhugh_nagumo_1961", 200, 2001, z=0.0)
    assert np.ptp(rests["v"][-500:]) < 1e-6
    assert rests["v"][-1] == pytest.approx(1.1994, abs=1e-3)  # the steady state that FitzHugh gives


def test_oregonator_oscillates_over_four_orders_of_magnitude(examples):
    found = run(examples, "oregonator_1974", 4000, 20001)
    assert found["X"][10000:].max() / found["X"][10000:].min() > 1e4
    assert period(found.times, found["Z"]) == pytest.approx(386.9, rel=1e-2)


def test_epidemic_has_the_final_size_of_its_reproduction_number(examples):
    found = run(examples, "sir_1927", 150)
    share = found["S"][-1] / 763
    assert math.log(found["S"][-1] / 762) == pytest.approx(1.66 / 0.44 * (share - 1), rel=1e-6)
    quiet = run(examples, "sir_1927", 150, beta=0.4)
    assert quiet["I"].max() == pytest.approx(1.0)


def test_davis_skodje_ends_on_its_manifold(examples):
    found = run(examples, "davis_skodje_1999", 5)
    late = found.times > 0.5
    assert np.abs(found["y"] - found["z"] / (1 + found["z"]))[late].max() < 1e-6


def test_python_example_runs(examples, tmp_path):
    for path in examples.glob("*.py"):
        done = subprocess.run([sys.executable, str(path)], cwd=tmp_path, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr[-2000:]
