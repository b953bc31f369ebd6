"""Every operation has the value and the slope that mathematics gives it, at ordinary and at awkward points."""

from __future__ import annotations

import math

import numpy as np
import pytest

from manyscale.kernels import cache
from manyscale.kernels.kernel import Kernel
from manyscale.model.expr import Add, Bool, Call, Logic, Mul, Number, Piecewise, Power, Relation, Symbol
from manyscale.model.model import Model
from manyscale.model.parts import Parameter, Rule

X, Y, N = Symbol("x"), Symbol("y"), Symbol("n")
nan, inf = math.nan, math.inf

AT = {  # function -> ordinary points
    "exp": (0.7, -2.0), "ln": (0.3, 5.0), "log10": (0.3, 50.0), "abs": (1.5, -1.5), "floor": (1.5, -1.5),
    "ceil": (1.5, -1.5), "factorial": (5.0, 0.0), "sin": (0.4, 4.0), "cos": (0.4, 4.0), "tan": (0.4, 4.0),
    "sec": (0.4,), "csc": (0.4,), "cot": (0.4,), "sinh": (0.4, -2.0), "cosh": (0.4, -2.0), "tanh": (0.4, -2.0),
    "sech": (0.4,), "csch": (0.4,), "coth": (0.4,), "arcsin": (0.4, -0.9), "arccos": (0.4, -0.9),
    "arctan": (0.4, -9.0), "arcsec": (2.5, -3.0), "arccsc": (2.5, -3.0), "arccot": (0.4, -2.0),
    "arcsinh": (0.4, -2.0), "arccosh": (1.4, 9.0), "arctanh": (0.4, -0.9), "arcsech": (0.4, 0.9),
    "arccsch": (0.4, -2.0), "arccoth": (1.4, -9.0),
}  # fmt: skip


def kernel_of(formula, **parameters) -> Kernel:
    """dx/dt = formula, dy/dt = 0."""
    given = tuple(Parameter(name, value) for name, value in parameters.items())
    variables = (Parameter("x", 1.0, constant=False), Parameter("y", 1.0, constant=False))
    rules = (Rule("rate", formula, "x"), Rule("rate", Number(0.0), "y"))
    return Kernel(Model(parameters=(*variables, *given), rules=rules))


def both(formula, x, y=1.0, **parameters):
    """(value, d/dx, d/dy) by tape; asserts that machine code and interpreter say the same."""
    kernel = kernel_of(formula, **parameters)
    point = np.array([x, y], dtype=float)
    _, p = kernel.initial()
    results = []
    for source in (kernel, kernel.interpreted):
        results.append([source.rhs(0.0, point, p)[0], *source.jacobian(0.0, point, p)[0]])
    np.testing.assert_allclose(results[0], results[1], rtol=1e-12, atol=1e-300)
    kernel.compile()
    again = [kernel.rhs(0.0, point, p)[0], *kernel.jacobian(0.0, point, p)[0]]
    np.testing.assert_allclose(again, results[0], rtol=1e-12, atol=1e-300)
    return results[0]


@pytest.fixture(autouse=True)
def no_cache(monkeypatch):
    monkeypatch.setenv("MANYSCALE_CACHE", "0")


@pytest.mark.parametrize("name", AT)
def test_slopes_are_those_of_central_differences(name):
    for x in AT[name]:
        formula = Call(name, (X,))
        value, slope, _ = both(formula, x)
        assert math.isfinite(value)
        if name == "factorial":
            assert value == math.factorial(int(x))
            continue
        h = 1e-6 * max(abs(x), 1.0)
        kernel = kernel_of(formula)
        _, p = kernel.initial()
        high, low = (kernel.rhs(0.0, np.array([x + s * h, 1.0]), p)[0] for s in (1, -1))
        assert slope == pytest.approx((high - low) / (2 * h), rel=1e-7, abs=1e-8)


def test_inverse_functions_invert():
    for name, inverse in (("sec", "arcsec"), ("csc", "arccsc"), ("cot", "arccot"), ("sech", "arcsech"),
                          ("csch", "arccsch"), ("coth", "arccoth"), ("sinh", "arcsinh")):  # fmt: skip
        assert both(Call(inverse, (Call(name, (X,)),)), 0.4)[0] == pytest.approx(0.4, rel=1e-14)


@pytest.mark.parametrize("x, n, value, slope", [
    (2.0, 3.0, 8.0, 12.0), (0.0, 0.0, 1.0, 0.0), (0.0, 1.0, 0.0, 1.0), (0.0, 2.0, 0.0, 0.0), (0.0, 2.5, 0.0, 0.0),
    (0.0, -1.0, inf, None), (-2.0, 3.0, -8.0, 12.0), (-2.0, 2.0, 4.0, -4.0), (-2.0, 0.5, nan, None),
    (4.0, 0.5, 2.0, 0.25), (2.0, -2.0, 0.25, -0.25), (1e200, 2.0, inf, None), (3.0, 40.0, 3.0**40, 40 * 3.0**39),
    (0.5, 1.5, 0.5**1.5, 1.5 * 0.5**0.5),
])  # fmt: skip
def test_powers_at_the_edges(x, n, value, slope):
    for formula, parameters in ((Power(X, Number(n)), {}), (Power(X, N), {"n": n})):
        got = both(formula, x, **parameters) if slope is not None else [value_only(formula, x, **parameters)]
        np.testing.assert_allclose(got[0], value, rtol=1e-14)
        if slope is not None:
            assert got[1] == pytest.approx(slope, rel=1e-13)


def value_only(formula, x, y=1.0, **parameters):
    kernel = kernel_of(formula, **parameters)
    _, p = kernel.initial()
    point = np.array([x, y], dtype=float)
    value = kernel.rhs(0.0, point, p)[0]
    np.testing.assert_equal(kernel.interpreted.rhs(0.0, point, p)[0], value)
    return value


def test_power_with_a_moving_exponent():
    value, by_base, by_exponent = both(Power(X, Y), 2.0, 3.5)
    assert value == pytest.approx(2**3.5)
    assert by_base == pytest.approx(3.5 * 2**2.5)
    assert by_exponent == pytest.approx(2**3.5 * math.log(2))
    assert both(Power(X, Y), 0.0, 2.0)[2] == 0.0


def test_hill_terms_with_whole_and_broken_exponents():
    hill = Power(X, N) / (Power(X, N) + Power(Y, N))
    for n in (1.0, 2.0, 4.0, 2.3, 20.0):
        value, slope, _ = both(hill, 0.3, 0.5, n=n)
        a, b = 0.3**n, 0.5**n
        assert value == pytest.approx(a / (a + b), rel=1e-13)
        assert slope == pytest.approx(n * a * b / (0.3 * (a + b) ** 2), rel=1e-12)


def test_choices_take_value_and_slope_of_the_branch_that_holds():
    below = Relation("<", X, Number(2.0))
    formula = Piecewise(((Mul((X, X)), below),), Number(3.0) * X)
    assert both(formula, 1.5)[:2] == pytest.approx([2.25, 3.0])
    assert both(formula, 2.0)[:2] == pytest.approx([6.0, 3.0])
    assert math.isnan(value_only(Piecewise(((X, below),), None), 5.0))


def test_a_singular_branch_that_is_not_taken_does_no_harm():
    root = Piecewise(((Power(X, Number(0.5)), Relation(">", X, Number(0.0))),), Number(0.0))
    assert both(root, 0.0)[:2] == [0.0, 0.0]
    log = Piecewise(((Call("ln", (X,)) * Y, Relation(">", X, Number(0.0))),), Y)
    assert both(log, -1.0, 2.0) == [2.0, 0.0, 1.0]


def test_relations_are_numbers_and_numbers_are_conditions():
    assert value_only(Add((Relation(">=", X, Number(1.0)), Number(1.0))), 1.0) == 2.0
    assert value_only(Piecewise(((Number(7.0), Y),), Number(8.0)), 0.0, 0.5) == 7.0
    assert value_only(Mul((Bool(True), X)), 3.0) == 3.0
    for operator, expected in (("<", 0.0), ("<=", 1.0), (">", 0.0), (">=", 1.0), ("==", 1.0), ("!=", 0.0)):
        assert value_only(Relation(operator, X, Y), 2.0, 2.0) == expected
    assert value_only(Relation("==", X, X), nan) == 0.0
    assert value_only(Relation("!=", X, X), nan) == 1.0


def test_connectives():
    x, y = Relation(">", X, Number(0.0)), Relation(">", Y, Number(0.0))
    table = {"and": (0, 0, 0, 1), "or": (0, 1, 1, 1), "xor": (0, 1, 1, 0), "implies": (1, 1, 0, 1)}
    for operator, expected in table.items():
        got = tuple(value_only(Logic(operator, (x, y)), a, b) for a, b in ((-1, -1), (-1, 1), (1, -1), (1, 1)))
        assert got == expected, operator
    assert value_only(Logic("not", (X,)), 0.0) == 1.0
    assert value_only(Logic("xor", (X, X, X)), 1.0) == 1.0
    assert value_only(Logic("and", ()), 0.0) == 1.0
    assert value_only(Logic("or", ()), 0.0) == 0.0


def test_min_max_quotient_and_rem():
    assert both(Call("min", (X, Y, Number(0.5))), 1.0, 2.0) == [0.5, 0.0, 0.0]
    assert both(Call("max", (X, Y)), 1.0, 2.0) == [2.0, 0.0, 1.0]
    assert value_only(Call("quotient", (X, Y)), -7.0, 2.0) == -3.0
    assert value_only(Call("rem", (X, Y)), -7.0, 2.0) == -1.0
    assert both(Call("rem", (X, Y)), 7.5, 2.0) == pytest.approx([1.5, 1.0, -3.0])
    assert math.isnan(value_only(Call("min", (X, Y)), nan, 1.0))


def test_not_a_number_and_infinity_pass_through():
    assert math.isnan(value_only(X + Number(nan), 1.0))
    assert value_only(X / Y, 1.0, 0.0) == inf
    assert value_only(Call("ln", (X,)), 0.0) == -inf
    assert math.isnan(value_only(Call("ln", (X,)), -1.0))
    assert math.isnan(value_only(Call("factorial", (X,)), -1.0))


def test_object_code_is_kept_whole_or_not_at_all(tmp_path, monkeypatch):
    monkeypatch.setenv("MANYSCALE_CACHE", str(tmp_path))
    cache.store("key", b"content")
    assert cache.load("key") == b"content"
    (tmp_path / "key").write_bytes((tmp_path / "key").read_bytes()[:-2])
    assert cache.load("key") is None
    assert cache.load("other") is None
    monkeypatch.setenv("MANYSCALE_CACHE", "0")
    cache.store("key", b"content")
    assert cache.load("key") is None


def test_machine_code_from_the_cache_gives_the_same(tmp_path, monkeypatch):
    monkeypatch.setenv("MANYSCALE_CACHE", str(tmp_path))
    point, results = np.array([0.3, 2.0]), []
    for _ in range(2):
        kernel = kernel_of(Call("exp", (X,)) / (Y + X))
        _, p = kernel.initial()
        kernel.compile()
        results.append(kernel.jacobian(0.0, point, p))
        assert len(list(tmp_path.iterdir())) == 1
    np.testing.assert_array_equal(*results)
