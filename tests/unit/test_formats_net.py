"""BioNetGen .net: rates, groups and initial values mean what BioNetGen means by them."""

from __future__ import annotations

import pytest

from manyscale.errors import InputError, UnsupportedError
from manyscale.formats import read, to_text
from manyscale.formats.infix import parse_infix
from manyscale.formats.sbml.convert import check_text
from manyscale.model.expr import Call, Logic, Number, Piecewise, Power, Relation, Symbol, Time, add, mul

NET = """# a comment
begin parameters
    1 k    2.0  # Constant
    2 A0   10
    3 kk   k*3  # ConstantExpression
    4 tot  7
end parameters
begin functions
    1 f() k/(1+tot2)
    2 g() f()+if(time()>1,2,3)
end functions
begin species
    1 A(b) A0
    2 $B() 5
    3 C(x~0,y!1).D(z!1) 0
end species
begin reactions
    1 1 2 k #first
    2 1,1 3 0.5*k
    3 0 1 f
    4 1,2 3,3 2*g
    5 1 2 Sat k A0
    6 1,2 2,3 MM k,A0
    7 1 0 Hill k A0 2
end reactions
begin groups
    1 tot2    1,2*3
    2 none
end groups
"""
A, B, k = Symbol("S1"), Symbol("S2"), Symbol("k")


def rate(number: int, text: str = NET):
    return read(text)[f"R{number}"].rate


def test_parts_have_the_meaning_of_bionetgen():
    model = read(NET)
    compartment = model.compartments[0]
    assert (compartment.size, compartment.units) == (1.0, "dimensionless")
    assert [(s.id, s.name) for s in model.species] == [("S1", "A(b)"), ("S2", "$B()"), ("S3", "C(x~0,y!1).D(z!1)")]
    assert all(s.only_substance and s.initial_kind == "amount" for s in model.species)
    assert model["S2"].constant and model["S2"].boundary and not model["S1"].constant
    assert {part.symbol: part.formula for part in model.initial_assignments} == {
        "S1": Symbol("A0"),
        "kk": mul(k, 3.0),
    }
    rules = {rule.variable: rule.formula for rule in model.rules}
    assert rules["tot2"] == add(A, mul(2.0, Symbol("S3"))) and rules["none"] == Number(0.0)
    assert rules["f"] == k / add(1.0, Symbol("tot2"))
    assert not model["tot2"].constant and model["k"].constant
    assert any("no units" in remark for remark in model.remarks)


def test_rates_multiply_the_reactants():
    assert rate(1) == mul(k, A)
    assert rate(2) == mul(0.5, k, Power(A, Number(2.0)))
    assert rate(3) == Symbol("f")
    assert rate(4) == mul(2.0, Symbol("g"), A, B)
    model = read(NET)
    assert model["R2"].reactants[0].stoichiometry == 2.0 and model["R4"].products[0].stoichiometry == 2.0
    assert model["R1"].name == "first"


def test_named_rate_laws():
    from manyscale.kernels.interpret import evaluate

    values = {"S1": 3.0, "S2": 5.0, "k": 2.0, "A0": 10.0}

    def value(number):
        return evaluate(rate(number), 0.0, values)

    assert value(5) == pytest.approx(2 * 3 / (10 + 3))
    free = 0.5 * ((3 - 10 - 5) + ((3 - 10 - 5) ** 2 + 4 * 10 * 3) ** 0.5)
    assert value(6) == pytest.approx(2 * free * 5 / (10 + free))
    assert value(7) == pytest.approx(2 * 3**2 / (10**2 + 3**2))


def test_a_network_writes_as_sbml_and_reads_back():
    model = read(NET)
    assert read(to_text(model)) == model and check_text(to_text(model)) == []


def test_names_never_clash_with_numbered_species():
    model = read(NET.replace("2 A0   10", "2 A0   10\n    5 S1 4\n    6 volume 3"))
    assert [s.id for s in model.species] == ["S_1", "S_2", "S_3"]
    assert len(set(model.by_id)) == sum(1 for _ in model.parts())


def test_a_parameter_with_the_name_of_a_group_is_renamed():
    model = read(NET.replace("2 none", "2 tot"))
    assert model["tot__parameter"].value == 7.0 and not model["tot"].constant
    assert any("tot__parameter" in remark for remark in model.remarks)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("-2^2", Number(-4.0)),
        ("2^3^2", Number(512.0)),
        ("a-b-c", Symbol("a") - Symbol("b") - Symbol("c")),
        ("a/b/c", Symbol("a") / Symbol("b") / Symbol("c")),
        ("2*-a", mul(2.0, -1.0, Symbol("a"))),
        ("a^-1", Symbol("a") ** -1.0),
        ("1e-3*a", mul(1e-3, Symbol("a"))),
        ("a<b && !c", Logic("and", (Relation("<", Symbol("a"), Symbol("b")), Logic("not", (Symbol("c"),))))),
        ("a ~= b", Relation("!=", Symbol("a"), Symbol("b"))),
        ("if(a>1,b,c)", Piecewise(((Symbol("b"), Relation(">", Symbol("a"), Number(1.0))),), Symbol("c"))),
        ("a>1 ? b : c", Piecewise(((Symbol("b"), Relation(">", Symbol("a"), Number(1.0))),), Symbol("c"))),
        ("time()", Time()),
        ("f()", Symbol("f")),
        ("asin(a)", Call("arcsin", (Symbol("a"),))),
        ("max(a,b,1)", Call("max", (Symbol("a"), Symbol("b"), Number(1.0)))),
    ],
)
def test_infix(text, expected):
    assert parse_infix(text, "here", {"f"}) == expected


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("k/(1+tot2)", "k/(1+", "line 9: something is missing"),
        ("k/(1+tot2)", "k/(1+nothing)", "line 9: 'nothing' is used but not defined"),
        ("1 k    2.0", "1 k  ", "line 3: the parameter 'k' has no value"),
        ("2 $B() 5", "1 $B() 5", "species 1 appears twice"),
        ("0.5*k", "", "a reaction must read"),
        ("1,1 3 0.5*k", "1,9 3 0.5*k", "species '9', which is not in the file"),
        ("1,2*3", "1,2*8", "counts species '8'"),
        ("end groups", "", "the block 'groups' has no end"),
        ("Sat k A0", "Sat k", "'Sat' takes 2 parameters"),
    ],
)
def test_errors_name_the_line(old, new, words):
    with pytest.raises(InputError, match=words):
        read(NET.replace(old, new, 1))


@pytest.mark.parametrize(
    ("old", "new", "element"),
    [
        ("k/(1+tot2)", "tfun('a.dat')", "tfun"),
        ("k/(1+tot2)", "mratio(1,2,3)", "mratio"),
        ("k/(1+tot2)", "log(k)", "log"),
        ("Sat k A0", "FunctionProduct a b", "FunctionProduct"),
    ],
)
def test_what_is_not_supported_is_named(old, new, element):
    with pytest.raises(UnsupportedError) as caught:
        read(NET.replace(old, new, 1))
    assert caught.value.element == element and element in str(caught.value)


def test_all_corpus_networks_read(corpora):
    files = sorted((corpora / "nets").glob("**/*.net"))
    for path in files:
        assert read(path).reactions, path.name
    if files:
        assert len(read(corpora / "nets" / "egfr_net.net").reactions) == 3749
