"""Delay and differential-algebraic equations against closed forms."""

from __future__ import annotations

import numpy as np
import pytest

import manyscale as ms

T = np.linspace(0, 4, 41)


def run(text: str, times=T, **options):
    return ms.simulate(f"model m()\n{text}\nend\n", times, **options)


def test_method_of_steps_on_a_linear_equation():
    x = run("x = 1; x' = -delay(x, 1)", rtol=1e-9)["x"]
    exact = np.ones_like(T)
    for k in range(1, 7):
        exact += (-1) ** k * np.where(k - 1 < T, (T - k + 1) ** k / float(np.prod(np.arange(1, k + 1))), 0.0)
    assert x == pytest.approx(exact, abs=1e-8)


def test_before_the_start_values_are_the_initial_ones():
    assert run("x = 3; x' = 1; y := delay(x, 2)")["y"] == pytest.approx(np.where(T < 2, 3.0, 3 + T - 2))


def test_variable_lags():
    assert run("x = 0; x' = 1; y := delay(x, time/2)", rtol=1e-9)["y"] == pytest.approx(T / 2, abs=1e-8)


def test_delays_of_delays():
    result = run("x = 1; x' = 1; y := delay(x, 1); z := delay(y, 1)")
    assert result["z"] == pytest.approx(np.where(T < 2, 1.0, T - 1))


def test_jumps_come_back_after_the_lag():
    result = run("x = 0; x' = 0; E: at time >= 1: x = 2; y := delay(x, 1.5)")
    assert result["y"] == pytest.approx(np.where(T >= 2.5 - 1e-9, 2.0, 0.0), abs=1e-14)


def test_events_can_assign_delayed_values():
    result = run("x = 0; x' = 1; y = 0; y' = 0; E: at time >= 3: y = delay(x, 1)")
    assert result["y"][-1] == pytest.approx(2.0)


def test_negative_lags_are_refused():
    with pytest.raises(ms.SimulationError, match="cannot be negative"):
        run("x = 1; x' = 1; y := delay(x, time - 2)")


def algebraic(rate: str, rule, values):
    from manyscale.model.parse import parse

    model = ms.read(f"model m()\nx = 1; z = {values}; x' = {rate}\nend\n")
    from dataclasses import replace

    from manyscale.model.parts import Rule

    parameters = tuple(replace(p, constant=False) for p in model.parameters)
    return model.replace(parameters=parameters, rules=(*model.rules, Rule("algebraic", parse(rule))))


def test_algebraic_equations_are_solved_with_the_differential_ones():
    model = algebraic("-z", "z^3 + z - x", 0.5)
    result = ms.simulate(model, T, rtol=1e-9)
    assert result["z"] ** 3 + result["z"] == pytest.approx(result["x"], rel=1e-8)
    assert np.gradient(result["x"], T)[1:-1] == pytest.approx(-result["z"][1:-1], rel=2e-3)


def test_inconsistent_starts_are_made_consistent():
    assert ms.simulate(algebraic("0*x", "z^3 + z - 2", 7.0), T)["z"] == pytest.approx(1.0)


def test_algebraic_equations_without_solution_are_named():
    with pytest.raises(ms.SimulationError, match="algebraic equation of 'z' has no solution"):
        ms.simulate(algebraic("0*x", "z^2 + 1", 0.5), T)


def test_fast_reactions_stay_at_the_equilibrium_they_lead_to():
    from dataclasses import replace

    model = ms.read(
        "model m()\ncompartment c = 1; species A in c = 10, B in c = 0\nf: A -> B; 2*A - B\ns: B -> ; 0.3*B\nend\n"
    )
    model = model.replace(reactions=tuple(replace(r, fast=r.id == "f") for r in model.reactions))
    result = ms.simulate(model, T, rtol=1e-9)
    assert result["B"] == pytest.approx(20 / 3 * np.exp(-0.2 * T), rel=1e-7)
    assert result["A"] == pytest.approx(result["B"] / 2, rel=1e-7)
