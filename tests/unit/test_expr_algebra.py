"""Derivatives, simplification and the shape of formulas, tested against values."""

from __future__ import annotations

import math

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from manyscale.errors import InputError
from manyscale.model import algebra
from manyscale.model.expr import (
    ONE,
    ZERO,
    Bool,
    Call,
    Delay,
    Expr,
    Logic,
    Mul,
    Number,
    Piecewise,
    Power,
    RateOf,
    Relation,
    Symbol,
    Time,
    add,
    mul,
    power,
    walk,
)
from manyscale.model.parse import parse
from manyscale.model.parts import Function
from manyscale.model.simplify import simplify

NAMES = ("x", "y", "k")
SMOOTH = ("exp", "sin", "cos", "tanh", "arctan", "arcsinh", "sech")
slow = settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])


def numbers() -> st.SearchStrategy[Expr]:
    whole = st.integers(-4, 4).map(float)
    return st.one_of(whole, st.floats(-3, 3, allow_nan=False).map(lambda v: round(v, 3))).map(Number)


def conditions(inner):
    relation = st.builds(Relation, st.sampled_from(["<", "<=", ">", ">="]), inner, inner)
    return st.one_of(relation, st.builds(lambda a, b: Logic("and", (a, b)), relation, relation))


def expressions(functions=SMOOTH) -> st.SearchStrategy[Expr]:
    leaves = st.one_of(st.sampled_from(NAMES).map(Symbol), numbers(), st.just(Time()))

    def grow(inner):
        return st.one_of(
            st.lists(inner, min_size=2, max_size=3).map(lambda a: add(*a)),
            st.lists(inner, min_size=2, max_size=3).map(lambda a: mul(*a)),
            st.builds(power, inner, st.sampled_from([-2.0, -1.0, 2.0, 3.0, 0.5])),
            st.builds(power, inner, inner),
            st.builds(lambda f, a: Call(f, (a,)), st.sampled_from(functions), inner),
            st.builds(lambda f, a, b: Call(f, (a, b)), st.sampled_from(["min", "max"]), inner, inner),
            st.builds(lambda v, c, o: Piecewise(((v, c),), o), inner, conditions(inner), inner),
        )

    return st.recursive(leaves, grow, max_leaves=9)


points = st.fixed_dictionaries({name: st.floats(0.2, 3.0) for name in NAMES})


def finite(*values: float) -> bool:
    return all(math.isfinite(v) and abs(v) < 1e6 for v in values)


@given(expressions(), points)
@slow
def test_the_derivative_is_the_limit_of_difference_quotients(expr, point):
    h = 1e-5
    values = [algebra.evaluate(expr, {**point, "x": point["x"] + s * h}, 0.7) for s in (-2, -1, 0, 1, 2)]
    assume(finite(*values))
    assume(all(_has_slope(node, point) for node in walk(expr) if type(node) is Power))
    coarse, fine = (values[4] - values[0]) / (4 * h), (values[3] - values[1]) / (2 * h)
    left, right = (values[2] - values[1]) / h, (values[3] - values[2]) / h
    assume(abs(coarse - fine) < 1e-6 * (1 + abs(fine)))  # smooth here: no jump
    assume(abs(left - right) < 1e-2 * (1 + abs(fine)))  # and no kink
    slope = algebra.evaluate(algebra.differentiate(expr, "x"), point, 0.7)
    assert slope == pytest.approx(fine, rel=1e-4, abs=1e-4 * (1 + max(map(abs, values))))


def _has_slope(node: Power, point) -> bool:
    """0^0.5 has none, nor has a negative base with a varying exponent."""
    base = algebra.evaluate(node.base, point, 0.7)
    return base != 0 if type(node.exponent) is Number else base > 0


@pytest.mark.parametrize("function", sorted({*algebra.SLOPES} - {"factorial"}))
def test_the_derivative_of_every_function_is_right(function):
    at = {"arccosh": 1.7, "arcsec": 1.7, "arccsc": 1.7, "arccoth": 1.7}.get(function, 0.43)
    call = Call(function, (power(Symbol("x"), 2.0),))
    h = 1e-6
    values = [algebra.evaluate(call, {"x": math.sqrt(at) + s * h}) for s in (-1, 1)]
    slope = algebra.evaluate(algebra.differentiate(call, "x"), {"x": math.sqrt(at)})
    assert slope == pytest.approx((values[1] - values[0]) / (2 * h), rel=1e-6, abs=1e-8)


def test_a_power_with_a_varying_exponent_has_slope_zero_where_its_base_is_zero():
    slope = algebra.differentiate(parse("S^n"), "n")
    assert algebra.evaluate(slope, {"S": 0.0, "n": 2.0}) == 0.0
    assert algebra.evaluate(slope, {"S": 2.0, "n": 3.0}) == pytest.approx(8 * math.log(2))
    assert algebra.differentiate(parse("0^x"), "x") == ZERO


def test_remainders_and_quotients_have_the_slopes_of_their_pieces():
    slope = algebra.differentiate(parse("rem(x, y)"), "y")
    assert algebra.evaluate(slope, {"x": 7.5, "y": 2.0}) == -3.0
    assert algebra.differentiate(parse("quotient(x, y)"), "x") == ZERO


def test_derivatives_that_have_no_formula_are_refused():
    with pytest.raises(InputError, match="inline_functions"):
        algebra.differentiate(Call("mine", (Symbol("x"),)), "x")
    with pytest.raises(InputError, match="no derivative"):
        algebra.differentiate(RateOf("x"), "x")
    with pytest.raises(InputError, match="no derivative"):
        algebra.differentiate(Delay(Symbol("x"), ONE), "x")
    assert algebra.differentiate(Delay(Symbol("y"), ONE), "x") == ZERO


@given(expressions(), points)
@slow
def test_simplifying_never_changes_a_finite_value(expr, point):
    before = algebra.evaluate(expr, point, 0.7)
    assume(finite(before))
    pieces = [algebra.evaluate(node, point, 0.7) for node in _arithmetic(expr)]
    assume(finite(*pieces))
    scale = max([1.0, *map(abs, pieces)])
    assert algebra.evaluate(simplify(expr), point, 0.7) == pytest.approx(before, rel=1e-7, abs=1e-9 * scale**2)


def _arithmetic(expr):
    return [node for node in walk(expr) if not isinstance(node, Relation | Logic | Bool)]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("x + y + x", "2*x + y"), ("x*y/x", "y"), ("x - x", "0"), ("a*b - b*a", "0"), ("2*x*3", "6*x"),
        ("x^2*x^-3", "1/x"), ("(x*y)^2/x", "x*y^2"), ("k*(a + b) - k*(b + a)", "0"), ("exp(0)*x", "x"),
        ("a - (a - b)", "b"), ("piecewise(x, 1 < 2, y)", "x"), ("x/(a*b)*b", "x/a"), ("sqrt(x)*sqrt(x)", "x"),
        ("(x^2)^0.5", "sqrt(x^2)"), ("x && true", "x != 0"), ("(a < b) || true", "true"),
    ],
)  # fmt: skip
def test_simplify_collects_and_cancels(before, after):
    assert str(simplify(parse(before))) == after


def test_affine_formulas_give_their_coefficients():
    coefficients, rest = algebra.collect_linear(parse("k1*S*(E0 - C) - (km + k2)*C + v"), {"C"})
    assert coefficients == {"C": simplify(parse("-k1*S - (km + k2)"))}
    assert algebra.evaluate(rest, {"k1": 2, "S": 3, "E0": 5, "v": 1}) == 31
    assert algebra.collect_linear(parse("x*y"), {"x", "y"}) is None
    assert algebra.collect_linear(parse("exp(x)"), {"x"}) is None
    assert algebra.collect_linear(parse("x*y/y"), {"x", "y"}) == ({"x": ONE}, ZERO)
    assert algebra.collect_linear(parse("a/(b + c)"), {"x"}) == ({}, parse("a/(b + c)"))


@given(points)
def test_affine_formulas_are_the_sum_of_their_parts(point):
    expr = parse("piecewise(k*x, k > 1, 2*x + k) - x/k + 3")
    coefficients, rest = algebra.collect_linear(expr, {"x"})
    total = algebra.evaluate(coefficients["x"], point) * point["x"] + algebra.evaluate(rest, point)
    assert total == pytest.approx(algebra.evaluate(expr, point))


def test_polynomials_give_their_coefficients():
    found = algebra.polynomial_in(parse("k1*(T - 2*x)^2 - k2*x + x*x*0"), "x")
    point = {"k1": 1.5, "T": 4.0, "k2": 0.3}
    assert [algebra.evaluate(c, point) for c in found] == pytest.approx([24.0, -24.3, 6.0])
    assert algebra.polynomial_in(parse("1/x"), "x") is None
    assert algebra.polynomial_in(parse("x^9"), "x") is None
    assert algebra.polynomial_in(parse("a + b"), "x") == [parse("a + b")]


@given(points)
def test_a_fraction_equals_the_formula_and_keeps_equal_denominators_once(point):
    expr = parse("k*x/(1 + x) - y*x/(1 + x) + 2/x + (x/(y + x))^-2")
    above, below = algebra.as_fraction(expr, {"x"})
    assert algebra.evaluate(above, point) / algebra.evaluate(below, point) == pytest.approx(
        algebra.evaluate(expr, point)
    )
    assert algebra.polynomial_in(above, "x") is not None
    assert algebra.polynomial_in(below, "x") is not None
    assert str(below).count("x + 1") + str(below).count("1 + x") == 1


def test_model_functions_are_written_out_with_their_arguments():
    functions = [Function("mm", ("s", "v", "k"), parse("v*s/(k + s)")), Function("two", ("a",), parse("mm(a, a, 2)", functions=["mm"]))]  # fmt: skip
    result = algebra.inline_functions(parse("two(x) + mm(k, s, v)", functions=["two", "mm"]), functions)
    assert result == parse("x*x/(2 + x) + s*k/(v + k)")


def test_functions_that_call_themselves_or_grow_without_end_are_refused():
    loop = [Function("f", ("x",), Call("g", (Symbol("x"),))), Function("g", ("x",), Call("f", (Symbol("x"),)))]
    with pytest.raises(InputError, match="calls itself"):
        algebra.inline_functions(Call("f", (ONE,)), loop)
    with pytest.raises(InputError, match="takes 1 argument"):
        algebra.inline_functions(Call("f", ()), [Function("f", ("x",), Symbol("x"))])
    doubling = [Function("f0", ("x",), parse("x + x"))]
    for level in range(1, 30):
        call = Call(f"f{level - 1}", (Symbol("x"),))
        doubling.append(Function(f"f{level}", ("x",), Mul((call, call))))
    with pytest.raises(InputError, match="grows beyond"):
        algebra.inline_functions(Call("f29", (Symbol("y"),)), doubling)


def test_size_counts_common_parts_once():
    shared = parse("a + b")
    assert algebra.size(Mul((shared, Power(shared, Number(-1.0))))) == algebra.size(shared) + 3


def test_values_follow_the_arithmetic_of_the_hardware():
    value = algebra.evaluate
    assert value(parse("1/x"), {"x": 0.0}) == math.inf
    assert math.isnan(value(parse("x/x"), {"x": 0.0}))
    assert math.isnan(value(parse("sqrt(x)"), {"x": -1.0}))
    assert value(parse("exp(x)"), {"x": 1e4}) == math.inf
    assert value(parse("ln(x)"), {"x": 0.0}) == -math.inf
    assert value(parse("piecewise(1, x > 1, 2)"), {"x": 1.0}) == 2.0
    assert math.isnan(value(parse("piecewise(1, x > 1)"), {"x": 1.0}))
    assert value(parse("xor(x > 0, x > 1, x > 2) + time"), {"x": 5.0}, 2.0) == 3.0
    with pytest.raises(InputError, match="y has no value"):
        value(parse("y"), {})


@given(expressions(), points)
@slow
def test_values_agree_with_the_interpreter_of_the_kernels(expr, point):
    import numpy as np

    from manyscale.kernels.interpret import evaluate as interpreted

    with np.errstate(all="ignore"):
        other = float(interpreted(expr, 0.7, {k: np.float64(v) for k, v in point.items()}))
    assert algebra.evaluate(expr, point, 0.7) == pytest.approx(other, rel=1e-9, abs=1e-12, nan_ok=True)
