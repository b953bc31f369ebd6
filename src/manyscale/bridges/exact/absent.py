"""Leaving out what is not there and cannot be made; exact.

A set of variables that start at zero and whose rates vanish whenever all of the set are zero stays at zero for good (a
siphon of the network, in the words of Petri nets: Angeli, De Leenheer & Sontag, Math. Biosci. 210:598, 2007). The largest
such set is found by leaving out what fails until nothing does; that a rate vanishes is read off its formula.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from manyscale.bridges.bridge import Bridge
from manyscale.bridges.certificate import Assumption, Certificate, Refusal
from manyscale.bridges.exact.exactly import FromZero, exactly
from manyscale.bridges.exact.separate import given_later
from manyscale.bridges.explain import listed
from manyscale.bridges.held import frozen_model, unfreezable
from manyscale.engines.simulate import as_model
from manyscale.errors import InputError
from manyscale.kernels import compile_model
from manyscale.kernels.system import System
from manyscale.model.expr import Add, Call, Expr, Mul, Number, Piecewise, Power, Symbol, symbols, walk
from manyscale.model.model import Model
from manyscale.model.question import Question
from manyscale.scales.measure import Scales

NAME = "absent"
KEEP_ZERO = frozenset({"abs", "sin", "tan", "sinh", "tanh", "arcsin", "arctan", "arcsinh", "arctanh"})  # f(0) = 0
HARMLESS = KEEP_ZERO | {"exp", "cos", "cosh"}  # have a value at 0


def attempt(model: Model, scales: Scales | None, question: Question) -> Bridge | Refusal:
    """The bridge to the model without what is never there over the whole region; a Refusal where there is no such thing."""
    return _attempt(model, question.observables, dict(question.box))


def absent(model: Model, *, observables: Collection[str] = (), moving: Collection[str] = ()) -> Bridge:
    """The model without the variables that start at zero and stay there.

    observables: reactions whose rates must keep their ids. moving: ids whose values may be changed later on: a zero of theirs proves
    nothing. Errors: InputError where every variable is there, or can be made.
    """
    model = as_model(model)
    found = _attempt(model, tuple(observables), dict.fromkeys(moving))
    if isinstance(found, Refusal):
        raise InputError(f"{model.id}: {found.reason}")
    return found


def _attempt(model: Model, observables: Collection[str], box: Mapping) -> Bridge | Refusal:
    system = compile_model(model).system
    gone, constants = never_there(model, set(box))
    if not gone:
        return Refusal(NAME, "every variable is there from the start, or can be made", 0.0, 1.0)
    coarse = _without(model, system, gone, constants, observables)
    try:
        left = compile_model(coarse).system
    except InputError as error:
        return Refusal(NAME, f"what is left cannot be written: {str(error).splitlines()[0]}")
    still = tuple(id for id in system.states if id not in left.states and id not in gone)
    names = {*gone, *still, *(k.id for k in model.parameters if k.id in system.parameter_index)}
    parameters = {id: Symbol(id) for id in left.parameters if id in names}
    return Bridge(
        name=NAME, fine=model, coarse=coarse, restrict={id: Symbol(id) for id in left.states},
        lift={s.id: Symbol(s.id) for s in model.species}, parameters=parameters, eliminated=(*gone, *still),
        certificate=_certificate(model, system, gone, still, constants, box),
        project=FromZero({id: Symbol(id) for id in (*left.states, *parameters)}, (*gone, *constants)),
    )  # fmt: skip


def _without(model: Model, system: System, gone, constants, observables: Collection[str]) -> Model:
    """The model in which what is absent is held at zero, without the reactions that therefore stand still."""
    zero = _Vanishing(system, {*gone, *constants})
    idle = {id for id, rate in system.rates if zero(rate)}
    reactions = tuple(
        replace(r, reactants=(), products=())
        if r.id in idle and not any(p.id for p in (*r.reactants, *r.products))
        else r
        for r in model.reactions
    )
    return frozen_model(model.replace(reactions=reactions), gone, observables)


def never_there(model: Model, moving: Collection[str] = ()) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """States that are zero at all times, and the constants whose value of zero this rests on. moving: ids whose value is not fixed."""
    kernel = compile_model(model)
    system = kernel.system
    if system.delays or system.mass is not None:
        return (), ()
    y, p = kernel.initial()
    given = {*moving, *given_later(model)}
    forbidden = unfreezable(model, system)
    found = {id for i, id in enumerate(system.states) if y[i] == 0.0 and i not in forbidden and id not in given}
    constants = {id for id, value in zip(system.parameters, p) if value == 0.0 and id not in given}
    rows = dict(zip(system.states, system.right_sides))
    while True:
        zero = _Vanishing(system, found | constants)
        bad = {id for id in found if not zero(rows[id])}
        if not bad:
            break
        found -= bad
    used = zero.behind(rows[id] for id in found) & constants
    return tuple(id for id in system.states if id in found), tuple(sorted(used))


class _Vanishing:
    """Whether formulas are zero, and have a value, wherever some symbols are zero."""

    def __init__(self, system: System, zeros: set[str]):
        self.definitions, self.zeros = system.definitions, zeros
        self._known: dict[str, bool] = {}
        self._fine: dict[str, bool] = {}

    def __call__(self, formula: Expr) -> bool:
        return self._vanishes(formula) and self._defined(formula)

    def _vanishes(self, formula: Expr) -> bool:
        match formula:
            case Number(value):
                return value == 0.0
            case Symbol(name):
                return name in self.zeros or self._remembered(name, self._known, self._vanishes, False)
            case Add(terms):
                return all(map(self._vanishes, terms))
            case Mul(factors):
                return any(map(self._vanishes, factors))
            case Power(base, Number(exponent)):
                return exponent > 0 and self._vanishes(base)
            case Call(function, (argument,)):
                return function in KEEP_ZERO and self._vanishes(argument)
            case Piecewise(pieces, otherwise):
                values = [value for value, _ in pieces] + ([] if otherwise is None else [otherwise])
                return otherwise is not None and all(map(self._vanishes, values))
        return False

    def _defined(self, formula: Expr) -> bool:
        """Whether nothing in it loses its value because the symbols are zero (0/0, log 0)."""
        for node in walk(formula):
            match node:
                case Symbol(name):
                    good = name in self.zeros or self._remembered(name, self._fine, self._defined, True)
                case Power(base, exponent):
                    good = (isinstance(exponent, Number) and exponent.value > 0) or not self._vanishes(base)
                case Call(function, arguments):
                    good = function in HARMLESS or not any(map(self._vanishes, arguments))
                case _:
                    good = True
            if not good:
                return False
        return True

    def _remembered(self, name: str, known: dict[str, bool], ask, free: bool) -> bool:
        if name not in known:
            known[name] = free if name not in self.definitions else ask(self.definitions[name])
        return known[name]

    def behind(self, formulas) -> set[str]:
        """Every symbol that formulas depend on."""
        todo, seen = [name for formula in formulas for name in symbols(formula)], set()
        while todo:
            name = todo.pop()
            if name not in seen:
                seen.add(name)
                todo += symbols(self.definitions[name]) if name in self.definitions else ()
        return seen


def _certificate(model: Model, system: System, gone, still, constants, box) -> Certificate:
    because = f" or of {listed(constants, 4)}, which {'is' if len(constants) == 1 else 'are'} zero" if constants else ""
    more = f" With them {listed(still, 4)} never change{'s' if len(still) == 1 else ''}." if still else ""
    return exactly(
        model,
        claim=(
            f"{len(gone)} of {system.size} variables ({listed(gone, 6)}) start at zero and stay there: whatever makes one of "
            f"them needs another one of them{because}.{more} No error is made."
        ),
        assumptions=(
            Assumption("the rates of these variables vanish wherever all of them are zero", "proved"),
            Assumption("they are zero at the start, at every point of the region", "proved"),
        ),
        box=box,
        recipe={"method": NAME, "absent": list(gone), "constants": list(constants)},
    )
