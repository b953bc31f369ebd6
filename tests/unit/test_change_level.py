"""Bridges from jumps to other levels over a region: held-back points, refusals with the point that failed."""

from pathlib import Path

import numpy as np
import pytest

import manyscale as ms
from manyscale.study.values import with_values

BINDING = "on: A + B -> C; 300*A*B; off: C -> A + B; 900*C; use: C -> A + P; 0.1*C; A = 4; B = 6; C = 0; P = 0"


def dimers(size: float) -> str:
    return f"i: -> X; {size}; d: X + X -> ; {1 / size}*X*X; o: X -> ; 0.5*X; X = {int(size)}"


def test_rate_equations_hold_at_points_that_were_not_used():
    model, question = ms.read(dimers(400)), ms.Question(horizon=5.0, tolerance=0.05, region=1.5)
    chain = ms.change_level(model, "ode", question, counts=True, points=4, paths=2000)
    (bridge,) = chain.bridges
    assert bridge.coarse.level == "ode" and bridge.certificate.error.points == 4 and bridge.certificate.domain
    times = np.linspace(0, 5, 11)
    for size in (450.0, 550.0):
        other = with_values(model, {"X": size})
        paths = ms.simulate(other, times, level="jump", replicates=4000, seed=9, counts=True)["X"].mean(0)
        flow = ms.simulate(other, times)["X"]
        assert np.abs(paths - flow).max() / flow.max() <= bridge.certificate.error.bound


def test_a_region_that_reaches_few_molecules_is_refused_with_the_point():
    model = ms.model("m", species={"X": 300.0}, parameters={"k": 300.0, "d": 1 / 300, "o": 0.5},
                     reactions=["in: -> X; k", "meet: X + X -> ; d*X*X", "out: X -> ; o*X"])  # fmt: skip
    question = ms.Question(horizon=5.0, tolerance=0.02, region={"k": (0.002, 1.0), "X": (0.003, 1.0)})
    chain = ms.change_level(model, "ode", question, counts=True, points=6, paths=4000)
    (refusal,) = chain.refusals
    assert not chain.bridges and "k = " in refusal.where and "smaller" in refusal.advice
    assert refusal.value is not None and refusal.value > refusal.threshold


def test_a_population_that_may_die_out_has_no_rate_equation():
    virus = "a: T -> T + T; 1.2*T; b: T -> ; 0.8*T; c: T + T -> T; 0.001*T*T; T = 1"
    (refusal,) = ms.change_level(virus, "ode", ms.Question(horizon=30.0), counts=True, points=1).refusals
    assert refusal.value > refusal.threshold and "%" in refusal.reason  # so many paths have died out


def test_few_molecules_that_meet_in_pairs_have_no_linear_noise():
    question = ms.Question(horizon=5.0, tolerance=0.02)
    (refusal,) = ms.change_level(dimers(3), "lna", question, counts=True, points=1).refusals
    assert refusal.value > refusal.threshold


def test_averaging_over_fast_reactions_is_estimated_over_a_region():
    chain = ms.change_level(BINDING, "slow_scale", ms.Question(horizon=20.0, region=1.2), counts=True, points=3)
    (bridge,) = chain.bridges
    assert bridge.certificate.tier == "estimated" and bridge.certificate.error.bound < 0.05
    alone = ms.change_level(BINDING, "slow_scale", ms.Question(horizon=20.0), counts=True, points=1).bridges[0]
    assert alone.certificate.tier == "rigorous"


def test_unknown_levels_and_options_are_told():
    with pytest.raises(ms.InputError, match="bridges to ode, lna, hybrid, slow_scale"):
        ms.change_level(BINDING, "pde", counts=True)
    with pytest.raises(ms.InputError, match="colour"):
        ms.change_level(BINDING, "ode", counts=True, colour=3)


@pytest.mark.parametrize(("level", "number"), [("ode", 0.3), ("lna", 1.0)])
def test_a_clock_of_few_genes_is_refused(level, number):
    """Vilar et al., PNAS 99:5988, 2002: paths drift apart in phase, so that neither means nor linear noise hold."""
    path = Path(__file__).parents[2] / "examples" / "vilar_2002.ant"
    chain = ms.change_level(path, level, ms.Question(horizon=100.0), counts=True, points=1, paths=500)
    (refusal,) = chain.refusals
    assert refusal.value > number and refusal.threshold == 0.05
