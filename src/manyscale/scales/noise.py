"""How much each species fluctuates, which reactions make it fluctuate, and which level of description that calls for.

From the linear noise approximation at the end of the run: Fano factors, relative fluctuations, and the variance of each
species as a sum over reactions (each reaction's own noise, propagated through the network).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from manyscale.engines.linear_noise import LinearNoise
from manyscale.engines.lna_equations import depends_on_time, noise_equations
from manyscale.engines.trajectory import Trajectory
from manyscale.errors import ManyscaleError

LARGEST = 80  # species
STILL = 1e-3  # change within one relaxation time, as a share of the size, that counts as stationary
QUIET, LOUD = 0.02, 0.25  # relative fluctuations below which means are enough, and above which noise is not linear
SMALL = 200_000  # states that a master equation handles at once
FEW = 10.0  # molecules below which linear noise is not trusted


@dataclass(frozen=True)
class NoiseScale:
    """`fluctuation`: standard deviation over mean by species. `fano`: variance over mean, in molecules; `burst`: Fano - 1,
    the mean size of bursts that would explain it (none where negative). `shares`: species -> reaction -> share of its
    variance, the largest first. `level`: recommended, with `reason`. Empty where the run does not end at rest."""

    fluctuation: Mapping[str, float] = field(default_factory=dict)
    fano: Mapping[str, float] = field(default_factory=dict)
    shares: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    level: str = ""
    reason: str = ""

    @property
    def burst(self) -> dict[str, float]:
        return {id: value - 1.0 for id, value in self.fano.items() if value > 1.0}

    def __str__(self) -> str:
        if not self.level:
            return ""
        loudest = sorted(self.fluctuation, key=lambda id: -self.fluctuation[id])[:3]
        told = [
            f"{id} by {_percent(self.fluctuation[id])}, mostly made by {next(iter(self.shares[id]), 'nothing')}"
            for id in loudest
        ]
        return f"Fluctuations at the end: {'; '.join(told)}. Level {self.level!r} is enough: {self.reason}."


def noise_scale(run: Trajectory, observables: tuple[str, ...], counts: bool = False) -> NoiseScale | None:
    """Fluctuations about where a run of the rate equations ends; None where that has no meaning, or is not stationary.

    counts: amounts without units are numbers of molecules.
    """
    kernel = run.kernel
    if not 0 < kernel.size <= LARGEST or kernel.system.events or run.states.ndim != 2:
        return None
    try:
        equations = noise_equations(kernel, counts)
        if depends_on_time(equations.rates):
            return None
        at = float(run.times[-1]), run.states[-1], run.parameters if run.parameters.ndim == 1 else run.parameters[-1]
        noise = LinearNoise(equations.jacobian_at(*at), equations.changes, equations.rates_at(*at))
        molecule = equations.molecule_at(at[2])
        numbers = run.states[-1] / molecule
        if not noise.stable or not _still(noise, numbers):
            return None
        shares = noise.shares()
    except (ManyscaleError, np.linalg.LinAlgError):
        return None
    ids = kernel.system.states
    variances = np.einsum("jii->ji", shares)
    found: dict[str, dict[str, float]] = {}
    fluctuation, fano = {}, {}
    for i, id in enumerate(ids):
        total = float(variances[:, i].sum())
        if id not in observables or numbers[i] <= 0 or total <= 0:
            continue
        fluctuation[id] = float(np.sqrt(total) / numbers[i])
        fano[id] = total / float(numbers[i])
        parts: dict[str, float] = {}
        for one, value in zip(equations.reactions, variances[:, i]):
            parts[one.reaction] = parts.get(one.reaction, 0.0) + float(value) / total
        found[id] = dict(sorted(parts.items(), key=lambda pair: -pair[1]))
    if not fluctuation:
        return None
    level, reason = recommended(fluctuation, numbers, np.sqrt(variances.sum(axis=0)))
    return NoiseScale(fluctuation, fano, found, level, reason)


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share >= 0.1 else f"{100 * share:.2g} %"


def _still(noise: LinearNoise, numbers: np.ndarray) -> bool:
    slowest = np.abs(noise.eigenvalues.real).min(initial=np.inf)
    drift = np.abs(noise.changes @ noise.rates) / max(slowest, 1e-300)
    return bool((drift <= STILL * np.maximum(numbers, 1.0)).all())


def recommended(fluctuation: Mapping[str, float], numbers: np.ndarray, spread: np.ndarray) -> tuple[str, str]:
    """(level, reason) from relative fluctuations, molecule numbers and their standard deviations."""
    loudest = max(fluctuation, key=lambda id: fluctuation[id])
    most = fluctuation[loudest]
    if most <= QUIET:
        return "ode", f"nothing that is asked about fluctuates by more than {_percent(most)} ({loudest})"
    if most <= LOUD and numbers[numbers > 0].min(initial=np.inf) >= FEW:
        return "lna", f"{loudest} fluctuates by {_percent(most)}, which linear noise describes"
    states = float(np.prod(np.maximum(8 * spread, 1.0) + 1))
    if states <= SMALL:
        return "cme", f"{loudest} fluctuates by {_percent(most)}, and some {states:.2g} states are all there are"
    few = float(numbers[numbers > 0].min(initial=np.inf))
    if few < FEW and numbers.max(initial=0.0) > 1e4:
        return "hybrid", f"there are {few:.2g} molecules of some species and {numbers.max():.2g} of others"
    return "jump", f"{loudest} fluctuates by {_percent(most)}, too much for linear noise, in too many states to list"
