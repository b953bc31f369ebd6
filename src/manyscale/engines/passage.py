"""First passages: when a condition becomes true on paths that stop there."""

from __future__ import annotations

import numpy as np

from manyscale.errors import InputError
from manyscale.kernels.flatten import near
from manyscale.kernels.kernel import Kernel
from manyscale.model.expr import Expr, symbols
from manyscale.model.parse import parse


def condition_of(kernel: Kernel, text: str) -> Expr:
    """A condition such as "X > 100 and Y < 3", in the ids of the model and their units.

    Errors: InputError for what cannot be read, is unknown, or is no condition.
    """
    if not isinstance(text, str):
        raise InputError(f'until={text!r}: write a condition as text, such as "X > 100"')
    found = parse(text, place="until")
    if type(found).__name__ not in ("Relation", "Logic", "Bool"):
        raise InputError(f'until={text!r} is no condition; write one such as "X > 100"')
    for name in sorted(symbols(found)):
        if name not in kernel.names:
            raise InputError(f"until={text!r}: the model has no {name!r}{near(name, kernel.names)}")
    return found


class Passages:
    """Times at which a condition first held, one per replicate; infinite where that was not before the end of the run.

    times: shape (replicate,). end: last time of the run, at which the others are censored.
    """

    def __init__(self, condition: str, times: np.ndarray, end: float, time_units: str | None = None):
        self.condition, self.times, self.end, self.time_units = condition, times, float(end), time_units

    def __repr__(self) -> str:
        done = int((~self.censored).sum())
        return f"<Passages {self.condition!r}: {done} of {len(self.times)} before t = {self.end:g}>"

    @property
    def censored(self) -> np.ndarray:
        """Where the condition did not hold up to the end, shape (replicate,)."""
        return np.isinf(self.times)

    @property
    def probability(self) -> float:
        """Share of the replicates that passed before the end."""
        return float(1.0 - self.censored.mean())

    def mean(self) -> float:
        """Mean first-passage time. Errors: InputError where some are censored, which leave it unknown."""
        if self.censored.any():
            raise InputError(
                f"{int(self.censored.sum())} of {len(self.times)} replicates did not pass before t = {self.end:g}: their mean "
                "time is unknown; simulate longer, or use survival, quantile or rate"
            )
        return float(self.times.mean())

    def rate(self) -> float:
        """Passages per time at risk: the likeliest rate where passages come at a constant one (censored ones count)."""
        at_risk = np.minimum(self.times, self.end).sum()
        return float((~self.censored).sum() / at_risk) if at_risk > 0 else float("inf")

    def quantile(self, q):
        """Times by which a share q has passed; infinite where that was not before the end."""
        return np.quantile(self.times, q, method="inverted_cdf")

    def survival(self, t):
        """Share that has not passed at times t (up to the end; NaN after it)."""
        t = np.asarray(t, dtype=float)
        left = 1.0 - np.searchsorted(np.sort(self.times), t, side="right") / len(self.times)
        return np.where(t <= self.end, left, np.nan)

    def to_pandas(self):
        """A pandas table with columns `time` (the end where censored) and `censored`, one row per replicate."""
        import pandas as pd

        times = np.minimum(self.times, self.end)
        return pd.DataFrame({"time": times, "censored": self.censored}).rename_axis("replicate")

    def plot(self, ax=None):
        """Draw the share that has not passed against time with matplotlib; returns the axes."""
        import matplotlib.pyplot as plt

        ax = ax or plt.subplots(figsize=(7, 4))[1]
        grid = np.concatenate([[0.0], np.sort(self.times[~self.censored]), [self.end]])
        ax.step(grid, self.survival(grid), where="post")
        ax.set_xlabel(f"time ({self.time_units})" if self.time_units else "time")
        ax.set_ylabel(f"share without {self.condition}")
        ax.set_ylim(0, 1.02)
        return ax
