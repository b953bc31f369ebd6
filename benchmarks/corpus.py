"""Every model of a folder through `manyscale analyze`: a table of dimensions, tiers, bounds, measured errors, seconds.

    manyscale bench corpus [FOLDER] [--points 200] [--jobs 2] [--out results.csv] [--models 0010,0009]

Resumable: finished models are kept in the output file and not repeated. Each model runs in a process of its own with a
time limit, so that one bad model cannot stop the table. Held-back points are those of the independent verifier.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from corpus_page import figures, page
from ode import CORPORA

FIELDS = [
    "model", "exit", "seconds", "full", "conserved", "proved", "reduced", "bridges", "tier", "bound", "measured",
    "points", "worst", "violations", "refusals", "narrower", "proven", "proved_by", "speed", "message",
]  # fmt: skip
TIERS = ["measured", "estimated", "rigorous", "exact"]


def horizons() -> dict[str, str]:
    rows = csv.DictReader((CORPORA / "biomodels_40.tsv").open(), delimiter="\t")
    return {f"BIOMD000000{row['id']}": row["horizon"] for row in rows}


def analyse(path: Path, horizon: str | None, points: int, limit: float, how: list[str]) -> dict:
    with tempfile.TemporaryDirectory() as folder:
        command = [
            sys.executable,
            "-m",
            "manyscale",
            "analyze",
            str(path),
            "-o",
            folder,
            "--json",
            "--points",
            str(points),
        ]
        command += ["--horizon", horizon] if horizon else []
        command += how
        start = time.perf_counter()
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=limit, check=False)
        except subprocess.TimeoutExpired:
            return {"model": path.stem, "exit": "timeout", "seconds": limit, "message": "over the time limit"}
        row = {"model": path.stem, "exit": done.returncode, "seconds": round(time.perf_counter() - start, 2)}
        last = (done.stderr.strip().splitlines() or [""])[-1]
        if done.returncode:
            return {**row, "message": last[:200]}
        study = json.loads(Path(folder, "study.json").read_text())
        return {**row, **summary(json.loads(done.stdout)), "speed": speed(study)}


def speed(study: dict) -> float | str:
    """Time of the small model's run over the full one's."""
    found = (study.get("evidence") or {}).get("trajectories") or {}
    spent = found.get("seconds") or {}
    return spent["small"] / spent["full"] if spent.get("small") and spent.get("full") else ""


def together(errors: list[float]) -> float | str:
    from manyscale.bridges.certificate import added

    return added(errors) if errors else ""


def proved_by(chain: list[dict]) -> str:
    """The steps beyond bookkeeping that are proved, up to the first that is not, with their tiers."""
    found = []
    for bridge in chain:
        if bridge["tier"] not in ("rigorous", "exact"):
            break
        if bridge["name"] not in ("conserve", "prune"):
            found.append(f"{bridge['name']} ({bridge['tier']})")
    return "+".join(found)


def summary(answer: dict) -> dict:
    steps = [b for b in answer["chain"] if b["name"] not in ("conserve", "prune")]
    errors = [b.get("error") or {} for b in steps]
    tiers = [b["tier"] for b in steps]
    verified = answer.get("verified") or {}
    refusals = [f"{r['name']}: {r['reason']}" for r in answer["refusals"]]
    reasons = [
        r
        for r in answer["refusals"]
        if r["name"] not in ("absent", "conserve", "solve", "prune", "lump", "lump_backward")
    ] or answer["refusals"]
    return {
        **answer["dimension"],
        "bridges": "+".join(b["name"] for b in answer["chain"]),
        "tier": min(tiers, key=TIERS.index) if tiers else "",
        "bound": together([e.get("bound") or 0.0 for e in errors]),
        "measured": together([e.get("measured") or 0.0 for e in errors]),
        "points": verified.get("points", ""),
        "worst": verified.get("worst_error", ""),
        "violations": verified.get("violations", ""),
        "refusals": len(refusals),
        "narrower": max((r.get("holds_within") or 0.0 for r in answer["refusals"]), default=0.0) or "",
        "proven": max((b["proof"]["factor"] for b in answer["chain"] if b.get("proof")), default=""),
        "proved_by": proved_by(answer["chain"]),
        "message": " | ".join(f"{r['name']}: {r['reason']}" for r in reasons)[:400],
    }


def finished(out: Path) -> set[str]:
    """Models that the table has already. A table with other columns would be continued wrongly."""
    if not out.exists():
        return set()
    rows = csv.DictReader(out.open())
    if rows.fieldnames and list(rows.fieldnames) != FIELDS:
        raise SystemExit(f"{out} has other columns than this version writes; give another --out, or remove it")
    return {row["model"] for row in rows}


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", default=str(CORPORA / "biomodels"))
    parser.add_argument("--points", type=int, default=32)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--limit", type=float, default=600.0)
    parser.add_argument("--models")
    parser.add_argument(
        "--rigorous", action="store_true", help="try to prove bounds; column proven: up to which factor"
    )
    parser.add_argument("--proved", action="store_true", help="keep only steps that are proved")
    parser.add_argument("--out", default="benchmarks/corpus.csv")
    parser.add_argument("--page", help="write an HTML page")
    options = parser.parse_args(argv)
    how = [f"--{name}" for name in ("rigorous", "proved") if getattr(options, name)]
    out = Path(options.out)
    done = finished(out)
    paths = sorted(p for p in Path(options.folder).iterdir() if p.suffix in (".xml", ".ant", ".net"))
    if options.models:
        paths = [p for p in paths if any(part in p.stem for part in options.models.split(","))]
    known = horizons()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    with out.open("a", newline="") as handle, ThreadPoolExecutor(options.jobs) as pool:
        writer = csv.DictWriter(handle, FIELDS, extrasaction="ignore")
        if not done:
            writer.writeheader()
        todo = [p for p in paths if p.stem not in done]
        for row in pool.map(lambda p: analyse(p, known.get(p.stem), options.points, options.limit, how), todo):
            writer.writerow(row)
            handle.flush()
            print("  ".join(f"{k}={row[k]}" for k in FIELDS if row.get(k) not in (None, "")), flush=True)
    rows = list(csv.DictReader(out.open()))
    if options.page:
        Path(options.page).write_text(page(rows), encoding="utf-8")
    for what, reached in figures(rows):
        print(f"{what}: {reached}")
    seconds = [float(r["seconds"]) for r in rows]
    reduced = [r for r in rows if r["tier"]]
    broken = [r["model"] for r in rows if r["exit"] not in ("0", "3")]
    print(f"{len(rows)} models, median {np.median(seconds):.1f} s, {len(reduced)} reduced beyond conserve and prune")
    print("violations:", sum(int(r["violations"] or 0) for r in reduced), " failures:", broken)


if __name__ == "__main__":
    main()
