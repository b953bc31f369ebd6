"""Make the notebooks of docs/ from the pages of the same name: text as it stands, each python block run in turn.

    python docs/make_notebooks.py            all notebooks
    python docs/make_notebooks.py loading    one of them

A page is the source, its notebook is made; edit the page.
"""

from __future__ import annotations

import ast
import contextlib
import hashlib
import io
import json
import os
import re
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
PAGES = ("loading", "steepness", "burden")


def cells(text: str) -> list[tuple[str, str]]:
    """(kind, source) of a page in order; kind is "markdown" or "code"."""
    found = []
    for k, part in enumerate(re.split(r"```python\n(.*?)```\n?", text, flags=re.S)):
        if part.strip():
            found.append(("code" if k % 2 else "markdown", part.strip("\n")))
    return found


def run(source: str, names: dict) -> list[dict]:
    """Outputs of one code cell in notebook form; `names` is what cells share."""
    tree = ast.parse(source)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    said, value = io.StringIO(), None
    with contextlib.redirect_stdout(said):
        exec(compile(tree, "<cell>", "exec"), names)
        if last is not None:
            value = eval(compile(ast.Expression(last.value), "<cell>", "eval"), names)
    outputs: list[dict] = []
    if said.getvalue():
        outputs.append({"name": "stdout", "output_type": "stream", "text": said.getvalue().splitlines(keepends=True)})
    if value is not None:
        data = {"text/plain": [repr(value)]}
        picture = getattr(value, "_repr_svg_", None)
        if picture is not None:
            data["image/svg+xml"] = [picture()]
        outputs.append({"data": data, "execution_count": None, "metadata": {}, "output_type": "execute_result"})
    return outputs


def notebook(text: str, folder: Path = HERE) -> dict:
    """A page as a notebook with its outputs; code runs in `folder`, where readers open it."""
    names: dict = {"__name__": "notebook"}
    made, count, before = [], 0, Path.cwd()
    os.chdir(folder)
    try:
        for k, (kind, source) in enumerate(cells(text)):
            id = hashlib.sha256(f"{k} {source}".encode()).hexdigest()[:12]
            cell = {"cell_type": kind, "id": id, "metadata": {}, "source": source.splitlines(keepends=True)}
            if kind == "code":
                count += 1
                outputs = run(source, names)
                for one in outputs:
                    if "execution_count" in one:
                        one["execution_count"] = count
                cell |= {"execution_count": count, "outputs": outputs}
            made.append(cell)
    finally:
        os.chdir(before)
    language = {"name": "python", "version": "3.11"}
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return {
        "cells": made,
        "metadata": {"kernelspec": kernel, "language_info": language},
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def main(wanted: list[str]) -> None:
    for name in wanted or PAGES:
        found = notebook((HERE / f"{name}.md").read_text(encoding="utf-8"))
        target = HERE / f"{name}.ipynb"
        target.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        print(f"wrote {target.name}: {len(found['cells'])} cells, {target.stat().st_size // 1024} KiB")


if __name__ == "__main__":
    main(sys.argv[1:])
