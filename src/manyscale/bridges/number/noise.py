"""From jumps to linear noise: whether means and covariances of the jump process are those of the linear noise
approximation, judged by exact paths. Refused where noise is not small or not linear, with the species and the number."""

from __future__ import annotations

import numpy as np

from manyscale.bridges.bridge import Bridge
from manyscale.bridges.certificate import Assumption, Certificate, ErrorStatement, Group, Refusal, source_hash, versions
from manyscale.bridges.number.levels import to_level
from manyscale.bridges.number.samples import Samples, sampled
from manyscale.errors import SimulationError, UnsupportedError
from manyscale.kernels import compile_model
from manyscale.model.model import Model
from manyscale.model.question import Question
from manyscale.scales import resolve
from manyscale.scales.measure import Scales

NAME = "noise"
NORM = "max over observables of sup |difference of means or of standard deviations| / largest value of each"
SURE = 3.0  # standard errors


def attempt(model: Model, scales: Scales | None = None, question: Question | None = None, *, counts: bool = False,
            paths: int = 8000, seed: int = 0) -> Bridge | Refusal:  # fmt: skip
    """The bridge to the linear noise approximation (`coarse.level` is "lna"), tier "estimated" at the model's own values.

    Means are those of the approximation with the displacement by noise. paths: exact paths, which decide what can be told
    apart (a standard deviation to 1/sqrt(2 paths)). counts: amounts without units are numbers of molecules.
    """
    question = resolve(model, question)
    kernel = compile_model(model)
    try:
        sample = sampled(kernel, question, counts=counts, paths=paths, seed=seed)
    except (UnsupportedError, SimulationError) as failure:
        return Refusal(NAME, str(failure).splitlines()[0])
    if sample.noise is None:
        return Refusal(NAME, "the linear noise approximation of this model cannot be run")
    errors: dict[str, float] = {}
    unsure, worst = 0.0, ("", "mean", 0.0)
    for id in sample.ids:
        for what, found, sure in _differences(sample, id):
            errors[id] = max(errors.get(id, 0.0), found)
            unsure = max(unsure, sure)
            if found >= worst[2]:
                worst = id, what, found
    bound = worst[2] + unsure
    if worst[2] - unsure > question.tolerance:
        return Refusal(
            NAME, f"the {worst[1]} of {worst[0]} over paths is not that of linear noise{_shape(sample, worst[0])}", worst[2],
            question.tolerance, worst[0],
        )  # fmt: skip
    if bound > question.tolerance:
        return Refusal(
            NAME,
            f"{paths} paths do not tell standard deviations closely enough; give more paths",
            bound,
            question.tolerance,
        )
    return _bridge(model, question, sample, errors, worst[2], bound)


def _differences(sample: Samples, id: str):
    """(what, difference as a share of the largest value, what chance may make of it) for the mean and the spread."""
    noise = sample.noise
    mean = noise[id] + noise.displacement(id)
    size = max(float(np.abs(sample.mean(id)).max()), 1e-300)
    yield "mean", float(np.abs(sample.mean(id) - mean).max()) / size, SURE * float(sample.error(id).max()) / size
    spread = max(float(sample.std(id).max()), float(noise.std(id).max()))
    if spread > 1e-9 * size:
        off = float(np.abs(sample.std(id) - noise.std(id)).max()) / spread
        heavy = _kurtosis(sample, id)
        yield "standard deviation", off, SURE * np.sqrt(max(heavy - 1.0, 2.0) / (4.0 * sample.paths))


def _kurtosis(sample: Samples, id: str) -> float:
    values = sample.run[id][:, -1]
    spread = values.std()
    return float(np.mean(((values - values.mean()) / spread) ** 4)) if spread > 0 else 3.0


def _shape(sample: Samples, id: str) -> str:
    values = sample.run[id][:, -1]
    spread = values.std()
    skew = float(np.mean(((values - values.mean()) / spread) ** 3)) if spread > 0 else 0.0
    return f" (its distribution is skewed by {skew:.2g}; a Gaussian has 0)" if abs(skew) > 0.5 else ""


def _bridge(model: Model, question: Question, sample: Samples, errors, worst: float, bound: float) -> Bridge:
    widest = max(sample.ids, key=sample.relative_spread)
    certificate = Certificate(
        tier="estimated",
        claim=f"Means and standard deviations are those of linear noise within {bound:.2g}.",
        assumptions=(
            Assumption(f"compared with {sample.paths} exact paths at {len(sample.times)} times", "checked"),
            Assumption("distributions are taken as Gaussian: tails and rare events were not compared", "assumed"),
            Assumption("the model's own values; other initial values and constants were not looked at", "assumed"),
        ),
        groups=(Group("fluctuations", "largest standard deviation / mean", sample.relative_spread(widest), None, None,
                      f"of {widest}, at the end"),),
        error=ErrorStatement(NORM, worst, bound, bound / worst if worst else None, errors, 1),
        recipe={"method": NAME, "paths": sample.paths, "seed": sample.seed, "counts": sample.counts},
        source_hash=source_hash(model), versions=versions(),
    )  # fmt: skip
    return to_level(NAME, model, "lna", certificate)
