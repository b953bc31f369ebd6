"""`change_level`: from the jump process to a coarser level of description, judged over a region."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from inspect import signature
from pathlib import Path
from typing import Any

from manyscale.bridges.bridge import Bridge, Chain
from manyscale.bridges.certificate import Assumption, Refusal, weakest
from manyscale.bridges.number import mean_field, noise, partition, slow_scale
from manyscale.bridges.verify import sample
from manyscale.engines.simulate import as_model
from manyscale.errors import InputError
from manyscale.model.model import Model
from manyscale.model.question import Question
from manyscale.scales import resolve
from manyscale.study.values import with_values

METHODS = {"ode": mean_field, "lna": noise, "hybrid": partition, "slow_scale": slow_scale}


def change_level(
    model: Model | str | Path, level: str, question: Question | None = None, *, counts: bool = False, points: int = 8,
    seed: int = 0, progress: Callable[[float], None] | None = None, **options: Any,
) -> Chain:  # fmt: skip
    """One bridge from exact jumps to `level` ("ode", "lna", "hybrid" or "slow_scale"), or the refusal with the number
    that failed: `chain.bridges` or `chain.refusals` has one member.

    The bridge is made at the model's own values and again at `points` - 1 others of the question's region (0 or 1: at its
    own alone), drawn from `seed`; it is refused where it fails at any of them. What was proved at each of them is
    estimated for the region. counts: amounts without units are numbers of molecules, and start values at the points are
    rounded to whole ones. options: of the method, such as `paths`, `fast` or `partition`.
    Errors: InputError for an unknown level or option.
    """
    method = METHODS.get(level)
    if method is None:
        raise InputError(f"level={level!r}: there are bridges to {', '.join(METHODS)}")
    known = [name for name in signature(method.attempt).parameters if name not in ("model", "scales", "question")]
    if strange := [name for name in options if name not in known]:
        raise InputError(f"level={level!r} has no option {strange[0]!r}; it has {', '.join(known)}")
    model = as_model(model)
    question = resolve(model, question)
    found: list[Bridge] = []
    drawn = sample(question.box, max(points, 1), seed)
    for k, values in enumerate(drawn):
        whole = _whole(model, values) if counts else values
        made = method.attempt(with_values(model, whole), None, question, counts=counts, **options)
        if isinstance(made, Refusal):
            return Chain(model, (), (_located(made, whole, k, len(drawn)),))
        found.append(made)
        if progress is not None:
            progress((k + 1) / len(drawn))
    bridge = found[0] if len(found) == 1 else _over_region(found, question)
    return Chain(bridge.fine, (bridge,))


def _whole(model: Model, values: Mapping[str, float]) -> dict[str, float]:
    species = {s.id for s in model.species}
    return {id: float(round(v)) if id in species else v for id, v in values.items()}


def _located(refusal: Refusal, values: Mapping[str, float], k: int, count: int) -> Refusal:
    if not values:
        return refusal
    at = ", ".join(f"{id} = {v:.4g}" for id, v in list(values.items())[:6])
    return replace(
        refusal, where=f"{refusal.where + ' ' if refusal.where else ''}at {at}",
        advice=refusal.advice or f"it holds at the model's own values; this is point {k + 1} of {count} of the region: ask for a smaller one",
    )  # fmt: skip


def _over_region(found: list[Bridge], question: Question) -> Bridge:
    first = found[0]
    errors = [b.certificate.error for b in found]
    ids = {id for e in errors if e is not None for id in e.per_observable}
    bound = max((e.bound for e in errors if e is not None and e.bound is not None), default=None)
    measured = max((e.measured for e in errors if e is not None and e.measured is not None), default=None)
    error = first.certificate.error and replace(
        first.certificate.error, bound=bound, measured=measured, points=len(found),
        per_observable={id: max(e.per_observable.get(id, 0.0) for e in errors if e is not None) for id in sorted(ids)},
    )  # fmt: skip
    at_points = f"holds at the model's own values and at {len(found) - 1} other points of the region"
    certificate = replace(
        first.certificate, tier=weakest([first.certificate.tier, "estimated"]), error=error, domain=dict(question.box),
        claim=f"At the model's own values: {first.certificate.claim} It {at_points}; the largest bound there is {bound:.2g}.",
        assumptions=(*first.certificate.assumptions, Assumption(at_points, "checked")),
    )  # fmt: skip
    return replace(first, certificate=certificate)
