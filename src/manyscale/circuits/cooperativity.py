"""`steepness`: how steeply a steady output answers its input, and why.

Measures: local logarithmic slope of the range-normalised response; 81-fold (Goldbeter & Koshland, PNAS 78:6840, 1981);
global Hill fit; sensitivity amplification along a cascade (Brown, Hoek & Kholodenko, Trends Biochem Sci 22:288, 1997).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path as FilePath
from typing import Any

import numpy as np

from manyscale.circuits.branches import Branch, branches
from manyscale.circuits.dose_response import Dosing, curve
from manyscale.circuits.measures import Measured, clipped, measure_curve, rising, stable_part
from manyscale.circuits.module import Module
from manyscale.circuits.steepness_reasons import Origin, origin
from manyscale.engines.simulate import as_model
from manyscale.errors import InputError
from manyscale.model.model import Model

PORTS = "input and output may be ports of a module"


@dataclass(frozen=True, eq=False)
class Steepness:
    """The steepness of a dose-response curve.

    n_half: slope of logit of the range-normalised response against log dose at half range; n_max: its largest value
    between 1% and 99% of the range; n_81: ln 81 / ln(EC90/EC10); n_fit: exponent of the Hill curve that fits best over
    fit_interval (doses of 1% and 99%), sup_error: its largest deviation as a share of the range. half_point: dose at half
    range; steepest_point: that of n_max. leak, saturation: response at the lowest dose and at the top of the rise (fall).
    branches: pieces of the curve of steady states. dose, response: the curve that a rising dose follows. bistable: whether
    it has folds or several stable branches. sites: largest number of input molecules in one complex (None: the input is
    no species that binds). origin: whether n <= sites must hold, and why not where not. Infinite where the response jumps.
    """

    model: Model
    input: str
    output: str
    n_half: float
    n_max: float
    n_81: float
    n_fit: float
    sup_error: float
    half_point: float
    steepest_point: float
    fit_half: float
    fit_interval: tuple[float, float]
    leak: float
    saturation: float
    branches: tuple[Branch, ...] = field(repr=False)
    dose: np.ndarray = field(repr=False)
    response: np.ndarray = field(repr=False)
    origin: Origin
    remarks: tuple[str, ...] = ()
    _dosing: Any = field(default=None, repr=False)
    _measured: Any = field(default=None, repr=False)

    @property
    def bistable(self) -> bool:
        """More than one stable steady state at some dose."""
        spans = [(b.dose.min(), b.dose.max()) for b in self.branches if b.stable and len(b.dose) > 2]
        return any(min(a[1], b[1]) > max(a[0], b[0]) * (1 + 1e-6) for k, a in enumerate(spans) for b in spans[k + 1 :])

    @property
    def sites(self) -> int | None:
        return self.origin.sites

    @property
    def reason(self) -> str:
        """Why it is as steep as it is, in words."""
        if self.bistable:
            return "more than one stable state at the same dose: positive feedback, not binding, makes the jump"
        return self.origin.explain(self.n_max)

    @cached_property
    def formula(self):
        """The output as a formula of the input (named after it) and the constants, None where there is none."""
        from manyscale.circuits.dose_formula import response_formula

        return response_formula(self._dosing, self.dose, self.response)

    @cached_property
    def exact(self) -> dict[str, Any]:
        """Closed forms, where the response is a power of a simple saturation: "half_point", "n_half"."""
        from manyscale.circuits.dose_formula import closed_forms

        return {} if self.formula is None else closed_forms(self.formula, self.input)

    def layers(self, ids: Sequence[str]) -> list[tuple[str, float]]:
        """Sensitivity amplification along a cascade at half range of the output: [(id, d ln id / d ln previous id)].

        The first is taken against the input; the last id should be the output. The product is the logarithmic slope of
        the last id against the input.
        """
        at = np.log(self.half_point)
        y = self._measured.state_at(at)
        found, before = [], 1.0
        for id in ids:
            other = Dosing(self.model, self.input, id, self._dosing.values)
            value = other.respond(y, other.point(at)[1])
            slope = other.slope(at, y) / value if value else np.nan
            found.append((id, slope / before))
            before = slope
        return found

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        names = ("input", "output", "n_half", "n_max", "n_81", "n_fit", "sup_error", "half_point", "steepest_point", "fit_half",
                 "leak", "saturation", "bistable", "sites", "reason")  # fmt: skip
        plain = {k: getattr(self, k) for k in names}
        pieces = [{"dose": b.dose.tolist(), "response": b.response.tolist(), "stable": b.stable} for b in self.branches]
        formula = None if self.formula is None else str(self.formula)
        return plain | {
            "model": self.model.id, "fit_interval": list(self.fit_interval), "branches": pieces, "formula": formula,
            "exact": {k: str(v) for k, v in self.exact.items()}, "remarks": list(self.remarks),
        }  # fmt: skip

    def __repr__(self) -> str:
        return (
            f"<Steepness of {self.output} against {self.input}: n_half {self.n_half:.4g}, n_max {self.n_max:.4g}, n_81 "
            f"{self.n_81:.4g}, n_fit {self.n_fit:.4g} (sup error {self.sup_error:.2g}), half at {self.half_point:.6g}>"
        )


def steepness(model: Module | Model | str | FilePath, input: str, output: str, *, values: Mapping[str, float] | None = None,
              interval: tuple[float, float] | None = None, hold: bool = False) -> Steepness:  # fmt: skip
    """How steeply the steady value of `output` answers `input`.

    input: a constant, a fixed species (then its free amount is the dose), or a species with a conserved sum (then its
    initial amount, that is the total, is the dose). hold: keep the input species fixed, so that its free amount is the
    dose. output: any id with a value. values: overrides by id. interval: doses to look at (default: as far as the response
    changes).
    Errors: InputError for unknown names, inputs that do not act and responses that do not change; SimulationError where
    there is no steady state.
    """
    if isinstance(model, Module):
        input, output = dict(model.inputs).get(input, input), dict(model.outputs).get(output, output)
    model = model.model if isinstance(model, Module) else as_model(model)
    if hold:
        model = held(model, input)
    dosing = Dosing(model, input, output, values)
    bounds = _bounds(interval)
    paths = curve(dosing, bounds)
    run = rising(dosing, paths, bounds)
    if bounds is not None:
        run = clipped(dosing, run, bounds)
    run, end = stable_part(run)
    found: Measured = measure_curve(dosing, run, whole=bounds is None and end is None)
    if end is not None:
        found = replace(found, remarks=(f"beyond {input} = {np.exp(end):.4g} the steady state is not stable (the model oscillates "
                                        "or goes to one of several others); measured is what lies below", *found.remarks))  # fmt: skip
    where = found.state_at(np.log(found.half_point)) if np.isfinite(found.n_half) else run.states[-1]
    return Steepness(
        model, input, output, found.n_half, found.n_max, found.n_81, found.n_fit, found.sup_error, found.half_point,
        found.steepest_point, found.fit_half, found.fit_interval, found.leak, found.saturation, branches(paths),
        np.exp(run.log_dose), run.response, origin(dosing, np.log(found.half_point), where), found.remarks, dosing, found,
    )  # fmt: skip


def held(model: Model, id: str) -> Model:
    """The model with one species held at a fixed amount."""
    part = model.by_id.get(id)
    if part is None or not hasattr(part, "boundary"):
        raise InputError(f"hold: {id!r} is no species of {model.id!r}")
    species = tuple(replace(s, boundary=True) if s.id == id else s for s in model.species)
    return model.replace(species=species)


def _bounds(interval: tuple[float, float] | None) -> tuple[float, float] | None:
    if interval is None:
        return None
    low, high = map(float, interval)
    if not 0 < low < high < np.inf:
        raise InputError(f"interval {interval}: give two positive doses, the smaller one first")
    return float(np.log(low)), float(np.log(high))
