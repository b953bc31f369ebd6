"""Bridges, refusals, questions and scales as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from manyscale.bridges.bridge import Bridge
from manyscale.bridges.certificate import Refusal
from manyscale.model.question import Question
from manyscale.study.record import plain

NORM = "max over observables of sup |full - small| / max |full|"


def describe_bridge(bridge: Bridge) -> dict[str, Any]:
    """What the command line prints of a bridge."""
    certificate = bridge.certificate
    error = certificate.error
    exact = certificate.tier == "exact"
    proof = certificate.recipe.get("rigorous")
    return {
        **({"proof": plain(proof)} if proof else {}),
        "name": bridge.name,
        "tier": certificate.tier,
        "claim": certificate.claim,
        "eliminated": list(bridge.eliminated),
        "groups": [plain(group) for group in certificate.groups],
        "error": {
            "bound": plain(error.bound) if error else 0.0 if exact else None,
            "measured": plain(error.measured) if error else 0.0 if exact else None,
            "norm": error.norm if error else NORM,
        },
    }


def certificates(bridge: Bridge) -> dict[str, Any]:
    """The rest of a certificate, for the report."""
    certificate = bridge.certificate
    error = certificate.error
    return plain({
        "assumptions": certificate.assumptions,
        "spectrum": certificate.spectrum,
        "defect": certificate.defect,
        "domain": {id: list(pair) for id, pair in certificate.domain.items()},
        "alternatives": certificate.alternatives,
        "recipe": certificate.recipe,
        "layer_time": bridge.layer_time,
        "effectivity": error.effectivity if error else None,
        "per_observable": error.per_observable if error else {},
        "points": error.points if error else 0,
        "phase": str(error.phase) if error and error.phase else "",
    })  # fmt: skip


def describe_refusal(refusal: Refusal) -> dict[str, Any]:
    """What the command line prints of a refusal."""
    found = {"name": refusal.name, "reason": refusal.reason, "value": plain(refusal.value)}
    found |= {"threshold": plain(refusal.threshold), "where": refusal.where}
    return {**found, "holds_within": plain(refusal.holds_within), "advice": refusal.advice}


def describe_question(asked: Question, question: Question) -> dict[str, Any]:
    """The resolved question, with the names of what the program chose itself."""
    region = question.region
    derived = [] if asked.observables else ["observables"]
    if asked.horizon is None:
        derived.append("horizon")
    return {
        "observables": list(question.observables),
        "horizon": plain(question.horizon),
        "tolerance": question.tolerance,
        "region": {id: plain(list(pair)) for id, pair in region.items()} if isinstance(region, Mapping) else region,
        "entry": question.entry,
        "norm": NORM,
        "derived": derived,
        "remarks": list(question.remarks),
    }


def scale_rows(scales: Any) -> list[dict[str, Any]]:
    """One row per sampled time: t, time scales (slowest first), gap, fast species."""
    if scales is None:
        return []
    return [
        {
            "t": plain(row.t),
            "time_scales": [x for x in plain(row.time_scales) if isinstance(x, (int, float))],
            "gap": plain(row.gap),
            "fast_species": list(row.fast_species),
        }
        for row in scales.rows
    ]
