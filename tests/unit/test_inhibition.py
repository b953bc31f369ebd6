"""The second growth law: ribosomes rise as an inhibitor slows the cell, at every nutrient, towards one common share."""

from __future__ import annotations

import numpy as np
import pytest

import manyscale as ms
from manyscale.circuits.inhibition import inhibition_law, with_inhibitor
from manyscale.circuits.proteome import growth_law


@pytest.fixture(scope="module")
def laws():
    return {ns: inhibition_law(values={"ns": ns}) for ns in (0.08, 0.25, 0.5, 1.0)}


def test_ribosomes_rise_while_growth_falls_nearly_on_a_line(laws):
    for law in laws.values():
        assert law.slope < 0 and (np.diff(law.ribosome_share) > 0).all() and (np.diff(law.growth_rate) < 0).all()
        assert law.r_squared > 0.97 and law.error < 0.1
        assert law.growth_rate[-1] < 0.65 * law.growth_rate[0]


def test_lines_of_all_nutrients_meet_where_growth_ends(laws):
    """Better nutrients, flatter lines, one share at no growth within 15%; the first law's line rises instead."""
    slopes = [law.slope for law in laws.values()]
    ends = np.array([law.intercept for law in laws.values()])
    assert (np.diff(slopes) > 0).all() and np.ptp(ends) < 0.15 * ends.mean() and slopes[0] < 8 * slopes[-1]
    assert growth_law().slope > 0


def test_metabolism_gives_the_slope_of_three_sectors_and_the_rest_the_remainder(laws):
    """growth = kappa_n phi_P with kappa_n = ns vt s0/((Kt + s0) 2 n_x) whatever is stalled; shares sum to one."""
    for ns, law in laws.items():
        kappa_n = ns * 726.0 * 1e4 / ((1000.0 + 1e4) * 600.0)
        assert law.metabolic_slope == pytest.approx(-1.0 / kappa_n, rel=1e-9)
        assert law.exact_error < 1e-6
        rest = np.polyfit(law.growth_rate, law.rest_share, 1)[0]
        assert law.slope == pytest.approx(law.metabolic_slope - rest, rel=1e-5)
        assert rest > abs(law.metabolic_slope)  # the rest of this cell gives more of the slope than metabolism


def test_no_inhibitor_is_the_cell_itself_and_mass_is_kept():
    host = with_inhibitor("weisse_2015", 0.02)
    none = ms.steady_state(host.model, {"inhibition": 0.0})
    assert none["growth"] == pytest.approx(0.0241145, rel=1e-5)
    some = ms.steady_state(host.model)
    run = ms.simulate(host.model, [0.0, 5000.0], rtol=1e-9)
    for id in ("growth", "mass", "stalled_c_q"):
        assert run[id][-1] == pytest.approx(some[id], rel=1e-5)
    assert some["mass"] == pytest.approx(1e8, rel=1e-9) and some["growth"] < 0.8 * none["growth"]


def test_bad_rates_are_told():
    with pytest.raises(ms.InputError, match="rising"):
        inhibition_law(inhibition=[0.1, 0.05, 0.02])
    with pytest.raises(ms.InputError, match="at least 0"):
        with_inhibitor(rate=-1.0)
    with pytest.raises(ms.InputError, match="already"):
        with_inhibitor(with_inhibitor())
    with pytest.raises(ms.SimulationError, match="does not grow"):
        inhibition_law(inhibition=[0.1, 1.0, 10.0])
