"""Moment equations: exact for linear networks, close to the master equation otherwise; failures are told."""

from itertools import pairwise

import numpy as np
import pytest

import manyscale as ms
from manyscale.engines.moments import moment_model
from manyscale.errors import InputError, UnsupportedError
from manyscale.kernels import compile_model

TIMES = np.linspace(0.0, 4.0, 9)
DIMERS = "i: -> X; 20; d: X + X -> ; 0.02*X*X; o: X -> ; 0.5*X; X = 10"


def moments(text: str, **options):
    return ms.simulate(text, TIMES, level="moments", counts=True, rtol=1e-9, **options)


def test_birth_and_death_stay_poisson_to_any_order():
    run = moments("b: -> X; 10; d: X -> ; X; X = 0", order=4)
    mean = 10 * (1 - np.exp(-TIMES))
    assert run["X"] == pytest.approx(mean, rel=1e-7, abs=1e-9)
    assert run.variance("X") == pytest.approx(mean, rel=1e-6, abs=1e-7)
    assert run.moment({"X": 3}) == pytest.approx(mean**3 + 3 * mean**2 + mean, rel=1e-6, abs=1e-6)
    assert not run.remarks or all("closure" not in one for one in run.remarks)


def test_a_gene_in_two_stages_has_its_known_noise_and_that_of_the_linear_level():
    gene = "s: -> m; 2; t: -> p; 20*m; u: m -> ; 5*m; v: p -> ; p; m = 0; p = 0"
    run = moments(gene)
    linear = ms.simulate(gene, TIMES, level="lna", counts=True, rtol=1e-9)
    assert run.covariance() == pytest.approx(linear.covariance(), rel=1e-5, abs=1e-6)
    late = ms.simulate(gene, [0, 60.0], level="moments", counts=True)
    assert late.fano("p")[-1] == pytest.approx(1 + 4 / 1.2, rel=1e-4)


def test_conversion_is_binomial_and_conserves():
    run = moments("A -> B; A; A = 30; B = 0")
    left = np.exp(-TIMES)
    assert run.variance("A") == pytest.approx(30 * left * (1 - left), rel=1e-6, abs=1e-7)
    assert run.covariance()[:, 0, 1] == pytest.approx(-30 * left * (1 - left), rel=1e-6, abs=1e-7)


@pytest.mark.parametrize("closure", ["normal", "lognormal", "derivative_matching"])
def test_closures_come_closer_to_the_master_equation_with_the_order(closure):
    exact = ms.simulate(DIMERS, TIMES, level="cme", counts=True, tolerance=1e-9)
    errors = []
    for order in (1, 2, 4) if closure != "lognormal" else (2,):
        if order == 1 and closure == "derivative_matching":
            continue
        run = moments(DIMERS, order=order, closure=closure, compare=False)
        errors.append(np.abs(run["X"] - exact["X"]).max())
    assert errors[-1] < 2e-3 * exact["X"].max()
    assert all(later < 0.5 * earlier for earlier, later in pairwise(errors))
    if closure == "normal":
        assert np.abs(run.std("X") - exact.std("X")).max() < 2e-3 * exact.std("X").max()


def test_units_and_volumes_are_those_of_the_model():
    count = moments("r: A + A -> B; 0.01*A*A; q: B -> A + A; 0.1*B; A = 30; B = 0")
    volume = moments(
        "compartment V = 2; species A in V, B in V; r: A + A -> B; V*0.02*A*A; q: B -> A + A; V*0.1*B; A = 15; B = 0"
    )
    assert volume["A"] == pytest.approx(count["A"] / 2, rel=1e-6)
    assert volume.std("A") == pytest.approx(count.std("A") / 2, rel=1e-5, abs=1e-8)


def test_the_moment_model_is_a_model_like_any_other():
    system, model, _ = moment_model(compile_model(ms.read(DIMERS)), 2, "normal", True)
    assert len(model.rules) == 2 and not system.linear
    again = ms.simulate(model, [0, 1.0], values={"moment_X": 10.0, "moment_X2": 100.0}, rtol=1e-9)
    assert again["moment_X"][-1] == pytest.approx(
        float(ms.simulate(DIMERS, [0, 1.0], level="moments", counts=True, rtol=1e-9)["X"][-1]), rel=1e-7
    )


def test_closures_that_disagree_or_fail_are_told():
    bistable = "p: 2 X -> 3 X; 0.03*X*(X - 1)/2; q: 3 X -> 2 X; 1e-4*X*(X - 1)*(X - 2)/6; r: -> X; 200; s: X -> ; 3.5*X; X = 250"
    try:
        run = ms.simulate(bistable, [0, 5.0, 20.0], level="moments", counts=True)
    except ms.SimulationError as failure:
        assert "closure" in str(failure)
    else:
        assert any("closure" in one for one in run.remarks)


def test_refusals_name_the_reaction():
    with pytest.raises(UnsupportedError, match="rate of b is no polynomial"):
        moments("b: -> X; 10/(1 + X); d: X -> ; X; X = 0")
    with pytest.raises(UnsupportedError, match="events"):
        moments("A -> ; A; A = 3; at (time > 1): A = 5")
    with pytest.raises(InputError, match="closure='best'"):
        moments(DIMERS, closure="best")
    with pytest.raises(InputError, match="order=9"):
        moments(DIMERS, order=9)
