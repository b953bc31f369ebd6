"""Formats: what is written reads back to an equal model, and other tools accept it."""

from __future__ import annotations

import math
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from manyscale.errors import ManyscaleError
from manyscale.formats import read, to_text, write
from manyscale.formats.sbml.convert import check_text
from manyscale.model import expr as e
from manyscale.model.model import Model
from manyscale.model.parts import Function, Parameter, Rule

ROOT = Path(__file__).resolve().parent.parent.parent
CORPORA = Path(os.environ.get("MANYSCALE_CORPORA", ROOT.parent / "shared" / "corpora"))
FILES = sorted(
    [
        *CORPORA.glob("biomodels/*.xml"),
        *CORPORA.glob("sbmlts/*/*/*-sbml-*.xml"),
        *CORPORA.glob("nets/**/*.net"),
    ]
)
SOME = FILES[::9]


def agree(path: Path, check: bool) -> None:
    model = read(path)
    text = to_text(model)
    assert read(text) == model
    if check:
        assert check_text(text) == []


@pytest.mark.parametrize("path", SOME or [None], ids=lambda p: p.name if p else "none")
def test_what_is_written_reads_back_to_an_equal_model(path, corpora):
    if path is None:
        pytest.skip(f"no models in {corpora}")
    agree(path, check=path.stat().st_size < 300_000)


@pytest.mark.full
@pytest.mark.parametrize("path", FILES or [None], ids=lambda p: p.name if p else "none")
def test_every_corpus_model_reads_back_and_is_consistent(path, corpora):
    if path is None:
        pytest.skip(f"no models in {corpora}")
    agree(path, check=path.stat().st_size < 3_000_000)


def test_no_corpus_model_is_refused(corpora):
    files = [path for path in FILES if path.parent.name == "biomodels" or path in SOME]
    refused = {}
    for path in files:
        try:
            read(path)
        except ManyscaleError as error:
            refused[path.name] = str(error)
    assert refused == {}


def test_examples_read_back(examples):
    files = sorted(examples.glob("**/*.ant")) + sorted(examples.glob("**/*.xml"))
    for path in files:
        agree(path, check=True)


NAMES = ("a", "b", "c")
numbers = st.one_of(
    st.integers(-5, 5).map(float),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from((math.pi, math.e, math.inf, e.AVOGADRO, 0.5, 1e-300, 1e22, -0.0)),
)
leaves = st.one_of(
    numbers.map(e.Number),
    st.builds(e.Number, numbers, st.sampled_from(("mole", "second"))),
    st.sampled_from(NAMES).map(e.Symbol),
    st.just(e.Time()),
    st.booleans().map(e.Bool),
    st.sampled_from(NAMES).map(e.RateOf),
)
UNARY = sorted(name for name, count in e.FUNCTIONS.items() if count == 1)


def compound(inner):
    some = st.lists(inner, min_size=1, max_size=4)
    return st.one_of(
        some.map(lambda terms: e.add(*terms)),
        some.map(lambda factors: e.mul(*factors)),
        st.tuples(inner, inner).map(lambda pair: pair[0] / pair[1]),
        st.tuples(inner, inner).map(lambda pair: pair[0] - pair[1]),
        st.builds(e.power, inner, inner),
        st.builds(lambda f, x: e.Call(f, (x,)), st.sampled_from(UNARY), inner),
        st.builds(lambda f, x: e.Call(f, tuple(x)), st.sampled_from(("min", "max")), some),
        st.builds(lambda f, x, y: e.Call(f, (x, y)), st.sampled_from(("quotient", "rem", "f")), inner, inner),
        st.builds(e.Relation, st.sampled_from(e.RELATIONS), inner, inner),
        st.builds(lambda f, x: e.Logic(f, tuple(x)), st.sampled_from(("and", "or", "xor")), some),
        st.builds(lambda x: e.Logic("not", (x,)), inner),
        st.builds(lambda x, y: e.Logic("implies", (x, y)), inner, inner),
        st.builds(
            lambda p, o: e.Piecewise(tuple(p), o),
            st.lists(st.tuples(inner, inner), min_size=1, max_size=3),
            st.one_of(st.none(), inner),
        ),
        st.builds(e.Delay, inner, inner),
    )


expressions = st.recursive(leaves, compound, max_leaves=25)


def canonical(expr: e.Expr) -> e.Expr:
    """The expression as the constructors build it (a `Number` may have become NaN by folding)."""
    return e.transform(expr, lambda node: e.rebuild(node, e.children(node)))


@given(expressions)
@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_formula_reads_back(expr):
    expr = canonical(expr)
    if any(type(node) is e.Number and math.isnan(node.value) for node in e.walk(expr)):
        return  # folded infinities; NaN differs from itself
    function = Function("f", ("x", "y"), e.Symbol("x") * e.Symbol("y"))
    parameters = tuple(Parameter(name, 1.0, constant=False) for name in (*NAMES, "z"))
    model = Model("m", parameters=parameters, functions=(function,), rules=(Rule("assignment", expr, "z"),))
    assert read(to_text(model)).rules[0].formula == expr


def test_level_of_description_and_space_survive(tmp_path):
    model = Model("m", parameters=(Parameter("k", 1.0),), level="jump", space='grid "2d" <x>')
    assert read(write(model, tmp_path / "m.xml.gz")) == model


@pytest.mark.parametrize("suffix", ["xml", "sbml", "xml.gz", "ant"])
def test_the_extension_names_the_format(tmp_path, suffix):
    model = Model("m", parameters=(Parameter("k", 1.5),))
    again = read(write(model, tmp_path / f"model.{suffix}"))
    assert again["k"].value == 1.5
