"""One trajectory of a model: manyscale against libRoadRunner and bngsim at equal achieved error.

    manyscale bench ode [--models 0010,0009] [--peer-python PATH] [--out FILE.csv]

Every tool runs in a process of its own, with the model loaded once, over a ladder of tolerances; the error of each
run is the largest over species of max|value - reference| / max|reference|, the reference being manyscale at
rtol 1e-12 after agreement with the corpus reference. Times are the smallest of several warm runs. The time of a tool
at an error is read off the lower envelope of its (error, time) points, interpolated on logarithms.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
CORPORA = Path(os.environ.get("MANYSCALE_CORPORA") or HERE.parent.parent / "shared" / "corpora")
LADDER = [1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10]
TARGETS = [1e-3, 1e-4, 1e-5, 1e-6]
MEMORY = 6 * 2**30  # bytes that one tool and what it starts may use


def limit_memory() -> None:
    """Compilers that peers start on large models would otherwise take the whole machine."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def descendants(pid: int) -> list[int]:
    """Processes that a process has started, and those that these have."""
    table = subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    children: dict[int, list[int]] = {}
    for line in table.splitlines():
        child, parent = map(int, line.split())
        children.setdefault(parent, []).append(child)
    found, waiting = [], [pid]
    while waiting:
        below = children.get(waiting.pop(), [])
        found += below
        waiting += below
    return found


def run_worker(python: str, worker: str, job: dict, limit: float = 150.0) -> dict:
    with tempfile.TemporaryDirectory() as folder:
        job_file, out_file = Path(folder) / "job.json", Path(folder) / "out.npz"
        job_file.write_text(json.dumps(job))
        process = subprocess.Popen(
            [python, str(HERE / worker), str(job_file), str(out_file)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=limit_memory,
        )  # fmt: skip
        try:
            _, complaint = process.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            for pid in [*descendants(process.pid), process.pid]:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            process.communicate()
            return {"failure": f"over {limit:.0f} s"}
        if not out_file.exists():
            return {"failure": (complaint or "no result").strip().splitlines()[-1][:200]}
        with np.load(out_file, allow_pickle=False) as data:
            return {name: data[name] for name in data.files}


def achieved_error(values: np.ndarray, reference: np.ndarray) -> float:
    scale = np.nanmax(np.abs(reference), axis=0)
    known = (scale > 0) & ~np.isnan(values).any(axis=0)
    if not known.any():
        return np.inf
    return float(np.max(np.abs(values - reference)[:, known] / scale[known]))


def curve(result: dict, reference: np.ndarray) -> list[tuple[float, float]]:
    points = []
    for k in range(len(LADDER) * 3):
        if f"time{k}" in result:
            points.append((achieved_error(result[f"values{k}"], reference), float(result[f"time{k}"])))
    return points


def time_at(points: list[tuple[float, float]], target: float) -> float:
    """Least time at which the error is at most `target`, by log-log interpolation on the lower envelope."""
    points = [(e, t) for e, t in points if np.isfinite(e) and e < 0.1]
    good = [t for e, t in points if e <= target]
    if not good:
        return np.nan
    best = min(good)
    for e1, t1 in points:
        for e2, t2 in points:
            if e1 <= target < e2 and t2 < t1 and e1 > 0:
                share = np.log(target / e1) / np.log(e2 / e1)
                best = min(best, float(np.exp(np.log(t1) + share * np.log(t2 / t1))))
    return best


def tolerances(reference: np.ndarray) -> tuple[list, list]:
    """Ladders for us (own default absolute tolerance) and for peers (two absolute tolerances, the better one counts)."""
    peaks = np.nanmax(np.abs(reference), axis=0)
    peaks = peaks[peaks > 0]
    typical, least = float(np.median(peaks)), float(peaks.min())
    own = [(r, None) for r in LADDER]
    peer = [(r, r * a) for r in LADDER for a in sorted({typical, max(least, 1e-12 * typical)})]
    return own, peer


def bench_model(path: Path, horizon: float, points: int, python: str, seconds: float, peers: list[str]) -> dict:
    import manyscale as ms

    model = ms.read(path)
    columns = [
        {"id": s.id, "kind": "amount" if s.only_substance else "concentration"}
        for s in model.species
        if not (s.boundary or s.constant)
    ]
    known = {column["id"] for column in columns}
    rates = [rule.variable for rule in model.rules if rule.kind == "rate"]
    columns += [{"id": id, "kind": "value"} for id in rates if id not in known]
    base = {
        "model": str(path),
        "horizon": horizon,
        "points": points,
        "columns": columns,
        "seconds": seconds,
        "budget": 45.0,
    }
    exact = run_worker(sys.executable, "worker_manyscale.py", {**base, "tolerances": [(1e-12, None)], "seconds": 0})
    row = {"model": path.stem, "species": len(columns), "reactions": len(model.reactions)}
    if "values0" not in exact:
        return {**row, "failure": exact.get("failure") or str(exact.get("error0"))}
    reference = exact["values0"]
    own, peer = tolerances(reference)
    curves = {
        "manyscale": curve(run_worker(sys.executable, "worker_manyscale.py", {**base, "tolerances": own}), reference)
    }
    for name in peers:
        job = {**base, "tolerances": peer}
        result = run_worker(python, f"worker_{name}.py", job)
        if name == "bngsim" and "failure" in result:  # its C compiler takes minutes on large models
            result = run_worker(python, f"worker_{name}.py", {**job, "codegen": False})
        curves[name] = curve(result, reference)
        if "failure" in result:
            row[f"{name}_failure"] = str(result["failure"])
    for target in TARGETS:
        ours = time_at(curves["manyscale"], target)
        theirs = {name: time_at(curves[name], target) for name in peers}
        row[f"manyscale_ms@{target:g}"] = 1e3 * ours
        for name, value in theirs.items():
            row[f"{name}_ms@{target:g}"] = 1e3 * value
        fastest = np.nanmin([*theirs.values(), np.inf])
        row[f"ratio@{target:g}"] = fastest / ours if np.isfinite(fastest) else np.nan
    return row


def corpus(selection: list[str] | None) -> list[tuple[Path, float, int]]:
    rows = csv.DictReader((CORPORA / "biomodels_40.tsv").open(), delimiter="\t")
    jobs = [(CORPORA / "biomodels" / f"BIOMD000000{r['id']}.xml", float(r["horizon"]), 201) for r in rows]
    jobs = [(p, 6000.0 if p.stem.endswith("0010") else h, n) for p, h, n in jobs]
    jobs += [
        (CORPORA / "nets" / "multisite2.net", 100.0, 101),
        (CORPORA / "nets" / "egfr_net.net", 1000.0, 101),
    ]
    if selection:
        jobs = [j for j in jobs if any(s in j[0].stem for s in selection)]
    return jobs


def save(rows: list[dict], out: str) -> None:
    names = list(dict.fromkeys(k for row in rows for k in row))
    with open(out, "w", newline="") as handle:
        writer = csv.DictWriter(handle, names)
        writer.writeheader()
        writer.writerows(rows)


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", help="comma-separated parts of model names (default: all)")
    parser.add_argument("--peer-python", default=os.environ.get("MANYSCALE_PEER_PYTHON", sys.executable))
    parser.add_argument("--peers", default="roadrunner,bngsim")
    parser.add_argument("--seconds", type=float, default=0.3, help="time spent per tool and tolerance")
    parser.add_argument("--out", default="benchmarks/ode.csv")
    options = parser.parse_args(argv)
    rows = []
    for path, horizon, points in corpus(options.models.split(",") if options.models else None):
        peers = [p for p in options.peers.split(",") if not (p == "roadrunner" and path.suffix == ".net")]
        row = bench_model(path, horizon, points, options.peer_python, options.seconds, peers)
        rows.append(row)
        save(rows, options.out)
        print(
            "  ".join(f"{k}={v:.3g}" if isinstance(v, float) else f"{k}={v}" for k, v in row.items()),
            flush=True,
        )
    for target in TARGETS:
        ratios = [row[f"ratio@{target:g}"] for row in rows if np.isfinite(row.get(f"ratio@{target:g}", np.nan))]
        if ratios:
            print(
                f"error {target:g}: median ratio (best peer / manyscale) {np.median(ratios):.2f} over {len(ratios)} models"
            )


if __name__ == "__main__":
    main()
