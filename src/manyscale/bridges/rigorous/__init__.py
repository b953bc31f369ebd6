"""Proven error bounds of quasi-steady bridges over boxes of initial values and parameters."""

from manyscale.bridges.rigorous.certify import prove

__all__ = ["prove"]
