"""Where nothing holds over the whole region: the same search in a smaller one, as advice."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace

from manyscale.bridges.bridge import Bridge, Chain
from manyscale.bridges.certificate import Refusal
from manyscale.bridges.explain import listed
from manyscale.bridges.time_search import reduce_in_time
from manyscale.model.question import Question
from manyscale.scales import resolve

FACTORS = (1.4, 1.1)  # regions tried, the larger first


def with_advice(refusal: Refusal, chain: Chain, question: Question, *, time_limit: float, formulas: bool) -> Refusal:
    """The refusal, with what would hold in a smaller region (`holds_within`, `advice`) where that is found in time."""
    if isinstance(question.region, Mapping) or time_limit <= 0:
        return refusal
    end = time.monotonic() + time_limit
    for factor in FACTORS:
        left = end - time.monotonic()
        if factor >= float(question.region) or left <= 0:
            continue
        smaller = resolve(chain.fine, replace(question, region=factor, box={}, resolved=False, remarks=()))
        found = reduce_in_time(chain, smaller, time_limit=left / 2, formulas=formulas)
        if isinstance(found, Bridge):
            error = found.certificate.error
            bound = error.bound if error is not None and error.bound is not None else question.tolerance
            advice = (
                f"within a factor {factor:g} of the model's values {listed(found.eliminated, 4)} can be eliminated "
            )
            advice += f"(error at most {bound:.2g}); ask for region {factor:g}"
            return replace(refusal, holds_within=factor, advice=advice)
    return refusal
