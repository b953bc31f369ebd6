"""Laws of loading: covariances are symmetric and positive, units and volumes change no ratio, order of joining is free."""

from __future__ import annotations

import numpy as np
import pytest

import manyscale as ms
from manyscale.circuits import parts

DRIVEN = {
    "clients": lambda: parts.clients("X"),
    "inducible": lambda: parts.inducible("X", "Q"),
    "dimer": lambda: parts.dimerization("X"),
    "sequestration": lambda: parts.sequestration("X"),
    "feed-forward": lambda: parts.feed_forward(input="X", middle="M", output="N"),
    "scaffold": lambda: parts.scaffold(3, "X"),
}


@pytest.mark.parametrize("name", DRIVEN)
@pytest.mark.parametrize("production", ["0.001 nM/s", "0.05 nM/s", "1 nM/s"])
def test_full_and_reduced_equations_agree_on_the_time_constant(name, production):
    one = ms.load(parts.constitutive("X", production=production), DRIVEN[name]())
    assert one.tau_full == pytest.approx(one.tau_eff, rel=5 / one.separation + 1e-6)
    assert one.tau_eff >= one.tau_0 * (1 - 1e-9)
    for key, formula in one.formulas.items():
        assert str(formula), key


@pytest.mark.parametrize("seed", range(5))
def test_scaling_times_amounts_is_a_covariance(seed):
    random = np.random.default_rng(seed)
    a, b = (f"{x:.4g} nM/s" for x in random.uniform(0.005, 0.2, 2))
    up = ms.model("up", species={"A": "0 nM", "B": "0 nM"}, parameters={"d": "0.01 1/s", "a": a, "b": b},
                  reactions=["ma: -> A; a", "la: A -> ; d*A", "mb: -> B; b", "lb: B -> ; d*B"])  # fmt: skip
    off = {f"off{i}": f"{x:.4g} 1/s" for i, x in enumerate(random.uniform(1, 100, 3))}
    off["off3"] = (
        f"{float(off['off0'].split()[0]) * float(off['off2'].split()[0]) / float(off['off1'].split()[0]):.15g} 1/s"
    )
    down = ms.model(
        "down", species={"A": "0 nM", "B": "0 nM", "P": "7 nM", "PA": "0 nM", "PB": "0 nM", "PAB": "0 nM"},
        parameters={"on": "10 1/(nM s)", **off},
        reactions=["r1: P + A <-> PA; on*P*A - off0*PA", "r2: P + B <-> PB; on*P*B - off1*PB",
                   "r3: PA + B <-> PAB; on*PA*B - off2*PAB", "r4: PB + A <-> PAB; on*PB*A - off3*PAB"],
    )  # fmt: skip
    down = _balanced(down)
    one = ms.load(up, down, {"A": "A", "B": "B"})
    covariance = one.S * np.array([one.values[id] for id in one.ids])[None, :]
    assert covariance == pytest.approx(covariance.T, rel=1e-7, abs=1e-12)
    assert np.linalg.eigvalsh(0.5 * (covariance + covariance.T)).min() >= -1e-10


def _balanced(model):
    """Detailed balance round the square: off0 off2 = off1 off3."""
    assert model["off0"].value * model["off2"].value == pytest.approx(
        model["off1"].value * model["off3"].value, rel=1e-9
    )
    return model


@pytest.mark.parametrize("volume", ["1 fL", "3 L"])
def test_the_volume_changes_nothing_among_concentrations(volume):
    def half(model):
        return ms.Module(
            model.model.replace(compartments=tuple(_sized(c, volume) for c in model.model.compartments)),
            inputs=model.inputs, outputs=model.outputs,
        )  # fmt: skip

    plain = ms.load(parts.constitutive("X"), parts.clients("X"))
    other = ms.load(half(parts.constitutive("X")), half(parts.clients("X")))
    assert other.S.item() == pytest.approx(plain.S.item(), rel=1e-8)
    assert other.tau_eff == pytest.approx(plain.tau_eff, rel=1e-8)


def _sized(compartment, volume):
    import dataclasses

    return dataclasses.replace(compartment, size={"1 fL": 1e-15, "3 L": 3.0}[volume])


def test_the_order_of_joining_does_not_matter():
    first, second = parts.clients("X", name="one"), parts.clients("X", sites="3 nM", name="two")
    gene = parts.constitutive("X", production="0.02 nM/s")
    left = ms.connect(ms.connect(gene, first), second, {"X": "X"})
    right = ms.connect(ms.connect(gene, second), first, {"X": "X"})
    assert np.allclose(left.load.R + left.load.S, right.load.R + right.load.S, rtol=1e-9, atol=0)
    assert left.load.tau_eff == pytest.approx(right.load.tau_eff, rel=1e-9)


@pytest.mark.parametrize("scale", [1e-3, 1e3])
def test_steepness_does_not_depend_on_the_units_of_the_dose(scale):
    def found(k):
        return ms.steepness(parts.scaffold(3, affinity=f"{k:g} nM"), "L", "S3")

    a, b = found(10.0), found(10.0 * scale)
    assert b.half_point == pytest.approx(a.half_point * scale, rel=1e-6)
    assert (b.n_half, b.n_max, b.n_81, b.n_fit) == pytest.approx((a.n_half, a.n_max, a.n_81, a.n_fit), rel=1e-5)
