"""Many paths in the lanes of generated code: the same paths whatever the width, and the law of the closed forms."""

import numpy as np
import pytest

import manyscale as ms
from manyscale.errors import SimulationError
from manyscale.kernels import compile_model, jit
from manyscale.kernels.jump_code import jump_code

TIMES = np.linspace(0.0, 4.0, 9)
MODELS = {
    "elementary": "a: A + B -> C; k1*A*B; b: C -> A + B; k2*C; c: -> A; k3; d: A + A -> D; k4*A*A; e: D -> ; k5*D;"
    "k1 = 0.02; k2 = 1; k3 = 5; k4 = 0.01; k5 = 0.3; A = 20; B = 30; C = 0; D = 1",
    "formulas": "b: -> X; k/(1 + (X/20)^2); d: X -> ; g*X; e: X -> Y; exp(-Y/10)*X; f: Y -> ; sqrt(Y)*g;"
    "k = 30; g = 1; X = 0; Y = 4",
    "volume": "compartment V; V = 2; species A in V, B in V; A = 50; B = 0; r: A -> B; V*k*A; s: B + B -> A; V*q*B*B;"
    "k = 1; q = 0.3",
}


@pytest.fixture
def width(monkeypatch):
    pytest.importorskip("llvmlite")
    return lambda lanes: monkeypatch.setattr(jit, "lane_width", lambda: lanes)


@pytest.mark.parametrize("name", MODELS)
def test_paths_do_not_depend_on_how_many_run_at_once(name, width):
    found = []
    for lanes in (2, 4, 8):
        width(lanes)
        model = ms.read(MODELS[name])
        assert jump_code(compile_model(model), True).lanes == lanes
        found.append(ms.simulate(model, TIMES, level="jump", replicates=21, seed=4, counts=True).states)
    one = ms.simulate(model, TIMES, level="jump", seed=4, counts=True).states
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])
    np.testing.assert_array_equal(found[0][0], one)


@pytest.mark.parametrize("name", MODELS)
def test_lanes_and_the_path_by_path_engine_agree(name, monkeypatch):
    fast = ms.simulate(ms.read(MODELS[name]), TIMES, level="jump", replicates=40, seed=9, counts=True)
    monkeypatch.setenv("MANYSCALE_COMPILE", "0")
    slow = ms.simulate(ms.read(MODELS[name]), TIMES, level="jump", replicates=40, seed=9, counts=True)
    assert np.mean((fast.states == slow.states).all(axis=(1, 2))) > 0.95  # rounding may decide once in a while


def test_conversion_follows_the_binomial_law_and_ends():
    """A -> B at rate 1 from 40: binomial at each time, and nothing happens once all are converted."""
    from scipy import stats

    run = ms.simulate("A -> B; A; A = 40; B = 0", [0, 0.5, 100.0], level="jump", replicates=30_000, seed=2, counts=True)
    assert (run["A"][:, 2] == 0).all() and (run["A"] + run["B"] == 40).all()
    law = stats.binom(40, np.exp(-0.5))
    edges = np.arange(14, 35)
    seen = np.histogram(run["A"][:, 1], bins=[-0.5, *(edges - 0.5), 99])[0]
    expected = np.diff([0, *law.cdf(edges - 1), 1]) * 30_000
    assert stats.chisquare(seen, expected).pvalue > 1e-4


def test_a_network_that_is_at_rest_stays():
    run = ms.simulate("A -> B; A; A = 0; B = 3", [0, 1.0, 2.0], level="jump", replicates=11, seed=2, counts=True)
    assert (run["B"] == 3).all() and (run["A"] == 0).all()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: => A; 4.5 - A; b: A -> ; 0*A; A = 0", "reaction a has a negative propensity"),
        ("a: -> A; 1/(8 - A); A = 0", "reaction a has a propensity that is not a finite number"),
        ("a: -> A; 0.1; b: A -> B; 1; A = 1; B = 0", "reaction b would use up more molecules than there are"),
    ],
)
def test_laws_that_fail_on_the_way_are_named(text, said):
    with pytest.raises(SimulationError, match=said) as caught:
        ms.simulate(text, [0, 1000.0], level="jump", replicates=9, seed=1, counts=True)
    assert caught.value.partial.states.shape[0] <= 9


def test_too_many_jumps_are_told_with_what_is_done():
    with pytest.raises(SimulationError, match="jumps were not enough"):
        ms.simulate("-> A; 1e4; A = 0", [0, 1.0], level="jump", replicates=20, seed=1, counts=True, max_steps=5_000)


def test_the_limit_of_jumps_is_each_paths_own():
    run = ms.simulate("-> A; 1e3; A = 0", [0, 1.0], level="jump", replicates=200, seed=1, counts=True, max_steps=2_000)
    assert run.stats["jumps"] == run["A"][:, 1].sum()
