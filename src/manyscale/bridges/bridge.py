"""A checked change of scale, from a fine model to a coarse one, and chains of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import takewhile

from manyscale.bridges.certificate import Certificate, Refusal, weakest
from manyscale.model.expr import Expr
from manyscale.model.model import Model

BOOKKEEPING = ("conserve", "prune", "scale")  # bridges that change the description and nothing else


@dataclass(frozen=True)
class Bridge:
    """One reduction step.

    restrict: coarse quantity (state or total) -> expression over fine ids.
    lift: fine id -> expression over coarse ids; every fine species has one.
    parameters: coarse parameter -> expression over fine parameters (which is also what data on the coarse level
        can identify).
    project: (values of fine initial state and parameters by id) -> (initial values and parameters of the coarse
        model by id), with the initial layer taken into account; None means `restrict` and `parameters` alone.
    clock: time of the fine model per time of the coarse one, over fine ids at the start; None: the same time. With a
        clock the coarse model counts in other units: an id of both means what `lift` says, not the same value.
    """

    name: str
    fine: Model
    coarse: Model
    restrict: Mapping[str, Expr]
    lift: Mapping[str, Expr]
    certificate: Certificate
    parameters: Mapping[str, Expr] = field(default_factory=dict)
    eliminated: tuple[str, ...] = ()
    layer_species: tuple[str, ...] = ()  # fine ids whose error counts only after the initial layer
    layer_time: float = 0.0
    project: Callable[[Mapping[str, float]], Mapping[str, float]] | None = None
    clock: Expr | None = None

    def carry(self, values: Mapping[str, float] | None = None) -> dict[str, float]:
        """Initial values and parameters of the coarse model for those of the fine model, as `simulate(values=...)`
        takes them: `values` overrides some of the fine model, the result gives all of the coarse model."""
        from manyscale.bridges.compose import carry

        return carry(self, values)

    def __matmul__(self, first: Bridge | Chain) -> Chain:
        """`second @ first`: cross `first`, then this bridge. Errors: InputError if they do not meet."""
        from manyscale.bridges.compose import join

        return join(first, self)


@dataclass(frozen=True)
class Chain:
    """Bridges applied one after another, with what was refused on the way."""

    fine: Model
    bridges: tuple[Bridge, ...] = ()
    refusals: tuple[Refusal, ...] = ()

    @property
    def coarse(self) -> Model:
        """The model at the coarse end (the fine model itself when nothing could be reduced)."""
        return self.bridges[-1].coarse if self.bridges else self.fine

    def __iter__(self) -> Iterator[Bridge]:
        return iter(self.bridges)

    def __len__(self) -> int:
        return len(self.bridges)

    def __matmul__(self, first: Bridge | Chain) -> Chain:
        """`second @ first`: cross `first`, then this chain. Errors: InputError if they do not meet."""
        from manyscale.bridges.compose import join

        return join(first, self)

    def carry(self, values: Mapping[str, float] | None = None) -> dict[str, float]:
        """Initial values and parameters of the coarse model for those of the fine one; see `Bridge.carry`."""
        from manyscale.bridges.compose import carry_all

        return carry_all(self, values)

    @cached_property
    def lift(self) -> dict[str, Expr]:
        """Fine id -> expression over ids of the coarse model; ids that the observables do not need are missing."""
        from manyscale.bridges.compose import lift

        return lift(self)

    @cached_property
    def restrict(self) -> dict[str, Expr]:
        """Coarse id -> expression over ids of the fine model."""
        from manyscale.bridges.compose import restrict

        return restrict(self)

    @cached_property
    def certificate(self) -> Certificate:
        """What the whole chain claims: weakest tier, errors added up."""
        from manyscale.bridges.compose import certificate

        return certificate(self)

    def __str__(self) -> str:
        lines = [f"{bridge.name} ({bridge.certificate.tier}): {bridge.certificate.claim}" for bridge in self.bridges]
        lines = lines or ["Nothing was reduced."]
        return "\n".join([*lines, *(f"refused {one.name}: {one.reason}" for one in self.refusals)])

    @property
    def rescaled(self) -> bool:
        """Whether the coarse end counts in other units."""
        return any(bridge.clock is not None for bridge in self.bridges)

    @property
    def tier(self) -> str:
        return weakest(bridge.certificate.tier for bridge in self.bridges)

    @property
    def proved(self) -> Chain:
        """The leading steps that are exact or rigorous: what holds without any estimate."""
        proofs = (bridge.certificate.tier in ("exact", "rigorous") for bridge in self.bridges)
        return Chain(self.fine, tuple(bridge for bridge, _ in zip(self.bridges, takewhile(bool, proofs))))

    @property
    def eliminated(self) -> tuple[str, ...]:
        """Everything that some bridge eliminated, in order."""
        return tuple(id for bridge in self.bridges for id in bridge.eliminated)

    @property
    def layer_species(self) -> tuple[str, ...]:
        """Ids whose error counts only after `layer_time`."""
        return tuple(dict.fromkeys(id for bridge in self.bridges for id in bridge.layer_species))

    @property
    def layer_time(self) -> float:
        return max((bridge.layer_time for bridge in self.bridges), default=0.0)

    @property
    def reductions(self) -> tuple[Bridge, ...]:
        """The bridges that approximate; exact bookkeeping does not count as a reduction."""
        return tuple(bridge for bridge in self.bridges if bridge.name not in BOOKKEEPING)
