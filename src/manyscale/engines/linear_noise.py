"""Linear algebra of stationary linear noise: the Lyapunov equation, autocovariances and spectra of dn' = J dn + noise.

C solves J C + C J' + D = 0 on what no conservation law fixes (Bartels & Stewart, Commun. ACM 15:820, 1972); the
autocovariance is exp(J tau) C, the spectrum (2 pi i f - J)^-1 D (2 pi i f - J)^-H per frequency f.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.linalg import expm, solve_continuous_lyapunov

from manyscale.errors import SimulationError

SLOW = 1e-10  # real parts above minus this share of the largest eigenvalue are not stable


@dataclass(frozen=True)
class LinearNoise:
    """Noise about a stationary state, in molecules.

    jacobian: (n, n). changes: (n, reactions), molecules that each reaction makes. rates: events per time, (reactions,).
    """

    jacobian: np.ndarray
    changes: np.ndarray
    rates: np.ndarray

    @cached_property
    def basis(self) -> np.ndarray:
        """Orthonormal directions that the reactions move in, shape (n, r)."""
        if not self.changes.size:
            return np.zeros((len(self.jacobian), 0))
        left, size, _ = np.linalg.svd(self.changes, full_matrices=False)
        return left[:, size > 1e-10 * max(size.max(initial=0.0), 1e-300)]

    @cached_property
    def reduced(self) -> np.ndarray:
        """The Jacobian on what the reactions can change, shape (r, r)."""
        return self.basis.T @ self.jacobian @ self.basis

    @cached_property
    def diffusion(self) -> np.ndarray:
        return (self.changes * self.rates) @ self.changes.T

    @cached_property
    def eigenvalues(self) -> np.ndarray:
        return np.linalg.eigvals(self.reduced)

    @property
    def stable(self) -> bool:
        """Whether fluctuations die out."""
        values = self.eigenvalues
        return not len(values) or bool(values.real.max() < -SLOW * np.abs(values).max())

    def _checked(self) -> None:
        if not self.stable:
            raise SimulationError(
                f"fluctuations about this state do not die out (an eigenvalue has real part "
                f"{self.eigenvalues.real.max():.3g}): it has no stationary noise; look at the time course instead"
            )

    def response_to(self, diffusion: np.ndarray) -> np.ndarray:
        """Stationary covariance, shape (n, n), of noise with this diffusion matrix. Errors: SimulationError where the
        state is not stable."""
        self._checked()
        inner = solve_continuous_lyapunov(self.reduced, -self.basis.T @ diffusion @ self.basis)
        found = self.basis @ inner @ self.basis.T
        return (found + found.T) / 2

    @cached_property
    def covariance(self) -> np.ndarray:
        """Stationary covariance of molecule numbers, shape (n, n)."""
        return self.response_to(self.diffusion)

    def shares(self) -> np.ndarray:
        """Covariance that each reaction makes, shape (reactions, n, n); they add up to the whole."""
        parts = [self.response_to(v * np.outer(s, s)) for v, s in zip(self.rates, self.changes.T)]
        return np.array(parts).reshape(len(parts), *self.jacobian.shape)

    def autocovariance(self, lags: np.ndarray) -> np.ndarray:
        """<dn(t + lag) dn(t)'> of the stationary process, shape (lags, n, n); negative lags are the transposes."""
        covariance = self.covariance
        found = []
        for lag in lags:
            ahead = self.basis @ expm(abs(lag) * self.reduced) @ self.basis.T @ covariance
            found.append(ahead if lag >= 0 else ahead.T)
        return np.array(found).reshape(len(lags), *covariance.shape)

    def spectrum(self, frequencies: np.ndarray) -> np.ndarray:
        """Fourier transform of the autocovariance, complex, shape (frequencies, n, n), at frequencies in cycles per time;
        its integral over all frequencies, negative ones included, is the covariance."""
        self._checked()
        unit = np.eye(self.basis.shape[1])
        inner = self.basis.T @ self.diffusion @ self.basis
        found = []
        for frequency in frequencies:
            transfer = np.linalg.solve(2j * np.pi * frequency * unit - self.reduced, unit)
            found.append(self.basis @ transfer @ inner @ transfer.conj().T @ self.basis.T)
        return np.array(found).reshape(len(frequencies), *self.jacobian.shape)
