"""One variable in place of several that start equal and stay equal; exact.

Backward equivalence (Cardelli, Tribastone, Tschaikowski & Vandin, CONCUR 2015): the coarsest classes of variables with
the same initial value, over the whole region of the question, whose derivatives are equal whenever the variables are.
Nothing is lost: the other members of a class follow the first one by rule.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Hashable, Mapping
from dataclasses import dataclass

from manyscale.bridges.bridge import Bridge
from manyscale.bridges.certificate import Assumption, Certificate, Refusal
from manyscale.bridges.exact.exactly import exactly
from manyscale.bridges.exact.lump import CHECKED, LIMIT, REPLAYS, replayed
from manyscale.bridges.explain import listed
from manyscale.bridges.lumping.closure import TimeUp
from manyscale.bridges.lumping.coarse import unsupported
from manyscale.bridges.lumping.equal import merged_model
from manyscale.bridges.lumping.field import Unlucky
from manyscale.bridges.lumping.partition import backward
from manyscale.engines.simulate import as_model
from manyscale.errors import InputError, UnsupportedError
from manyscale.kernels import compile_model
from manyscale.kernels.system import System
from manyscale.model.expr import Symbol
from manyscale.model.model import Model
from manyscale.model.question import Question
from manyscale.scales.measure import Scales

NAME = "lump_backward"


@dataclass(frozen=True)
class Project:
    """Values of the coarse model for those of the fine one. Errors: InputError where members of a class differ."""

    leader: Mapping[str, str]
    kept: tuple[str, ...]

    def __call__(self, values: Mapping[str, float]) -> dict[str, float]:
        for id, first in self.leader.items():
            if values[id] != values[first]:
                raise InputError(
                    f"{id} = {values[id]:g} and {first} = {values[first]:g} at the start, and the small model takes them as "
                    "equal: reduce the model with these values in it"
                )
        return {id: values[id] for id in self.kept}


def attempt(model: Model, scales: Scales | None, question: Question) -> Bridge | Refusal:
    """The bridge to the model with one variable for each class; a Refusal where no two stay equal over the region."""
    return _attempt(model, question.observables, dict(question.box), LIMIT)


def lump_backward(
    model: Model, *, observables: Collection[str] = (), moving: Collection[str] = (), time_limit: float | None = None
) -> Bridge:
    """One variable for each class of variables that stay equal, as the model starts.

    observables: reactions whose rates must keep their ids. moving: ids whose initial values may be changed later on: they
    stay by themselves. Errors: InputError where no two variables stay equal.
    """
    model = as_model(model)
    found = _attempt(model, tuple(observables), dict.fromkeys(moving), time_limit)
    if isinstance(found, Refusal):
        raise InputError(f"{model.id}: {found.reason}")
    return found


def _attempt(model: Model, observables: Collection[str], box, time_limit: float | None) -> Bridge | Refusal:
    system = compile_model(model).system
    reason = unsupported(model, system)
    if reason is not None:
        return Refusal(NAME, f"the model has {reason}, which are not lumped")
    start = _starts(model, system, set(box))
    if len(set(start)) == len(start):
        return Refusal(NAME, "no two variables start equal all over the region", 0.0, 1.0)
    deadline = time.monotonic() + time_limit if time_limit is not None else float("inf")
    try:
        labels = backward(system, start, deadline=deadline)
        members: dict[int, list[str]] = {}
        for id, label in zip(system.states, labels, strict=True):
            members.setdefault(label, []).append(id)
        classes = [tuple(ids) for ids in members.values() if len(ids) > 1]
        if not classes:
            return Refusal(NAME, "no two variables that start equal stay equal", 0.0, 1.0)
        bridge = _bridge(model, system, classes, observables, box)
        worst = replayed(bridge, same={id: ids[0] for ids in classes for id in ids[1:]})
    except TimeUp:
        return Refusal(NAME, "the time limit was reached; allow more time", time_limit, time_limit)
    except (Unlucky, UnsupportedError, InputError) as why:
        return Refusal(NAME, f"equal variables cannot be merged: {str(why).splitlines()[0]}")
    if not worst <= CHECKED:
        return Refusal(NAME, "the equations of the small model differ from those of the model", worst, CHECKED)
    return bridge


def _starts(model: Model, system: System, moving: set[str]) -> list[Hashable]:
    """What must be equal for two states to start equal: the formula or the number; nothing else equals what may move."""
    y, _ = compile_model(model).initial()
    assigned = {item.symbol: item.formula for item in model.initial_assignments}
    jumping = {target for event in model.events for target, _ in event.assignments}
    found: list[Hashable] = []
    for k, id in enumerate(system.states):
        kind = type(model[id]).__name__
        if id in moving or id in jumping:
            found.append(("alone", k))
        elif id in assigned:
            found.append(("formula", kind, assigned[id]))
        else:
            found.append(("number", kind, float(y[k])))
    return found


def _bridge(model: Model, system: System, classes, observables: Collection[str], box) -> Bridge:
    leader = {id: ids[0] for ids in classes for id in ids[1:]}
    kept = tuple(id for id in system.states if id not in leader)
    coarse = merged_model(model, system, leader, observables)
    constants = {k.id: Symbol(k.id) for k in model.parameters if k.id in coarse and k.id in system.parameter_index}
    lift = {s.id: Symbol(leader.get(s.id, s.id)) for s in model.species}
    return Bridge(
        name=NAME, fine=model, coarse=coarse, restrict={id: Symbol(id) for id in kept}, lift=lift,
        certificate=_certificate(model, system, classes, box), parameters=constants, eliminated=tuple(leader),
        project=Project(leader, (*kept, *constants)),
    )  # fmt: skip


def _certificate(model: Model, system: System, classes, box) -> Certificate:
    gone = sum(len(ids) - 1 for ids in classes)
    largest = sorted(classes, key=len, reverse=True)
    shown = "; ".join(f"{listed(ids, 4)}" for ids in largest[:3])
    more = f"; and {len(classes) - 3} more classes" if len(classes) > 3 else ""
    return exactly(
        model,
        claim=(
            f"{gone} of {system.size} variables stay equal to another one, for all values of the parameters, because they "
            f"start equal ({shown}{more}). No error is made."
        ),
        assumptions=(
            Assumption(
                "members of a class have equal derivatives whenever they are equal (at random points of a prime field, "
                "wrong once in 10^15 at most)", "checked",
            ),
            Assumption("members of a class start equal at every point of the region", "proved"),
            Assumption(f"right-hand sides agree to {CHECKED:g} at {REPLAYS} random states", "checked"),
        ),
        box=box,
        recipe={"method": NAME, "classes": [list(ids) for ids in classes], "sums": {}},
    )  # fmt: skip
