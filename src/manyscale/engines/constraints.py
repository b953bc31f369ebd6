"""Constraints of a model, looked at along a finished run."""

from __future__ import annotations

import numpy as np

from manyscale.errors import ManyscaleError
from manyscale.kernels.flatten import Flattener
from manyscale.kernels.kernel import Kernel


def violations(kernel: Kernel, times: np.ndarray, states: np.ndarray, p: np.ndarray) -> list[str]:
    """One sentence for each constraint that does not hold at some output time, with the first such time."""
    found = []
    for number, constraint in enumerate(kernel.model.constraints, 1):
        flattener = Flattener(kernel.model)
        try:
            formula = flattener.flatten(constraint.condition, where=f"constraint {number}")
        except ManyscaleError as failure:
            found.append(f"constraint {number} was not checked: {failure}")
            continue
        if flattener.delays or flattener.rate_of:
            found.append(f"constraint {number} was not checked: it contains a delay or a rate of change")
            continue
        for k, t in enumerate(times):
            now = p if p.ndim == 1 else p[k]
            if kernel.evaluate((formula,), t, states[k], now)[0] == 0.0:
                text = " ".join(constraint.message.split()) or str(constraint.condition)
                found.append(f"constraint {number} is violated at t = {t:g}: {text}")
                break
    return found
