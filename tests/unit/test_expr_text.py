"""Formulas as text: what is printed reads back, mistakes are located, LaTeX is readable."""

from __future__ import annotations

import math

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from manyscale.errors import InputError, ManyscaleError, UnsupportedError
from manyscale.model.evaluate import evaluate
from manyscale.model.expr import (
    AVOGADRO,
    FUNCTIONS,
    Bool,
    Call,
    Delay,
    Expr,
    Logic,
    Number,
    Piecewise,
    RateOf,
    Relation,
    Symbol,
    Time,
    add,
    mul,
    power,
)
from manyscale.model.parse import parse
from manyscale.model.printing import infix, latex, name_latex
from manyscale.model.sympy_bridge import from_sympy, to_sympy

NAMES = ["x", "k_cat", "S", "time", "pi", "and", "v1.k", "odd name", "sqrt", "inf"]


def canonical() -> st.SearchStrategy[Expr]:
    """Everything that the constructors build (`add`, `mul`, `power` keep their normal form)."""
    finite = st.floats(-1e60, 1e60).map(Number)
    small = st.sampled_from([-2.0, -1.0, -0.5, 0.5, 1.0, 2.0, 10.0, 1e6, 1e-7]).map(Number)
    leaves = st.one_of(st.sampled_from(NAMES).map(Symbol), small, finite, st.just(Time()), st.booleans().map(Bool))
    leaves = st.one_of(leaves, st.sampled_from(NAMES).map(RateOf))

    def grow(inner):
        one = sorted(name for name, count in FUNCTIONS.items() if count == 1)
        return st.one_of(
            st.lists(inner, min_size=2, max_size=4).map(lambda a: add(*a)),
            st.lists(inner, min_size=2, max_size=4).map(lambda a: mul(*a)),
            st.builds(lambda a, b: a - b, inner, inner),
            st.builds(lambda a, b: a / b, inner, inner),
            st.builds(power, inner, small),
            st.builds(power, inner, inner),
            st.builds(lambda f, a: Call(f, (a,)), st.sampled_from(one), inner),
            st.builds(
                lambda f, a: Call(f, tuple(a)),
                st.sampled_from(["min", "mine"]),
                st.lists(inner, min_size=1, max_size=3),
            ),
            st.builds(Relation, st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), inner, inner),
            st.builds(
                lambda o, a: Logic(o, tuple(a)), st.sampled_from(["and", "or", "xor"]), st.lists(inner, max_size=3)
            ),
            st.builds(lambda a: Logic("not", (a,)), inner),
            st.builds(lambda a, b: Logic("implies", (a, b)), inner, inner),
            st.builds(
                lambda p, o: Piecewise(tuple(p), o),
                st.lists(st.tuples(inner, inner), min_size=1, max_size=2),
                st.none() | inner,
            ),
            st.builds(Delay, inner, inner),
        )

    return st.recursive(leaves, grow, max_leaves=14)


@given(canonical())
@settings(max_examples=600, deadline=None)
def test_printed_formulas_read_back_as_the_same_expression(expr):
    assume(not any(math.isnan(v) for v in _numbers(expr)))  # overflow inside: NaN equals nothing
    assert parse(infix(expr), functions=["mine"]) == expr


def test_infinity_and_nan_are_written_as_words():
    assert parse(infix(Number(-math.inf))) == Number(-math.inf)
    assert infix(parse("nan")) == "nan"
    assert infix(Symbol("nan")) == "`nan`"


@pytest.mark.parametrize(
    "text",
    [
        "a - b", "a - (b + c)", "a/b/c", "a/(b*c)", "-a", "-a*b", "1/a", "(a + b)*c", "a^(b^c)",
        "(a^b)^c", "sqrt(a + b)", "1/sqrt(a)", "2*x^2 - 3*x + 1", "(-2)^2", "-x^2", "Vmax*S/(Km + S)", "!a", "!(a < b)",
        "a < b && c >= d || e == f", "(a || b) && c", "piecewise(1, t > 2, 0)", "1e6*x", "1.5e-7", "exp(-t/tau)",
        "delay(x, tau)", "rateOf(x)", "min(a, b, c)", "pi*r^2", "x^0.25",
    ],
)  # fmt: skip
def test_text_in_its_natural_form_is_printed_unchanged(text):
    assert infix(parse(text)) == text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2 + 3*4", 14), ("2*3^2", 18), ("-2^2", -4), ("2^-1", 0.5), ("2**3**2", 512), ("7 - 2 - 1", 4), ("8/4/2", 1),
        ("not 1 > 2 and 2 > 1", 1), ("1 < 2 and 2 < 1 or 3 > 2", 1), ("pow(2, 5)", 32), ("root(3, 27)", 3), ("log(exp(2))", 2),
        ("log(10, 1000)", 3), ("log10(100)", 2), ("ln(exponentiale)", 1), ("atan(1)*4/pi", 1), ("ceiling(1.2)", 2),
        ("sign(-3)", -1), ("mod(7, 4)", 3), ("avogadro", AVOGADRO), ("xor(true, false)", 1), ("5 - -3", 8), ("+4", 4),
        ("implies(true, false)", 0), ("time*2", 6), ("!false && true", 1), ("1 - 2*-3", 7), (".5e1", 5),
    ],
)  # fmt: skip
def test_precedence_and_names_are_those_of_mathematics(text, value):
    assert evaluate(parse(text), {}, 3.0) == pytest.approx(value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty"), ("a +", "missing at the end"), ("a b", "missing operator"), ("(a", r"'\)' is missing"),
        ("a = b", "use == to compare"), ("sinn(a)", "did you mean sin"), ("exp(a, b)", "exp takes 1 argument"),
        ("k(a)", "write \\* for a product"), ("a $ b", "not part of a formula"), ("a < b < c", "chained"),
        ("a))", "unexpected '\\)'"), ("min()", "at least 1"), ("rateOf(2)", "name of a variable"), ("* a", "unexpected"),
        ("f(1)", "f takes 2 arguments"), ("1e5e5", "unexpected 'e5'"),
    ],
)  # fmt: skip
def test_mistakes_are_said_with_their_place(text, words):
    with pytest.raises(InputError, match=words) as caught:
        parse(text, place="reaction v1", functions={"f": 2})
    assert str(caught.value).startswith("reaction v1: ")
    assert "at character" in str(caught.value)


def test_hostile_formulas_end_in_an_error():
    for text in (
        "(" * 50_000,
        "-" * 50_000 + "1",
        "a^" * 50_000 + "a",
        "exp(" * 5_000 + "a",
        "!" * 9_000 + "a",
        "1+" * 400_000,
    ):
        with pytest.raises(InputError):
            parse(text)
    with pytest.raises(InputError, match="not int"):
        parse(3)


def test_a_long_sum_is_no_deep_tree():
    assert len(parse("+".join(["x"] * 50_000)).terms) == 50_000


@given(st.text(alphabet="ab1.e+-*/^()<>=!&|, `x", max_size=30))
@settings(max_examples=500, deadline=None)
def test_any_text_is_a_formula_or_a_readable_error(text):
    try:
        result = parse(text)
    except ManyscaleError:
        return
    assert parse(infix(result)) == result or any(math.isnan(v) for v in _numbers(result))


def _numbers(expr):
    from manyscale.model.expr import walk

    return [node.value for node in walk(expr) if type(node) is Number]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Vmax*S/(Km + S)", r"\frac{\mathrm{Vmax} \, S}{\mathrm{Km} + S}"), ("a - b", "a - b"), ("-a/b", r"-\frac{a}{b}"),
        ("2*x^2", r"2 \, x^{2}"), ("sqrt(x)", r"\sqrt{x}"), ("1e6*x", r"10^{6} \, x"), ("k_cat", r"k_{\mathrm{cat}}"),
        ("alpha1", r"\alpha_{1}"), ("exp(-x)", r"\exp\left(-x\right)"), ("x <= 2", r"x \leq 2"), ("time", "t"),
        ("piecewise(1, a > 0, 2)", r"\begin{cases} 1 & \text{if } a > 0 \\ 2 & \text{otherwise} \end{cases}"),
        ("(a + b)^2", r"\left(a + b\right)^{2}"), ("a*(b + c)", r"a \, \left(b + c\right)"), ("2*3^x", r"2 \cdot 3^{x}"),
    ],
)  # fmt: skip
def test_latex_is_what_one_would_write(text, expected):
    assert latex(parse(text)) == expected


def test_latex_takes_given_names():
    assert latex(parse("k*S"), {"S": "[S]"}) == r"k \, [S]"
    assert name_latex("MAPK_PP") == r"\mathrm{MAPK}_{\mathrm{PP}}"


@given(canonical())
@settings(max_examples=200, deadline=None)
def test_every_expression_has_latex_with_balanced_braces(expr):
    text = latex(expr).replace(r"\{", "").replace(r"\}", "")
    assert text.count("{") == text.count("}")
    assert text.count(r"\left") == text.count(r"\right") + text.count(r"\leftarrow")


@pytest.mark.parametrize(
    "text",
    [
        "Vmax*S^n/(K^n + S^n)", "exp(-x)*sin(x)^2 + cos(y)", "piecewise(x, x > 1 && y < 2, 2*x, y >= 1, 3)", "min(x, y, 1)",
        "max(x, 2)", "abs(x - y)", "log10(x)*y", "ln(x)/sqrt(y)", "floor(x) + ceil(y)", "tanh(x)*arctan(y)", "0.1*x - 1e-7*y",
        "quotient(x, y) + rem(x, y)", "piecewise(1, !(x == y) || xor(x > 1, y > 1), 0)", "time*x", "sech(x) + arccoth(2 + y)",
    ],
)  # fmt: skip
def test_sympy_gives_back_the_same_values(text):
    expr = parse(text)
    back = from_sympy(to_sympy(expr))
    for x, y in ((0.3, 1.7), (1.4, 0.6), (2.5, 2.5)):
        values = {"x": x, "y": y, "Vmax": 2.0, "S": x, "K": y, "n": 2.5}
        assert evaluate(back, values, 0.4) == pytest.approx(evaluate(expr, values, 0.4), rel=1e-12)
    assert from_sympy(to_sympy(back)) == back


def test_sympy_keeps_special_nodes_and_names():
    for expr in (
        Delay(Symbol("x"), Symbol("tau")),
        RateOf("x"),
        Call("mine", (Symbol("x"), Time())),
        Symbol("time"),
        Time(),
    ):
        assert from_sympy(to_sympy(expr)) == expr
    assert to_sympy(parse("0.1*x"), rational=True).args[0].q == 10
    assert to_sympy(Symbol("time")) != to_sympy(Time())


def test_what_sympy_has_and_models_have_not_is_refused_by_name():
    import sympy

    x = sympy.Symbol("x")
    with pytest.raises(UnsupportedError, match="Integral"):
        from_sympy(sympy.Integral(sympy.sin(x**2), (x, 0, 1)))
    with pytest.raises(UnsupportedError, match="zeta"):
        from_sympy(sympy.zeta(x))
