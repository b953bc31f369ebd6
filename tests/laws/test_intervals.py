"""Interval ranges contain every sampled value, and the exponential bound every exponential."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import expm

from manyscale.bridges.rigorous import intervals as iv
from manyscale.bridges.rigorous.exponential import exponential
from manyscale.bridges.rigorous.tape import Tape
from manyscale.kernels.graph import Graph
from manyscale.model.evaluate import evaluate
from manyscale.model.parse import parse

FORMULAS = [
    "x*y/(x + y + 1)", "x - x*y + y^2 - 3*x", "x^2/(1 + x^2) - y", "exp(-x)*y + ln(1 + x)", "sqrt(x + y)*(x - y)",
    "x^1.7/(0.3 + x^1.7)", "(x - y)^3", "abs(x - y) + min(x, y) - max(x, 2*y)", "1/(x - 5)", "2*x/(x + y + sqrt((x + y + 1)^2 - 4*x*y))",
]  # fmt: skip
NUMBER = st.floats(1e-3, 20.0)


@pytest.mark.parametrize("text", FORMULAS)
@settings(max_examples=60, deadline=None)
@given(st.tuples(NUMBER, NUMBER), st.tuples(NUMBER, NUMBER), st.booleans())
def test_ranges_contain_dense_samples(text, first, second, tight):
    graph = Graph(set())
    formula = parse(text)
    node, tape = graph.of(formula), Tape(graph)
    boxes = {"x": sorted(first), "y": sorted(second)}
    inputs = {name: (np.array([a]), np.array([b])) for name, (a, b) in boxes.items()}
    low, high = tape.tight(node, inputs) if tight else tape.ranges([node], inputs)[0]
    for x in np.linspace(*boxes["x"], 9):
        for y in np.linspace(*boxes["y"], 9):
            with np.errstate(all="ignore"):
                value = evaluate(formula, {"x": float(x), "y": float(y)})
            if np.isfinite(value):
                slack = 1e-12 * (abs(value) + 1)  # of the sample, which is computed in floating point
                assert low[0] - slack <= value <= high[0] + slack


def test_a_formula_that_is_monotone_has_its_exact_range():
    graph = Graph(set())
    node, inputs = (
        graph.of(parse("x^2 - x*y")),
        {"x": (np.array([2.0]), np.array([3.0])), "y": (np.array([1.0]), np.array([2.0]))},
    )
    low, high = Tape(graph).tight(node, inputs)
    assert low[0] == pytest.approx(0.0, abs=1e-12) and high[0] == pytest.approx(6.0, rel=1e-12)
    assert low[0] <= 0.0 and high[0] >= 6.0
    assert Tape(graph).ranges([node], inputs)[0][0][0] == pytest.approx(-2.0, rel=1e-12)  # the natural one is wider


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_products_with_zero_stay_zero_and_tiny_values_move_outward():
    zero, everything = iv.point([0.0]), (np.array([-np.inf]), np.array([np.inf]))
    assert [float(v[0]) for v in iv.mul(zero, everything)] == [0.0, 0.0]
    low, high = iv.mul(iv.point([1e-100]), iv.point([1e-100]))
    assert low[0] == 0.0 and high[0] > 0.0
    low, high = iv.reciprocal((np.array([-1.0]), np.array([1.0])))
    assert np.isinf(low[0]) and np.isinf(high[0])


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 5), st.floats(-2, 4))
def test_exponential_bound_is_above_and_close(seed, size, stiffness):
    random = np.random.default_rng(seed)
    matrix = random.uniform(0, 1, (size, size)) * random.integers(0, 2, (size, size))
    matrix[np.diag_indices(size)] = -(10.0**stiffness) * random.uniform(0, 1, size)
    bound, exact = exponential(matrix[None])[0], expm(matrix)
    assert np.all(bound >= exact - 1e-13 * np.abs(exact).max())
    assert np.all(bound <= exact * (1 + 1e-5) + 1e-9)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_machine_code_and_array_arithmetic_agree():
    graph = Graph(set())
    tape, random = Tape(graph), np.random.default_rng(0)
    nodes = [graph.of(parse(text)) for text in FORMULAS if "min" not in text]
    ends = np.sort(random.uniform(0.01, 9.0, (2, 2, 300)), axis=1)
    inputs = {"x": (ends[0, 0], ends[0, 1]), "y": (ends[1, 0], ends[1, 1])}
    found = tape.many(nodes, nodes, inputs, 300)
    for k, node in enumerate(nodes):
        for row, pair in (
            (found[k], tape.ranges([node], inputs)[0]),
            (found[k + len(nodes)], tape.tight(node, inputs)),
        ):
            assert np.allclose(row, np.array(pair), rtol=1e-12, atol=1e-12)
