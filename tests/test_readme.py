"""The README is a test: its Python blocks run, its commands exist, its files are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", README, re.S)


@pytest.mark.parametrize("code", [body for kind, body in BLOCKS if kind == "python"])
def test_python_blocks_run(code, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    exec(compile(code, "README.md", "exec"), {"__name__": "readme"})


def test_set_up_takes_exactly_two_commands():
    first_screen = README[: README.index("\n## ")]
    commands = re.findall(r"^make \w+", first_screen, re.M)
    assert commands == ["make demo", "make test"]


def test_linked_files_exist():
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        if not target.startswith("http"):
            assert (ROOT / target).exists(), f"README links to {target}, which is not there"


def test_make_targets_exist():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"`make ([\w-]+)`", README):
        assert re.search(rf"^{target}:", makefile, re.M), f"README names `make {target}`"


def test_commands_exist():
    from typer.main import get_command

    from manyscale.cli import app

    known = set(get_command(app).commands)
    shell = "".join(body for kind, body in BLOCKS if kind == "sh")
    for name in re.findall(r"^manyscale ([a-z]+)", shell, re.M):
        assert name in known, f"README names `manyscale {name}`"
