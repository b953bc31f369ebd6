"""Default absolute tolerances, scaled to the magnitudes that each state really has."""

from __future__ import annotations

import numpy as np

from manyscale.errors import InputError
from manyscale.kernels.system import System

TRACKING = 1e-3  # absolute tolerance as a share of rtol * (largest value so far)
FLOOR = 1e-12  # times rtol, of the largest initial value of states of the same kind
LOWEST = 1e-20


def absolute_tolerance(system: System, y0: np.ndarray, rtol: float, atol) -> tuple[np.ndarray, float]:
    """(atol, tracking): one tolerance per state, in its own unit, and the share by which it follows the solution.

    Given by the user: used as it is (tracking 0). Otherwise it is a small share of rtol times the largest absolute value
    that the state has had so far, so that models in molecules and models in attomoles are treated alike; states that
    begin at zero start from a floor far below the largest initial value of their kind.
    """
    if atol is not None:
        given = np.broadcast_to(np.asarray(atol, dtype=float), y0.shape)
        if not (np.isfinite(given).all() and (given > 0).all()):
            raise InputError("atol must be positive numbers: one, or one per state")
        return np.ascontiguousarray(given), 0.0
    size = np.where(np.isfinite(y0), np.abs(y0), 0.0)
    return np.maximum(floor_tolerance(system, y0, rtol), TRACKING * rtol * size), TRACKING


def floor_tolerance(system: System, y0: np.ndarray, rtol: float) -> np.ndarray:
    """Absolute tolerances of states that are still zero: far below the typical size of their kind."""
    return max(FLOOR * rtol, LOWEST) * typical_sizes(system, y0)


def typical_sizes(system: System, y0: np.ndarray) -> np.ndarray:
    """Largest initial value of states of the same kind (amounts, concentrations); 1 where all are zero."""
    size = np.where(np.isfinite(y0), np.abs(y0), 0.0)
    typical = np.ones_like(size)
    species = np.asarray(system.state_is_species, dtype=bool)
    amounts = np.asarray(system.state_is_amount, dtype=bool)
    for kind in (species & amounts, species & ~amounts):
        largest = size[kind].max(initial=0.0)
        typical[kind] = largest if largest > 0 else 1.0
    typical[~species] = np.where(size[~species] > 0, size[~species], 1.0)
    return typical


def whole_floor(kernel, y0: np.ndarray, p: np.ndarray, rtol: float) -> np.ndarray | float:
    """`floor_tolerance` where species that rules compute count too, one per state: all states may begin near zero while
    everything that is abundant follows from a rule (a conserved total, an algebraic equation). 0 without such species."""
    system = kernel.system
    ids = [s.id for s in kernel.model.species if s.id in system.ruled]
    if not ids:
        return 0.0
    values = np.abs(kernel.observe(ids, np.zeros(1), y0[None, :], p)[:, 0])
    largest = values[np.isfinite(values)].max(initial=0.0)
    species = np.asarray(system.state_is_species, dtype=bool)
    return np.where(species, max(FLOOR * rtol, LOWEST) * largest, 0.0)


def coarser_tolerance(system: System, y: np.ndarray, attempt: int) -> np.ndarray:
    """Absolute tolerances at the level of rounding errors between states of very different size.

    For use where the floor of `absolute_tolerance` turned out lower than the noise of the equations.
    """
    return (1e-18, 1e-15)[attempt - 1] * typical_sizes(system, y)


def check_tolerance(rtol: float) -> float:
    """rtol as a float within what double precision allows."""
    if not (1e-13 <= rtol <= 0.1):
        raise InputError(f"rtol = {rtol:g} is outside 1e-13 ... 0.1")
    return float(rtol)
