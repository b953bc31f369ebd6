"""The commands about circuits and the pages they write."""

from __future__ import annotations

import json
import re

import pytest

import manyscale as ms
from manyscale.circuits import parts
from manyscale.cli import main


@pytest.fixture
def files(tmp_path):
    ms.write(parts.constitutive("X", production="0.01 nM/s"), tmp_path / "up.xml")
    ms.write(parts.clients("X"), tmp_path / "down.xml")
    ms.write(parts.scaffold(3), tmp_path / "scaffold.xml")
    return tmp_path


def run(*words) -> int:
    with pytest.raises(SystemExit) as stop:
        main([str(word) for word in words])
    return stop.value.code


def sound(page: str) -> bool:
    """Self-contained, and as many tags closed as opened."""
    assert not re.search(r"(src|href)=\"http", page)
    return all(page.count(f"<{tag}") - page.count(f"</{tag}>") == 0 for tag in ("svg", "section", "table", "text"))


def test_load_prints_and_writes(files, capsys):
    assert run("load", files / "up.xml", files / "down.xml", "--port", "X=X", "-o", files / "page.html") == 0
    said = capsys.readouterr().out
    assert "3.5 times slower" in said and "delta_tau = " in said
    page = (files / "page.html").read_text(encoding="utf-8")
    assert sound(page) and page.count("<svg") == 3


def test_load_as_json(files, capsys):
    assert run("load", files / "up.xml", files / "down.xml", "--loads", "1:100", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["S"] == [[pytest.approx(2.5, rel=1e-9)]] and len(found["curve"]["loads"]) == 41


def test_steepness_prints_and_writes(files, capsys):
    assert run("steepness", files / "scaffold.xml", "L", "S3", "-o", files / "page.html", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["n_half"] == pytest.approx(6 * (1 - 2 ** (-1 / 3)), rel=1e-6)
    assert sound((files / "page.html").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "words", [("steepness", "scaffold.xml", "Q", "S3"), ("steepness", "scaffold.xml", "L", "S3", "--interval", "3"),
              ("load", "up.xml", "down.xml", "--port", "X"), ("load", "up.xml", "scaffold.xml"),
              ("load", "up.xml", "down.xml", "--loads", "5:1")],
)  # fmt: skip
def test_bad_input_is_one_line_and_exit_code_2(files, capsys, words):
    assert run(*(files / w if w.endswith(".xml") else w for w in words)) == 2
    said = capsys.readouterr().err.strip().splitlines()
    assert said[-1].startswith("error: ") and "fault of manyscale" not in said[-1]


def test_a_composed_circuit_is_drawn_with_its_glyphs():
    from manyscale.reports.circuit_pages import load_page

    joined = ms.connect(ms.connect(parts.constitutive("U"), parts.inducible("U", "Y")), parts.clients("Y"), {"Y": "Y"})
    page = load_page(joined.load)
    assert sound(page) and "circuit of U, Y, load" in page
    assert ms.simulate(joined, [0.0, 1.0])["Y"][-1] >= 0
