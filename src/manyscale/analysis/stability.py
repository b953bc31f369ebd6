"""Eigenvalues of a model's linearisation on its conserved quotient, and what they say about stability."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from manyscale.kernels.kernel import Kernel

__all__ = ["Quotient", "Stability", "conserved_quotient", "stability"]

MARGIN = 1e-9  # real parts below this share of the largest eigenvalue count as zero


@dataclass(frozen=True)
class Quotient:
    """Coordinates without the conserved sums: y = embed @ y[independent] + constant, `laws @ y` constant.

    independent: positions of the states kept; embed: (n, r); laws: (n - r, n), rows of the conserved sums in units of y.
    """

    independent: np.ndarray
    embed: np.ndarray
    laws: np.ndarray

    def reduce(self, jacobian: np.ndarray) -> np.ndarray:
        """The Jacobian on the quotient, shape (r, r)."""
        return jacobian[self.independent] @ self.embed


@dataclass(frozen=True)
class Stability:
    """Eigenvalues on the quotient (per time unit of the model, largest real part first) and their meaning."""

    eigenvalues: np.ndarray
    stable: bool | None  # None: some real part is zero to rounding
    kind: str  # "stable node", "stable focus", "saddle", "unstable node", "unstable focus", "marginal"


def row_factors(kernel: Kernel, t: float, y: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Factors that turn changes of amount into changes of the states."""
    return kernel.evaluate(kernel.system.row_factors, t, y, p) if kernel.size else np.empty(0)


def conserved_quotient(kernel: Kernel, t: float, y: np.ndarray, p: np.ndarray) -> Quotient:
    """Coordinates on the set of states with the same conserved sums (exact null space over the rationals).

    States with rate rules, algebraic equations or changing stoichiometry take part in no conservation law.
    """
    from manyscale.model.structure import left_null_space

    system, n = kernel.system, kernel.size
    ruled = {i for i, _ in (*system.rate_rules, *system.algebraic)} | {i for i, _, _ in system.variable_stoichiometry}
    own = {k: len(system.rates) + k for k in ruled}  # a column of its own keeps a state out of every law
    entries = [(i, j, x) for i, j, x in system.stoichiometry if i not in ruled] + [(i, j, 1) for i, j in own.items()]
    laws = left_null_space(entries, n)
    amounts = 1.0 / row_factors(kernel, t, y, p) if not _has_fast(kernel) else _fast_weights(kernel, t, y, p)
    matrix = np.zeros((len(laws), n))
    for k, law in enumerate(laws):
        for i, weight in law.items():
            matrix[k, i] = float(weight) * amounts[i]
    dependent = _pivots(matrix, np.abs(y))
    independent = np.setdiff1d(np.arange(n), dependent)
    embed = np.zeros((n, independent.size))
    embed[independent, np.arange(independent.size)] = 1.0
    if len(laws):
        embed[dependent] = -np.linalg.solve(matrix[:, dependent], matrix[:, independent])
    return Quotient(independent, embed, matrix)


def _has_fast(kernel: Kernel) -> bool:
    return any(reaction.fast for reaction in kernel.model.reactions)


def _fast_weights(kernel: Kernel, t: float, y: np.ndarray, p: np.ndarray) -> np.ndarray:
    """With fast reactions the row factors of the system are projected away: take them from the compartments."""
    model, system = kernel.model, kernel.system
    weights = np.ones(kernel.size)
    for i, (id, amount, species) in enumerate(zip(system.states, system.state_is_amount, system.state_is_species)):
        if species and not amount:
            weights[i] = kernel.observe((model[id].compartment,), np.array([t]), y[None], p)[0, 0]
    return weights


def _pivots(matrix: np.ndarray, size: np.ndarray) -> np.ndarray:
    """One dependent state per law: large ones, so that differences of large numbers do not arise (pivoted elimination)."""
    work = matrix * np.maximum(size, 1e-6 * max(size.max(initial=0.0), 1e-300))
    chosen = []
    for k in range(len(work)):
        j = int(np.argmax(np.abs(work[k])))
        chosen.append(j)
        work[k + 1 :] -= np.outer(work[k + 1 :, j] / work[k, j], work[k])
        work[k + 1 :, j] = 0.0
    return np.array(chosen, dtype=int)


def stability(kernel: Kernel, t: float, y: np.ndarray, p: np.ndarray, quotient: Quotient | None = None) -> Stability:
    """Spectrum of the linearisation at (t, y) on the conserved quotient; algebraic variables are eliminated."""
    quotient = quotient or conserved_quotient(kernel, t, y, p)
    jacobian = kernel.jacobian(t, y, p)
    mass = kernel.mass(p)
    if mass is None:
        values = np.linalg.eigvals(quotient.reduce(jacobian)) if quotient.independent.size else np.empty(0)
    else:
        values = _finite_eigenvalues(jacobian, mass, len(quotient.laws))
    values = values[np.lexsort((values.imag, -values.real))]
    return Stability(values, *_classify(values))


def _finite_eigenvalues(jacobian: np.ndarray, mass: np.ndarray, laws: int) -> np.ndarray:
    """Eigenvalues of the pencil (J, M) that are finite, without one zero per conservation law."""
    from scipy.linalg import eig

    top, bottom = eig(jacobian, mass, right=False, homogeneous_eigvals=True)
    finite = np.abs(bottom) > 1e-10 * np.abs(top)
    values = top[finite] / bottom[finite]
    return values[np.argsort(np.abs(values))[laws:]] if laws else values


def _classify(values: np.ndarray) -> tuple[bool | None, str]:
    if not values.size:
        return True, "stable node"
    size = np.abs(values).max()
    real = np.where(np.abs(values.real) <= MARGIN * size, 0.0, values.real)
    turning = bool((np.abs(values.imag[real == real.max()]) > MARGIN * size).any())
    if real.max() < 0:
        return True, "stable focus" if turning else "stable node"
    if real.max() == 0:
        return None, "marginal"
    if real.min() < 0 and not turning:
        return False, "saddle"
    return False, "unstable focus" if turning else "unstable node"
