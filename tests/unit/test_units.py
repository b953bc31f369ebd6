"""Quantities are read and converted as pint does it; what a model declares is checked, what it does not is said."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manyscale import units
from manyscale.errors import InputError, UnitsError
from manyscale.model.build import build
from manyscale.model.dimensions import KINDS, parts_text, unit_of_parts, unit_text
from manyscale.model.expr import Number, Symbol
from manyscale.model.model import Model
from manyscale.model.parse import parse
from manyscale.model.parts import (
    Compartment,
    Event,
    InitialAssignment,
    Parameter,
    Participant,
    Reaction,
    Rule,
    Species,
    UnitDefinition,
    UnitPart,
)
from manyscale.model.unit_check import check_units, dimension_of, unit_of

COMMON = [
    "uM", "nM", "mM", "M", "1/(M s)", "1/(uM s)", "uM/s", "nM/min", "1/h", "s", "min", "ms", "day", "L", "fL", "um^3", "mol",
    "nmol", "mmol/(L s)", "mol L^-1 s^-1", "mV", "mS/cm^2", "uA/cm^2", "uF/cm^2", "kDa", "g", "kg", "ug/mL", "1/(M^2 s)",
    "K", "J/(mol K)", "kJ/mol", "um^2/s", "uM^-1 s^-1", "um", "N/m", "pN", "Hz", "dimensionless",
]  # fmt: skip


@pytest.mark.parametrize("text", COMMON)
def test_the_table_of_units_agrees_with_pint(text):
    by_table = unit_of_parts(units.parse_units(text))
    by_pint = unit_of_parts(units.from_pint(units.registry()(text)))
    assert by_table.same_dimension(by_pint)
    assert by_table.factor == pytest.approx(by_pint.factor, rel=1e-8)


@pytest.mark.parametrize("text", [*COMMON, "molecule/s", "kcal/mol", "1/(molecule min)", "molecule/fL"])
def test_the_text_of_a_unit_reads_back_as_the_same_unit(text):
    unit = unit_of_parts(units.parse_units(text))
    for shown in (parts_text(units.parse_units(text)), unit_text(unit)):
        again = units.parse_quantity(shown if shown[0].isdigit() and not shown.startswith("1/") else f"1 {shown}")
        factor = again.value * unit_of_parts(again.parts or ()).factor
        assert unit_of_parts(again.parts or ()).same_dimension(unit)
        assert factor == pytest.approx(unit.factor, rel=1e-5)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("10 uM", "10 uM"), ("1e6 1/(M s)", "1e+06 1/(M s)"), ("3 micromolar", "3 uM"), ("2 mol/litre", "2 M"), ("5", "5"),
        ("2 µM⁻¹ s⁻¹", "2 1/(uM s)"), ("-4 mV", "-4 mV"), ("7 molecules", "7 molecule"), ("1 hour", "1 h"), ("2.5min", "2.5 min"),
    ],
)  # fmt: skip
def test_quantities_are_read_as_people_write_them(text, shown):
    assert str(units.parse_quantity(text)) == shown


@pytest.mark.parametrize("text", ["uM", "ten uM", "", "1 foo", "3 uM/", "2 (s", "1 uM^x", "1 degC", "4 $", None, True])
def test_what_is_no_quantity_is_an_error(text):
    with pytest.raises(InputError):
        units.parse_quantity(text)


def test_hostile_units_end_in_an_error():
    for text in ("1 " + "(" * 250, "1 " + "s^9" * 200, "1 " + "x" * 100_000, "1 s^99999999999", "1 __import__('os')"):
        try:
            units.parse_quantity(text)
        except InputError:
            continue


@pytest.mark.parametrize(
    ("value", "source", "target", "result"),
    [
        (10, "uM", "M", 1e-5), (1, "h", "s", 3600), (1e6, "1/(M s)", "1/(uM s)", 1.0), (1, "nM", "molecule/fL", 0.602214076),
        (1, "nmol", "molecule", 6.02214076e14), (5, "min", "min", 5), (1, "fL", "um^3", 1), (25, "mV", "V", 0.025),
    ],
)  # fmt: skip
def test_conversions_are_right(value, source, target, result):
    assert units.convert(value, source, target) == pytest.approx(result, rel=1e-14)


def test_decimal_conversions_are_exact():
    assert units.convert(10, "uM", "M") == 1e-5
    assert units.convert(0.3, "min", "s") == 18.0


def test_amounts_are_never_converted_to_concentrations():
    with pytest.raises(UnitsError, match="different dimensions"):
        units.convert(1, "nmol", "nM")
    with pytest.raises(UnitsError, match="write for example"):
        units.parse_quantity(5).to("s")


@given(st.floats(1e-6, 1e6), st.sampled_from(COMMON))
def test_converting_there_and_back_is_the_identity(value, text):
    base = units.to_pint(text).to_base_units()
    assert base.magnitude == pytest.approx(unit_of_parts(units.parse_units(text)).factor, rel=1e-12)
    other = units.Unit(unit_of_parts(units.parse_units(text)).exponents, 60.0)
    there = units.convert(value, text, other)
    assert units.convert(there, other, text) == pytest.approx(value, rel=1e-12)


def test_unit_definitions_have_readable_ids_and_keep_their_size():
    made = units.definition("1/(uM s)")
    assert made.id == "per_uM_s"
    assert made.parts == (UnitPart("mole", -1.0, -6), UnitPart("litre", 1.0), UnitPart("second", -1.0))
    assert parts_text(made.parts) == "1/(uM s)"
    assert units.units_of(made).same(units.units_of(["1e6", "1/(M s)"][1].replace("M", "uM")))


def test_every_base_unit_of_sbml_agrees_with_pint():
    for kind in sorted(
        {*KINDS} - {"avogadro", "item", "dimensionless", "radian", "steradian", "lumen", "lux", "candela"}
    ):
        assert units.units_of((UnitPart(kind),)).same(unit_of_parts(units.from_pint(units.registry()(kind)))), kind


def test_pint_is_not_imported_for_common_units():
    import subprocess

    code = "import sys; from manyscale.units import parse_quantity as q; q('10 uM'); q('1 1/(M s)'); assert 'pint' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


# The check


def small(rate: str, **changes) -> Model:
    """S -> P in litres, umol and seconds; k in 1/s, Km in uM, v in uM/s."""
    uM = (UnitPart("mole", scale=-6), UnitPart("litre", -1.0))
    definitions = (
        UnitDefinition("umol", (UnitPart("mole", scale=-6),)), UnitDefinition("uM", uM),
        UnitDefinition("per_s", (UnitPart("second", -1.0),)), UnitDefinition("uM_per_s", (*uM, UnitPart("second", -1.0))),
        UnitDefinition("per_min", (UnitPart("second", -1.0, multiplier=60.0),)), UnitDefinition("mV", (UnitPart("volt", scale=-3),)),
    )  # fmt: skip
    model = Model(
        compartments=(Compartment("cell", 1.0),), species=(Species("S", "cell", 1.0), Species("P", "cell", 0.0)),
        parameters=(Parameter("k", 1.0, "per_s"), Parameter("Km", 1.0, "uM"), Parameter("v", 1.0, "uM_per_s"),
                    Parameter("slow", 1.0, "per_min"), Parameter("n", 2.0, "dimensionless"), Parameter("V", 1.0, "mV"),
                    Parameter("unknown", 1.0)),
        reactions=(Reaction("r", (Participant("S"),), (Participant("P"),), rate=parse(rate)),),
        units=definitions, time_units="second", substance_units="umol", extent_units="umol", volume_units="litre",
    )  # fmt: skip
    return model.replace(**changes)


@pytest.mark.parametrize(
    "rate",
    [
        "cell*k*S", "cell*v*S/(Km + S)", "cell*v*S^n/(Km^n + S^n)", "cell*v/(1 + Km/S)", "cell*(k*S - k*P)", "cell*v*exp(-S/Km)",
        "cell*piecewise(v, time > 10, k*S)", "cell*v*min(S, P)/Km", "2*cell*k*S", "cell*rateOf(S)", "cell*v*(S/Km)^0.5",
        "cell*k*abs(S - P)", "cell*delay(k*S, 5)", "cell*v*sqrt(S*P)/(Km + sqrt(S^2))",
    ],
)  # fmt: skip
def test_rate_laws_in_extent_per_time_agree(rate):
    report = check_units(small(rate))
    assert report.ok is True, str(report)


@pytest.mark.parametrize(
    ("rate", "words"),
    [
        ("k*S", "uM/s, but umol/s is expected; the law gives a rate per volume: multiply it by a compartment such as cell"),
        ("cell*slow*S", "umol/min, but umol/s is expected; they differ by the factor 0.0166667"),
        ("cell*k*S^2", "is expected"), ("cell*k*(S + k)", "stand together in S"), ("cell*k*S*exp(S)", "argument of exp"),
        ("cell*piecewise(k*S, S > k, v)", "are compared"), ("cell*v^S", "exponents are pure numbers"),
        ("cell*piecewise(k*S, time > 1, k)", "pieces in"), ("cell*k*S + v", "stand together"),
    ],
)  # fmt: skip
def test_rate_laws_that_disagree_are_violations_with_found_and_expected(rate, words):
    report = check_units(small(rate))
    assert report.ok is False
    assert any(words in str(v) for v in report.violations), str(report)
    assert all(v.place.startswith("reaction r") for v in report.violations)


def test_missing_units_are_said_and_not_guessed():
    report = check_units(small("cell*unknown*S"))
    assert report.ok is None
    assert [str(m) for m in report.missing] == ["parameter unknown: no units are declared"]
    assert "Not declared (1)" in str(report)


@pytest.mark.parametrize("rate", ["cell*S*0.3", "cell*k*S*exp(-V/18) + 2*S", "cell*k*S*(1 - S)"])
def test_numbers_without_units_are_in_question_rather_than_wrong(rate):
    report = check_units(small(rate))
    assert report.ok is None
    assert "unless a number in it carries units" in str(report) or "compared" in str(report) or report.missing


def test_numbers_with_units_are_checked():
    from manyscale.model.expr import mul

    good = mul(Symbol("cell"), Number(0.3, "per_s"), Symbol("S"))
    model = small("1")
    assert check_units(model.replace(reactions=(Reaction("r", rate=good),))).ok is True
    bad = mul(Symbol("cell"), Number(0.3, "per_min"), Symbol("S"))
    assert check_units(model.replace(reactions=(Reaction("r", rate=bad),))).ok is False


def test_amounts_and_concentrations_are_told_apart():
    model = small("k*S")
    as_amount = tuple(Species(s.id, "cell", 1.0, only_substance=True) for s in model.species)
    assert check_units(model.replace(species=as_amount)).ok is True
    assert check_units(small("cell*k*S").replace(species=as_amount)).ok is False
    assert unit_text(unit_of(model, "S")) == "uM"


def test_rules_events_and_initial_assignments_are_checked():
    model = small(
        "cell*k*S",
        rules=(
            Rule("assignment", parse("S + P"), "Km"),
            Rule("rate", parse("k*S"), "v"),
            Rule("algebraic", parse("S - k")),
        ),
        events=(Event("e", parse("S > 5"), (("k", parse("S")),), delay=parse("Km"), priority=parse("k")),),
        initial_assignments=(InitialAssignment("S", parse("Km*n")), InitialAssignment("P", parse("k"))),
    )
    report = check_units(model)
    places = sorted(v.place for v in report.violations)
    assert places == [
        "algebraic rule", "event e, assignment of k", "event e, delay", "event e, priority", "initial assignment of P",
        "rate rule for v",
    ]  # fmt: skip


def test_species_and_extent_need_a_conversion_factor_where_they_differ():
    model = small("cell*k*S", extent_units="mole")
    assert any("reactions change it in mol" in str(v) for v in check_units(model).violations)


def test_undefined_units_are_violations_said_once():
    model = small("cell*k*S", parameters=(Parameter("k", 1.0, "foo"),))
    assert [str(v) for v in check_units(model).violations] == [
        "parameter k: the unit 'foo' is not defined; define it or use a base unit of SBML"
    ]  # fmt: skip


def test_functions_of_the_model_are_looked_into():
    model = build(
        "f", species={"S": "1 uM"}, parameters={"v": "1 uM/s", "K": "2 uM"}, functions={"mm(s, v, k)": "v*s/(k + s)"},
        reactions=["S -> ; mm(S, v, K)"],
    )  # fmt: skip
    assert check_units(model).ok is True
    assert unit_text(dimension_of(model.reactions[0].rate, model)) == "umol/s"


def test_the_dimension_of_a_formula_is_found_or_refused():
    model = small("cell*k*S")
    assert unit_text(dimension_of(parse("v/Km"), model)) == "1/s"
    assert dimension_of(parse("unknown*S"), model) is None
    with pytest.raises(UnitsError, match="stand together"):
        dimension_of(parse("S + k"), model)


@given(st.floats(0.1, 50), st.floats(0.1, 50))
def test_rescaling_all_units_leaves_the_verdict_unchanged(a, b):
    for rate in ("cell*k*S", "k*S", "cell*v*S/(Km + S)"):
        model = small(rate)
        scaled = tuple(
            UnitDefinition(d.id, tuple(UnitPart(p.kind, p.exponent, p.scale, p.multiplier * {"mole": a, "second": b}.get(p.kind, 1.0)) for p in d.parts))
            for d in (*model.units, UnitDefinition("tick", (UnitPart("second"),)))
        )  # fmt: skip
        assert check_units(model.replace(units=scaled, time_units="tick")).ok == check_units(model).ok
