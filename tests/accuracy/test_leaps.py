"""Tau-leaping and the Langevin equation: closed forms, orders of convergence, stiff models, never negative."""

import numpy as np
import pytest

import manyscale as ms
from manyscale import _core
from manyscale.errors import InputError, UnsupportedError

BIRTH_DEATH = "b: -> X; k; d: X -> ; g*X; k = 5000; g = 1; X = 5000"
DECAY = "d: X -> ; X; X = 1000000"
FAST_PAIR = "f: S1 -> S2; 1*S1; b: S2 -> S1; 2*S2; s: S2 -> S3; 5e-5*S2; S1 = 1200; S2 = 600; S3 = 0"
TIMES = np.array([0.0, 1.0, 4.0])


def run(text, times, level, method="auto", **options):
    return ms.simulate(text, times, level=level, method=method, counts=True, **{"seed": 1, **options})


@pytest.mark.parametrize("mean", [0.3, 5.0, 9.9, 10.1, 40.0, 3000.0])
def test_poisson_numbers_have_their_law(mean):
    from scipy import stats

    numbers, law = _core.draws("poisson", mean, 0.0, 7, 200_000), stats.poisson(mean)
    edges = np.unique(law.ppf(np.linspace(0.001, 0.999, 30)))
    expected = np.diff([0.0, *law.cdf(edges), 1.0]) * len(numbers)
    observed = np.histogram(numbers, [-1.0, *(edges + 0.5), np.inf])[0]
    assert stats.chisquare(observed, expected).pvalue > 1e-4


@pytest.mark.parametrize(("n", "p"), [(5, 0.3), (40, 0.5), (40, 0.9), (1000, 0.02), (10_000, 0.37)])
def test_binomial_numbers_have_their_law(n, p):
    from scipy import stats

    numbers, law = _core.draws("binomial", n, p, 7, 200_000), stats.binom(n, p)
    edges = np.unique(law.ppf(np.linspace(0.001, 0.999, 30)))[:-1]
    expected = np.diff([0.0, *law.cdf(edges), 1.0]) * len(numbers)
    observed = np.histogram(numbers, [-1.0, *(edges + 0.5), np.inf])[0]
    assert stats.chisquare(observed, expected).pvalue > 1e-4


@pytest.mark.parametrize("level", ["tau", "langevin"])
@pytest.mark.parametrize("step", [0.1, 0.5])
@pytest.mark.parametrize(
    ("method", "factor"),
    [("explicit", lambda z: 1 / (1 - z / 2)), ("implicit", lambda z: 1 / (1 + z / 2)), ("trapezoidal", lambda z: 1.0)],
)
def test_stationary_variance_with_a_fixed_step_is_that_of_the_closed_form(level, method, factor, step):
    """Cao, Petzold, Rathinam & Gillespie, J. Chem. Phys. 121:12169, 2004."""
    found = run(BIRTH_DEATH, [0.0, 10.0], level, method, step=step, replicates=20_000)["X"][:, 1]
    expected = 5000 * factor(step)
    assert abs(found.mean() - 5000) < 4 * np.sqrt(expected / 20_000)
    assert abs(found.var() / expected - 1) < 4 * np.sqrt(2 / 20_000)


@pytest.mark.parametrize("level", ["tau", "langevin"])
@pytest.mark.parametrize(
    ("method", "order"), [("explicit", 1), ("implicit", 1), ("second_order", 2), ("trapezoidal", 2)]
)
def test_means_converge_with_the_order_of_the_method(level, method, order):
    """Linear decay from a million: mean N exp(-t)."""
    decay = np.exp(-1.0)
    means = []
    for step in (0.5, 0.25, 0.125):
        found = run(DECAY, [0.0, 1.0], level, method, step=step, replicates=2000)["X"][:, 1]
        means.append(found.mean() / 1e6 - decay)
    orders = np.log2(np.abs(means[:-1])) - np.log2(np.abs(means[1:]))
    assert (np.abs(orders - order) < 0.35).all()


@pytest.mark.parametrize("level", ["tau", "langevin"])
def test_variances_converge_with_the_order_of_the_method(level):
    """Stationary birth and death, whose variance is that of the scheme: first order, and second."""
    errors = {}
    for method in ("explicit", "second_order"):
        for step in (0.8, 0.4):
            found = run(BIRTH_DEATH, [0.0, 12.0], level, method, step=step, replicates=40_000)["X"][:, 1]
            errors[method, step] = abs(found.var() / 5000 - 1)
    assert errors["explicit", 0.4] < 0.5 * errors["explicit", 0.8]
    assert errors["second_order", 0.4] < 0.35 * errors["second_order", 0.8]
    assert errors["second_order", 0.4] < 0.3 * errors["explicit", 0.4]


def test_the_langevin_equation_converges_strongly_with_order_one_half():
    """The same noise at steps that halve: Euler-Maruyama against the finest step."""
    from manyscale.engines.langevin import LeapWork
    from manyscale.kernels import compile_model

    kernel = compile_model(ms.read("b: X => 2 X; X; d: X => ; X; X = 1000"))
    found = {}
    for halvings in (10, 6, 5, 4, 3):
        options = {"gaussian": True, "scheme": "explicit", "epsilon": 0.03, "step": 2.0**-halvings,
                   "parts": 2 ** (10 - halvings)}  # fmt: skip
        work = LeapWork(kernel, True, "langevin", [0.0, 1.0], None, 5, 10**9, None, options)
        found[halvings] = work.paths(2000)["X"][:, 1]
    errors = [np.abs(found[k] - found[10]).mean() for k in (3, 4, 5, 6)]
    rates = np.log2(errors[:-1]) - np.log2(errors[1:])
    assert (np.abs(rates - 0.5) < 0.15).all()


@pytest.mark.parametrize("level", ["tau", "langevin"])
def test_adaptive_leaps_have_the_moments_of_the_closed_form(level):
    text = "b: -> X; k; d: X -> ; X; k = 1000; X = 0"
    found = run(text, TIMES, level, replicates=8000)["X"]
    for k, t in enumerate(TIMES[1:], start=1):
        mean = 1000 * (1 - np.exp(-t))
        assert abs(found[:, k].mean() - mean) < 4 * np.sqrt(mean / 8000) + 1e-3 * mean
        assert abs(found[:, k].var() / mean - 1) < 4 * np.sqrt(2 / 8000) + 0.02


def test_errors_go_to_zero_with_epsilon():
    text = "d: X + X -> Y; 0.0001*X*X; r: Y -> X + X; 0.3*Y; X = 20000; Y = 0"
    exact = run(text, [0.0, 0.2], "jump", replicates=300)["Y"][:, 1]
    errors = []
    for epsilon in (0.9, 0.3, 0.03):
        found = run(text, [0.0, 0.2], "tau", "explicit", epsilon=epsilon, replicates=2000)["Y"][:, 1]
        errors.append(abs(found.mean() - exact.mean()))
    noise = 4 * exact.std() / np.sqrt(300)
    assert errors[0] > errors[1] > errors[2] - noise
    assert errors[0] > 3 * noise and errors[2] < noise + 5e-3 * exact.mean()


def test_few_molecules_are_simulated_exactly():
    """Where leaps are not worth it the law is that of the jump process: dimerisation, 003-01 of the stochastic suite."""
    text = "d: 2 P => P2; 0.0005*P*(P - 1); u: P2 => 2 P; 0.01*P2; P = 100; P2 = 0"
    found = run(text, [0.0, 1.0, 10.0, 49.0], "tau", replicates=20_000)
    means, spreads = [91.0317661321, 52.2142710172, 28.6399808038], [3.8625044674, 5.5117597249, 4.7907705479]
    for k in range(3):
        values = found["P"][:, k + 1]
        assert abs(values.mean() - means[k]) < 4 * spreads[k] / np.sqrt(20_000)
        assert abs(values.std() / spreads[k] - 1) < 4 * np.sqrt(0.5 / 20_000)
    assert found.stats["jumps"] > 0


@pytest.mark.parametrize("method", ["auto", "implicit"])
def test_stiff_pairs_are_stepped_over_with_the_right_slow_law(method):
    """Cao, Gillespie & Petzold 2005: S1 <-> S2 fast, S2 -> S3 slow at 1.66664814825e-5 per time."""
    times, slow = np.array([0.0, 1e4, 3e4]), 1.66664814825e-5
    found = run(FAST_PAIR, times, "tau", method, replicates=1000)
    assert (found["S1"] + found["S2"] + found["S3"] == 1800).all()
    assert found.stats["leaps"] + found.stats["jumps"] < 1000 * 500  # of 7e7 jumps
    for k, t in enumerate(times[1:], start=1):
        mean = 1800 * (1 - np.exp(-slow * t))
        spread = np.sqrt(mean * np.exp(-slow * t))
        assert abs(found["S3"][:, k].mean() - mean) < 4 * spread / np.sqrt(1000) + 0.01 * mean
        left = 1800 - found["S3"][:, k].mean()
        assert abs(found["S2"][:, k].mean() / (left / 3) - 1) < 0.01
        if method == "auto":  # fluctuations are brought back before each output
            assert abs(found["S2"][:, k].var() / (left * 2 / 9) - 1) < 0.25
    if method == "implicit":
        assert any("too small" in remark for remark in found.remarks)


def random_network(random):
    species = [f"S{k}" for k in range(4)]
    lines = []
    for k in range(6):
        left = list(random.choice(species, size=random.integers(1, 3)))
        right = list(random.choice(species, size=random.integers(0, 3)))
        law = "*".join([f"{10 ** random.uniform(-3, 1):.4g}", *left])
        lines.append(f"r{k}: {' + '.join(left)} => {' + '.join(right)}; {law}")
    starts = [f"{s} = {int(random.integers(0, 300))}" for s in species]
    return "; ".join([*lines, *starts])


@pytest.mark.parametrize("seed", range(12))
def test_numbers_are_never_negative_and_jumps_stay_whole(seed):
    text = random_network(np.random.default_rng(seed))
    for level in ("tau", "langevin"):
        for options in ({}, {"method": "explicit", "step": 0.3}, {"method": "implicit"}, {"epsilon": 0.5}):
            try:
                found = run(text, np.linspace(0, 2, 9), level, replicates=20, seed=seed, max_steps=200_000, **options)
            except ms.SimulationError as stop:  # networks that grow without end
                found = stop.partial
            assert (found.states >= 0).all()
            if level == "tau":
                assert (found.states == np.round(found.states)).all()


@pytest.mark.parametrize("level", ["tau", "langevin"])
@pytest.mark.parametrize("method", ["auto", "explicit", "implicit", "second_order"])
def test_conserved_sums_stay(level, method):
    text = "a: E + S -> C; 0.01*E*S; b: C -> E + S; 1*C; c: C -> E + P; 3*C; E = 40; S = 3000; C = 0; P = 0"
    found = run(text, np.linspace(0, 20, 11), level, method, replicates=30)
    for total in (found["E"] + found["C"], found["S"] + found["C"] + found["P"]):
        assert np.abs(total - total[0, 0]).max() <= (0 if level == "tau" else 1e-8)


@pytest.mark.parametrize("level", ["tau", "langevin"])
def test_the_same_seed_gives_the_same_paths_whatever_the_chunks(level):
    text = "b: -> X; 300; d: X -> ; X; X = 0"
    many = run(text, TIMES, level, replicates=300, seed=7)["X"]
    few = run(text, TIMES, level, replicates=5, seed=7)["X"]
    later = run(text, TIMES, level, replicates=5, seed=7, first=100)["X"]
    np.testing.assert_array_equal(many[:5], few)
    np.testing.assert_array_equal(many[100:105], later)
    assert (run(text, TIMES, level, replicates=5, seed=8)["X"] != few).any()


@pytest.mark.parametrize("level", ["tau", "langevin"])
def test_the_same_seed_gives_the_same_paths_whatever_the_threads(level, monkeypatch):
    from manyscale.engines import tau

    text, found = "b: -> X; 300; d: X -> ; X; X = 0", []
    for threads in (1, 3):
        monkeypatch.setattr(tau, "cores", lambda count=threads: count)
        found.append(run(text, TIMES, level, replicates=100)["X"])
    np.testing.assert_array_equal(*found)


def test_machine_code_and_tape_give_the_same_leaps(monkeypatch):
    model = ms.read("b: -> X; 3000/(1 + (X/2000)^2); d: X -> ; X; X = 0")
    fast = run(model, TIMES, "tau", replicates=10)["X"]
    monkeypatch.setenv("MANYSCALE_COMPILE", "0")
    np.testing.assert_array_equal(fast, run(model.replace(), TIMES, "tau", replicates=10)["X"])


def test_the_boundary_of_the_langevin_equation_is_told():
    few = run("b: -> X; 2; d: X -> ; X; X = 0", np.linspace(0, 20, 5), "langevin", replicates=20)
    many = run("b: -> X; 2000; d: X -> ; X; X = 2000", np.linspace(0, 20, 5), "langevin", replicates=20)
    assert any("boundary at zero" in remark for remark in many.remarks)
    assert any("boundary was touched" in remark for remark in few.remarks)
    assert not any("boundary was touched" in remark for remark in many.remarks)


@pytest.mark.parametrize("level", ["tau", "langevin"])
def test_what_cannot_be_run_is_refused_with_a_reason(level):
    for options, words in (({"epsilon": 0}, "epsilon"), ({"step": -1.0}, "step"), ({"method": "bdf"}, "explicit")):
        with pytest.raises(InputError, match=words):
            run(BIRTH_DEATH, [0.0, 1.0], level, **options)
    with pytest.raises(UnsupportedError, match="rate rules"):
        run("v' = 1; v = 1; b: -> X; v; X = 0", [0.0, 1.0], level)
    for text, words in (
        ("d: X => ; 5 - X; X = 30", "reaction d has a negative propensity"),
        ("d: X => ; 50; X = 3", "reaction d would use up more molecules"),
    ):
        with pytest.raises(ms.SimulationError, match=words):
            run(text, [0.0, 10.0], level)
    with pytest.raises(ms.SimulationError, match="raise max_steps") as stop:
        run(BIRTH_DEATH, np.linspace(0, 1, 50), level, replicates=4, max_steps=20)
    assert stop.value.partial.states.shape[0] == 0


@pytest.mark.parametrize("level", ["tau", "langevin"])
def test_order_and_names_of_species_do_not_matter(level):
    text = "a: E + S -> C; 0.01*E*S; b: C -> E + S; 1*C; c: C -> E + P; 3*C; E = 400; S = 3000; C = 0; P = 0"
    model, times = ms.read(text), np.linspace(0, 5, 6)
    plain = run(model, times, level, replicates=5)
    turned = run(model.replace(species=model.species[::-1]), times, level, replicates=5)
    renamed = run(text.replace("E", "enzyme").replace("S", "food"), times, level, replicates=5)
    for old, new in (("E", "enzyme"), ("S", "food"), ("C", "C"), ("P", "P")):
        np.testing.assert_allclose(turned[old], plain[old], rtol=1e-9, atol=1e-9)
        np.testing.assert_array_equal(renamed[new], plain[old])


def test_moles_of_a_volume_become_molecules():
    """Ten micromolar in a femtolitre: 6022 molecules, whole ones at every time."""
    text = """
    model m()
      compartment c; c = 1e-15; species A in c, B in c
      J: A -> B; c*k*A; k = 1; A = 1e-5; B = 0
      unit substance = 1 mole; unit volume = 1 litre; unit time_unit = 1 second
    end
    """
    start = round(1e-5 * 1e-15 * 6.02214076e23)
    found = ms.simulate(text, [0.0, 1.0], level="tau", replicates=500, seed=1)
    molecules = found.amount("A")[:, 1] * 6.02214076e23
    np.testing.assert_allclose(molecules, np.round(molecules), atol=1e-5)
    share = np.exp(-1.0)
    assert abs(molecules.mean() - start * share) < 4 * np.sqrt(start * share * (1 - share) / 500)
