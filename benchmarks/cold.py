"""Cold start and memory: from a model file to the first result, in a fresh process, against libRoadRunner and bngsim.

    manyscale bench cold [--models 0010,0009] [--peer-python PATH] [--repeats 5]

Whole process wall time (interpreter start and imports included), best of the repeats, and the peak resident memory.
The peers do what we do: load, simulate 101 points over the model's horizon, keep the last point.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import time

import numpy as np
from ode import corpus

PROGRAMS = {
    "manyscale": (
        "import sys, numpy as np, manyscale as ms\n"
        "run = ms.simulate(ms.read(sys.argv[1]), np.linspace(0, float(sys.argv[2]), 101))\nrun.states[-1]"
    ),
    "roadrunner": (
        "import sys, roadrunner\nroadrunner.Logger.disableLogging()\n"
        "r = roadrunner.RoadRunner(sys.argv[1])\nr.simulate(0, float(sys.argv[2]), 101)[-1]"
    ),
    "bngsim": (
        "import sys, bngsim\n"
        "m = (bngsim.Model.from_net if sys.argv[1].endswith('.net') else bngsim.Model.from_sbml)(sys.argv[1])\n"
        "bngsim.Simulator(m, method='ode').run(t_span=(0, float(sys.argv[2])), n_points=101, rtol=1e-6).species[-1]"
    ),
}


def whole_process(python: str, program: str, path: str, horizon: float, repeats: int) -> tuple[float, float]:
    """Best wall seconds and largest peak memory (MB) over the repeats."""
    best, peak = np.inf, 0.0
    for _ in range(repeats):
        start = time.perf_counter()
        process = subprocess.Popen(
            [python, "-c", program, path, str(horizon)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        _, status, usage = os.wait4(process.pid, 0)
        took = time.perf_counter() - start
        if status != 0:
            return np.nan, np.nan
        best, peak = min(best, took), max(peak, usage.ru_maxrss / 1024)
    return best, peak


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models")
    parser.add_argument("--peer-python", default=os.environ.get("MANYSCALE_PEER_PYTHON", sys.executable))
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--peers", default="roadrunner,bngsim")
    options = parser.parse_args(argv)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    ratios: dict[str, list[float]] = {}
    for path, horizon, _ in corpus(options.models.split(",") if options.models else None):
        row = {}
        for name in ["manyscale", *options.peers.split(",")]:
            if name == "roadrunner" and path.suffix == ".net":
                continue
            python = sys.executable if name == "manyscale" else options.peer_python
            row[name] = whole_process(python, PROGRAMS[name], str(path), horizon, options.repeats)
        print(path.stem, "  ".join(f"{n} {t:.3f} s {m:.0f} MB" for n, (t, m) in row.items()), flush=True)
        for name, (seconds, memory) in row.items():
            if name != "manyscale" and np.isfinite(seconds) and np.isfinite(row["manyscale"][0]):
                ratios.setdefault(f"{name} time", []).append(seconds / row["manyscale"][0])
                ratios.setdefault(f"{name} memory", []).append(memory / row["manyscale"][1])
    for name, values in ratios.items():
        print(f"median ratio to manyscale, {name}: {np.median(values):.2f} over {len(values)} models")


if __name__ == "__main__":
    main()
