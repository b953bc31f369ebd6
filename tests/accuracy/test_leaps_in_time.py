"""Levels tau and langevin with rates that depend on time and with events, against closed forms and level jump."""

import numpy as np
import pytest

import manyscale as ms
from manyscale.errors import InputError, UnsupportedError

LEVELS = ("tau", "langevin")
PATHS = 4000


def paths(text, times, level, replicates=PATHS, seed=1, **options):
    return ms.simulate(text, times, level=level, replicates=replicates, seed=seed, counts=True, **options)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize(
    ("text", "mean"),
    [
        ("b: -> X; 1000*(1 + sin(3*time)); X = 0", lambda t: 1000 * (t + (1 - np.cos(3 * t)) / 3)),
        ("b: -> X; 30*(1 + sin(3*time)); X = 0", lambda t: 30 * (t + (1 - np.cos(3 * t)) / 3)),
        ("b: -> X; piecewise(2000, time < 1.3, 200); X = 0", lambda t: 1800 * np.minimum(t, 1.3) + 200 * t),
        ("b: -> X; piecewise(0, time < 2.9, 2000); X = 0", lambda t: 2000 * np.maximum(t - 2.9, 1e-9)),
    ],
)
def test_a_rate_in_time_gives_mean_and_variance_of_its_integral(level, text, mean):
    times = np.array([0.0, 3.0, 4.0])
    run = paths(text, times, level)
    for k in (1, 2):
        m, values = mean(times[k]), run["X"][:, k]
        assert abs(values.mean() - m) < 4 * np.sqrt(m / PATHS) + 0.005 * m
        assert abs(values.var() / m - 1) < 4 * np.sqrt((2 + 1 / m) / PATHS) + 0.01


@pytest.mark.parametrize("level", LEVELS)
def test_birth_and_death_in_seasons_lag_behind(level):
    """A cold start from zero keeps the law Poisson, of mean m' = k (1 + sin 2 t) - m."""
    times = np.linspace(0.0, 6.0, 7)
    run = paths("b: -> X; 500*(1 + sin(2*time)); d: X -> ; X; X = 0", times, level)
    mean = 500 * (1 - np.exp(-times)) + 100 * (np.sin(2 * times) - 2 * np.cos(2 * times) + 2 * np.exp(-times))
    for k in range(1, 7):
        values = run["X"][:, k]
        assert abs(values.mean() - mean[k]) < 4 * np.sqrt(mean[k] / PATHS) + 0.005 * mean[k]
        assert abs(values.var() / mean[k] - 1) < 4 * np.sqrt(2 / PATHS) + 0.03


@pytest.mark.parametrize("level", LEVELS)
def test_events_at_times_come_at_their_time(level):
    """A dose at 1; at 2.5 what there was at 2, and a dose, is written; between them exponential decay."""
    text = "d: X -> ; X; X = 1000; at (time >= 1): X = X + 1000; at 0.5 after (time >= 2): X = X + 1000"
    times = np.array([0.0, 0.999, 1.0, 2.499, 2.5, 4.0])
    run = paths(text, times, level, replicates=1000)
    mean = 1000 * np.exp(-times) + 1000 * np.exp(1 - times) * (times >= 1)
    late = times >= 2.5
    mean[late] = (1000 + 1000 * (np.exp(-2) + np.exp(-1))) * np.exp(2.5 - times[late])
    spread = run["X"].std(axis=0) / np.sqrt(1000)
    assert (np.abs(run["X"].mean(axis=0) - mean) < 4.5 * spread + 2.0).all()
    assert run["X"][:, 0].min() == 1000.0


@pytest.mark.parametrize("level", LEVELS)
def test_events_at_numbers_are_those_of_exact_paths(level):
    """A store that is emptied when it is full: how often, as at level jump."""
    text = "b: -> X; 300; X = 0; n = 0; at (X >= 200): X = 0, n = n + 1"
    exact = paths(text, [0.0, 10.0], "jump", replicates=400)
    run = paths(text, [0.0, 10.0], level, replicates=400, seed=2)
    full = exact["n"][:, -1]
    assert abs(run["n"][:, -1].mean() - full.mean()) < 4.5 * np.sqrt(2 * full.var() / 400) + 0.1
    if level == "tau":  # the threshold is found by smaller leaps and jumps: no overshoot
        fine = paths(text, np.linspace(0.0, 2.0, 2001), level, replicates=20)
        assert fine["X"].max() <= 199.0


@pytest.mark.parametrize("level", LEVELS)
def test_parameters_change_by_events_and_rows_know_it(level):
    text = "b: -> X; k; k = 100; X = 0; at (time >= 1): k = 0; at (time >= 2): k = 300"
    run = paths(text, np.linspace(0.0, 3.0, 7), level, replicates=300)
    np.testing.assert_array_equal(run["k"][0], [100, 100, 0, 0, 300, 300, 300])
    assert (run["X"][:, 2] == run["X"][:, 4]).all()
    assert abs(run["X"][:, -1].mean() - 400) < 4.5 * np.sqrt(400 / 300)


@pytest.mark.parametrize("level", LEVELS)
def test_the_same_seed_gives_the_same_paths_with_events(level):
    text = "b: -> X; 50*(1 + cos(time)); d: X -> ; X; X = 3; at (time > 2): X = 0"
    many = paths(text, [0.0, 1.0, 4.0], level, replicates=9)
    one = paths(text, [0.0, 1.0, 4.0], level, replicates=1, first=6)
    np.testing.assert_array_equal(one["X"][0], many["X"][6])


def test_conditions_beside_what_they_cannot_stand_beside_are_refused():
    with pytest.raises(UnsupportedError, match="until"):
        paths("b: -> X; 5; X = 0; at (X > 3): X = 0", [0.0, 1.0], "tau", until="X > 2")
    with pytest.raises(UnsupportedError, match="level 'jump' with `until`"):
        paths("b: -> X; 5 + sin(time); X = 0", [0.0, 1.0], "jump", until="X > 2")
    with pytest.raises(InputError, match="depend on time"):
        paths("b: -> X; 5; X = 0", [0.0, 1.0], "tau", until="time > 2")
