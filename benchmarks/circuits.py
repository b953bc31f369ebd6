"""Loads x doses: steady states of an inducible gene in front of binding sites, against the same scan in libRoadRunner.

    manyscale bench circuits [--loads 1000] [--doses 100] [--share 100] [--peer-python PATH]

The peer computes all doses of `--share` loads of the same grid with its own steady-state solver, on the model as SBML, in its
fastest way that gives right results (the load as a conserved sum, each dose started from the one before); its time is
scaled up. Both sets of results are compared at those points.
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
r.steadyStateSelections = ["[%s]" % s for s in job["outputs"]]
total = None  # the conserved sum that the load is: setting it costs little, setting an initial value regenerates code
for name in r.model.getConservedMoietyIds():
    r.reset(); old = r[name]; r[name] = 123.0
    try: value = r.getSteadyStateValues()[1] + r["[%s]" % job["load"]]
    except Exception: value = 0.0
    r[name] = old
    if abs(value - 123.0) < 1e-6: total = name
values = []; bad = 0; last = None; start = time.perf_counter()
for load, dose in job["points"]:
    if load != last: r.reset(); r[total] = load; last = load
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
    options.add_argument("--share", type=int, default=100)
    options.add_argument("--peer-python", default=sys.executable)
    chosen = options.parse_args()
    import manyscale as ms
    from manyscale.circuits.scan import scan

    model = circuit()
    loads = np.geomspace(0.1, 1e4, chosen.loads)
    doses = np.geomspace(1e-2, 1e4, chosen.doses)
    begin = time.perf_counter()
    scan(model, {"load_sites": loads[:2], "U": doses[:2]}, ["Y", "load_bound"])
    first = time.perf_counter() - begin
    begin = time.perf_counter()
    found = scan(model, {"load_sites": loads, "U": doses}, ["Y", "load_bound"])
    own = time.perf_counter() - begin
    points = chosen.loads * chosen.doses
    print(
        f"manyscale: {points} steady states in {own:.3f} s (getting ready: {first:.2f} s); {len(found.failed)} without one"
    )
    places = np.unique(np.linspace(0, chosen.loads - 1, min(chosen.share, chosen.loads)).astype(int))
    index = np.array([(i, j) for i in places for j in range(chosen.doses)])
    with tempfile.TemporaryDirectory() as folder:
        path = ms.write(model, Path(folder) / "circuit.xml")
        job = {"model": str(path), "points": [[float(loads[i]), float(doses[j])] for i, j in index], "load": "load_sites",
               "dose": "U", "outputs": ["Y", "load_bound"]}  # fmt: skip
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
