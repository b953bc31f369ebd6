"""Circuits with mRNAs of their own, events and rules in a host; polymerases as one more thing to share."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import manyscale as ms
from manyscale.circuits import parts
from manyscale.circuits.memory import memory
from manyscale.circuits.polymerases import with_polymerases
from manyscale.circuits.resources import Gene, find_host
from manyscale.kernels import compile_model
from manyscale.model.parse import parse
from manyscale.model.parts import Event

NM = 0.602214076  # molecules per nM in a femtolitre
DEGRADED = 0.001 * 60  # of the protein, per minute, dilution included


def with_message(transcription: str, reactions=(), *, also=(), constants=None, **more) -> ms.Model:
    """An mRNA and its protein; further species `also` start at nothing."""
    return ms.model(
        "with_message", species=dict.fromkeys(["m", "A", *also], "0 nM"),
        parameters={"tx": transcription, "tl": "0.1 1/s", "dm": "0.005 1/s", "d": "0.001 1/s", "off": "0.1 1/s",
                    "on": "0.05 1/(nM s)"} | (constants or {}),
        reactions=["t: -> m; tx", "l: m -> m + A; tl*m", "xm: m -> ; dm*m", "xa: A -> ; d*A", *reactions], **more,
    )  # fmt: skip


def test_a_weak_message_and_its_protein_are_expressed_as_designed():
    found = ms.burden(with_message("1e-7 nM/s"))
    assert found.values["m"] == pytest.approx(1e-7 / 0.005 * NM, rel=1e-6)
    assert found.values["A"] == pytest.approx(1e-7 / 0.005 * 0.1 / 0.001 * NM, rel=1e-6)
    assert any("m is read as mRNA of A" in remark for remark in found.remarks)
    assert found.genes[0].total(found.values) == found.values["A"]  # the mRNA is no protein


def test_a_protein_costs_the_same_whoever_writes_its_message():
    """At equal protein the cell pays equal energy and ribosomes, whether the host or the circuit keeps the mRNA."""
    found = ms.burden(with_message("0.3 nM/s"))
    decay = DEGRADED - found.alone["growth"]

    def other(strength: float) -> ms.burden:
        return ms.burden([Gene("A", strength, 300.0, decay)])

    low, high = 0.01, 100.0
    for _ in range(40):
        middle = (low * high) ** 0.5
        low, high = (middle, high) if other(middle).values["A"] < found.values["A"] else (low, middle)
    assert 0.9 < found.relative_growth < 0.97
    assert other(low).growth_rate == pytest.approx(found.growth_rate, rel=1e-4)


def test_books_stay_exact_with_messages_and_proteins_on_them():
    """A protein that holds back its own message: mass' = growth (M - mass) at states that are not stationary."""
    model = with_message("0.3 nM/s", ["hold: m + A <-> mA; on*m*A - off*mA"], also=["mA"])
    found = ms.burden(model)
    assert dict(found.genes[0].copies) == {"A": 1, "mA": 1} and found.mass_error < 1e-9
    kernel = compile_model(found.model)
    y, p = kernel.initial({k: 1.4 * found.values[k] for k in ("m", "A", "mA", "c_A", "r")})
    lengths = {"r": 7549, "et": 300, "em": 300, "q": 300, "A": 300, "mA": 300} | {f"c_{g}": 7549 for g in "rtmqA"}
    row = np.array([lengths.get(id, 0.0) for id in kernel.system.states])
    now = kernel.values(0.0, y, p)
    assert now["mass"] == pytest.approx(row @ y, rel=1e-12)
    assert row @ kernel.rhs(0.0, y, p) == pytest.approx(now["growth"] * (1e8 - now["mass"]), rel=1e-8, abs=1e-3)


def test_one_message_of_two_proteins_and_an_rna_without_protein():
    operon = with_message("0.01 nM/s", ["l2: m -> m + B; tl*m", "xb: B -> ; d*B"], also=["B"])
    found = ms.burden(operon)
    assert [g.id for g in found.genes] == ["A", "B"]
    assert found.values["B"] == pytest.approx(found.values["A"], rel=1e-9)
    # the message is shared, so a strength is that of translation: a gene's own answer is a like bystander's plus one
    assert found.coupling["A", "A"] - found.coupling["B", "A"] == pytest.approx(1.0, rel=1e-9)
    assert found.coupling["B", "A"] < 0
    longer = ms.burden(operon, lengths={"B": 600})
    assert longer.values["B"] == pytest.approx(longer.values["A"], rel=2e-3) and longer.growth_rate < found.growth_rate


def test_rnas_and_proteins_that_annihilate_each_other_are_counted():
    small = ["s: -> R; some", "xr: R -> ; dm*R", "pair: m + R -> ; on*m*R"]
    plain, silenced = (
        ms.burden(with_message("0.01 nM/s", small, also=["R"], constants={"some": some}), lengths={"R": 0})
        for some in ("1e-9 nM/s", "0.02 nM/s")
    )
    assert silenced.values["A"] < 0.1 * plain.values["A"] and silenced.mass_error < 1e-9


def test_an_integral_controller_leaks_by_dilution():
    """Alone it holds Y at reference/sensing exactly. In the cell what it counts with is diluted (Qian & Del
    Vecchio, J R Soc Interface 2018): (Z1 - Z2)' = reference - sensing Y - growth (Z1 - Z2), but for the small burden."""
    plant = ms.model("plant", species={"U": "0 nM", "Y": "0 nM"}, parameters={"gain": "0.004 1/s", "loss": "0.02 1/s"},
                     reactions=["make_Y: -> Y; gain*U", "loss_Y: Y -> ; loss*Y"])  # fmt: skip
    loop = ms.connect(parts.antithetic_controller(), plant, {"U": "U"}, feedback={"Y": "Y"})
    assert "Y" not in loop.inputs
    few = {"reference": 0.01, "annihilation": 100.0}  # a hundredth of all molecules: no burden worth telling
    changed = tuple(replace(k, value=few.get(k.id, k.value)) for k in loop.model.parameters)
    weak = loop.model.replace(parameters=changed)
    alone = ms.steady_state(weak)
    assert alone.stable and alone["Y"] == pytest.approx(0.1, rel=1e-9)
    found = ms.burden(weak)
    assert found.mass_error < 1e-9 and {g.id for g in found.genes} == {"Z2", "U", "Y"}
    # mRNAs and translation take time that the design does not have: the loop rings, and a remark says so
    assert not found.state.stable and any("not stable" in remark for remark in found.remarks)
    z1, z2, y = (found.values[id] / NM for id in ("Z1", "Z2", "Y"))
    expected = (0.01 - found.growth_rate / 60.0 * (z1 - z2)) / 0.1
    assert expected < 0.099 and y == pytest.approx(expected, rel=0.005)


def test_a_protein_that_activates_in_proportion_is_told_apart_by_its_length():
    chain = ms.model(
        "chain", species={"A": "0 nM", "B": "0 nM"}, parameters={"k": "0.01 nM/s", "b": "0.1 1/s", "d": "0.005 1/s"},
        reactions=["a: -> A; k", "b1: -> B; b*A", "xa: A -> ; d*A", "xb: B -> ; d*B"],
    )  # fmt: skip
    assert [g.id for g in ms.burden(chain).genes] == ["B"]
    assert [g.id for g in ms.burden(chain, lengths={"A": 300}).genes] == ["A", "B"]


def test_events_rules_and_time_keep_their_meaning_in_the_cell():
    """A circuit too weak to matter runs in the cell as it does alone, in molecules and minutes, but for the time that a
    ribosome takes to make a protein."""
    events = ["at (time > 2010): tx = 5*tx, A = A + 1e-4", "at (seen > 0.012): dm = 2*dm"]
    circuit = with_message("1e-7 nM/s", rules=["seen = 2*A"], events=events)
    found = ms.burden(circuit)
    assert any("events" in remark for remark in found.remarks)
    clear, growth = (found.alone[id] / 60.0 for id in ("elongation", "growth"))
    late = ms.model(
        "late", species={"m": "2e-5 nM", "c": "0 nM", "A": "2e-3 nM"}, rules=["seen = 2*A"], events=events,
        parameters={"tx": "1e-7 nM/s", "tl": "0.1 1/s", "dm": "0.005 1/s", "d": "0.001 1/s", "clear": f"{clear / 300:.17g} 1/s",
                    "growth": f"{growth:.17g} 1/s"},
        reactions=["t: -> m; tx", "l: -> c; tl*m*(1 + growth/clear)", "p: c -> A; clear*c", "xc: c -> ; growth*c",
                   "xm: m -> ; dm*m", "xa: A -> ; d*A"],
    )  # fmt: skip
    loaded = 2e-6 / (clear / 300)
    seconds = np.linspace(0.0, 6000.0, 61)
    alone = ms.simulate(late, seconds, values={"c": loaded}, rtol=1e-10)
    cell = {s.id: found.values[s.id] for s in found.model.species}
    inside = ms.simulate(found.model, seconds / 60.0, values=cell, rtol=1e-10)
    assert alone["A"].max() > 3 * alone["A"][0] and alone["m"][-1] < 0.6 * alone["m"].max()  # both events fired
    for id in ("m", "A"):
        assert inside[id] == pytest.approx(alone[id] * NM, rel=2e-5)
    assert inside["seen"] == pytest.approx(alone["seen"], rel=2e-5)


def test_polymerases_leave_the_cell_alone_as_it_was():
    host = find_host("weisse_2015")
    for ns in (0.1, 0.5):
        shared = with_polymerases(host, 2000.0)
        one, other = (ms.steady_state(h.model, {"ns": 0.5}) for h in (host, shared))
        assert other["growth"] == pytest.approx(one["growth"], rel=1e-9)
        assert other["polymerase_share"] == pytest.approx(1.0, rel=1e-9)
        changed = ms.burden({"gfp": 0.0}, values={"ns": ns}, polymerases=2000)
        assert changed.relative_growth == pytest.approx(1.0, rel=1e-9)


def test_polymerases_are_free_or_busy():
    """The share that the formula gives leaves as many busy as the reactions of the model keep, counted one by one."""
    found = ms.burden({"first": 300.0, "second": 100.0}, polymerases=500)
    v = found.values
    rates = dict(zip((r.id for r in found.model.reactions), _rates(found)))
    nucleotides = {"r": 7549, "t": 300, "m": 300, "q": 300, "first": 300, "second": 300}
    busy = sum(rates[f"transcribe_{g}"] * 3 * n / 2700.0 for g, n in nucleotides.items())
    assert v["polymerases_free_alone"] * v["polymerase_share"] + busy == pytest.approx(500.0, rel=1e-9)
    assert busy > 100 and v["polymerase_share"] < 0.95


def _rates(found):
    kernel = compile_model(found.model)
    return kernel.rates(0.0, found.state.states, found.state.parameters)


def test_an_rna_that_nothing_is_made_from_costs_polymerases_only():
    circuit = with_message(
        "0.001 nM/s", ["s: -> R; many", "xr: R -> ; dm*R"], also=["R"], constants={"many": "100 nM/s"}
    )
    plenty = ms.burden(circuit, lengths={"R": 0})
    assert plenty.relative_growth == pytest.approx(1.0, abs=1e-3)
    few = ms.burden(circuit, lengths={"R": 0}, polymerases=400)
    more = ms.burden(circuit, lengths={"R": 0}, polymerases=400000)
    assert few.values["polymerase_share"] < 0.9
    for found in (plenty, few, more):
        v, own = found.values, found.alone
        energy = v["a"] / (v["theta_x"] + v["a"]) * (own["theta_x"] + own["a"]) / own["a"]
        loss = 0.3 - own["growth"] + v["growth"]
        assert v["m"] == pytest.approx(0.06 * NM * energy * v.get("polymerase_share", 1.0) / loss, rel=1e-8)
    assert more.values["A"] == pytest.approx(plenty.values["A"], rel=0.01)


@pytest.mark.parametrize("number, message", [(0, "positive"), (1, "too few"), (float("nan"), "positive")])
def test_impossible_polymerases_are_told(number, message):
    with pytest.raises(ms.InputError, match=message):
        ms.burden({"gfp": 1.0}, polymerases=number)


def test_a_switch_with_messages_keeps_its_memory():
    names = ("U", "V")
    species, reactions = {}, []
    for own, other in (names, names[::-1]):
        species |= {f"m_{own}": "0 nM", own: "100 nM" if own == "U" else "0 nM"}
        reactions += [f"t{own}: -> m_{own}; tx/(1 + ({other}/K)^2)", f"l{own}: -> {own}; tl*m_{own}",
                      f"xm{own}: m_{own} -> ; dm*m_{own}", f"x{own}: {own} -> ; d*{own}"]  # fmt: skip
    circuit = ms.model("toggle", species=species, reactions=reactions,
                       parameters={"tx": "0.01 nM/s", "tl": "0.1 1/s", "dm": "0.005 1/s", "d": "0.001 1/s", "K": "40 nM"})  # fmt: skip
    found = memory(circuit)
    assert len(found.held) == len(found.host) == 2
    for state in found.held:
        assert max(state.values()) > 5 * min(state.values())
    assert len(memory(parts.toggle()).host) == 2


def test_a_cascade_in_a_cell_comes_to_rest_where_the_solver_says():
    """Second way to the numbers: a run of the whole cell from a different start, with a kinase, an inducer and two mRNAs."""
    circuit = ms.model(
        "cascade", species={"I": "50 nM", "T": "0 nM", "C": "0 nM", "mL": "0 nM", "L": "0 nM", "mG": "0 nM", "G": "0 nM"},
        parameters={"fast": "0.1 1/(nM s)", "off": "0.001 1/s", "a": "0.5 nM/s", "b": "0.05 nM/s", "c": "0.2 nM/s", "K": "5 nM",
                    "dm": "0.005 1/s", "d": "0.001 1/s", "l": "0.05 1/s"},
        reactions=["m1: -> T; a", "d1: T -> ; d*T", "i: I + T <-> C; fast*I*T - off*C", "m2: -> mL; b/(1 + (T/K)^2)",
                   "x2: mL -> ; dm*mL", "l2: -> L; l*mL", "d2: L -> ; d*L", "m3: -> mG; c/(1 + (L/K)^2)", "x3: mG -> ; dm*mG",
                   "l3: -> G; l*mG", "d3: G -> ; d*G"],
    )  # fmt: skip
    found = ms.burden(circuit, polymerases=3000)
    assert found.state.stable and [g.id for g in found.genes] == ["T", "L", "G"]
    shifted = {s.id: 1.5 * found.values[s.id] for s in found.model.species if s.id in ("T", "mL", "L", "mG", "G", "q")}
    run = ms.simulate(found.model, [0.0, 2000.0], values=shifted, rtol=1e-9)
    for id in ("growth", "T", "C", "mL", "L", "mG", "G", "polymerase_share", "mass"):
        assert run[id][-1] == pytest.approx(found.values[id], rel=1e-5)
    assert found.values["I"] + found.values["C"] == pytest.approx(50 * NM, rel=1e-9)  # the inducer is outside as well


def test_a_host_with_events_carries_circuits():
    """A shift to a better nutrient: numbers are those before it, a run ends at those of the better nutrient."""
    host = find_host("weisse_2015")
    model = host.model
    parameters = tuple(replace(p, constant=p.constant and p.id != "ns") for p in model.parameters)
    shift = Event("shift", parse("time > 50"), (("ns", parse("1.0")),))
    shifted = replace(host, model=model.replace(parameters=parameters, events=(shift,)))
    design = parts.constitutive("X", production="10 nM/s")
    found, poor, rich = ms.burden(design, shifted), ms.burden(design), ms.burden(design, values={"ns": 1.0})
    assert found.growth_rate == pytest.approx(poor.growth_rate, rel=1e-9) and any("events" in r for r in found.remarks)
    run = ms.simulate(
        found.model, [0.0, 40.0, 3000.0], values={s.id: found.values[s.id] for s in found.model.species}, rtol=1e-9
    )
    assert run["growth"][1] == pytest.approx(poor.growth_rate, rel=1e-6)
    # degradation was told from dilution in the poor nutrient, so X differs; the host's own laws do not
    assert run["growth"][2] == pytest.approx(rich.growth_rate, rel=0.02) and run["growth"][2] > 1.4 * poor.growth_rate
