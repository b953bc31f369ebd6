"""Many paths in the lanes of generated code: the same paths whatever the width, and the law of the closed forms."""

import numpy as np
import pytest

import manyscale as ms
from manyscale.engines import jump
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


@pytest.mark.parametrize("text", [MODELS["elementary"], None])
def test_paths_depend_neither_on_threads_nor_on_where_an_ensemble_begins(text, monkeypatch):
    model = ms.read(text or forty(0))  # in lanes, and by rejection from bounds
    found = []
    for threads in (1, 2, 5):
        monkeypatch.setattr(jump, "cores", lambda threads=threads: threads)
        found.append(ms.simulate(model, TIMES, level="jump", replicates=21, seed=4, counts=True).states)
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])
    kernel = compile_model(model)
    rest = jump.simulate_jump(kernel, TIMES, replicates=10, seed=4, counts=True, first=11).states
    np.testing.assert_array_equal(found[0][11:], rest)
    assert not np.array_equal(found[0][:10], rest)


def test_an_interruption_keeps_the_paths_that_are_done(monkeypatch):
    """Stopped from the progress function, as by Ctrl-C: the partial result is the beginning of the whole one."""
    monkeypatch.setattr(jump, "cores", lambda: 1)
    model, many = ms.read("-> A; 1e5; d: A -> ; A; A = 0"), 4_000

    def stop(share: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as caught:
        ms.simulate(model, TIMES, level="jump", replicates=many, seed=4, counts=True, progress=stop)
    partial = caught.value.partial.states
    assert 0 < len(partial) < many
    again = ms.simulate(model, TIMES, level="jump", replicates=len(partial), seed=4, counts=True).states
    np.testing.assert_array_equal(partial, again)


def test_events_go_path_by_path_and_add_their_molecules():
    """Decay at rate 1 from 50, and 100 more at t = 1: means and variances are sums of binomials."""
    model = ms.read("d: A -> ; A; A = 50; at (time > 1): A = A + 100")
    assert jump_code(compile_model(model), True).lanes == 0
    values = ms.simulate(model, [0, 2.0], level="jump", replicates=2_000, seed=4, counts=True)["A"][:, 1]
    mean = 50 * np.exp(-2) + 100 * np.exp(-1)
    variance = 50 * np.exp(-2) * (1 - np.exp(-2)) + 100 * np.exp(-1) * (1 - np.exp(-1))
    assert abs(values.mean() - mean) < 4.5 * np.sqrt(variance / 2_000)
    assert abs(values.var() / variance - 1) < 4.5 * np.sqrt(2 / 2_000)


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


def forty(k: int) -> str:
    """Birth and death of 40 kinds, at rates over four decades, and dimers of the last two."""
    lines, start = [], []
    for i in range(40):
        lines.append(f"b{i}: -> X{i}; {3.0 * (1 + i)}; d{i}: X{i} -> ; {10 ** (-i % 4 - 1)}*X{i}")
        start.append(f"X{i} = 0")
    lines.append("p: D -> ; 2*D; m: X38 + X38 -> D; 0.001*X38*X38; e: E -> ; E; h: X39 + X0 -> E; 0.0005*X39*X0")
    return ";".join([*lines, *start, "D = 0", "E = 0"])


def test_rejection_from_bounds_gives_the_poisson_laws():
    from scipy import stats

    text = forty(0)
    assert jump_code(compile_model(ms.read(text)), True).table
    run = ms.simulate(text, [0, 3.0], level="jump", replicates=4_000, seed=3, counts=True)
    for i in range(1, 38):
        rate = 10 ** (-i % 4 - 1)
        mean = 3.0 * (1 + i) / rate * (1 - np.exp(-rate * 3.0))
        values = run[f"X{i}"][:, 1]
        assert abs(values.mean() - mean) < 4.5 * np.sqrt(mean / 4_000)
        assert abs(values.var() / mean - 1) < 4.5 * np.sqrt((2 + 1 / mean) / 4_000)
    mean = 3.0 * 6 / 100 * (1 - np.exp(-300))  # X5: few molecules, the whole law
    assert 10 ** (-5 % 4 - 1) == 100
    seen = np.bincount(run["X5"][:, 1].astype(int), minlength=4)[:3]
    expected = stats.poisson(mean).pmf([0, 1, 2]) * 4_000
    assert (abs(seen - expected) < 4.5 * np.sqrt(expected + 1)).all()


def test_rejection_from_bounds_and_lanes_have_the_same_law():
    from scipy import stats

    options = {"level": "jump", "replicates": 3_000, "counts": True}
    model, times = ms.read(forty(0)), [0, 1.0, 3.0]
    table = ms.simulate(model, times, seed=3, method="rejection", **options)
    direct = ms.simulate(model, times, seed=4, method="direct", **options)
    assert table.stats["jumps"] / direct.stats["jumps"] == pytest.approx(1.0, abs=0.01)
    for id in ("D", "E", "X0", "X38", "X39"):
        for k in (1, 2):
            assert stats.ks_2samp(table[id][:, k], direct[id][:, k], method="asymp").pvalue > 1e-4


def test_a_large_network_whose_bounds_are_all_that_is_left_ends():
    """Single molecules of kinds that only react in pairs: every candidate is rejected."""
    lines = [f"r{i}: A{i} + A{i} -> ; 1e6*A{i}*A{i}" for i in range(70)]
    text = ";".join([*lines, *(f"A{i} = {3 if i else 1}" for i in range(70))])
    run = ms.simulate(text, [0, 1e6], level="jump", replicates=5, seed=1, counts=True, method="rejection")
    assert run.stats["jumps"] == 5 * 69
    assert all((run[f"A{i}"][:, 1] == 1).all() for i in range(70))
