"""From jumps to concentrations: whether the rate equations give the means of the jump process, and what they hide.

The means of exact paths are compared with the rate equations; what noise should add to the means to leading order in
1/size (van Kampen) and the size of fluctuations come from the linear noise approximation. Refused where means differ;
paths that die out or settle elsewhere than the rate equations are named as the reason.
"""

from __future__ import annotations

import numpy as np

from manyscale.bridges.bridge import Bridge
from manyscale.bridges.certificate import Assumption, Certificate, ErrorStatement, Group, Refusal, source_hash, versions
from manyscale.bridges.number.levels import to_level
from manyscale.bridges.number.samples import Samples, sampled
from manyscale.engines.ode import simulate_ode
from manyscale.errors import SimulationError, UnsupportedError
from manyscale.kernels import compile_model
from manyscale.model.model import Model
from manyscale.model.question import Question
from manyscale.scales import resolve
from manyscale.scales.measure import Scales

NAME = "mean_field"
NORM = "max over observables of sup |mean of paths - rate equations| / max |mean|"
SURE = 3.0  # standard errors of a mean
DEAD = 0.01  # share of paths at rest where the rate equations still move that is named


def attempt(model: Model, scales: Scales | None = None, question: Question | None = None, *, counts: bool = False,
            paths: int = 4000, seed: int = 0) -> Bridge | Refusal:  # fmt: skip
    """The bridge to the rate equations (`coarse.level` is "ode"), tier "estimated" at the model's own values, or a refusal.

    paths: exact paths, which decide what can be told apart. counts: amounts without units are numbers of molecules.
    """
    question = resolve(model, question)
    kernel = compile_model(model)
    try:
        sample = sampled(kernel, question, counts=counts, paths=paths, seed=seed)
        flow = simulate_ode(kernel, sample.times, rtol=1e-8)
    except (UnsupportedError, SimulationError) as failure:
        return Refusal(NAME, str(failure).splitlines()[0])
    rows = {id: np.asarray(flow[id]) for id in sample.ids}
    errors, worst, unsure = {}, ("", 0.0), 0.0
    for id in sample.ids:
        size = max(float(np.abs(sample.mean(id)).max()), float(np.abs(rows[id]).max()), 1e-300)
        errors[id] = float(np.abs(sample.mean(id) - rows[id]).max() / size)
        unsure = max(unsure, SURE * float(sample.error(id).max()) / size)
        if errors[id] >= worst[1]:
            worst = id, errors[id]
    bound = worst[1] + unsure
    if worst[1] - unsure > question.tolerance:
        return Refusal(NAME, f"the mean of {worst[0]} over paths is not what the rate equations give{_why(sample, rows)}",
                       worst[1], question.tolerance, worst[0])  # fmt: skip
    if bound > question.tolerance:
        return Refusal(
            NAME, f"{paths} paths do not tell the means closely enough; give more paths", bound, question.tolerance
        )
    return _bridge(model, question, sample, errors, worst[1], bound, _why(sample, rows))


def _why(sample: Samples, rows) -> str:
    """What paths do that the rate equations do not, in words; empty where nothing stands out."""
    said = []
    dead = sample.dead(rows)
    if dead > DEAD:
        said.append(f"{100 * dead:.2g} % of the paths have come to rest while the rate equations have not")
    ratio, id = sample.excess()
    if ratio > 2.0:
        said.append(
            f"fluctuations of {id} are {ratio:.2g} times larger than linear noise explains (several states, or rare events)"
        )
    return f": {'; '.join(said)}" if said else ""


def _bridge(
    model: Model, question: Question, sample: Samples, errors, worst: float, bound: float, warning: str
) -> Bridge:
    spread = {id: sample.relative_spread(id) for id in sample.ids}
    widest = max(spread, key=lambda id: spread[id])
    shift, shifted = sample.displacement()
    assumptions = [
        Assumption(
            f"means of {sample.paths} exact paths at {len(sample.times)} times agree within {bound:.2g}", "checked"
        ),
        Assumption("the model's own values; other initial values and constants were not looked at", "assumed"),
    ]
    if warning:
        assumptions.append(Assumption(f"only means are claimed{warning}", "checked"))
    certificate = Certificate(
        tier="estimated",
        claim=f"The rate equations give the means of the jump process within {bound:.2g}. Single cells differ: {widest} "
        f"fluctuates by {100 * spread[widest]:.2g} % of its mean.",
        assumptions=tuple(assumptions),
        groups=(
            Group("fluctuations", "largest standard deviation / mean", spread[widest], None, None, f"of {widest}, at the end"),
            Group("displacement", "shift of the mean by noise / mean, leading order in 1/size", shift, question.tolerance,
                  question.tolerance / shift if shift else None, f"of {shifted}: how far noise moves means"),
        ),
        error=ErrorStatement(NORM, worst, bound, bound / worst if worst else None, errors, 1),
        recipe={"method": NAME, "paths": sample.paths, "seed": sample.seed, "counts": sample.counts},
        source_hash=source_hash(model), versions=versions(),
    )  # fmt: skip
    return to_level(NAME, model, "ode", certificate)
