"""The command `burden` and its page."""

from __future__ import annotations

import json
import re

import pytest

import manyscale as ms
from manyscale.circuits import parts
from manyscale.cli import main


def run(*words) -> int:
    with pytest.raises(SystemExit) as stop:
        main([str(word) for word in words])
    return stop.value.code


def test_genes_are_told_and_drawn(tmp_path, capsys):
    assert run("burden", "--gene", "gfp=100", "-o", tmp_path / "page.html") == 0
    said = capsys.readouterr().out
    assert "46.26% of the host alone" in said and "most product at" in said
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert not re.search(r"(src|href)=\"http", page) and page.count("<svg") == 5
    assert all(page.count(f"<{tag}") == page.count(f"</{tag}>") for tag in ("svg", "section", "table", "text"))


def test_a_circuit_file_as_json(tmp_path, capsys):
    ms.write(parts.toggle(), tmp_path / "toggle.xml")
    assert run("burden", tmp_path / "toggle.xml", "--set", "ns=0.25", "--length", "U=200", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["genes"]["U"]["length"] == 200 and 0.9 < found["relative_growth"] < 1


def test_memory_batch_and_polymerases_are_told_and_drawn(tmp_path, capsys):
    from test_memory import toggle

    ms.write(toggle(4.0, 6.0), tmp_path / "toggle.xml")
    words = ("--memory", "--batch", "1e12", "--cells", "1000", "--turnaround", "60", "--polymerases", "2000")
    assert run("burden", tmp_path / "toggle.xml", *words, "-o", tmp_path / "page.html", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert len(found["memory"]["held"]) == 1 and len(found["memory"]["host"]) == 2
    assert found["memory"]["verdict"].startswith("growth feedback creates")
    batch = found["batch"]
    best = batch["best"]
    assert batch["productivity"][best] == pytest.approx(batch["product"][best] / batch["time"][best], rel=1e-12)
    assert min(batch["time"]) > 60 and 5900 < batch["cells"][0] < 6000  # degraded protein costs too
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "growth feedback creates" in page and page.count("<svg") == 7
    assert "free polymerases" in page


@pytest.mark.parametrize(
    "words", [(), ("--gene", "gfp=1", "--memory"), ("--gene", "gfp=1", "--batch", "0"), ("--gene", "gfp=1", "--polymerases", "3"),
              ("--gene", "g=1", "--length", "g"), ("--gene", "gfp"), ("--gene", "gfp=1", "--host", "yeast"), ("--gene", "gfp=1", "--set", "q9=1"),
              ("--gene", "gfp=1", "--length", "rfp=100"), ("nothing.xml",)],
)  # fmt: skip
def test_bad_input_is_one_line_and_exit_code_2(capsys, words):
    assert run("burden", *words) == 2
    said = capsys.readouterr().err.strip().splitlines()
    assert said[-1].startswith("error: ") and "fault of manyscale" not in said[-1]
    assert "--set" not in said[-1] or "--set" in words
