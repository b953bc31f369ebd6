"""Pages of docs/ without a notebook run as they stand."""

from __future__ import annotations

import re
from pathlib import Path

import matplotlib
import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.mark.parametrize("name", ["jump.md", "hybrid.md"])
def test_the_page_runs(name):
    matplotlib.use("Agg")
    blocks = re.findall(r"```python\n(.*?)```", (DOCS / name).read_text(encoding="utf-8"), re.S)
    assert blocks
    exec(compile("\n".join(blocks), name, "exec"), {})
