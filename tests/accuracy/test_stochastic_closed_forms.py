"""Ensembles against closed forms of whole distributions, correlations and joint moments."""

import numpy as np
import pytest
from scipy import special, stats

import manyscale as ms

TELEGRAPH = "on: G => H; {on}*G; off: H => G; {off}*H; make: H => H + M; {r}*H; lose: M => ; M; G = 1; H = 0; M = 0"


def peccoud_ycart(on, off, r, n):
    """Stationary law of the mRNA of a promoter that switches; decay rate 1."""
    log = n * np.log(r) - special.gammaln(n + 1) + special.gammaln(on + n) - special.gammaln(on)
    log += special.gammaln(on + off) - special.gammaln(on + off + n)
    return np.exp(log) * special.hyp1f1(on + n, on + off + n, -r)


def kept(text, end, level="jump", **options):
    return ms.simulate(text, [0.0, end], level=level, counts=True, **{"seed": 11, **options})


def test_the_closed_form_has_the_known_values():
    np.testing.assert_allclose(
        peccoud_ycart(1.0, 2.0, 60.0, np.array([0, 1, 5, 20, 40])),
        [59 / 1800, 0.0322222222222, 0.03, 0.0216666666683, 0.0105613353619], rtol=1e-9,
    )  # fmt: skip


@pytest.mark.parametrize("level", ["jump", "tau"])
@pytest.mark.parametrize(("on", "off", "r"), [(1.0, 2.0, 60.0), (0.5, 0.7, 20.0)])
def test_the_telegraph_has_its_whole_law(level, on, off, r):
    found = kept(
        TELEGRAPH.format(on=on, off=off, r=r), 20.0, level, replicates=20_000, keep="histogram", observables="M"
    )
    counts, numbers = found.counts("M")[-1], found.centres("M")
    expected = 20_000 * peccoud_ycart(on, off, r, numbers)
    filled = expected >= 8
    rest = counts[~filled].sum(), 20_000 - expected[filled].sum()
    observed, expected = [*counts[filled], rest[0]], [*expected[filled], rest[1]]
    assert stats.chisquare(observed, expected).pvalue > 1e-4


def test_the_mrna_of_the_telegraph_has_its_autocovariance():
    """r p exp(-t) + r^2 p (1 - p) / (K^2 - 1) (K exp(-t) - exp(-K t)), K = 3."""
    times = np.linspace(0, 60, 601)
    found = ms.simulate(TELEGRAPH.format(on=1, off=2, r=60), times, level="jump", replicates=2000, seed=3, counts=True)
    np.testing.assert_allclose(
        found.ensemble.autocovariance("M", [0.0, 0.5, 1.0, 2.0], begin=10.0),
        [220, 171.776795095, 112.742714338, 43.0594154180], rtol=0.04,
    )  # fmt: skip


def moments_agree(found, ids, means, exact, bias=0.0):
    error = 5 / np.sqrt(found.replicates)
    for id, mean, variance in zip(ids, means, np.diag(exact)):
        assert abs(found[id][-1] - mean) < error * np.sqrt(variance) + bias * mean
    assert np.abs(found.covariance(found.times[-1]) / exact - 1).max() < error * 1.6 + 2 * bias


@pytest.mark.parametrize("level", ["jump", "tau"])
def test_three_stages_of_expression_have_their_joint_moments(level):
    """Promoter, mRNA and protein. The protein starts at its mean; by t = 60 what was at the start is down to exp(-6)."""
    text = TELEGRAPH.format(on=1, off=2, r=60) + "; tell: M => M + P; 10*M; forget: P => ; 0.1*P; P = 2000"
    found = kept(text, 60.0, level, replicates=2000, keep="moments", observables=["M", "P"])
    exact = np.array([[220.0, 2586.51026393], [2586.51026393, 260651.026393]])
    moments_agree(found, ["M", "P"], [20.0, 2000.0], exact, bias=0.01)


@pytest.mark.parametrize("level", ["jump", "tau", "langevin"])
def test_linear_networks_have_exact_moments_at_every_level(level):
    """mRNA and protein: cov = k var(m)/(1 + g), var(p) = p + k cov/g."""
    text = "make: => M; 2000; lose: M => ; M; tell: M => M + P; 10*M; forget: P => ; 0.5*P; M = 2000; P = 40000"
    found = kept(text, 20.0, level, replicates=4000, keep="moments")
    covariance = 10 * 2000 / 1.5
    exact = np.array([[2000.0, covariance], [covariance, 40000 + 10 * covariance / 0.5]])
    moments_agree(found, ["M", "P"], [2000.0, 40000.0], exact, bias=0.01 if level != "jump" else 0.0)


def test_the_langevin_equation_is_warned_of_where_it_is_wrong():
    """One promoter: the boundary is touched at every turn, and the variance of the mRNA is far from 220."""
    found = kept(
        TELEGRAPH.format(on=1, off=2, r=60), 20.0, "langevin", replicates=1000, keep="moments", observables="M"
    )
    assert any(remark.startswith("WARNING") for remark in found.remarks)
    assert abs(found.variance("M")[-1] / 220 - 1) > 0.3


def test_batches_have_the_moments_of_the_closed_form():
    """Immigration by five: 004-01 of the stochastic suite; stationary variance a/mu b (b + 1) / 2."""
    found = kept("b: => 5 X; 1; d: X => ; 0.2*X; X = 0", 49.0, replicates=20_000, keep="moments")
    assert abs(found["X"][-1] - 24.998614) < 4 * 8.660174 / np.sqrt(20_000)
    assert abs(found.std("X")[-1] / 8.660174 - 1) < 4 * np.sqrt(0.6 / 20_000)


@pytest.mark.parametrize("level", ["jump", "tau"])
def test_growth_without_bound_has_the_closed_moments(level):
    """001-01: mean x0 exp((l - m) t), variance x0 (l + m)/(l - m) exp((l - m) t) (exp((l - m) t) - 1)."""
    found = kept("b: X => 2 X; 0.1*X; d: X => ; 0.11*X; X = 100", 49.0, level, replicates=20_000, keep="moments")
    assert abs(found["X"][-1] - 61.26264) < 4 * 22.32403 / np.sqrt(20_000)
    assert abs(found.std("X")[-1] / 22.32403 - 1) < 4 * np.sqrt(0.6 / 20_000)


def test_the_bursty_limit_is_negative_binomial():
    """Bursts of mean size 10, two per lifetime: within the distance that the finite switching rate leaves."""
    fast = 2000.0
    found = kept(
        TELEGRAPH.format(on=2, off=fast, r=10 * fast), 12.0, replicates=20_000, keep="histogram", observables="M"
    )
    law = stats.nbinom(2, 1 / 11)
    numbers = found.centres("M")
    share = found.probability("M")[-1]
    distance = 0.5 * (np.abs(share - law.pmf(numbers)).sum() + law.sf(numbers[-1]))
    assert distance < 0.5 * np.sqrt(len(numbers) * 2 / np.pi / 20_000) * 1.5
