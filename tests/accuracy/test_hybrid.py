"""Hybrid simulation: whole distributions against closed forms and exact paths, partition, repeatability, refusals."""

import numpy as np
import pytest

import manyscale as ms
from manyscale.errors import InputError, SimulationError, UnsupportedError

TELEGRAPH = (
    "on: Off -> On; kon*Off; off: On -> Off; koff*On; make: On -> On + M; k*On; lose: M -> ; g*M; "
    "kon = 0.5; koff = 0.7; k = 2000; g = 1; Off = 1; On = 0; M = 0"
)
CRYSTALS = (  # Haseltine & Rawlings 2002
    "v1: 2 A -> B; k1*A*A/2; v2: A + C -> D; k2*A*C; k1 = 1e-7; k2 = 1e-7; A = 1000000; C = 10; B = 0; D = 0"
)
BIRTH_DEATH = "b: -> X; k; d: X -> ; g*X; k = 2000; g = 1; X = 0"


def hybrid(text, times, replicates, **options):
    return ms.simulate(text, times, level="hybrid", replicates=replicates, counts=True, **{"seed": 1, **options})


def test_bursts_of_many_molecules_have_the_law_of_the_telegraph():
    """Stationary law: Poisson with a mean that is k/g times a beta variable (Peccoud & Ycart 1995)."""
    from scipy import stats

    run = hybrid(TELEGRAPH, [0.0, 40.0], 4000)
    mean = 2000 * np.random.default_rng(0).beta(0.5, 0.7, 400_000)
    exact = np.random.default_rng(1).poisson(mean)
    assert stats.ks_2samp(run["M"][:, 1], exact).pvalue > 1e-4
    assert run.partition["on"]["jump"] == 1.0 and run.partition["lose"]["langevin"] > 0.5


def test_rare_reactions_of_a_flowing_reactant_have_the_binomial_law():
    """C is used up by A, which follows 1e6/(1 + 0.1 t): a tenth of its molecules and a bit are left at t = 100."""
    from scipy import stats

    run = hybrid(CRYSTALS, [0.0, 100.0], 20_000)
    left = np.round(run["C"][:, 1]).astype(int)
    observed = np.bincount(np.minimum(left, 4), minlength=5)
    law = stats.binom(10, 1 / 11)
    expected = 20_000 * np.array([*law.pmf(range(4)), law.sf(3)])
    assert stats.chisquare(observed, expected).pvalue > 1e-4
    crystals, s = run["A"][:, 1], 11.0  # dA/dt and the linear noise equation of 2A -> B have closed forms
    spread = np.sqrt(2e6 / 3 * (1 / s - 1 / s**4))
    assert abs(crystals.mean() - 1e6 / s) < 5 * spread / np.sqrt(20_000) + 10 * 2
    assert abs(crystals.std() / spread - 1) < 5 / np.sqrt(2 * 20_000)


def test_noise_of_the_continuous_part_has_the_right_size_on_the_way_and_in_the_end():
    run = hybrid(BIRTH_DEATH, [0.0, 0.5, 1.0, 12.0], 20_000)
    for k, t in ((1, 0.5), (2, 1.0), (3, 12.0)):
        mean, x = 2000 * (1 - np.exp(-t)), run["X"][:, k]
        assert abs(x.mean() - mean) < 5 * np.sqrt(mean / 20_000)
        assert abs(x.var() / mean - 1) < 5 * np.sqrt(2 / 20_000) + 0.02  # noise is held for 0.3 of a turnover


def test_extinction_of_the_virus_has_the_chance_of_exact_paths():
    """T grows or dies out: by branching 1 in 4, which a deterministic model cannot say (Haseltine & Rawlings 2002)."""
    from scipy import stats

    virus = (
        "v1: T -> T + G; 1*T; v2: G -> T; 0.025*G; v3: T -> T + S; 1000*T; v4: T -> ; 0.25*T; v5: S -> ; 1.99*S; "
        "v6: G + S -> V; 7.5e-6*G*S; T = 1; G = 0; S = 0; V = 0"
    )
    run = hybrid(virus, [0.0, 100.0], 2000)
    exact = ms.simulate(virus, [0.0, 100.0], level="jump", replicates=400, seed=2, counts=True)
    extinct = (run["T"][:, 1] + run["G"][:, 1] == 0).mean()
    assert abs(extinct - 0.25) < 5 * np.sqrt(0.25 * 0.75 / 2000)
    for id in ("T", "G", "S"):
        assert stats.ks_2samp(run[id][:, 1], exact[id][:, 1]).pvalue > 1e-4


def test_hazards_are_integrated_where_propensities_depend_on_time():
    run = hybrid("b: -> X; 5*(1 + sin(2*time)); X = 0", [0.0, 3.0], 20_000)
    mean = 5 * (3 + (1 - np.cos(6.0)) / 2)
    x = run["X"][:, 1]
    assert abs(x.mean() - mean) < 5 * np.sqrt(mean / 20_000)
    assert abs(x.var() / mean - 1) < 5 * np.sqrt((2 + 1 / mean) / 20_000)
    assert (x == np.round(x)).all()


def test_conserved_sums_stay_when_reactions_move_between_the_parts():
    """Waves of a cycle carry species from many molecules to few and back."""
    text = "f: A -> B; 1*A; b: B -> A; 1*B; c: B -> C; 0.1*B; d: C -> A; 3*C; A = 3000; B = 0; C = 0"
    run = hybrid(text, np.linspace(0.0, 20.0, 41), 50)
    total = run["A"] + run["B"] + run["C"]
    np.testing.assert_allclose(total, 3000.0, rtol=0, atol=1e-8)
    shares = run.partition["b"]
    assert 0.0 < shares["jump"] < 1.0  # it did change sides
    assert min(run["A"].min(), run["B"].min(), run["C"].min()) >= 0.0


def test_all_jumps_is_the_exact_law_and_all_ode_is_the_ode():
    from scipy import stats

    few = "b: -> X; 10; d: X -> ; 1*X; X = 0"
    x = hybrid(few, [0.0, 2.0], 20_000)["X"][:, 1]
    law = stats.poisson(10 * (1 - np.exp(-2.0)))
    edges = np.arange(3, 15)
    observed = np.histogram(x, bins=[-0.5, *(edges - 0.5), 1e9])[0]
    assert stats.chisquare(observed, np.diff([0.0, *law.cdf(edges - 1), 1.0]) * 20_000).pvalue > 1e-4
    flow = hybrid(few, [0.0, 2.0], 1, partition={"b": "ode", "d": "ode"})
    assert flow["X"][0, 1] == pytest.approx(10 * (1 - np.exp(-2.0)), rel=1e-3)


def test_seed_decides_and_neither_threads_nor_chunks_do():
    many, again = (hybrid(TELEGRAPH, [0.0, 3.0], 200, seed=4) for _ in range(2))
    few, other = (hybrid(TELEGRAPH, [0.0, 3.0], 5, seed=s) for s in (4, 5))
    np.testing.assert_array_equal(many["M"], again["M"])
    np.testing.assert_array_equal(many["M"][:5], few["M"])
    assert (few["M"] != other["M"]).any()


def test_remarks_say_where_reactions_were():
    text = " ".join(hybrid(TELEGRAPH, [0.0, 10.0], 20, partition={"make": "jump"}).remarks)
    assert "jump: on, off, make" in text and "langevin" in text


def test_interruption_keeps_the_paths_that_are_done():
    seen = []

    def stop(share):
        seen.append(share)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as stopped:
        hybrid(TELEGRAPH, [0.0, 3.0], 50, progress=stop)
    done = stopped.value.partial
    assert done.replicates == round(50 * seen[0]) and np.isfinite(done["M"]).all()


def test_one_long_path_can_be_interrupted():
    import signal
    import threading

    old = signal.signal(signal.SIGINT, signal.default_int_handler)  # also where the shell ignores it
    timer = threading.Timer(0.5, signal.raise_signal, (signal.SIGINT,))
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt) as stopped:
            ms.simulate(TELEGRAPH, [0.0, 1e9], level="hybrid", seed=1, counts=True)
        assert stopped.value.partial.states.shape[0] == 0
    finally:
        timer.cancel()
        signal.signal(signal.SIGINT, old)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"partition": {"nope": "jump"}}, "no reaction 'nope'"),
        ({"partition": {"on": "exact"}}, "use one of jump, langevin, ode"),
        ({"partition": "on"}, "cannot be ''"),
        ({"partition": 3}, "treatments by reaction"),
        ({"langevin_above": 0.5}, "number of molecules"),
        ({"ode_above": 10.0}, "below langevin_above"),
        ({"leap": 0.0}, "above 0"),
        ({"tolerance": float("nan")}, "above 0"),
        ({"seed": -1}, "whole number"),
    ],
)
def test_bad_options_are_refused_with_the_reason(options, words):
    with pytest.raises(InputError, match=words):
        hybrid(TELEGRAPH, [0.0, 1.0], 2, **options)


def test_what_cannot_be_run_is_said():
    with pytest.raises(UnsupportedError, match="events"):
        hybrid("b: -> X; 5; at (time > 1): X = 0; X = 0", [0.0, 3.0], 1)
    with pytest.raises(SimulationError, match="negative"):
        hybrid("a: => X; 3.5 - X; X = 0", [0.0, 30.0], 1)
    with pytest.raises(SimulationError, match="not enough"):
        hybrid(TELEGRAPH, [0.0, 30.0], 1, max_steps=100)
