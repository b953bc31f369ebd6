"""Upper bounds of solutions of linear comparison systems w' <= M w with M nonnegative off its diagonal."""

from __future__ import annotations

import numpy as np

TERMS = 13  # of the Taylor series
INFLATED = 1e-9
ROUNDING = 4e-15  # relative, of one product of small matrices and of the series


def exponential(matrices: np.ndarray) -> np.ndarray:
    """Entrywise upper bounds of exp(M), shape (N, n, n), by scaling and squaring of M + c 1 >= 0.

    The remainder K exp(A) of the series X, K = A^13/13!, is covered by Y = X (1 + eps) once X + K Y <= Y is checked.
    Everything added is nonnegative, so that rounding is relative. Not a number where no bound was found.
    """
    size = matrices.shape[1]
    shift = np.maximum(-np.einsum("nii->ni", matrices).min(axis=1), 0.0)
    shifted = matrices + shift[:, None, None] * np.eye(size)
    shifted = np.maximum(shifted, 0.0)
    shifted *= 1.0 + 1e-15
    norm = shifted.sum(axis=2).max(axis=1)
    known = np.isfinite(norm) & np.isfinite(shift) & (norm < 1e14)
    shifted = np.where(known[:, None, None], shifted, 0.0)
    halvings = np.ceil(np.log2(np.maximum(2.0 * np.where(known, norm, 0.0), 1.0))).astype(int)
    part = shifted / (2.0**halvings)[:, None, None]
    term = np.broadcast_to(np.eye(size), part.shape).copy()
    series = term.copy()
    for k in range(1, TERMS):
        term = term @ part / k
        series += term
    last = term @ part / TERMS
    bound = series * (1.0 + INFLATED)
    known &= np.all(series + (last @ bound) * (1 + ROUNDING) <= bound, axis=(1, 2))
    bound *= np.exp(-np.where(known, shift, 0.0) / 2.0**halvings)[:, None, None]
    for k in range(int(halvings.max(initial=0))):
        again = halvings > k
        bound[again] = bound[again] @ bound[again]
    slack = (ROUNDING * (TERMS + size)) * 2.0**halvings
    bound = bound * (1.0 + slack)[:, None, None] + 1e-290 * (bound > 0)
    return np.where((known & (slack < 0.1))[:, None, None], bound, np.nan)
