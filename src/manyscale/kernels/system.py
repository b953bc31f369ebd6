"""What lowering makes of a model: states, parameters, ordered formulas, stoichiometry, events. Frozen data.

Formulas of a `System` contain no model-defined functions, local names, delays or rateOf any more: every
`Symbol` is a
state symbol, a parameter, a variable, a reaction id (its rate) or a delayed value.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property

from manyscale.model.expr import Expr


@dataclass(frozen=True, slots=True)
class Target:
    """Where an event assignment is stored: `kind` "state" or "parameter", position `index`.

    What is stored is the assigned value times `factor` (a compartment size, where an amount is kept for a
    concentration), with `factor` taken before the assignments of the event.
    """

    kind: str
    index: int
    factor: Expr | None = None


@dataclass(frozen=True, slots=True)
class LoweredEvent:
    id: str
    trigger: Expr
    targets: tuple[Target, ...]
    formulas: tuple[Expr, ...]
    delay: Expr | None
    priority: Expr | None
    initial_value: bool
    persistent: bool
    use_trigger_values: bool


@dataclass(frozen=True, slots=True)
class DelayedValue:
    """`symbol` stands for `argument` evaluated `lag` time units ago."""

    symbol: str
    argument: Expr
    lag: Expr


@dataclass(frozen=True)
class System:
    """M dy/dt = f(t, y, p) of a model, in symbols.

    For a row i without rate rule or algebraic rule, f_i = row_factors[i] * sum_j balance[i, j] * rate_j (and
    the
    terms of `variable_stoichiometry`). `stoichiometry` is the network's own, in amounts; `balance` equals it
    unless
    there are fast reactions. `mass` lists (row, column, value) of M where M is not the identity.
    """

    states: tuple[str, ...]
    state_symbols: tuple[str, ...]  # name of y[i] in formulas: the id, or "id.amount" where an amount is kept
    state_is_amount: tuple[bool, ...]  # y[i] is an amount of a species
    state_is_species: tuple[bool, ...]
    parameters: tuple[str, ...]  # symbols in the order of p; values of delayed terms come last
    variables: tuple[tuple[str, Expr], ...]  # in dependency order
    rates: tuple[tuple[str, Expr], ...]  # in the order of the model's reactions
    schedule: tuple[str, ...]  # names of variables and rates in an order in which they can be evaluated
    stoichiometry: tuple[tuple[int, int, Fraction], ...]
    balance: tuple[tuple[int, int, Fraction], ...]
    variable_stoichiometry: tuple[tuple[int, int, Expr], ...]
    row_factors: tuple[Expr, ...]
    rate_rules: tuple[tuple[int, Expr], ...]
    algebraic: tuple[tuple[int, Expr], ...]
    mass: tuple[tuple[int, int, Expr], ...] | None
    events: tuple[LoweredEvent, ...]
    roots: tuple[Expr, ...]
    delays: tuple[DelayedValue, ...]
    initial_formulas: tuple[tuple[str, Expr], ...] = ()  # initial assignments by id
    remarks: tuple[str, ...] = ()
    uses: dict[str, set[str]] = field(default_factory=dict, repr=False, compare=False)  # names in each definition
    static_stoichiometry: dict[str, float] = field(default_factory=dict)  # ids of constant stoichiometries

    @property
    def size(self) -> int:
        return len(self.states)

    @cached_property
    def definitions(self) -> dict[str, Expr]:
        """Formula of every variable and reaction rate by name."""
        return {**dict(self.variables), **dict(self.rates)}

    @cached_property
    def ruled(self) -> frozenset[str]:
        """What a formula or an algebraic equation determines."""
        return frozenset(name for name, _ in self.variables) | {self.states[i] for i, _ in self.algebraic}

    @cached_property
    def state_index(self) -> dict[str, int]:
        """Position in y by symbol (as used in formulas)."""
        return {name: i for i, name in enumerate(self.state_symbols)}

    @cached_property
    def parameter_index(self) -> dict[str, int]:
        return {name: i for i, name in enumerate(self.parameters)}

    @cached_property
    def columns(self) -> tuple[dict[int, Fraction], ...]:
        """Net stoichiometry of each reaction, in amounts: state -> number, without zeros."""
        result: list[dict[int, Fraction]] = [{} for _ in self.rates]
        for i, j, value in self.stoichiometry:
            result[j][i] = result[j].get(i, Fraction(0)) + Fraction(value)
        return tuple({i: v for i, v in column.items() if v} for column in result)

    @cached_property
    def rate_index(self) -> dict[str, int]:
        return {name: i for i, (name, _) in enumerate(self.rates)}

    @cached_property
    def right_sides(self) -> tuple[Expr, ...]:
        """f_i as one expression in the symbols of the system (rates by reaction id)."""
        from manyscale.model.expr import ZERO, Number, Symbol, add, mul

        terms: list[list[Expr]] = [[] for _ in self.states]
        for i, j, number in self.balance:
            terms[i].append(mul(Number(float(number)), Symbol(self.rates[j][0])))
        for i, j, formula in self.variable_stoichiometry:
            terms[i].append(mul(formula, Symbol(self.rates[j][0])))
        rows = [mul(f, add(*part)) if part else ZERO for f, part in zip(self.row_factors, terms)]
        for i, formula in (*self.rate_rules, *self.algebraic):
            rows[i] = formula
        return tuple(rows)
