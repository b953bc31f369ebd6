"""The model with every quantity divided by its scale."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from manyscale.model.expr import Expr, Number, transform
from manyscale.model.model import Model
from manyscale.model.parts import Event, InitialAssignment, Parameter, Participant, Reaction, Rule, Species

NONE = "dimensionless"


def rescale(model: Model, scale: Mapping[str, float]) -> Model:
    """The same formulas with every value divided by `scale` (by id, "reaction.k" for local parameters; what is missing
    has scale 1), without units. Right if the scales are a symmetry of the model."""

    def parameter(part: Parameter, key: str) -> Parameter:
        value = None if part.value is None else part.value / scale.get(key, 1.0)
        return replace(part, value=value, units=NONE)

    def species(part: Species) -> Species:
        value = part.initial
        if value is not None:
            place = scale.get(part.compartment, 1.0)
            dense = not part.only_substance and model[part.compartment].dimensions != 0
            value = value / scale.get(part.id, 1.0)
            if dense and part.initial_kind == "amount":
                value /= place
            elif not dense and part.initial_kind == "concentration":
                value *= place
        return replace(part, initial=value, substance_units=None)

    def reaction(part: Reaction) -> Reaction:
        return replace(
            part,
            reactants=tuple(map(_participant, part.reactants)),
            products=tuple(map(_participant, part.products)),
            rate=None if part.rate is None else plain(part.rate),
            local=tuple(parameter(k, f"{part.id}.{k.id}") for k in part.local),
        )

    places = tuple(
        replace(c, size=(1.0 if c.size is None else c.size) / scale.get(c.id, 1.0), units=None)
        if c.size is not None or scale.get(c.id, 1.0) != 1.0
        else replace(c, units=None)
        for c in model.compartments
    )
    return model.replace(
        compartments=places,
        species=tuple(map(species, model.species)),
        parameters=tuple(parameter(p, p.id) for p in model.parameters),
        reactions=tuple(map(reaction, model.reactions)),
        initial_assignments=tuple(
            InitialAssignment(i.symbol, plain(i.formula), i.meta) for i in model.initial_assignments
        ),
        rules=tuple(Rule(r.kind, plain(r.formula), r.variable, r.name, r.meta) for r in model.rules),
        events=tuple(map(_event, model.events)),
        functions=tuple(replace(f, body=plain(f.body)) for f in model.functions),
        constraints=(),
        units=(),
        time_units=NONE,
        substance_units=NONE,
        extent_units=NONE,
        volume_units=NONE,
        area_units=NONE,
        length_units=NONE,
    )


def plain(formula: Expr) -> Expr:
    """Without units on numbers."""
    return transform(formula, lambda node: Number(node.value) if type(node) is Number and node.units else node)


def _participant(part: Participant) -> Participant:
    return replace(part, stoichiometry=plain(part.stoichiometry)) if isinstance(part.stoichiometry, Expr) else part


def _event(event: Event) -> Event:
    return replace(
        event,
        trigger=plain(event.trigger),
        assignments=tuple((target, plain(formula)) for target, formula in event.assignments),
        delay=None if event.delay is None else plain(event.delay),
        priority=None if event.priority is None else plain(event.priority),
    )
