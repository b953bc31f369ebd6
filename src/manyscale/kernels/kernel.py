"""A model's equations as numerical functions."""

from __future__ import annotations

import os
import weakref
from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np

from manyscale import _core
from manyscale.errors import InputError
from manyscale.kernels.assemble import TABLE_FROM, assemble
from manyscale.kernels.compiled import equation_data, llvm_found, machine_code
from manyscale.kernels.delays import past_arguments
from manyscale.kernels.flatten import near
from manyscale.kernels.formulas import FormulaBook
from manyscale.kernels.initial import StartTable, initial_values, initial_values_of_many
from manyscale.kernels.interpreted import InterpretedEquations
from manyscale.kernels.lower import lower
from manyscale.kernels.system import System
from manyscale.model.expr import Expr
from manyscale.model.model import Model

COMPILE_ON_USE = 3  # simulations of one model from which machine code is worth its making
SPREAD_ON_USE = 200  # simulations from which that is so for a mass-action table, which runs well as it is
CODE_UP_TO = 400  # reactions up to which straight code is faster than the table
COMPILE_AT_ONCE = 300  # operations up to which that is so without further thought
SECONDS_TO_COMPILE, SECONDS_ON_TAPE = 1e-4, 2e-9  # per operation, of the order of what was measured
_kernels: dict[int, tuple[weakref.ref, Kernel]] = {}


def compile_model(model: Model) -> Kernel:
    """The kernel of a model, made once per Model object and dropped with it."""
    key = id(model)
    found = _kernels.get(key)
    if found is not None and found[0]() is model:
        return found[1]
    kernel = Kernel(model)
    _kernels[key] = (weakref.ref(model, lambda _: _kernels.pop(key, None)), kernel)
    return kernel


class Kernel:
    """Numerical functions of (t, y, p): y of shape (n,) in the order of `system.states`, p of `system.parameters`.

    Units are the model's own. All vectors are float64. Pickling keeps the model and compiles again. Not for use by
    several threads at once, except `new_equations()`, which gives each thread its own.
    """

    def __init__(self, model: Model):
        self.system: System = lower(model)
        self.model = model.replace()  # a copy, so that the caller's object (and its cache entry) can go
        self.size = self.system.size
        self._code = None
        self._lane_code: tuple[int, int, int] | None = None
        self._uses = 0

    def __reduce__(self):
        return (Kernel, (self.model,))

    def initial(self, values: Mapping[str, float] | None = None) -> tuple[np.ndarray, np.ndarray]:
        """(y0, p) at t = 0 with initial assignments resolved and overrides by id applied.

        A species is overridden in what its id means in formulas (concentration or amount); also parameters,
        compartments, local parameters as "reaction.name". Errors: InputError for unknown or determined names.
        """
        try:
            table = self._starts
        except InputError:  # what is wrong as declared can be right with the overrides
            return initial_values(self.model, self.system, values)
        return table.initial(values or {})

    @cached_property
    def _starts(self) -> StartTable:
        return StartTable(self.model, self.system)

    def initial_many(self, values: Mapping[str, np.ndarray], count: int) -> tuple[np.ndarray, np.ndarray]:
        """(Y0 (count, n), P (count, np)) at t = 0 for an ensemble: each value is one number, or one per member."""
        return initial_values_of_many(self.model, self.system, values, count)

    # machine representations

    @cached_property
    def _equations(self) -> _core.Equations:
        return self._made(TABLE_FROM)

    def _made(self, table_from: int) -> _core.Equations:
        self._assembly = assemble(self.system, table_from)
        self._data, self._layout = equation_data(self._assembly)
        return _core.Equations(self._data)

    def spread_table(self) -> None:
        """After many simulations: machine code instead of a table of up to some hundred mass-action reactions."""
        late = self._code is None and self._uses >= SPREAD_ON_USE and os.environ.get("MANYSCALE_COMPILE") != "0"
        if late and self._spreads():
            self.compile()

    def _spreads(self) -> bool:
        return bool(self._assembly.table) and len(self.system.rates) <= CODE_UP_TO and llvm_found()

    @property
    def data(self) -> _core.EquationData:
        """The shared, immutable description for the core: `_core.Equations(data)`, `_core.LaneEquations(data)`."""
        _ = self._equations
        return self._data

    def compile(self) -> None:
        """Replace the tapes of the right-hand side and the Jacobian by machine code (10 ms and more, once).

        Worth it before long or many simulations; `new_equations` and `spread_table` see to it by themselves. Without
        llvmlite, and where everything is in a large mass-action table, the tapes stay.
        """
        if self._code is not None:
            return
        equations = self._equations
        if self._spreads():
            equations = self._equations = self._made(CODE_UP_TO + 1)
            self._lane_code = None
        if not sum(self._data.operations[1:]):
            return
        try:
            code, slots = machine_code(self._assembly, self._layout, self._data)
        except ImportError:
            return
        equations.set_compiled(code.address["rhs"], code.address["jacobian"], slots)
        self._code = code

    def lane_code(self) -> tuple[int, int, int]:
        """Addresses of the right-hand side and the Jacobian over `_core.LANES` points, and the slots that they need.

        Zeros where there is no machine code to gain (see `compile`).
        """
        if self._lane_code is None:
            _ = self._equations
            self._lane_code = (0, 0, 0)
            if sum(self._data.operations[1:]) and os.environ.get("MANYSCALE_COMPILE") != "0":
                try:
                    code, slots = machine_code(self._assembly, self._layout, self._data, _core.LANES)
                except ImportError:
                    return self._lane_code
                self._lanes = code  # keeps the memory
                self._lane_code = (code.address["rhs"], code.address["jacobian"], slots)
        return self._lane_code

    def _count_use(self) -> None:
        """Compile when that pays: small models on their third use, others once tapes have run for as long as it takes."""
        self._uses += 1
        if self._code is not None or self._uses < COMPILE_ON_USE or os.environ.get("MANYSCALE_COMPILE") == "0":
            return
        operations = sum(self.data.operations[1:])
        spent = self.data.operations_run * SECONDS_ON_TAPE
        if operations <= COMPILE_AT_ONCE or spent > operations * SECONDS_TO_COMPILE:
            self.compile()

    def new_equations(self) -> _core.Equations:
        """A fresh `_core.Equations` (a `Problem` for the solver) with its own workspace; set its parameters first."""
        self._count_use()
        equations = self._equations.clone()
        equations.code = self._code  # machine code lives as long as what calls it
        return equations

    @cached_property
    def _book(self) -> FormulaBook:
        return FormulaBook(self.system)

    @cached_property
    def interpreted(self) -> InterpretedEquations:
        """The same functions by walking formulas: slow, and the oracle in tests."""
        return InterpretedEquations(self.system)

    # equations

    def rhs(self, t: float, y: np.ndarray, p: np.ndarray) -> np.ndarray:
        """f of M dy/dt = f, shape (n,)."""
        return self._equations.rhs(t, vector(y), vector(p))

    @cached_property
    def _pattern(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        indptr, indices = self.data.column_start, self.data.row
        return indptr, indices, np.repeat(np.arange(self.size), np.diff(indptr))

    def jacobian(self, t: float, y: np.ndarray, p: np.ndarray) -> np.ndarray:
        """df/dy, shape (n, n)."""
        _, row, column = self._pattern
        dense = np.zeros((self.size, self.size))
        dense[row, column] = self._equations.jacobian(t, vector(y), vector(p))
        return dense

    def jacobian_sparse(self, t: float, y: np.ndarray, p: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(indptr, indices, data) of df/dy in compressed sparse columns, on a pattern that never changes."""
        return *self._pattern[:2], self._equations.jacobian(t, vector(y), vector(p))

    def time_derivative(self, t: float, y: np.ndarray, p: np.ndarray) -> np.ndarray:
        """df/dt at fixed y, shape (n,)."""
        return self._equations.time_derivative(t, vector(y), vector(p))

    def parameter_jacobian(self, t: float, y: np.ndarray, p: np.ndarray) -> np.ndarray:
        """df/dp, shape (n, np)."""
        return self._book.derivative("rhs", "p", t, y, p)

    def rates(self, t: float, y: np.ndarray, p: np.ndarray) -> np.ndarray:
        """Reaction rates (amount per time), shape (m,)."""
        return self._book.values(tuple(name for name, _ in self.system.rates), t, y, p)

    def rate_jacobian(self, t: float, y: np.ndarray, p: np.ndarray) -> np.ndarray:
        """dv/dy of the reaction rates, shape (m, n)."""
        return self._book.derivative("rates", "y", t, y, p)

    def rate_parameter_jacobian(self, t: float, y: np.ndarray, p: np.ndarray) -> np.ndarray:
        """dv/dp of the reaction rates, shape (m, np)."""
        return self._book.derivative("rates", "p", t, y, p)

    def mass(self, p: np.ndarray) -> np.ndarray | None:
        """M, shape (n, n); None for the identity. A zero row is an algebraic equation."""
        if self.system.mass is None:
            return None
        matrix = np.zeros((self.size, self.size))
        formulas = tuple(value for _, _, value in self.system.mass)
        values = self._book.of(formulas, 0.0, np.ones(self.size), p)
        for (i, j, _), value in zip(self.system.mass, values):
            matrix[i, j] = value
        return matrix

    # what ids are worth

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Every id that has a value: compartments, species, parameters, reaction rates, stoichiometries."""
        model = self.model
        ids = [part.id for part in model.compartments] + [part.id for part in model.species]
        ids += [part.id for part in model.parameters] + [part.id for part in model.reactions]
        ids += [part.id for r in model.reactions for part in (*r.reactants, *r.products) if part.id]
        ids += [f"{r.id}.{k.id}" for r in model.reactions for k in r.local]
        return tuple(name for name in ids if name in self._known)

    def values(self, t: float, y: np.ndarray, p: np.ndarray) -> dict[str, float]:
        """Value by id of everything that SBML gives a value to."""
        column = self.observe(self.names, np.array([t]), vector(y)[None, :], p)
        return {name: float(row[0]) for name, row in zip(self.names, column)}

    def observe(self, ids: Sequence[str], times: np.ndarray, states: np.ndarray, p: np.ndarray) -> np.ndarray:
        """Values of ids over time, shape (len(ids), nt), from states of shape (nt, n).

        `p` has shape (np,), or (nt, np) where it changed on the way. A reaction id gives its rate.
        """
        times, states, p = vector(times), vector(states), vector(p)
        for name in ids:
            if name not in self._known:
                raise InputError(f"the model has no {name!r}{near(name, self._known)}")
        if not len(ids):
            return np.empty((0, times.size))
        return self._book.observe(tuple(ids), times, states, p)

    @cached_property
    def _known(self) -> set[str]:
        system = self.system
        return {*system.state_symbols, *system.parameters, *system.definitions}

    def evaluate(self, formulas: tuple[Expr, ...], t: float, y: np.ndarray, p: np.ndarray) -> np.ndarray:
        """Values of formulas in the symbols of `system` (those of a lowered model), shape (len(formulas),)."""
        return self._book.of(tuple(formulas), t, y, p)

    def delay_formulas(self) -> tuple[_core.Formulas, _core.Formulas, _core.Formulas]:
        """(lags, arguments, arguments before the start) of the delayed values, in the order of `system.delays`.

        Their values are the last entries of p.
        """
        delays = self.system.delays
        parts = (tuple(d.lag for d in delays), tuple(d.argument for d in delays), past_arguments(self.system))
        return tuple(self._book.formulas(part) for part in parts)  # type: ignore[return-value]

    # events and switches

    def roots(self, t: float, y: np.ndarray, p: np.ndarray) -> np.ndarray:
        """Switching functions; a sign change (also to or from zero) is where some formula switches."""
        return self._equations.roots(t, vector(y), vector(p))

    @cached_property
    def _triggers(self) -> tuple[Expr, ...]:
        return tuple(event.trigger for event in self.system.events)

    def triggers(self, t: float, y: np.ndarray, p: np.ndarray) -> np.ndarray:
        """Truth of each event's trigger, shape (events,), bool."""
        return self._book.of(self._triggers, t, y, p) != 0

    def event_values(self, event: int, t: float, y: np.ndarray, p: np.ndarray) -> np.ndarray:
        """What the assignments of one event would assign now, in the meaning of the ids."""
        return self._book.of(self.system.events[event].formulas, t, y, p)

    def event_delay(self, event: int, t: float, y: np.ndarray, p: np.ndarray) -> float:
        """Delay of an event triggered now (0 without one)."""
        formula = self.system.events[event].delay
        return 0.0 if formula is None else float(self._book.of((formula,), t, y, p)[0])

    def event_priority(self, event: int, t: float, y: np.ndarray, p: np.ndarray) -> float:
        """Priority now; NaN for an event without one."""
        formula = self.system.events[event].priority
        return float("nan") if formula is None else float(self._book.of((formula,), t, y, p)[0])

    def apply_event(
        self, event: int, values: np.ndarray, t: float, y: np.ndarray, p: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """(y, p) after the assignments of one event with these values; the arguments are left alone.

        A concentration is turned into the amount that is kept with the volume before the event: when the event
        changes the volume too, the amount stays and the concentration follows.
        """
        new_y, new_p = np.array(y, dtype=float), np.array(p, dtype=float)
        targets = self.system.events[event].targets
        scaled = tuple(target.factor for target in targets if target.factor is not None)
        factors = iter(self._book.of(scaled, t, y, p) if scaled else ())
        for target, value in zip(targets, values):
            if target.factor is not None:
                value = value * next(factors)
            (new_y if target.kind == "state" else new_p)[target.index] = value
        return new_y, new_p


def vector(values) -> np.ndarray:
    """As contiguous float64, the only thing that the core takes."""
    return np.ascontiguousarray(values, dtype=np.float64)
