"""Claims about derived questions: observables, horizon, box."""

import numpy as np
import pytest

import manyscale as ms
from manyscale.scales import describe, resolve


def decay(**changes):
    fields = {"species": {"A": "8 uM"}, "parameters": {"k": "0.5 1/s"}, "reactions": ["decay: A -> ; k*A"]}
    return ms.model("decay", **{**fields, **changes})


def test_all_changing_species_are_observables_unless_named():
    model = decay(species={"A": 8, "B": "3 fixed"}, parameters={"k": 0.5})
    assert resolve(model).observables == ("A",)
    assert resolve(model, ms.Question(observables=["B"])).observables == ("B",)


def test_unknown_observable_is_refused_with_near_matches():
    with pytest.raises(ms.InputError, match="did you mean A"):
        resolve(decay(), ms.Question(observables=["AA"]))


def test_horizon_with_a_unit_is_converted_to_the_models_time():
    assert resolve(decay(), ms.Question(horizon="2 min")).horizon == pytest.approx(120.0)
    assert resolve(decay(), ms.Question(horizon=7)).horizon == 7.0


@pytest.mark.parametrize("bad", [0, -1, float("nan"), float("inf"), "0 s", "ten", "3 uM"])
def test_impossible_horizons_are_refused(bad):
    with pytest.raises(ms.InputError):
        resolve(decay(), ms.Question(horizon=bad))


@pytest.mark.parametrize(("field", "value"), [("tolerance", 0), ("tolerance", 2), ("entry", 1.5), ("region", 0.5)])
def test_impossible_tolerances_and_regions_are_refused(field, value):
    with pytest.raises(ms.InputError, match=field):
        resolve(decay(), ms.Question(**{field: value}))


def test_derived_horizon_is_five_relaxations_of_the_slowest_mode():
    question = resolve(decay())
    assert question.horizon == pytest.approx(10.0, rel=0.05)
    assert any("Horizon" in text for text in question.remarks)
    assert "observables" in describe(question).lower()


def test_derived_horizon_sees_the_rate_change_along_the_trajectory():
    # saturated at first: d(v)/dS = Vmax*Km/(Km + S)^2 = 1e-4, but S is gone after about 100 time units
    model = ms.model(
        "saturated", species={"S": 100}, parameters={"V": 1, "K": 1}, reactions=["use: S -> ; V*S/(K + S)"]
    )
    assert 80 < resolve(model).horizon < 200


def test_models_in_which_nothing_relaxes_get_a_horizon_and_say_so():
    rising = ms.model("rising", species={"A": 1}, parameters={"k": 2}, reactions=["make: -> A; k"])
    question = resolve(rising)
    assert np.isfinite(question.horizon) and question.horizon > 0
    assert any("No mode relaxes" in text for text in question.remarks)


def test_box_is_a_factor_two_around_positive_initial_values_and_rate_constants():
    assert resolve(decay()).box == {"A": (4.0, 16.0), "k": (0.25, 1.0)}


def test_zeros_exponents_sizes_and_switching_values_stay_fixed():
    model = ms.model(
        "held",
        species={"A": 0, "B": 2},
        compartments={"cell": 3},
        parameters={"k": 1, "n": 2, "K": 5, "pulse": 4, "width": 2, "low": 0.1, "stim": 1, "zero": 0, "neg": -1},
        reactions=[
            "make: -> A; k*B^n/(K^n + B^n) + zero + 0*neg",
            "drop: A -> ; k*A*piecewise(1, time < pulse + width, 2)",
        ],
        events=["at B < low: stim = 0"],
        rules=["B' = -k*B*stim"],
    )
    assert set(resolve(model).box) == {"B", "k", "K"}


def test_initial_assignments_stay_derived():
    model = ms.model(
        "derived", species={"A": 1, "B": 2}, parameters={"k": 1, "f": "= 3*k"}, reactions=["turn: A -> B; k*f*A"]
    )
    assert "f" not in resolve(model).box


def test_region_by_id_takes_factors_and_quantities():
    question = resolve(decay(), ms.Question(region={"A": ("1 uM", "4 uM"), "k": (0.5, 4)}))
    assert question.box == {"A": pytest.approx((1.0, 4.0)), "k": pytest.approx((0.25, 2.0))}


@pytest.mark.parametrize(
    "region", [{"A": ("1 s", "2 s")}, {"X": (1, 2)}, {"A": (2, 1)}, {"A": (1,)}, {"decay": (1, 2)}]
)
def test_impossible_regions_are_refused(region):
    with pytest.raises(ms.InputError):
        resolve(decay(), ms.Question(region=region))


def test_models_in_which_nothing_changes_still_get_a_question_and_scales():
    from manyscale.scales import measure

    still = ms.model("still", species={"A": 1}, parameters={"k": 1})
    question = resolve(still)
    assert question.observables == ("A",) and question.horizon > 0
    assert measure(still, question).dimension == {"full": 0, "conserved": 0}
    switched = ms.model("switched", parameters={"k": 1}, events=["at time > 1: k = 2"])
    assert resolve(switched).observables == ("k",)


def test_what_algebraic_rules_determine_is_not_in_the_box():
    import dataclasses

    model = ms.model(
        "bound", species={"A": 1, "B": 3}, parameters={"k": 1}, reactions=["d: A -> ; k*A"], rules=["0 = A + B - 4"]
    )
    species = tuple(dataclasses.replace(s, boundary=s.id == "B") for s in model.species)
    assert set(resolve(model.replace(species=species)).box) == {"A", "k"}
