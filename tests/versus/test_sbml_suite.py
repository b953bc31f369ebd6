"""Time-course cases of the SBML Test Suite: right, or refused by name; never wrong."""

from __future__ import annotations

import random

import pytest
from semantic_cases import case_folders, run_case, tags_of

pytest.importorskip("libsbml")


def stratified(corpora) -> list:
    """Every tag at least twice where it occurs twice, filled up to a third of the cases."""
    folders = case_folders(corpora)
    random.Random(0).shuffle(folders)
    seen: dict[str, int] = {}
    chosen = []
    for folder in folders:
        tags = tags_of(folder)
        if any(seen.get(tag, 0) < 2 for tag in tags) or len(chosen) < len(folders) // 3:
            chosen.append(folder)
            for tag in tags:
                seen[tag] = seen.get(tag, 0) + 1
    return chosen


def check(folders: list, **options) -> None:
    results = [run_case(folder, seed=1, **options) for folder in folders]
    bad = [f"{r.case} {r.outcome}: {r.detail}" for r in results if r.outcome not in ("pass", "refused")]
    assert not bad, "\n".join(bad)
    refused = [r.case for r in results if r.outcome == "refused"]
    assert len(refused) <= 0.05 * len(results), f"refused: {refused}"


def test_a_sample_of_every_kind_of_case_is_right(corpora):
    check(stratified(corpora))


@pytest.mark.full
@pytest.mark.parametrize("rtol", [1e-5, 1e-6, 1e-9])
def test_every_case_is_right(corpora, rtol):
    check(case_folders(corpora), rtol=rtol)


@pytest.mark.full
@pytest.mark.parametrize("method", ["bdf", "rosenbrock"])
def test_every_case_is_right_with_each_stiff_method(corpora, method):
    check(case_folders(corpora), rtol=1e-8, method=method)
