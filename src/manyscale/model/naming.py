"""Readable names for conserved totals, from what the names of their members have in common."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

_PART = re.compile(r"[A-Za-z]+|\d+")


def total_names(laws: Sequence[Mapping[str, object]], names: Mapping[str, str]) -> list[str]:
    """One name per law (member ids are its keys), all different: "total MAPK", or "constant X" for a single member."""
    used: set[str] = set()
    result = []
    elsewhere: dict[str, int] = {}
    for law in laws:
        for member in law:
            elsewhere[member] = elsewhere.get(member, 0) + 1
    for law in laws:
        title = _title(law, names, elsewhere)
        if title in used:
            own = [names.get(m) or m for m in law if elsewhere[m] == 1]
            options = [f"{title} with {o}" for o in own] + [f"{title} ({k})" for k in range(2, len(laws) + 2)]
            title = next(o for o in options if o not in used)
        used.add(title)
        result.append(title)
    return result


def _title(law: Mapping[str, object], names: Mapping[str, str], elsewhere: Mapping[str, int]) -> str:
    if len(law) == 1:
        (member,) = law
        return f"constant {names.get(member) or member}"
    shared = common_part([names.get(m) or m for m in law]) or common_part(list(law))
    if shared:
        return f"total {shared}"
    own = [m for m in law if elsewhere[m] == 1] or list(law)
    best = min(own, key=lambda m: (law[m] != 1, len(m)))  # the shortest is the free form
    return f"total {names.get(best) or best}"


def common_part(texts: Sequence[str]) -> str:
    """The longest piece of text in all of them that is a whole word in the shortest of them; "" if there is none."""
    shortest = min(texts, key=len)
    starts = {m.start() for m in _PART.finditer(shortest)} | {m.start() for m in re.finditer("[A-Z]", shortest)}
    best = ""
    for start in starts:
        for end in range(len(shortest), start + len(best), -1):
            piece = shortest[start:end]
            if all(piece in text for text in texts):
                best = piece
                break
    best = best.rstrip("_- .(~")
    return best if len(best) >= 2 or best == shortest else ""
