"""The model: one immutable reaction network with units."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from manyscale.model.parts import (
    Compartment,
    Constraint,
    Event,
    Function,
    InitialAssignment,
    Meta,
    Parameter,
    Reaction,
    Rule,
    Species,
    UnitDefinition,
)


@dataclass(frozen=True, repr=False)
class Model:
    """Species, parameters, compartments, reactions, rules and events, with units.

    `level` is the level of description in number (`ode`, `jump`, ...), `space` its level in space (None: well mixed).
    Change a model with `replace`; check it with `manyscale.check`.
    """

    id: str = "model"
    compartments: tuple[Compartment, ...] = ()
    species: tuple[Species, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    reactions: tuple[Reaction, ...] = ()
    initial_assignments: tuple[InitialAssignment, ...] = ()
    rules: tuple[Rule, ...] = ()
    events: tuple[Event, ...] = ()
    functions: tuple[Function, ...] = ()
    constraints: tuple[Constraint, ...] = ()
    units: tuple[UnitDefinition, ...] = ()
    time_units: str | None = None
    substance_units: str | None = None
    extent_units: str | None = None
    volume_units: str | None = None
    area_units: str | None = None
    length_units: str | None = None
    conversion_factor: str | None = None
    level: str = "ode"
    space: str | None = None
    name: str = ""
    meta: Meta | None = None
    remarks: tuple[str, ...] = field(default=(), compare=False)  # what a reader had to interpret, in words

    def replace(self, **changes) -> Model:
        """A copy with some fields changed."""
        return dataclasses.replace(self, **changes)

    def parts(self) -> Iterator:
        """Every part that has an id of its own in the global name space."""
        yield from self.compartments
        yield from self.species
        yield from self.parameters
        yield from self.reactions
        yield from self.functions
        yield from self.events
        for reaction in self.reactions:
            for participant in (*reaction.reactants, *reaction.products):
                if participant.id:
                    yield participant

    def formulas(self) -> Iterator:
        """Every formula except stoichiometries."""
        for assignment in self.initial_assignments:
            yield assignment.formula
        for rule in self.rules:
            yield rule.formula
        for function in self.functions:
            yield function.body
        for constraint in self.constraints:
            yield constraint.condition
        for reaction in self.reactions:
            if reaction.rate is not None:
                yield reaction.rate
        for event in self.events:
            yield event.trigger
            yield from (formula for formula in (event.delay, event.priority) if formula is not None)
            yield from (formula for _, formula in event.assignments)

    @cached_property
    def by_id(self) -> dict[str, object]:
        """Part by id."""
        return {part.id: part for part in self.parts()}

    def __getitem__(self, id: str):
        return self.by_id[id]

    def __contains__(self, id: str) -> bool:
        return id in self.by_id

    def __repr__(self) -> str:
        from manyscale.model.display import brief

        return brief(self)

    def __str__(self) -> str:
        from manyscale.model.display import text

        return text(self)

    def _repr_html_(self) -> str:
        from manyscale.model.display import html

        return html(self)
