"""Values at the start: declared values, initial assignments, rules and the user's overrides, in any order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from manyscale.errors import InputError
from manyscale.kernels.flatten import near
from manyscale.kernels.interpret import evaluate
from manyscale.kernels.system import System
from manyscale.model.model import Model
from manyscale.model.parts import Compartment, Parameter, Participant, Species


def initial_values_of_many(
    model: Model, system: System, overrides: Mapping[str, np.ndarray], count: int
) -> tuple[np.ndarray, np.ndarray]:
    """(Y0 (count, n), P (count, np)) where each override is a number or one number per member."""
    given = {}
    for name, value in overrides.items():
        given[name] = np.asarray(value, dtype=float)
        if given[name].shape not in ((), (count,)):
            raise InputError(f"values: {name} has shape {given[name].shape}; give one number or {count} of them")
    values = StartValues(model, system, given, 0.0)
    with np.errstate(all="ignore"):
        columns = [
            [np.broadcast_to(values[name], (count,)) for name in names]
            for names in (system.state_symbols, system.parameters)
        ]
    return tuple(np.array(part, dtype=float).reshape(len(part), count).T.copy() for part in columns)  # type: ignore


def initial_values(
    model: Model, system: System, overrides: Mapping[str, float] | None = None, t: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """(y0, p) with overrides by id applied. A value that the model never gives is NaN.

    An override takes the place of the declared value and of the initial assignment; a species is overridden
    in what
    its id means in formulas. Errors: InputError for an unknown name, a name that a rule determines, a circle.
    """
    return _vectors(StartValues(model, system, dict(overrides or {}), t), system)


class StartTable:
    """The values at the start as declared, computed once; an override recomputes only what depends on it."""

    def __init__(self, model: Model, system: System):
        self.model, self.system = model, system
        self.declared = _Traced(model, system)
        self.y0, self.p = _vectors(self.declared, system)

    def initial(self, overrides: Mapping[str, float]) -> tuple[np.ndarray, np.ndarray]:
        """As `initial_values`."""
        y0, p = self.y0.copy(), self.p.copy()
        if not overrides:
            return y0, p
        values = StartValues(self.model, self.system, dict(overrides), 0.0)
        touched = self.declared.touched(overrides)
        values.update(self.declared)
        for name in touched:
            values.pop(name, None)
        places = ((self.system.state_symbols, y0), (self.system.parameters, p))
        with np.errstate(all="ignore"):
            for names, vector in places:
                for k, name in enumerate(names):
                    if name in touched:
                        vector[k] = values[name]
        return y0, p


def _vectors(values: StartValues, system: System) -> tuple[np.ndarray, np.ndarray]:
    with np.errstate(all="ignore"):
        y0 = np.array([values[name] for name in system.state_symbols], dtype=float)
        p = np.array([values[name] for name in system.parameters], dtype=float)
    return y0, p


class StartValues(dict):
    """Symbol -> value at the start, computed when first asked for."""

    def __init__(self, model: Model, system: System, overrides: Mapping[str, Any], t: float):
        self.model, self.system, self.t = model, system, t
        self.formulas = dict(system.initial_formulas)
        self.delays = {d.symbol: d for d in system.delays}
        self.local = {f"{r.id}.{k.id}": k for r in model.reactions for k in r.local}
        self.overrides = overrides
        self.open: list[str] = []
        for name, value in overrides.items():
            self._check(name, value)

    def _check(self, name: str, value: float) -> None:
        if name not in self.model and name not in self.local:
            known = [*self.model.by_id, *self.local]
            raise InputError(f"values: the model has no {name!r}{near(name, known)}")
        if name in self.system.static_stoichiometry:
            raise InputError(f"values: {name} is a constant stoichiometry, part of the network; change it in the model")
        part = self.local.get(name) or self.model[name]
        amount = f"{name}.amount"
        kept = amount in self.system.state_index or amount in self.system.parameter_index
        if not isinstance(part, Species | Compartment | Parameter | Participant):
            raise InputError(f"values: {name} is a {type(part).__name__.lower()}, it has no value to set")
        if name in self.system.definitions and not kept:
            raise InputError(f"values: {name} is determined by a rule and cannot be set")
        try:
            np.asarray(value, dtype=float)
        except (TypeError, ValueError):
            raise InputError(f"values: {name} = {value!r} is not a number") from None

    def __missing__(self, name: str):
        if name in self.open:
            circle = " -> ".join([*self.open[self.open.index(name) :], name])
            raise InputError(f"initial values depend on each other in a circle: {circle}")
        self.open.append(name)
        value = self._compute(name)
        if not isinstance(value, np.ndarray):
            value = np.float64(value)
        self.open.pop()
        self[name] = value
        return value

    def _compute(self, name: str):
        if name in self.delays:
            delay = self.delays[name]
            return evaluate(delay.argument, self.t - evaluate(delay.lag, self.t, self), self)
        if name.endswith(".amount") and name not in self.local:
            species = self.model[name.removesuffix(".amount")]
            return self._species(species, amount=True)
        if name in self.overrides:
            return self.overrides[name]
        if name in self.formulas:
            return evaluate(self.formulas[name], self.t, self)
        part = self.local.get(name) or self.model.by_id.get(name)
        if isinstance(part, Species) and name not in self.system.definitions:
            return self._species(part, amount=not self._means_concentration(part))
        if name in self.system.definitions:
            return evaluate(self.system.definitions[name], self.t, self)
        return self._declared(part)

    def _declared(self, part) -> Any:
        if isinstance(part, Compartment):
            return 1.0 if part.size is None else part.size
        if isinstance(part, Participant):
            return 1.0 if part.stoichiometry is None else part.stoichiometry
        return np.nan if part.value is None else part.value

    def _means_concentration(self, species: Species) -> bool:
        return not species.only_substance and self.model[species.compartment].dimensions != 0

    def _species(self, species: Species, amount: bool):
        """Start value as amount or concentration."""
        dense = self._means_concentration(species)
        if species.id in self.overrides:
            value, is_amount = self.overrides[species.id], not dense
        elif species.id in self.formulas:
            value, is_amount = evaluate(self.formulas[species.id], self.t, self), not dense
        else:
            value = np.nan if species.initial is None else species.initial
            is_amount = species.initial_kind == "amount" or self.model[species.compartment].dimensions == 0
        if is_amount == amount:
            return value
        size = self[species.compartment]
        return value * size if amount else np.asarray(value, dtype=float)[()] / size


class _Traced(StartValues):
    """Start values as declared that remember which value was computed from which."""

    def __init__(self, model: Model, system: System):
        super().__init__(model, system, {}, 0.0)
        self.readers: dict[str, set[str]] = {}

    def __getitem__(self, name: str):
        if self.open:
            self.readers.setdefault(name, set()).add(self.open[-1])
        return super().__getitem__(name) if name in self else self.__missing__(name)

    def touched(self, overrides: Iterable[str]) -> set[str]:
        """Every name whose value can change with an override of these."""
        found: set[str] = set()
        waiting = [name for given in overrides for name in (given, f"{given}.amount")]
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                waiting.extend(self.readers.get(name, ()))
        return found
