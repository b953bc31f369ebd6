"""Readable ids and names of lumped species."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from fractions import Fraction

from manyscale.model.model import Model
from manyscale.model.naming import common_part, free_name

SHOWN = 3  # members written out


def lump_id(members: Sequence[str], taken: Collection[str]) -> str:
    """An id such as `sum_A_B` or `sum_A_and_12`, not taken yet."""
    members = [member.removeprefix("sum_") for member in members]
    few = len(members) <= SHOWN
    stem = "sum_" + ("_".join(members) if few else f"{members[0]}_and_{len(members) - 1}")
    return free_name(stem, taken)


def lump_name(row: Mapping[str, Fraction], model: Model) -> str:
    """A name such as "A + B + 2 C", or "sum of 64 species: ..."."""
    names = [getattr(model[id], "name", "") or id for id in row]
    names = [f"({name})" if " + " in name else name for name in names]
    terms = [f"{'- ' if x < 0 else '+ '}{'' if abs(x) == 1 else f'{abs(x)} '}{n}" for n, x in zip(names, row.values())]
    text = re.sub(r"^\+ ", "", " ".join(terms[: SHOWN + 1]))
    if len(terms) <= SHOWN + 1:
        return text
    shared = common_part(names).strip("_(), ")
    return f"{'with ' + shared + ': ' if shared else ''}{text} and {len(terms) - SHOWN - 1} more"
