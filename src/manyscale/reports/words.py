"""A study in words, for a biologist: what was asked, what was found, how far it can be trusted."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from manyscale.bridges.certificate import added

OPAQUE = re.compile(r"(?i)(s|c|x|m|r|sp|species|spec|metabolite|mwid|id|v|y)?_?_?[0-9]+(_.*)?|mw[0-9a-f_]{10,}")
EXACT = ("conserve", "prune")  # bridges that change nothing and so do not count as reductions

TERMS = {  # word -> what it means, in one or two plain sentences
    "gap": "How many times faster the fast part settles than the slow part moves. Below about 3 the two cannot be "
    "told apart; above 10 they separate well.",
    "attractivity": "How quickly the fast part returns to its quasi-steady state after a push (rate, 1/time). It must be "
    "positive, or there is nothing to settle to.",
    "alignment": "Whether the fast species really are what moves fast. Near 0: yes. Near 1 or above: fast motion also "
    "changes the species that were called slow, and the reduction would be wrong in spite of a large gap.",
    "defect": "How far the shortcut formula is from being a true solution of the full equations, relative to the "
    "size of the variables. Smaller is better.",
    "tier": "How strong the evidence is. exact: proved by algebra, no error at all. estimated: an error estimate with "
    "a safety factor that was tested on many points. measured: the largest error seen on the points tried.",
    "bound": "The largest error that the certificate promises for the whole region that was asked about.",
    "measured": "The largest error actually seen while the reduction was made.",
    "effectivity": "Promised error divided by seen error. 1 would be perfect; large means cautious; below 1 would be a "
    "broken promise.",
    "phase": "For oscillators: how wrong the period is, how far that lets the small model run ahead or lag behind, and "
    "how wrong the curve is apart from that.",
    "norm": "How the error is counted: for each observable the largest difference between full and small model, divided "
    "by the largest value in the full model; then the worst observable.",
    "horizon": "How long the question looks.",
    "region": "All the initial values and parameters for which the small model has to be right, not only the values "
    "in the file.",
    "tolerance": "The largest error you accept, as a share of each observable's largest value.",
    "initial layer": "The short time at the start in which the fast species settle. Their own error counts only after it.",
    "conserved total": "A sum of amounts that no reaction changes, such as an enzyme in all its forms.",
    "observable": "What you want to keep seeing in the small model.",
    "lift": "The formula that gives an eliminated species back from the small model.",
}

TIERS = {
    "exact": "exact (no error, proved by algebra)",
    "rigorous": "rigorous (a proved bound)",
    "estimated": "estimated (an error estimate with a tested safety factor)",
    "measured": "measured (the largest error seen on the points tried)",
}

NAMES = {  # bridge -> what it does, in words
    "conserve": "Conserved totals",
    "prune": "What the observables do not need",
    "quasi_steady": "Fast species in quasi-steady state",
    "partial_equilibrium": "Fast reactions in equilibrium",
    "slow_manifold": "Slow manifold",
    "absent": "What is never there",
    "solve": "Variables with a formula of their own",
    "freeze": "So slow that it stays as it is",
    "lump": "Sums with equations of their own",
    "lump_backward": "Variables that stay equal",
    "lump_near": "Sums with nearly equations of their own",
}


def percent(value: float | str | None) -> str:
    """A share as a percentage with two or three significant digits."""
    if value is None or isinstance(value, str):
        return "unknown" if value is None else value
    share = 100.0 * value
    if share == 0:
        return "0 %"
    return f"{share:.1e} %" if abs(share) < 0.001 else f"{share:.2g} %" if share < 10 else f"{share:.0f} %"


def times(factor: float) -> str:
    """A factor in two significant digits: 230, 7 000, 2·10^9."""
    if factor >= 1e7:
        return quantity(float(f"{factor:.1e}"))
    rounded = float(f"{factor:.2g}")
    return f"{rounded:,.0f}".replace(",", "\u202f") if rounded >= 10 else f"{rounded:g}"


def quantity(value: float | str | None, unit: str = "") -> str:
    """A number in four significant digits with its unit."""
    if value is None or isinstance(value, str):
        return "unknown" if value is None else value
    text = f"{value:.4g}"
    if "e" in text:
        mantissa, exponent = text.split("e")
        text = f"{mantissa}·10^{int(exponent)}"
    return f"{text} {unit}".strip()


def label(id: str, name: str) -> str:
    """What to call a thing: its id, or its name where the id is only a number, such as s_0467 or c86."""
    return name if name and len(name) <= 24 and OPAQUE.fullmatch(id) else id


def listing(items: Sequence[str], most: int = 6) -> str:
    """A list in words, long ones cut."""
    items = list(items)
    if len(items) > most + 1:
        return f"{', '.join(items[:most])} and {len(items) - most} more"
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}" if items else "nothing"


def count(number: int, noun: str) -> str:
    """Number and noun: 1 equation, 3 equations, 2 species."""
    return f"{number} {noun}" if number == 1 or noun.endswith("s") else f"{number} {noun}s"


def real_reductions(study: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The bridges that approximate; exact bookkeeping is not counted as a reduction."""
    return [bridge for bridge in study["chain"] if bridge["name"] not in EXACT]


def verdict(study: Mapping[str, Any]) -> dict[str, Any]:
    """Headline, tone ("good", "partial", "no") and paragraphs `asked`, `found`, `trust`."""
    full, reduced = study["dimension"]["full"], study["dimension"]["reduced"]
    real, broken = real_reductions(study), _violations(study)
    if real and not broken:
        tone = "good"
        headline = f"{count(reduced, 'equation')} instead of {full} {_are(reduced)} enough."
    elif real:
        tone = "partial"
        headline = f"A smaller model was found ({reduced} instead of {full}), but it failed the check in places."
    elif reduced < full:
        tone = "partial"
        headline = f"{count(full - reduced, 'equation')} of {full} {_are(full - reduced)} redundant; nothing more could be left out."
    else:
        tone = "no"
        headline = "This model does not get smaller for this question."
    return {
        "tone": tone,
        "headline": headline,
        "asked": asked(study),
        "found": found(study, real),
        "trust": trust(study, real, broken),
    }


def asked(study: Mapping[str, Any]) -> str:
    """What the question was."""
    question, unit = study["question"], study["evidence"].get("units", {}).get("time", "")
    watched = question["observables"]
    every = len(watched) >= study["model"]["species"] and study["model"]["species"] > 1
    what = f"all {len(watched)} species" if every else listing(watched)
    return (
        f"Can a smaller model give the same time courses of {what} over {quantity(question['horizon'], unit)}, with an "
        f"error of at most {percent(question['tolerance'])}, {region(question)}?"
    )


def region(question: Mapping[str, Any]) -> str:
    """The region of a question in words."""
    given = question["region"]
    if isinstance(given, Mapping):
        return f"with {listing(list(given))} anywhere in the ranges given"
    if given == 1:
        return "at the values in the file"
    return f"for every positive initial value and rate constant between 1/{given:g} and {given:g} times its value"


def found(study: Mapping[str, Any], real: list) -> str:
    """What came out, without saying how good it is."""
    dimension, parts = study["dimension"], []
    lost = dimension["full"] - dimension["conserved"]
    if lost:
        parts.append(
            f"{count(lost, 'equation')} of {dimension['full']} {_follows(lost)} exactly from conserved totals."
        )
    held = [id for bridge in real for id in bridge["eliminated"] if bridge["name"] == "freeze"]
    summed = [id for bridge in real for id in bridge["eliminated"] if bridge["name"] in ("lump", "lump_near")]
    equal = [id for bridge in real for id in bridge["eliminated"] if bridge["name"] == "lump_backward"]
    empty = [id for bridge in real for id in bridge["eliminated"] if bridge["name"] == "absent"]
    solved = [id for bridge in real for id in bridge["eliminated"] if bridge["name"] == "solve"]
    others = {*held, *summed, *equal, *empty, *solved}
    fast = [id for bridge in real for id in bridge["eliminated"] if id not in others]
    if empty:
        parts.append(
            f"{listing(empty)} {_are(len(empty))} never there: nothing that the model starts with turns into "
            f"{'it' if len(empty) == 1 else 'them'}."
        )
    if summed:
        parts.append(f"The observables see only sums of {listing(summed)}, which have equations of their own.")
    if solved:
        parts.append(
            f"{listing(solved)} {'has a formula' if len(solved) == 1 else 'have formulas'} without any approximation."
        )
    if equal:
        parts.append(f"{listing(equal)} always equal{'s' if len(equal) == 1 else ''} another species.")
    if fast:
        parts.append(
            f"{listing(fast)} {'is' if len(fast) == 1 else 'are'} fast: after a short start "
            f"{'it follows' if len(fast) == 1 else 'they follow'} the others, so {_closure(study, len(fast) == 1)}."
        )
    gap = typical_gap(study)
    if fast and gap:
        parts.append(f"The fast part settles about {times(gap)} times faster than the rest moves.")
    if held:
        parts.append(
            f"{listing(held)} {'is' if len(held) == 1 else 'are'} so slow that nothing is lost by holding {'it' if len(held) == 1 else 'them'} at the start."
        )
    refused = [
        one
        for one in study["refusals"]
        if one["name"] not in (*EXACT, "absent", "solve", "lump", "lump_backward", "lump_near")
    ]
    if not real and refused:
        parts.append(f"No species could be treated as fast: {refused[0]['reason'].rstrip('.')}.")
    if not parts:
        parts.append("Every variable moves on a time scale that the observables can see.")
    return " ".join(parts)


def implicit(study: Mapping[str, Any]) -> int:
    """Equations of the small model that are solved along the way because no formula gives their variable."""
    return int((study["evidence"].get("equations") or {}).get("implicit") or 0)


def _closure(study: Mapping[str, Any], one: bool) -> str:
    if not implicit(study):
        return "its equation becomes a formula" if one else "their equations become formulas"
    return f"{'it needs' if one else 'they need'} no rate of change: {'its value is' if one else 'their values are'} solved for"


def typical_gap(study: Mapping[str, Any]) -> float | None:
    """The median gap over the sampled times, for the text."""
    gaps = sorted(row["gap"] for row in study["scales"] if isinstance(row.get("gap"), (int, float)))
    return gaps[len(gaps) // 2] if gaps else None


def trust(study: Mapping[str, Any], real: list, broken: int) -> str:
    """How far the result can be trusted."""
    if not study["chain"]:
        return "A refusal is a result: the reasons below say which number failed, so the full model is the one to use."
    if not real:
        return "These steps are exact: the smaller model has the same solutions as the full one."
    checked = study["verified"]
    points, worst = checked.get("points") or 0, checked.get("worst_error")
    promise, parts = promised(real), []
    if promise is not None:
        parts.append(f"The promised error is at most {percent(promise)}.")
    size = study["dimension"]
    if size["reduced"] < size.get("proved", 0) < size["conserved"]:
        parts.append(
            f"The first steps, down to {count(size['proved'], 'equation')}, are proved; the rest is estimated."
        )
    if points:
        parts.append(
            f"Checked afterwards by simulating both models at {count(points, 'other point')} of the region: the largest "
            f"error was {percent(worst)} (you accept {percent(study['question']['tolerance'])})."
        )
        if broken:
            parts.append(f"At {count(broken, 'point')} the promise was broken: do not rely on this small model there.")
        else:
            parts.append("The promise held at every one of them.")
    else:
        parts.append("It was not checked at other points.")
    return " ".join(parts)


def promised(real: list) -> float | str | None:
    """The bound of all steps together."""
    bounds = [bridge["error"]["bound"] for bridge in real if bridge["error"].get("bound") is not None]
    odd = next((bound for bound in bounds if not isinstance(bound, (int, float))), None)
    return odd if odd is not None else added(bounds) if bounds else None


def limits() -> str:
    """What a certificate does not say."""
    return (
        "What is certified is the small model against the full model, not the biology: if the full model is wrong about "
        "the cell, so is the small one. Outside the question above (other observables, longer times, values outside the "
        "region) nothing is claimed."
    )


def lines(study: Mapping[str, Any]) -> list[str]:
    """The verdict as lines of plain text, for a terminal."""
    said = verdict(study)
    return [said["headline"], f"asked: {said['asked']}", f"found: {said['found']}", f"trust: {said['trust']}"]


def _violations(study: Mapping[str, Any]) -> int:
    value = study["verified"].get("violations") or 0
    return value if isinstance(value, int) else len(value)


def _are(number: int) -> str:
    return "is" if number == 1 else "are"


def _follows(number: int) -> str:
    return "follows" if number == 1 else "follow"
