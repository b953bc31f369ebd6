"""RNA polymerases as one more resource that genes share.

Of N polymerases those that transcribe are busy for nucleotides/speed with each transcript, the others are free, and every
promoter fires in proportion to the free ones (far from saturation): rate_i = full_i * free/free_0, with free_0 of the
unburdened cell, so that the cell by itself is as it was. With busy = sum full_i * nucleotides_i/speed it follows that

    N = free + busy * free/free_0,  free/free_0 = (N/free_0)/(1 + busy/free_0).

The same balance for ribosomes is what isocost lines come from. Bremer H, Dennis PP (1996) Modulation of chemical
composition and other parameters of the cell by growth rate, in Escherichia coli and Salmonella, ASM Press, for the counts.
"""

from __future__ import annotations

import math
from dataclasses import replace

from manyscale.analysis.steady import steady_state
from manyscale.circuits.resources import Host, find_host
from manyscale.errors import InputError
from manyscale.model.expr import Number, Symbol, add
from manyscale.model.model import Model
from manyscale.model.parts import Parameter, Rule

__all__ = ["SPEED", "with_polymerases"]

SPEED = 2700.0  # nucleotides per minute: 45 per second, the middle of what is found in E. coli


def with_polymerases(host: Host | str, number: float, *, speed: float = SPEED) -> Host:
    """The host with so many RNA polymerases per cell that all genes share; by itself it grows as before.

    speed: nucleotides per time of the host. Rules `polymerase_share` (free ones over those of the unburdened cell) and
    `transcribing` (busy ones at share 1) tell what they do. Errors: InputError for a host that does not say what it
    transcribes, and for fewer polymerases than the unburdened cell keeps busy.
    """
    cell = find_host(host)
    for what, value in (("number of polymerases", number), ("speed of polymerases", speed)):
        if not (isinstance(value, int | float) and math.isfinite(value) and value > 0):
            raise InputError(f"the {what} is {value!r}; give a positive number")
    if not cell.transcription:
        raise InputError(f"the host {cell.name!r} does not say which of its reactions transcribe (Host.transcription)")
    if cell.polymerase_share:
        raise InputError(f"the host {cell.name!r} has polymerases already")
    taken = {"polymerase_share", "transcribing", "polymerase_speed", "polymerases", "polymerases_free_alone"}
    clash = sorted(taken & set(cell.model.by_id))
    if clash:
        raise InputError(f"the host {cell.name!r} uses the name {clash[0]!r} already")
    return replace(
        cell, model=_shared(cell, float(number), float(speed)), name=f"{cell.name}_with_polymerases",
        polymerase_share="polymerase_share", transcribing="transcribing", polymerase_speed="polymerase_speed",
    )  # fmt: skip


def _shared(cell: Host, number: float, speed: float) -> Model:
    model = cell.model
    rates = {r.id: r.rate for r in model.reactions if r.id in cell.transcription}
    rule = add(
        *(rates[id] * Symbol(length) * Number(3.0) / Symbol("polymerase_speed") for id, length in cell.transcription.items())  # type: ignore[operator]
    )  # fmt: skip
    told = model.replace(
        parameters=(*model.parameters, Parameter("polymerase_speed", speed), Parameter("transcribing", constant=False)),
        rules=(*model.rules, Rule("assignment", rule, "transcribing")),
    )
    busy = float(steady_state(told).values["transcribing"])
    if number <= busy:
        raise InputError(
            f"{number:g} polymerases are too few: the host alone keeps {busy:.4g} busy; E. coli has thousands"
        )
    free, total = Symbol("polymerases_free_alone"), Symbol("polymerases")
    share = total / free / (Number(1.0) + Symbol("transcribing") / free)
    return told.replace(
        reactions=tuple(
            replace(r, rate=r.rate * Symbol("polymerase_share")) if r.id in cell.transcription and r.rate is not None else r
            for r in told.reactions
        ),
        parameters=(*told.parameters, Parameter("polymerases", number), Parameter("polymerases_free_alone", number - busy),
                    Parameter("polymerase_share", constant=False)),
        rules=(*told.rules, Rule("assignment", share, "polymerase_share")),
    )  # fmt: skip
