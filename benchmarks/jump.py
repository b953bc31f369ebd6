"""Exact jump simulation on one core: manyscale against rebop and bngsim, the same law, the same work.

    manyscale bench jump [--peer-python PATH] [--seconds 2] [--only telegraph,vilar,mapk,nets,crossover]

Ensembles and single paths of three small networks, and large `.net` files against bngsim. Every tool is pinned to one core.
Work is counted in jumps: the mean number per path is a property of the law, which is checked by comparing means and
variances at the end. rebop runs with and without `sparse`, the better counts.
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

TELEGRAPH = {  # Peccoud & Ycart, Theor. Popul. Biol. 48:222, 1995, with mRNA and protein
    "start": {"off": 1},
    "steps": [
        (1.0, "off", "on"), (2.0, "on", "off"), (60.0, "on", "on m"), (1.0, "m", ""), (10.0, "m", "m p"), (0.1, "p", ""),
    ],
    "end": 1000.0, "rows": 100, "watch": "p",
}  # fmt: skip
VILAR = {  # Vilar, Kueh, Barkai & Leibler, PNAS 99:5988, 2002
    "start": {"Da": 1, "Dr": 1},
    "steps": [
        (1.0, "Da A", "Dpa"), (1.0, "Dr A", "Dpr"), (50.0, "Dpa", "Da A"), (100.0, "Dpr", "Dr A"), (50.0, "Da", "Da Ma"),
        (0.01, "Dr", "Dr Mr"), (500.0, "Dpa", "Dpa Ma"), (50.0, "Dpr", "Dpr Mr"), (50.0, "Ma", "Ma A"), (5.0, "Mr", "Mr R"),
        (2.0, "A R", "C"), (1.0, "C", "R"), (10.0, "Ma", ""), (0.5, "Mr", ""), (1.0, "A", ""), (0.2, "R", ""),
    ],
    "end": 200.0, "rows": 200, "watch": "R",
}  # fmt: skip


def cascade() -> dict:
    """Huang & Ferrell, PNAS 93:10078, 1996: ten enzymatic steps, in molecules."""
    steps: list[tuple[float, str, str]] = []
    for enzyme, substrate, product in (
        ("E1", "KKK", "KKKs"), ("E2", "KKKs", "KKK"), ("KKKs", "KK", "KKP"), ("KKPase", "KKP", "KK"),
        ("KKKs", "KKP", "KKPP"), ("KKPase", "KKPP", "KKP"), ("KKPP", "K", "KP"), ("KPase", "KP", "K"),
        ("KKPP", "KP", "KPP"), ("KPase", "KPP", "KP"),
    ):  # fmt: skip
        bound = f"{enzyme}_{substrate}"
        steps += [(1e-3, f"{enzyme} {substrate}", bound), (1.0, bound, f"{enzyme} {substrate}")]
        steps.append((1.0, bound, f"{enzyme} {product}"))
    start = {"KKK": 300, "KK": 1200, "K": 1200, "E1": 30, "E2": 30, "KKPase": 30, "KPase": 120}
    return {"start": start, "steps": steps, "end": 200.0, "rows": 200, "watch": "KPP"}


WORK = {"telegraph": TELEGRAPH, "vilar": VILAR, "mapk": cascade()}
NETS = {"multisite2": 100.0, "egfr_net": 10.0}

REBOP = """
import json, sys, time, numpy as np, rebop
job = json.load(open(sys.argv[1])); g = rebop.Gillespie()
for k, a, b in job["steps"]: g.add_reaction(k, a.split(), b.split())
best = None
for sparse in (True, False):
    def once(seed): return g.run(job["start"], job["end"], job["rows"], rng=seed, sparse=sparse)
    once(0); last = []; begun = time.perf_counter()
    while time.perf_counter() - begun < job["seconds"] or len(last) < 3:
        run = once(len(last) + 1); last.append(float(run[job["watch"]].values[-1]))
    each = (time.perf_counter() - begun) / len(last)
    if best is None or each < best["each"]: best = {"each": each, "last": last, "sparse": sparse}
json.dump(best, open(sys.argv[2], "w"))
"""
BNGSIM = """
import json, sys, time, numpy as np, bngsim
job = json.load(open(sys.argv[1]))
path = job["path"]
m = bngsim.Model.from_net(path) if path.endswith(".net") else bngsim.Model.from_sbml(path)
sim = bngsim.Simulator(m, method="ssa", **({"net_path": path} if path.endswith(".net") else {}), strict_ssa=False)
names = list(m.species_names); at = names.index(job["watch"]) if job["watch"] in names else 0
def once(seed):
    m.reset(); return np.asarray(sim.run(t_span=(0, job["end"]), n_points=job["rows"] + 1, seed=seed).species)
once(1); last = []; begun = time.perf_counter()
while time.perf_counter() - begun < job["seconds"] or len(last) < 3: last.append(float(once(len(last) + 2)[-1, at]))
json.dump({"each": (time.perf_counter() - begun) / len(last), "last": last, "watched": names[at]}, open(sys.argv[2], "w"))
"""


def peer(code: str, job: dict, python: str, limit: float = 300.0) -> dict | None:
    with tempfile.TemporaryDirectory() as folder:
        asked, answer = Path(folder, "asked.json"), Path(folder, "answer.json")
        asked.write_text(json.dumps(job))
        done = subprocess.run(
            ["taskset", "-c", "1", python, "-c", code, str(asked), str(answer)],
            capture_output=True, text=True, timeout=limit, check=False,
        )  # fmt: skip
        if done.returncode:
            print(
                f"    peer failed: {done.stderr.strip().splitlines()[-1] if done.stderr.strip() else done.returncode}"
            )
            return None
        return json.loads(answer.read_text())


def antimony(work: dict) -> str:
    names = sorted({name for _, a, b in work["steps"] for name in (*a.split(), *b.split())})
    lines = [f"species {', '.join(names)};"]
    for k, (rate, a, b) in enumerate(work["steps"]):
        lines.append(f"r{k}: {' + '.join(a.split())} -> {' + '.join(b.split())}; {'*'.join([repr(rate), *a.split()])};")
    lines += [f"{name} = {work['start'].get(name, 0)};" for name in names]
    return "\n".join(lines)


def ours(model, work: dict, seconds: float) -> dict:
    """Seconds and jumps per path, alone and in ensembles."""
    import manyscale as ms

    times = np.linspace(0.0, work["end"], work["rows"] + 1)

    def run(count: int | None, seed: int):
        begun = time.perf_counter()
        found = ms.simulate(model, times, level="jump", replicates=count, seed=seed, counts=True)
        return time.perf_counter() - begun, found

    run(1, 1)
    spent, jumps, alone = 0.0, 0, 0
    while spent < seconds or alone < 3:
        took, found = run(None, alone)
        spent, jumps, alone = spent + took, jumps + found.stats["jumps"], alone + 1
    count = max(16, int(8 * seconds * alone / spent))
    took, found = run(count, 12345)
    last = found[work["watch"]][:, -1]
    return {
        "one": spent / alone, "jumps": jumps / alone, "each": took / count, "last": last.tolist(),
        "rate": found.stats["jumps"] / took, "rate_one": jumps / spent,
    }  # fmt: skip


def agree(a: list[float], b: list[float]) -> float:
    """Difference of the means in standard errors."""
    spread = np.sqrt(np.var(a) / len(a) + np.var(b) / max(len(b), 1))
    return (
        float(abs(np.mean(a) - np.mean(b)) / spread)
        if spread > 0
        else float("inf" if np.mean(a) != np.mean(b) else 0.0)
    )


def agree_spread(a: list[float], b: list[float]) -> float:
    """Difference of the variances in standard errors, from fourth moments."""
    squares = [(np.asarray(one) - np.mean(one)) ** 2 for one in (a, b)]
    return agree(*(one.tolist() for one in squares))


def small(name: str, work: dict, python: str, seconds: float) -> None:
    import manyscale as ms

    model = ms.read(antimony(work))
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder, "model.xml"))
        ms.write(model, path)
        job = {**work, "seconds": seconds, "path": path}
        peers = {"rebop": peer(REBOP, job, python), "bngsim": peer(BNGSIM, job, python)}
    own = ours(model, work, seconds)
    print(f"{name}: {len(work['steps'])} reactions, {own['jumps']:.3g} jumps per path")
    print(
        f"    manyscale, ensemble {own['rate'] / 1e6:8.1f} M jumps/s; one path {own['rate_one'] / 1e6:6.1f} M jumps/s"
    )
    best = 0.0
    for tool, found in peers.items():
        if found is None:
            continue
        rate = own["jumps"] / found["each"]
        best = max(best, rate)
        print(
            f"    {tool:10s}          {rate / 1e6:8.2f} M jumps/s; "
            f"means differ by {agree(own['last'], found['last']):.1f}, variances by "
            f"{agree_spread(own['last'], found['last']):.1f} standard errors ({len(own['last'])}, {len(found['last'])} paths)"
        )
    if best:
        print(f"    ratio: ensemble {own['rate'] / best:.1f}, one path {own['rate_one'] / best:.2f}")


def nets(python: str, seconds: float) -> None:
    import manyscale as ms

    for name, end in NETS.items():
        path = next((CORPORA / "net").glob(f"{name}*.net"), None) or next(CORPORA.rglob(f"{name}*.net"))
        model = ms.read(path)
        watch = model.species[0].id
        work = {"end": end, "rows": 10, "watch": watch, "seconds": seconds, "path": str(path)}
        found = peer(BNGSIM, work, python)
        times = np.linspace(0.0, end, 11)
        ms.simulate(model, times * 1e-3, level="jump", seed=1, counts=True)
        spent, jumps, count, last = 0.0, 0, 0, []
        while spent < seconds or count < 3:
            begun = time.perf_counter()
            run = ms.simulate(model, times, level="jump", seed=count, counts=True)
            spent, jumps, count = spent + time.perf_counter() - begun, jumps + run.stats["jumps"], count + 1
            last.append(float(run[watch][-1]))
        print(f"{name}, to {end:g}: {len(model.reactions)} reactions, {jumps / count:.3g} jumps")
        print(f"    manyscale {spent / count:.3f} s ({jumps / spent / 1e6:.2f} M jumps/s)")
        if found:
            print(f"    bngsim    {found['each']:.3f} s; ratio {found['each'] * count / spent:.2f}; first species differs by "
                  f"{agree(last, found['last']):.1f} standard errors")  # fmt: skip


def ring(reactions: int) -> str:
    """Kinds that turn into the next one, alone and helped by another, in a circle."""
    kinds, lines = reactions // 2, []
    for i in range(kinds):
        after, second = f"X{(i + 1) % kinds}", f"X{(i + 2) % kinds}"
        lines.append(
            f"a{i}: X{i} -> {after}; {1 + i % 3}*X{i}; b{i}: X{i} + {after} -> X{i} + {second}; 0.02*X{i}*{after}"
        )
    return "; ".join([*lines, *(f"X{i} = 40" for i in range(kinds))])


def crossover(seconds: float) -> None:
    """Jumps per second of the direct method in generated code and of rejection from bounds, by number of reactions."""
    import manyscale as ms
    from manyscale.kernels import jump_code

    print(f"crossover, M jumps/s (bounds are used from {jump_code.TABLE_FROM} reactions on)")
    usual = jump_code.TABLE_FROM
    for reactions in (20, 40, 60, 90, 120, 180):
        rates = []
        for first_of_table in (10**9, 1):
            jump_code.TABLE_FROM, model = first_of_table, ms.read(ring(reactions))
            end = seconds * 1e6 / (reactions * 40)
            ms.simulate(model, [0.0, end * 1e-3], level="jump", seed=1, counts=True)
            for count in (None, 8):
                begun = time.perf_counter()
                run = ms.simulate(model, [0.0, end / (count or 1)], level="jump", replicates=count, seed=2, counts=True)
                rates.append(run.stats["jumps"] / (time.perf_counter() - begun) / 1e6)
        print(
            "    {:4d} reactions: direct {:6.1f} one path, {:6.1f} ensemble; bounds {:6.1f}, {:6.1f}".format(
                reactions, *rates
            )
        )
    jump_code.TABLE_FROM = usual


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer-python", default=sys.executable)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--only", default="telegraph,vilar,mapk,nets,crossover")
    asked = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {1})
    for name in asked.only.split(","):
        if name == "nets":
            nets(asked.peer_python, asked.seconds)
        elif name == "crossover":
            crossover(asked.seconds)
        else:
            small(name, WORK[name], asked.peer_python, asked.seconds)


if __name__ == "__main__":
    main()
