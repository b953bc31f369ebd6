"""Models written by hand read like the paper, are coherent, and every mistake is said with its line."""

from __future__ import annotations

import math

import pytest

import manyscale as ms
from manyscale.errors import InputError, UnitsError
from manyscale.model import laws
from manyscale.model.check import check
from manyscale.model.expr import Symbol
from manyscale.model.parse import parse
from manyscale.units import check_units

ENZYME = {
    "species": {"S": "10 uM", "E": "1 uM", "ES": "0 uM", "P": "0 uM"},
    "parameters": {"kf": "1e6 1/(M s)", "kr": "60 1/min", "kcat": "0.1 1/s"},
    "reactions": ["bind: S + E <-> ES; kf*S*E - kr*ES", "turn: ES -> E + P; kcat*ES"],
}


def test_the_enzyme_of_michaelis_and_menten():
    model = ms.model("Michaelis-Menten", **ENZYME)
    assert model.id == "Michaelis_Menten" and model.name == "Michaelis-Menten"
    assert [s.id for s in model.species] == ["S", "E", "ES", "P"]
    assert model["bind"].rate == parse("cell*(kf*S*E - kr*ES)")
    assert [p.species for p in model["bind"].reactants] == ["S", "E"]
    assert model["bind"].reversible and not model["turn"].reversible
    assert check(model) == [] and check_units(model).ok is True


def test_quantities_are_converted_to_the_units_of_the_model():
    model = ms.model("m", **ENZYME)
    assert model["kf"].value == 1.0 and model["kr"].value == 1.0  # 1/(uM s), 1/s
    assert (model.time_units, model.substance_units, model.volume_units) == ("second", "umol", "litre")
    minutes = ms.model("m", **ENZYME, time="min", substance="nmol")
    assert minutes["kr"].value == 60.0 and minutes["S"].initial == 10_000.0
    assert minutes["kf"].value == pytest.approx(0.06)
    assert check_units(minutes).ok is True


def test_the_same_model_in_other_units_has_the_same_course():
    kernels = pytest.importorskip("manyscale.kernels")
    slopes = []
    for time, substance, scale in (("s", "umol", 1.0), ("min", "nmol", 60.0 * 1000)):
        model = ms.model("m", **ENZYME, time=time, substance=substance)
        kernel = kernels.compile_model(model)
        y, p = kernel.initial(None)
        slopes.append(kernel.rhs(0.0, y, p) / scale)
    assert slopes[0] == pytest.approx(slopes[1], rel=1e-12)


def test_molecules_make_amounts_and_laws_among_them_stay_as_they_are():
    model = ms.model(
        "birth and death", species={"X": "5 molecules"}, parameters={"k": "10 molecules/s", "g": "1 1/s"},
        reactions=["-> X; k", "X -> ; g*X"],
    )  # fmt: skip
    assert model["X"].only_substance and model["X"].initial_kind == "amount"
    assert model["v1"].rate == Symbol("k")
    assert check_units(model).ok is True


def test_moles_become_molecules_where_the_model_counts_molecules():
    model = ms.model(
        "binding", species={"A": "100 molecules/fL", "B": "0 molecules/fL"}, parameters={"k": "1e6 1/(M s)"},
        reactions=["A + A -> B; k*A^2"], compartments={"cell": "1 fL"},
    )  # fmt: skip
    assert model["k"].value == pytest.approx(1e6 / 6.02214076e23 / 1e-15)
    assert check_units(model).ok is True


def test_compartments_rules_events_and_functions():
    model = ms.model(
        "transport", compartments={"cell": "1 pL", "nucleus": "0.1 pL"},
        species={"A": "1 uM in cell", "B": "0 uM in nucleus", "C": "2 uM in nucleus fixed", "D": "= A/2 in nucleus"},
        parameters={"k": "1 1/s", "Km": "1 uM"},
        reactions=["in1 in cell: A -> B; k*f(A)", "B -> ; k*B"],
        rules=["total = A*cell + B*nucleus", "share = A/(A + Km)"],
        events=["pulse: at time > 10 after 5 priority 2: k = 0, A = A + Km", "at A < Km: k = k/2"],
        functions={"f(x)": "2*x"},
    )  # fmt: skip
    assert model["in1"].rate == parse("cell*k*f(A)", functions=["f"])
    assert model["v2"].rate == parse("nucleus*k*B")
    assert model["C"].boundary and model["C"].constant
    assert model["D"].compartment == "nucleus" and model.initial_assignments[0].formula == parse("A/2")
    event = model["pulse"]
    assert event.delay == parse("5") and event.priority == parse("2")
    assert dict(event.assignments) == {"k": parse("0"), "A": parse("A + Km")}
    assert not model["k"].constant and not model["total"].constant
    assert model["nucleus"].size == pytest.approx(1e-13)
    assert model["total"].units == "umol" and model["share"].units == "dimensionless"


def test_rate_rules_and_algebraic_rules():
    model = ms.model("ode", parameters={"x": 1.0, "k": 2.0, "z": 0.0}, rules=["x' = -k*x", "0 = x + z - 1"])
    assert [(r.kind, r.variable) for r in model.rules] == [("rate", "x"), ("algebraic", None)]
    assert not model["x"].constant


def test_initial_values_can_be_formulas():
    model = ms.model(
        "m", species={"A": "= 2*K"}, parameters={"K": "1 uM"}, reactions=["A -> ; A/tau"], rules=["tau = 1"]
    )
    assert model.initial_assignments[0].formula == parse("2*K")
    assert model["A"].initial is None


def test_models_without_units_stay_without_units():
    model = ms.model("bare", species={"A": 1, "B": 0}, parameters={"k": 2}, reactions=["2 A -> 0.5 B; k*A^2"])
    assert model.time_units is None and model.units == ()
    assert check_units(model).ok is None
    assert [p.stoichiometry for p in (*model["v1"].reactants, *model["v1"].products)] == [2.0, 0.5]


def test_rates_can_be_amounts_per_time():
    model = ms.model("m", species={"A": "1 uM"}, parameters={"k": "1 umol/s"}, reactions=["A -> ; k"], rates="amount")
    assert model["v1"].rate == Symbol("k")


def test_modifiers_are_found_in_the_law():
    model = ms.model("m", species={"A": 1, "E": 1}, parameters={"k": 1}, reactions=["A -> ; k*E*A"])
    assert model["v1"].modifiers == ("E",)


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"species": {"S": "10 V"}}, "species S: 10 V is neither an amount nor a concentration"),
        ({"species": {"S": "ten"}}, "species S: 'ten' is not a quantity"),
        ({"reactions": ["S -> P; k"]}, r"reaction 1 \('S -> P; k'\): 'S' is not among the species"),
        ({"species": {"Sub": 1}, "reactions": ["Sub2 -> ; 1"]}, "did you mean Sub"),
        ({"species": {"S": 1}, "reactions": ["S -> ; k*S"]}, "reaction v1: 'k' is not defined"),
        ({"species": {"S": 1}, "reactions": ["S -> ; S)"]}, r"reaction 1 .*unexpected '\)'"),
        ({"species": {"S": 1}, "reactions": ["S -> "]}, "there is no rate law"),
        ({"species": {"S": 1}, "reactions": ["S; 1"]}, "one arrow"),
        ({"species": {"S": 1}, "reactions": ["2 -> S; 1"]}, "not a species with a stoichiometry"),
        ({"rules": ["x == 2"]}, "rule 1 .*write 'X = formula'"),
        ({"events": ["time > 1: k = 0"]}, "event 1 .*write for example"),
        ({"parameters": {"k": 1}, "events": ["at time > 1: k' = 0"]}, "is not an assignment"),
        ({"species": {"S": 1}, "rates": "both"}, "write 'concentration' or 'amount'"),
        ({"compartments": {"a": 1, "b": 1}, "species": {"S": 1}}, "say in which compartment"),
        ({"species": {"S": "1 in b"}}, "'b' is not defined"),
        ({"parameters": {"a": 1, "b": 1}, "rules": ["a = b", "b = a"]}, "depend on each other"),
        ({"species": {"S": -1}}, "initial concentration is -1"),
        ({"functions": {"f": "x"}}, "write for example functions"),
        ({"rules": "x = 2"}, "are a list of texts"),
        ({"compartments": {"cell": -1}, "species": {}}, "give a positive size"),
    ],
)  # fmt: skip
def test_mistakes_are_said_with_their_line(parts, words):
    with pytest.raises(InputError, match=words):
        ms.model("m", **parts)


def test_all_mistakes_are_said_at_once():
    with pytest.raises(InputError, match="has 3 faults") as caught:
        ms.model("m", species={"S": -1}, parameters={"k": math.nan}, reactions=["S -> ; q*S"])
    assert len(str(caught.value).splitlines()) == 4


def test_units_that_disagree_are_refused_with_found_and_expected():
    with pytest.raises(UnitsError, match=r"uM\^2|umol\^2.*expected"):
        ms.model("m", species={"S": "1 uM"}, parameters={"k": "1 uM/s"}, reactions=["S -> ; k*S"])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (laws.mass_action("v1: A + 2 B -> C", "k1"), "v1: A + 2 B -> C; k1*A*B^2"),
        (laws.mass_action("A -> B", "kf", "kr"), "A <-> B; kf*A - kr*B"),
        (laws.mass_action("-> A", "k0"), "-> A; k0"),
        (laws.michaelis_menten("S -> P", "V", "Km"), "S -> P; V*S/(Km + S)"),
        (laws.michaelis_menten("S -> P", "kcat", "Km", "E"), "S -> P; kcat*E*S/(Km + S)"),
        (laws.hill_activation("X", "V", "K", "n"), "V*X^n/(K^n + X^n)"),
        (laws.hill_repression("X", "V", "K", 2), "V*K^2/(K^2 + X^2)"),
        (laws.reversible_michaelis_menten("S -> P", "a", "Ks", "b", "Kp"), "S <-> P; (a*S/Ks - b*P/Kp)/(1 + S/Ks + P/Kp)"),
        (laws.michaelis_menten("S -> P", "a + b", "Km"), "S -> P; (a + b)*S/(Km + S)"),
    ],
)  # fmt: skip
def test_named_laws_are_the_text_of_the_law(text, expected):
    assert text == expected


@pytest.mark.parametrize(
    "make",
    [
        lambda: laws.mass_action("A <-> B", "k"), lambda: laws.michaelis_menten("A + B -> C", "V", "K"),
        lambda: laws.mass_action("n*A -> B", "k"), lambda: laws.reversible_michaelis_menten("A + B -> C", 1, 2, 3, 4),
    ],
)  # fmt: skip
def test_named_laws_refuse_reactions_that_they_do_not_fit(make):
    with pytest.raises(InputError):
        make()


def test_a_model_shows_itself_in_terminals_and_notebooks():
    model = ms.model("Michaelis-Menten", **ENZYME)
    shown = str(model)
    assert "Michaelis-Menten: 4 species, 2 reactions (time in s, amount in umol, volume in L)" in shown
    assert "S   10  uM  concentration" in shown
    assert "kf    1    1/(uM s)" in shown
    assert "bind  S + E <-> ES  cell*(kf*S*E - kr*ES)" in shown
    assert repr(model) == "Model('Michaelis_Menten': 4 species, 2 reactions)"
    page = model._repr_html_()
    assert r"k_{\mathrm{cat}}" not in page and r"\mathrm{kcat}" in page
    assert page.count("<tr>") == page.count("</tr>")


def test_what_a_model_shows_is_escaped():
    model = ms.model("m", species={"A": 1}, parameters={"k": 1}, reactions=["A -> ; piecewise(k, A < 1, 0)"])
    hostile = model.replace(name="<script>alert(1)</script>")
    assert "<script>" not in hostile._repr_html_()
    assert "A &lt; 1" in model._repr_html_()


def test_long_models_are_cut_in_display():
    model = ms.model("m", parameters={f"k{i}": i for i in range(500)})
    assert "... and 440 more" in str(model)
