"""Loading between modules: the textbook case, degradation of what is bound, enzymes, insulation, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

import manyscale as ms
from manyscale.circuits import parts
from manyscale.model.sympy_bridge import to_sympy


def test_the_textbook_delay_is_found_by_formula_and_by_number():
    one = ms.load(parts.constitutive("X"), parts.clients("X", sites="10 nM"))
    alpha, delta, sites, kd = 1.0, 0.01, 10.0, 1.0
    expected = (1 / delta) * sites * kd / (kd + alpha / delta) ** 2
    assert one.delta_tau == pytest.approx(expected, rel=1e-9)
    import sympy

    a, d, on, off, y = sympy.symbols("make_X decay_X load_on load_off load_sites_total")
    kd = off / on
    textbook = y * kd / (d * (kd + a / d) ** 2)
    assert sympy.simplify(to_sympy(one.formulas["delta_tau"]) - textbook) == 0
    assert one.tau_0 == pytest.approx(100.0, rel=1e-12)
    assert one.R.item() == 0.0
    assert one.tau_full == pytest.approx(one.tau_eff, rel=1e-6)


@pytest.mark.parametrize("sites", [0.5, 10.0, 300.0])
def test_degrading_the_bound_form_as_fast_as_the_free_one_leaves_the_time_constant_exactly(sites):
    up = parts.constitutive("X", production="0.1 nM/s", decay="0.01 1/s")
    one = ms.load(up, parts.clients("X", sites=f"{sites} nM", bound_decay="0.01 1/s"))
    assert one.S.item() > 1e-3
    assert one.tau_eff == pytest.approx(100.0, rel=1e-10)
    assert str(one.formulas["tau_eff where load_loss = decay_X"]) == "1/decay_X"
    assert "exactly" in one.verdict


def modulated(sites: float):
    """A source that swings slowly, and sites that bind its output; the start is in binding equilibrium (Kd = 1)."""
    up = ms.model("up", species={"X": 5.0}, parameters={"k0": 0.01, "d": 0.01, "w": 0.005},
                  reactions=["make: -> X; k0*(1 + sin(w*time))", "loss: X -> ; d*X"])  # fmt: skip
    down = ms.model("down", species={"X": 0.0, "P": sites / 6, "C": sites * 5 / 6}, parameters={"kon": 10, "koff": 10},
                    reactions=["bind: X + P <-> C; kon*X*P - koff*C"])  # fmt: skip
    return up, down


@pytest.mark.parametrize(
    "sites, slope, lag, amplitude, away", [(0.1, 0.025, 9.9e-6, 0.8881, 0.014), (1, 0.25, 5.9e-5, 0.8358, 0.12),
                                           (10, 2.5, 1.13e-4, 0.4905, 0.606), (100, 25.0, 1.3e-4, 0.2511, 1.896)],
)  # fmt: skip
def test_a_modulated_source_with_a_load_is_reduced(sites, slope, lag, amplitude, away):
    """To zeroth order the error is the lag of the complexes, C'/(kon (X + P) + koff): above 1e-4 for many sites it belongs
    to the quasi-steady state and not to the solver. To first order, with the initial layer, it is gone at every time."""
    up, down = modulated(sites)
    one = ms.load(up, down, at={"X": 1.0})
    assert one.S.item() == pytest.approx(slope, rel=1e-9)
    times = np.concatenate([[0.0], np.geomspace(1e-4, 0.4, 40), np.arange(0.5, 4000.1, 0.5)])
    full = ms.simulate(one.model, times, rtol=1e-10)
    x = full["X"]
    reduced = ms.simulate(one.reduced.coarse, times, rtol=1e-10)["X"]
    corrected = ms.simulate(one.corrected.coarse, times, rtol=1e-10)["X"]
    alone = ms.simulate(up, times, rtol=1e-9)["X"]
    assert np.abs(x - reduced).max() == pytest.approx(lag, rel=0.02)
    assert np.abs(x - corrected).max() < 3e-8
    rate = 10 * x * full["P"] - 10 * full["C"]
    behind = rate / (10 * (x + full["P"]) + 10)
    assert np.abs(x - reduced)[41:].max() == pytest.approx(np.abs(behind)[41:].max(), rel=0.5)
    late = x[times > 2000.0]  # with 100 sites the first of them is the largest, as X is still settling
    assert np.ptp(late) / 2 == pytest.approx(amplitude, abs=1e-4)
    assert np.abs(x[::100] - _by_radau(sites, times[::100])).max() < 1e-7
    assert np.abs(x - alone).max() == pytest.approx(away, abs=1e-3 if away > 0.1 else 5e-4)


def test_the_start_may_lie_far_from_where_the_binding_settles():
    """All sites empty at first: X falls from 5 to 0.75 in a fraction of a second, then the slow dynamics begins. Without
    the decaying term of second order in the distance the error in that fraction would be 0.5."""
    up, down = modulated(10.0)
    one = ms.load(up, down, at={"X": 1.0})
    empty = {"P": 10.0, "C": 0.0}
    times = np.concatenate([[0.0], np.geomspace(1e-4, 1.0, 60), np.linspace(2, 2000, 200)])
    full = ms.simulate(one.model, times, values=empty, rtol=1e-10)["X"]
    assert full[0] - full[61] > 4.0
    bridge = one.corrected
    small = ms.simulate(bridge.coarse, times, values=bridge.carry(empty), rtol=1e-10)["X"]
    assert np.abs(full - small).max() < 2e-4
    assert np.abs(full - small)[61:].max() < 3e-8
    assert small[0] == pytest.approx(full[0], rel=1e-12)


def test_two_complexes_settle_together_each_with_its_own_terms():
    """Two kinds of sites share X. The slow error is that of the first-order manifold, and the start is exact."""
    up, _ = modulated(1.0)
    down = ms.model("two", species={"X": 0.0, "P": 1.7, "C": 8.3, "Q": 2.5, "D": 2.5},
                    parameters={"kon": 10, "koff": 10, "on": 3, "off": 15},
                    reactions=["bind: X + P <-> C; kon*X*P - koff*C", "hold: X + Q <-> D; on*X*Q - off*D"])  # fmt: skip
    one = ms.load(up, down, at={"X": 1.0})
    times = np.concatenate([[0.0], np.geomspace(1e-4, 0.4, 40), np.arange(0.5, 2000, 0.5)])
    full = ms.simulate(one.model, times, rtol=1e-10)["X"]
    bridge = one.corrected
    small = ms.simulate(bridge.coarse, times, rtol=1e-10)["X"]
    assert small[0] == pytest.approx(full[0], rel=1e-12)
    bare = ms.simulate(one._without_complexes(1).coarse, times, rtol=1e-10)["X"]
    assert np.abs(full - bare)[0] > 0.01
    assert np.abs(full - small).max() < 2e-4
    assert np.abs(full - small)[60:].max() < 0.1 * np.abs(full - bare)[60:].max()


def _by_radau(sites: float, times) -> np.ndarray:
    from scipy.integrate import solve_ivp

    def right(t, y):
        flux = 10 * y[0] * (sites - y[1]) - 10 * y[1]
        return [0.01 * (1 + np.sin(0.005 * t)) - 0.01 * y[0] - flux, flux]

    return solve_ivp(right, (0, 4000), [5.0, sites * 5 / 6], method="Radau", rtol=1e-9, atol=1e-12, t_eval=times).y[0]


def test_the_matrices_are_covariances_of_what_is_bound():
    up = ms.model("up", species={"A": "3 nM", "B": "2 nM"}, parameters={"d": "0.01 1/s", "a": "0.03 nM/s", "b": "0.02 nM/s"},
                  reactions=["ma: -> A; a", "la: A -> ; d*A", "mb: -> B; b", "lb: B -> ; d*B"])  # fmt: skip
    down = ms.model(
        "down", species={"A": "0 nM", "B": "0 nM", "P": "5 nM", "PA": "0 nM", "PB": "0 nM", "PAB": "0 nM"},
        parameters={"on": "10 1/(nM s)", "off": "20 1/s", "offb": "30 1/s", "weak": "2 1/s", "weakb": "3 1/s"},
        reactions=["1: P + A <-> PA; on*P*A - off*PA".replace("1:", "r1:"), "r2: P + B <-> PB; on*P*B - offb*PB",
                   "r3: PA + B <-> PAB; on*PA*B - weakb*PAB", "r4: PB + A <-> PAB; on*PB*A - weak*PAB"],
    )  # fmt: skip
    one = ms.load(up, down, {"A": "A", "B": "B"})
    a, b, total = 3.0, 2.0, 5.0
    weights = {(0, 0): 1.0, (1, 0): a * 10 / 20, (0, 1): b * 10 / 30, (1, 1): a * 10 / 20 * b * 10 / 3}
    z = sum(weights.values())
    mean = [sum(n[k] * w for n, w in weights.items()) / z for k in range(2)]
    expected = np.array(
        [[total * (sum(n[j] * n[k] * w for n, w in weights.items()) / z - mean[j] * mean[k]) / (a, b)[k] for k in range(2)]
         for j in range(2)]
    )  # fmt: skip
    order = [one.ids.index("A"), one.ids.index("B")]
    assert one.S[np.ix_(order, order)] == pytest.approx(expected, rel=1e-8)
    assert one.formulas["S[A,B]"] is not None


def test_a_dimer_that_binds_counts_twice():
    up = parts.constitutive("X", production="0.05 nM/s")
    both = ms.connect(parts.dimerization("X", "X2"), parts.clients("X2", on="1 1/(nM s)", off="10 1/s"), {"X2": "X2"})
    one = ms.load(up, both, {"X": "X"})
    x, k = one.values["X"], 0.1
    dimer, site = k * x * x, 10.0
    bound = lambda x: 2 * k * x * x + 2 * site * k * x * x / (10.0 + k * x * x)  # noqa: E731
    slope = (bound(x * 1.00001) - bound(x * 0.99999)) / (2e-5 * x)
    assert dimer > 0
    assert one.S.item() == pytest.approx(slope, rel=1e-6)
    assert one.tau_full == pytest.approx(one.tau_eff, rel=0.01)


def test_an_enzyme_is_loaded_by_its_substrate_through_totals():
    up = parts.constitutive("K", production="0.01 nM/s")
    one = ms.load(up, parts.phosphorylation_cycle("K", "Z", total="200 nM", phosphatase="50 nM"))
    assert one.S.item() > 0.5
    assert one.tau_full == pytest.approx(one.tau_eff, rel=0.02)
    assert "Z_K" in one.eliminated


def test_the_insulation_device_hides_the_load():
    up = parts.constitutive("Z", production="0.1 nM/s")
    load = parts.clients("Wp", sites="1000 nM")
    direct = ms.load(up, parts.clients("Z", sites="1000 nM"))
    device = parts.insulation_device("Z", "W")
    assert direct.tau_eff > 5 * direct.tau_0
    behind = ms.load(up, ms.connect(device, load, {"Wp": "Wp"}), {"Z": "Z"})
    assert behind.tau_eff < 1.1 * behind.tau_0
    output = ms.load(ms.connect(up, device), load, {"Wp": "Wp"})
    assert output.output == pytest.approx(output.output_0, rel=0.1)


def test_curves_against_load():
    one = ms.load(parts.constitutive("X", production="0.01 nM/s"), parts.clients("X"))
    curve = one.curve([0, 1, 10, 100])
    assert curve.tau_eff == pytest.approx([100.0, 125.0, 350.0, 2600.0], rel=1e-6)
    assert curve.output == pytest.approx([1.0] * 4, rel=1e-8)
    assert curve.half_time[0] == pytest.approx(100 * np.log(2), rel=1e-3)
    assert (np.diff(curve.half_time) > 0).all() and (np.diff(curve.amplitude) < 0).all()
    assert curve.bandwidth == pytest.approx(1 / curve.tau_eff, rel=1e-3)


def test_a_conserved_port_has_no_bandwidth_and_answers_as_alone_without_load():
    """What is supplied to a conserved pool stays there; relative answers begin at one."""
    up = ms.connect(
        parts.constitutive("Z", production="0.1 nM/s"), parts.phosphorylation_cycle("Z", "W", total="100 nM")
    )
    curve = ms.load(up, parts.clients("Wp"), {"Wp": "Wp"}).curve([0.0, 10.0, 1000.0])
    assert np.isnan(curve.bandwidth).all()
    assert curve.amplitude[0] == pytest.approx(1.0, rel=1e-9) and (np.diff(curve.amplitude) < 0).all()
    gene = ms.load(parts.constitutive("X", production="0.01 nM/s"), parts.clients("X")).curve([0.0, 10.0])
    assert gene.amplitude[0] == pytest.approx(1.0, rel=1e-9)
    slow = 1j * 0.01 * 3.5 + 0.01  # the loaded port: 3.5 x' = -0.01 x + supply
    assert gene.amplitude[1] == pytest.approx(abs(0.01 * (1 + 1j) / slow), rel=2e-3)


def test_slow_binding_is_said():
    one = ms.load(
        parts.constitutive("X", production="0.01 nM/s"), parts.clients("X", on="0.001 1/(nM s)", off="0.001 1/s")
    )
    assert one.separation < 10
    assert "simulate the full model" in one.verdict


def test_the_verdict_comes_with_every_connection():
    joined = ms.connect(parts.constitutive("X", production="0.01 nM/s"), parts.clients("X"))
    assert "slower" in joined.verdict and joined.load.robustness == pytest.approx(2.5, rel=1e-6)


def test_a_load_that_does_not_bind_is_refused():
    reader = ms.model(
        "reader", species={"X": "0 nM", "Y": "0 nM"}, parameters={"k": "1 1/s"}, reactions=["r: -> Y; k*X"]
    )
    with pytest.raises(ms.InputError, match=r"nothing downstream binds X"):
        ms.load(parts.constitutive("X"), reader, {"X": "X"})


def test_no_steady_state_is_said():
    up = ms.model("up", species={"X": "0 nM"}, parameters={"k": "1 nM/s"}, reactions=["make: -> X; k"])
    with pytest.raises(ms.ManyscaleError, match=r"keeps growing|does not relax by itself"):
        ms.load(up, parts.clients("X"), {"X": "X"})


def test_an_oscillator_has_no_time_constant():
    ring = parts.repressilator(("X", "B", "C"))
    with pytest.raises(ms.SimulationError, match=r"oscillates.*at="):
        ms.load(ring, ms.model("sites", species={"X": 0.0, "P": 1.0, "Q": 0.0}, parameters={"k": 100.0},
                               reactions=["b: X + P <-> Q; k*X*P - k*Q"]), {"X": "X"})  # fmt: skip


def test_a_saddle_is_not_taken_for_the_operating_point():
    one = ms.load(parts.toggle("X", "V"), parts.sequestration("X"), {"X": "X"})
    assert one.tau_eff > 0 and one.tau_full == pytest.approx(one.tau_eff, rel=0.05)


def test_other_inputs_are_mixed_in_by_their_covariance():
    up = parts.constitutive("X", production="0.01 nM/s")
    down = ms.model("mix", species={"X": "0 nM", "U": "2 nM fixed", "P": "5 nM", "PX": "0 nM", "PU": "0 nM", "PXU": "0 nM"},
                    parameters={"on": "10 1/(nM s)", "a": "20 1/s", "b": "5 1/s", "c": "1 1/s", "e": "4 1/s"},
                    reactions=["r1: X + P <-> PX; on*X*P - a*PX", "r2: U + P <-> PU; on*U*P - b*PU",
                               "r3: PX + U <-> PXU; on*PX*U - c*PXU", "r4: PU + X <-> PXU; on*PU*X - e*PXU"])  # fmt: skip
    one = ms.load(up, down, {"X": "X"})
    x, u = one.values["X"], 2.0
    weights = {(0, 0): 1.0, (1, 0): x / 2, (0, 1): 2 * u, (1, 1): x / 2 * 10 * u}
    z = sum(weights.values())
    means = [sum(n[k] * w for n, w in weights.items()) / z for k in range(2)]
    both = weights[1, 1] / z
    assert one.external == ("U",)
    assert one.M.item() == pytest.approx(5 * (both - means[0] * means[1]) / u, rel=1e-8)
    assert one.S.item() == pytest.approx(5 * means[0] * (1 - means[0]) / x, rel=1e-8)
    assert "polynomial P" in one.formulas


def test_two_one_way_reactions_are_a_binding_too():
    up = """model up; compartment cell = 1; species X in cell; X = 0; make: -> X; 0.01; loss: X -> ; 0.01*X; end"""
    down = """model down; compartment cell = 1; species X in cell, P in cell, C in cell; X = 0; P = 10; C = 0;
              on: X + P -> C; 10*X*P; off: C -> X + P; 10*C; end"""
    assert ms.load(up, down).S.item() == pytest.approx(2.5, rel=1e-9)


def test_a_supply_that_is_held_fixed_cannot_be_loaded():
    up = ms.model("up", species={"X": "5 nM fixed"}, parameters={"k": "1 1/s"}, reactions=["r: X -> ; k*X"])
    with pytest.raises(ms.InputError, match="no load can change it"):
        ms.load(up, parts.clients("X"), {"X": "X"})


@pytest.mark.parametrize("total", ["100 nM", "10000 nM"])
def test_a_cycle_without_loss_of_its_own_has_the_time_constant_of_its_turnover(total):
    """W and Wp are conserved: Wp relaxes by phosphorylation, as the full equations say, loaded or not."""
    up = ms.connect(parts.constitutive("Z", production="0.1 nM/s"), parts.phosphorylation_cycle("Z", "W", total=total))
    one = ms.load(up, parts.clients("Wp", sites="1000 nM"), {"Wp": "Wp"})
    assert one.tau_full == pytest.approx(one.tau_eff, rel=0.05)
    start = {s.id: one.values[s.id] for s in one.model.species}
    pushed = start | {"W": start["W"] * 1.01}
    run = ms.simulate(one.model, np.linspace(0.0, 40.0, 401), values=pushed, rtol=1e-10)
    total_bound = run["Wp"] + run["load_bound"]
    left = np.abs(total_bound - total_bound[-1])
    slope = np.polyfit(run.times[20:80], np.log(left[20:80]), 1)[0]
    assert -1.0 / slope == pytest.approx(one.tau_eff, rel=0.1)


def test_a_cascade_is_followed_over_four_decades_of_load(examples):
    """Where the solver does not find a state from the model's start it goes on from the load before."""
    substrate = ms.model("sub", species={"PP_K": "0 uM", "S": "1 uM", "SK": "0 uM"}, time="min", substance="umol",
                         parameters={"on": "1000 1/(uM min)", "off": "150 1/min"}, reactions=["b: PP_K + S <-> SK; on*PP_K*S - off*SK"])  # fmt: skip
    curve = ms.load(examples / "huang_ferrell_1996.ant", substrate, {"PP_K": "PP_K"}).curve(np.geomspace(0.01, 100, 6))
    assert np.isfinite(curve.tau_eff).all() and (np.diff(curve.output) < 0).all()
    bound = 1.2 - curve.output[-1]
    assert curve.output[-1] < 0.02 and bound > 1.1  # nearly all of the kinase sits on 100 uM of substrate
