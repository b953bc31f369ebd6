"""Numbers against closed forms, SciPy and libRoadRunner."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.linalg import expm

import manyscale as ms
from manyscale import _core
from manyscale.kernels import compile_model

CHAIN = "model m()\nA = 1; B = 0; C = 0\na: A -> B; 1.3*A\nb: B -> C; 0.7*B\nc: C -> A; 0.4*C\nd: B -> A; 0.2*B\nend\n"
MATRIX = np.array([[-1.3, 0.2, 0.4], [1.3, -0.9, 0.0], [0.0, 0.7, -0.4]])
T = np.linspace(0, 5, 11)


@pytest.mark.parametrize("method", ["auto", "bdf", "rosenbrock", "explicit"])
@pytest.mark.parametrize("rtol", [1e-4, 1e-6, 1e-8, 1e-10])
def test_linear_networks_follow_the_matrix_exponential(method, rtol):
    run = ms.simulate(CHAIN, T, rtol=rtol, method=method)
    exact = np.array([expm(MATRIX * t)[:, 0] for t in T])
    assert np.abs(run.states - exact).max() < 30 * rtol


@pytest.mark.parametrize("method, order", [("explicit", 5), ("rosenbrock", 5)])
def test_the_order_of_convergence_is_that_of_the_method(method, order):
    """With steps of fixed size: loose tolerances, and the size limited."""
    kernel = compile_model(ms.read(CHAIN))
    y, p = kernel.initial()
    exact = expm(MATRIX * 4.0)[:, 0]
    errors, sizes = [], (0.5, 0.25, 0.125)
    for size in sizes:
        run = _core.Run(kernel.new_equations(), p, 1e3, np.full(3, 1e3), method=method, max_step=size, first_step=size)
        run.start(0.0, y)
        out = np.empty((1, 3))
        run.advance(4.0, np.array([4.0]), out)
        errors.append(np.abs(out[0] - exact).max())
    slopes = np.diff(np.log(errors)) / np.diff(np.log(sizes))
    assert (slopes > order - 0.4).all()


@pytest.mark.parametrize("method", ["auto", "bdf", "rosenbrock"])
def test_robertsons_stiff_problem(method):
    """Values at t = 4e5 from Hairer & Wanner, Solving ODEs II, and from SciPy's Radau at 1e-12 in between."""
    text = (
        "model m()\nA = 1; B = 0; C = 0\na: A -> B; 0.04*A\nb: 2 B -> B + C; 3e7*B^2\nc: B + C -> A + C; 1e4*B*C\nend\n"
    )
    times = [0.0, 0.4, 40.0, 4e3, 4e5]
    run = ms.simulate(text, times, rtol=1e-8, method=method)
    kernel = run.kernel
    oracle = solve_ivp(
        lambda t, y: kernel.rhs(t, y, run.parameters), (0, 4e5), run.states[0], "Radau", times, rtol=1e-11,
        atol=[1e-14, 1e-19, 1e-14], jac=lambda t, y: kernel.jacobian(t, y, run.parameters),
    )  # fmt: skip
    assert run.states == pytest.approx(oracle.y.T, rel=3e-6, abs=1e-14)
    assert run.states.sum(axis=1) == pytest.approx(1.0, abs=1e-11)


def test_species_that_start_at_zero_are_relatively_accurate():
    """A chain born from one species: the last member rises as t^6 through thirty orders of magnitude."""
    ids = "ABCDEFG"
    reactions = "\n".join(f"r{k}: {a} -> {b}; 1e-3*{a}" for k, (a, b) in enumerate(pairwise(ids)))
    text = "model m()\nA = 1; " + "; ".join(f"{x} = 0" for x in ids[1:]) + f"\n{reactions}\nend\n"
    times = np.geomspace(1e-1, 1e4, 6)
    run = ms.simulate(text, times)
    x = 1e-3 * times
    for k, id in enumerate(ids[:-1]):
        factorial = float(np.prod(np.arange(1, k + 1)))
        exact = x**k * np.exp(-x) / factorial
        seen = exact > 1e-12
        assert run[id][seen] == pytest.approx(exact[seen], rel=1e-3)


def test_fully_consumed_species_do_not_become_negative_beyond_tolerance():
    text = "model m()\nA = 1; B = 0.5; C = 0\na: A + B -> C; 1e6*A*B\nend\n"
    run = ms.simulate(text, np.linspace(0, 1, 101))
    assert run.states.min() > -1e-12


@pytest.mark.parametrize(
    "name", ["kholodenko_2000", "huang_ferrell_1996", "tyson_1991", "hodgkin_huxley_1952", "vilar_2002"]
)
def test_examples_agree_with_scipy(examples, name):
    model = ms.read(examples / f"{name}.ant")
    times = np.linspace(0, 20, 21)
    run = ms.simulate(model, times, rtol=1e-10)
    kernel, p = run.kernel, run.parameters if run.parameters.ndim == 1 else run.parameters[0]
    scale = np.abs(run.states).max(axis=0)
    oracle = solve_ivp(
        lambda t, y: kernel.rhs(t, y, p), (0, 20), run.states[0], "LSODA", times, rtol=1e-11,
        atol=1e-13 * np.maximum(scale, 1e-30), jac=lambda t, y: kernel.jacobian(t, y, p),
    )  # fmt: skip
    assert (np.abs(run.states - oracle.y.T) <= 1e-6 * scale).all()


def test_biomodels_agree_with_libroadrunner(corpora):
    roadrunner = pytest.importorskip("roadrunner")
    for number in ("010", "012", "035", "021"):
        path = corpora / "biomodels" / f"BIOMD0000000{number}.xml"
        peer = roadrunner.RoadRunner(str(path))
        peer.integrator.relative_tolerance, peer.integrator.absolute_tolerance = 1e-11, 1e-13
        species = list(peer.model.getFloatingSpeciesIds())
        peer.timeCourseSelections = ["time", *species]
        theirs = np.asarray(peer.simulate(0, 50, 51))
        run = ms.simulate(path, theirs[:, 0], rtol=1e-10)
        for k, id in enumerate(species, 1):
            assert np.abs(run.amount(id) - theirs[:, k]).max() <= 2e-6 * np.abs(theirs[:, k]).max(), (number, id)


def test_michaelis_menten_follows_lamberts_function():
    from scipy.special import lambertw

    run = ms.simulate("model m()\nS = 5; P = 0\na: S -> P; 2*S/(1.5 + S)\nend\n", T, rtol=1e-9)
    exact = 1.5 * lambertw(5 / 1.5 * np.exp((5 - 2 * T) / 1.5)).real
    assert run["S"] == pytest.approx(exact, rel=1e-7)
