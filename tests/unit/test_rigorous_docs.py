"""The page on proven bounds runs."""

import re
from pathlib import Path


def test_python_blocks_of_the_page_run():
    text = (Path(__file__).resolve().parents[2] / "docs" / "rigorous.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert blocks
    for block in blocks:
        exec(compile(block, "rigorous.md", "exec"), {})
