"""The notebooks of docs/ are those of their pages, run as they stand, and say what they say there."""

from __future__ import annotations

import importlib.util
import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"
NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?")


def maker():
    spec = importlib.util.spec_from_file_location("make_notebooks", DOCS / "make_notebooks.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


PAGES = maker().PAGES


def texts(cell) -> list[str]:
    """What a cell prints or shows as text."""
    return ["".join(one.get("text") or one["data"]["text/plain"]) for one in cell.get("outputs", [])]


def pictures(cell) -> list[str]:
    return [
        "".join(one["data"]["image/svg+xml"])
        for one in cell.get("outputs", [])
        if "image/svg+xml" in one.get("data", {})
    ]


@pytest.mark.parametrize("name", PAGES)
def test_a_notebook_has_the_cells_of_its_page_and_runs_to_the_same_outputs(name):
    make = maker()
    text = (DOCS / f"{name}.md").read_text(encoding="utf-8")
    kept = json.loads((DOCS / f"{name}.ipynb").read_text(encoding="utf-8"))
    assert [(c["cell_type"], "".join(c["source"])) for c in kept["cells"]] == make.cells(text), (
        "run docs/make_notebooks.py"
    )
    again = make.notebook(text)
    shown = 0
    for old, new in zip(kept["cells"], again["cells"], strict=True):
        assert old["id"] == new["id"] and len(texts(old)) == len(texts(new))
        for said, now in zip(texts(old), texts(new)):
            assert NUMBER.sub("#", said) == NUMBER.sub("#", now)
            numbers = [[float(x) for x in NUMBER.findall(one)] for one in (said, now)]
            assert numbers[1] == pytest.approx(numbers[0], rel=0.02, abs=1e-9)
        assert len(pictures(old)) == len(pictures(new))
        for one in (*pictures(old), *pictures(new)):
            assert ET.fromstring(one).tag.endswith("svg") and "var(" not in one
            shown += 1
    assert shown >= 6


@pytest.mark.parametrize("name", PAGES)
def test_notebooks_are_small_and_of_the_known_form(name):
    path = DOCS / f"{name}.ipynb"
    found = json.loads(path.read_text(encoding="utf-8"))
    assert path.stat().st_size < 100_000 and (found["nbformat"], found["nbformat_minor"]) == (4, 5)
    ids = [cell["id"] for cell in found["cells"]]
    assert len(set(ids)) == len(ids) and all(re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", id) for id in ids)
    counts = [cell["execution_count"] for cell in found["cells"] if cell["cell_type"] == "code"]
    assert counts == list(range(1, len(counts) + 1))
