"""The same model under other names, or with other symbols in place of some of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from manyscale.errors import InputError
from manyscale.model import parts
from manyscale.model.expr import Call, Expr, Number, RateOf, Symbol, transform
from manyscale.model.model import Model


def renamed(model: Model, names: Mapping[str, str], units: Mapping[str, str] | None = None) -> Model:
    """`model` with ids changed everywhere they occur, as `names` says; unit ids as `units` says.

    Local parameters hide global names inside their reaction and keep their own. Errors: InputError where two ids would
    become one.
    """
    kept = [part.id for part in model.parts()]
    new = [names.get(id, id) for id in kept]
    if len(set(new)) < len(new):
        twice = sorted({id for id in new if new.count(id) > 1})
        raise InputError(f"{model.id}: renaming would give {', '.join(twice)} twice; choose other names")
    return _Renamer(names, units or {}).model(model)


class _Renamer:
    def __init__(self, names: Mapping[str, str], units: Mapping[str, str]):
        self.names, self.units = dict(names), dict(units)

    def id(self, id: str | None) -> str | None:
        return None if id is None else self.names.get(id, id)

    def unit(self, id: str | None) -> str | None:
        return None if id is None else self.units.get(id, id)

    def formula(self, expr: Expr | None, hidden: frozenset[str] = frozenset()) -> Expr | None:
        def change(node: Expr) -> Expr:
            if type(node) is Symbol and node.name in self.names and node.name not in hidden:
                return Symbol(self.names[node.name])
            if type(node) is RateOf and node.name in self.names and node.name not in hidden:
                return RateOf(self.names[node.name])
            if type(node) is Call and node.function in self.names:
                return Call(self.names[node.function], node.arguments)
            if type(node) is Number and node.units in self.units:
                return Number(node.value, self.units[node.units])
            return node

        return None if expr is None else transform(expr, change)

    def participant(self, one: parts.Participant) -> parts.Participant:
        count = self.formula(one.stoichiometry) if isinstance(one.stoichiometry, Expr) else one.stoichiometry
        return replace(one, species=self.id(one.species), stoichiometry=count, id=self.id(one.id))

    def reaction(self, one: parts.Reaction) -> parts.Reaction:
        hidden = frozenset(k.id for k in one.local)
        return replace(
            one, id=self.id(one.id), reactants=tuple(map(self.participant, one.reactants)),
            products=tuple(map(self.participant, one.products)), modifiers=tuple(map(self.id, one.modifiers)),
            rate=self.formula(one.rate, hidden), compartment=self.id(one.compartment),
            local=tuple(replace(k, units=self.unit(k.units)) for k in one.local),
            modifier_meta=tuple((self.id(id), meta) for id, meta in one.modifier_meta),
        )  # fmt: skip

    def event(self, one: parts.Event) -> parts.Event:
        return replace(
            one, id=self.id(one.id), trigger=self.formula(one.trigger), delay=self.formula(one.delay),
            priority=self.formula(one.priority),
            assignments=tuple((self.id(id), self.formula(value)) for id, value in one.assignments),
        )  # fmt: skip

    def model(self, m: Model) -> Model:
        return m.replace(
            compartments=tuple(replace(c, id=self.id(c.id), units=self.unit(c.units)) for c in m.compartments),
            species=tuple(
                replace(
                    s, id=self.id(s.id), compartment=self.id(s.compartment),
                    substance_units=self.unit(s.substance_units), conversion_factor=self.id(s.conversion_factor),
                )
                for s in m.species
            ),
            parameters=tuple(replace(k, id=self.id(k.id), units=self.unit(k.units)) for k in m.parameters),
            reactions=tuple(map(self.reaction, m.reactions)),
            initial_assignments=tuple(
                replace(a, symbol=self.id(a.symbol), formula=self.formula(a.formula)) for a in m.initial_assignments
            ),
            rules=tuple(replace(r, variable=self.id(r.variable), formula=self.formula(r.formula)) for r in m.rules),
            events=tuple(map(self.event, m.events)),
            functions=tuple(
                replace(f, id=self.id(f.id), body=self.formula(f.body, frozenset(f.arguments))) for f in m.functions
            ),
            constraints=tuple(replace(c, condition=self.formula(c.condition)) for c in m.constraints),
            units=tuple(replace(u, id=self.unit(u.id)) for u in m.units),
            conversion_factor=self.id(m.conversion_factor),
            **{f"{kind}_units": self.unit(getattr(m, f"{kind}_units"))
               for kind in ("time", "substance", "extent", "volume", "area", "length")},
        )  # fmt: skip
