"""Event semantics of SBML Level 3, each rule on the smallest model that shows it."""

from __future__ import annotations

import numpy as np
import pytest

import manyscale as ms

T = np.linspace(0, 10, 11)


def run(text: str, times=T, **options):
    return ms.simulate(f"model m()\n{text}\nend\n", times, **options)


def test_the_value_at_the_time_of_an_event_is_the_one_after_it():
    x = run("x = 1; x' = 0; E: at time >= 3: x = 5")["x"]
    assert x.tolist() == [1, 1, 1, 5, 5, 5, 5, 5, 5, 5, 5]


def test_a_strict_trigger_acts_just_after_the_time():
    x = run("x = 1; x' = 0; E: at time > 3: x = 5")["x"]
    assert x.tolist() == [1, 1, 1, 1, 5, 5, 5, 5, 5, 5, 5]


def test_a_trigger_true_at_the_start_acts_there_only_if_it_was_false_before():
    assert run("x = 1; x' = 0; E: at time >= 0, t0=false: x = 5")["x"][0] == 5
    assert run("x = 1; x' = 0; E: at time >= 0, t0=true: x = 5")["x"][-1] == 1


def test_state_triggers_are_located_to_rounding():
    result = run("x = 0; x' = 1; y = 0; y' = 0; E: at x > 3.7: y = time")
    assert result["y"][-1] == pytest.approx(3.7, abs=1e-12)


def test_a_delay_puts_the_execution_off_and_values_are_those_of_the_trigger():
    text = "x = 0; x' = 1; y = 0; y' = 0; E: at 2 after time >= 3, fromTrigger={}: y = x"
    assert run(text.format("true"))["y"] == pytest.approx([0, 0, 0, 0, 0, 3, 3, 3, 3, 3, 3])
    assert run(text.format("false"))["y"][-1] == pytest.approx(5.0)


def test_an_event_that_is_not_persistent_is_called_off():
    text = "x = 0; x' = 0; E: at 2 after time >= 3 && time < 4, persistent={}: x = 1"
    assert run(text.format("true"))["x"][-1] == 1
    assert run(text.format("false"))["x"][-1] == 0


def test_several_executions_of_one_event_can_be_pending():
    text = "s = 0; n = 0; n' = 0; s' = 1; R: at s > 1: s = 0; E: at 5 after s > 0.5, fromTrigger=false: n = n + 1"
    assert run(text)["n"][-1] == 5


def test_simultaneous_events_follow_their_priorities():
    text = "x = 0; x' = 0; A: at time >= 3, priority=1, fromTrigger=false: x = 10*x + 1; B: at time >= 3, priority=2, fromTrigger=false: x = 10*x + 2"
    assert run(text, seed=1)["x"][-1] == 21


def test_priorities_are_looked_at_anew_after_each_execution():
    text = """x = 0; x' = 0; p = 2; p' = 0
    A: at time >= 3, priority=3, fromTrigger=false: x = 10*x + 1, p = 0
    B: at time >= 3, priority=1, fromTrigger=false: x = 10*x + 2
    C: at time >= 3, priority=p, fromTrigger=false: x = 10*x + 3"""
    assert run(text)["x"][-1] == 123


def test_ties_are_drawn_from_the_seed():
    text = "x = 0; x' = 0; A: at time >= 3, priority=1, fromTrigger=false: x = 10*x + 1; B: at time >= 3, priority=1, fromTrigger=false: x = 10*x + 2"
    ends = [run(text, seed=seed)["x"][-1] for seed in range(20)]
    assert set(ends) == {12, 21}
    assert ends == [run(text, seed=seed)["x"][-1] for seed in range(20)]


def test_events_trigger_events():
    text = "x = 0; x' = 0; y = 0; y' = 0; A: at time >= 3: x = 1; B: at x > 0.5: y = 2"
    assert run(text)["y"].tolist() == [0, 0, 0, 2, 2, 2, 2, 2, 2, 2, 2]


def test_an_event_that_feeds_itself_for_ever_is_an_error_that_names_it():
    text = "x = 0; x' = 0; A: at time >= 3 && x < 0.5: x = 1; B: at x > 0.5: x = 0; C: at x < 0.5 && time >= 3: x = 1"
    with pytest.raises(ms.SimulationError, match="without end at t = 3") as caught:
        run(text)
    assert caught.value.partial.times.tolist() == [0, 1, 2]


def test_a_compartment_that_an_event_resizes_keeps_amounts():
    result = run("compartment C = 2; species S in C = 4; S has C; E: at time >= 3: C = 4".replace("S has C;", ""))
    assert result["S"][[0, -1]].tolist() == [4, 2]
    assert result.amount("S")[[0, -1]].tolist() == [8, 8]


def test_assignments_of_one_event_use_the_values_before_it():
    result = run("x = 1; y = 2; x' = 0; y' = 0; E: at time >= 3: x = y, y = x")
    assert (result["x"][-1], result["y"][-1]) == (2, 1)


def test_parameters_set_by_events_change_the_equations_and_are_reported():
    result = run("k = 0; x = 0; x' = k; E: at time >= 4: k = 2")
    assert result["x"][-1] == pytest.approx(12.0)
    assert result["k"].tolist() == [0, 0, 0, 0, 2, 2, 2, 2, 2, 2, 2]


def test_executions_are_listed():
    assert run("x = 0; x' = 0; E: at time >= 2.5: x = 1").events == ((2.5, "E"),)


def test_short_pulses_between_output_times_are_not_jumped_over():
    text = "x = 0; k := piecewise(1000, time >= 5.5 && time < 5.501, 0); x' = k"
    assert run(text)["x"][-1] == pytest.approx(1.0, rel=1e-9)


def test_sawtooth_and_floor_are_followed():
    assert run("x = 0; x' = floor(time)", [0, 9.5])["x"][-1] == pytest.approx(40.5, rel=1e-9)


def test_frequent_switches_are_not_jumped_over_where_nothing_else_limits_the_step():
    text = "n = 0; n' = 0; E: at sin(5*time) > 0.99: n = n + 1"
    assert run(text, np.linspace(0, 100, 201))["n"][-1] == 80
    assert run("n = 0; n' = 0; E: at floor(time) > n: n = n + 1", [0, 20.5])["n"][-1] == 20
