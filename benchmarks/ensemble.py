"""Ensemble of parameter sets on two cores: manyscale's lanes and threads against peers looped in two processes.

    manyscale bench ensemble [--sets 10000] [--peer-python PATH]

Kholodenko's MAPK cascade (BIOMD0000000010), 6,000 s, 201 points, every kinetic constant drawn log-uniformly within a
factor 1.5 of its value (same sets for all). Peers are given a share of the sets and scaled up. The error of each tool is
measured on 50 sets against manyscale at rtol 1e-11; times are reported with the error reached.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from ode import CORPORA

MODEL = CORPORA / "biomodels" / "BIOMD0000000010.xml"
HORIZON, POINTS = 6000.0, 201

PEERS = {
    "roadrunner": """
import json, sys, time, numpy as np, roadrunner
roadrunner.Logger.disableLogging()
job = json.load(open(sys.argv[1])); r = roadrunner.RoadRunner(job["model"])
r.timeCourseSelections = ["time"] + ["[%s]" % s for s in job["species"]]
r.integrator.relative_tolerance = job["rtol"]; r.integrator.absolute_tolerance = job["atol"]
r.simulate(0, 1, 2); keep = []; start = time.perf_counter()
for row in job["sets"]:
    r.reset()
    for name, value in zip(job["names"], row): r[name] = value
    out = r.simulate(0, job["horizon"], job["points"])
    if len(keep) < 50: keep.append(np.array(out)[:, 1:])
took = time.perf_counter() - start
np.savez(sys.argv[2], took=took, keep=np.array(keep))
""",
    "bngsim": """
import json, sys, time, numpy as np, bngsim
job = json.load(open(sys.argv[1])); m = bngsim.Model.from_sbml(job["model"])
sim = bngsim.Simulator(m, method="ode"); names = list(m.species_names)
use = job["names"]
sim.run(t_span=(0, 1), n_points=2); keep = []; start = time.perf_counter()
for row in job["sets"]:
    m.reset(); m.set_params(dict(zip(use, row)))
    out = sim.run(t_span=(0, job["horizon"]), n_points=job["points"], rtol=job["rtol"], atol=job["atol"]).species
    if len(keep) < 50: keep.append(np.asarray(out)[:, [names.index(s) for s in job["species"]]])
took = time.perf_counter() - start
np.savez(sys.argv[2], took=took, keep=np.array(keep))
""",
}


def with_global_constants(model):
    """The model with its local constants as global parameters, which every tool can set by name."""
    from dataclasses import replace

    from manyscale.model.expr import Symbol, substitute

    constants, reactions = [], []
    for reaction in model.reactions:
        names = {k.id: f"{k.id}_{reaction.id}" for k in reaction.local}
        constants += [replace(k, id=names[k.id]) for k in reaction.local]
        rate = substitute(reaction.rate, {old: Symbol(new) for old, new in names.items()})
        reactions.append(replace(reaction, rate=rate, local=()))
    names = [k.id for k in constants if k.value and not k.id.startswith("n_")]
    return model.replace(reactions=tuple(reactions), parameters=(*model.parameters, *constants)), names


def error_of(values: np.ndarray, reference: np.ndarray) -> float:
    scale = np.abs(reference).max(axis=(1,), keepdims=True)
    return float(np.median(np.max(np.abs(values - reference) / np.where(scale > 0, scale, 1), axis=(1, 2))))


def peer_time(python: str, name: str, job: dict, sets: np.ndarray, processes: int = 2) -> tuple[float, np.ndarray]:
    with tempfile.TemporaryDirectory() as folder:
        running = []
        for k in range(processes):
            file = Path(folder) / f"job{k}.json"
            file.write_text(json.dumps({**job, "sets": sets[k::processes].tolist()}))
            command = [python, "-c", PEERS[name], str(file), f"{folder}/out{k}.npz"]
            running.append(subprocess.Popen(command, stderr=subprocess.PIPE))
        for process in running:
            _, message = process.communicate()
            if process.returncode:
                raise RuntimeError(f"{name}: {message.decode()[-300:]}")
        took = max(float(np.load(f"{folder}/out{k}.npz")["took"]) for k in range(processes))
        return took, np.load(f"{folder}/out0.npz")["keep"]


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=int, default=10_000)
    parser.add_argument("--peer-sets", type=int, default=1000)
    parser.add_argument("--peer-python", default=os.environ.get("MANYSCALE_PEER_PYTHON", sys.executable))
    options = parser.parse_args(argv)
    import manyscale as ms

    model, names = with_global_constants(ms.read(MODEL))
    species = [s.id for s in model.species]
    constants = {name: model[name].value for name in names}
    folder = tempfile.TemporaryDirectory()
    path = Path(folder.name) / "model.xml"
    ms.write(model, path)
    random = np.random.default_rng(1)
    sets = np.array(list(constants.values())) * 1.5 ** random.uniform(-1, 1, (options.sets, len(constants)))
    times = np.linspace(0, HORIZON, POINTS)

    def own(count: int, rtol: float):
        values = {name: sets[:count, j] for j, name in enumerate(constants)}
        begin = time.perf_counter()
        run = ms.simulate_ensemble(model, times, values=values, rtol=rtol, threads=2)
        took = time.perf_counter() - begin
        return took, np.stack([np.asarray(run[s])[:50] for s in species], axis=2)

    _, reference = own(50, 1e-11)
    own(200, 1e-6)
    for rtol in (1e-4, 1e-5, 1e-6, 1e-7):
        took, values = own(options.sets, rtol)
        print(
            f"manyscale  rtol {rtol:g}: {took:.3f} s for {options.sets}, error {error_of(values, reference):.2g}",
            flush=True,
        )
    job = {
        "model": str(path),
        "species": species,
        "names": list(constants),
        "horizon": HORIZON,
        "points": POINTS,
    }
    even = reference[::2]
    for name in PEERS:
        for rtol in (1e-4, 1e-5, 1e-6, 1e-7):
            try:
                share = sets[: options.peer_sets]
                took, keep = peer_time(
                    options.peer_python,
                    name,
                    {**job, "rtol": rtol, "atol": rtol * 300},
                    share,
                )
            except Exception as failure:
                print(name, "failed:", failure)
                break
            scaled = took * options.sets / len(share)
            shown = error_of(keep[: len(even)], even)
            print(
                f"{name:10s} rtol {rtol:g}: {scaled:.3f} s for {options.sets} (two processes), error {shown:.2g}",
                flush=True,
            )


if __name__ == "__main__":
    main()
