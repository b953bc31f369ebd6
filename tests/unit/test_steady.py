"""Steady states and stability against closed forms."""

from __future__ import annotations

import numpy as np
import pytest

import manyscale as ms
from manyscale.analysis.stability import stability
from manyscale.kernels import compile_model


def steady(text: str, **values):
    return ms.steady_state(f"model m()\n{text}\nend\n", values or None)


def test_a_linear_network_ends_on_its_conserved_plane():
    found = steady("A = 3; B = 0\na: A -> B; 2*A\nb: B -> A; 1*B")
    assert (found["A"], found["B"]) == pytest.approx((1.0, 2.0))
    assert found.eigenvalues == pytest.approx([-3.0])
    assert found.stable
    assert found.kind == "stable node"


def test_production_and_decay_from_nothing():
    found = steady("A = 0\na: -> A; 6\nb: A -> ; 2*A")
    assert found["A"] == pytest.approx(3.0)
    assert found["a"] == pytest.approx(6.0)


def test_overrides_change_the_totals():
    assert steady("A = 3; B = 0\na: A -> B; 2*A\nb: B -> A; 1*B", A=30.0)["B"] == pytest.approx(20.0)


def test_concentrations_in_different_compartments_conserve_amounts():
    found = steady("compartment c = 1, d = 4; species A in c = 9; species B in d = 0\na: A -> B; A - B")
    assert (found["A"], found["B"]) == pytest.approx((1.8, 1.8))


def test_an_unstable_steady_state_is_found_and_called_so():
    found = steady("X = 1; Y = 1\na: -> X; 1\nb: -> X; X^2*Y\nc: X -> ; X\nd: X -> Y; 3*X\ne: Y -> ; X^2*Y")
    assert (found["X"], found["Y"]) == pytest.approx((1.0, 3.0))
    assert found.stable is False
    assert found.kind == "unstable focus"


def test_time_dependence_is_refused():
    with pytest.raises(ms.InputError, match="depends on time"):
        steady("x = 1; x' = sin(time) - x")


def test_unbounded_growth_is_named():
    with pytest.raises(ms.SimulationError, match="'A' keeps growing"):
        steady("A = 1\na: -> A; 2")


def test_every_eigenvalue_of_the_quotient_is_there(examples):
    model = ms.read(examples / "huang_ferrell_1996.ant")
    found = ms.steady_state(model)
    assert len(found.states) - len(found.eigenvalues) == 7
    kernel = compile_model(model)
    full = np.linalg.eigvals(kernel.jacobian(0.0, found.states, found.parameters))
    largest = np.sort(np.abs(full))[::-1][: len(found.eigenvalues)]
    assert np.sort(np.abs(found.eigenvalues))[::-1] == pytest.approx(largest, rel=1e-5, abs=1e-9)


def test_algebraic_variables_have_no_eigenvalue_of_their_own():
    from dataclasses import replace

    from manyscale.model.parse import parse
    from manyscale.model.parts import Rule

    model = ms.read("model m()\nx = 1; z = 1; x' = 2 - z\nend\n")
    model = model.replace(
        parameters=tuple(replace(p, constant=False) for p in model.parameters),
        rules=(*model.rules, Rule("algebraic", parse("z^3 + z - x"))),
    )
    found = ms.steady_state(model)
    assert (found["x"], found["z"]) == pytest.approx((10.0, 2.0))
    assert found.eigenvalues == pytest.approx([-1 / 13])
    kernel = compile_model(model)
    assert stability(kernel, 0.0, found.states, found.parameters).stable
