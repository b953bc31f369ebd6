"""Readable names for conserved totals, from what the names of their members have in common."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from manyscale.model.model import Model

_PART = re.compile(r"[A-Za-z]+|\d+")


def free_name(wanted: str, taken: Collection[str]) -> str:
    """`wanted`, or that with the first number from 2 on that makes it different from all in `taken`."""
    name, k = wanted, 2
    while name in taken:
        name, k = f"{wanted}_{k}", k + 1
    return name


class Names:
    """Ids in use: those of models, and those that were made from here."""

    def __init__(self, *models: Model):
        self.taken = {"time", "avogadro", "pi"}
        for model in models:
            self.taken |= {*model.by_id, *(k.id for r in model.reactions for k in r.local)}

    def free(self, wanted: str) -> str:
        """An id that nothing has, in use from now on."""
        name = free_name(wanted, self.taken)
        self.taken.add(name)
        return name

    def new(self, wanted: str) -> str:
        """The same from any text."""
        stem = re.sub(r"\W+", "_", wanted, flags=re.ASCII).strip("_") or "x"
        return self.free(stem if not stem[0].isdigit() else f"_{stem}")


def total_names(laws: Sequence[Mapping[str, object]], names: Mapping[str, str], ids: Sequence[str] = ()) -> list[str]:
    """One name per law (member ids are its keys), all different: "total MAPK", or "constant X" for a single member.

    `ids` are all species: what most of them have in common ("species_1", "species_2", ...) says nothing.
    """
    used: set[str] = set()
    result = []
    everywhere = [names.get(m) or m for m in ids]
    if any("~" in name or "!" in name for name in everywhere):
        names = {m: _molecules(names.get(m) or m) for m in ids}
        everywhere = list(names.values())
    elsewhere: dict[str, int] = {}
    for law in laws:
        for member in law:
            elsewhere[member] = elsewhere.get(member, 0) + 1
    for law in laws:
        title = _title(law, names, elsewhere, everywhere)
        if title in used:
            own = [names.get(m) or m for m in law if elsewhere[m] == 1]
            options = [f"{title} with {o}" for o in own] + [f"{title} ({k})" for k in range(2, len(laws) + 2)]
            title = next(o for o in options if o not in used)
        used.add(title)
        result.append(title)
    return result


def _title(
    law: Mapping[str, object], names: Mapping[str, str], elsewhere: Mapping[str, int], everywhere: Sequence[str]
) -> str:
    if len(law) == 1:
        (member,) = law
        return f"constant {names.get(member) or member}"
    shared = common_part([names.get(m) or m for m in law])
    telling = sum(shared in name for name in everywhere) <= max(len(law), 0.6 * len(everywhere)) if shared else False
    if shared and telling and not re.fullmatch("[a-z]{1,2}_?[0-9]{0,2}", shared if len(everywhere) > 12 else "X"):
        return f"total {shared}"
    own = [m for m in law if elsewhere[m] == 1] or list(law)
    best = min(own, key=lambda m: (law[m] != 1, len(m)))  # the shortest is the free form
    return f"total {names.get(best) or best}"


def _molecules(name: str) -> str:
    """The molecules of a BioNetGen pattern, without their sites: "R(a!1).L(r!1)" gives "R.L"."""
    return re.sub(r"\([^()]*\)", "", name)


def common_part(texts: Sequence[str]) -> str:
    """The longest piece of text in all of them that is a whole word in the shortest of them; "" if there is none."""
    shortest = min(texts, key=len)
    starts = {m.start() for m in _PART.finditer(shortest)} | {m.start() for m in re.finditer("[A-Z]", shortest)}
    best = ""
    for start in sorted(starts):
        for end in range(len(shortest), start + len(best), -1):
            if end < len(shortest) and shortest[end].islower():
                continue  # not in the middle of a word
            piece = _closed(shortest[start:end])
            if len(piece) > len(best) and all(piece in text for text in texts):
                best = piece
                break
    return best if len(best) >= 2 or best == shortest else ""


def _closed(piece: str) -> str:
    """Without an opening bracket that is never closed, and without joining signs at the end."""
    for opening, closing in ("()", "[]"):
        if piece.count(opening) > piece.count(closing):
            piece = piece[: piece.rfind(opening)]
    return piece.rstrip("_- .:~,")
