"""What a proof adds to the certificate of a bridge."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from manyscale.bridges.bridge import Bridge, Chain
from manyscale.bridges.certificate import Assumption, Certificate
from manyscale.bridges.rigorous.comparison import MEETING
from manyscale.bridges.rigorous.problem import NotProvable
from manyscale.bridges.rigorous.prove import Proof
from manyscale.bridges.rigorous.prove import prove as search_proof
from manyscale.errors import InputError
from manyscale.model.question import Question
from manyscale.scales import resolve

LIMIT = 20.0  # seconds
KINDS = ("quasi_steady", "total_quasi_steady", "slow_manifold")


def prove(
    chain: Chain, question: Question | None = None, *, time_limit: float = LIMIT,
    progress: Callable[..., None] | None = None,
) -> Chain:  # fmt: skip
    """The chain with proven error bounds where there are any.

    A quasi-steady bridge whose error is proven to keep within the tolerance for every point of the question's region
    becomes `rigorous`, and its bound the proven one. Where that holds only in a smaller region, or not at all, the
    certificate keeps its tier and says (in its assumptions, alternatives and `recipe["rigorous"]`) how far the proof
    reaches or which number failed. Errors: InputError for a question's faults.
    """
    if time_limit <= 0:
        raise InputError(f"time_limit={time_limit}: give a number of seconds above 0")
    question = question if question is not None and question.resolved else resolve(chain.fine, question)
    end = time.monotonic() + time_limit
    bridges = []
    for bridge in chain.bridges:
        left = end - time.monotonic()
        if bridge.name in KINDS and bridge.certificate.tier == "estimated" and left > 0:
            bridge = _proven(chain, bridge, question, left, progress)
        bridges.append(bridge)
    return Chain(chain.fine, tuple(bridges), chain.refusals)


def _proven(chain: Chain, bridge: Bridge, question: Question, time_limit: float, progress) -> Bridge:
    try:
        proof = search_proof(chain, bridge, question, time_limit=time_limit, note=progress)
    except NotProvable as reason:
        return replace(bridge, certificate=_not_proven(bridge.certificate, str(reason)))
    if proof.whole:
        return _strict(bridge, _rigorous(bridge.certificate, proof))
    if proof.factor > 1.0:
        return replace(bridge, certificate=_smaller(bridge.certificate, proof))
    return replace(bridge, certificate=_not_proven(bridge.certificate, proof.reason, proof))


def _strict(bridge: Bridge, certificate: Certificate) -> Bridge:
    """With a projection that meets what the proof assumes of it, or says that it cannot."""
    project: Any = bridge.project
    if project is not None and project.time > 0:
        project = replace(project, required=MEETING)
    return replace(bridge, certificate=certificate, project=project)


def _recorded(proof: Proof) -> Mapping[str, Any]:
    return {
        "proven": proof.whole, "factor": proof.factor, "bound": proof.bound, "boxes": proof.boxes,
        "per_observable": dict(proof.per_observable), "reason": proof.reason,
    }  # fmt: skip


def _rigorous(old: Certificate, proof: Proof) -> Certificate:
    error = old.error
    if error is not None:
        effectivity = proof.bound / error.measured if error.measured else None
        error = replace(error, bound=proof.bound, effectivity=effectivity, band=None)
    kept = tuple(a for a in old.assumptions if a.status != "assumed" and "compared at" not in a.text)
    pieces = "one box" if proof.boxes == 1 else f"{proof.boxes} boxes that cover it"
    return replace(
        old, tier="rigorous", error=error,
        claim=f"{old.claim} Proven for the whole region: every observable keeps within {proof.bound:.2g}.",
        assumptions=(
            *kept,
            Assumption(f"error bound from differential inequalities in interval arithmetic over the region, in {pieces}", "proved"),
            Assumption("the small model's equations are those of the fine one on the manifold (random points)", "checked"),
            Assumption(f"its start is found so that both meet after the initial layer to {MEETING:g}, or refused", "checked"),
        ),
        recipe={**old.recipe, "rigorous": _recorded(proof)},
    )  # fmt: skip


def _smaller(old: Certificate, proof: Proof) -> Certificate:
    text = (
        f"proven, not estimated, where every value of the region keeps within a factor {proof.factor:.4g} of its middle: "
        f"every observable within {proof.bound:.2g}"
    )
    return replace(
        old, assumptions=(*old.assumptions, Assumption(text, "proved")),
        alternatives=(*old.alternatives, f"rigorous: not proven over the whole region: {proof.reason}"),
        recipe={**old.recipe, "rigorous": _recorded(proof)},
    )  # fmt: skip


def _not_proven(old: Certificate, reason: str, proof: Proof | None = None) -> Certificate:
    record = {"proven": False, "factor": 1.0, "reason": reason} if proof is None else _recorded(proof)
    return replace(
        old, alternatives=(*old.alternatives, f"rigorous: not proven: {reason}"),
        recipe={**old.recipe, "rigorous": record},
    )  # fmt: skip
