"""Trajectories against references made with other programs: corpus BioModels (`.csv`) and `.net` networks (`.gdat`).

As a script: `python tests/versus/reference_runs.py [PART OF NAME ...]` prints the worst column of each model.
"""

from __future__ import annotations

import csv
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import manyscale as ms


@dataclass(frozen=True)
class Comparison:
    """Largest difference over times, per column, as a share of the column's maximum."""

    name: str
    columns: list[str]
    errors: np.ndarray
    seconds: float
    stats: dict

    @property
    def worst(self) -> float:
        return float(self.errors.max(initial=0.0))

    def __str__(self) -> str:
        at = self.columns[int(np.argmax(self.errors))] if len(self.errors) else "-"
        return f"{self.name}: {self.worst:.2e} ({at}), {self.seconds:.2f} s, {self.stats.get('steps', 0)} steps"


def biomodels(corpora: Path) -> list[tuple[Path, Path]]:
    """(model, reference) pairs."""
    pairs = (
        (corpora / "biomodels" / f"{p.stem}.xml", p) for p in sorted((corpora / "biomodels_reference").glob("*.csv"))
    )
    return [pair for pair in pairs if pair[0].exists()]


def networks(corpora: Path) -> list[tuple[Path, Path]]:
    nets = sorted((corpora / "nets").rglob("*.net"))
    return [(p, p.with_suffix(".gdat")) for p in nets if p.with_suffix(".gdat").exists()]


def read_csv(path: Path) -> tuple[list[str], np.ndarray]:
    with path.open() as handle:
        rows = list(csv.reader(handle))
    return rows[0], np.array(rows[1:], dtype=float)


def read_gdat(path: Path) -> tuple[list[str], np.ndarray]:
    lines = path.read_text().splitlines()
    return lines[0].lstrip("#").split(), np.array([line.split() for line in lines[1:] if line.strip()], dtype=float)


NOISE = 1e-16  # columns below this share of the largest one are rounding errors around zero in the reference itself


def relative_errors(got: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """Largest difference per column as a share of the column's maximum; columns of noise need only be as small."""
    scale = np.abs(expected).max(axis=0)
    return np.abs(got - expected).max(axis=0) / np.maximum(scale, max(NOISE * scale.max(), 1e-300))


def compare_biomodel(model: Path, reference: Path, **options) -> Comparison:
    """Species columns are amounts."""
    names, data = read_csv(reference)
    begin = time.perf_counter()
    run = ms.simulate(model, data[:, 0], **options)
    seconds = time.perf_counter() - begin
    species = {part.id for part in run.model.species}
    got = np.column_stack([run.amount(name) if name in species else run[name] for name in names[1:]])
    return Comparison(model.stem, names[1:], relative_errors(got, data[:, 1:]), seconds, run.stats)


def compare_network(model: Path, reference: Path, **options) -> Comparison:
    """Columns by position: time, then the groups in the order of the file (functions that follow are left out)."""
    names, data = read_gdat(reference)
    groups = group_names(model)[: len(names) - 1]
    begin = time.perf_counter()
    run = ms.simulate(model, data[:, 0], **options)
    seconds = time.perf_counter() - begin
    got = np.column_stack([np.broadcast_to(run[name], data.shape[:1]) for name in groups])
    return Comparison(model.stem, names[1:], relative_errors(got, data[:, 1 : len(groups) + 1]), seconds, run.stats)


def group_names(model: Path) -> list[str]:
    """Names in the groups block of a `.net` file, in order."""
    text = model.read_text()
    block = text.partition("begin groups")[2].partition("end groups")[0]
    return [line.split()[1] for line in block.splitlines() if line.strip()]


def main(selection: list[str]) -> None:
    corpora = Path(os.environ.get("MANYSCALE_CORPORA") or Path(__file__).parents[3] / "shared" / "corpora")
    options = {"rtol": float(os.environ.get("RTOL", "1e-10"))}
    jobs = [(compare_biomodel, pair) for pair in biomodels(corpora)]
    jobs += [(compare_network, pair) for pair in networks(corpora)]
    for compare, pair in jobs:
        if selection and not any(part in str(pair[0]) for part in selection):
            continue
        try:
            print(compare(*pair, **options), flush=True)
        except Exception as failure:
            print(f"{pair[0].stem}: {type(failure).__name__}: {str(failure)[:300]}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
