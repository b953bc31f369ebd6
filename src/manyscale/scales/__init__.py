"""What is fast and slow, abundant and rare, large and small in a model."""

from __future__ import annotations

from manyscale.scales.measure import Scales, measure
from manyscale.scales.resolve import describe, resolve

__all__ = ["Scales", "describe", "measure", "resolve"]
