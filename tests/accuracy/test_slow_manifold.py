"""Slow manifolds of higher order against exact ones and known series; each order gains a factor of eps."""

from __future__ import annotations

import numpy as np
import pytest

import manyscale as ms
from manyscale.bridges.time.slow_manifold import slow_manifold
from manyscale.engines.simulate import simulate


def on_manifold(model: ms.Model, fast: str, order: int, times=(0.0,)) -> ms.Trajectory:
    return simulate(slow_manifold(model, [fast], order=order).coarse, list(times), rtol=1e-10)


@pytest.mark.parametrize("g", [10.0, 100.0])
@pytest.mark.parametrize("order", [0, 1, 2, 3])
def test_davis_skodje_misses_the_exact_manifold_by_the_known_terms(g, order):
    model = ms.read(f"z' = -z; y' = -g*y + ((g - 1)*z + g*z^2)/(1 + z)^2; z = 2; y = 1; g = {g}")
    run = on_manifold(model, "y", order, (0.0, 0.6, 1.2))
    z = run["z"]
    known = (
        -z / (g * (1 + z) ** 2),
        z * (z - 1) / (g**2 * (1 + z) ** 3),
        -z * (z**2 - 4 * z + 1) / (g**3 * (1 + z) ** 4),
        z * (z - 1) * (z**2 - 10 * z + 1) / (g**4 * (1 + z) ** 5),
    )
    assert run["y"] - z / (1 + z) == pytest.approx(known[order], rel=1e-6, abs=1e-14)


def enzyme(eps: float, s: float = 1.0) -> ms.Model:
    return ms.read(f"s' = -s + (s + k - l)*c; c' = (s - (s + k)*c)/e; s = {s}; c = 0.5; k = 1; l = 0.5; e = {eps}")


SERIES = (0.5, 0.03125, -0.009765625, 0.00439453125)  # h0 .. h3 at s = 1 for k = 1, l = 1/2


@pytest.mark.parametrize("order", [0, 1, 2, 3])
def test_michaelis_menten_agrees_with_its_series_to_that_order(order):
    """|h_(order)(eps) - sum of the series up to that order| falls as eps^(order + 1)."""
    missing = []
    for eps in (0.04, 0.02, 0.01):
        value = float(on_manifold(enzyme(eps), "c", order)["c"][0])
        missing.append(abs(value - sum(h * eps**k for k, h in enumerate(SERIES[: order + 1]))))
    if order < 2:  # h0 and h0 + eps h1 exactly, the equation being linear in c
        assert max(missing) <= 1e-14
    else:
        assert np.log2(np.array(missing[:-1]) / missing[1:]) == pytest.approx(order + 1, abs=0.25)


def true_manifold(eps: float) -> float:
    """c at s = 1 on an orbit that started far enough away to have forgotten where."""
    run = simulate(enzyme(eps, 6.0), np.linspace(0, 30, 30_001), rtol=1e-12)
    return _at_one(run["s"], run["c"])


def _at_one(s: np.ndarray, c: np.ndarray) -> float:
    from scipy.interpolate import CubicSpline

    near = np.flatnonzero(np.abs(s - 1.0) < 0.02)[::-1]
    return float(CubicSpline(s[near], c[near])(1.0))


def test_errors_of_the_manifold_fall_by_one_power_of_eps_per_order():
    ratios = (0.1, 0.05, 0.025)
    exact = [true_manifold(eps) for eps in ratios]
    assert exact[0] == pytest.approx(0.5030315116, abs=1e-9)
    for order in range(4):
        found = [float(on_manifold(enzyme(eps), "c", order)["c"][0]) for eps in ratios]
        error = np.abs(np.array(found) - exact)
        slopes = np.log2(error[:-1] / error[1:])
        assert slopes == pytest.approx(order + 1, abs=0.45), (order, error)


def dynamics_error(order: int, eps: float, layer: float) -> float:
    """Of the slow variable along a run, from a start off the manifold."""
    model = ms.read(f"s' = -s + (s + k - l)*c; c' = (s - (s + k)*c)/e; s = 2; c = 0; k = 1; l = 0.5; e = {eps}")
    bridge = slow_manifold(model, ["c"], order=order, layer=layer)
    times = np.linspace(0, 4, 81)
    fine, coarse = simulate(model, times, rtol=1e-11), simulate(bridge.coarse, times, rtol=1e-11)
    late = times >= max(layer, 0.5)
    return float(np.abs(fine["s"] - coarse["s"])[late].max())


def test_runs_gain_an_order_too_once_the_start_is_projected():
    """With the start on the right orbit the error of the slow variable falls as eps^(order + 1); without it stays of
    first order whatever the manifold."""
    ratios = (0.04, 0.02)
    for order in (0, 1):
        a, b = (dynamics_error(order, eps, 12 * eps) for eps in ratios)
        assert np.log2(a / b) == pytest.approx(order + 1, abs=0.35)
    a, b = (dynamics_error(1, eps, 0.0) for eps in ratios)
    assert np.log2(a / b) == pytest.approx(1, abs=0.25)


def test_two_coupled_fast_variables_share_one_corrected_manifold():
    """Linear, so that the slow manifold is an eigenspace: its slope is known to machine precision."""
    errors = []
    for eps in (0.02, 0.01):
        model = ms.read(f"""
        z' = -z + 0.5*u + 0.2*v; u' = (z - 2*u + 0.5*v)/e; v' = (0.3*z + u - 3*v)/e; z = 1; u = 0; v = 0; e = {eps};
        """)
        matrix = np.array([[-1, 0.5, 0.2], [1 / eps, -2 / eps, 0.5 / eps], [0.3 / eps, 1 / eps, -3 / eps]])
        values, vectors = np.linalg.eig(matrix)
        slow = vectors[:, np.argmin(np.abs(values))].real
        run = simulate(slow_manifold(model, ["u", "v"]).coarse, [0.0])
        errors.append(abs(run["u"][0] - slow[1] / slow[0]) + abs(run["v"][0] - slow[2] / slow[0]))
    assert np.log2(errors[0] / errors[1]) == pytest.approx(2, abs=0.15)


def test_without_a_formula_the_zero_derivative_principle_is_an_equation():
    errors = []
    for eps in (0.02, 0.01):
        text = f"z' = -z; y' = (z - y - y^5)/e; z = 1; y = 0.7; e = {eps}"
        bridge = slow_manifold(ms.read(text), ["y"], layer=10 * eps)
        assert any(rule.kind == "algebraic" for rule in bridge.coarse.rules)
        times = [0.0, 0.5, 1.0]
        fine, coarse = simulate(ms.read(text), times, rtol=1e-11), simulate(bridge.coarse, times, rtol=1e-11)
        errors.append(np.abs(fine["y"] - coarse["y"])[1:].max())
    assert np.log2(errors[0] / errors[1]) == pytest.approx(2, abs=0.4)


def test_totals_are_slow_coordinates_of_a_corrected_manifold_too():
    errors = {}
    for order in (0, 1):
        model = ms.read("""
        compartment c = 1; species S in c, C in c, P in c; S = 10; C = 0; P = 1; E0 = 2; k1 = 10; back = 10; k2 = 10;
        E := E0 - C; bind: S -> C; c*(k1*E*S - back*C); turn: C => P; c*k2*C;
        """)
        bridge = slow_manifold(model, ["C"], order=order, totals={"C": "bind"}, layer=0.2)
        times = np.linspace(0, 3, 61)
        fine, coarse = simulate(model, times, rtol=1e-10), simulate(bridge.coarse, times, rtol=1e-10)
        errors[order] = np.abs(fine["P"] - coarse["P"])[times >= 0.2].max() / 10
    assert errors[1] < 0.3 * errors[0]


def test_the_search_turns_to_the_first_order_where_steady_states_miss_by_little():
    text = "z' = -z*(1 + 0.001*y); y' = -g*y + ((g - 1)*z + g*z^2)/(1 + z)^2; z = 2; y = 1; g = 20"
    question = ms.Question(observables=("z", "y"), horizon=6, tolerance=0.005, region=1.2)
    (bridge,) = ms.reduce(text, question).reductions
    assert bridge.name == "slow_manifold" and bridge.certificate.recipe["order"] == 1
    assert not ms.verify(ms.Chain(bridge.fine, (bridge,)), question, points=64, seed=5).violations


def test_orders_that_cannot_be_made_are_refused_by_number():
    with pytest.raises(ms.InputError, match="order=4"):
        slow_manifold(enzyme(0.1), ["c"], order=4)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_a_manifold_that_moves_with_time(order):
    """y' = g (z sin t - y) follows y = z (g (g - 1) sin t - g cos t)/((g - 1)^2 + 1) exactly; each order gains 1/g."""
    missing = []
    for g in (20.0, 40.0):
        model = ms.read(f"z' = -z; y' = g*(z*sin(time) - y); z = 1; y = 0; g = {g}")
        run = on_manifold(model, "y", order, np.linspace(0.0, 2.0, 41))
        exact = run["z"] * (g * (g - 1) * np.sin(run.times) - g * np.cos(run.times)) / ((g - 1) ** 2 + 1)
        missing.append(float(np.abs(run["y"] - exact).max()))
    assert np.log2(missing[0] / missing[1]) == pytest.approx(order + 1, abs=0.25)
