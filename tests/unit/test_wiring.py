"""Who acts on whom is read off the reactions, and drawn."""

from __future__ import annotations

import re

import pytest

import manyscale as ms
from manyscale.circuits import parts
from manyscale.circuits.wiring import wiring
from manyscale.reports.circuit import draw

KNOWN = {
    "toggle": (parts.toggle, {("V", "U", "represses"), ("U", "V", "represses")}),
    "repressilator": (parts.repressilator, {("LacI", "TetR", "represses"), ("TetR", "LambdaCI", "represses"),
                                            ("LambdaCI", "LacI", "represses")}),
    "coherent": (parts.feed_forward, {("X", "Y", "activates"), ("X", "Z", "activates"), ("Y", "Z", "activates")}),
    "incoherent": (lambda: parts.feed_forward("incoherent"),
                   {("X", "Y", "activates"), ("X", "Z", "activates"), ("Y", "Z", "represses")}),
    "band": (parts.band_detector, {("A", "C", "activates"), ("A", "L", "represses"), ("L", "G", "represses"),
                                   ("C", "G", "represses")}),
    "induced": (parts.inducible, {("U", "Y", "activates")}),
    "repressed": (parts.repressible, {("U", "Y", "represses")}),
}  # fmt: skip


@pytest.mark.parametrize("name", KNOWN)
def test_textbook_circuits_are_read_as_drawn_in_textbooks(name):
    make, effects = KNOWN[name]
    assert set(wiring(make()).effects) == effects


def test_a_hill_law_says_what_it_does_and_a_self_regulator_too():
    model = ms.model(
        "loop", species={"A": "1 nM", "B": "1 nM"}, parameters={"k": "1 nM/s", "K": "1 nM", "d": "0.01 1/s", "n": "2"},
        reactions=["a: -> A; k/(1 + (B/K)^n)", "b: -> B; k*(A/K)^n/(1 + (A/K)^n)/(1 + B/K)", "xa: A -> ; d*A", "xb: B -> ; d*B"],
    )  # fmt: skip
    assert set(wiring(model).effects) == {("B", "A", "represses"), ("A", "B", "activates"), ("B", "B", "represses")}


def test_what_binds_and_what_annihilates():
    loaded = wiring(ms.connect(parts.constitutive("X"), parts.clients("X")))
    assert loaded.sites == ("load_sites",) and loaded.effects == (("X", "load_sites", "binds"),)
    assert ("Z2", "U", "represses") in wiring(parts.antithetic_controller()).effects
    assert wiring(parts.scaffold(3)) is None  # expresses nothing


def test_each_gene_and_each_effect_is_drawn_once():
    svg = draw(parts.repressilator())
    for name in ("TetR", "LambdaCI", "LacI"):
        assert svg.count(f">{name}</text>") == 1
    assert len(re.findall(r"h14\"", svg)) == 3 and "bar: represses" in svg  # three repression bars
    assert draw(parts.toggle()).count("<svg") == 1
    assert "<svg" in draw(ms.connect(parts.phosphorylation_cycle("K", "Z"), parts.phosphorylation_cycle("Zp", "Y")))
    assert draw(ms.model("empty", species={"A": 1.0}, reactions=["a: A -> ; A"])) == ""
