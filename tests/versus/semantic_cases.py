"""Runs time-course cases of the SBML Test Suite and judges the answers by the suite's own tolerances.

As a script: `python tests/versus/semantic_cases.py [CASE ...]` prints every case that is not right, and the counts.
"""

from __future__ import annotations

import csv
import math
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import manyscale as ms
from manyscale.errors import ManyscaleError

VERSIONS = ("l3v2", "l3v1", "l2v5", "l2v4", "l2v3", "l2v2", "l2v1", "l1v2")


@dataclass(frozen=True)
class CaseResult:
    case: str
    outcome: str  # "pass", "refused" (by name), "wrong", "failed" (gave up), "crash" (an error of no known kind)
    detail: str
    seconds: float


@dataclass(frozen=True)
class Case:
    """What a case asks for and the answer: `expected` has one column per variable, the first is time."""

    model: Path
    settings: dict[str, str]
    variables: list[str]
    expected: np.ndarray

    def listed(self, key: str) -> list[str]:
        return [name.strip() for name in self.settings.get(key, "").split(",") if name.strip()]


def case_folders(corpora: Path) -> list[Path]:
    return sorted(p for p in (corpora / "sbmlts" / "semantic").iterdir() if p.is_dir())


def tags_of(folder: Path) -> set[str]:
    """Component and test tags of a case."""
    text = (folder / f"{folder.name}-model.m").read_text(errors="replace")
    lines = [line.split(":", 1)[1] for line in text.splitlines() if line.startswith(("componentTags:", "testTags:"))]
    return {tag.strip() for line in lines for tag in line.split(",") if tag.strip()}


def load_case(folder: Path) -> Case:
    name = folder.name
    model = next(p for v in VERSIONS if (p := folder / f"{name}-sbml-{v}.xml").exists())
    lines = (folder / f"{name}-settings.txt").read_text().splitlines()
    settings = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines) if key.strip()}
    with (folder / f"{name}-results.csv").open() as handle:
        rows = [row for row in csv.reader(handle) if any(field.strip() for field in row)]
    header = [field.strip().strip('"') for field in rows[0]]
    expected = np.array([[float(field) for field in row] for row in rows[1:]])
    return Case(model, settings, header[1:], expected)


def value_of(run, name: str, case: Case) -> np.ndarray:
    """The variable in the unit that the settings ask for; header names may differ in case."""
    known = {i.lower(): i for i in run.ids}
    name = name if name in run.ids else known.get(name.lower(), name)
    if name in case.listed("amount"):
        return run.amount(name)
    if name in case.listed("concentration"):
        return run.concentration(name)
    return run[name]


def mismatches(run, case: Case) -> list[str]:
    absolute, relative = float(case.settings["absolute"]), float(case.settings["relative"])
    found = []
    for k, name in enumerate(case.variables, 1):
        reference = case.expected[:, k]
        got = np.broadcast_to(value_of(run, name, case), reference.shape)
        with np.errstate(all="ignore"):
            right = np.abs(reference - got) <= absolute + relative * np.abs(reference)
        right |= (np.isnan(reference) & np.isnan(got)) | (np.isinf(reference) & (reference == got))
        if not right.all():
            at = int(np.argmin(right))
            t = case.expected[at, 0]
            found.append(f"{name}({t:g}) = {got[at]:.9g}, should be {reference[at]:.9g} ({(~right).sum()} points)")
    return found


def run_case(folder: Path, **options) -> CaseResult:
    """`options` go to `simulate` (rtol, method, ...)."""
    begin = time.perf_counter()
    try:
        case = load_case(folder)
        run = ms.simulate(case.model, case.expected[:, 0], **options)
        wrong = mismatches(run, case)
        outcome, detail = ("wrong", "; ".join(wrong)) if wrong else ("pass", "")
    except ms.UnsupportedError as refusal:
        outcome, detail = "refused", f"{refusal.element}: {refusal}"
    except ManyscaleError as failure:
        outcome, detail = "failed", f"{type(failure).__name__}: {failure}"
    except Exception as crash:
        outcome, detail = "crash", f"{type(crash).__name__}: {crash}"
    return CaseResult(folder.name, outcome, detail, time.perf_counter() - begin)


def main(cases: list[str]) -> None:
    corpora = Path(os.environ.get("MANYSCALE_CORPORA") or Path(__file__).parents[3] / "shared" / "corpora")
    options = {"rtol": float(os.environ["RTOL"])} if "RTOL" in os.environ else {}
    folders = [f for f in case_folders(corpora) if not cases or f.name in cases]
    counts: dict[str, int] = {}
    slowest = CaseResult("", "", "", -math.inf)
    for folder in folders:
        result = run_case(folder, **options)
        counts[result.outcome] = counts.get(result.outcome, 0) + 1
        slowest = max(slowest, result, key=lambda r: r.seconds)
        if result.outcome != "pass":
            print(result.case, result.outcome, result.detail[:400], flush=True)
    print(counts, f"slowest {slowest.case} {slowest.seconds:.2f} s")


if __name__ == "__main__":
    main(sys.argv[1:])
