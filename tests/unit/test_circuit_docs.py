"""The pages on loading and steepness run as they stand."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.mark.parametrize("name", ["loading.md", "steepness.md"])
def test_the_page_runs(name):
    blocks = re.findall(r"```python\n(.*?)```", (DOCS / name).read_text(encoding="utf-8"), re.S)
    assert blocks
    exec(compile("\n".join(blocks), name, "exec"), {})
