"""Circuits written as plain reactions, put into a host."""

from __future__ import annotations

import numpy as np
import pytest

import manyscale as ms
from manyscale.circuits import parts
from manyscale.kernels import compile_model


def test_a_weak_gene_expresses_as_designed():
    """1e-6 nM/s made and 0.01/s lost is 1e-4 nM: 0.0602214 molecules per femtolitre for each nM/10."""
    found = ms.burden(parts.constitutive("X", production="1e-6 nM/s"))
    assert found.values["X"] == pytest.approx(1e-4 * 0.602214076, rel=1e-6)
    assert found.relative_growth == pytest.approx(1.0, abs=1e-6)


def test_a_strong_gene_expresses_less_than_designed():
    found = ms.burden(parts.constitutive("X", production="10 nM/s"))
    assert found.values["X"] < 0.95 * 1000 * 0.602214076
    assert found.relative_growth < 0.96 and found.mass_error < 1e-9 and found.coupling["reporter", "X"] < 0


def test_slow_loss_is_taken_as_dilution():
    found = ms.burden(parts.constitutive("X", production="1e-6 nM/s", decay="1e-5 1/s"))
    assert any("dilution" in remark for remark in found.remarks)
    made = 1e-6 * 60 * 0.602214076
    assert found.values["X"] == pytest.approx(made / found.growth_rate, rel=1e-6)


def test_a_switch_keeps_its_state_and_its_books():
    """Dimers and proteins on promoters count as mass; promoters stay, proteins on them are diluted."""
    found = ms.burden(parts.toggle())
    v = found.values
    assert found.state.stable and v["U"] > 10 * v["V"] and found.mass_error < 1e-9
    assert v["P_U"] + v["P_U_V2"] == pytest.approx(0.602214076, rel=1e-6)
    assert dict(found.genes[0].copies) == {"U": 1, "U2": 2, "P_V_U2": 2}
    kernel = compile_model(found.model)
    y, p = kernel.initial({k: 1.3 * v[k] for k in ("U", "V2", "P_V_U2", "r", "q", "c_U")})
    weights = {"r": 7549, "et": 300, "em": 300, "q": 300} | {f"c_{g}": 7549 for g in "rtmqUV"}
    weights |= {s: 300 * x for gene in found.genes for s, x in gene.copies}
    row = np.array([weights.get(id, 0.0) for id in kernel.system.states])
    now = kernel.values(0.0, y, p)
    assert now["mass"] == pytest.approx(row @ y, rel=1e-12)
    assert row @ kernel.rhs(0.0, y, p) == pytest.approx(now["growth"] * (1e8 - now["mass"]), rel=1e-8, abs=1e-3)


def test_a_file_and_a_module_cost_the_same(tmp_path):
    module = ms.connect(parts.constitutive("U"), parts.repressible("U", "Y"))
    ms.write(module, tmp_path / "circuit.xml")
    assert ms.burden(tmp_path / "circuit.xml").growth_rate == pytest.approx(ms.burden(module).growth_rate, rel=1e-10)


@pytest.mark.parametrize(
    "model, message",
    [
        ((["A"], "1 1/s", ["x: A -> ; k*A"], []), "makes no protein"),
        ((["A", "B"], "1 nM/s", ["x: -> A; k"], ["B = 2*A"]), "a rule sets 'B'"),
        ((["m", "A"], "1 nM/s", ["x: -> m; k", "y: -> A; b*m", "z: -> A; k"], []), "without an mRNA"),
        ((["A", "B"], "1 nM/s", ["x: -> A + B; k"], []), "at once"),
        ((["A", "B", "C"], "1 nM/s", ["x: -> A; k", "y: A -> 2 C; b*A", "z: C -> A; b*C"], []), "not conserved"),
        ((["A", "B"], "1 nM/s", ["x: -> A; k", "z: B -> ; b*B"], []), None),
    ],
)  # fmt: skip
def test_circuits_that_cannot_be_read_are_told(model, message):
    species, k, reactions, rules = model
    circuit = ms.model("circuit", species=dict.fromkeys(species, "1 nM"), reactions=reactions, rules=rules,
                       parameters={"k": k, "b": "1 1/s", "n": "1 nM"})  # fmt: skip
    if message is None:
        assert "B" in ms.burden(circuit).values
        return
    with pytest.raises(ms.InputError, match=message):
        ms.burden(circuit)


def test_a_circuit_without_units_is_refused():
    with pytest.raises(ms.UnitsError, match="unit of"):
        ms.burden(parts.repressilator())


def test_dilution_is_taken_off_once_whatever_the_losses_are_called():
    """Dilution and degradation written apart, or together: the same cell. What growth does not dilute keeps its loss."""

    def gene(losses, rates):
        return ms.model("gene", species={"X": "0 nM", "S": "1 nM"}, parameters={"k": "1 nM/s", **rates},
                        reactions=["m: -> X; k", *losses])  # fmt: skip

    together = ms.burden(gene(["l: X -> ; d*X"], {"d": "0.003 1/s"}))
    for mu in (0.0005, 0.0002, 0.001):  # more, and less, than growth
        apart = ms.burden(gene(["a: X -> ; mu*X", "b: X -> ; e*X"], {"mu": f"{mu} 1/s", "e": f"{0.003 - mu} 1/s"}))
        assert apart.values["X"] == pytest.approx(together.values["X"], rel=1e-9)
        assert apart.growth_rate == pytest.approx(together.growth_rate, rel=1e-9)
    signal = ms.burden(gene(["l: X -> ; d*X", "s: S -> ; d*S"], {"d": "0.003 1/s"}))
    run = ms.simulate(signal.model, [0.0, 5.0], values={"S": 1.0}, rtol=1e-9)
    assert run["S"][-1] == pytest.approx(np.exp(-0.003 * 300), rel=1e-6)


def test_a_protease_that_holds_its_substrate_is_degradation():
    """What a complex loses when it comes apart without the protein is counted: books exact, level as in the plain model."""
    circuit = ms.connect(parts.constitutive("X", production="1e-5 nM/s"), parts.degradation("X"))
    alone, found = ms.steady_state(circuit.model), ms.burden(circuit)
    assert dict(found.genes[0].copies) == {"X": 1, "Protease_X": 1} and found.mass_error < 1e-9
    assert found.values["X"] == pytest.approx(alone["X"] * 0.602214076, rel=5e-3)  # the complex is diluted as well
    strong = ms.burden(ms.connect(parts.constitutive("X", production="100 nM/s"), parts.degradation("X")))
    kernel = compile_model(strong.model)
    y, p = kernel.initial({k: 1.3 * strong.values[k] for k in ("X", "Protease_X", "q")})
    row = np.array([{"r": 7549, "et": 300, "em": 300, "q": 300, "X": 300, "Protease_X": 300}.get(id, 7549.0 * id.startswith("c_"))
                    for id in kernel.system.states])  # fmt: skip
    now = kernel.values(0.0, y, p)
    assert row @ kernel.rhs(0.0, y, p) == pytest.approx(now["growth"] * (1e8 - now["mass"]), rel=1e-8, abs=1e-3)


def test_names_that_clash_are_changed_and_lengths_follow():
    circuit = ms.model("clash", species={"r": "0 nM"}, parameters={"ns": "1e-6 nM/s", "d": "0.01 1/s"},
                       reactions=["m: -> r; ns", "l: r -> ; d*r"])  # fmt: skip
    found = ms.burden(circuit, lengths={"r": 100})
    assert found.genes[0].id == "circuit_r" and found.genes[0].length == 100
    assert found.values["circuit_r"] == pytest.approx(1e-4 * 0.602214076, rel=1e-6)


def test_a_circuit_without_units_can_be_told_them(tmp_path):
    plain = ms.model(
        "gene",
        species={"X": 0.0},
        parameters={"make": 10.0, "lose": 0.01},
        reactions=["m: -> X; make", "l: X -> ; lose*X"],
    )
    said = ms.burden(parts.constitutive("X", production="10 nM/s"))
    found = ms.burden(plain, units={"time": "s", "species": "nM"})
    assert found.values["X"] == pytest.approx(said.values["X"], rel=1e-9)
    same = ms.model("gene", species={"X": 0.0}, parameters={"make": 10.0 * 60 * 0.602214076, "lose": 0.6},
                    reactions=["m: -> X; make", "l: X -> ; lose*X"])  # fmt: skip
    counted = ms.burden(same, units={"time": "min", "species": "molecules"})
    assert counted.values["X"] == pytest.approx(said.values["X"], rel=1e-9)
    ring = ms.burden(parts.repressilator(), units={"time": "min", "species": "molecules"})
    assert len(ring.genes) == 3 and ring.mass_error < 1e-9
    for units, message in (({"time": "s"}, "unit of species"), ({"time": "nM", "species": "nM"}, "not a time"),
                           ({"time": "s", "species": "kg"}, "neither molecules"), ({"volume": "L"}, "none of")):  # fmt: skip
        with pytest.raises(ms.ManyscaleError, match=message):
            ms.burden(plain, units=units)


def strong_toggle(production: float):
    """Two weak repressors that have to be made in large numbers; bistable alone above twice the threshold 4.5e4 nM."""
    species, reactions = {}, []
    for own, other in ("UV", "VU"):
        site = f"P_{own}"
        species |= {own: "0 nM", f"{own}2": "0 nM", site: "1 nM", f"{site}_{other}2": "0 nM"}
        reactions += [
            f"production_{own}: -> {own}; production*{site}",
            f"loss_{own}: {own} -> ; decay*{own}",
            f"dimer_{own}: 2 {own} <-> {own}2; pair*{own}*{own} - part*{own}2",
            f"hold_{own}: {site} + {other}2 <-> {site}_{other}2; pair*{site}*{other}2 - off*{site}_{other}2",
        ]
    species["U"] = "1e5 nM"
    constants = {"production": f"{production} 1/s", "decay": "4.019e-4 1/s", "pair": "1e-3 1/(nM s)", "part": "2e4 1/s"}
    return ms.model("strong_toggle", species=species, parameters=constants | {"off": "0.1 1/s"}, reactions=reactions)


def test_sharing_the_host_destroys_bistability():
    alone = ms.steady_state(strong_toggle(45.0))
    assert alone.stable and alone["U"] > 1.8 * alone["V"]
    found = ms.burden(strong_toggle(45.0))
    assert found.state.stable and found.values["U"] == pytest.approx(found.values["V"], rel=1e-6)
    assert found.relative_growth < 0.9
    strong = ms.burden(strong_toggle(150.0))
    assert strong.state.stable and strong.values["U"] > 1.8 * strong.values["V"]
