"""Jump processes from deterministic models: what one molecule is, and the chance per time of each reaction.

A reaction of a deterministic model proceeds at an extent per time; as a jump process it fires at a propensity, events
per time, such that both agree for large numbers. A law k*A^2 of a reaction that consumes two A becomes k*A*(A - 1), in
molecules of the right volume, because a molecule does not meet itself (Gillespie, Physica A 188:404, 1992). Laws that
are combinatorial already stay, laws of two directions become two reactions, and everything done is told in `remarks`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from manyscale.errors import InputError, UnsupportedError
from manyscale.kernels.kernel import Kernel
from manyscale.kernels.order import scan
from manyscale.kernels.templates import MassActionTerm, mass_action_terms
from manyscale.model.algebra import is_negated
from manyscale.model.declared_units import Declarations
from manyscale.model.expr import Add, Expr, Number, Symbol, add, mul, power, symbols
from manyscale.model.model import Model
from manyscale.model.parts import Species
from manyscale.units import molecules_per_unit


@dataclass(frozen=True)
class Propensity:
    """One direction of a reaction. `formula`: events per time. `reactants`: states, repeated, where the propensity is
    `constant` times the number of ways to choose them in order (None: only the formula says). `limit`: what the formula
    becomes for large numbers, where it differs."""

    reaction: str
    formula: Expr
    change: tuple[tuple[int, int], ...]  # (state, molecules)
    constant: Expr | None = None
    reactants: tuple[int, ...] = ()
    limit: Expr | None = None

    @property
    def macroscopic(self) -> Expr:
        """Events per time for large numbers: k*A^2 of k*A*(A - 1)."""
        return self.formula if self.limit is None else self.limit


@dataclass(frozen=True)
class JumpSystem:
    """`molecule[i]`: what one molecule is in the units of state i, as a formula in compartment sizes. `per_unit`:
    molecules in one unit of substance. `flows`: (state, its derivative in time) of what changes continuously between the
    jumps by rate rules; its `molecule` is 1."""

    kernel: Kernel
    propensities: tuple[Propensity, ...]
    molecule: tuple[Expr, ...]
    remarks: tuple[str, ...]
    per_unit: float = 1.0
    flows: tuple[tuple[int, Expr], ...] = ()


def jump_system(kernel: Kernel, counts: bool = False, flows: bool = False) -> JumpSystem:
    """The jump process of a model. `counts`: amounts without units are numbers of molecules. `flows`: rate rules may
    change something between the jumps.

    Errors: UnsupportedError naming what has no meaning as a jump process; InputError where units are missing.
    """
    return _Translation(kernel, counts, flows).result()


class _Translation:
    def __init__(self, kernel: Kernel, counts: bool, flows: bool):
        self.kernel, self.system, self.model = kernel, kernel.system, kernel.model
        self.remarks: list[str] = []
        _refuse(kernel, flows)
        self.per_unit = _per_unit(self.model, counts, self.remarks)
        self.flows = dict(self.system.rate_rules)
        self.index = {id: k for k, id in enumerate(self.system.states) if k not in self.flows}
        self.unit = {id: self._molecule(self.model[id], self.model[id].only_substance) for id in self.index}
        flowing = [self.system.state_symbols[i] for i in self.flows]
        self.parameters = self._made_of(self.system.parameters)
        self.between = self._made_of([*self.system.parameters, *flowing, ""])
        self.doubled: list[str] = []
        self.kept: list[str] = []
        self.split: list[str] = []
        self.left: list[str] = []

    def _made_of(self, names) -> set[str]:
        """These and what formulas make of nothing else ("" is time)."""
        found = set(names)
        for name in self.system.schedule:
            if self.system.uses[name] <= found:
                found.add(name)
        return found

    def _molecule(self, species: Species, amount: bool) -> Expr:
        one = Number(1.0 / self.per_unit)
        if amount or self.model[species.compartment].dimensions == 0:
            return one
        return mul(one, power(Symbol(species.compartment), Number(-1.0)))

    def result(self) -> JumpSystem:
        rates = dict(self.system.rates)
        made = [p for reaction in self.model.reactions for p in self._reaction(reaction.id, rates[reaction.id])]
        self._tell()
        flows = tuple(self.flows.items())
        return JumpSystem(self.kernel, tuple(made), self._molecules, tuple(self.remarks), self.per_unit, flows)

    @cached_property
    def _molecules(self) -> tuple[Expr, ...]:
        """What one molecule is in the units of each state."""
        states = enumerate(zip(self.system.states, self.system.state_is_amount, strict=True))
        return tuple(
            Number(1.0) if i in self.flows else self._molecule(self.model[id], amount) for i, (id, amount) in states
        )

    def _tell(self) -> None:
        for names, what in (
            (self.doubled, "k*A^n of molecules that react with each other read as k*A*(A - 1)..."),
            (self.kept, "laws that are combinatorial already, left as they are"),
            (self.left, "laws of molecules that react with their like, not mass action, left as they are"),
            (self.split, "laws of two directions, split into two reactions"),
        ):
            if names:
                self.remarks.append(f"{what}: {', '.join(names[:6])}{' and more' if len(names) > 6 else ''}")

    def _reaction(self, id: str, law: Expr) -> list[Propensity]:
        reaction = self.model[id]
        change = self._change(id)
        reactants, products = (_orders(id, side) for side in (reaction.reactants, reaction.products))
        terms = mass_action_terms(law, self.index, lambda e: symbols(e) <= self.between)
        if terms is None:
            return self._general(id, law, change, reaction.reversible)
        if self._combinatorial(terms, reactants):
            self.kept.append(id)
            return [Propensity(id, self._events(law), change, limit=self._events(self._highest(terms)))]
        forward = [term for term in terms if term.number > 0.0]
        backward = [_negative(term) for term in terms if term.number < 0.0]
        meet = self._meet(forward, reactants) and self._meet(backward, products)
        if not meet or (backward and not reaction.reversible):
            return self._general(id, law, change, reaction.reversible)
        if backward:
            self.split.append(id)
        reverse = tuple((i, -n) for i, n in change)
        sides = ((forward, change, reactants), (backward, reverse, products))
        return [self._elementary(id, part, steps, orders) for part, steps, orders in sides if part]

    def _general(self, id: str, law: Expr, change, reversible: bool) -> list[Propensity]:
        parts = law.terms if isinstance(law, Add) else ()
        negative = [term for term in parts if is_negated(term)]
        if not reversible or not negative or len(negative) == len(parts):
            self._one_way(id, law)
            if any(count > 1 for count in _orders(id, self.model[id].reactants).values()):
                self.left.append(id)
            return [Propensity(id, self._events(law), change)]
        self.split.append(id)
        positive = [term for term in parts if not is_negated(term)]
        reverse = tuple((i, -n) for i, n in change)
        return [
            Propensity(id, self._events(add(*positive)), change),
            Propensity(id, self._events(mul(Number(-1.0), add(*negative))), reverse),
        ]

    def _elementary(self, id: str, terms: list[MassActionTerm], change, orders: dict[str, int]) -> Propensity:
        """The law of molecules that meet; in formulas and, where there is one term, for the table."""
        formulas, limits, constant, chosen = [], [], None, ()
        for term in terms:
            factors: list[Expr] = [Number(term.number), *term.constants]
            units: list[Expr] = list(factors)
            falls = True
            for state in sorted(set(term.states)):
                name, count = self.system.states[state], term.states.count(state)
                symbol = Symbol(name)
                meets = count > 1 and orders.get(name, 0) == count
                falls = falls and (count == 1 or meets)
                if meets and id not in self.doubled:
                    self.doubled.append(id)
                for k in range(count):
                    less = mul(Number(-float(k)), self.unit[name])
                    factors.append(add(symbol, less) if meets and k else symbol)
                    units.append(self.unit[name])
            formulas.append(mul(*factors))
            limits.append(self._product(term))
            if falls and len(terms) == 1 and scan(mul(*units))[0] <= self.parameters:
                constant, chosen = self._events(mul(*units)), tuple(sorted(term.states))
        limit = self._events(add(*limits)) if id in self.doubled else None
        return Propensity(id, self._events(add(*formulas)), change, constant, chosen, limit)

    def _one_way(self, id: str, law: Expr) -> None:
        """Errors: UnsupportedError for a net rate, which is negative without reactants: as one reaction it would lose
        the noise and stop where the two directions balance."""
        reactants = [x.species for x in self.model[id].reactants if x.species in self.index]
        if not reactants:
            return
        if self._value(law, {id: 0.0 if id in reactants else 100.0 for id in self.index}) < 0.0:
            raise UnsupportedError(
                "reversible",
                f"reaction {id}: its law is the net rate of two directions and cannot be split; write it as two reactions",
            )

    def _meet(self, terms: list[MassActionTerm], orders: dict[str, int]) -> bool:
        """Whether each term is a law of molecules that meet: all that are used up take part."""
        for name in orders:
            if name in self.between:
                continue
            if name not in self.index or any(self.index[name] not in term.states for term in terms):
                return False
        return True

    def _combinatorial(self, terms: tuple[MassActionTerm, ...], orders: dict[str, int]) -> bool:
        """Whether the law vanishes by itself where there is one molecule too few."""
        if not any(count > 1 for count in orders.values()) or all(term.number > 0.0 for term in terms):
            return False
        formula = add(*(self._product(term) for term in terms))
        many = dict.fromkeys(self.index, 7.0)
        for name, count in orders.items():
            for k in range(1, count):
                few = self._value(formula, {**many, name: float(k)})
                if not abs(few) <= 1e-9 * abs(self._value(formula, many)):
                    return False
        return True

    def _product(self, term: MassActionTerm) -> Expr:
        return mul(Number(term.number), *term.constants, *(Symbol(self.system.states[i]) for i in term.states))

    def _highest(self, terms: tuple[MassActionTerm, ...]) -> Expr:
        """The terms of highest order, which are the law for large numbers."""
        order = max(len(term.states) for term in terms)
        return add(*(self._product(term) for term in terms if len(term.states) == order))

    @cached_property
    def _start(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(y, p, what one molecule is in the units of each state) at the start."""
        y, p = self.kernel.initial()
        return y, p, self.kernel.evaluate(self._molecules, 0.0, y, p)

    def _value(self, formula: Expr, molecules: dict[str, float]) -> float:
        """A formula where there are so many molecules of each species."""
        y, p, one = self._start
        point = np.array(y, dtype=float)
        for id, count in molecules.items():
            point[self.index[id]] = count * one[self.index[id]]
        return float(self.kernel.evaluate((formula,), 0.0, point, p)[0])

    def _events(self, extent: Expr) -> Expr:
        """Events per time from extent per time."""
        return extent if self.per_unit == 1.0 else mul(Number(self.per_unit), extent)

    def _change(self, id: str) -> tuple[tuple[int, int], ...]:
        column = self.system.columns[self.system.rate_index[id]]
        for number in column.values():
            if number.denominator != 1:
                raise UnsupportedError(
                    "stoichiometry",
                    f"reaction {id}: a stoichiometry of {float(number):g} has no meaning as a jump; use whole numbers",
                )
        return tuple((i, int(number)) for i, number in column.items())


def _negative(term: MassActionTerm) -> MassActionTerm:
    return MassActionTerm(-term.number, term.constants, term.states)


def _orders(id: str, side) -> dict[str, int]:
    found: dict[str, int] = {}
    for participant in side:
        number = participant.stoichiometry
        number = number.value if isinstance(number, Number) else number
        if isinstance(number, Expr):
            raise UnsupportedError(
                "stoichiometry", f"reaction {id}: a stoichiometry that is a formula has no meaning as a jump"
            )
        found[participant.species] = found.get(participant.species, 0) + int(1 if number is None else number)
    return found


def _refuse(kernel: Kernel, flows: bool) -> None:
    """What a jump process cannot have."""
    system, model = kernel.system, kernel.model
    if system.rate_rules and not flows:
        named = ", ".join(system.states[i] for i, _ in system.rate_rules[:3])
        raise UnsupportedError(
            "rate rules",
            f"rate rules (here: {named}) change something between the jumps, which level 'jump' alone of the levels of few "
            "molecules supports; use it, or level='ode'",
        )
    for what, found in (
        ("algebraic rules", [rule.name or "an algebraic rule" for rule in model.rules if rule.kind == "algebraic"]),
        ("delays", [d.symbol for d in system.delays]),
        ("fast reactions", [r.id for r in model.reactions if r.fast]),
        ("stoichiometries that change", [system.rates[j][0] for _, j, _ in system.variable_stoichiometry]),
        ("conversion factors", [s.id for s in model.species if s.conversion_factor or model.conversion_factor]),
    ):
        if found:
            raise UnsupportedError(
                what, f"a jump process cannot have {what} (here: {', '.join(map(str, found[:3]))}); use level='ode'"
            )


def _per_unit(model: Model, counts: bool, remarks: list[str]) -> float:
    """Molecules in one unit of substance, the same for all species."""
    if counts:
        remarks.append("amounts are read as numbers of molecules")
        return 1.0
    units, found = Declarations(model), {}
    for species in model.species:
        unit = units.substance(species)
        if unit is not None and not any(unit.exponents):
            each: float | None = unit.factor  # dimensionless amounts are numbers of molecules
        else:
            each = None if unit is None else molecules_per_unit(unit)
        if each is None:
            raise InputError(
                f"the amount of {species.id} is not in moles or molecules as far as the model says; declare its units, "
                "or give counts=True (--counts) to read amounts as numbers of molecules"
            )
        found.setdefault(each, species.id)
    if len(found) > 1:
        raise InputError(f"the amounts of {' and '.join(found.values())} have different units; give all the same")
    each = next(iter(found), 1.0)
    if each != 1.0:
        remarks.append(f"one unit of amount is {each:.6g} molecules")
    return each
