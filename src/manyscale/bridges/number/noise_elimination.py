"""Fast species eliminated from linear noise without losing theirs: what they hand on to the slow ones.

With J the Jacobian and S the stoichiometry in blocks slow and fast, J_r = J_ss - J_sf J_ff^-1 J_fs and S_r = S_s - J_sf
J_ff^-1 S_f keep the noise of fast reactions that reaches slow species (Thomas, Straube & Grima, BMC Syst. Biol. 6:39,
2012); putting steady states of fast species into slow propensities alone does not. Where slow coordinates move with the
fast ones (alignment not small) even that is wrong, whatever the gap.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import solve_continuous_lyapunov

from manyscale.analysis.steady import steady_state
from manyscale.engines.lna_equations import noise_equations
from manyscale.engines.simulate import as_model
from manyscale.errors import InputError, SimulationError
from manyscale.kernels import compile_model
from manyscale.kernels.flatten import near
from manyscale.model.model import Model


@dataclass(frozen=True)
class NoiseWithout:
    """Stationary covariances of the slow species, in molecules: of the whole network (`full`), without the fast ones but
    with their noise (`reduced`), and with steady states in the propensities alone (`naive`). gap: slowest fast rate over
    fastest slow one; alignment: |J_sf J_ff^-2 J_fs|. error, naive_error: largest relative errors of variances."""

    slow: tuple[str, ...]
    full: np.ndarray
    reduced: np.ndarray
    naive: np.ndarray
    gap: float
    alignment: float

    @property
    def error(self) -> float:
        return _worst(self.reduced, self.full)

    @property
    def naive_error(self) -> float:
        return _worst(self.naive, self.full)

    def variance(self, id: str) -> tuple[float, float, float]:
        """(full, reduced, naive) variance of a slow species."""
        k = self.slow.index(id)
        return float(self.full[k, k]), float(self.reduced[k, k]), float(self.naive[k, k])


def noise_without(model: Model, fast: Sequence[str], *, counts: bool = False, values=None) -> NoiseWithout:
    """Eliminate fast species from the linear noise about the model's stationary state.

    Errors: InputError for unknown species; SimulationError where there is no stable stationary state, or the fast species
    do not settle by themselves.
    """
    model = as_model(model)
    kernel = compile_model(model)
    equations = noise_equations(kernel, counts)
    ids = equations.states
    for id in fast:
        if id not in ids:
            raise InputError(f"{id!r} is no species that reactions change{near(id, ids)}")
    inside = [k for k, id in enumerate(ids) if id in set(fast)]
    outside = [k for k in range(len(ids)) if k not in inside]
    found = steady_state(model, values)
    y, p = kernel.initial(values)
    y = np.array([found.values[id] for id in ids])
    jacobian, changes = equations.jacobian_at(0.0, y, p), equations.changes
    rates = equations.rates_at(0.0, y, p)
    moves = _directions(changes[inside])  # what they conserve among themselves does not move
    j_ff = moves.T @ jacobian[np.ix_(inside, inside)] @ moves
    if not j_ff.size or not outside or np.linalg.eigvals(j_ff).real.max() >= 0.0:
        raise SimulationError(f"{', '.join(fast)} do not settle by themselves while the others stand still")
    j_fs, j_sf = moves.T @ jacobian[np.ix_(inside, outside)], jacobian[np.ix_(outside, inside)] @ moves
    back = j_sf @ np.linalg.inv(j_ff)
    reduced = jacobian[np.ix_(outside, outside)] - back @ j_fs
    kept = changes[outside] - back @ moves.T @ changes[inside]
    alignment = float(np.linalg.norm(back @ np.linalg.inv(j_ff) @ j_fs, 2))
    slowest_fast = float(-np.linalg.eigvals(j_ff).real.max())
    fastest_slow = float(np.abs(np.linalg.eigvals(reduced)).max())
    return NoiseWithout(
        tuple(ids[k] for k in outside), _covariance(jacobian, changes, rates)[np.ix_(outside, outside)],
        _covariance(reduced, kept, rates), _covariance(reduced, changes[outside], rates), slowest_fast / fastest_slow, alignment,
    )  # fmt: skip


def _covariance(jacobian: np.ndarray, changes: np.ndarray, rates: np.ndarray) -> np.ndarray:
    """Solution of J C + C J' + S diag(v) S' = 0 on what the reactions move."""
    basis = _directions(changes)
    inner = basis.T @ jacobian @ basis
    if np.linalg.eigvals(inner).real.max() >= 0.0:
        raise SimulationError("the stationary state is not stable: its fluctuations do not die out")
    diffusion = (changes * rates) @ changes.T
    return basis @ solve_continuous_lyapunov(inner, -basis.T @ diffusion @ basis) @ basis.T


def _directions(changes: np.ndarray) -> np.ndarray:
    """Orthonormal directions in which reactions move states, as columns."""
    left, size, _ = np.linalg.svd(changes, full_matrices=False)
    return left[:, size > 1e-10 * size.max(initial=1e-300)]


def _worst(a: np.ndarray, b: np.ndarray) -> float:
    one, other = np.diag(a), np.diag(b)
    return float(np.max(np.abs(one - other) / np.where(other > 0, other, np.inf), initial=0.0))
