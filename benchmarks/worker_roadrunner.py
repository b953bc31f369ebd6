"""Runs one job with libRoadRunner: `python worker_roadrunner.py JOB.json OUT.npz`."""

import json
import sys
import time

import numpy as np

job = json.load(open(sys.argv[1]))
start = time.perf_counter()
import roadrunner

roadrunner.Logger.disableLogging()
imported = time.perf_counter()
runner = roadrunner.RoadRunner(job["model"])
loaded = time.perf_counter()
columns = [f"[{c['id']}]" if c["kind"] == "concentration" else c["id"] for c in job["columns"]]
runner.timeCourseSelections = ["time", *columns]
integrator = runner.getIntegrator()
if job.get("stiff", True):
    integrator.setValue("stiff", True)
integrator.setValue("maximum_num_steps", 1_000_000)
results = {"import": imported - start, "load": loaded - imported}
deadline = time.perf_counter() + job["budget"]
for k, (rtol, atol) in enumerate(job["tolerances"]):
    if time.perf_counter() > deadline:
        break
    integrator.setValue("relative_tolerance", rtol)
    integrator.setValue("absolute_tolerance", atol)
    best, spent, repeats = np.inf, 0.0, 0
    try:
        while repeats < 3 or (spent < job["seconds"] and repeats < 50):
            runner.resetAll()
            runner.reset()
            begin = time.perf_counter()
            values = np.asarray(runner.simulate(0, job["horizon"], job["points"]))
            took = time.perf_counter() - begin
            best, spent, repeats = min(best, took), spent + took, repeats + 1
            if spent > 10:
                break
        results[f"time{k}"], results[f"values{k}"] = best, values[:, 1:]
    except Exception as error:
        results[f"error{k}"] = str(error)[:200]
np.savez(sys.argv[2], **results)
