"""Master equations against closed forms; the bound holds; stationary laws and first passages; refusals."""

from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from scipy.linalg import expm
from scipy.special import hyp1f1

import manyscale as ms
from manyscale.analysis.master_equation import first_passage, stationary
from manyscale.errors import InputError, SimulationError, UnsupportedError

BIRTH_DEATH = "b: -> X; k; d: X -> ; g*X; k = 10; g = 1; X = 0"
TELEGRAPH = "u: off -> on_; a*off; v: on_ -> off; b*on_; t: -> m; k*on_; d: m -> ; m; off = 1; on_ = 0; m = 0; a = {a}; b = {b}; k = 10"
SCHLOGL = (
    "p: 2 X -> 3 X; c1*X*(X - 1)/2; q: 3 X -> 2 X; c2*X*(X - 1)*(X - 2)/6; r: -> X; c3; s: X -> ; c4*X;"
    "c1 = 0.03; c2 = 1e-4; c3 = 200; c4 = 3.5; X = {x}"
)


@pytest.mark.parametrize("tolerance", [1e-3, 1e-6, 1e-9])
def test_the_bound_holds_against_the_poisson_law(tolerance):
    run = ms.simulate(BIRTH_DEATH, [0, 0.5, 2.0, 20.0], level="cme", counts=True, tolerance=tolerance)
    assert (np.diff(run.bound) >= 0).all() and 0 < run.bound[-1] <= tolerance
    for t, bound in zip(run.times[1:], run.bound[1:]):
        law = stats.poisson(10 * (1 - np.exp(-t)))
        p = run.marginal("X", t)
        off = np.abs(p - law.pmf(np.arange(len(p)))).sum() + law.sf(len(p) - 1)
        assert off <= bound + 1e-13
    assert run["X"][-1] == pytest.approx(10, abs=max(100 * tolerance, 1e-6))
    assert run.fano("X")[-1] == pytest.approx(1.0, abs=max(100 * tolerance, 1e-5))


def test_a_closed_network_agrees_with_the_matrix_exponential():
    """A + B <-> C from 4, 3, 1 molecules: five states, whose generator is written down by hand."""
    run = ms.simulate(
        "f: A + B -> C; 0.5*A*B; r: C -> A + B; 2*C; A = 4; B = 3; C = 1",
        [0, 0.7],
        level="cme",
        counts=True,
        tolerance=1e-10,
    )
    a, b, c = np.arange(5)[::-1] + 1, np.arange(5)[::-1], np.arange(5)  # by C = 0 .. 4
    q = np.zeros((5, 5))
    for k in range(5):
        if k < 4:
            q[k + 1, k] += 0.5 * a[k] * b[k]
        if k:
            q[k - 1, k] += 2.0 * c[k]
    q -= np.diag(q.sum(axis=0))
    expected = expm(0.7 * q) @ np.eye(5)[1]
    assert run.marginal("C") == pytest.approx(expected, abs=1e-10)
    assert run.joint("A", "C")[4, 1] == pytest.approx(expected[1], abs=1e-10)
    assert run.probability(lambda x: x["C"] >= 2) == pytest.approx(expected[2:].sum(), abs=1e-10)


@pytest.mark.parametrize("rate", [0.1, 1.0, 10.0])
def test_the_telegraph_law_of_peccoud_and_ycart(rate):
    """P(m = n) = k^n/n! (a)_n/(a+b)_n 1F1(a + n; a + b + n; -k); variance/mean = 1 + k b / ((a+b)(a+b+1))."""
    law = stationary(TELEGRAPH.format(a=rate, b=rate), counts=True)
    n = np.arange(len(law.marginal("m")))
    from scipy.special import gammaln, poch

    expected = (
        np.exp(n * np.log(10) - gammaln(n + 1))
        * poch(rate, n)
        / poch(2 * rate, n)
        * hyp1f1(rate + n, 2 * rate + n, -10)
    )
    assert np.abs(law.marginal("m") - expected).sum() < 1e-7
    assert law.fano("m") == pytest.approx(1 + 10 * rate / (2 * rate * (2 * rate + 1)), rel=1e-6)
    assert law.leak < 1e-7 and law.residual < 1e-9


def test_the_two_stage_gene_has_the_known_fano_factor():
    """Protein: 1 + b/(1 + eta) with b = 4 proteins per mRNA and eta = 1/5, the ratio of the lifetimes."""
    law = stationary("s: -> m; 2; t: -> p; 20*m; u: m -> ; 5*m; v: p -> ; p; m = 0; p = 0", counts=True, tolerance=1e-8)
    assert law.mean("p") == pytest.approx(8.0, rel=1e-5)
    assert law.fano("p") == pytest.approx(1 + 4 / (1 + 1 / 5), rel=1e-4)


def test_schlogl_two_modes_and_the_times_between_them():
    """Birth-death chains have their law and first passages in closed sums."""
    law = stationary(SCHLOGL.format(x=250), counts=True, tolerance=1e-10)
    up = lambda n: 0.015 * n * (n - 1) + 200.0  # noqa: E731
    down = lambda n: 1e-4 / 6 * n * (n - 1) * (n - 2) + 3.5 * n  # noqa: E731
    n = np.arange(1200)
    weight = np.cumsum(np.concatenate([[0.0], np.log(up(n[:-1])) - np.log(down(n[1:]))]))
    exact = np.exp(weight - weight.max())
    exact /= exact.sum()
    found = law.marginal("X")
    assert np.abs(found - exact[: len(found)]).sum() < 1e-8
    assert law.mean("X") == pytest.approx(exact @ n, rel=1e-8)
    assert law.mean("X") == pytest.approx(454.8613479880, rel=1e-8)
    assert found[:256].sum() == pytest.approx(0.2202602821, rel=1e-7)
    times = 0.0  # from 82 up to 563: sum over the steps up of (sum of the law below) / (rate * law)
    for k in range(82, 563):
        times += exact[: k + 1].sum() / (up(k) * exact[k])
    passed = first_passage(SCHLOGL.format(x=82), "X >= 563", counts=True)
    assert passed.mean == pytest.approx(times, rel=1e-6)
    assert passed.mean == pytest.approx(50307.86145, rel=1e-6)
    assert passed.reached == pytest.approx(1.0, abs=1e-9)


def test_waiting_for_the_last_of_ten_decays():
    """The maximum of ten exponential times: mean and variance are sums of 1/k and 1/k^2."""
    passed = first_passage("A -> ; A; A = 10", "A < 1", counts=True)
    assert passed.mean == pytest.approx(sum(1 / k for k in range(1, 11)), rel=1e-10)
    assert passed.variance == pytest.approx(sum(1 / k**2 for k in range(1, 11)), rel=1e-8)


def test_what_may_never_happen_has_a_chance_and_no_mean():
    """A ends as B or as C, three to one."""
    passed = first_passage("A -> B; 3*A; A -> C; A; A = 1; B = 0; C = 0", "B > 0", counts=True)
    assert passed.reached == pytest.approx(0.75, rel=1e-12) and np.isinf(passed.mean)


def test_master_equation_and_jump_paths_agree_by_chi_square():
    text = "f: A + A -> D; 0.05*A*A; r: D -> A + A; D; i: -> A; 3; o: A -> ; 0.5*A; A = 5; D = 0"
    exact = ms.simulate(text, [0, 2.0], level="cme", counts=True).marginal("A")
    paths = ms.simulate(text, [0, 2.0], level="jump", counts=True, replicates=20_000, seed=6)["A"][:, 1].astype(int)
    seen = np.bincount(paths, minlength=len(exact))[: len(exact)]
    common = exact * 20_000 > 20
    observed, expected = seen[common], exact[common] * 20_000
    rest = 20_000 - observed.sum(), 20_000 - expected.sum()
    assert stats.chisquare([*observed, rest[0]], [*expected, rest[1]]).pvalue > 1e-4


@pytest.mark.parametrize("rate", [1e2, 1e3])
def test_a_start_from_which_everything_leaves_at_once(rate):
    """Many jumps within the first step: the few states around the start are left before anything is seen at their border."""
    run = ms.simulate(f"b: -> X; {rate}; d: X -> ; 10*X; X = 0", [0, 2.0], level="cme", counts=True)
    assert run.bound[-1] <= 1e-6
    assert run["X"][-1] == pytest.approx(rate / 10 * (1 - np.exp(-20.0)), rel=1e-5)
    assert run.fano("X")[-1] == pytest.approx(1.0, rel=1e-3)


def test_limits_count_as_missing_probability():
    run = ms.simulate(BIRTH_DEATH, [0, 5.0], level="cme", counts=True, limits={"X": 12})
    missing = run.bound[-1]
    assert 0.1 < missing < 1.0
    law = stats.poisson(10 * (1 - np.exp(-5.0))).pmf(np.arange(13))
    assert (run.marginal("X") <= law + 1e-12).all()  # lower bounds, state by state
    assert missing >= np.abs(run.marginal("X") - law).sum()


def test_too_many_states_are_told_with_what_is_missing():
    with pytest.raises(SimulationError, match="more than 50 states") as caught:
        ms.simulate("-> X; 100; X = 0", [0, 0.001, 10.0], level="cme", counts=True, max_states=50)
    assert len(caught.value.partial.times) == 2
    with pytest.raises(SimulationError, match="not enough"):
        stationary("-> X; 100; X = 0", counts=True, max_states=200)


def test_refusals_name_what_is_wrong():
    with pytest.raises(UnsupportedError, match="events"):
        ms.simulate("A -> ; A; A = 3; at (time > 1): A = 5", [0, 2.0], level="cme", counts=True)
    with pytest.raises(InputError, match="'Q'"):
        ms.simulate(BIRTH_DEATH, [0, 1.0], level="cme", counts=True, limits={"Q": 3})
    with pytest.raises(InputError, match="tolerance"):
        ms.simulate(BIRTH_DEATH, [0, 1.0], level="cme", counts=True, tolerance=0)
    with pytest.raises(SimulationError, match="2 sets of states that are never left"):
        stationary("A -> B; A; A -> C; A; A = 1; B = 0; C = 0", counts=True)
    with pytest.raises(InputError, match="no condition"):
        first_passage(BIRTH_DEATH, "X + 1", counts=True)


def test_the_page_on_master_equations_runs(capsys):
    page = Path(__file__).resolve().parents[2] / "docs" / "master_equation.md"
    lines = page.read_text(encoding="utf-8").splitlines()
    exec("\n".join(line[4:] for line in lines if line.startswith("    ")), {})
    assert "FirstPassage" in capsys.readouterr().out
