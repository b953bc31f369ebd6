"""Modes of a linear system in order of speed, by the ordered real Schur form.

Invariant subspaces come from the Schur vectors and a Sylvester equation, not from eigenvectors, which do not exist or
mean nothing for defective and nearly defective matrices (Bavely & Stewart, SIAM J. Numer. Anal. 16:359, 1979; for time
scales in chemistry Lam & Goussis, Int. J. Chem. Kinet. 26:461, 1994).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import scipy.linalg
from scipy.linalg import lapack
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components

ZERO = 1e-12  # eigenvalues below this share of the matrix norm are rounding errors of zero
DIRECT = 150  # matrices up to this size get a full Schur form without further thought


@dataclass(frozen=True)
class Modes:
    """Eigenvalues of a (k, k) matrix, fastest decay first, with the Schur form in that order (None if not asked for).

    gaps: for each number m of fast modes, (slowest decay rate of the fast) / (largest modulus of the slow); only where
    all fast modes decay and no complex pair is cut. inf where everything slow is zero.
    """

    values: np.ndarray
    triangle: np.ndarray | None = None
    vectors: np.ndarray | None = None
    gaps: dict[int, float] = field(default_factory=dict)
    zero: float = 0.0
    balance: np.ndarray | None = None  # the Schur form is that of diag(1/balance) A diag(balance)

    def time_scales(self) -> np.ndarray:
        """1 / modulus of each nonzero mode, slowest first."""
        size = np.abs(self.values)
        return np.sort(1.0 / size[size > self.zero])[::-1]


def eigenvalues(matrix: np.ndarray) -> np.ndarray:
    """Eigenvalues, strongly connected blocks one by one, fastest decay first. Shape (k,), complex."""
    size = len(matrix)
    if size == 0:
        return np.zeros(0, dtype=complex)
    count, label = connected_components(csr_matrix(matrix != 0), directed=True, connection="strong")
    if count == 1:
        found = np.linalg.eigvals(matrix).astype(complex)
    else:
        order = np.argsort(label, kind="stable")
        edges = np.flatnonzero(np.diff(label[order])) + 1
        parts = []
        for block in np.split(order, edges):
            parts.append(matrix[block, block] if len(block) == 1 else np.linalg.eigvals(matrix[np.ix_(block, block)]))
        found = np.concatenate(parts).astype(complex)
    return found[np.lexsort((-found.imag, np.abs(found.imag), found.real))]


def zero_level(matrix: np.ndarray) -> float:
    """Modulus below which an eigenvalue of this matrix is zero."""
    return ZERO * _norm(_balanced(matrix)[0])


def _norm(matrix: np.ndarray) -> float:
    return float(np.abs(matrix).sum(axis=0).max(initial=0.0))


def _balanced(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(diag(1/d) A diag(d), d) with rows and columns of similar size, d powers of two: no rounding error."""
    if not len(matrix):
        return matrix, np.zeros(0)
    balanced, _, _, scale, _ = lapack.dgebal(np.asarray(matrix, dtype=float), scale=1, permute=0)
    return balanced, scale


def gaps_of(values: np.ndarray, zero: float) -> dict[int, float]:
    """Gap at every admissible number of fast modes; `values` fastest decay first."""
    size = np.abs(values)
    rest = np.maximum.accumulate(size[::-1])[::-1]
    gaps: dict[int, float] = {}
    for m in range(1, len(values)):
        rate = -values[m - 1].real
        if rate <= zero:
            break
        pair = values[m - 1].imag != 0 and np.isclose(values[m], values[m - 1].conjugate(), rtol=1e-9, atol=0)
        if pair and values[m - 1].imag > 0:
            continue
        gaps[m] = float(rate / rest[m]) if rest[m] > zero else float("inf")
    return gaps


def only_values(matrix: np.ndarray) -> Modes:
    """Eigenvalues and gaps without subspaces (for large systems)."""
    zero, values = zero_level(matrix), eigenvalues(matrix)
    return Modes(values, gaps=gaps_of(values, zero), zero=zero)


def modes(matrix: np.ndarray) -> Modes:
    """Eigenvalues, gaps and the ordered real Schur form of the balanced matrix."""
    if not len(matrix):
        return Modes(np.zeros(0, dtype=complex), np.zeros((0, 0)), np.zeros((0, 0)), balance=np.zeros(0))
    balanced, scale = _balanced(matrix)
    triangle, vectors = scipy.linalg.schur(balanced, output="real")
    triangle, vectors = _ordered(triangle, vectors)
    values, zero = _diagonal(triangle), ZERO * _norm(balanced)
    return Modes(values, triangle, vectors, gaps_of(values, zero), zero, scale)


def _diagonal(triangle: np.ndarray) -> np.ndarray:
    """Eigenvalues of a quasi-triangular matrix in the order of its blocks."""
    values = np.diag(triangle).astype(complex)
    k = 0
    while k < len(values) - 1:
        if triangle[k + 1, k] != 0.0:
            width = np.sqrt(abs(triangle[k, k + 1])) * np.sqrt(abs(triangle[k + 1, k]))
            values[k] += 1j * width
            values[k + 1] = values[k].conjugate()
            k += 1
        k += 1
    return values


def _ordered(triangle: np.ndarray, vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Blocks moved so that real parts ascend (selection sort by LAPACK's trexc)."""
    size, place = len(triangle), 0
    while place < size:
        values = _diagonal(triangle)
        rest = values[place:].real
        best = place + int(np.argmin(rest))
        if best > place and triangle[best, best - 1] != 0.0:
            best -= 1
        if best != place and rest[best - place] < rest[0] - 1e-14 * abs(rest[0]):
            new, basis, info = lapack.dtrexc(triangle, vectors, best + 1, place + 1)
            if info == 0:
                triangle, vectors = new, basis
        place += 2 if place + 1 < size and triangle[place + 1, place] != 0.0 else 1
    return np.asarray(triangle), np.asarray(vectors)


@dataclass(frozen=True)
class Fast:
    """The subspace of the m fastest modes: right (k, m) spans it, left (m, k) reads its amplitudes, left @ right = 1."""

    right: np.ndarray
    left: np.ndarray

    @property
    def projector(self) -> np.ndarray:
        """Projector on the fast subspace along the slow one, (k, k)."""
        return self.right @ self.left

    def share(self) -> np.ndarray:
        """How much each variable takes part: diagonal of the projector ("radical pointer"), sums to m."""
        return np.einsum("ij,ji->i", self.right, self.left)


def fast_subspace(found: Modes, m: int) -> Fast:
    """Right and left subspace of the m fastest modes; T11 X - X T22 = T12 makes the form block diagonal."""
    triangle, vectors, scale = found.triangle, found.vectors, found.balance
    assert triangle is not None and vectors is not None and scale is not None
    right = vectors[:, :m]
    if m == len(triangle):
        return Fast(right * scale[:, None], right.T / scale)
    answer, factor, info = lapack.dtrsyl(triangle[:m, :m], triangle[m:, m:], triangle[:m, m:], isgn=-1)
    if info < 0:
        raise ValueError(f"dtrsyl: argument {-info}")
    left = right.T + (answer / factor) @ vectors[:, m:].T
    return Fast(right * scale[:, None], left / scale)


def well_chosen(fast: Fast) -> np.ndarray:
    """Indices of the m variables that move most in the m fast modes and that their amplitudes determine.

    Greedy elimination with pivots on the diagonal of the projector, so that the choice does not depend on the units
    of the variables; the product of the pivots is det P_ff, 1 where fast variables and fast modes are the same.
    """
    rest = fast.projector.copy()
    chosen: list[int] = []
    for _ in range(len(fast.left)):
        size = np.abs(np.diag(rest))
        size[chosen] = -1.0
        best = int(np.argmax(size))
        chosen.append(best)
        if rest[best, best] != 0.0:
            rest -= np.outer(rest[:, best], rest[best]) / rest[best, best]
    return np.sort(np.array(chosen, dtype=int))


def alignment(matrix: np.ndarray, fast: np.ndarray, present: np.ndarray | None = None) -> float:
    """kappa = ||J_sf J_ff^-2 J_fs||: how far the other variables are from being the slow coordinates.

    `matrix` in variables scaled by their typical size; `fast`: indices; `present`: mask of variables that are not
    zero all the time, among which the norm is taken. inf where J_ff is singular.
    """
    mask = np.zeros(len(matrix), dtype=bool)
    mask[fast] = True
    slow = ~mask if present is None else ~mask & present
    if not slow.any() or not mask.any():
        return 0.0
    inner = matrix[np.ix_(mask, mask)]
    try:
        solved = np.linalg.solve(inner, np.linalg.solve(inner, matrix[np.ix_(mask, slow)]))
    except np.linalg.LinAlgError:
        return float("inf")
    product = matrix[np.ix_(slow, mask)] @ solved
    return float(np.linalg.norm(product, 2)) if np.isfinite(product).all() else float("inf")
