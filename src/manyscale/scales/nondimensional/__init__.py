"""Nondimensionalization: scaling symmetries of a model, a choice of scales, the model without dimensions."""

from manyscale.scales.nondimensional.result import Nondimensionalization, SmallParameter
from manyscale.scales.nondimensional.verb import nondimensionalize

__all__ = ["Nondimensionalization", "SmallParameter", "nondimensionalize"]
