"""The path of a reduction in words: what was asked, what was assumed fast, why, what it costs, where it breaks."""

from __future__ import annotations

from manyscale.bridges.bridge import BOOKKEEPING, Bridge, Chain
from manyscale.bridges.certificate import Refusal
from manyscale.kernels import compile_model
from manyscale.model.question import Question

SHOWN = 8  # names or attempts listed before "and ... more"


def explain(chain: Chain, question: Question) -> list[str]:
    """Lines of plain text for a chain and the resolved question that it answers."""
    lines = [*_asked(chain, question)]
    for number, bridge in enumerate(chain.bridges, 1):
        lines += _bridge(number, bridge, question)
    lines += [line for refusal in chain.refusals for line in _refusal(refusal)]
    before, after = (compile_model(m).system.size for m in (chain.fine, chain.coarse))
    if not chain.bridges:
        return [*lines, f"Result: nothing could be reduced; the model keeps its {before} differential equations."]
    kind = "" if chain.reductions else ", by bookkeeping alone"
    return [*lines, f"Result: {before} equations became {after}{kind}; the whole chain is {chain.tier}."]


def _asked(chain: Chain, question: Question) -> list[str]:
    name = chain.fine.name or chain.fine.id or "the model"
    return [
        f"Asked: {listed(question.observables)} of {name} up to t = {question.horizon:g}, within "
        f"{question.tolerance:.2g} of the largest value of each.",
        f"Region: {len(question.box)} initial values and parameters vary" + (
            f", such as {_range(question)}." if question.box else " (none: only the model as it is)."
        ),
    ]  # fmt: skip


def _range(question: Question) -> str:
    id, (low, high) = next(iter(question.box.items()))
    return f"{id} from {low:.3g} to {high:.3g}"


def _bridge(number: int, bridge: Bridge, question: Question) -> list[str]:
    certificate = bridge.certificate
    lines = [f"Step {number}, {bridge.name} ({certificate.tier}): {certificate.claim}"]
    if bridge.name in BOOKKEEPING or certificate.tier == "exact":
        return [*lines, "  Cost: none; this step is exact."]
    if certificate.spectrum is not None:
        spectrum = certificate.spectrum
        lines.append(f"  Assumed fast: {listed(bridge.eliminated)}.")
        text = f"  Why: they relax in {1 / spectrum.attractivity:.3g} time units at the slowest, "
        text += f"{spectrum.gap:.3g} times faster than the rest moves"
        moved = "hardly move" if spectrum.alignment < 0.1 else "also move"
        lines.append(f"{text}; while they do, the slow variables {moved} (alignment {spectrum.alignment:.2g}).")
    elif bridge.eliminated:
        what = "Added up" if bridge.name == "lump_near" else "Held constant"
        lines.append(f"  {what}: {listed(bridge.eliminated)}.")
    if certificate.error is not None and certificate.error.bound is not None:
        error = certificate.error
        lines.append(_cost(error, question))
        if error.phase is not None:
            lines.append(f"  Phase: {error.phase}.")
        worst = max(error.per_observable.items(), key=lambda pair: pair[1], default=None)
        if worst is not None:
            lines.append(f"  Least accurate: {worst[0]} ({worst[1]:.2g}).")
    lines += [f"  Checked: {one.text}." for one in certificate.assumptions if one.status == "checked"]
    lines += [f"  Only assumed: {one.text}." for one in certificate.assumptions if one.status == "assumed"]
    if bridge.layer_time > 0:
        lines.append(f"  Where it breaks: before t = {bridge.layer_time:g} eliminated variables are not right yet.")
    return lines + _attempts(certificate.alternatives)


def _cost(error, question: Question) -> str:
    measured = "" if error.measured is None else f"; the worst of {error.points} runs was {error.measured:.2g}"
    return f"  Cost: at most {error.bound:.2g} of {question.tolerance:.2g} allowed{measured}."


def _refusal(refusal: Refusal) -> list[str]:
    number = ""
    if refusal.value is not None:
        number = f" ({refusal.value:.3g}" + (
            f", needed {refusal.threshold:.3g})" if refusal.threshold is not None else ")"
        )
    where = f" Where: {refusal.where}." if refusal.where else ""
    advice = f" But {refusal.advice}." if refusal.advice else ""
    return [f"Refused, {refusal.name}: {refusal.reason}{number}.{where}{advice}", *_attempts(refusal.tried)]


def _attempts(tried: tuple[str, ...]) -> list[str]:
    lines = [f"  Tried before: {one}" for one in tried[:SHOWN]]
    return lines + ([f"  and {len(tried) - SHOWN} more attempts"] if len(tried) > SHOWN else [])


def listed(items, most: int = SHOWN) -> str:
    """Names, comma-separated, the rest counted."""
    items = list(items)
    more = f" and {len(items) - most} more" if len(items) > most else ""
    return ", ".join(items[:most]) + more if items else "nothing"
