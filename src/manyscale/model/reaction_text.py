"""The text of reactions, rules and events taken apart: "v1: A + 2 B -> C; k1*A*B^2", "C' = ...", "at time > 1: k = 0"."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from manyscale.errors import InputError

_ARROW = re.compile(r"<->|<=>|->|=>|→|⇌")
_TERM = re.compile(
    r"(?:(?P<number>\d+\.?\d*|\.\d+)\s*\*?\s*|(?:(?P<factor>[A-Za-z_]\w*|\(.*\))\s*\*\s*))?(?P<species>[A-Za-z_]\w*)\Z",
    re.ASCII,
)
_HEAD = re.compile(r"\s*(?P<id>[A-Za-z_]\w*)(?:\s+in\s+(?P<compartment>[A-Za-z_]\w*))?\s*:", re.ASCII)
_EVENT = re.compile(r"\s*(?:(?P<id>[A-Za-z_]\w*)\s*:\s*)?at\s+(?P<rest>.*)\Z", re.ASCII | re.DOTALL)
_RULE = re.compile(
    r"\s*(?P<variable>[A-Za-z_]\w*|0)\s*(?P<prime>['’])?\s*=(?!=)(?P<formula>.*)\Z", re.ASCII | re.DOTALL
)


@dataclass(frozen=True, slots=True)
class ReactionText:
    id: str | None
    compartment: str | None
    reactants: list[tuple[str, str]]  # (stoichiometry, species)
    products: list[tuple[str, str]]
    reversible: bool
    rate: str


def split_reaction(text: str, place: str) -> ReactionText:
    """ "v1 in cell: A + 2 B -> C; k1*A*B^2" taken apart; id and compartment may be absent."""
    head = _HEAD.match(text)
    body = text[head.end() :] if head else text
    equation, semicolon, rate = body.partition(";")
    if not semicolon or not rate.strip():
        raise InputError(f"{place}: there is no rate law; write for example 'A -> B; k*A'")
    left, right, reversible = split_equation(equation, place)
    id, compartment = (head["id"], head["compartment"]) if head else (None, None)
    return ReactionText(id, compartment, left, right, reversible, rate.strip().rstrip(";"))


def split_equation(text: str, place: str) -> tuple[list[tuple[str, str]], list[tuple[str, str]], bool]:
    """Sides of "A + 2 B -> C" as (stoichiometry, species), and whether the arrow is reversible."""
    arrows = _ARROW.findall(text)
    if len(arrows) != 1:
        raise InputError(f"{place}: a reaction has one arrow, -> or <->, not {len(arrows)}")
    left, right = _ARROW.split(text)
    return _side(left, place), _side(right, place), arrows[0] in ("<->", "<=>", "⇌")


def _side(text: str, place: str) -> list[tuple[str, str]]:
    if text.strip() in ("", "0", "∅", "null"):
        return []
    found = []
    for term in text.split("+"):
        match = _TERM.match(term.strip())
        if match is None:
            raise InputError(f"{place}: {term.strip()!r} is not a species with a stoichiometry; write '2 B' or 'n*B'")
        found.append((match["number"] or match["factor"] or "1", match["species"]))
    return found


def split_rule(text: str, place: str) -> tuple[str, str | None, str]:
    """(kind, variable, formula) of "C = A + B", "C' = k*A" or "0 = A + B - C"."""
    match = _RULE.match(text)
    if match is None or not match["formula"].strip():
        raise InputError(f"{place}: write 'X = formula', \"X' = formula\" or '0 = formula'")
    if match["variable"] == "0":
        if match["prime"]:
            raise InputError(f"{place}: 0' is not a variable")
        return "algebraic", None, match["formula"].strip()
    return ("rate" if match["prime"] else "assignment"), match["variable"], match["formula"].strip()


@dataclass(frozen=True, slots=True)
class EventText:
    id: str | None
    trigger: str
    delay: str | None
    priority: str | None
    assignments: list[tuple[str, str]]


def split_event(text: str, place: str) -> EventText:
    """ "e1: at time > 10 after 5 priority 1: k = 0, S = S + 5" taken apart; id, after and priority may be absent."""
    match = _EVENT.match(text)
    condition, colon, actions = match["rest"].partition(":") if match else ("", "", "")
    if match is None or not colon:
        raise InputError(f"{place}: write for example 'at time > 10: k = 0'")
    pieces = re.split(r"\b(after|priority)\b", condition)
    options = dict(zip(pieces[1::2], (p.strip() for p in pieces[2::2])))
    assignments = []
    for action in split_top(actions, ",;"):
        kind, variable, formula = split_rule(action, place)
        if kind != "assignment" or variable is None:
            raise InputError(f"{place}: {action.strip()!r} is not an assignment; write 'k = 0'")
        assignments.append((variable, formula))
    if not assignments:
        raise InputError(f"{place}: the event does nothing; write for example 'at time > 10: k = 0'")
    return EventText(match["id"], pieces[0].strip(), options.get("after"), options.get("priority"), assignments)


def split_top(text: str, separators: str) -> Iterator[str]:
    """Pieces of the text between separators outside parentheses; empty pieces are dropped."""
    level, start = 0, 0
    for place, character in enumerate(text):
        level += (character == "(") - (character == ")")
        if level == 0 and character in separators:
            if text[start:place].strip():
                yield text[start:place]
            start = place + 1
    if text[start:].strip():
        yield text[start:]
