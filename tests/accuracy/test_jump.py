"""Exact jump simulation: laws against closed forms, reading of deterministic models, repeatability, refusals."""

import numpy as np
import pytest

import manyscale as ms
from manyscale import _core
from manyscale.errors import InputError, SimulationError, UnsupportedError
from manyscale.kernels import compile_model, jump_code
from manyscale.kernels.propensities import jump_system

BIRTH_DEATH = "b: -> X; k; d: X -> ; g*X; k = 10; g = 1; X = 0"
TIMES = np.linspace(0.0, 5.0, 6)


def test_random_numbers_are_those_published_for_philox():
    """Known answers of Random123 for philox4x32-10: key and counter zero."""
    words = np.array([0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8], dtype=np.uint64)
    pairs = [(words[3] << np.uint64(32)) | words[2], (words[1] << np.uint64(32)) | words[0]]
    np.testing.assert_array_equal(_core.philox(0, 0, 2), [float(int(x) >> 11) * 2.0**-53 for x in pairs])


def test_birth_and_death_give_the_poisson_law_of_the_closed_form():
    run = ms.simulate(BIRTH_DEATH, TIMES, level="jump", replicates=20_000, seed=3, counts=True)
    for k, t in enumerate(TIMES[1:], start=1):
        mean = 10 * (1 - np.exp(-t))
        values = run["X"][:, k]
        assert abs(values.mean() - mean) < 4 * np.sqrt(mean / 20_000)
        assert abs(values.var() / mean - 1) < 4 * np.sqrt((2 + 1 / mean) / 20_000)


def test_the_whole_distribution_is_poisson_by_chi_square():
    from scipy import stats

    run = ms.simulate(BIRTH_DEATH, [0.0, 2.0], level="jump", replicates=40_000, seed=5, counts=True)
    mean = 10 * (1 - np.exp(-2.0))
    edges = np.arange(2, 18)
    observed = np.histogram(run["X"][:, 1], bins=[-0.5, *(edges - 0.5), 1e9])[0]
    law = stats.poisson(mean)
    expected = np.diff([0.0, *law.cdf(edges - 1), 1.0]) * 40_000
    assert stats.chisquare(observed, expected).pvalue > 1e-4


def test_the_same_seed_gives_the_same_paths_whatever_the_chunks():
    many = ms.simulate(BIRTH_DEATH, TIMES, level="jump", replicates=300, seed=7, counts=True)
    again = ms.simulate(BIRTH_DEATH, TIMES, level="jump", replicates=300, seed=7, counts=True)
    few = ms.simulate(BIRTH_DEATH, TIMES, level="jump", replicates=5, seed=7, counts=True)
    other = ms.simulate(BIRTH_DEATH, TIMES, level="jump", replicates=5, seed=8, counts=True)
    np.testing.assert_array_equal(many["X"], again["X"])
    np.testing.assert_array_equal(many["X"][:5], few["X"])
    assert (few["X"] != other["X"]).any()


def test_machine_code_and_tape_give_the_same_paths(monkeypatch):
    model = ms.read("b: -> X; k/(1 + (X/20)^2); d: X -> ; g*X; k = 30; g = 1; X = 0")
    fast = ms.simulate(model, TIMES, level="jump", replicates=20, seed=1, counts=True)
    monkeypatch.setenv("MANYSCALE_COMPILE", "0")
    slow = ms.simulate(model.replace(), TIMES, level="jump", replicates=20, seed=1, counts=True)
    np.testing.assert_array_equal(fast["X"], slow["X"])


def test_molecules_that_meet_their_like_are_counted_in_pairs():
    """A + A -> at k*A^2 in one litre-free volume: the last molecule cannot react (mean-field would use it up)."""
    model = ms.read("d: A + A => B; k*A^2; k = 1; A = 7; B = 0")
    run = ms.simulate(model, [0.0, 1e4], level="jump", replicates=50, seed=1, counts=True)
    assert set(run["A"][:, -1]) == {1.0} and set(run["B"][:, -1]) == {3.0}
    assert any("A - 1" in remark for remark in run.remarks)


def test_a_law_that_is_combinatorial_already_stays():
    law = "0.5*k*A*(A - 1)"
    system = jump_system(compile_model(ms.read(f"d: A + A => B; {law}; k = 2; A = 7; B = 0")), counts=True)
    kernel = system.kernel
    y, p = kernel.initial()
    assert kernel.evaluate((system.propensities[0].formula,), 0.0, y, p)[0] == pytest.approx(42.0)
    assert any("combinatorial" in remark for remark in system.remarks)


def test_laws_of_two_directions_become_two_reactions_and_keep_the_equilibrium():
    model = ms.read("r: A -> B; k1*A - k2*B; k1 = 2; k2 = 1; A = 30; B = 0")
    run = ms.simulate(model, [0.0, 20.0], level="jump", replicates=4000, seed=2, counts=True)
    assert abs(run["A"][:, -1].mean() - 10) < 0.25
    assert run["A"][:, -1].var() == pytest.approx(30 * (1 / 3) * (2 / 3), rel=0.12)  # binomial
    assert (run["A"] + run["B"] == 30).all()


def test_concentrations_in_moles_become_molecules_of_their_volume():
    text = """
    model m()
      compartment c; c = 1e-15; species A in c, B in c
      J: A + A => B; c*k*A^2; k = 1e6; A = 1e-7; B = 0
      substance = 1 mole; volume = 1 litre; time_unit = 1 second
    end
    """
    model = ms.read(
        text.replace("substance =", "unit substance =")
        .replace("volume =", "unit volume =")
        .replace("time_unit", "unit time_unit")
    )
    system = jump_system(compile_model(model))
    kernel = system.kernel
    y, p = kernel.initial()
    molecules = 1e-7 * 1e-15 * 6.02214076e23
    y[0] = round(molecules) / (1e-15 * 6.02214076e23)
    n = round(molecules)
    expected = 1e6 / (6.02214076e23 * 1e-15) * n * (n - 1)
    assert kernel.evaluate((system.propensities[0].formula,), 0.0, y, p)[0] == pytest.approx(expected, rel=1e-12)


def test_the_table_and_the_direct_method_have_the_same_moments(monkeypatch):
    chain = "; ".join(f"r{k}: S{k} => S{(k + 1) % 8}; {1 + k % 3}*S{k}" for k in range(8))
    pairs = "; ".join(
        f"q{k}: S{k} + S{(k + 3) % 8} => S{(k + 3) % 8} + S{(k + 1) % 8}; 0.05*S{k}*S{(k + 3) % 8}" for k in range(8)
    )
    text = f"{chain}; {pairs}; " + "; ".join(f"S{k} = {40 if k == 0 else 0}" for k in range(8))
    plain = ms.simulate(text, TIMES, level="jump", replicates=4000, seed=1, counts=True)
    monkeypatch.setattr(jump_code, "TABLE_FROM_MANY", 1)
    tabled = ms.simulate(text, TIMES, level="jump", replicates=4000, seed=2, counts=True)
    assert jump_code.jump_code(tabled.kernel, True, many=True).table
    assert not jump_code.jump_code(plain.kernel, True, many=True).table
    for id in ("S0", "S3", "S7"):
        a, b = plain[id][:, 1:], tabled[id][:, 1:]
        error = np.sqrt((a.var(axis=0) + b.var(axis=0)) / 4000)
        assert (np.abs(a.mean(axis=0) - b.mean(axis=0)) < 4.5 * error).all()
        np.testing.assert_allclose(a.var(axis=0), b.var(axis=0), rtol=0.15, atol=0.05)


def test_an_event_stops_the_path_where_its_condition_becomes_true():
    model = ms.read("b: -> X; k; k = 5; X = 0; at (X >= 10): X = 0; at (time > 3): k = 0")
    run = ms.simulate(model, np.linspace(0, 6, 601), level="jump", replicates=30, seed=1, counts=True)
    assert run["X"].max() == 9.0
    late = run["X"][:, 301:]
    assert (late == late[:, :1]).all()


@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [
        ("b: -> X; k; k = 1; X = 0", InputError, "counts=True"),
        ("X := 2 - Z; Z = 1; b: Z -> Y; delay(Z, 1); Y = 0", UnsupportedError, "delays"),
        ("d: X => ; k; k = 100; X = 3", SimulationError, "use up more molecules"),
        ("b: => X; k*(5 - Y); p: => Y; 30; k = 1; X = 0; Y = 0", SimulationError, "negative propensity"),
        ("d: X => 0.5 Y; k*X; k = 1; X = 10; Y = 0", UnsupportedError, "whole numbers"),
        ("d: X => Y; k*X; X = 10; Y = 0", InputError, "no value for k"),
        ("r: X -> Y; V*(X - Y)/(10 + X + Y); V = 1; X = 100; Y = 0", UnsupportedError, "write it as two reactions"),
    ],
)
def test_what_has_no_meaning_as_a_jump_process_is_refused_by_name(text, kind, words):
    with pytest.raises(kind, match=words):
        ms.simulate(text, [0.0, 1.0], level="jump", seed=1, counts="counts=True" not in words)


@pytest.mark.parametrize("count", [59, 60, 61])
@pytest.mark.parametrize("first", ["-1", "ln(below)"])
def test_a_negative_or_undefined_rate_constant_is_refused_whatever_the_size(count, first):
    steps = [f"r{k}: S{k} => S{k + 1}; k{k}*S{k}" for k in range(count)]
    values = [f"k{k} = 1; S{k} = 5" for k in range(1, count)]
    text = "; ".join([*steps, *values, f"below = -1; k0 = {first}; S0 = 5; S{count} = 0"])
    with pytest.raises((InputError, SimulationError), match=r"r0|k0"):
        ms.simulate(text, [0.0, 1.0], level="jump", seed=1, counts=True)


def test_laws_left_as_they_are_although_molecules_meet_their_like_are_told():
    run = ms.simulate(
        "d: 2 A => B; k*A^2/(1 + B); k = 0.01; A = 20; B = 0", [0.0, 1.0], level="jump", seed=1, counts=True
    )
    assert any("left as they are: d" in remark for remark in run.remarks)
