"""Published models with a question and a known answer, by name: `zoo.problem("weisse_2015").model()`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module

from manyscale.errors import InputError
from manyscale.model.model import Model

__all__ = ["Problem", "names", "problem"]

_PLACES = {"scott_hwa": "scott_hwa", "weisse_2015": "weisse_2015"}  # name -> module with `model` and `PROBLEM`


@dataclass(frozen=True)
class Problem:
    """A model with what to ask of it. model: makes it; question: in words; gold: name -> value, with its units in
    `units`; source: citation."""

    name: str
    model: Callable[[], Model]
    question: str
    gold: Mapping[str, float]
    units: Mapping[str, str] = field(default_factory=dict)
    source: str = ""


def names() -> tuple[str, ...]:
    """Names of all problems."""
    return tuple(_PLACES)


def problem(name: str) -> Problem:
    """The problem of that name. Errors: InputError, with the names there are."""
    if name not in _PLACES:
        raise InputError(f"the zoo has no {name!r}; it has {', '.join(_PLACES)}")
    found = import_module(f"manyscale.zoo.{_PLACES[name]}").PROBLEM
    assert isinstance(found, Problem)
    return found
