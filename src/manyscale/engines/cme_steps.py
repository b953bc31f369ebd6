"""exp(h Q) p by Krylov spaces, with a bound on the error in l1 that follows from the residual.

The generator of a master equation contracts in l1, so any curve q(t) is off from the solution by at most the integral of
||q' - Q q||_1 (logarithmic norm 0). For the Krylov curve the residual is known: beta h_{m+1,m} (e^{sH})_{m,1} v_{m+1}
(Saad, SIAM J. Numer. Anal. 29:209, 1992), whatever vectors were made orthogonal to each other.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from manyscale import _core
from manyscale.engines.progress import cores

DIMENSION = 60
WINDOW = 2  # vectors that each new one is made orthogonal to
LOOKS = 8  # points within a step at which the residual is looked at
SAFETY = 1.5  # on the integral between these points
LARGEST_STEP = 4.0  # times the step before
MEMORY = 1e9  # bytes of a basis


@dataclass
class Krylov:
    """Steps with one generator. `step` is kept from step to step; `products` counts matrix-vector products."""

    matrix: object  # CSR
    step: float = 0.0
    products: int = 0

    def __post_init__(self):
        matrix = self.matrix
        self.start = np.ascontiguousarray(matrix.indptr, dtype=np.int64)
        self.column = np.ascontiguousarray(matrix.indices, dtype=np.int32)
        self.value = np.ascontiguousarray(matrix.data, dtype=float)
        self.size = matrix.shape[0]
        self.most = int(np.clip(MEMORY / (8 * max(self.size, 1)), 10, DIMENSION))
        self.most = max(1, min(self.most, self.size))
        self.fastest = float(np.abs(matrix.diagonal()).max(initial=0.0))
        if self.step <= 0.0:
            self.step = 0.5 * self.most / self.fastest if self.fastest > 0 else np.inf

    def advance(self, p: np.ndarray, longest: float, allowed: float) -> tuple[np.ndarray, float, float]:
        """(probabilities after a step of at most `longest`, its length, bound on its error in l1); the bound is at most
        `allowed` per unit of time times the length."""
        from scipy.linalg import expm

        beta = float(np.linalg.norm(p))
        if beta == 0.0 or self.fastest == 0.0:
            return p.copy(), longest, 0.0
        v = np.empty((self.most + 1, self.size))
        v[0] = p / beta
        h = np.zeros((self.most + 1, self.most))
        made = _core.arnoldi(self.start, self.column, self.value, v, h, WINDOW, cores())
        self.products += made
        edge = h[made, made - 1]
        whole = edge <= 1e-14 * np.abs(h).max()
        small = h[:made, :made]
        outer = 0.0 if whole else beta * edge * float(np.abs(v[made]).sum())
        length = min(self.step, longest) if not whole else longest
        wanted = length
        while True:
            part = expm(small * (length / LOOKS))
            column, last, worst = np.eye(made)[:, 0], 0.0, 0.0
            for _ in range(LOOKS):
                column = part @ column
                worst += max(abs(last), abs(column[-1])) * length / LOOKS
                last = column[-1]
            error = SAFETY * outer * worst
            if np.isfinite(error) and (error <= allowed * length or whole):
                break
            shrink = (
                0.5 if not np.isfinite(error) else max(0.2, min(0.9, 0.9 * (allowed * length / error) ** (1 / made)))
            )
            length *= shrink
            if length < 1e-14 * longest:
                raise FloatingPointError("the steps became too small")
        gain = 0.9 * (allowed * length / error) ** (1 / made) if error > 0 else LARGEST_STEP
        if length < wanted or longest >= self.step:  # otherwise an output time made it short
            self.step = length * min(LARGEST_STEP, max(gain, 0.5))
        rounding = 4e-16 * made * beta * float(np.abs(column).sum()) * np.sqrt(self.size)
        return beta * (column @ v[:made]), length, error + min(rounding, 1e-12)
