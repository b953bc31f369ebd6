"""Exact jumps whose propensities change between them: rates that depend on time, volumes that grow, rate rules, events."""

import numpy as np
import pytest
from scipy import stats

import manyscale as ms
from manyscale.errors import InputError, SimulationError, UnsupportedError

PATHS = 20_000


def jumps(text, times, seed=1, replicates=PATHS, **options):
    return ms.simulate(text, times, level="jump", replicates=replicates, seed=seed, counts=True, **options)


def chi_square(values, law):
    """Chance of a fit as bad as this one; classes of one number each between the tails."""
    edges = np.arange(law.ppf(0.005) + 1, law.ppf(0.995))
    observed = np.histogram(values, bins=[-0.5, *(edges - 0.5), 1e9])[0]
    expected = np.diff([0.0, *law.cdf(edges - 1), 1.0]) * len(values)
    assert expected.min() > 5
    return stats.chisquare(observed, expected).pvalue


@pytest.mark.parametrize(
    ("text", "mean"),
    [
        ("b: -> X; 10*(1 + sin(3*time)); X = 0", lambda t: 10 * (t + (1 - np.cos(3 * t)) / 3)),
        ("k := 4*exp(-time/2); b: -> X; k; X = 0", lambda t: 8 * (1 - np.exp(-t / 2))),
        ("k' = -0.5*k; k = 4; b: -> X; k; X = 0", lambda t: 8 * (1 - np.exp(-t / 2))),
        ("b: -> X; piecewise(8, time < 1.3, 2); X = 0", lambda t: 8 * np.minimum(t, 1.3) + 2 * np.maximum(t - 1.3, 0)),
    ],
)
def test_a_rate_in_time_gives_the_poisson_law_of_its_integral(text, mean):
    times = np.linspace(0.0, 3.0, 4)
    run = jumps(text, times)
    for k, t in enumerate(times[1:], start=1):
        m, values = mean(t), run["X"][:, k]
        assert abs(values.mean() - m) < 4 * np.sqrt(m / PATHS)
        assert abs(values.var() / m - 1) < 4 * np.sqrt((2 + 1 / m) / PATHS)
    assert chi_square(run["X"][:, -1], stats.poisson(mean(3.0))) > 1e-3


def test_birth_and_death_in_seasons():
    """dm/dt = 5 (1 + sin(2 t)) - m, and the law stays Poisson."""
    times = np.linspace(0.0, 6.0, 7)
    run = jumps("b: -> X; 5*(1 + sin(2*time)); d: X -> ; X; X = 0", times)
    mean = 5 * (1 - np.exp(-times)) + (np.sin(2 * times) - 2 * np.cos(2 * times) + 2 * np.exp(-times))
    for k in range(1, 7):
        values = run["X"][:, k]
        assert abs(values.mean() - mean[k]) < 4 * np.sqrt(mean[k] / PATHS)
        assert abs(values.var() / mean[k] - 1) < 4 * np.sqrt((2 + 1 / mean[k]) / PATHS)
    assert chi_square(run["X"][:, -1], stats.poisson(mean[-1])) > 1e-3


@pytest.mark.parametrize("growth", ["V' = 0.5*V; V = 1", "V := exp(0.5*time)"])
def test_molecules_that_meet_in_a_growing_volume_meet_less_and_less(growth):
    """k A (A - 1) / V(t) is the process in the volume 1 after the time (1 - exp(-g t)) / g."""
    start = "species A in V, B in V; r: A + A -> B; V*k*A^2; k = 0.01"
    still = ms.simulate(
        f"compartment V = 1; {start}; A = 40; B = 0", [0.0, 2 * (1 - np.exp(-1.0))], level="cme", counts=True
    )
    counts, p = still.distribution()
    times = np.linspace(0.0, 2.0, 5)
    run = jumps(f"compartment V; {growth}; {start}; A = 40; B = 0", times)
    np.testing.assert_allclose(run["V"], np.tile(np.exp(times / 2), (PATHS, 1)), rtol=1e-7)
    left = np.round((run["A"] * run["V"])[:, -1]).astype(int)
    exact = np.zeros(41)
    np.add.at(exact, counts[:, 0], p)
    often = exact * PATHS > 10
    observed = np.bincount(left, minlength=41)
    shares = np.append(exact[often], exact[~often].sum()) * PATHS
    seen = np.append(observed[often], observed[~often].sum())
    assert stats.chisquare(seen, shares * seen.sum() / shares.sum()).pvalue > 1e-3


def test_a_rate_rule_may_follow_the_molecules():
    """A store filled by one molecule that switches: its mean is the integral of the mean, found exactly on each path."""
    times = np.linspace(0.0, 4.0, 201)
    run = jumps(
        "on: off -> act; 1*off; back: act -> off; 1*act; S' = act; S = 0; off = 1; act = 0", times, replicates=4000
    )
    mean = times / 2 - (1 - np.exp(-2 * times)) / 4
    error = run["S"].std(axis=0) / np.sqrt(4000) + 1e-12
    assert (np.abs(run["S"].mean(axis=0) - mean) < 4.5 * error).all()
    same = run["act"][:, 1:] == run["act"][:, :-1]  # no jump between two outputs, as a rule
    gained = np.diff(run["S"], axis=1)[same]
    expected = (run["act"][:, :-1] * 0.02)[same]
    assert np.mean(np.abs(gained - expected) < 1e-9) > 0.99


def test_a_flow_that_reaches_a_threshold_triggers_an_event_at_its_exact_time():
    """Cells grow and divide at twice their size: the volume is a saw tooth of exact times, molecules stay."""
    cell = """compartment V; V' = 0.7*V; V = 1; species M in V; b: -> M; V*k; k = 20; M = 0
              at (V >= 2): V = 1"""
    times = np.linspace(0.0, 3.0, 301)
    run = jumps(cell, times, replicates=300)
    phase = np.mod(0.7 * times, np.log(2.0))
    apart = np.minimum(phase, np.log(2.0) - phase) > 1e-6
    np.testing.assert_allclose(run["V"][:, apart], np.exp(np.tile(phase[apart], (300, 1))), rtol=1e-6)
    molecules = (run["M"] * run["V"])[:, apart]
    np.testing.assert_allclose(molecules, np.round(molecules), atol=1e-5)
    assert (np.diff(np.round(molecules), axis=1) >= 0).all()


def test_events_at_times_and_at_numbers_with_rates_in_time():
    text = "b: -> X; 20*time; X = 0; at (X >= 10): X = 0; at (time >= 2): k = 1; k = 0; c: -> Y; k*(1 + time); Y = 0"
    run = jumps(text, np.linspace(0.0, 3.0, 301), replicates=2000)
    assert run["X"].max() == 9.0
    assert (run["Y"][:, :201] == 0.0).all()
    mean = 1.0 + (9 - 4) / 2  # of Y at t = 3
    assert abs(run["Y"][:, -1].mean() - mean) < 4 * np.sqrt(mean / 2000)


def test_paths_are_the_same_alone_and_among_others_and_for_any_number_of_threads(monkeypatch):
    text, times = "b: -> X; 5*(1 + cos(time)); d: X -> ; X; X = 3", np.linspace(0.0, 4.0, 5)
    many = jumps(text, times, replicates=12)
    monkeypatch.setattr("manyscale.engines.jump.cores", lambda: 1)
    np.testing.assert_array_equal(jumps(text, times, replicates=12)["X"], many["X"])
    np.testing.assert_array_equal(jumps(text, times, replicates=1, first=7)["X"][0], many["X"][7])


def test_what_cannot_be_is_said():
    with pytest.raises(SimulationError, match="negative propensity"):
        jumps("b: -> X; sin(time); X = 0", [0.0, 6.0], replicates=20)
    with pytest.raises(SimulationError, match="no finite value"):
        jumps("v' = v^2; v = 1; b: -> X; 0.001*v; X = 0", [0.0, 2.0], replicates=1)
    with pytest.raises(InputError, match="direct"):
        jumps("b: -> X; 2 + sin(time); X = 0", [0.0, 1.0], replicates=1, method="rejection")
    with pytest.raises(UnsupportedError, match="level 'jump' alone"):
        ms.simulate("v' = 1; v = 1; b: -> X; v; X = 0", [0.0, 1.0], level="cme", counts=True)
