"""`memory`: whether a circuit's stable states survive the cell that carries it, and what makes or breaks them.

Growth feedback: Tan C, Marguet P, You L (2009) Emergent bistability by a growth-modulating positive feedback circuit.
Nat Chem Biol 5:842. Competition as hidden mutual repression: Qian Y, Huang HH, Jimenez JI, Del Vecchio D (2017) Resource
competition shapes the response of genetic circuits. ACS Synth Biol 6:1263.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from manyscale.analysis.steady import SteadyState, steady_state
from manyscale.circuits.burden import Burden, burden
from manyscale.circuits.module import Module
from manyscale.circuits.resources import Host, gene_ids
from manyscale.engines.simulate import simulate
from manyscale.errors import InputError, SimulationError
from manyscale.model.expr import Number, substitute
from manyscale.model.model import Model
from manyscale.model.parts import Parameter, Reaction

__all__ = ["Memory", "memory"]

APART = 0.01  # states whose proteins differ by less than this share of the largest are one
FULL = 0.1  # share of the cell's mass that a protein starts with when high
LIFETIMES = 60.0  # each start is followed for so many lifetimes of a protein that growth alone dilutes
SETTINGS = ("held", "competition", "host")


@dataclass(frozen=True, eq=False)
class Memory:
    """Stable states of a circuit in three settings, each a list of gene -> molecules, sorted.

    held: energy, free ribosomes and growth stay as in the unburdened cell; competition: the cell's energy and ribosomes
    are shared, but what the circuit holds is diluted as in the unburdened cell; host: all of it, growth feedback too.
    growth: growth rate of the cell at each state of `host`; states: everything
    there, by id, in `model`. At least so many: states are searched from `starts` starts.
    """

    genes: tuple[str, ...]
    held: tuple[Mapping[str, float], ...]
    competition: tuple[Mapping[str, float], ...]
    host: tuple[Mapping[str, float], ...]
    growth: tuple[float, ...]
    starts: int
    states: tuple[SteadyState, ...]
    model: Model
    stopped: str = ""  # why the search ended early; what was found until then is kept

    @property
    def verdict(self) -> str:
        """In words what the cell does to the number of stable states."""
        if self.stopped:
            counts = ", ".join(f"{_states(len(getattr(self, name)))} ({name})" for name in SETTINGS)
            return f"{self.stopped}; so far {counts}"
        before, shared, after = len(self.held), len(self.competition), len(self.host)
        if before == after != shared:
            undone = "restores what competition takes" if shared < before else "takes what competition adds"
            return f"{_states(after)}; sharing without growth feedback would leave {_states(shared)}: it {undone}"
        if before == after:
            return f"{_states(before)} with or without the cell's feedback"
        by = "growth feedback" if shared == before else "competition for energy and ribosomes"
        if shared not in (before, after):
            by = "competition and growth feedback together"
        change = "creates" if after > before else "destroys"
        return f"{by} {change} stable states: {_states(before)} in an unburdened cell, {_states(after)} in this one"

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers."""
        found = {name: [dict(state) for state in getattr(self, name)] for name in SETTINGS}
        return {"genes": list(self.genes), **found, "growth": list(self.growth), "verdict": self.verdict,
                "stopped": self.stopped}  # fmt: skip


def memory(circuit: Module | Model | str | Path, host: Host | str = "weisse_2015", *, expression: float = 1.0,
           values: Mapping[str, float] | None = None, lengths: Mapping[str, float] | None = None,
           polymerases: float | None = None, units: Mapping[str, str] | None = None, progress: Callable[[float], None] | None = None) -> Memory:  # fmt: skip
    """Stable states of a circuit (a model, see `burden`) in an unburdened cell and in one that feels it.

    expression: factor on how strongly all its genes are transcribed, in every setting. values, lengths, polymerases,
    units: as for `burden`. Events are left out.
    Errors: those of `burden`; InputError for a factor that is not positive.
    """
    if not (isinstance(expression, int | float) and math.isfinite(expression) and expression > 0):
        raise InputError(f"expression is {expression!r}; give a positive number")
    if not isinstance(circuit, Module | Model | str | Path):
        raise InputError("memory needs a circuit given as a model; constitutive genes have one state")
    found = burden(circuit, host, values=values, lengths=lengths, polymerases=polymerases, units=units)
    found = replace(found, model=found.model.replace(events=()))
    factor = {gene_ids(g)["strength"]: g.strength * expression for g in found.genes}
    models = {"held": _held(found), "competition": _fixed_dilution(found), "host": found.model}
    states: dict[str, list[SteadyState]] = {name: [] for name in SETTINGS}
    starts, stopped = 0, ""
    try:
        for k, (name, model) in enumerate(models.items()):
            if progress:
                progress(k / len(models))
            starts = _stable(found, model, factor, states[name])
    except KeyboardInterrupt:
        stopped = "interrupted"
    plain = {
        name: tuple({g.id: g.total(s.values) for g in found.genes} for s in states[name]) for name in SETTINGS
    }  # fmt: skip
    growth = tuple(float(s[found.host.growth]) for s in states["host"])
    return Memory(
        tuple(g.id for g in found.genes), plain["held"], plain["competition"], plain["host"], growth, starts,
        tuple(states["host"]), found.model, stopped,
    )  # fmt: skip


def _states(n: int) -> str:
    return {0: "no stable state", 1: "one stable state"}.get(n, f"{n} stable states")


def _own(found: Burden) -> tuple[set[str], list[Reaction]]:
    """(species, reactions) that the circuit brought into the host."""
    before = {s.id for s in found.host.model.species}
    known = {r.id for r in found.host.model.reactions}
    own = {s.id for s in found.model.species if s.id not in before}
    return own, [r for r in found.model.reactions if r.id not in known]


def _held(found: Burden) -> Model:
    """The circuit in a cell that does not feel it: the host's species and rules stay at their unburdened values."""
    own, reactions = _own(found)
    cell = found.model
    theirs = {r.variable for r in found.host.model.rules}
    ruled = {r.variable for r in cell.rules} & theirs
    species = [
        s if s.id in own else replace(s, initial=float(found.alone[s.id]), boundary=True, constant=True)
        for s in cell.species
    ]
    constants = [p for p in cell.parameters if p.id not in ruled]
    units = {p.id: p.units for p in cell.parameters}
    constants += [Parameter(id, float(found.alone[id]), units.get(id)) for id in sorted(ruled)]
    return cell.replace(id=f"{cell.id}_held", species=tuple(species), parameters=tuple(constants),
                        reactions=tuple(reactions), rules=tuple(r for r in cell.rules if r.variable not in theirs))  # fmt: skip


def _fixed_dilution(found: Burden) -> Model:
    """What the circuit holds is diluted as in the unburdened cell; the rest of the cell grows as it does."""
    _, reactions = _own(found)
    rate = {found.host.growth: Number(float(found.alone[found.host.growth]))}
    mine = {r.id for r in reactions}
    changed = tuple(
        replace(r, rate=substitute(r.rate, rate)) if r.id in mine and r.rate is not None else r
        for r in found.model.reactions
    )
    return found.model.replace(id=f"{found.model.id}_fixed_dilution", reactions=changed)


def _stable(found: Burden, model: Model, factor: Mapping[str, float], kept: list[SteadyState]) -> int:
    """Add the stable steady states to `kept`, from each protein in turn high or low, sorted by the first gene; returns
    the number of starts."""
    free = {s.id for s in model.species if not s.constant}
    cell = {id: float(found.alone[id]) for id in free if id in found.alone.values}
    own = {s.id: float(s.initial or 0.0) for s in model.species if s.id in free and s.id not in cell}
    none = {**cell, **_emptied(found, own)}
    mass = float(found.alone[found.host.mass_total])
    high = {g.id: FULL * mass / g.length for g in found.genes}
    starts: list[dict[str, float]] = [{**cell, **own}, none]
    for share in (0.03, 1.0):
        starts += [{**none, g.id: share * high[g.id]} for g in found.genes]
        starts.append({**none, **{g.id: share * high[g.id] for g in found.genes}})
    long, lost = LIFETIMES / float(found.alone[found.host.growth]), 0
    for start in starts:
        try:
            run = simulate(model, [0.0, long], values={**start, **factor})
            late = {id: float(run[id][-1]) for id in start}
            state = steady_state(model, {**late, **factor})
        except SimulationError:
            lost += 1
            continue
        if _stays(state) and all(_different(found, state, other) for other in kept):
            kept.append(state)
    if not kept and lost == len(starts):
        raise SimulationError(f"{model.id}: no run of the circuit came to rest; simulate it to see what it does")
    kept.sort(key=lambda s: [g.total(s.values) for g in found.genes])
    return len(starts)


def _emptied(found: Burden, own: Mapping[str, float]) -> dict[str, float]:
    """The circuit's species without any protein or message: sites that held protein are free."""
    start = dict(own)
    for r in _own(found)[1]:
        if r.id.startswith("dilute_"):
            held = r.reactants[0].species
            for freed in r.products:
                start[freed.species] += float(freed.stoichiometry) * own[held]  # type: ignore[arg-type]
    for r in _own(found)[1]:
        if r.id.startswith("dilute_"):
            start[r.reactants[0].species] = 0.0
    return start


def _stays(state: SteadyState) -> bool:
    """Whether a state that a run came to is stable; fast binding can hide the sign of slow modes from a strict test."""
    return bool(state.stable) or (state.stable is None and float(state.eigenvalues.real.max()) < 0.0)


def _different(found: Burden, one: SteadyState, other: SteadyState) -> bool:
    for g in found.genes:
        a, b = g.total(one.values), g.total(other.values)
        if abs(a - b) > APART * max(a, b, 1e-9):
            return True
    return False
