"""What a report draws, from a chain that was made by hand."""

from __future__ import annotations

import numpy as np
import pytest

import manyscale as ms
from manyscale.bridges.bridge import Bridge, Chain
from manyscale.bridges.certificate import Certificate
from manyscale.errors import InputError
from manyscale.model.parse import parse
from manyscale.study import drawing, runs
from manyscale.study.labels import labels
from manyscale.study.values import with_values

RATES = {"k_on": "10 1/(uM s)", "k_off": "10 1/s", "k_cat": "10 1/s", "E_T": "0.01 uM"}


def models():
    """An enzyme, the same without its conserved enzyme, and the Michaelis-Menten model."""
    reactions = ["bind: S + E <-> C; k_on*S*E - k_off*C", "turn: C -> P + E; k_cat*C"]
    fine = ms.model("enzyme", species={"S": "10 uM", "E": "0.01 uM", "C": "0 uM", "P": "0 uM"}, parameters=RATES,
                    reactions=reactions)  # fmt: skip
    fewer = ms.model("enzyme", species={"S": "10 uM", "E": "0 uM", "C": "0 uM", "P": "0 uM"}, parameters=RATES,
                     reactions=["bind: S <-> C; k_on*S*E - k_off*C", "turn: C -> P; k_cat*C"], rules=["E = E_T - C"])  # fmt: skip
    small = ms.model(
        "enzyme", species={"S": "10 uM", "E": "0 uM", "C": "0 uM", "P": "0 uM"},
        parameters={"k_cat": "10 1/s", "E_T": "0.01 uM", "K_m": "2 uM"}, reactions=["turn: S -> P; k_cat*C"],
        rules=["E = E_T - C", "C = E_T*S/(K_m + S)"],
    )  # fmt: skip
    return fine, fewer, small


@pytest.fixture(scope="module")
def chain() -> Chain:
    fine, fewer, small = models()
    exact = Bridge("conserve", fine, fewer, {"E_T": parse("E + C")}, {"E": parse("E_T - C")}, Certificate("exact", "x"),
                   eliminated=("E",))  # fmt: skip
    fast = Bridge("quasi_steady", fewer, small, {}, {"C": parse("E_T*S/(K_m + S)")}, Certificate("estimated", "y"),
                  parameters={"K_m": parse("(k_off + k_cat)/k_on")}, eliminated=("C",), layer_species=("C",), layer_time=0.05)  # fmt: skip
    return Chain(fine, (exact, fast))


def test_trajectories_pair_full_and_small_model_and_mark_what_was_eliminated(chain):
    found = runs.trajectories(chain, chain.coarse, ["S", "E", "C", "P"], 200.0, labels(chain.fine))
    series = {one["id"]: one for one in found["series"]}
    assert set(series) == {"S", "E", "C", "P"} and series["C"]["eliminated"] and not series["P"]["eliminated"]
    for id, scale in (("S", 10.0), ("P", 10.0)):
        apart = np.array(series[id]["fine"]) - np.array(series[id]["coarse"])
        assert np.abs(apart).max() < 0.01 * scale
    late = np.array(found["times"]) > 0.5
    apart = (np.array(series["C"]["fine"]) - np.array(series["C"]["coarse"]))[late]
    assert np.abs(apart).max() < 0.01 * 0.01
    assert found["ylabel"] == "value (µM)" and found["layer_time"] == 0.05
    assert min(t for t in found["times"] if t > 0) < 0.05


def test_what_is_only_rounding_is_drawn_as_zero():
    model = ms.read("S -> P; k*S; -> A; 1e-20*sin(time); S = 10; P = 0; A = 0; k = 1")
    found = runs.trajectories(ms.Chain(model), model, ["S", "P", "A"], 20.0, {})
    drawn = {one["id"]: one["fine"] for one in found["series"]}
    assert set(drawn["A"]) == {0.0} and drawn["P"][-1] == pytest.approx(10.0)
    assert [one["id"] for one in found["series"]][-1] == "A"


def test_many_observables_are_cut_and_counted(chain, monkeypatch):
    monkeypatch.setattr(runs, "MOST_SERIES", 2)
    found = runs.trajectories(chain, chain.coarse, ["S", "E", "C", "P"], 20.0, {})
    assert len(found["series"]) == 2 and found["omitted"] == 2


def test_phase_picture_shows_other_starts_falling_onto_the_small_model(chain):
    found = runs.phase(chain, chain.coarse, 200.0, labels(chain.fine))
    assert found["fast"] == "C" and found["slow"] in ("S", "P")
    assert len(found["others"]) >= 3
    for one in found["others"]:
        s = np.array(one["x"]) if found["slow"] == "S" else 10.0 - np.array(one["x"])
        law = 0.01 * s / (2.0 + s)
        far = np.abs(np.array(one["y"]) - law)
        assert far[0] > 20 * far[-1]


def test_nothing_is_drawn_of_a_phase_without_fast_species(chain):
    assert runs.phase(Chain(chain.fine), chain.fine, 10.0, {}) is None
    assert runs.phase(Chain(chain.fine, chain.bridges[:1]), chain.bridges[0].coarse, 10.0, {}) is None


def test_network_says_what_became_of_each_species(chain):
    found = drawing.network(chain.fine, chain)
    assert {one["id"]: one["state"] for one in found["species"]} == {
        "S": "kept",
        "E": "conserved",
        "C": "eliminated",
        "P": "kept",
    }
    assert {one["id"]: one["kept"] for one in found["reactions"]} == {"bind": False, "turn": True}
    assert "S + E ⇌ C" in found["reactions"][0]["text"] or "S + E → C" in found["reactions"][0]["text"]


def test_equations_totals_and_parameters_are_read_off_the_chain(chain):
    found = drawing.equations(chain.coarse)
    assert {one["id"] for one in found["states"]} == {"S", "P"} and {one["id"] for one in found["rules"]} == {"E", "C"}
    assert [(one["id"], one["value"]) for one in drawing.parameter_map(chain, {})] == [("K_m", pytest.approx(2.0))]


def test_units_are_written_as_people_write_them():
    found = labels(models()[0])
    assert found["time"] == "s" and found["S"] == "µM" and found["k_on"] == "µM⁻¹ s⁻¹" and found["k_off"] == "s⁻¹"


def test_changed_values_replace_the_old_ones_and_impossible_ones_are_refused():
    fine, _, small = models()
    new = with_values(fine, {"S": 5.0, "k_cat": 3.0})
    assert ms.simulate(new, [0.0, 1.0])["S"][0] == 5.0 and new["k_cat"].value == 3.0
    assert with_values(fine, None) is fine
    for wrong in ({"Sx": 1.0}, {"S": float("nan")}):
        with pytest.raises(InputError):
            with_values(fine, wrong)
    with pytest.raises(InputError):
        with_values(small, {"C": 1.0})
