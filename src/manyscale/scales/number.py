"""Copy numbers: how many molecules of each species there are, where amounts and volumes are known."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from manyscale.engines.trajectory import Trajectory
from manyscale.model.declared_units import Declarations
from manyscale.model.model import Model
from manyscale.scales.noise import NoiseScale, noise_scale
from manyscale.units import molecules_per_unit

FEW = 100.0  # molecules below which fluctuations of ten percent are expected (1/sqrt(n))


@dataclass(frozen=True)
class NumberScale:
    """Molecules per species along the trajectory.

    copies: species -> (smallest, largest). few: species that never reach 100 molecules but have at least a trace of
    one. known: False where the model does not say what an amount is; `reason` then says what is missing. noise: how much
    they fluctuate, where the run ends at rest.
    """

    known: bool
    copies: dict[str, tuple[float, float]] = field(default_factory=dict)
    few: tuple[str, ...] = ()
    reason: str = ""
    noise: NoiseScale | None = None

    def __str__(self) -> str:
        if not self.known:
            return f"Copy numbers are not known: {self.reason}."
        noise = f" {self.noise}" if self.noise else ""
        if not self.few:
            return f"Every species that is present has at least 100 molecules.{noise}"
        return f"{self._few()}{noise}"

    def _few(self) -> str:
        return f"Fewer than {FEW:g} molecules at all times: {', '.join(self.few[:10])}{' ...' if len(self.few) > 10 else ''}."


def copy_numbers(model: Model, run: Trajectory) -> NumberScale:
    """Molecules of each species from declared units; an undeclared unit is said, not guessed."""
    units = Declarations(model)
    copies: dict[str, tuple[float, float]] = {}
    for species in model.species:
        unit = units.substance(species)
        if unit is None:
            return NumberScale(False, reason=f"the model does not declare the unit of the amount of {species.id}")
        per_unit = molecules_per_unit(unit)
        if per_unit is None:
            return NumberScale(False, reason=f"the amount of {species.id} is not in moles or molecules")
        if not species.only_substance and units.of(species.compartment).unit is None:
            return NumberScale(
                False, reason=f"the model does not declare the unit of the size of {species.compartment}"
            )
        if species.id not in run.ids:
            continue
        amount = run.amount(species.id)
        finite = amount[np.isfinite(amount)] * per_unit
        if len(finite):
            copies[species.id] = (float(finite.min()), float(finite.max()))
    few = tuple(id for id, (_, most) in copies.items() if 0.0 < most < FEW)
    return NumberScale(True, copies, few, noise=noise_scale(run, tuple(copies)))
