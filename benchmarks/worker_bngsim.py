"""Runs one job with bngsim: `python worker_bngsim.py JOB.json OUT.npz`."""

import json
import sys
import time

import numpy as np

job = json.load(open(sys.argv[1]))
start = time.perf_counter()
import bngsim

imported = time.perf_counter()
read = bngsim.Model.from_net if job["model"].endswith(".net") else bngsim.Model.from_sbml
model = read(job["model"])
simulator = bngsim.Simulator(model, method="ode", codegen=job.get("codegen"))
loaded = time.perf_counter()
results = {"import": imported - start, "load": loaded - imported}
names = list(model.species_names)
index = [names.index(c["id"]) if c["id"] in names else -1 for c in job["columns"]]
if model.species_names and -1 in index and job["model"].endswith(".net"):
    index = list(range(len(job["columns"])))
deadline = time.perf_counter() + job["budget"]
for k, (rtol, atol) in enumerate(job["tolerances"]):
    if time.perf_counter() > deadline:
        break
    best, spent, repeats = np.inf, 0.0, 0
    try:
        while repeats < 3 or (spent < job["seconds"] and repeats < 50):
            model.reset()
            begin = time.perf_counter()
            outcome = simulator.run(
                t_span=(0.0, job["horizon"]),
                n_points=job["points"],
                rtol=rtol,
                atol=atol,
                max_steps=1_000_000,
            )
            values = np.asarray(outcome.species)
            took = time.perf_counter() - begin
            best, spent, repeats = min(best, took), spent + took, repeats + 1
            if spent > 10:
                break
        columns = np.full((values.shape[0], len(index)), np.nan)
        for j, i in enumerate(index):
            if i >= 0:
                columns[:, j] = values[:, i]
        results[f"time{k}"], results[f"values{k}"] = best, columns
    except Exception as error:
        results[f"error{k}"] = str(error)[:200]
np.savez(sys.argv[2], **results)
