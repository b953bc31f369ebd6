"""Sums of variables that have equations of their own, in place of the variables; exact.

The fewest linear combinations that contain the observables and whose derivatives are functions of themselves
(constrained lumping: Ovchinnikov, Perez Verona, Pogudin & Tribastone, Bioinformatics 37:1732, 2021), for all values of the
parameters. The result is a reaction network again.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from types import MappingProxyType

import numpy as np

from manyscale._core import RowSpace
from manyscale.bridges.bridge import Bridge
from manyscale.bridges.certificate import Assumption, Certificate, Refusal
from manyscale.bridges.compose import carry
from manyscale.bridges.exact.exactly import exactly
from manyscale.bridges.lumping.closure import Closure, Lumping, TimeUp
from manyscale.bridges.lumping.coarse import FILLINGS, LumpedModel, Rewriting, frame, unsupported
from manyscale.bridges.lumping.field import Unlucky
from manyscale.bridges.lumping.partition import forward
from manyscale.bridges.lumping.readable import Row, positive
from manyscale.engines.simulate import as_model
from manyscale.errors import InputError, UnsupportedError
from manyscale.kernels import compile_model
from manyscale.kernels.flatten import near
from manyscale.kernels.system import System
from manyscale.model.expr import Expr, Symbol, symbols
from manyscale.model.model import Model
from manyscale.model.question import Question
from manyscale.scales.measure import Scales

NAME = "lump"
CHECKED = 1e-9  # largest relative difference of right-hand sides accepted as rounding
REPLAYS = 3  # random states at which they are compared
LIMIT = 20.0  # seconds within a search


def attempt(model: Model, scales: Scales | None, question: Question) -> Bridge | Refusal:
    """The bridge to the smallest lumped network that still shows the observables; a Refusal where they need every
    equation by itself."""
    return _attempt(model, question.observables, dict(question.box), LIMIT)


def lump(model: Model, observables: Sequence[str], *, proper: bool = False, time_limit: float | None = None) -> Bridge:
    """The smallest lumped network that shows the observables (species, variables of rules, reaction rates).

    proper: only plain sums, each variable in one of them (forward equivalence: Cardelli, Tribastone, Tschaikowski & Vandin,
    CONCUR 2015); often less small, always easy to read. time_limit: seconds. Errors: InputError for what the model does not have, or where nothing can be lumped.
    """
    model = as_model(model)
    if isinstance(observables, str):
        raise InputError(f"observables are a list of ids, not one text; write observables=[{observables!r}]")
    found = _attempt(model, tuple(observables), {}, time_limit, proper)
    if isinstance(found, Refusal):
        raise InputError(f"{model.id}: {found.reason}")
    return found


def _attempt(
    model: Model, observables: Sequence[str], box, time_limit: float | None, proper: bool = False
) -> Bridge | Refusal:
    system = compile_model(model).system
    _known(system, model, observables)
    reason = unsupported(model, system)
    if reason is not None:
        return Refusal(NAME, f"the model has {reason}, which are not lumped")
    if set(system.states) <= set(observables):
        return _whole(system.size)
    deadline = time.monotonic() + time_limit if time_limit is not None else float("inf")
    try:
        closure = Closure(system, deadline=deadline)
        find = _classes if proper else _lumping
        found = find(model, system, closure, observables)
    except TimeUp:
        return Refusal(NAME, "the time limit was reached; allow more time", time_limit, time_limit)
    except (Unlucky, UnsupportedError) as why:
        return Refusal(NAME, f"the equations cannot be lumped: {why}")
    if found is None:
        return Refusal(NAME, "the coefficients of the sums are too large to be told exactly")
    space, lumping = found
    if lumping.size == system.size:
        return Refusal(
            NAME, "the observables need every equation by itself", float(lumping.size), float(system.size - 1)
        )
    return _first_that_holds(model, system, closure, space, lumping, observables, box)


def _whole(size: int) -> Refusal:
    return Refusal(NAME, "the observables need every equation by itself", float(size), float(size - 1))


def _known(system: System, model: Model, observables: Sequence[str]) -> None:
    known = {*system.state_index, *system.parameters, *system.definitions}
    if not observables:
        raise InputError("lumping needs observables: the ids of what you want to keep seeing")
    for id in observables:
        if id not in known:
            raise InputError(f"{model.id} has no quantity {id!r}{near(id, known)}")


def _lumping(
    model: Model, system: System, closure: Closure, observables: Sequence[str]
) -> tuple[RowSpace, Lumping] | None:
    """The smallest lumping with sums of what can be added up only."""
    names = {*observables, *_event_symbols(model)}
    parts: list[Row] = []
    while True:
        found = closure.close(sorted(names), parts)
        if found is None:
            return None
        mixed = [apart for row in found[1].rows if len(apart := _apart(model, system, row)) > 1]
        if not mixed:
            return found
        parts += [part for apart in mixed for part in apart]


def _classes(
    model: Model, system: System, closure: Closure, observables: Sequence[str]
) -> tuple[RowSpace, Lumping] | None:
    """The coarsest partition whose sums have equations of their own."""
    names = {*observables, *_event_symbols(model)}
    seen = [closure.sampler.gradient(name) for name in sorted(names)]
    start = [
        (frame(model, system, i), i if id in names else -1, *(g.get(i, 0) for g in seen))
        for i, id in enumerate(system.states)
    ]
    members: dict[int, Row] = {}
    for i, label in enumerate(forward(system, start, deadline=closure.deadline)):
        members.setdefault(label, {})[i] = Fraction(1)
    found = closure.close([], members.values())
    if found is None or found[1].size > len(members):
        raise UnsupportedError("lump", "no partition was confirmed")
    return found


def _apart(model: Model, system: System, row: Row) -> list[Row]:
    """A sum in parts that can each be added up."""
    found: dict[tuple, Row] = {}
    for i, x in row.items():
        found.setdefault(frame(model, system, i), {})[i] = x
    return list(found.values())


def _event_symbols(model: Model) -> set[str]:
    """What events look at or set."""
    found: set[str] = set()
    for event in model.events:
        parts = [event.trigger, event.delay, event.priority, *(f for _, f in event.assignments)]
        found |= {name for part in parts if isinstance(part, Expr) for name in symbols(part)}
        found |= {target for target, _ in event.assignments}
    return found


def _first_that_holds(
    model: Model, system: System, closure: Closure, space: RowSpace, lumping: Lumping, observables, box
) -> Bridge | Refusal:
    """The coarse model at the first way to fill the lumps at which its formulas are defined."""
    reason, worst = "", None
    keeps: dict[str, bool] = {}

    def kept(id: str) -> bool:
        if id not in keeps:
            keeps[id] = closure.keeps(space, id)
        return keeps[id]

    rows, leading = positive(lumping.rows, [frame(model, system, i) for i in range(system.size)])
    lumping = replace(lumping, rows=rows)
    for filling in FILLINGS:
        try:
            made = Rewriting(model, system, rows, kept, observables, filling, leading=leading).result()
            bridge = _bridge(model, system, lumping, made, observables, box)
            worst = replayed(bridge)
        except (UnsupportedError, InputError, Unlucky) as why:
            reason = reason or str(why).splitlines()[0]
            continue
        if worst <= CHECKED:
            return bridge
    if worst is None:
        return Refusal(NAME, f"the lumped model cannot be written: {reason}")
    return Refusal(NAME, "the equations of the lumped model differ from those of the model", worst, CHECKED)


def _bridge(model: Model, system: System, lumping: Lumping, made: LumpedModel, observables, box) -> Bridge:
    gone = set(made.gone)
    states = [id for id in system.states if id not in gone]
    lift = {s.id: Symbol(s.id) for s in model.species if s.id not in gone}
    return Bridge(
        name=NAME,
        fine=model,
        coarse=made.model,
        restrict={**{id: Symbol(id) for id in states}, **made.lumps},
        lift=lift,
        certificate=_certificate(model, system, lumping, made, observables, box),
        eliminated=tuple(s.id for s in model.species if s.id in gone),
    )


def _certificate(model: Model, system: System, lumping: Lumping, made: LumpedModel, observables, box) -> Certificate:
    added = [s for s in made.model.species if s.id in made.lumps]
    shown = "; ".join(f"{s.id} = {s.name}" for s in added[:4])
    more = f" and {len(added) - 4} more" if len(added) > 4 else ""
    sums = f": {shown}{more}" if added else ""
    proof = "over the rationals" if lumping.proved else "at random points of a prime field, wrong once in 10^15 at most"
    return exactly(
        model,
        claim=(
            f"{lumping.size} sums and single variables with equations of their own replace {system.size} variables, for "
            f"all values of the parameters{sums}. No error is made."
        ),
        assumptions=(
            Assumption(
                f"the derivatives of the lumped variables are functions of them alone ({proof})",
                "proved" if lumping.proved else "checked",
            ),
            Assumption(f"right-hand sides agree to {CHECKED:g} at {REPLAYS} random states", "checked"),
            Assumption("the members of a sum cannot be told apart any more", "proved"),
        ),
        box=box,
        recipe={
            "method": NAME,
            "observables": list(observables),
            "sums": {id: {system.states[i]: str(x) for i, x in row.items()}
                     for id, row in _named(system, lumping, made).items()},
        },
    )  # fmt: skip


def _named(system: System, lumping: Lumping, made: LumpedModel) -> dict:
    return dict(zip(made.lumps, (row for row in lumping.rows if len(row) > 1), strict=True))


def replayed(bridge: Bridge, seed: int = 20_260, same: Mapping[str, str] = MappingProxyType({})) -> float:
    """Largest difference between L f(y) and the right-hand side of the coarse model at random states, relative to the
    sizes of what is added up. `same`: states that have the value of another one."""
    fine, coarse = compile_model(bridge.fine), compile_model(bridge.coarse)
    random = np.random.default_rng(seed)
    worst = 0.0
    for _ in range(REPLAYS):
        moved = _random_values(fine, random)
        moved |= {id: moved[first] for id, first in same.items() if first in moved}
        y, p = fine.initial(moved)
        yc, pc = coarse.initial(carry(bridge, moved))
        t = float(random.uniform(0.0, 1.0))
        rates, sizes = _derivatives(bridge, fine, y, p, t)
        found = coarse.rhs(t, yc, pc)
        if (np.isfinite(rates) != np.isfinite(found)).any():
            return float("inf")
        good = np.isfinite(rates)
        with np.errstate(all="ignore"):
            gap = np.abs(rates - found) / np.where(sizes > 0, sizes, 1.0)
        worst = max(worst, float(gap[good].max(initial=0.0)))
    return worst


def _random_values(kernel, random: np.random.Generator) -> dict[str, float]:
    """Random positive states, around the sizes that the model declares."""
    y, _ = kernel.initial()
    top = float(np.abs(y[np.isfinite(y)]).max(initial=0.0)) or 1.0
    species = {s.id for s in kernel.model.species}
    return {
        id: float(random.uniform(0.5, 2.0) * (abs(value) if np.isfinite(value) and value else top))
        for id, value in zip(kernel.system.states, y, strict=True) if id in species
    }  # fmt: skip


def _derivatives(bridge: Bridge, fine, y: np.ndarray, p: np.ndarray, t: float) -> tuple[np.ndarray, np.ndarray]:
    """L f(y) in the order of the coarse states, and the sizes of its terms."""
    system = fine.system
    coarse = compile_model(bridge.coarse).system
    index = system.state_index
    slopes = fine.rhs(t, y, p)
    reactions = np.abs(fine.rates(t, y, p))
    sizes = np.abs(slopes)
    total = np.zeros(len(y))
    for i, j, n in system.balance:
        total[i] += abs(float(n)) * reactions[j]
    sizes = np.maximum(sizes, total * np.abs(np.asarray(fine.evaluate(system.row_factors, t, y, p), dtype=float)))
    rows = bridge.certificate.recipe["sums"]
    values, terms = np.zeros(coarse.size), np.zeros(coarse.size)
    for k, id in enumerate(coarse.states):
        row = rows.get(id, {id: "1"})
        for member, text in row.items():
            x = _number(text)
            values[k] += x * slopes[index[member]]
            terms[k] += abs(x) * sizes[index[member]]
    return values, terms


def _number(text: str) -> float:
    above, _, below = text.partition("/")
    return int(above) / int(below or 1)
