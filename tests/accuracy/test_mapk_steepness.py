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
