"""A small library of parts: each function makes a module with explicit binding, and names its source.

Quantities are texts with units ("10 nM"); constants are of the size that is usual in E. coli unless the source gives
others. Names of species and constants start with what they belong to, so that parts can be joined.
"""

from manyscale.circuits.parts.interactions import (
    degradation,
    dimerization,
    insulation_device,
    phosphorylation_cycle,
    sequestration,
)
from manyscale.circuits.parts.networks import (
    antithetic_controller,
    band_detector,
    feed_forward,
    repressilator,
    toggle,
)
from manyscale.circuits.parts.promoters import clients, constitutive, inducible, repressible, scaffold

__all__ = [
    "antithetic_controller", "band_detector", "clients", "constitutive", "degradation", "dimerization", "feed_forward",
    "inducible", "insulation_device", "phosphorylation_cycle", "repressible", "repressilator", "scaffold",
    "sequestration", "toggle",
]  # fmt: skip
