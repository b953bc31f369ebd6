"""`check` finds every kind of fault, all at once, with places and ways to mend it."""

from __future__ import annotations

import math

import pytest

from manyscale.errors import InputError
from manyscale.model.check import check, find_cycle, raise_violations
from manyscale.model.expr import Call, Logic, Number, Piecewise, Symbol
from manyscale.model.model import Model
from manyscale.model.parse import parse
from manyscale.model.parts import (
    Compartment,
    Event,
    Function,
    InitialAssignment,
    Parameter,
    Participant,
    Reaction,
    Rule,
    Species,
    UnitDefinition,
    UnitPart,
)

GOOD = Model(
    compartments=(Compartment("c", 1.0),),
    species=(Species("A", "c", 1.0), Species("B", "c", 0.0), Species("F", "c", 1.0, boundary=True, constant=True)),
    parameters=(Parameter("k", 1.0), Parameter("q", 2.0, constant=False)),
    reactions=(Reaction("r", (Participant("A"),), (Participant("B"),), rate=parse("c*k*A*F")),),
    functions=(Function("f", ("x",), parse("x*2")),),
)


def reaction(rate: str = "k", **changes) -> dict:
    parts = {
        "reactants": (Participant("A"),),
        "products": (Participant("B"),),
        "rate": parse(rate, functions=["f", "g"]),
    }
    return {"reactions": (Reaction("r", **{**parts, **changes}),)}


FAULTS = {
    "an undefined symbol": (reaction("k*z"), "reaction r: 'z' is not defined"),
    "a misspelt symbol": (reaction("kk*A"), "did you mean k?"),
    "a duplicate id": ({"parameters": (*GOOD.parameters, Parameter("A", 1.0))}, "the id A is also that of"),
    "an id that is none": ({"parameters": (*GOOD.parameters, Parameter("1x", 1.0))}, "'1x' is not an identifier"),
    "a reserved function": ({"functions": (*GOOD.functions, Function("exp", (), Number(1.0)))}, "built-in function"),
    "a reserved unit": ({"units": (UnitDefinition("mole", (UnitPart("mole"),)),)}, "the name of a base unit"),
    "a missing compartment": ({"species": (*GOOD.species, Species("D", "x", 1.0))}, "species D: 'x' is not defined"),
    "a compartment that is a species": ({"species": (*GOOD.species, Species("D", "A", 1.0))}, "is used as a compartment"),
    "a missing value": ({"species": (*GOOD.species, Species("D", "c"))}, "species D: has no initial concentration"),
    "a missing parameter value": ({"parameters": (Parameter("k"), GOOD.parameters[1])}, "parameter k: has no value"),
    "NaN": ({"parameters": (Parameter("k", math.nan), GOOD.parameters[1])}, "not a number"),
    "a negative initial value": ({"species": (*GOOD.species, Species("D", "c", -1.0))}, "initial concentration is -1"),
    "a negative volume": ({"compartments": (Compartment("c", -1.0),)}, "compartment c: the size is -1; give a positive size"),
    "an unknown function": (reaction("g(A)"), "there is no function 'g'"),
    "a wrong number of arguments": ({"reactions": (Reaction("r", rate=Call("f", ())),)}, "f takes 1 argument"),
    "a wrong number of built-in arguments": ({"reactions": (Reaction("r", rate=Call("exp", ())),)}, "exp takes 1 argument"),
    "a stoichiometry that is not finite": (reaction(reactants=(Participant("A", math.inf),)), "stoichiometry of A is inf"),
    "a reaction of something unknown": (reaction(products=(Participant("X"),)), "reaction r: 'X' is not defined"),
    "a reaction that changes a constant": (
        {"species": (Species("A", "c", 1.0, constant=True), *GOOD.species[1:])}, "changes the constant species A"),
    "a species changed by a reaction and a rule": ({"rules": (Rule("assignment", parse("k"), "A"),)}, "a rule determines too"),
    "two rules for one variable": (
        {"rules": (Rule("assignment", parse("1"), "q"), Rule("rate", parse("1"), "q"))}, "determined by two rules"),
    "a rule for a constant": ({"rules": (Rule("assignment", parse("1"), "k"),)}, "changes k, which is constant"),
    "a rule for a reaction": ({"rules": (Rule("assignment", parse("1"), "r"),)}, "reaction r is used as a variable"),
    "a cycle of rules": (
        {"parameters": (*GOOD.parameters, Parameter("w", 1.0, constant=False)),
         "rules": (Rule("assignment", parse("w"), "q"), Rule("assignment", parse("q"), "w"))}, "depend on each other: "),
    "a cycle through a rate": (
        {**reaction("q"), "rules": (Rule("assignment", parse("r"), "q"),)}, "depend on each other"),
    "a cycle of initial assignments": (
        {"initial_assignments": (InitialAssignment("k", parse("q")), InitialAssignment("q", parse("k")))}, "at the start"),
    "a function that calls itself": (
        {"functions": (Function("f", ("x",), Call("f", (Symbol("x"),))),)}, "these functions call each other: f -> f"),
    "a symbol of the model in a function": ({"functions": (Function("f", ("x",), parse("x*k")),)}, "function f: 'k' is not"),
    "an event on a constant": ({"events": (Event("e", parse("time > 1"), (("k", Number(0.0)),)),)}, "changes k, which is constant"),
    "an event on an assigned variable": (
        {"rules": (Rule("assignment", parse("1"), "q"),), "events": (Event("e", parse("time > 1"), (("q", Number(0.0)),)),)},
        "which an assignment rule determines"),
    "an event on nothing": ({"events": (Event("e", parse("time > 1"), (("nix", Number(0.0)),)),)}, "'nix' is not defined"),
    "a trigger that is a number": ({"events": (Event("e", parse("time + 1"), ()),)}, "is a number, not a condition"),
    "a condition that is a number": (reaction("piecewise(k, A*2, 0)"), "2*A is a number, not a condition"),
    "an empty piecewise": ({"reactions": (Reaction("r", rate=Piecewise((), None)),)}, "has no pieces"),
    "a negation of two": ({"reactions": (Reaction("r", rate=Logic("not", (Symbol("k"), Symbol("q")))),)}, "not takes one"),
    "local parameters with one name": (reaction(local=(Parameter("p", 1.0), Parameter("p", 2.0))), "two local parameters"),
    "a local parameter without value": (reaction(local=(Parameter("p"),)), "parameter p: has no value"),
    "a kind of rule that is none": ({"rules": (Rule("magic", parse("1"), "q"),)}, "no rule of kind 'magic'"),
    "units that are not defined": ({"parameters": (Parameter("k", 1.0, "foo"), GOOD.parameters[1])}, "unit 'foo' is not defined"),
}  # fmt: skip


def test_a_good_model_has_no_violations():
    assert check(GOOD) == []


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_is_found_and_named(fault):
    changes, words = FAULTS[fault]
    found = [str(v) for v in check(GOOD.replace(**changes))]
    assert any(words in v for v in found), found


def test_all_faults_are_listed_at_once():
    model = GOOD.replace(
        compartments=(Compartment("c", -1.0),), parameters=(Parameter("k", math.nan), GOOD.parameters[1]),
        rules=(Rule("assignment", parse("zz"), "q"),),
    )  # fmt: skip
    found = check(model)
    assert len(found) == 3
    with pytest.raises(InputError, match="has 3 faults"):
        raise_violations(found)
    raise_violations([])


def test_missing_values_are_fine_where_something_determines_them():
    model = GOOD.replace(
        species=(*GOOD.species, Species("D", "c")), parameters=(*GOOD.parameters, Parameter("z"), Parameter("w", constant=False)),
        initial_assignments=(InitialAssignment("D", parse("k")),),
        rules=(Rule("assignment", parse("k*2"), "w"), Rule("algebraic", parse("z - k"))),
    )  # fmt: skip
    assert check(model) == []


def test_cycles_are_found_in_long_chains_without_recursion():
    chain = {f"x{i}": [f"x{i + 1}"] for i in range(50_000)}
    assert find_cycle(chain) is None
    assert len(find_cycle({**chain, "x50000": ["x0"]})) == 50_001


def test_published_models_and_the_test_suite_have_no_faults(corpora):
    from manyscale.errors import ManyscaleError
    from manyscale.formats import read

    seen = 0
    for path in [
        *sorted((corpora / "biomodels").glob("*.xml"))[:25],
        *sorted((corpora / "sbmlts").glob("semantic/*/*l3v2.xml"))[::4],
    ]:
        try:
            model = read(path)
        except ManyscaleError:
            continue
        seen += 1
        assert check(model, units=False) == [], path.name
    assert seen > 50
