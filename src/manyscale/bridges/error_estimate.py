"""What eliminating fast variables would cost, to first order, without building or running the coarse model.

Along a run of the fine model, with z the slow coordinates, y the fast variables, z' = F(z, y), y' = G(z, y), D = dG/dy,
the coarse model z' = F(z, h(z)), G(z, h(z)) = 0 deviates by (Taylor)

    y - h(z) = D^-1 y' =: d            (the invariance defect over the decay rate)
    e' = (A - B D^-1 C) e + B d        (e = z_fine - z_coarse; A, B, C the other blocks of the Jacobian)
    y_fine - y_coarse = d - D^-1 C e

so one linear equation gives the error of every state. The coarse start is corrected by what the initial layer shifts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from manyscale.kernels.kernel import Kernel


@dataclass(frozen=True)
class Sampled:
    """One run of the fine model in the units of its states: times (K,), states and rates (K, n), Jacobians (K, n, n)."""

    times: np.ndarray
    states: np.ndarray
    rates: np.ndarray
    jacobians: np.ndarray
    sizes: np.ndarray  # (n,) largest |x| of each state: what its error is relative to
    spectra: dict[int, np.ndarray]  # eigenvalues at some rows


def sampled(kernel: Kernel, times: np.ndarray, states: np.ndarray, p: np.ndarray, keep: np.ndarray) -> Sampled:
    """Rates and Jacobians at the chosen rows of a run."""
    rows = [p if p.ndim == 1 else p[k] for k in keep]
    jacobians = np.array([kernel.jacobian(times[k], states[k], q) for k, q in zip(keep, rows)])
    rates = np.array([kernel.rhs(times[k], states[k], q) for k, q in zip(keep, rows)])
    sizes = np.abs(states).max(axis=0)
    sizes = np.where(sizes > 1e-12 * sizes.max(initial=0.0), sizes, np.inf)
    count = 8 if kernel.size <= 60 else 4 if kernel.size <= 300 else 2
    few = np.unique(np.linspace(1, len(keep) - 1, min(count, len(keep) - 1)).astype(int))
    good = [k for k in few if np.isfinite(jacobians[k]).all()]
    spectra = {int(k): np.linalg.eigvals(jacobians[k]) for k in good}
    return Sampled(times[keep], states[keep], rates, jacobians, sizes, spectra)


@dataclass(frozen=True)
class Estimate:
    """error: per state, relative to its size (fast ones after the layer only); worst: the largest that counts.
    nu: slowest decay rate of the fast block after the layer; gap: between modes that fast and all slower ones (worst
    and median after the layer); alignment: worst norm of B D^-2 C, scaled; defect: largest |d| after the layer relative
    to the size."""

    error: np.ndarray
    nu: float
    gap: float
    typical_gap: float
    alignment: float
    defect: float
    worst: float


def spectral_gap(eigenvalues: np.ndarray, nu: float) -> float:
    """The largest gap of the whole spectrum that separates modes as slow as `nu` or slower from the rest.

    Eigenvalues at one time; the gap after the m fastest decaying ones is (slowest of them) / (largest modulus of the
    rest). Zero where some faster mode does not decay.
    """
    values = eigenvalues[np.argsort(eigenvalues.real)]
    decay = -values.real
    rest = np.abs(values)
    best = 0.0
    for m in range(1, len(values)):
        edge = decay[m - 1]
        if edge <= 0:
            break
        if edge > 2.0 * nu:
            continue
        best = max(best, edge / max(rest[m:].max(), 1e-300))
    if len(values) and decay[-1] > 0 and decay[-1] <= 2.0 * nu:
        best = max(best, 1.0)
    return float(min(best, 1e12))


@dataclass(frozen=True)
class Blocks:
    """The Jacobian blocks of a split along a run, (K, ., .), scaled by the sizes of the states."""

    a: np.ndarray
    b: np.ndarray
    c: np.ndarray
    d: np.ndarray
    fast: np.ndarray
    slow: np.ndarray
    p: np.ndarray


def blocks(run: Sampled, fast: np.ndarray, slow: np.ndarray, p: np.ndarray) -> Blocks:
    """Blocks in (z, y) with z = x_S - P y."""
    j = run.jacobians
    jss, jsf = j[:, slow[:, None], slow], j[:, slow[:, None], fast]
    jfs, jff = j[:, fast[:, None], slow], j[:, fast[:, None], fast]
    if not p.any():
        return Blocks(jss, jsf, jfs, jff, fast, slow, p)
    d = jff + jfs @ p
    a = jss - p @ jfs
    b = jsf - p @ jff + a @ p
    return Blocks(a, b, jfs, d, fast, slow, p)


def estimate(run: Sampled, fast: np.ndarray, slow: np.ndarray, p: np.ndarray, layer: float,
             counted: np.ndarray) -> Estimate | None:  # fmt: skip
    """The estimate for one split; None where the fast block is singular or does not decay.

    counted: states (n,) bool whose error matters.
    """
    part = blocks(run, fast, slow, p)
    late = run.times >= layer
    checked = [k for k in run.spectra if late[k]]
    if not checked:
        return None
    nu, _rates, gaps = np.inf, [], []
    try:
        decay = np.linalg.eigvals(part.d[checked]).real.max(axis=1)
        if decay.max() >= 0 or not np.isfinite(decay).all():
            return None
        velocity = run.rates[:, fast]
        solved = np.linalg.solve(part.d, np.concatenate([part.c, velocity[:, :, None]], axis=2))
    except np.linalg.LinAlgError:
        return None
    slope, defect = -solved[:, :, :-1], solved[:, :, -1]
    if not np.isfinite(solved).all():
        return None
    reduced = part.a + part.b @ slope
    gaps = [spectral_gap(run.spectra[k], -d) for k, d in zip(checked, decay)]
    nu = float(-decay.max())
    e = _transport(run.times, reduced, np.einsum("kij,kj->ki", part.b, defect), layer)
    deviation = np.einsum("kij,kj->ki", slope, e) + defect
    full = np.zeros_like(run.states)
    full[:, fast] = deviation
    full[:, slow] = e + deviation @ p.T
    relative = np.abs(full) / run.sizes
    computed = np.zeros(run.states.shape[1], dtype=bool)
    computed[fast] = True
    computed[slow[p.any(axis=1)]] = True
    relative = np.where(computed[None, :] & ~late[:, None], 0.0, relative)
    error = relative.max(axis=0)
    worst = float(error[counted].max(initial=0.0))
    return Estimate(
        error, nu, float(np.min(gaps)), float(np.median(gaps)), _alignment(part, run, checked),
        float((np.abs(defect) / run.sizes[fast])[late].max(initial=0.0)), worst if np.isfinite(worst) else np.inf,
    )  # fmt: skip


def _transport(times: np.ndarray, matrix: np.ndarray, source: np.ndarray, layer: float) -> np.ndarray:
    """e' = M e + s by the implicit Euler method, from the start at which e vanishes at the end of the layer."""
    count, size = source.shape
    e = np.zeros((count, size))
    if not size:
        return e
    end = int(np.searchsorted(times, layer))
    identity = np.eye(size)
    for turn in range(2):
        for k in range(1, count if turn or end == 0 else end + 1):
            if k >= count:
                break
            step = times[k] - times[k - 1]
            e[k] = np.linalg.solve(identity - step * matrix[k], e[k - 1] + step * source[k])
        if not turn and end:
            start = -e[min(end, count - 1)]
            e = np.zeros((count, size))
            e[0] = start
    return e


def _alignment(part: Blocks, run: Sampled, rows) -> float:
    worst = 0.0
    if not len(part.slow):
        return 0.0
    sizes = np.where(np.isfinite(run.sizes), run.sizes, 1.0)
    s = sizes[part.slow]
    for k in rows:
        try:
            middle = np.linalg.solve(part.d[k], np.linalg.solve(part.d[k], part.c[k]))
        except np.linalg.LinAlgError:
            return float("inf")
        product = part.b[k] @ middle * (s[None, :] / s[:, None])
        worst = max(worst, float(np.linalg.norm(product, 2)))
    return worst
