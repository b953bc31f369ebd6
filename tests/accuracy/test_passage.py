"""First passages against exact mean times and whole laws."""

import numpy as np
import pytest
from scipy import stats

import manyscale as ms
from manyscale.errors import InputError, UnsupportedError

SCHLOEGL = (
    "a: 2 X => 3 X; 0.015*X*(X - 1); b: 3 X => 2 X; 1e-4/6*X*(X - 1)*(X - 2); c: => X; 200; d: X => ; 3.5*X; X = 82"
)
LEVELS = ["jump", "tau", "langevin"]


def up(n):
    return 0.03 * n * (n - 1) / 2 + 200


def down(n):
    return 1e-4 * n * (n - 1) * (n - 2) / 6 + 3.5 * n


def mean_time_up(start, target):
    """Exact mean first-passage time of a birth-and-death chain, from the mean times of single steps."""
    step, total = 0.0, 0.0
    for n in range(target):
        step = (1 + down(n) * step) / up(n)
        total += step if n >= start else 0.0
    return total


def passages(text, end, until, level="jump", **options):
    return ms.simulate(text, [0.0, end], level=level, until=until, counts=True, **{"seed": 1, **options})


def test_the_exact_times_are_those_known_of_the_schloegl_model():
    assert mean_time_up(82, 563) == pytest.approx(50307.86145, rel=1e-9)


def test_mean_first_passage_times_of_the_schloegl_model_are_exact():
    found = passages(SCHLOEGL, 3000.0, "X >= 150", replicates=1000).passage
    exact = mean_time_up(82, 150)
    assert not found.censored.any()
    assert abs(found.mean() - exact) < 4 * exact / np.sqrt(1000)
    assert found.quantile(0.5) == pytest.approx(exact * np.log(2), rel=0.2)


@pytest.mark.full
def test_the_passage_between_the_modes_of_the_schloegl_model_has_its_exact_rate():
    """50308 time units from 82 to 563; the longer ones are censored, so the rate is compared."""
    found = passages(SCHLOEGL, 2e4, "X >= 563", replicates=300, seed=5).passage
    passed = (~found.censored).sum()
    assert abs(found.rate() * 50307.86 - 1) < 4 / np.sqrt(passed)


@pytest.mark.parametrize("level", LEVELS)
def test_passages_by_leaps_are_near_the_exact_ones(level):
    """Growth X -> 2 X from 500 to 1000: mean sum of 1/n, variance sum of 1/n^2 (rate 1)."""
    fine = {"epsilon": 0.005} if level == "langevin" else {}
    found = passages("b: X => 2 X; X; X = 500", 5.0, "X >= 1000", level, replicates=4000, **fine).passage
    n = np.arange(500, 1000)
    mean, variance = (1 / n).sum(), (1 / n**2).sum()
    resolution = 0.004 if level == "langevin" else 0.0  # what is looked at after each step comes late by part of one
    assert abs(found.mean() - mean) < 4 * np.sqrt(variance / 4000) + resolution
    assert abs(found.times.std() / np.sqrt(variance) - 1) < 0.05 + resolution


def test_the_whole_law_of_a_passage_is_that_of_the_closed_form():
    """The third event of a Poisson process: gamma distributed; those after the end are censored."""
    found = passages("b: => X; 2; X = 0", 2.0, "X >= 3", replicates=20_000).passage
    law = stats.gamma(3, scale=0.5)
    assert abs(found.probability - law.cdf(2.0)) < 4 * np.sqrt(law.cdf(2.0) * law.sf(2.0) / 20_000)
    edges = np.linspace(0, 2, 21)
    expected = np.diff(law.cdf(edges)) * 20_000
    observed = np.histogram(found.times[~found.censored], edges)[0]
    assert ((observed - expected) ** 2 / expected).sum() < stats.chi2(19).ppf(0.9999)
    grid = np.array([0.5, 1.0, 2.0])
    np.testing.assert_allclose(found.survival(grid), law.sf(grid), atol=0.015)
    assert np.isnan(found.survival(2.5)) and np.isinf(found.quantile(0.99))
    with pytest.raises(InputError, match="unknown"):
        found.mean()
    assert found.rate() == pytest.approx((~found.censored).sum() / np.minimum(found.times, 2.0).sum())
    assert found.to_pandas()["censored"].sum() == found.censored.sum()


@pytest.mark.parametrize("level", LEVELS)
def test_paths_stay_where_they_were_stopped(level):
    run = ms.simulate(
        "b: => X; 20; X = 0", np.linspace(0, 5, 51), level=level, until="X >= 30", replicates=50, seed=3, counts=True
    )
    for path, time in zip(run["X"], run.passage.times):
        late = run.times >= time
        assert (path[~late] < 30).all() and (path[late] >= 30).all()
        assert np.unique(path[late]).size <= 1
        if level != "langevin":
            assert (path[late] == 30).all()


def test_conditions_may_combine_ids_and_hold_at_once():
    text = "a: A -> B; 1*A; b: B -> A; 1*B; A = 6; B = 0; T := A + B"
    assert (passages(text, 1.0, "T >= 6", replicates=5).passage.times == 0).all()
    found = passages(text, 100.0, "A <= 2 and B > 3", replicates=50)
    assert (found["A"][:, -1] == 2).all() and not found.passage.censored.any()


@pytest.mark.parametrize(
    ("until", "kind", "words"),
    [
        ("X > ", InputError, "until"),
        ("X + 1", InputError, "no condition"),
        ("Z > 3", InputError, "no 'Z'"),
        ("time > 3", InputError, "time itself"),
    ],
)
def test_conditions_without_a_meaning_are_refused(until, kind, words):
    with pytest.raises(kind, match=words):
        passages("b: => X; 2; X = 0", 2.0, until, replicates=2)


def test_a_condition_beside_events_is_refused():
    with pytest.raises(UnsupportedError, match="events"):
        passages("b: => X; 2; X = 0; at (X > 3): X = 0", 2.0, "X > 2", replicates=2)
