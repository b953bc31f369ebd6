"""The layout rules of docs/design.md, enforced by walking the syntax trees (imports inside functions included)."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parent.parent / "src" / "manyscale"
FILES = sorted(SOURCE.rglob("*.py"))

# Lower may not import higher; equal rank may import each other only within the same folder.
RANK = {
    "errors": 0, "units": 0, "model": 1, "formats": 2, "kernels": 2, "zoo": 3, "engines": 3, "analysis": 4, "scales": 5,
    "bridges": 6, "circuits": 7, "study": 8, "reports": 9, "terminal": 10, "cli": 10, "__init__": 11, "__main__": 12,
}  # fmt: skip
ALLOWED_DOWNWARD = {"units": {"errors", "model"}}  # unit checks read formulas

HEAVY = {  # package -> the only place that imports it
    "llvmlite": "kernels/jit.py",
    "libsbml": "formats/sbml",
    "antimony": "formats/antimony.py",
    "flint": "model/structure.py",
    "pint": "units.py",
    "sympy": "model/sympy_bridge.py",
    "xarray": "engines/trajectory.py",
    "typer": "cli",
    "jinja2": "reports/html.py",
    "rdflib": "circuits/sbol.py",
}


def layer(path: Path) -> str:
    first = path.relative_to(SOURCE).parts[0]
    name = first.removesuffix(".py")
    return "cli" if name.startswith("cli_") else name  # commands of one area in a file of their own


def imported_modules(path: Path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module, node.lineno
            if node.module == "manyscale":
                for alias in node.names:
                    yield f"manyscale.{alias.name}", node.lineno


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_imports_go_one_way(path):
    here = layer(path)
    if here in ("__init__", "__main__", "cli"):
        return
    for module, line in imported_modules(path):
        parts = module.split(".")
        if parts[0] != "manyscale" or len(parts) < 2 or parts[1] == "_core":
            continue
        there = parts[1]
        if there == here or there in ALLOWED_DOWNWARD.get(here, ()):
            continue
        assert there in RANK, f"{path}:{line} imports {module}, which has no rank"
        assert RANK[there] < RANK[here], f"{path}:{line}: {here} may not import {there}"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_each_heavy_package_has_one_importing_place(path):
    place = str(path.relative_to(SOURCE))
    for module, line in imported_modules(path):
        owner = HEAVY.get(module.split(".")[0])
        assert owner is None or place.startswith(owner), f"{place}:{line} imports {module}; only {owner} may"


def test_bridge_methods_see_neither_each_other_nor_verify():
    methods = [p for kind in ("exact", "time", "number", "space") for p in (SOURCE / "bridges" / kind).glob("*.py")]
    for path in methods:
        kind = path.parent.name
        for module, line in imported_modules(path):
            if not module.startswith("manyscale.bridges."):
                continue
            target = module.removeprefix("manyscale.bridges.").split(".")
            assert target[0] != "verify", f"{path}:{line} imports the verifier"
            if target[0] in ("exact", "time", "number", "space"):
                assert target[0] == kind, f"{path}:{line}: a {kind} method imports {module}"


def test_verify_sees_no_method():
    for module, line in imported_modules(SOURCE / "bridges" / "verify.py"):
        for kind in ("exact", "time", "number", "space", "search"):
            assert not module.startswith(f"manyscale.bridges.{kind}"), f"verify.py:{line} imports {module}"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_files_stay_small(path):
    lines = path.read_text(encoding="utf-8").count("\n")
    assert lines <= 420, f"{path} has {lines} lines; split it"
