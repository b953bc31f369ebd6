"""The search for a reduction: what it refuses, its limits, and what stays of an interrupted one."""

from __future__ import annotations

import time

import pytest

import manyscale as ms
from manyscale.bridges import search
from manyscale.bridges.time.quasi_steady import quasi_steady

ENZYME = """
model enzyme
  compartment c = 1; species S in c, E in c, C in c, P in c;
  S = 10; E = 0.01; C = 0; P = 0; k1 = 10; back = 50; k2 = 50;
  bind: S + E -> C; c*(k1*E*S - back*C);
  turn: C => P + E; c*k2*C;
end
"""


def real(chain) -> list:
    return [bridge for bridge in chain.bridges if bridge.name not in ("conserve", "prune")]


def quasi(chain):
    return next(refusal for refusal in chain.refusals if refusal.name == "quasi_steady")


def test_an_enzyme_loses_its_complex_with_a_promise_that_verification_keeps():
    question = ms.Question(horizon=20)
    chain = ms.reduce(ENZYME, question)
    (bridge,) = real(chain)
    assert "C" in bridge.eliminated
    error = bridge.certificate.error
    assert bridge.certificate.tier == "estimated" and error.measured < error.bound <= question.tolerance
    assert bridge.certificate.spectrum.gap > 4.1 and bridge.certificate.spectrum.attractivity > 0
    checked = ms.verify(chain, question, points=48, seed=11)
    assert not checked.violations and checked.worst_error <= error.bound


def test_too_much_enzyme_is_refused_with_the_number_that_failed():
    text = ENZYME.replace("E = 0.01", "E = 10").replace("k1 = 10", "k1 = 1").replace("back = 50", "back = 0.5")
    chain = ms.reduce(
        text.replace("k2 = 50", "k2 = 10"), ms.Question(horizon=3, observables=("S", "P", "C"), entry=0.001)
    )
    assert not real(chain)
    assert quasi(chain).value is not None and quasi(chain).threshold is not None


def test_a_smaller_tolerance_is_kept_or_refused():
    chain = ms.reduce(ENZYME, ms.Question(horizon=20, tolerance=1e-7))
    assert all(bridge.certificate.error.bound <= 1e-7 for bridge in real(chain))


def test_equal_time_scales_are_refused_for_want_of_a_gap():
    chain = ms.reduce("A' = -1.1*A + 0.1*B^2; B' = 0.1*A^2 - B; A = 1; B = 2", ms.Question(horizon=5))
    assert not real(chain) and "gap" in quasi(chain).reason and quasi(chain).value < quasi(chain).threshold


def test_models_with_delays_are_refused_by_that_name():
    chain = ms.reduce("x' = -100*x + y; y' = -delay(y, 1); x = 1; y = 1", ms.Question(horizon=10))
    assert not real(chain) and "delay" in quasi(chain).reason


def test_oscillators_are_refused_for_their_phase():
    chain = ms.reduce("x' = y; y' = -x + 0.1*z; z' = -(z - x)*0.7; x = 1; y = 0; z = 1", ms.Question(horizon=100))
    assert not real(chain)


def test_a_species_that_an_event_sets_stays():
    text = ENZYME.replace("end", "  kick: at time > 5: C = 0.005;\nend")
    chain = ms.reduce(text, ms.Question(horizon=20))
    assert all("C" not in bridge.eliminated for bridge in real(chain))


def test_the_time_limit_is_kept_and_said():
    begin = time.monotonic()
    chain = ms.reduce(ENZYME, ms.Question(horizon=20), time_limit=0.0)
    assert time.monotonic() - begin < 20
    assert any("time limit" in refusal.reason for refusal in chain.refusals)


def test_interruption_keeps_the_bridges_found_so_far(monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(search, "reduce_in_time", interrupted)
    chain = ms.reduce(ENZYME, ms.Question(horizon=20))
    assert [bridge.name for bridge in chain.bridges] == ["conserve"]
    assert any("interrupted" in refusal.reason for refusal in chain.refusals)


def test_formulas_only_leaves_no_algebraic_equation():
    text = """
    compartment c = 1; species A in c, B in c, X in c, P in c; A = 1; B = 1; X = 0; P = 0;
    make: => X; c*100*A; lose: X + X + X => P; c*1000*X^3*(1 + X); drain: X => B; c*50*X*B; slow: A => B; c*0.01*A;
    """
    question = ms.Question(horizon=50, observables=("P",), tolerance=0.2)
    chain = ms.reduce(text, question, formulas=True)
    assert not any(rule.kind == "algebraic" for rule in chain.coarse.rules)


def test_unknown_names_are_named_with_what_is_near():
    with pytest.raises(ms.InputError, match="CC"):
        quasi_steady(ms.read(ENZYME), ["CC"])
    with pytest.raises(ms.InputError, match="bond"):
        quasi_steady(ms.read(ENZYME), ["C"], totals={"C": "bond"})
