"""A model's equations as numerical functions."""

from __future__ import annotations

import weakref
from collections.abc import Mapping, Sequence

import numpy as np

from manyscale.errors import InputError
from manyscale.kernels.flatten import near
from manyscale.kernels.initial import initial_values
from manyscale.kernels.interpreted import InterpretedEquations
from manyscale.kernels.lower import lower
from manyscale.kernels.system import System
from manyscale.model.expr import ZERO
from manyscale.model.model import Model

_kernels: dict[int, tuple[weakref.ref, Kernel]] = {}


def compile_model(model: Model) -> Kernel:
    """The kernel of a model, made once per Model object and dropped with it."""
    found = _kernels.get(id(model))
    if found is not None and found[0]() is model:
        return found[1]
    kernel = Kernel(model)
    key = id(model)
    _kernels[key] = (weakref.ref(model, lambda _: _kernels.pop(key, None)), kernel)
    return kernel


class Kernel:
    """Numerical functions of (t, y, p): y of shape (n,) in the order of `system.states`, p of `system.parameters`.

    Units are the model's own. All vectors are float64. Pickling keeps the model and compiles again.
    """

    def __init__(self, model: Model):
        self.system: System = lower(model)
        self._model = _strip(model)
        self.size = self.system.size
        self.interpreted = InterpretedEquations(self.system)

    def __reduce__(self):
        return (Kernel, (self._model,))

    def initial(self, values: Mapping[str, float] | None = None) -> tuple[np.ndarray, np.ndarray]:
        """(y0, p) at t = 0 with initial assignments resolved and overrides by id applied.

        A species is overridden in what its id means in formulas (concentration or amount); also parameters,
        compartments, local parameters as "reaction.name". Errors: InputError for unknown or determined names.
        """
        return initial_values(self._model, self.system, values)

    def rhs(self, t: float, y: np.ndarray, p: np.ndarray) -> np.ndarray:
        """f of M dy/dt = f, shape (n,)."""
        return self.interpreted.rhs(t, np.asarray(y, float), p)

    def jacobian(self, t: float, y: np.ndarray, p: np.ndarray) -> np.ndarray:
        """df/dy, shape (n, n)."""
        return self.interpreted.jacobian(t, y, p)

    def jacobian_sparse(self, t: float, y: np.ndarray, p: np.ndarray):
        """(indptr, indices, data) of df/dy in compressed sparse columns."""
        dense = self.jacobian(t, y, p)
        column, row = np.nonzero(dense.T)
        indptr = np.concatenate([[0], np.cumsum(np.bincount(column, minlength=self.size))]).astype(np.int32)
        return indptr, row.astype(np.int32), dense[row, column]

    def time_derivative(self, t: float, y: np.ndarray, p: np.ndarray) -> np.ndarray:
        """df/dt at fixed y, shape (n,)."""
        return self.interpreted.time_derivative(t, y, p)

    def parameter_jacobian(self, t: float, y: np.ndarray, p: np.ndarray) -> np.ndarray:
        """df/dp, shape (n, np)."""
        return self.interpreted.parameter_jacobian(t, y, p)

    def rates(self, t: float, y: np.ndarray, p: np.ndarray) -> np.ndarray:
        """Reaction rates (amount per time), shape (m,)."""
        return self.interpreted.rates(t, y, p)

    def rate_jacobian(self, t: float, y: np.ndarray, p: np.ndarray) -> np.ndarray:
        """dv/dy of the reaction rates, shape (m, n)."""
        return self.interpreted.rate_jacobian(t, y, p, "y")

    def rate_parameter_jacobian(self, t: float, y: np.ndarray, p: np.ndarray) -> np.ndarray:
        """dv/dp of the reaction rates, shape (m, np)."""
        return self.interpreted.rate_jacobian(t, y, p, "p")

    # what formulas are worth

    def names(self) -> tuple[str, ...]:
        """Every id that has a value: compartments, species, parameters, reaction rates, stoichiometries."""
        return self._names

    @property
    def _names(self) -> tuple[str, ...]:
        model, system = self._model, self.system
        ids = [part.id for part in (*model.compartments, *model.species, *model.parameters, *model.reactions)]
        known = {*system.state_symbols, *system.parameters, *system.definitions, *system.static_stoichiometry}
        extra = [part.id for r in model.reactions for part in (*r.reactants, *r.products) if part.id]
        local = [f"{r.id}.{k.id}" for r in model.reactions for k in r.local]
        return tuple(name for name in (*ids, *extra, *local) if name in known)

    def values(self, t: float, y: np.ndarray, p: np.ndarray) -> dict[str, float]:
        """Value by id of everything that SBML gives a value to."""
        names = self._names
        column = self.observe(names, np.array([t]), np.asarray(y, float)[None, :], p)
        return {name: float(row[0]) for name, row in zip(names, column)}

    def observe(self, ids: Sequence[str], times: np.ndarray, states: np.ndarray, p: np.ndarray) -> np.ndarray:
        """Values of ids over time, shape (len(ids), nt), from states of shape (nt, n).

        `p` has shape (np,), or (nt, np) where it changed on the way. A reaction id gives its rate.
        """
        times, states, p = np.asarray(times, float), np.asarray(states, float), np.asarray(p, float)
        system = self.system
        fixed = system.static_stoichiometry
        known = {*system.state_symbols, *system.parameters, *system.definitions, *fixed}
        for name in ids:
            if name not in known:
                raise InputError(f"the model has no {name!r}{near(name, known)}")
        inside = [name for name in ids if name not in fixed]
        rows = iter(self.interpreted.observe(inside, times, states.T, p if p.ndim == 1 else p.T))
        return np.array([np.full(times.shape, fixed[name]) if name in fixed else next(rows) for name in ids])

    # mass matrix

    def mass(self, p: np.ndarray) -> np.ndarray | None:
        """M, shape (n, n); None for the identity. A zero row is an algebraic equation."""
        if self.system.mass is None:
            return None
        matrix = np.zeros((self.size, self.size))
        values = self.interpreted.of(tuple(e for _, _, e in self.system.mass), 0.0, np.ones(self.size), p)
        for (i, j, _), value in zip(self.system.mass, values):
            matrix[i, j] = value
        return matrix

    # events and switches

    def roots(self, t: float, y: np.ndarray, p: np.ndarray) -> np.ndarray:
        """Switching functions; a sign change (also to or from zero) is where some formula switches."""
        return self.interpreted.of(self.system.roots, t, y, p)

    def triggers(self, t: float, y: np.ndarray, p: np.ndarray) -> np.ndarray:
        """Truth of each event's trigger, shape (events,), bool."""
        return self.interpreted.of(tuple(e.trigger for e in self.system.events), t, y, p) != 0

    def event_values(self, event: int, t: float, y: np.ndarray, p: np.ndarray) -> np.ndarray:
        """What the assignments of one event would assign now, in the meaning of the ids."""
        return self.interpreted.of(self.system.events[event].formulas, t, y, p)

    def event_delay(self, event: int, t: float, y: np.ndarray, p: np.ndarray) -> float:
        """Delay of an event triggered now (0 without one)."""
        return float(self.interpreted.of((self.system.events[event].delay or ZERO,), t, y, p)[0])

    def event_priority(self, event: int, t: float, y: np.ndarray, p: np.ndarray) -> float:
        """Priority now; NaN for an event without one."""
        formula = self.system.events[event].priority
        return float("nan") if formula is None else float(self.interpreted.of((formula,), t, y, p)[0])

    def apply_event(self, event: int, values: np.ndarray, t: float, y: np.ndarray, p: np.ndarray):
        """(y, p) after the assignments of one event with these values; arguments are left alone."""
        y, p = np.array(y, dtype=float), np.array(p, dtype=float)
        targets = self.system.events[event].targets
        for target, value in zip(targets, values):
            (y if target.kind == "state" else p)[target.index] = value
        scaled = [(target, value) for target, value in zip(targets, values) if target.factor is not None]
        factors = self.interpreted.of(tuple(target.factor for target, _ in scaled), t, y, p)
        for (target, value), factor in zip(scaled, factors):
            (y if target.kind == "state" else p)[target.index] = value * factor
        return y, p


def _strip(model: Model) -> Model:
    """A copy that the kernel can hold without keeping the user's object (and its own cache entry) alive."""
    return model.replace()
