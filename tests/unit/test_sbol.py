"""SBOL3 designs become modules of plain reactions with the wiring that they state."""

from __future__ import annotations

import pytest

import manyscale as ms
from manyscale.circuits.sbol import read_sbol
from manyscale.circuits.wiring import wiring
from manyscale.cli import main

BASE, SBOL, SBO = "https://example.org/design/", "http://sbols.org/v3#", "https://identifiers.org/SBO:"
KIND = "http://www.w3.org/1999/02/22-rdf-syntax-ns#type"
CODES = {"production": "0000589", "inhibition": "0000169", "stimulation": "0000170", "degradation": "0000179",
         "binding": "0000177", "template": "0000645", "product": "0000011", "inhibitor": "0000020", "inhibited": "0000642",
         "stimulator": "0000459", "stimulated": "0000643", "reactant": "0000010", "transport": "0000185"}  # fmt: skip


def triples(interactions, precedes=()) -> str:
    """N-Triples of a design: interactions are (kind, [(role, component), ...]), constraints (promoter, coding sequence)."""
    lines, names = [], {n for _, parts in interactions for _, n in parts} | {n for pair in precedes for n in pair}

    def say(subject: str, predicate: str, value: str) -> None:
        shown = value if value.startswith('"') else f"<{value}>"
        lines.append(f"<{BASE}{subject}> <{predicate}> {shown} .")

    for name in sorted(names):
        say(name, KIND, SBOL + "Component")
        say(name, SBOL + "displayId", f'"{name}"')
        say(f"f_{name}", KIND, SBOL + "SubComponent")
        say(f"f_{name}", SBOL + "instanceOf", BASE + name)
        say("whole", SBOL + "hasFeature", f"{BASE}f_{name}")
    say("whole", KIND, SBOL + "Component")
    for k, (kind, parts) in enumerate(interactions):
        say(f"i{k}", KIND, SBOL + "Interaction")
        say(f"i{k}", SBOL + "type", SBO + CODES[kind])
        for j, (role, name) in enumerate(parts):
            say(f"i{k}", SBOL + "hasParticipation", f"{BASE}i{k}p{j}")
            say(f"i{k}p{j}", SBOL + "role", SBO + CODES[role])
            say(f"i{k}p{j}", SBOL + "participant", f"{BASE}f_{name}")
    for k, (first, second) in enumerate(precedes):
        say(f"c{k}", KIND, SBOL + "Constraint")
        say(f"c{k}", SBOL + "restriction", SBOL + "precedes")
        say(f"c{k}", SBOL + "subject", f"{BASE}f_{first}")
        say(f"c{k}", SBOL + "object", f"{BASE}f_{second}")
    return "\n".join(["# a design", *lines, ""])


def gene(coding: str, protein: str):
    return "production", [("template", coding), ("product", protein)]


TOGGLE = [gene("cA", "A"), gene("cB", "B"), ("inhibition", [("inhibitor", "B"), ("inhibited", "pA")]),
          ("inhibition", [("inhibitor", "A"), ("inhibited", "pB")]),
          ("binding", [("reactant", "A"), ("reactant", "IPTG"), ("product", "A_IPTG")])]  # fmt: skip
ORDER = [("pA", "rA"), ("rA", "cA"), ("pB", "cB")]


@pytest.fixture
def written(tmp_path):
    def write(*design, name="design.nt"):
        path = tmp_path / name
        path.write_text(triples(*design), encoding="utf-8")
        return path

    return write


def test_a_toggle_is_read_with_its_wiring_and_inducer(written):
    module = read_sbol(written(TOGGLE, ORDER))
    assert set(module.outputs) == {"A", "B"} and set(module.inputs) == {"IPTG"}
    assert {("A", "B", "represses"), ("B", "A", "represses"), ("A", "IPTG", "binds")} == set(wiring(module).effects)
    assert module.model["decay_A"].value == 0.01 and "default" in module.source


def test_an_and_gate_expresses_only_with_both_bound(written):
    gate = [gene("cG", "G"), gene("cX", "X"), ("stimulation", [("stimulator", "X"), ("stimulated", "pG")]),
            ("inhibition", [("inhibitor", "R"), ("inhibited", "pG")])]  # fmt: skip
    module = read_sbol(written(gate, [("pG", "cG")]), values={"sites": "1 nM"})
    assert {("X", "G", "activates"), ("R", "G", "represses")} == set(wiring(module).effects)
    low, high = (ms.steady_state(module.model, {"R": r})["G"] for r in (1000.0, 0.0))
    x = ms.steady_state(module.model, {"R": 0.0})["X"]
    bound = x / (x + 10.0)
    assert high == pytest.approx(0.1 * bound / 0.01, rel=1e-6) and low < 0.02 * high


def test_a_design_goes_into_a_cell_from_python_and_the_command_line(written, capsys):
    path = written(TOGGLE, ORDER)
    assert ms.burden(path).growth_rate == pytest.approx(ms.burden(read_sbol(path)).growth_rate, rel=1e-12)
    with pytest.raises(SystemExit) as stop:
        main(["burden", str(path)])
    assert stop.value.code == 0 and "A: " in capsys.readouterr().out
    assert ms.connect(path, "X = 1; Q = 0; bind: X + Q -> XQ; X*Q - XQ; XQ = 0", {"B": "X"}).joined == ("B",)


@pytest.mark.parametrize(
    "design, message",
    [(([("binding", [("reactant", "A"), ("reactant", "B"), ("product", "C")])],), "genetic production"),
     (([gene("cA", "A"), gene("cB", "B"), ("inhibition", [("inhibitor", "A"), ("inhibited", "pZ")])],), "'pZ' drives is not clear"),
     (([gene("cA", "A"), ("transport", [("reactant", "A")])],), "SBO:0000185"),
     (([gene("cA", "A"), ("degradation", [("reactant", "Z")])],), "'Z' is degraded")],
)  # fmt: skip
def test_designs_that_cannot_be_read_are_told(written, design, message):
    with pytest.raises(ms.ManyscaleError, match=message):
        read_sbol(written(*design))


def test_broken_files_are_told(tmp_path):
    path = tmp_path / "broken.nt"
    path.write_text("this is no triple\n", encoding="utf-8")
    with pytest.raises(ms.InputError, match="line 1"):
        read_sbol(path)
    with pytest.raises(ms.InputError, match="cannot read"):
        read_sbol(tmp_path / "absent.nt")
    with pytest.raises(ms.InputError, match=r"is read from \.nt"):
        path.rename(tmp_path / "broken.txt")
        read_sbol(tmp_path / "broken.txt")


def test_other_serializations_give_the_same_module(written, tmp_path):
    rdflib = pytest.importorskip("rdflib")
    path = written(TOGGLE, ORDER)
    graph = rdflib.Graph().parse(path, format="nt")
    for ending, form in (("ttl", "turtle"), ("rdf", "xml"), ("jsonld", "json-ld")):
        graph.serialize(tmp_path / f"design.{ending}", format=form)
        assert read_sbol(tmp_path / f"design.{ending}").model.reactions == read_sbol(path).model.reactions
