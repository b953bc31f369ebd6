"""Master equations: finite state projection of a toggle switch against SciPy's `expm_multiply`.

    manyscale bench cme [--sides 200,500,1000] [--end 10]

The toggle has two mutually repressing proteins. SciPy gets the generator on the whole square of states; manyscale solves the
same square (`limits`), and once more on a set of states that it chooses itself. Errors are measured in l1 against
`expm_multiply` and, where that agrees with it, given as the certified bound.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

MODEL = "x: -> X; 50/(1 + (Y/10)^2.5); y: -> Y; 16/(1 + X/10); u: X -> ; X; v: Y -> ; Y; X = 0; Y = 0"  # two repressors


def square(side: int):
    """The generator on [0, side) x [0, side), jumps beyond lose probability."""
    import scipy.sparse as sparse

    x, y = (g.ravel().astype(float) for g in np.meshgrid(np.arange(side), np.arange(side), indexing="ij"))
    at = np.arange(side * side)
    rows, columns, values, leaves = [], [], [], np.zeros(side * side)
    for dx, dy, rate in (
        (1, 0, 50 / (1 + (y / 10) ** 2.5)), (0, 1, 16 / (1 + x / 10)), (-1, 0, x), (0, -1, y),
    ):  # fmt: skip
        leaves += rate
        inside = (x + dx >= 0) & (x + dx < side) & (y + dy >= 0) & (y + dy < side) & (rate > 0)
        rows.append(at[inside] + dx * side + dy)
        columns.append(at[inside])
        values.append(rate[inside])
    entries = np.concatenate([*values, -leaves])
    return sparse.csr_matrix((entries, (np.concatenate([*rows, at]), np.concatenate([*columns, at]))))


def dense(counts: np.ndarray, p: np.ndarray, side: int) -> np.ndarray:
    table = np.zeros((side, side))
    inside = (counts < side).all(axis=1)
    table[counts[inside, 0], counts[inside, 1]] = p[inside]
    return table.ravel()


def main() -> None:
    from scipy.sparse.linalg import expm_multiply

    import manyscale as ms

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sides", default="200,500")
    parser.add_argument("--end", type=float, default=10.0)
    asked = parser.parse_args()
    model = ms.read(MODEL)
    ms.simulate(model, [0, 0.1], level="cme", counts=True)
    for side in map(int, asked.sides.split(",")):
        start = np.zeros(side * side)
        start[0] = 1.0
        generator = square(side)
        begun = time.perf_counter()
        peer = expm_multiply(generator * asked.end, start)
        theirs = time.perf_counter() - begun
        print(
            f"{side * side:,} states, to t = {asked.end:g}: expm_multiply {theirs:.2f} s, probability {peer.sum():.12f}"
        )
        for name, extra in (
            ("the same states", {"limits": {"X": side - 1, "Y": side - 1}, "whole": True}),
            ("its own states", {}),
        ):
            begun = time.perf_counter()
            run = ms.simulate(model, [0, asked.end], level="cme", counts=True, tolerance=1e-8, **extra)
            spent = time.perf_counter() - begun
            counts, p = run.distribution()
            off = np.abs(dense(counts, p, side) - peer).sum()
            print(
                f"    manyscale, {name}: {spent:.2f} s, ratio {theirs / spent:.1f}, {run.stats['states']:,} states, "
                f"l1 difference {off:.1e}, certified {run.bound[-1]:.1e}"
            )


if __name__ == "__main__":
    main()
