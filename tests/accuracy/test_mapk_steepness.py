"""The MAPK cascade of Huang & Ferrell, PNAS 93:10078 (1996): predicted Hill coefficients 1.0, 1.7 and 4.9."""

from __future__ import annotations

import numpy as np
import pytest

import manyscale as ms

PUBLISHED = {"P_KKK": 1.0, "PP_KK": 1.7, "PP_K": 4.9}


@pytest.fixture(scope="module")
def cascade(corpora):
    path = corpora / "biomodels" / "BIOMD0000000009.xml"
    if not path.exists():
        pytest.skip(f"{path.name} is not there")
    return ms.read(path)


@pytest.mark.parametrize("output", PUBLISHED)
def test_published_hill_coefficients(cascade, output):
    found = ms.steepness(cascade, "E1", output)
    assert found.n_81 == pytest.approx(PUBLISHED[output], abs=0.05)
    assert found.sites == 1 and (found.n_max < 1 or "energy spent" in found.reason)
    for share, dose in ((0.5, found.half_point),):
        run = ms.simulate(cascade, [0, 1e4, 1e5], values={"E1": dose}, rtol=1e-9)[output]
        assert run[-1] == pytest.approx(found.leak + share * (found.saturation - found.leak), rel=1e-3)


def test_layers_multiply(cascade):
    found = ms.steepness(cascade, "E1", "PP_K")
    layers = dict(found.layers(["P_KKK", "PP_KK", "PP_K"]))
    assert np.prod(list(layers.values())) == pytest.approx(found.n_half / 2, rel=1e-6)
    assert found.half_point == pytest.approx(4.2e-6, rel=0.02)


def test_dual_phosphorylation_is_bistable_as_markevich_found(corpora):
    """Markevich, Hoek & Kholodenko, J Cell Biol 164:353 (2004): distributive phosphorylation alone makes a switch."""
    path = corpora / "biomodels" / "BIOMD0000000026.xml"
    if not path.exists():
        pytest.skip(f"{path.name} is not there")
    model = ms.read(path)
    found = ms.steepness(model, "MAPKK", "Mpp")
    assert found.bistable and np.isinf(found.n_half)
    low, high = (0.98 * found.half_point, 1.02 * found.half_point)
    times = np.array([0.0, 1e5, 1e6])
    below, above = (
        ms.simulate(model, times, values={"MAPKK": x, "M": 500.0}, rtol=1e-8)["Mpp"][-1] for x in (low, high)
    )
    assert above > 3 * below
    assert np.interp(high, found.dose, found.response) == pytest.approx(above, rel=1e-3)
    assert np.interp(low, found.dose, found.response) == pytest.approx(below, rel=2e-2)
    folds = sorted(x for b in found.branches if not b.stable for x in (b.dose[0], b.dose[-1]))
    assert folds[-1] == pytest.approx(found.half_point, rel=1e-3)


def test_steady_states_near_a_fold_keep_the_conserved_sums(corpora):
    path = corpora / "biomodels" / "BIOMD0000000026.xml"
    if not path.exists():
        pytest.skip(f"{path.name} is not there")
    model = ms.read(path)
    start = {"M": 246.94767746318348, "Mp": 13.711840430114846, "Mpp": 101.41454125866863, "MAPKK": 9.862905283179353,
             "MKP3": 10.545981494337806, "M_MAPKK": 48.201605143101354, "Mp_MAPKK": 0.2703171992695118,
             "Mpp_MKP3": 44.073456402637795, "Mp_MKP3_dep": 5.500806143335718, "Mp_MKP3": 0.9640321028620273,
             "M_MKP3": 38.915723856826645}  # fmt: skip
    found = ms.steady_state(model, start)
    for total in (("MAPKK", "M_MAPKK", "Mp_MAPKK"), ("MKP3", "Mpp_MKP3", "Mp_MKP3_dep", "Mp_MKP3", "M_MKP3")):
        assert sum(found[s] for s in total) == pytest.approx(sum(start[s] for s in total), rel=1e-7)
