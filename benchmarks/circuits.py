"""Loads x doses: steady states of an inducible gene in front of binding sites, against the same scan in libRoadRunner.

    manyscale bench circuits [--loads 1000] [--doses 100] [--share 2000] [--peer-python PATH]

The peer computes `--share` points of the same grid (evenly spread) with its own steady-state solver, on the model as SBML;
its time is scaled up. Both sets of results are compared at those points.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

PEER = """
import json, sys, time, numpy as np, roadrunner
roadrunner.Logger.disableLogging()
job = json.load(open(sys.argv[1])); r = roadrunner.RoadRunner(job["model"])
r.conservedMoietyAnalysis = True
solver = r.getSteadyStateSolver()
try: solver.setValue("allow_presimulation", job["help"]); solver.setValue("allow_approx", False)
except Exception: pass
r.steadyStateSelections = ["[%s]" % s for s in job["outputs"]]
values = []; bad = 0; start = time.perf_counter()
for load, dose in job["points"]:
    r.reset()
    r["init([%s])" % job["load"]] = load
    r["[%s]" % job["dose"]] = dose
    try: values.append([float(x) for x in r.getSteadyStateValues()])
    except Exception: values.append([float("nan")] * len(job["outputs"])); bad += 1
took = time.perf_counter() - start
json.dump({"took": took, "values": values, "bad": bad, "version": roadrunner.__version__}, open(sys.argv[2], "w"))
"""


def circuit():
    """The inducible gene and its load; the bound protein is degraded, so the free level depends on the load."""
    import manyscale as ms
    from manyscale.circuits import parts
    from manyscale.circuits.cooperativity import held

    joined = ms.connect(parts.inducible("U", "Y"), parts.clients("Y", bound_decay="0.005 1/s"), {"Y": "Y"})
    return held(joined.model, "U")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--loads", type=int, default=1000)
    options.add_argument("--doses", type=int, default=100)
    options.add_argument("--share", type=int, default=2000)
    options.add_argument("--peer-python", default=sys.executable)
    options.add_argument("--presimulation", action="store_true", help="let the peer simulate before it solves (slow)")
    chosen = options.parse_args()
    import manyscale as ms
    from manyscale.circuits.scan import scan

    model = circuit()
    loads = np.geomspace(0.1, 1e4, chosen.loads)
    doses = np.geomspace(1e-2, 1e4, chosen.doses)
    begin = time.perf_counter()
    found = scan(model, {"load_sites": loads, "U": doses}, ["Y", "load_bound"])
    own = time.perf_counter() - begin
    points = chosen.loads * chosen.doses
    print(f"manyscale: {points} steady states in {own:.2f} s, first use included; {len(found.failed)} without one")
    places = np.unique(np.linspace(0, points - 1, min(chosen.share, points)).astype(int))
    index = np.array(np.unravel_index(places, (chosen.loads, chosen.doses))).T
    with tempfile.TemporaryDirectory() as folder:
        path = ms.write(model, Path(folder) / "circuit.xml")
        job = {"model": str(path), "points": [[float(loads[i]), float(doses[j])] for i, j in index], "load": "load_sites",
               "dose": "U", "outputs": ["Y", "load_bound"], "help": chosen.presimulation}  # fmt: skip
        (Path(folder) / "job.json").write_text(json.dumps(job))
        (Path(folder) / "peer.py").write_text(PEER)
        done = subprocess.run(
            [chosen.peer_python, f"{folder}/peer.py", f"{folder}/job.json", f"{folder}/out.json"], check=False
        )
        if done.returncode:
            print("the peer could not be run (pip install libroadrunner)")
            return
        peer = json.loads((Path(folder) / "out.json").read_text())
    theirs = np.array(peer["values"])
    ours = np.array([[found[id][i, j] for id in ("Y", "load_bound")] for i, j in index])
    apart = np.abs(ours - theirs) / np.maximum(np.abs(ours), 1e-9)
    gap, same = np.nanmedian(apart), float((apart < 1e-6).all(axis=1).mean())
    whole = peer["took"] * points / len(index)
    print(
        f"libRoadRunner {peer['version']}: {len(index)} points in {peer['took']:.2f} s, {whole:.1f} s for all; {peer['bad']} failed"
    )
    print(f"{same:.1%} of the points agree to 1e-6 (median difference {gap:.1e}); ratio {whole / own:.1f}")


if __name__ == "__main__":
    main()
