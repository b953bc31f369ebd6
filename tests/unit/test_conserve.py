"""Claims about the bridge that replaces differential equations by conserved totals."""

import dataclasses
from fractions import Fraction

import numpy as np
import pytest

import manyscale as ms
from manyscale.bridges.certificate import Refusal
from manyscale.bridges.exact import conserve
from manyscale.bridges.norm import compare
from manyscale.kernels import compile_model
from manyscale.model.printing import infix
from manyscale.scales import measure, resolve

ENZYME = {
    "species": {"S": "10 uM", "E": "1 uM", "C": 0.0, "P": 0.0},
    "parameters": {"kf": "10 1/(uM s)", "kr": "10 1/s", "kcat": "10 1/s"},
    "reactions": ["b: S + E <-> C; kf*S*E - kr*C", "c: C -> E + P; kcat*C"],
}


def attempt(model, **question):
    asked = resolve(model, ms.Question(**question))
    return conserve.attempt(model, measure(model, asked), asked)


def enzyme(**changes):
    fields = {**ENZYME, **changes}
    fields["species"] = {k: f"{v} uM" if isinstance(v, float) else v for k, v in fields["species"].items()}
    return ms.model("enzyme", **fields)


def test_an_enzyme_has_two_totals_and_two_equations():
    bridge = attempt(enzyme())
    assert compile_model(bridge.coarse).system.states == ("S", "C")
    assert bridge.eliminated == ("P", "E") or set(bridge.eliminated) == {"P", "E"}
    assert bridge.certificate.tier == "exact"
    assert {infix(bridge.restrict[id]) for id in bridge.restrict if id.startswith("T_")} == {"E + C", "S + C + P"}
    totals = {k.name: k for k in bridge.coarse.parameters if k.id.startswith("T_")}
    assert {k.value for k in totals.values()} == {1.0, 10.0}
    assert all(k.units and k.constant for k in totals.values())


def test_totals_have_the_unit_of_what_they_add_up_and_units_still_agree():
    model = enzyme()
    bridge = attempt(model)
    assert not ms.check(bridge.coarse)
    from manyscale.units import check_units

    assert check_units(bridge.coarse).ok


def test_the_end_product_is_computed_and_not_what_rates_depend_on():
    assert "S" not in attempt(enzyme()).eliminated


def test_initial_values_and_totals_of_other_starts_are_carried_over():
    bridge = attempt(enzyme())
    values = bridge.carry({"E": 3.0, "C": 0.5, "kcat": 2.0})
    totals = sorted(values[k] for k in values if k.startswith("T_"))
    assert totals == [3.5, 10.5]
    assert (values["C"], values["kcat"]) == (0.5, 2.0) and "E" not in values


def test_amounts_and_concentrations_in_several_compartments_are_told_apart():
    model = ms.model(
        "transport", species={"A": "4 in big", "B": "1 in small"}, compartments={"big": 10, "small": 2},
        parameters={"k": 1, "back": 0.5}, reactions=["go: A -> B; k*A*big - back*B*small"], rates="amount",
    )  # fmt: skip
    bridge = attempt(model)
    total = next(k for k in bridge.coarse.parameters if k.id.startswith("T_"))
    assert total.value == pytest.approx(42.0)
    assert compare(bridge, resolve(model), {"A": 1.0, "B": 7.0}).worst < 1e-6


def test_conversion_factors_are_honoured():
    model = ms.model("converted", species={"A": 4, "B": 1}, parameters={"k": 1, "back": 2, "cf": 3},
                     reactions=["go: A -> B; k*A - back*B"])  # fmt: skip
    species = tuple(dataclasses.replace(s, conversion_factor="cf" if s.id == "B" else None) for s in model.species)
    bridge = attempt(model.replace(species=species))
    assert len(bridge.eliminated) == 1
    assert compare(bridge, resolve(bridge.fine), {"A": 2.0, "B": 9.0, "cf": 5.0}).worst < 1e-6


def test_amounts_in_a_growing_compartment_are_conserved():
    model = ms.model(
        "growing", species={"A": 4, "B": 1}, compartments={"cell": 1}, parameters={"k": 1, "back": 2, "mu": 0.1},
        reactions=["go: A -> B; (k*A - back*B)"], rules=["cell' = mu*cell"],
    )  # fmt: skip
    bridge = attempt(model, horizon=10)
    assert len(bridge.eliminated) == 1
    assert compare(bridge, resolve(model, ms.Question(horizon=10))).worst < 1e-6


def test_stoichiometries_other_than_one_weigh_the_sum():
    model = ms.model(
        "dimer", species={"M": 10, "D": 0}, parameters={"k": 1, "r": 1}, reactions=["d: 2 M <-> D; k*M^2 - r*D"]
    )
    bridge = attempt(model)
    (total,) = [id for id in bridge.restrict if id.startswith("T_")]
    assert infix(bridge.restrict[total]) == "M + 2*D"
    assert bridge.certificate.recipe["laws"][total] == {"M": str(Fraction(1)), "D": str(Fraction(2))}


def test_species_that_events_set_are_in_no_law():
    model = ms.model("pulsed", species={"A": 4, "B": 1}, parameters={"k": 1}, reactions=["go: A -> B; k*A"],
                     events=["at time > 1: A = 4"])  # fmt: skip
    found = attempt(model)
    assert isinstance(found, Refusal) and found.name == "conserve" and "conserved" in found.reason


def test_species_that_rules_change_are_in_no_law():
    model = ms.model("ruled", species={"A": 4, "B": "1 fixed"}, parameters={"k": 1}, rules=["A' = -k*A"])
    assert isinstance(attempt(model), Refusal)


def test_initial_assignments_do_not_run_in_circles():
    model = enzyme(species={"S": 10.0, "E": 1.0, "C": "= 0.1*E", "P": 0.0})
    bridge = attempt(model)
    assert compare(bridge, resolve(model), {"E": 2.0}).worst < 1e-6


def test_ids_of_totals_do_not_collide_and_do_not_depend_on_names_of_other_things():
    model = enzyme(parameters={**ENZYME["parameters"], "T_E": "5 1/s", "T_S": "1 1/s"})
    bridge = attempt(model)
    new = {k.id for k in bridge.coarse.parameters} - {k.id for k in model.parameters}
    assert len(new) == 2 and not new & set(model.by_id)
    assert compile_model(bridge.coarse).initial()[0] == pytest.approx([10.0, 0.0])


@pytest.mark.parametrize("id", [9, 26, 61, 175])
def test_published_models_lose_their_totals_and_nothing_else(corpora, id):
    model = ms.read(corpora / "biomodels" / f"BIOMD{id:010d}.xml")
    question = resolve(model)
    bridge = conserve.attempt(model, measure(model, question), question)
    assert compare(bridge, question).worst < 1e-6
    assert len(ms.check(bridge.coarse)) == len(ms.check(model))


def test_the_claim_is_a_sentence_that_names_the_totals():
    certificate = attempt(enzyme()).certificate
    assert certificate.claim.endswith("no error is made.")
    assert "E + C" in certificate.claim
    assert {a.status for a in certificate.assumptions} == {"proved", "checked"}
    assert len(certificate.source_hash) == 64 and np.isfinite(certificate.error.bound)
