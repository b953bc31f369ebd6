"""What hardly changes within the horizon is held; the promise keeps, and what does change is not held."""

from __future__ import annotations

import numpy as np
import pytest

import manyscale as ms
from manyscale.bridges.freeze_search import freeze_slow
from manyscale.bridges.time.freeze import drift, freeze, spread_of_errors
from manyscale.bridges.trials import Trials

SLOW = "-> X; a; X -> ; k*X; Y -> ; Y*d; -> Y; b*X; X = 1; Y = 0; a = 0; b = 1; d = 1; k = {k}"


def model(k: float) -> ms.Model:
    return ms.read(SLOW.format(k=k))


def test_holding_a_decaying_source_costs_what_the_closed_form_says():
    """Y' = X - Y, X' = -k X: held at 1, X is too large by 1 - exp(-k t) in the end, Y by about as much."""
    k, end = 1e-3, 10.0
    bridge = freeze(model(k), ["X"])
    assert "X" not in bridge.restrict
    times = np.linspace(0, end, 51)
    coarse = ms.simulate(bridge.coarse, times, rtol=1e-10)
    assert coarse["X"] == pytest.approx(1.0, abs=1e-12)
    assert coarse["Y"] == pytest.approx(1 - np.exp(-times), abs=1e-8)
    fine = ms.simulate(model(k), times, rtol=1e-10)
    assert drift(fine.states)[fine.kernel.system.states.index("X")] == pytest.approx(1 - np.exp(-k * end), rel=1e-6)


def test_the_foreseen_error_is_the_real_one_to_first_order():
    question = ms.Question(horizon=10.0, region=1.0)
    misses = []
    for k in (4e-3, 2e-3, 1e-3):
        fine = model(k)
        trials = Trials(ms.Chain(fine), _resolved(fine, question), np.linspace(0, 10, 201))
        point = trials.nominal()
        sample = trials.sample(point)
        held = np.array([trials.kernel.system.states.index("X")])
        foreseen = np.abs(spread_of_errors(sample, held).sum(axis=1)).max()
        real = trials.error(freeze(fine, ["X"]), point).worst
        misses.append(abs(foreseen / real - 1))
    assert max(misses) < 0.05


def _resolved(model, question):
    from manyscale.scales import resolve

    return resolve(model, question)


@pytest.mark.parametrize(("k", "held"), [(5e-4, True), (2e-2, False)])
def test_only_what_stays_within_the_tolerance_over_the_region_is_held(k, held):
    fine = model(k)
    question = _resolved(fine, ms.Question(horizon=10.0, tolerance=0.05, region={"k": (0.5, 2.0)}))
    answer = freeze_slow(ms.Chain(fine), question)
    assert isinstance(answer, ms.Bridge) is held
    if not held:
        assert answer.value > answer.threshold and answer.where == "X"
        return
    assert answer.eliminated == ("X",)
    checked = ms.verify(answer, question, points=40)
    assert checked.ok and checked.worst > 0.2 * answer.certificate.error.bound


def test_a_pool_that_others_feel_strongly_is_not_held():
    """S loses 2% within the horizon, but Z integrates a hundredfold amplified difference from its start."""
    fine = ms.read("S -> ; k*S; -> Z; g*(1.02 - S); Z -> ; Z; S = 1; Z = 0.02; k = 0.002; g = 1")
    question = _resolved(fine, ms.Question(horizon=10.0, tolerance=0.05, region=1.0))
    assert not isinstance(freeze_slow(ms.Chain(fine), question), ms.Bridge)


def test_reduce_holds_slow_pools_after_fast_ones_are_eliminated():
    fine = ms.read(
        "S + E -> C; k1*S*E; C -> S + E; k2*C; C -> P + E; k3*C; P -> ; k4*P; -> R; 0*k5; R -> ; k5*R*R; -> P; q*R;"
        "S = 10; E = 0.01; C = 0; P = 0; R = 5; k1 = 1; k2 = 100; k3 = 1; k4 = 0.1; k5 = 1e-5; q = 0.01"
    )
    chain = ms.reduce(fine, ms.Question(horizon=100.0, tolerance=0.05))
    names = [bridge.name for bridge in chain.bridges]
    assert names[-1] == "freeze" and "R" in chain.bridges[-1].eliminated
    assert chain.certificate.error.bound <= 0.05
    assert ms.verify(chain, ms.Question(horizon=100.0, tolerance=0.05), points=30).ok


def test_what_cannot_be_held_is_said():
    with pytest.raises(ms.InputError, match="no variable"):
        freeze(model(1e-3), ["Q"])
    with pytest.raises(ms.InputError, match="set by an event"):
        freeze(ms.read("X -> ; X; X = 1; at (time > 1): X = 2"), ["X"])
