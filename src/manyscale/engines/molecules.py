"""What paths of molecule numbers have in common: the start, the seed, and what can go wrong on the way."""

from __future__ import annotations

import os
from collections.abc import Mapping

import numpy as np

from manyscale.engines.start import initial_state, without_value
from manyscale.errors import InputError, SimulationError
from manyscale.kernels.kernel import Kernel

CHUNK_SECONDS = 0.5  # between two looks at interruption
WHOLE = 1e-6  # how far from a whole number a count may be without a remark
FAILURES = {
    "negative": "has a negative propensity",
    "not_finite": "has a propensity that is not a finite number",
    "overdrawn": "would use up more molecules than there are",
}


def stochastic_start(kernel: Kernel, values: Mapping[str, float] | None) -> tuple[np.ndarray, np.ndarray]:
    """(y, p) at the start. Errors: InputError for what has no value."""
    y, p = initial_state(kernel, values)
    missing = without_value(kernel, p)
    if missing:
        raise InputError(f"no value for {missing}; give one in the model or with values={{...}}")
    return y, p


def seed_number(seed: int | None) -> int:
    """A seed, drawn where there is none. Errors: InputError."""
    number = int.from_bytes(os.urandom(8), "little") >> 1 if seed is None else int(seed)
    if not 0 <= number < 2**63:
        raise InputError(f"seed={seed!r}: give a whole number from 0 to 2**63 - 1")
    return number


def whole_molecules(kernel: Kernel, exact: np.ndarray, remarks: list[str]) -> np.ndarray:
    """Molecules; what is no whole number is rounded, and said in `remarks`. Errors: InputError for negative ones."""
    counts, states = np.round(exact), kernel.system.states
    off = np.flatnonzero(np.abs(exact - counts) > WHOLE * np.maximum(1.0, np.abs(exact) * 1e-6))
    if (counts < 0).any():
        worst = states[int(np.argmin(counts))]
        raise InputError(f"{worst} starts with {counts.min():g} molecules; give a number that is not negative")
    if len(off):
        named = ", ".join(f"{states[i]} ({exact[i]:g})" for i in off[:3])
        remark = f"numbers of molecules were rounded to whole ones: {named}"
        if remark not in remarks:
            remarks.append(remark)
    return counts


def next_size(size: int, seconds: float) -> int:
    """How many paths to run before the next look at interruption."""
    return int(np.clip(size * CHUNK_SECONDS / max(seconds, 1e-4), 1, max(4 * size, 64)))


def broken_law(reaction: str, status: str, path: int, t: float) -> SimulationError:
    """The error for a propensity that cannot be."""
    return SimulationError(
        f"reaction {reaction} {FAILURES[status]} at t = {t:g} (replicate {path}); a jump process needs laws that are never "
        "negative and vanish when a reactant is used up: split it into two directions or correct it"
    )
