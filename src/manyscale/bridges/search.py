"""`reduce`: which bridges are tried, in which order, and what is kept of the refusals."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from manyscale.bridges.bridge import Bridge, Chain
from manyscale.bridges.certificate import Refusal
from manyscale.bridges.exact import absent, conserve, lump, lump_backward, prune, solve
from manyscale.bridges.explain import explain as path_in_words
from manyscale.bridges.freeze_search import freeze_slow
from manyscale.bridges.lump_search import lump_nearly
from manyscale.bridges.narrower import with_advice
from manyscale.bridges.rigorous import prove
from manyscale.bridges.time_search import reduce_in_time
from manyscale.engines.simulate import as_model
from manyscale.errors import SimulationError
from manyscale.kernels import compile_model
from manyscale.model.model import Model
from manyscale.model.question import Question
from manyscale.scales import Scales, resolve

# cheap first; totals late, because they couple what can be lumped
EXACT = (absent, prune, lump, lump_backward, conserve, solve)
DEFAULT_LIMIT = 90.0  # seconds
FOR_ADVICE = 0.3  # share of the time that may go into looking at smaller regions where nothing holds in the whole one
WITH_ADVICE = "quasi_steady"  # whose refusals get such advice
FOR_SUMS = 0.2  # share of the time kept for sums that nearly have equations of their own
FOR_SLOW = 0.3  # share of the time kept for variables so slow that they may be held


def unspent(chain: Chain, question: Question) -> float:
    """What a further bridge may cost: errors e1 and e2 of two bridges add up to e1 + e2 (1 + e1)."""
    spent = chain.certificate.error
    bound = 0.0 if spent is None or spent.bound is None else spent.bound
    return (question.tolerance - bound) / (1.0 + bound)


def sums_to_find(chain: Chain, question: Question) -> bool:
    """Whether there are species that the question does not ask for, which could be added up."""
    seen = set(question.observables)
    free = [id for id in compile_model(chain.coarse).system.states if id not in seen]
    return len(free) > 1 and not {s.id for s in chain.fine.species} <= seen


def _only_proved(chain: Chain) -> Chain:
    """The chain up to its first step that is not proved, which becomes a refusal."""
    kept = chain.proved.bridges
    if len(kept) == len(chain.bridges):
        return chain
    first = chain.bridges[len(kept)]
    proof = first.certificate.recipe.get("rigorous") or {}
    why = "its error is estimated, not proved" + (f": {proof['reason']}" if proof.get("reason") else "")
    return Chain(chain.fine, kept, (*chain.refusals, Refusal(first.name, why, tried=first.certificate.alternatives)))


def reduce(
    model: Model | str | Path,
    question: Question | None = None,
    *,
    scales: Scales | None = None,
    time_limit: float | None = DEFAULT_LIMIT,
    formulas: bool = False,
    rigorous: bool = False,
    proved: bool = False,
    explain: bool = False,
    progress: Callable[..., None] | None = None,
) -> Chain:
    """The longest chain of bridges that hold for the question, with the refusals met on the way.

    Exact bridges first (what is never there; what the observables do not need; sums with equations of their own;
    variables that stay equal; conserved totals; variables with a formula), then fast variables in quasi-steady state as
    far as the question's tolerance allows over its whole region, then variables so slow that they may be held at their
    start, then sums in place of variables that the observables do not name, for what is left of the tolerance. With
    `formulas`, only variables that follow from the others by formula are eliminated: the reduced model then has no
    algebraic equations, which many simulators cannot solve. With `rigorous`, up to 20 seconds more go into proving
    bounds (see `prove`); with `proved`, too, and only the steps up to the first that is not proved are kept. Stops at
    `time_limit` seconds (None: no limit) or at Ctrl-C with the best chain so far.
    `explain` prints the path in words. Errors: InputError; SimulationError when the model itself cannot be run.
    """
    note = progress or (lambda *_: None)
    begin = time.monotonic()
    limit = float("inf") if time_limit is None else float(time_limit)
    fine = as_model(model)
    question = resolve(fine, question)
    bridges: list[Bridge] = []
    refusals: list[Refusal] = []

    def keep(answer: Bridge | Refusal) -> None:
        (bridges if isinstance(answer, Bridge) else refusals).append(answer)  # type: ignore[arg-type]

    try:
        for k, method in enumerate(EXACT):
            if time.monotonic() - begin > limit:
                break
            note(0.1 * k, f"trying {method.__name__.rsplit('.', 1)[-1]}")
            now = bridges[-1].coarse if bridges else fine
            known = {"before": Chain(fine, tuple(bridges))} if method is solve else {}
            keep(method.attempt(now, scales if now is fine else None, question, **known))
        left = min(limit - (time.monotonic() - begin), 3600.0)
        if left > 0:
            chain, share = Chain(fine, tuple(bridges)), (1.0 - FOR_SLOW) * left
            keep(
                reduce_in_time(
                    chain, question, time_limit=share, formulas=formulas, note=lambda s, t: note(0.2 + 0.5 * s, t)
                )
            )
            chain = Chain(fine, tuple(bridges))
            left = min(limit - (time.monotonic() - begin), 3600.0)
            keep(
                freeze_slow(
                    chain, question, tolerance=unspent(chain, question), time_limit=max(left, FOR_SLOW * share),
                    note=lambda s, t: note(0.7 + 0.3 * s, t),
                )
            )  # fmt: skip
            chain = Chain(fine, tuple(bridges))
            if sums_to_find(chain, question):
                left = min(limit - (time.monotonic() - begin), 3600.0)
                keep(
                    lump_nearly(
                        chain, question, tolerance=unspent(chain, question), time_limit=max(left, FOR_SUMS * share),
                        note=lambda s, t: note(0.9, t),
                    )
                )  # fmt: skip
            left = min(limit - (time.monotonic() - begin), FOR_ADVICE * limit, 3600.0)
            if not Chain(fine, tuple(bridges)).reductions:
                note(0.95, "trying a smaller region")
                refusals[:] = [
                    with_advice(one, chain, question, time_limit=left, formulas=formulas)
                    if one.name == WITH_ADVICE
                    else one
                    for one in refusals
                ]
        else:
            refusals.append(Refusal("search", "the time limit was reached", time.monotonic() - begin, limit))
    except SimulationError as failure:
        refusals.append(Refusal("simulate", str(failure).splitlines()[0]))
    except KeyboardInterrupt:
        refusals.append(Refusal("search", "interrupted; this is the best so far"))
    chain = Chain(fine, tuple(bridges), tuple(refusals))
    if rigorous or proved:
        chain = prove(chain, question, progress=lambda s, t: note(0.95, t))
    if proved:
        chain = _only_proved(chain)
    if explain:
        print("\n".join(path_in_words(chain, question)))
    return chain
