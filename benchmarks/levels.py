"""All levels of description on the models of the stochastic test suite: one table of means and standard deviations.

    manyscale bench levels [--paths 4000] [--cases 00001,00020] [--levels ode,lna,moments,cme,jump,tau,langevin,hybrid]

Each entry is the largest error of the mean over time / that of the standard deviation, as percentages of the largest mean and
standard deviation that the suite gives (from closed forms or integrations of the master equation). Sampled levels are
exact to some 100 % / sqrt(paths) of the fluctuation. Refusals are named below the table.
"""

from __future__ import annotations

import argparse
import csv
import time

import numpy as np
from ode import CORPORA

LEVELS = ("ode", "lna", "moments", "cme", "jump", "tau", "langevin", "hybrid")
SAMPLED = {"jump", "tau", "langevin", "hybrid"}


def case(folder):
    """(path, times, amounts, species -> (mean, sd)) as the suite gives them."""
    text = next(folder.glob("*-settings.txt")).read_text()
    asked = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    with next(folder.glob("*-results.csv")).open() as handle:
        rows = list(csv.DictReader(handle))
    columns = {name.strip(): np.array([float(row[name]) for row in rows]) for name in rows[0]}
    times = columns.pop("time", columns.pop("Time", None))
    names = {column.rsplit("-", 1)[0] for column in columns}
    amounts = asked.get("amount", "").replace(" ", "").split(",")
    law = {name: (columns[f"{name}-mean"], columns[f"{name}-sd"]) for name in sorted(names)}
    return next(folder.glob("*l3v2.xml")), times, amounts, law


def moments(run, level: str, name: str, amount: bool):
    """(mean, standard deviation or None) of a species at a level, as amount or concentration."""
    values = run.amount(name) if amount else run.concentration(name)
    if level in SAMPLED:
        return values.mean(axis=0), values.std(axis=0, ddof=1)
    if level == "ode":
        return values, None
    own = run[name]
    with np.errstate(all="ignore"):
        factor = np.nanmax(np.where(own > 0, values / own, np.nan), initial=1.0)
    return values, run.std(name) * factor


def compare(folder, level: str, paths: int) -> str:
    import manyscale as ms

    path, times, amounts, law = case(folder)
    extra = {"replicates": paths, "seed": 1} if level in SAMPLED else {}
    run = ms.simulate(path, times, level=level, **extra)
    worst, spread = 0.0, None
    for name, (mean, sd) in law.items():
        found, own = moments(run, level, name, name in amounts)
        top = float(np.abs(mean).max()) or 1.0
        worst = max(worst, float(np.nanmax(np.abs(found - mean))) / top)
        if own is not None and sd.max() > 0:
            spread = max(spread or 0.0, float(np.nanmax(np.abs(own - sd))) / float(sd.max()))
    return f"{100 * worst:.2g}/{'-' if spread is None else f'{100 * spread:.2g}'}"


def main() -> None:
    from manyscale.errors import ManyscaleError

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--paths", type=int, default=4000)
    parser.add_argument("--cases", default=",".join(f"{k:05d}" for k in range(1, 40)))
    parser.add_argument("--levels", default=",".join(LEVELS))
    asked = parser.parse_args()
    levels, refused = asked.levels.split(","), []
    print("| case | " + " | ".join(levels) + " |")
    print("|---|" + "---|" * len(levels))
    begun = time.perf_counter()
    for name in asked.cases.split(","):
        row = []
        for level in levels:
            try:
                row.append(compare(CORPORA / "sbmlts" / "stochastic" / name, level, asked.paths))
            except ManyscaleError as reason:
                row.append("refused")
                refused.append(f"{name}, {level}: {str(reason).splitlines()[0][:140]}")
        print(f"| {name} | " + " | ".join(row) + " |", flush=True)
    print(f"\n{time.perf_counter() - begun:.0f} s")
    print("\n".join(refused))


if __name__ == "__main__":
    main()
