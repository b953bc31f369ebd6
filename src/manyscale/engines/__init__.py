"""Run a model: one engine per level of description."""

from manyscale.engines.simulate import simulate
from manyscale.engines.trajectory import Trajectory

__all__ = ["Trajectory", "simulate"]
