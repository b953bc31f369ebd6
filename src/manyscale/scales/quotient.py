"""The linearised dynamics without what is conserved: the Jacobian on the stoichiometric subspace."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.linalg

from manyscale.kernels.kernel import Kernel
from manyscale.model.model import Model
from manyscale.model.structure import ConservationLaw
from manyscale.scales import conservation

RANK_TOLERANCE = 1e-10


@dataclass(frozen=True)
class Linear:
    """J (k, k) of the independent states `index` (into y) at one time; `basis` (n, k) gives all states' changes."""

    index: np.ndarray
    jacobian: np.ndarray
    basis: np.ndarray


@dataclass(frozen=True)
class Quotient:
    """Independent states of a model, the others following from conserved totals.

    laws: those in use, each with the species of `chosen` computed from it. independent, dependent: indices into y.
    """

    kernel: Kernel
    laws: tuple[ConservationLaw, ...]
    chosen: tuple[str, ...]
    independent: np.ndarray
    dependent: np.ndarray
    following: np.ndarray  # (len(dependent), len(independent))

    @property
    def size(self) -> int:
        return len(self.independent)

    @property
    def ids(self) -> tuple[str, ...]:
        """Ids of the independent states."""
        return tuple(self.kernel.system.states[i] for i in self.independent)

    def jacobian(self, t: float, y: np.ndarray, p: np.ndarray) -> np.ndarray:
        """Jacobian of the independent states in the units of y, shape (k, k); see `linear` for models with
        algebraic equations."""
        return self.linear(t, y, p).jacobian

    def linear(self, t: float, y: np.ndarray, p: np.ndarray, typical: np.ndarray | None = None) -> Linear:
        """The linearisation at a point; algebraic equations are solved for the states they determine best."""
        full = self.kernel.jacobian(t, y, p)
        basis = np.zeros((self.kernel.size, self.size))
        basis[self.independent, np.arange(self.size)] = 1.0
        basis[self.dependent] = self.following
        mass = self.kernel.mass(p)
        if mass is None:
            reduced = full[np.ix_(self.independent, self.independent)]
            if len(self.dependent):
                reduced = reduced + full[np.ix_(self.independent, self.dependent)] @ self.following
            return Linear(self.independent, reduced, basis)
        return self._without_constraints(full, mass, basis, typical)

    def _without_constraints(self, full, mass, basis, typical) -> Linear:
        """M dy/dt = f with zero rows in M: eliminate as many variables as there are independent constraints."""
        still = ~mass.any(axis=1)
        scale = np.ones(self.size) if typical is None else typical[self.independent]
        constraints = full[still] @ basis
        known = {i for i, _ in self.kernel.system.algebraic}
        preferred = [k for k, i in enumerate(self.independent) if i in known]
        solved = self._pivots(constraints * scale, preferred)
        free = np.setdiff1d(np.arange(self.size), solved)
        inner = np.zeros((self.size, len(free)))
        inner[free, np.arange(len(free))] = 1.0
        if len(solved):
            inner[solved] = -np.linalg.lstsq(constraints[:, solved], constraints[:, free], rcond=None)[0]
        whole = basis @ inner
        moving = ~still
        jacobian = np.linalg.lstsq(mass[moving] @ whole, full[moving] @ whole, rcond=None)[0]
        return Linear(self.independent[free], jacobian, whole)

    @staticmethod
    def _pivots(constraints: np.ndarray, preferred: list[int]) -> np.ndarray:
        if not len(constraints):
            return np.zeros(0, dtype=int)
        if len(preferred) == len(constraints):
            block = constraints[:, preferred]
            if np.linalg.matrix_rank(block, tol=RANK_TOLERANCE * max(np.abs(block).max(), 1e-300)) == len(preferred):
                return np.array(preferred, dtype=int)
        _, triangle, order = scipy.linalg.qr(constraints, mode="economic", pivoting=True)
        size = np.abs(np.diag(triangle))
        return np.sort(order[: int((size > RANK_TOLERANCE * size[0]).sum())]) if size[0] > 0 else order[:0]


def make_quotient(model: Model, kernel: Kernel, states: np.ndarray, p: np.ndarray) -> Quotient:
    """The quotient by all conservation laws; states (nt, n) along a trajectory decide what is computed from totals."""
    found: Sequence[ConservationLaw] = conservation.laws(model, kernel.system)
    used, chosen = conservation.dependent(model, kernel, found, states, p, conservation.not_to_compute(model))
    if len(used) < len(found):  # for the spectrum any choice will do
        used, chosen = conservation.dependent(model, kernel, found, states, p)
    free, computed, following = conservation.reconstruction(kernel, used, chosen, states[0], p)
    return Quotient(kernel, tuple(used), tuple(chosen), free, computed, following)
