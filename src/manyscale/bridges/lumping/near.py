"""Sums of variables whose equations are nearly functions of the sums.

With classes B of variables and z_B the sum over B, dz_B/dt = sum_j S_Bj y_j + ..., S_Bj = sum over i in B of df_i/dy_j. Where
S_Bj is the same for all members j of a class, for every B, the sums have equations of their own; where it nearly is, each
member is taken as a fixed share of its sum (proper lumping: Wei & Kuo, Ind. Eng. Chem. Fundam. 8:114, 1969; partition
refinement with a tolerance: Cardelli, Tribastone, Tschaikowski & Vandin, FoSSaCS 2018).
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping, Sequence
from fractions import Fraction

import numpy as np

from manyscale._core import RowSpace
from manyscale.bridges.bridge import Bridge
from manyscale.bridges.certificate import Certificate
from manyscale.bridges.error_estimate import Sampled
from manyscale.bridges.explain import listed
from manyscale.bridges.lumping.closure import CONFIRMED
from manyscale.bridges.lumping.coarse import Rewriting, frame, unsupported
from manyscale.bridges.lumping.jacobian import Sampler
from manyscale.bridges.lumping.readable import holds, put
from manyscale.engines.simulate import as_model
from manyscale.errors import InputError, UnsupportedError
from manyscale.kernels import compile_model
from manyscale.kernels.flatten import near
from manyscale.kernels.system import System
from manyscale.model.expr import Symbol
from manyscale.model.model import Model

NAME = "lump_near"


def lump_near(
    model: Model, sums: Sequence[Sequence[str]], *, shares: Mapping[str, float] | None = None,
    observables: Collection[str] = (),
) -> Bridge:  # fmt: skip
    """Put sums in place of their members, as told; nothing is promised (tier "measured").

    shares: what part of its sum each member is taken to be (default: equal parts). Errors: InputError for what is no
    variable, for sums that share members or cannot be added up, and for models that cannot be lumped.
    """
    model = as_model(model)
    system = compile_model(model).system
    if (reason := unsupported(model, system)) is not None:
        raise InputError(f"{model.id} has {reason}, which are not lumped")
    place = {id: i for i, id in enumerate(system.states)}
    members = [id for ids in sums for id in ids]
    for id in members:
        if id not in place:
            raise InputError(f"{id!r} is no variable of the equations of {model.id!r}{near(id, place)}")
        if id in observables:
            raise InputError(f"{id} is an observable and must stay by itself")
    if len(set(members)) < len(members):
        raise InputError("a variable stands in two sums")
    for ids in sums:
        if len({frame(model, system, place[id]) for id in ids}) > 1:
            raise InputError(f"{listed(ids)} cannot be added up: they differ in compartment, units or kind")
    return _bridge(model, system, [tuple(place[id] for id in ids) for ids in sums if len(ids) > 1], shares, observables)


def _bridge(model: Model, system: System, sums, shares: Mapping[str, float] | None, observables) -> Bridge:
    inside = {i for members in sums for i in members}
    rows = [{i: Fraction(1)} for i in range(system.size) if i not in inside]
    rows += [{i: Fraction(1) for i in sorted(members)} for members in sums]
    given = {system.states[i]: 1.0 / len(members) for members in sums for i in members} | dict(shares or {})
    space = RowSpace(system.size)
    for row in rows:
        put(space, dict.fromkeys(row, 1))
    sampler = Sampler(system)

    def keeps(id: str) -> bool:
        return all(holds(space, sampler.gradient(id)) for _ in range(CONFIRMED))

    try:
        made = Rewriting(model, system, rows, keeps, observables, "shares", given).result()
    except UnsupportedError as why:
        raise InputError(f"the lumped model cannot be written: {why}") from None
    gone = set(made.gone)
    claim = "; ".join(f"{s.name} = {id}" for id in list(made.lumps)[:4] for s in [made.model[id]])
    more = f" and {len(sums) - 4} more sums" if len(sums) > 4 else ""
    return Bridge(
        name=NAME, fine=model, coarse=made.model,
        restrict={**{id: Symbol(id) for id in system.states if id not in gone}, **made.lumps},
        lift={s.id: Symbol(s.id) for s in model.species if s.id not in gone},
        certificate=Certificate(
            "measured", f"{len(inside)} variables are replaced by {len(sums)} sum{'s' if len(sums) != 1 else ''} ({claim}{more}).",
            recipe={"method": NAME, "sums": [[system.states[i] for i in m] for m in sums],
                    "shares": {system.states[i]: given[system.states[i]] for i in sorted(inside)}},
        ),
        eliminated=tuple(s.id for s in model.species if s.id in gone),
    )  # fmt: skip


def candidates(
    system: System, start: Sequence[Hashable], runs: Sequence[Sampled], span: float, tolerances: Sequence[float]
) -> list[list[list[int]]]:
    """Partitions into sums at each tolerance of the share of a variable's size that the difference within a class may
    move it by within `span`; fewest classes first, without repetitions. start: what must be equal within a class."""
    found: dict[tuple, list[list[int]]] = {}
    for tolerance in tolerances:
        classes = [members for members in _partition(start, runs, span, tolerance) if members]
        found.setdefault(tuple(map(tuple, classes)), classes)
    return sorted((c for c in found.values() if len(c) < system.size), key=len)


def _partition(start: Sequence[Hashable], runs: Sequence[Sampled], span: float, tolerance: float) -> list[list[int]]:
    by_key: dict[Hashable, list[int]] = {}
    for i, key in enumerate(start):
        by_key.setdefault(key, []).append(i)
    classes = list(by_key.values())
    while True:
        finer: list[list[int]] = []
        signature = np.concatenate([_signatures(run, classes) for run in runs]) * span  # (rows, n)
        for members in classes:
            finer += _split(members, signature, tolerance) if len(members) > 1 else [members]
        if len(finer) == len(classes):
            return classes
        classes = finer


def _signatures(run: Sampled, classes: Sequence[Sequence[int]]) -> np.ndarray:
    """What each variable moves each sum by, relative to its size and per time: (times * classes, n)."""
    sizes = np.array([max(run.sizes[list(c)].sum(), 1e-300) for c in classes])
    belongs = np.zeros((len(classes), len(run.sizes)))
    for k, members in enumerate(classes):
        belongs[k, list(members)] = 1.0
    moved = np.einsum("bi,tij->tbj", belongs, run.jacobians) / sizes[None, :, None]
    own, top = np.where(np.isfinite(run.sizes), run.sizes, 0.0), np.zeros(len(run.sizes))
    for members in classes:
        top[list(members)] = own[list(members)].max()  # what one has, another may have
    return (moved * top[None, None, :]).reshape(-1, len(run.sizes))


def _split(members: Sequence[int], signature: np.ndarray, tolerance: float) -> list[list[int]]:
    """Members in groups around a first one, no further from it than the tolerance."""
    groups: list[list[int]] = []
    for i in members:
        for group in groups:
            if np.abs(signature[:, i] - signature[:, group[0]]).max(initial=0.0) <= tolerance:
                group.append(i)
                break
        else:
            groups.append([i])
    return groups


def shares_along(system: System, states: np.ndarray, classes: Sequence[Sequence[int]]) -> dict[str, float]:
    """Mean part of its sum that each member is along a run (times, n)."""
    means = np.abs(states).mean(axis=0)
    found = {}
    for members in classes:
        total = means[list(members)].sum()
        for i in members:
            found[system.states[i]] = float(means[i] / total) if total > 0 else 1.0 / len(members)
    return found
