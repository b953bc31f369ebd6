"""The bridge from the jump process to another level of the same network."""

from __future__ import annotations

from dataclasses import replace

from manyscale.bridges.bridge import Bridge
from manyscale.bridges.certificate import Certificate
from manyscale.model.expr import Symbol
from manyscale.model.model import Model


def to_level(name: str, model: Model, level: str, certificate: Certificate, *, layer_time: float = 0.0) -> Bridge:
    """`model` at level "jump" and at `level`: ids, units and constants are the same."""
    same = {s.id: Symbol(s.id) for s in model.species}
    return Bridge(
        name=name, fine=replace(model, level="jump"), coarse=replace(model, level=level), restrict=dict(same), lift=same,
        certificate=certificate, parameters={k.id: Symbol(k.id) for k in model.parameters if k.constant},
        layer_time=layer_time,
    )  # fmt: skip
