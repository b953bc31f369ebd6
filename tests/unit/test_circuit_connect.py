"""Modules and connections: ports, names, units and compartments are reconciled or refused."""

from __future__ import annotations

import numpy as np
import pytest

import manyscale as ms
from manyscale.circuits import parts
from manyscale.circuits.cutting import cut
from manyscale.circuits.hierarchy import write_composed
from manyscale.circuits.module import read_module
from manyscale.model.check import check


@pytest.mark.parametrize("name", parts.__all__)
def test_every_part_is_sound_and_names_its_source(name):
    part = getattr(parts, name)()
    assert part.source
    assert not check(part.model)
    run = ms.simulate(part.model, [0, 1, 10])
    assert np.isfinite(run.states).all()


def test_ports_that_do_not_exist_are_refused_with_those_that_do():
    with pytest.raises(ms.InputError, match=r"no output port 'Q'.*its output ports: X"):
        ms.connect(parts.constitutive("X"), parts.clients("X"), {"Q": "X"})
    with pytest.raises(ms.InputError, match=r"no input port 'load_bound' \(it is an output\)"):
        ms.connect(parts.constitutive("X"), parts.clients("X"), {"X": "load_bound"})
    with pytest.raises(ms.InputError, match="has no 'Y'"):
        ms.Module(parts.constitutive("X").model, outputs=["Y"])


def test_clashing_names_get_the_name_of_the_module():
    first, second = parts.inducible("U", "Y"), parts.inducible("U", "Y", sites="3 nM")
    chain = ms.connect(first, second, {"Y": "U"})
    assert chain.names["Y"] == "inducible_Y_Y"
    assert not check(chain.model)
    assert chain.outputs == {"Y": "Y", "inducible_Y.Y": "inducible_Y_Y"}
    assert chain.inputs == {"U": "U"}


def test_connections_nest_and_write_flat_sbml(tmp_path):
    cascade = ms.connect(parts.constitutive("U"), parts.inducible("U", "Y"))
    cascade = ms.connect(cascade, parts.repressible("Y", "Z"), {"Y": "Y"})
    path = ms.write(cascade.model, tmp_path / "cascade.xml")
    again = ms.read(path)
    times = [0, 10, 1000]
    assert ms.simulate(again, times)["Z"] == pytest.approx(ms.simulate(cascade.model, times)["Z"], rel=1e-6)


def test_other_units_are_converted():
    up = ms.model("up", species={"X": "0 uM"}, parameters={"a": "0.06 uM/min", "d": "0.6 1/min"},
                  reactions=["make: -> X; a", "loss: X -> ; d*X"])  # fmt: skip
    mixed = ms.load(up, parts.clients("X", sites="10 nM"), {"X": "X"})
    same = ms.load(parts.constitutive("X"), parts.clients("X", sites="10 nM"))
    assert pytest.approx(same.S, rel=1e-8) == mixed.S
    assert mixed.tau_eff * 60 == pytest.approx(same.tau_eff, rel=1e-8)
    assert not check(mixed.model)


def test_units_that_cannot_be_converted_are_refused():
    up = ms.model("up", species={"X": "0 uM"}, parameters={"a": "1 uM/min"}, reactions=["make: -> X; a"])
    bare = ms.model("bare", species={"X": "0 nM", "P": "1 nM", "C": "0 nM"}, parameters={"k": 1.0, "t": "1 s"},
                    reactions=["bind: X + P <-> C; k*X*P - k*C"], check_units=False)  # fmt: skip
    with pytest.raises(ms.UnitsError, match="units"):
        ms.connect(up, bare, {"X": "X"})
    amount = ms.model("amount", species={"X": "0 molecules", "P": "5 molecules"}, parameters={"k": "1 1/s"},
                      reactions=["r: X -> P; k*X"])  # fmt: skip
    with pytest.raises(ms.UnitsError):
        ms.connect(up, amount, {"X": "X"})


def test_compartments_of_other_size_become_one_where_size_changes_nothing():
    """Among concentrations the volume cancels: the downstream half takes the upstream size. Where it does not, it is refused."""
    up = ms.model(
        "up", compartments={"cell": "1 fL"}, species={"X": "0 nM"}, parameters={"a": "1 nM/s", "d": "0.1 1/s"},
        reactions=["m: -> X; a", "l: X -> ; d*X"],
    )  # fmt: skip
    small, large = (
        ms.load(up, ms.model("sites", compartments={"tube": size}, species={"X": "0 nM", "P": "5 nM", "C": "0 nM"},
                             parameters={"k": "10 1/(nM s)", "f": "30 1/s"}, reactions=["b: X + P <-> C; k*X*P - f*C"]), {"X": "X"})
        for size in ("1 fL", "2 mL")
    )  # fmt: skip
    assert large.tau_eff == pytest.approx(small.tau_eff, rel=1e-9) and large.output == pytest.approx(
        small.output, rel=1e-9
    )
    assert large.model.compartments[0].size == small.model.compartments[0].size
    fixed = ms.model("fixed", compartments={"tube": "2 mL"}, species={"X": "0 nM"}, parameters={"flow": "1 nL/s"},
                     reactions=["out: X -> ; flow*X"], rates="amount")  # fmt: skip
    with pytest.raises(ms.InputError, match="size"):
        ms.connect(up, fixed, {"X": "X"})


def test_a_species_can_drive_a_parameter():
    gene = parts.constitutive("Y")
    signal = ms.model(
        "signal", species={"S": "2 nM/s".replace("/s", "")}, parameters={"k": "0 1/s"}, reactions=["r: S -> ; k*S"]
    )
    with pytest.raises(ms.UnitsError, match="different dimensions"):
        ms.connect(signal, gene, {"S": "make_Y"})


def test_ports_can_stand_in_a_file(tmp_path):
    file = tmp_path / "ports.yaml"
    file.write_text("name: gene\ninputs:\n  signal: U\noutputs: [Y]\n", encoding="utf-8")
    part = read_module(parts.inducible("U", "Y").model, file)
    assert (part.name, part.inputs, part.outputs) == ("gene", {"signal": "U"}, {"Y": "Y"})
    file.write_text("ports: X\n", encoding="utf-8")
    with pytest.raises(ms.InputError, match="line 1"):
        read_module(parts.inducible("U", "Y").model, file)


def test_a_model_is_cut_and_loaded():
    whole = ms.connect(parts.constitutive("X", production="0.01 nM/s"), parts.clients("X")).model
    upper, lower = cut(whole, ["X"], ["X"])
    assert [r.id for r in upper.model.reactions] == ["production_X", "loss_X"]
    one = ms.load(upper, lower)
    assert one.S.item() == pytest.approx(2.5, rel=1e-9)
    times = [0, 10, 500]
    assert ms.simulate(one.model, times)["X"] == pytest.approx(ms.simulate(whole, times)["X"], rel=1e-6)


def test_a_cut_through_a_reaction_is_refused():
    model = ms.model("m", species={"A": "1 nM", "B": "1 nM", "C": "0 nM", "D": "0 nM"}, parameters={"k": "1 1/(nM s)", "g": "1 1/s"},
                     reactions=["r: A + B -> C; k*A*B", "s: C -> D; g*C"])  # fmt: skip
    with pytest.raises(ms.InputError, match="cut goes through reaction 'r'"):
        cut(model, ["A"], ["D"])
    with pytest.raises(ms.InputError, match="no species 'Q'"):
        cut(model, ["Q"], ["C"])
    reader = ms.model("n", species={"A": "1 nM", "B": "1 nM", "C": "0 nM"}, parameters={"g": "1 1/s"},
                      reactions=["r: -> B; g*A", "s: C -> ; g*C", "t: A -> ; g*A"])  # fmt: skip
    with pytest.raises(ms.InputError, match="reads A across the cut"):
        cut(reader, ["A"], ["C"])


def test_a_connection_is_written_with_its_hierarchy(tmp_path):
    joined = ms.connect(parts.inducible("U", "Y"), parts.clients("Y"), {"Y": "Y"})
    path = write_composed(joined, tmp_path / "composed.xml")
    again = ms.read(path)
    assert {"upstream__P_Y", "downstream__load_sites", "Y"} <= {s.id for s in again.species}
    times = [0.0, 10.0, 1000.0]
    assert ms.simulate(again, times)["Y"] == pytest.approx(ms.simulate(joined, times)["Y"], rel=1e-5)
    assert [c.id for c in again.compartments] == ["cell"]


def test_a_hierarchy_that_comp_cannot_express_is_refused(tmp_path):
    up = ms.model("up", species={"X": "0 uM"}, parameters={"a": "0.06 uM/min"}, reactions=["make: -> X; a"])
    with pytest.raises(ms.InputError, match="write the flat form"):
        write_composed(ms.connect(up, parts.clients("X"), {"X": "X"}), tmp_path / "x.xml")
    with pytest.raises(ms.InputError, match="not made by connect"):
        write_composed(parts.clients("X"), tmp_path / "x.xml")


def test_a_published_cascade_is_taken_apart_at_each_tier(corpora):
    """Reports on both halves are left out, reports on one go with it; the halves joined again are the model again."""
    from manyscale.circuits.cutting import cut

    whole = ms.read(corpora / "biomodels" / "BIOMD0000000009.xml")
    first = ["E1", "E2", "KKK", "E1_KKK", "E2_P_KKK", "P_KKK"]
    second = ["KK", "P_KK", "KKPase", "P_KKK_KK", "P_KKK_P_KK", "KKPase_PP_KK", "KKPase_P_KK"]
    times = [0.0, 10.0, 100.0, 300.0]
    full = ms.simulate(whole, times, rtol=1e-9)
    for upstream, port in ((first, "P_KKK"), ([*first, *second], "PP_KK")):
        one = ms.load(*cut(whole, upstream, [port]))
        again = ms.simulate(one.model, times, rtol=1e-9)
        for id in ("P_KKK", "PP_KK", "PP_K"):
            assert again[id] == pytest.approx(full[id], rel=1e-6)
        assert one.output < one.output_0 and one.robustness > 0


def test_events_go_with_the_half_whose_species_they_touch():
    from manyscale.circuits.cutting import cut

    whole = ms.model(
        "whole", species={"X": "1 nM", "P": "5 nM", "C": "0 nM"}, parameters={"k": "0.01 nM/s", "d": "0.01 1/s", "on": "1 1/(nM s)", "off": "1 1/s"},
        reactions=["m: -> X; k", "l: X -> ; d*X", "b: X + P <-> C; on*X*P - off*C"],
        events=["at (time > 50): k = 2*k", "at (time > 80): P = 2*P"],
    )  # fmt: skip
    upper, lower = cut(whole, ["X"], ["X"])
    assert len(upper.model.events) == len(lower.model.events) == 1
    times = [0.0, 60.0, 100.0, 400.0]
    again, full = (ms.simulate(m, times, rtol=1e-9) for m in (ms.connect(upper, lower).model, whole))
    for id in ("X", "P", "C"):
        assert again[id] == pytest.approx(full[id], rel=1e-7)
    with pytest.raises(ms.InputError, match="across the cut"):
        cut(ms.model("two", species={"X": "1 nM", "Y": "1 nM", "Z": "1 nM"}, parameters={"d": "1 1/s"}, reactions=["a: X -> ; d*X", "b: Y -> ; d*Y", "c: X + Z -> ; d*Z"],
                     events=["at (time > 1): Y = 0, Z = 0"]), ["Y"], ["X"])  # fmt: skip


def test_feedback_closes_a_loop_and_says_what_it_cannot_close(tmp_path):
    """Two genes in a ring by one connection are the ring of one model."""
    first, second = parts.inducible("B", "A"), parts.repressible("A", "B")
    ring = ms.connect(first, second, {"A": "A"}, feedback={"B": "B"})
    assert not ring.inputs and set(ring.outputs) == {"A", "B"}
    times = np.linspace(0.0, 400.0, 9)
    run = ms.simulate(ring.model, times, values={"B": 20.0}, rtol=1e-9)
    whole = ms.model(
        "ring", species={"A": "0 nM", "B": "20 nM", "P": "10 nM", "PB": "0 nM", "Q": "10 nM", "QA": "0 nM"},
        parameters={"on": "1 1/(nM s)", "off": "10 1/s", "k": "0.1 1/s", "d": "0.01 1/s"},
        reactions=["a: B + P <-> PB; on*B*P - off*PB", "b: -> A; k*PB", "c: A -> ; d*A",
                   "e: A + Q <-> QA; on*A*Q - off*QA", "f: -> B; k*Q", "g: B -> ; d*B"],
    )  # fmt: skip
    other = ms.simulate(whole, times, rtol=1e-9)
    for id in ("A", "B"):
        assert run[id] == pytest.approx(other[id], rel=1e-6)
    again = ms.read(write_composed(ring, tmp_path / "ring.xml"))
    assert len(again.species) == len(ring.model.species)
    assert ms.steady_state(again)["A"] == pytest.approx(ms.steady_state(ring.model)["A"], rel=1e-8)
    with pytest.raises(ms.InputError, match="make it a species"):
        ms.connect(parts.constitutive("A"), second, {"A": "A"}, feedback={"B": "make_A"})
    with pytest.raises(ms.InputError, match="joined already"):
        ms.connect(first.model, second.model, {"A": "A"}, feedback={"A": "A"})
    with pytest.raises(ms.InputError, match="no output port 'C'"):
        ms.connect(first, second, {"A": "A"}, feedback={"C": "B"})


def test_two_outputs_do_not_go_to_one_input():
    with pytest.raises(ms.InputError, match="'X' is given two outputs"):
        ms.connect(
            ms.read("-> A; 1; A -> ; A; -> B; 1; B -> ; B; A = 0; B = 0"),
            ms.read("-> Y; X; Y -> ; Y; X = 0; Y = 0"),
            {"A": "X", "B": "X"},
        )
