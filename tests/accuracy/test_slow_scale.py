"""Slow-scale simulation: conditional laws in closed form, whole distributions against exact paths, refusals with numbers."""

import math

import numpy as np
import pytest
from scipy import stats

import manyscale as ms
from manyscale.engines.fast_blocks import Division, Laws
from manyscale.errors import InputError, SimulationError, UnsupportedError
from manyscale.kernels import compile_model
from manyscale.kernels.propensity_code import propensity_code

CONVERSION = (  # Cao, Gillespie & Petzold 2005
    "f: S1 -> S2; c1*S1; b: S2 -> S1; c2*S2; s: S2 -> S3; c3*S2; c1 = 1; c2 = 2; c3 = 5e-5; S1 = 1200; S2 = 600; S3 = 0"
)
DIMERS = (  # Rathinam et al. 2003
    "d: S1 -> ; c1*S1; a: 2 S1 -> S2; c2*S1*S1/2; b: S2 -> 2 S1; c3*S2; s: S2 -> S3; c4*S2; "
    "c1 = 1; c2 = 10; c3 = 1000; c4 = 0.1; S1 = 400; S2 = 798; S3 = 0"
)
ENZYME = (
    "f: E + S -> C; kf*E*S; b: C -> E + S; kb*C; p: C -> E + P; kc*C; "
    "kf = 1; kb = 100; kc = 0.05; E = 10; S = 200; C = 0; P = 0"
)


def slow_scale(text, times, replicates, **options):
    return ms.simulate(text, times, level="slow_scale", replicates=replicates, counts=True, **{"seed": 1, **options})


def law_of(text, fast, counts):
    """The conditional law of the only block of these reactions, as {species: values} and probabilities."""
    kernel = compile_model(ms.read(text))
    code = propensity_code(kernel, True)
    y, p = kernel.initial(counts)
    division = Division(code, frozenset(j for j, one in enumerate(code.reactions) if one.reaction in fast))
    (block,) = [one for one in division.blocks if one.reactions]
    scale = code.scale(p)
    law = Laws(division, p, scale, 20_000).law(division.blocks.index(block), (y / scale)[list(block.species)])
    names = [kernel.system.states[i] for i in block.species]
    return dict(zip(names, law.states.T)), law.probabilities, law.relaxation


def chi_square(values, law_probabilities, lowest=5.0):
    """p-value of whole numbers against probabilities of 0, 1, 2..., with cells joined until enough is expected."""
    expected = np.asarray(law_probabilities) * len(values)
    observed = np.bincount(np.round(values).astype(int), minlength=len(expected))[: len(expected)].astype(float)
    cells, have, want = [], 0.0, 0.0
    for o, e in zip(observed, expected):
        have, want = have + o, want + e
        if want >= lowest:
            cells.append([have, want])
            have = want = 0.0
    cells[-1][0] += have + len(values) - observed.sum()
    cells[-1][1] += want + len(values) - expected.sum()
    o, e = np.array(cells).T
    return stats.chisquare(o, e).pvalue


def test_conversion_has_the_binomial_law_and_relaxes_at_the_sum_of_its_rates():
    values, p, relaxation = law_of(CONVERSION, "fb", {})
    np.testing.assert_allclose(p, stats.binom(1800, 1 / 3).pmf(values["S2"]), rtol=1e-8, atol=1e-16)
    assert relaxation == pytest.approx(3.0, rel=1e-6)


def test_dimerization_has_the_law_of_detailed_balance():
    for constants, s1, s2 in (({}, 400.0, 798.0), ({"c2": 1.0, "c3": 200.0}, 200.0, 100.0)):
        values, p, _ = law_of(DIMERS, "ab", {"S1": s1, "S2": s2, **constants})
        k = {"c2": 10.0, "c3": 1000.0, **constants}
        n = np.arange(0, int(s1 + 2 * s2) // 2 + 1)
        logs = [
            i * math.log(k["c2"] / 2 / k["c3"]) - math.lgamma(i + 1) - math.lgamma(s1 + 2 * s2 - 2 * i + 1) for i in n
        ]
        exact = np.exp(np.array(logs) - max(logs))
        exact /= exact.sum()
        assert p @ values["S2"] == pytest.approx(exact @ n, rel=1e-10)
        assert p @ values["S2"] ** 2 - (p @ values["S2"]) ** 2 == pytest.approx(
            exact @ n**2 - (exact @ n) ** 2, rel=1e-6
        )


@pytest.mark.parametrize(
    ("a", "b", "kd"), [(10, 10, 0.01), (1, 1, 0.01), (1, 10, 0.01), (10, 9, 0.01), (100, 100, 0.01)]
)
def test_binding_of_few_has_its_exact_finite_law(a, b, kd):
    """P(C = n) goes as 1 / ((a-n)! (b-n)! n! kd^n); ten times less is free than the rate equation says for few."""
    text = f"f: A + B -> C; A*B; r: C -> A + B; kd*C; s: C -> D; 0*C; kd = {kd}; A = {a}; B = {b}; C = 0; D = 0"
    values, p, _ = law_of(text, "fr", {})
    n = np.arange(0, min(a, b) + 1)
    logs = [-math.lgamma(a - i + 1) - math.lgamma(b - i + 1) - math.lgamma(i + 1) - i * math.log(kd) for i in n]
    exact = np.exp(np.array(logs) - max(logs))
    exact /= exact.sum()
    assert p @ values["A"] == pytest.approx(exact @ (a - n), rel=1e-9)


def test_fast_birth_and_death_is_poisson_and_a_fast_cycle_multinomial():
    values, p, relaxation = law_of("b: -> X; 30; d: X -> ; 2*X; s: X -> Y; 0.001*X; X = 0; Y = 0", "bd", {})
    np.testing.assert_allclose(p, stats.poisson(15).pmf(values["X"]), rtol=1e-8, atol=1e-16)
    assert relaxation == pytest.approx(2.0, rel=1e-6)
    cycle = "x: A -> B; 1*A; y: B -> C; 2*B; z: C -> A; 4*C; s: C -> D; 0.001*C; A = 6; B = 0; C = 0; D = 0"
    values, p, _ = law_of(cycle, "xyz", {})
    law = stats.multinomial(6, [4 / 7, 2 / 7, 1 / 7])
    np.testing.assert_allclose(p, law.pmf(np.stack([values[s] for s in "ABC"], axis=1)), rtol=1e-9)


def test_large_fast_networks_agree_dense_and_sparse():
    cycle = "x: A -> B; 1*A; y: B -> C; 2*B; z: C -> A; 4*C; s: C -> D; 0.001*C; A = 40; B = 0; C = 0; D = 0"
    values, p, relaxation = law_of(cycle, "xyz", {})  # 861 states
    law = stats.multinomial(40, [4 / 7, 2 / 7, 1 / 7])
    np.testing.assert_allclose(p, law.pmf(np.stack([values[s] for s in "ABC"], axis=1)), rtol=1e-6, atol=1e-14)
    single = np.array([[-1.0, 1.0, 0.0], [0.0, -2.0, 2.0], [4.0, 0.0, -4.0]])  # molecules relax one by one
    assert relaxation == pytest.approx(-np.sort(np.linalg.eigvals(single).real)[-2], rel=1e-6)


def test_conversion_and_loss_have_the_exact_binomial_laws():
    run = slow_scale(CONVERSION, [0.0, 1000.0], 20_000)
    lost = run["S3"][:, 1]
    q = 1 - math.exp(-1.66664815e-5 * 1000)  # exact slow eigenvalue of the three states of one molecule
    assert chi_square(lost, stats.binom(1800, q).pmf(np.arange(100))) > 1e-4
    assert chi_square(run["S2"][:, 1], stats.binom(1800, (1 - q) / 3).pmf(np.arange(1801))) > 1e-4
    np.testing.assert_array_equal(run["S1"] + run["S2"] + run["S3"], 1800.0)
    assert run["S2"][:, 0].tolist() == [600.0] * 20_000
    assert run.stats["gap"] > 1e4


@pytest.mark.parametrize(("text", "end", "ids"), [(DIMERS, 0.2, ("S1", "S2", "S3")), (ENZYME, 400.0, ("S", "C", "P"))])
def test_dimers_and_enzymes_have_the_laws_of_exact_paths(text, end, ids):
    run = slow_scale(text, [0.0, end], 4000)
    exact = ms.simulate(text, [0.0, end], level="jump", replicates=1000, seed=2, counts=True)
    assert run.stats["gap"] > 1000
    for id in ids:
        assert stats.ks_2samp(run[id][:, 1], exact[id][:, 1]).pvalue > 1e-4


def test_a_fast_promoter_leaves_a_poisson_law():
    gene = (
        "on: Off -> On; k*Off; off: On -> Off; k*On; make: On -> On + M; 10*On; lose: M -> ; 1*M; "
        "k = 5000; Off = 1; On = 0; M = 0"
    )
    run = slow_scale(gene, [0.0, 30.0], 20_000)
    assert chi_square(run["M"][:, 1], stats.poisson(5).pmf(np.arange(40))) > 1e-4
    assert run.stats["gap"] == pytest.approx(2 * 5000 / (2 * 5), rel=0.02)  # twice the variance 25 over the mean 5


def test_laws_that_are_no_table_are_averaged_too():
    """A repressor that binds its own dimer fast, read through a Hill function: mean of the function, not of its argument."""
    text = (
        "f: A -> B; 50000*A; b: B -> A; 50000*B; make: -> M; 5/(1 + (B/2)^2); lose: M -> ; 0.5*M; A = 4; B = 0; M = 0"
    )
    run = slow_scale(text, [0.0, 30.0], 20_000)
    mean = 10 * stats.binom(4, 0.5).pmf(range(5)) @ (1 / (1 + (np.arange(5) / 2) ** 2))
    assert chi_square(run["M"][:, 1], stats.poisson(mean).pmf(np.arange(60))) > 1e-4
    assert abs(mean - 10 / 2) > 0.3  # what the function of the mean would give


def test_fast_reactions_that_read_each_other_share_one_law():
    """A fast promoter drives a fast message: the law of both together, which is not the product of two."""
    text = (
        "on: Off -> On; 3*Off; off: On -> Off; 3*On; tx: On -> On + m; 4*On; dm: m -> ; 2*m; s: m -> P; 1e-5*m; "
        "Off = 1; On = 0; m = 0; P = 0"
    )
    kernel = compile_model(ms.read(text))
    code = propensity_code(kernel, True)
    fast = frozenset(j for j, one in enumerate(code.reactions) if one.reaction != "s")
    (block,) = Division(code, fast).blocks
    assert {kernel.system.states[i] for i in block.species} == {"On", "Off", "m"}
    with pytest.raises(InputError, match="more than 500 states"):  # m has no bound, and the law no single peak
        slow_scale(text, [0.0, 1.0], 1, fast=["on", "off", "tx", "dm"], max_states=500)


def test_no_gap_is_refused_with_its_number():
    """Two-stage gene: fast mRNA gives the right mean and the wrong noise; bursts of b proteins leave a gap of 1/(2b)."""
    text = "tx: -> m; 200; dm: m -> ; 100*m; tl: m -> m + p; 500*m; dp: p -> ; 1*p; m = 2; p = 1000"
    with pytest.raises(InputError, match=r"no gap between fast and slow: at best 0\.1 .*tx, dm"):
        slow_scale(text, [0.0, 10.0], 1, fast=["tx", "dm"])
    with pytest.raises(InputError, match=r"no gap|are fast|averaged"):
        slow_scale("f: A -> B; 1*A; b: B -> A; 2*B; c: B -> C; 1.5*B; A = 10; B = 0; C = 0", [0.0, 1.0], 1)


def test_fast_reactions_without_one_law_are_refused():
    two = "x: A -> B; 100*A; y: A -> C; 100*A; s: B -> D; 0.01*B; A = 5; B = 0; C = 0; D = 0"
    with pytest.raises(InputError, match="separate sets"):
        slow_scale(two, [0.0, 1.0], 1, fast=["x", "y"])
    with pytest.raises(InputError, match="more than 100 states"):
        slow_scale("x: A -> B; 1*A; y: B -> C; 1*B; z: C -> A; 1*C; A = 90; B = 0; C = 0; s: C -> D; 1e-6*C; D = 0",
                   [0.0, 1.0], 1, fast=["x", "y", "z"], max_states=100)  # fmt: skip


def test_a_gap_that_closes_on_the_way_stops_the_run():
    """The catalyst of the fast reactions is lost."""
    text = (
        "f: A + E -> B + E; 1e3*A*E; b: B + E -> A + E; 1e3*B*E; l: E -> ; 0.5*E; s: B -> C; 1*B; C -> A; 1*C; "
        "A = 10; B = 10; C = 0; E = 20"
    )
    assert slow_scale(text, [0.0, 0.5], 5).stats["gap"] > 100
    with pytest.raises((SimulationError, InputError), match=r"gap|averaged|law"):
        slow_scale(text, [0.0, 60.0], 5)


def test_seed_decides_and_fewer_replicates_are_the_first_ones():
    many, again = (slow_scale(ENZYME, [0.0, 50.0, 100.0], 100, seed=3) for _ in range(2))
    few, other = (slow_scale(ENZYME, [0.0, 50.0, 100.0], 5, seed=s) for s in (3, 4))
    np.testing.assert_array_equal(many["S"], again["S"])
    np.testing.assert_array_equal(many["S"][:5], few["S"])
    assert (few["P"] != other["P"]).any()


def test_threads_change_nothing(monkeypatch):
    cycle = "x: A -> B; 1e3*A; y: B -> C; 2e3*B; z: C -> A; 4e3*C; s: C -> D; 0.1*C; A = 6; B = 0; C = 0; D = 0"
    for text in (ENZYME, cycle):
        runs = []
        for threads in (1, 2, 5):
            monkeypatch.setattr("manyscale.engines.slow_scale.os.cpu_count", lambda threads=threads: threads)
            runs.append(slow_scale(text, [0.0, 5.0, 50.0], 200, seed=3))
        np.testing.assert_array_equal(runs[0].states, runs[1].states)
        np.testing.assert_array_equal(runs[0].states, runs[2].states)


def test_interruption_keeps_the_paths_that_are_done():
    def stop(share):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as stopped:
        slow_scale(ENZYME, [0.0, 400.0], 20_000, progress=stop)
    done = stopped.value.partial
    assert 0 < done.replicates < 20_000 and np.isfinite(done["P"]).all()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"fast": ["nope"]}, "no reaction 'nope'"),
        ({"fast": 3}, "list of reaction ids"),
        ({"fast": "f, nope"}, "no reaction 'nope'"),
        ({"fast": []}, "list of reaction ids"),
        ({"min_gap": 0.0}, "from 1 on"),
        ({"max_states": 1}, "whole number from 2 on"),
        ({"seed": -5}, "whole number"),
    ],
)
def test_bad_options_are_refused_with_the_reason(options, words):
    with pytest.raises(InputError, match=words):
        slow_scale(ENZYME, [0.0, 1.0], 1, **options)


def test_events_and_time_are_said_to_be_unsupported():
    with pytest.raises(UnsupportedError, match="events"):
        slow_scale("b: -> X; 5; at (time > 1): X = 0; X = 0", [0.0, 3.0], 1)
    with pytest.raises(UnsupportedError, match="time itself"):
        slow_scale("b: -> X; 5*time; X = 0", [0.0, 3.0], 1)


def test_fast_pairs_are_found_behind_others_that_cannot_be_averaged():
    """The message relaxes fastest, but its bursts are seen; the promoter's dimers come after it."""
    text = (
        "tx: -> m; 4000; dm: m -> ; 2000*m; tl: m -> m + P; 20000*m; dp: P -> ; 20*P; "
        "f: A -> B; 600*A; b: B -> A; 600*B; s: B -> C; 0.1*B; m = 2; P = 2000; A = 10; B = 10; C = 0"
    )
    run = slow_scale(text, [0.0, 1.0], 500)
    assert any(one.startswith("fast") and one.endswith(": f, b") for one in run.remarks)
    lost = run["C"][:, 1]
    assert chi_square(lost, stats.binom(20, 1 - math.exp(-0.05)).pmf(np.arange(21))) > 1e-4


def test_the_time_that_fast_reactions_need_from_the_start_counts():
    """Rates fast beside the others but slow beside the horizon: the law is reached at 1/(1 + 2) of the time unit."""
    text = "f: A -> B; 1*A; b: B -> A; 2*B; s: B -> C; 1e-6*B; A = 90; B = 0; C = 0"
    with pytest.raises(InputError, match="no gap"):
        slow_scale(text, [0.0, 1.0], 1, fast=["f", "b"])
    late = slow_scale(text, [0.0, 0.5, 1000.0], 1)
    assert any("not at their law before t = 1" in one for one in late.remarks)
    assert not any("not at their law" in one for one in slow_scale(text, [0.0, 1000.0], 1).remarks)
