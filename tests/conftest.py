"""Shared fixtures. Corpora (models and cases that this project did not write) are read where they lie, never copied."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

# The same examples on every run, so that a change is judged by itself; `make test-full` draws new ones.
settings.register_profile("repeatable", derandomize=True)
if os.environ.get("MANYSCALE_FUZZ") != "new":
    settings.load_profile("repeatable")

ROOT = Path(__file__).resolve().parent.parent


def pytest_addoption(parser):
    parser.addoption("--corpora", default=None, help="folder with the corpora (default: ../shared/corpora)")


def corpora_folder(option: str | None = None) -> Path:
    """Where the corpora lie: option, then MANYSCALE_CORPORA, then ../shared/corpora beside the checkout."""
    return Path(option or os.environ.get("MANYSCALE_CORPORA") or ROOT.parent / "shared" / "corpora")


def pytest_configure(config):
    config.corpora = corpora_folder(config.getoption("--corpora"))
    os.environ["MANYSCALE_CORPORA"] = str(config.corpora)  # for worker processes and parametrization


@pytest.fixture(scope="session")
def corpora(pytestconfig) -> Path:
    folder = pytestconfig.corpora
    if not folder.is_dir():
        pytest.skip(f"no corpora in {folder}; give --corpora PATH or set MANYSCALE_CORPORA")
    return folder


@pytest.fixture(scope="session")
def examples() -> Path:
    return ROOT / "examples"
