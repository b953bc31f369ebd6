"""Bridge `hill`: a mechanism replaced by a Hill law of its input, with parameters as functions of the microscopic ones.

    output = leak + (saturation - leak) x^n / (K^n + x^n)

Exact formulas are used where the response is a formula; elsewhere the four parameters follow a power law of each
microscopic constant around the model's own values, whose exponents are measured and which is checked inside the box.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from manyscale.bridges.bridge import Bridge
from manyscale.bridges.certificate import Assumption, Certificate, ErrorStatement, Refusal, source_hash, versions
from manyscale.circuits.cooperativity import Steepness, steepness
from manyscale.circuits.measures import ENDLESS, Unsaturated
from manyscale.circuits.measures import hill as hill_curve
from manyscale.circuits.module import Module
from manyscale.circuits.power_laws import carried, formula
from manyscale.engines.simulate import as_model
from manyscale.errors import InputError, ManyscaleError
from manyscale.model.expr import Symbol, add, mul, power
from manyscale.model.model import Model
from manyscale.model.parts import Parameter, Rule, Species

NAMES = ("leak", "saturation", "half", "exponent")
STEP = 0.02  # relative change of a constant at which exponents are measured
NORM = "sup over the interval of doses of |fine - coarse| / (saturation - leak), at steady state"


def hill(model: Module | Model | str | Path, input: str, output: str, *, tolerance: float = 0.05,
         interval: tuple[float, float] | None = None, factor: float = 1.25, points: int = 8, seed: int = 0,
         values: Mapping[str, float] | None = None) -> Bridge | Refusal:  # fmt: skip
    """Replace the mechanism between `input` and `output` by a Hill law, or say why it is no Hill curve.

    The certificate holds for steady states, for doses in the interval (default: from 1% to 99% of the response), and for
    every constant that matters within `factor` of its value (checked at `points` random points): the largest deviation
    anywhere is at most `tolerance` of the range. Refused where the response is bistable, turns round, or deviates more.
    Errors: those of `steepness`.
    """
    if isinstance(model, Module):
        input, output = dict(model.inputs).get(input, input), dict(model.outputs).get(output, output)
    fine = model.model if isinstance(model, Module) else as_model(model)
    try:
        found = steepness(fine, input, output, values=values)
    except Unsaturated as reason:
        return Refusal("hill", "the response does not saturate, a Hill law does", reason.change, ENDLESS, output)
    refused = _unsuitable(found, tolerance)
    if refused is not None:
        return refused
    box = interval or found.fit_interval
    matter = _constants(fine, input)
    own = {id: _value(fine, id) for id in matter}
    base = _four(found)
    slopes, skipped = _exponents(fine, found, own, base, values)
    formulas = {f"hill_{name}": formula(name, base, slopes, own) for name in NAMES}
    errors, failed = _checked(fine, found, own, slopes, base, box, factor, points, seed, values)
    worst = max(errors)
    if worst > tolerance:
        return Refusal("hill", "the Hill law with parameters carried along deviates too much within the stated box",
                       worst, tolerance, f"{input} in {box[0]:.3g} to {box[1]:.3g}")  # fmt: skip
    coarse = _coarse(fine, found, base)
    certificate = Certificate(
        "measured",
        f"At steady state {output} follows a Hill law of {input} (n = {base['exponent']:.4g}, half point {base['half']:.4g}) "
        f"within {worst:.2g} of its range for {input} from {box[0]:.3g} to {box[1]:.3g} and constants within x{factor:g}.",
        assumptions=(
            Assumption("the input is slow beside the relaxation of the mechanism", "assumed"),
            Assumption("the steady state that a rising dose reaches is meant", "checked"),
            Assumption(f"parameters follow power laws of the constants within a factor {factor:g}", "checked"),
        ),
        error=ErrorStatement(NORM, worst, tolerance, None, {output: worst}, len(errors)),
        domain={input: box} | {id: (own[id] / factor, own[id] * factor) for id in slopes},
        alternatives=tuple(f"{id} left out: {why}" for id, why in {**skipped, **failed}.items()),
        recipe={"method": "hill", "input": input, "output": output, "n_half": found.n_half, "n_fit": found.n_fit,
                "sup_error": found.sup_error, "reason": found.reason},
        source_hash=source_hash(fine), versions=versions(),
    )  # fmt: skip
    gone = tuple(s.id for s in fine.species if s.id not in (input, output))
    return Bridge(
        name="hill", fine=fine, coarse=coarse, restrict={}, lift={output: Symbol(output), input: Symbol(input)},
        certificate=certificate, parameters=formulas, eliminated=gone,
    )  # fmt: skip


def _unsuitable(found: Steepness, tolerance: float) -> Refusal | None:
    if found.bistable or not np.isfinite(found.n_81):
        return Refusal("hill", "the response is bistable or jumps: it depends on history, a Hill law does not", None, None,
                       f"{found.input} = {found.half_point:.4g}")  # fmt: skip
    if any("turns round" in remark for remark in found.remarks):
        return Refusal("hill", "the response turns round, a Hill law is monotone", None, None, found.output)
    if found.sup_error > tolerance:
        return Refusal("hill", "not a Hill curve: the best Hill law deviates too much", found.sup_error, tolerance,
                       f"{found.input} in {found.fit_interval[0]:.3g} to {found.fit_interval[1]:.3g}")  # fmt: skip
    return None


def _constants(model: Model, input: str) -> list[str]:
    """Constants with a positive value, and species that start with something: what the four parameters may depend on."""
    ruled = {r.variable for r in model.rules} | {a.symbol for a in model.initial_assignments} | {input}
    found = [k.id for k in model.parameters if k.constant and (k.value or 0) > 0 and k.id not in ruled]
    found += [s.id for s in model.species if (s.initial or 0) > 0 and s.id not in ruled]
    return found


def _value(model: Model, id: str) -> float:
    from manyscale.bridges.compose import start_values

    return float(start_values(model)[id])


def _four(found: Steepness) -> dict[str, float]:
    four = {"leak": found.leak, "saturation": found.saturation, "half": found.fit_half, "exponent": found.n_fit}
    return {name: float(f"{value:.11g}") for name, value in four.items()}  # more digits the curve does not have


def _exponents(model: Model, found: Steepness, own, base, values):
    """Constant -> exponents of the four parameters; constants that fail or do nothing are left out, with the reason."""
    slopes: dict[str, dict[str, float]] = {}
    skipped: dict[str, str] = {}
    for id, value in own.items():
        try:
            up = _four(steepness(model, found.input, found.output, values={**(values or {}), id: value * (1 + STEP)}))
            down = _four(steepness(model, found.input, found.output, values={**(values or {}), id: value * (1 - STEP)}))
        except ManyscaleError as error:
            skipped[id] = str(error).splitlines()[0]
            continue
        width = np.log((1 + STEP) / (1 - STEP))
        size = max(abs(base["leak"]), abs(base["saturation"]))
        one = {}
        for name in NAMES:
            a, b = down[name], up[name]
            negligible = name == "leak" and abs(base[name]) < 1e-6 * size
            one[name] = 0.0 if negligible or a <= 0 or b <= 0 else float(np.log(b / a) / width)
        one = {name: 0.0 if abs(x) < 1e-4 else _plain(x) for name, x in one.items()}
        if any(one.values()):
            slopes[id] = one
    return slopes, skipped


def _plain(x: float) -> float:
    """Whole numbers where the measured exponent is one."""
    return float(round(x)) if abs(x - round(x)) < 1e-4 else x


def _checked(model, found: Steepness, own, slopes, base, box, factor, points, seed, values):
    """(errors, failed): largest deviation as a share of the range at the model itself and at random points of the box."""
    random = np.random.default_rng(seed)
    errors, failed = [], {}
    for k in range(points + 1):
        shift = {id: 1.0 if k == 0 else float(factor ** random.uniform(-1, 1)) for id in slopes}
        four = carried(base, slopes, shift)
        try:
            there = steepness(model, found.input, found.output,
                              values={**(values or {}), **{id: own[id] * r for id, r in shift.items()}})  # fmt: skip
        except ManyscaleError as error:
            failed[f"point {k}"] = str(error).splitlines()[0]
            continue
        inside = (there.dose >= box[0]) & (there.dose <= box[1])
        law = four["leak"] + (four["saturation"] - four["leak"]) * hill_curve(
            np.log(there.dose), np.log(four["half"]), four["exponent"]
        )
        reach = abs(there.saturation - there.leak)
        errors.append(float(np.abs(there.response - law)[inside].max(initial=0.0)) / reach)
    if not errors:
        raise InputError("hill: no point of the box could be computed")
    return errors, failed


def _coarse(model: Model, found: Steepness, base) -> Model:
    """Input and output alone, with the Hill law as a rule."""
    x = Symbol(found.input)
    raised = power(x, Symbol("hill_exponent"))
    top = add(Symbol("hill_saturation"), mul(-1.0, Symbol("hill_leak")))
    law = add(
        Symbol("hill_leak"),
        mul(top, raised, power(add(power(Symbol("hill_half"), Symbol("hill_exponent")), raised), -1.0)),
    )
    units = {found.input: _unit(model, found.input), found.output: _unit(model, found.output)}
    kept, extra = [], []
    for id in (found.input, found.output):
        part = model.by_id.get(id)
        if isinstance(part, Species):
            kept.append(replace(part, boundary=True, constant=False))
        elif isinstance(part, Parameter):
            extra.append(replace(part, constant=id == found.input))
        else:
            extra.append(Parameter(id, None, None, constant=False))
    unit_of = {"hill_leak": units[found.output], "hill_saturation": units[found.output], "hill_half": units[found.input],
               "hill_exponent": "dimensionless"}  # fmt: skip
    made = tuple(Parameter(f"hill_{name}", float(base[name]), unit_of[f"hill_{name}"]) for name in NAMES)
    starts = tuple(a for a in model.initial_assignments if a.symbol == found.input)
    return model.replace(
        id=f"{model.id}_hill", species=tuple(kept), parameters=(*extra, *made), reactions=(), events=(), constraints=(),
        rules=(Rule("assignment", law, found.output),), initial_assignments=starts,
    )  # fmt: skip


def _unit(model: Model, id: str) -> str | None:
    part = model.by_id.get(id)
    return part.units if isinstance(part, Parameter) else None
