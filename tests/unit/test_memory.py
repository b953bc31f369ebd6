"""Stable states of a circuit in an unburdened cell and in one that feels it."""

from __future__ import annotations

import pytest

import manyscale as ms
from manyscale.circuits import parts
from manyscale.circuits.memory import memory


def toggle(first: float, second: float):
    """Two repressors with Hill laws (K = 5000 nM, n = 2); the second is degraded ten times as fast as the first."""
    return ms.model(
        "toggle", species={"U": "100 nM", "V": "0 nM"},
        parameters={"make_first": f"{first * 2.1:.6g} nM/s", "make_second": f"{second * 21:.6g} nM/s", "K": "5000 nM", "n": "2",
                    "slow": "4.2e-4 1/s", "fast": "4.2e-3 1/s"},
        reactions=["make_U: -> U; make_first/(1 + (V/K)^n)", "make_V: -> V; make_second/(1 + (U/K)^n)",
                   "lose_U: U -> ; slow*U", "lose_V: V -> ; fast*V"],
    )  # fmt: skip


def test_growth_feedback_destroys_bistability():
    found = memory(toggle(4.0, 4.0))
    assert len(found.held) == len(found.competition) == 2 and len(found.host) == 1
    assert found.verdict.startswith("growth feedback destroys")


def test_growth_feedback_creates_bistability():
    found = memory(toggle(4.0, 6.0))
    assert len(found.held) == len(found.competition) == 1 and len(found.host) == 2
    assert found.verdict.startswith("growth feedback creates")
    assert found.growth[0] < 0.8 * found.growth[1]  # two states, two growth rates


def test_states_are_kept_after_a_push():
    found = memory(toggle(4.0, 6.0))
    for state in found.states:
        free = [s.id for s in found.model.species if not s.constant]
        run = ms.simulate(found.model, [0.0, 4000.0], values={id: 1.05 * state[id] for id in free})
        for id in free:
            assert run[id][-1] == pytest.approx(state[id], rel=1e-3)


def test_held_states_are_those_of_the_circuit_alone():
    """With the feedback cut, the toggle has the steady states of its own model, in molecules."""
    circuit = toggle(4.0, 4.0)
    found = memory(circuit)
    for high in ("U", "V"):
        alone = ms.steady_state(circuit, {"U": 0.0, "V": 0.0, high: 3e4})
        molecules = {id: alone[id] * 0.602214076 for id in ("U", "V")}
        assert any(all(s[id] == pytest.approx(x, rel=1e-6) for id, x in molecules.items()) for s in found.held)


def test_explicit_binding_keeps_both_states_of_the_toggle_part():
    found = memory(parts.toggle())
    assert len(found.held) == len(found.host) == 2
    low, high = found.host
    assert low["U"] == pytest.approx(high["V"], rel=1e-6)
    assert found.to_dict()["verdict"] == found.verdict


def test_bad_input_is_told():
    with pytest.raises(ms.InputError, match="positive"):
        memory(toggle(4.0, 4.0), expression=0.0)
    with pytest.raises(ms.InputError, match="as a model"):
        memory({"gfp": 1.0})


def test_an_interrupted_search_keeps_what_it_found():
    def stop(share):
        if share > 0.5:
            raise KeyboardInterrupt

    found = memory(toggle(4.0, 4.0), progress=stop)
    assert found.stopped == "interrupted" and found.verdict.startswith("interrupted")
    assert len(found.held) == 2 and not found.host and found.to_dict()["stopped"]
