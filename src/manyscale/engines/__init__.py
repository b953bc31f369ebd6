"""Run a model: one engine per level of description."""

from manyscale.engines.ensemble import Ensemble, simulate_ensemble
from manyscale.engines.simulate import simulate
from manyscale.engines.trajectory import Trajectory

__all__ = ["Ensemble", "Trajectory", "simulate", "simulate_ensemble"]
