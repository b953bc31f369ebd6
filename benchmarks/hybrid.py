"""Slow-scale and hybrid simulation against this project's own exact engine, at equal error.

    manyscale bench hybrid [--paths 4000] [--threads all]

Every work is run by both engines from the same model. The error of a sample of N paths is the Kolmogorov distance of one
species at the end from its exact law (in closed form where there is one, otherwise from the sample of exact paths), which
for a right method goes as 1/sqrt(N); the table says both distances and how probable so large a one is (p). As long as the
approximation's own error is below that of the sample (p not small), equal N is equal error, and times are compared per
path. Exact paths are fewer where they take long, and their time is scaled up. Compilation of the model is left out of
both: each is called once before.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from scipy import stats

import manyscale as ms

EXACT_SECONDS = 3.0  # about how long exact paths are run
LEAST = 64  # a multiple of the paths that the exact engine runs at once


@dataclass(frozen=True)
class Work:
    """A model, its end, the species whose law is checked, and that law (None: only against exact paths)."""

    name: str
    level: str
    text: str
    end: float
    species: str
    law: Callable[[np.ndarray], np.ndarray] | None = None  # cumulative distribution
    options: dict = field(default_factory=dict)


def conversion(c1: float, c2: float, c3: float, first: int, second: int) -> str:
    return f"f: S1 -> S2; {c1}*S1; b: S2 -> S1; {c2}*S2; s: S2 -> S3; {c3}*S2; S1 = {first}; S2 = {second}; S3 = 0"


def lost(c1: float, c2: float, c3: float, first: int, second: int, end: float):
    """Law of S3: molecules that start from S1 and from S2 are lost independently of each other."""
    from scipy.linalg import expm

    at = expm(end * np.array([[-c1, c1, 0.0], [c2, -c2 - c3, c3], [0.0, 0.0, 0.0]]))
    counts = np.arange(first + second + 1)
    law = np.convolve(
        stats.binom(first, at[0, 2]).pmf(counts[: first + 1]), stats.binom(second, at[1, 2]).pmf(counts[: second + 1])
    )
    cumulative = np.cumsum(law)
    return lambda x: cumulative[np.clip(np.round(x).astype(int), 0, len(cumulative) - 1)]


def bursts(on: float, off: float, made: float):
    """Stationary law of the telegraph with unit loss: Poisson with a beta-distributed mean (Peccoud & Ycart 1995)."""
    nodes, weights = np.polynomial.legendre.leggauss(4000)
    share = stats.beta(on, off).ppf(0.5 * (nodes + 1.0))  # equal weights in probability
    counts = np.arange(int(made + 12 * np.sqrt(made)) + 1)
    cumulative = sum(0.5 * w * stats.poisson(made * s).cdf(counts) for s, w in zip(share, weights))
    return lambda x: np.asarray(cumulative)[np.clip(np.round(x).astype(int), 0, len(counts) - 1)]


SLOW, RARE = (1.0, 2.0, 5e-5, 1200, 600), (10.0, 4e4, 2.0, 2000, 0)
WORKS = (
    Work("conversion (Cao 2005, a)", "slow_scale", conversion(*SLOW), 2000.0, "S3", lost(*SLOW, 2000.0)),
    Work("conversion (Cao 2005, b)", "slow_scale", conversion(*RARE), 500.0, "S3", lost(*RARE, 500.0)),
    Work("dimerization and slow loss", "slow_scale",
         "a: 2 S1 -> S2; 5*S1*S1; b: S2 -> 2 S1; 1000*S2; s: S2 -> S3; 0.002*S2; S1 = 400; S2 = 798; S3 = 0", 40.0, "S3"),
    Work("enzyme, gap above 1000", "slow_scale",
         "f: E + S -> C; 1*E*S; b: C -> E + S; 100*C; p: C -> E + P; 0.005*C; E = 10; S = 200; C = 0; P = 0", 1500.0, "P"),
    Work("fast promoter (telegraph)", "slow_scale",
         "on: Off -> On; 2e4*Off; off: On -> Off; 2e4*On; make: On -> On + M; 10*On; lose: M -> ; 1*M; Off = 1; On = 0; M = 0",
         20.0, "M", stats.poisson(5).cdf),
    Work("bursts of 1e5 molecules", "hybrid",
         "on: Off -> On; 0.5*Off; off: On -> Off; 0.7*On; make: On -> On + M; 1e5*On; lose: M -> ; 1*M; "
         "Off = 1; On = 0; M = 0", 20.0, "M", bursts(0.5, 0.7, 1e5)),
    Work("crystallization (Haseltine 2002)", "hybrid",
         "v1: 2 A -> B; 5e-8*A*A; v2: A + C -> D; 1e-7*A*C; A = 1000000; C = 10; B = 0; D = 0", 100.0, "C"),
)  # fmt: skip


def timed(work: Work, level: str, paths: int, seed: int):
    model = ms.read(work.text)
    options = dict(work.options) if level != "jump" else {}
    first = work.end if level == work.level else 1e-9 * work.end
    ms.simulate(model, [0.0, first], level=level, replicates=1, seed=seed, counts=True, **options)
    begun = time.perf_counter()
    run = ms.simulate(model, [0.0, work.end], level=level, replicates=paths, seed=seed, counts=True, **options)
    return run, time.perf_counter() - begun


def discrete_distance(sample: np.ndarray, law: Callable) -> float:
    """Kolmogorov distance of whole numbers (rounded) from a discrete law."""
    values, count = np.unique(np.round(sample), return_counts=True)
    here = np.cumsum(count) / len(sample)
    return float(
        max(
            np.max(np.abs(here - law(values))),
            np.max(np.abs(here - count / len(sample) - law(values - 1)) * (values > 0)),
        )
    )


def compare(work: Work, paths: int) -> dict:
    quick, few = timed(work, work.level, paths, 1), LEAST // 4
    _, took = timed(work, "jump", few, 2)
    enough = int(np.clip(EXACT_SECONDS / max(took / few, 1e-9), LEAST, paths)) // LEAST * LEAST
    exact, exact_took = timed(work, "jump", enough, 3)
    sample, other = quick[0][work.species][:, -1], exact[work.species][:, -1]
    row = {
        "work": work.name, "level": work.level, "gap": quick[0].stats.get("gap"), "paths": paths, "exact_paths": enough,
        "seconds": quick[1], "exact_seconds": exact_took * paths / enough,
        "jumps": quick[0].stats["jumps"] + quick[0].stats.get("steps", 0), "exact_jumps": exact.stats["jumps"] * paths / enough,
        "against_exact_paths": stats.ks_2samp(np.round(sample), other).pvalue,
    }  # fmt: skip
    if work.law is not None:
        row["distance"], row["exact_distance"] = discrete_distance(sample, work.law), discrete_distance(other, work.law)
        row["p"] = float(stats.kstwobign.sf(row["distance"] * np.sqrt(paths)))
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--paths", type=int, default=4000)
    parser.add_argument("--only", default="", help="a part of the name of a work")
    chosen = parser.parse_args()
    print(
        "| work | level | gap | exact, s | here, s | times faster | distance here / exact | p (law) | p (exact paths) |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for work in WORKS:
        if chosen.only not in work.name:
            continue
        row = compare(work, chosen.paths)
        gap = "" if row["gap"] is None else f"{row['gap']:.3g}"
        law = "" if "p" not in row else f"{row['distance']:.4f} / {row['exact_distance']:.4f}"
        p = "" if "p" not in row else f"{row['p']:.2g}"
        print(
            f"| {row['work']} | {row['level']} | {gap} | {row['exact_seconds']:.3g} ({row['exact_paths']} paths) | "
            f"{row['seconds']:.3g} | {row['exact_seconds'] / row['seconds']:.3g} | {law} | {p} | "
            f"{row['against_exact_paths']:.2g} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
