"""Steepness of dose-response curves against closed forms and published tables, and the reasons given for it."""

from __future__ import annotations

import numpy as np
import pytest

import manyscale as ms
from manyscale.circuits import parts
from manyscale.circuits.hill import hill

N = 4


@pytest.mark.parametrize("sites", [1, 2, 3, 5])
def test_a_scaffold_that_needs_all_sites_has_the_closed_form(sites):
    found = ms.steepness(parts.scaffold(sites), "L", f"S{sites}")
    assert found.n_half == pytest.approx(2 * sites * (1 - 2 ** (-1 / sites)), rel=1e-7)
    assert found.exact["n_half_text"] == f"2*{sites}*(1 - 2^(-1/{sites}))"
    assert found.half_point == pytest.approx(10 / (2 ** (1 / sites) - 1), rel=1e-7)
    assert str(found.formula) in (f"S0_total*L^{sites}/(L + affinity)^{sites}", "L*S0_total/(L + affinity)")
    assert found.sites == sites and found.n_max <= sites * (1 + 1e-9)
    assert found.origin.bounded and "as it must be" in found.reason


@pytest.mark.parametrize(
    "k, ratio, n", [(10, 69.546, 1.0359), (1, 27.150, 1.3311), (0.1, 3.2400, 3.7381), (0.01, 1.18355, 26.077),
                    (0.001, 1.017837, 248.56)],
)  # fmt: skip
def test_the_goldbeter_koshland_switch(k, ratio, n):
    model = ms.model("gk", species={"Z": 1.0, "Zp": 0.0}, parameters={"V1": 1.0, "V2": 1.0, "K": k},
                     reactions=["f: Z -> Zp; V1*Z/(K + Z)", "b: Zp -> Z; V2*Zp/(K + Zp)"])  # fmt: skip
    found = ms.steepness(model, "V1", "Zp")
    assert found.n_81 == pytest.approx(n, rel=2e-4)
    assert np.exp(np.log(81) / found.n_81) == pytest.approx(ratio, rel=2e-5)
    assert found.half_point == pytest.approx(1.0, rel=1e-6)
    assert found.sites is None


def test_sequestration_of_the_substrate_flattens_the_switch():
    def cycle(total):
        return ms.steepness(
            parts.phosphorylation_cycle("K", "Z", total="100 nM", phosphatase=f"{total} nM", on="10 1/(nM s)", off="9 1/s"),
            "K", "Zp").n_81  # fmt: skip

    sharp, flat = cycle(0.01), cycle(30)
    assert sharp > 10 and flat < 0.5 * sharp


def test_monod_wyman_changeux_haemoglobin():
    model = ms.model("mwc", parameters={"a": 1.0, "L": 9054.0, "c": 0.014},
                     rules=["Y = (a*(1 + a)^3 + L*c*a*(1 + c*a)^3)/((1 + a)^4 + L*(1 + c*a)^4)"])  # fmt: skip
    found = ms.steepness(model, "a", "Y")
    assert found.n_max == pytest.approx(2.85588, rel=1e-5)
    assert found.steepest_point == pytest.approx(10.381, rel=1e-3)
    assert found.half_point == pytest.approx(9.8968, rel=1e-5)
    assert found.n_half == pytest.approx(2.85323, rel=1e-5)
    assert found.n_81 == pytest.approx(2.60209, rel=1e-5)


def test_the_same_haemoglobin_as_a_binding_network():
    reactions, species = ["flip: R0 <-> T0; kf*R0 - kb*T0"], {"a": "1 uM fixed"}
    for state, scale in (("R", 1.0), ("T", 0.014)):
        for i in range(5):
            species[f"{state}{i}"] = "0 uM"
        reactions += [
            f"{state}b{i}: {state}{i} + a <-> {state}{i + 1}; {(4 - i) * scale}*on*a*{state}{i} - {i + 1}*off*{state}{i + 1}"
            for i in range(4)
        ]
    species["R0"] = "1 uM"
    model = ms.model("mwc", species=species, parameters={"kf": "9054 1/s", "kb": "1 1/s", "on": "1 1/(uM s)", "off": "1 1/s"},
                     reactions=reactions,
                     rules=["Y = (R1 + T1 + 2*(R2 + T2) + 3*(R3 + T3) + 4*(R4 + T4))/4"])  # fmt: skip
    found = ms.steepness(model, "a", "Y")
    assert found.n_max == pytest.approx(2.85588, rel=1e-4)
    assert found.sites == 4 and found.origin.bounded


@pytest.mark.parametrize(
    "copies, energy, leak, top, half, n",
    [(260, -15.3, 0.004038, 0.7542, 110.5, 1.3776), (260, -13.9, 0.01617, 0.9256, 49.44, 1.5643),
     (260, -9.7, 0.523, 0.9988, 6.807, 1.7768), (22, -13.9, 0.1627, 0.9932, 13.09, 1.7674),
     (1740, -13.9, 0.00245, 0.6502, 143.3, 1.3201)],
)  # fmt: skip
def test_lac_repressor_induction_table(copies, energy, leak, top, half, n):
    model = ms.model(
        "lac", parameters={"c": 50.0, "KA": 139.0, "KI": 0.53, "eps": 4.5, "R": copies, "NNS": 4.6e6, "dR": energy},
        rules=["pA = (1 + c/KA)^2/((1 + c/KA)^2 + exp(-eps)*(1 + c/KI)^2)", "fold = 1/(1 + pA*R/NNS*exp(-dR))"],
    )  # fmt: skip
    found = ms.steepness(model, "c", "fold")
    assert (found.leak, found.saturation) == pytest.approx((leak, top), rel=5e-4)
    assert (found.half_point, found.n_half) == pytest.approx((half, n), rel=5e-4)


def test_sequential_binding_with_cooperativity_stays_below_the_sites():
    # Koshland-Nemethy-Filmer, two sites: the second binds `w` times better
    for w in (1.0, 100.0, 1e4):
        model = ms.model("knf", species={"x": "1 uM fixed", "S": "1 uM", "Sx": "0 uM", "Sxx": "0 uM"},
                         parameters={"on": "1 1/(uM s)", "off": "1 1/s", "w": w},
                         reactions=["b1: S + x <-> Sx; 2*on*S*x - off*Sx", "b2: Sx + x <-> Sxx; w*on*Sx*x - 2*off*Sxx"],
                         rules=["Y = (Sx + 2*Sxx)/2"])  # fmt: skip
        found = ms.steepness(model, "x", "Y")
        expected = 2 * np.sqrt(w) / (1 + np.sqrt(w))
        assert found.n_half == pytest.approx(expected, rel=1e-6)
        assert found.n_max <= 2 and found.origin.bounded


def test_a_dimer_gives_up_to_two_and_the_reason_is_named():
    model = ms.model("dimer", species={"x": "1 nM fixed", "x2": "0 nM", "P": "1 nM", "B": "0 nM"},
                     parameters={"pair": "1 1/(nM s)", "part": "100 1/s", "on": "1 1/(nM s)", "off": "10 1/s"},
                     reactions=["d: 2 x <-> x2; pair*x*x - part*x2", "b: P + x2 <-> B; on*P*x2 - off*B"])  # fmt: skip
    found = ms.steepness(model, "x", "B")
    assert found.n_half == pytest.approx(2.0, rel=1e-6)
    assert found.n_fit == pytest.approx(2.0, rel=1e-6) and found.sup_error < 1e-6
    assert not found.origin.monomer


def test_titration_exceeds_one_site_and_says_why():
    model = ms.model("titration", species={"x": "1 nM", "A": "1000 nM", "xA": "0 nM", "P": "0.01 nM", "B": "0 nM"},
                     parameters={"on": "1 1/(nM s)", "off": "0.001 1/s", "onp": "1 1/(nM s)", "offp": "10 1/s"},
                     reactions=["t: x + A <-> xA; on*x*A - off*xA", "b: P + x <-> B; onp*P*x - offp*B"])  # fmt: skip
    found = ms.steepness(model, "x", "B")
    assert found.sites == 1 and found.n_max > 3
    assert "titration" in found.reason and "energy" not in found.reason
    free = ms.steepness(model, "x", "B", hold=True)
    assert free.n_max == pytest.approx(1.0, rel=1e-6)


def test_multisite_phosphorylation_spends_energy():
    model = ms.model(
        "multisite", species={"E": "1 nM fixed", **{f"S{i}": "0 nM" for i in range(1, 5)}, "S0": "1 nM"},
        parameters={"k": "1 1/(nM s)", "f": "1 1/s"},
        reactions=[f"p{i}: S{i} -> S{i + 1}; k*E*S{i}" for i in range(4)] + [f"d{i}: S{i + 1} -> S{i}; f*S{i + 1}" for i in range(4)],
    )  # fmt: skip
    found = ms.steepness(model, "E", "S4")
    x = found.half_point
    assert x**4 / sum(x**i for i in range(5)) == pytest.approx(0.5, rel=1e-6)
    assert found.n_half == pytest.approx(
        2 * (4 - sum(i * x**i for i in range(5)) / sum(x**i for i in range(5))), rel=1e-6
    )


def switch_doses(x, loss):
    return loss * x - x**4 / (1 + x**4)


@pytest.mark.parametrize("loss", [0.6, 0.45])  # 0.6: a hysteresis loop; 0.45: irreversible, the way back is below zero
def test_a_bistable_switch_shows_its_branches(loss):
    model = ms.model("switch", species={"X": 0.0}, parameters={"s": 0.05, "d": loss},
                     reactions=["leak: -> X; s", "self: -> X; X^4/(1 + X^4)", "loss: X -> ; d*X"])  # fmt: skip
    found = ms.steepness(model, "s", "X", interval=(1e-3, 0.5))
    assert found.bistable and found.n_half == np.inf and found.n_max == np.inf
    grid = np.linspace(0.01, 3, 2_000_001)
    doses = switch_doses(grid, loss)
    up, down = (doses[k + 1] for k in np.flatnonzero(np.diff(np.sign(np.diff(doses)))))
    assert found.half_point == pytest.approx(up, rel=1e-3)
    unstable = [b for b in found.branches if not b.stable]
    assert len(unstable) == 1
    assert unstable[0].dose.max() == pytest.approx(up, rel=1e-3)
    if down > 0:
        assert unstable[0].dose.min() == pytest.approx(down, rel=1e-3)
    for branch in found.branches:
        assert switch_doses(branch.response, loss) == pytest.approx(branch.dose, rel=1e-6, abs=1e-12)
    assert isinstance(hill(model, "s", "X"), ms.Refusal)


def test_the_toggle_switch_is_found_bistable():
    found = ms.steepness(parts.toggle(), "production", "U", interval=(0.05, 20.0))
    assert found.bistable
    assert any(not b.stable for b in found.branches)


def test_a_symmetric_toggle_is_measured_where_its_one_state_is_stable():
    """Where both repressors are equal the steady state splits in two: no rising dose goes on along the unstable one."""
    found = ms.steepness(parts.toggle(), "production", "U", interval=(0.05, 20.0))
    assert any("is not stable" in remark for remark in found.remarks)
    assert found.dose.min() == pytest.approx(0.05, rel=1e-9) and (np.diff(found.dose) > 0).all()
    split = found.dose.max()
    for dose, stable in ((0.9 * split, True), (1.1 * split, False)):
        equal = ms.steady_state(parts.toggle().model, {"production": dose, "U": 0.0, "V": 0.0})
        assert equal["U"] == pytest.approx(equal["V"], rel=1e-6) and equal.stable is stable
    low, high = (b for b in found.branches if b.stable and b.dose.max() > 10)
    assert min(low.response[0], high.response[-1]) < 1 < 100 < max(low.response[0], high.response[-1])


def test_the_band_detector_turns_round():
    from manyscale.circuits.cooperativity import held

    model = held(parts.band_detector().model, "A")
    found = ms.steepness(model, "A", "G")
    assert any("turns round" in remark for remark in found.remarks)


def test_a_hill_law_carries_its_parameters():
    model = ms.model("dimer", species={"x": "1 nM fixed", "x2": "0 nM", "P": "1 nM", "B": "0 nM"},
                     parameters={"pair": "1 1/(nM s)", "part": "100 1/s", "on": "1 1/(nM s)", "off": "10 1/s"},
                     reactions=["d: 2 x <-> x2; pair*x*x - part*x2", "b: P + x2 <-> B; on*P*x2 - off*B"])  # fmt: skip
    bridge = hill(model, "x", "B", points=4)
    assert bridge.certificate.error.measured < 1e-3
    half = str(bridge.parameters["hill_half"])  # sqrt(part off/(pair on))
    assert all(name in half for name in ("pair", "part", "on", "off"))
    assert ms.simulate(bridge.coarse, [0.0, 1.0], values={"x": 31.6227766})["B"][-1] == pytest.approx(0.5, rel=1e-4)
    assert not ms.check(bridge.coarse)


def test_what_is_no_hill_curve_is_refused_with_the_number():
    model = ms.model("two", parameters={"x": 1.0}, rules=["y = x/(x + 0.001) + x/(x + 1000)"])
    refused = hill(model, "x", "y")
    assert isinstance(refused, ms.Refusal) and refused.value > refused.threshold


@pytest.mark.parametrize(
    "input, output, words",
    [("q", "load_bound", "'q'"), ("load_sites", "nothing", "nothing"), ("load_on", "load_on", "the same")],
)
def test_unknown_inputs_and_outputs_are_refused(input, output, words):
    with pytest.raises(ms.InputError, match=words):
        ms.steepness(parts.clients("X").model, input, output)


def test_inputs_that_do_nothing_are_refused():
    model = ms.model(
        "m", species={"X": 1.0}, parameters={"a": 1.0, "d": 1.0, "z": 1.0}, reactions=["m: -> X; a", "l: X -> ; d*X"]
    )
    with pytest.raises(ms.InputError, match="does not change"):
        ms.steepness(model, "z", "X")
    with pytest.raises(ms.InputError, match="hold=True"):
        ms.steepness(model, "X", "l")


def test_no_steady_state_is_said():
    model = ms.model("m", species={"X": 1.0}, parameters={"a": 1.0}, reactions=["m: -> X; a"])
    with pytest.raises(ms.SimulationError, match="no steady state"):
        ms.steepness(model, "a", "X")


@pytest.mark.parametrize("law, power", [("k", 1.0), ("sqrt(k)", 0.5), ("1/k", -1.0)])
def test_a_response_without_end_has_no_half_point(law, power):
    """A power law saturates nowhere; over a stated interval it is measured, and its ends are said to be those."""
    model = ms.model(
        "line", species={"x": 1.0}, parameters={"k": 1.0, "d": 0.5}, reactions=[f"m: -> x; {law}", "l: x -> ; d*x"]
    )
    with pytest.raises(ms.InputError, match=r"does not saturate.*interval"):
        ms.steepness(model, "k", "x")
    found = ms.steepness(model, "k", "x", interval=(0.1, 10.0))
    ends = [2.0 * 0.1**power, 2.0 * 10.0**power]
    assert sorted((found.leak, found.saturation)) == pytest.approx(sorted(ends), rel=1e-6)
    assert found.half_point == pytest.approx((sum(ends) / 4.0) ** (1 / power), rel=1e-6)


def test_a_response_that_is_zero_at_every_dose_has_no_steepness():
    model = ms.read("-> A; k; A -> ; A; -> G; b*A^2/(1 + A^2); G -> ; 0.1*G; A = 1; G = 5; k = 2; b = 1")
    with pytest.raises(ms.InputError, match="does not change"):
        ms.steepness(model, "k", "G", values={"b": 0.0})
    with pytest.raises(ms.InputError, match="b = nan is not a finite number"):
        ms.steepness(model, "k", "G", values={"b": float("nan")})
