"""`reduce`: which bridges are tried, in which order, and what is kept of the refusals."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from manyscale.bridges.bridge import Bridge, Chain
from manyscale.bridges.certificate import Refusal
from manyscale.bridges.exact import conserve, prune
from manyscale.engines.simulate import as_model
from manyscale.model.model import Model
from manyscale.model.question import Question
from manyscale.scales import Scales, measure, resolve

METHODS = (prune, conserve)  # cheap first: what is not needed has no totals to speak of
LEAST_GAP = 4.1  # below this nothing is called fast


def reduce(
    model: Model | str | Path,
    question: Question | None = None,
    *,
    scales: Scales | None = None,
    time_limit: float | None = None,
    progress: Callable[..., None] | None = None,
) -> Chain:
    """The longest chain of bridges that hold for the question, with the refusals met on the way.

    Stops at `time_limit` seconds or at Ctrl-C with the best chain so far. Errors: InputError, SimulationError when the
    model itself cannot be run.
    """
    note = progress or (lambda *_: None)
    begin = time.monotonic()
    fine = as_model(model)
    question = resolve(fine, question)
    bridges: list[Bridge] = []
    refusals: list[Refusal] = []
    try:
        now = fine
        for k, method in enumerate(METHODS):
            if time_limit is not None and time.monotonic() - begin > time_limit:
                refusals.append(Refusal("search", "the time limit was reached", time.monotonic() - begin, time_limit))
                break
            note(k / len(METHODS), f"trying {method.__name__.rsplit('.', 1)[-1]}")
            answer = method.attempt(now, scales if now is fine else None, question)
            if isinstance(answer, Bridge):
                bridges.append(answer)
                now = answer.coarse
            else:
                refusals.append(answer)
        refusals.append(_time_scales(scales or measure(fine, question)))
    except KeyboardInterrupt:
        refusals.append(Refusal("search", "interrupted; this is the best so far"))
    return Chain(fine, tuple(bridges), tuple(refusals))


def _time_scales(scales: Scales) -> Refusal:
    """What the spectrum says about eliminating fast species; this version makes exact bridges only."""
    gaps = [row.gap for row in scales.rows if row.gap is not None]
    least = min(gaps, default=None)
    if least is None or least < LEAST_GAP or len(gaps) < len(scales.rows):
        return Refusal(
            "quasi_steady", "no gap between time scales that lasts over the horizon", least or 1.0, LEAST_GAP
        )
    species = scales.splits[0].species if scales.splits else scales.rows[0].fast_species
    return Refusal(
        "quasi_steady",
        f"there is a gap ({', '.join(species[:6])} fast), but this version has no closure with a certificate for it; "
        "nothing is eliminated without one",
        least,
        LEAST_GAP,
    )
