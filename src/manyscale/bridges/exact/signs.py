"""Which formulas over constants keep their sign all over a region."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from manyscale.bridges.bridge import Chain
from manyscale.bridges.compose import start_values
from manyscale.kernels import compile_model
from manyscale.model.expr import Add, Call, Expr, Mul, Number, Power, Symbol
from manyscale.model.model import Model


class Signs:
    """Signs of formulas over the constants of `model`, while what `box` names moves within its bounds.

    Constants that follow from others at the start (by initial assignments, or totals that the steps `before` made) have
    the sign of their formulas; the rest keep their values.
    """

    def __init__(self, model: Model, box: Mapping[str, tuple[float, float]], before: Chain | None = None):
        self.box = box
        self.values: dict[str, float] = {}
        self.origins: dict[str, Expr] = {}
        models = [bridge.fine for bridge in before.bridges] if before else []
        for one in (*models, model):
            self.values |= start_values(one)
            self.origins |= dict(compile_model(one).system.initial_formulas)
        for bridge in before.bridges if before else ():
            made = {**bridge.restrict, **bridge.parameters}
            self.origins |= {id: formula for id, formula in made.items() if formula != Symbol(id)}
        self._known: dict[str, float] = {}

    def of(self, formula: Expr) -> float:
        """1 or -1 where the formula has this sign for certain, else 0."""
        signs = set()
        for term in formula.terms if isinstance(formula, Add) else (formula,):
            sign = 1.0
            for factor in term.factors if isinstance(term, Mul) else (term,):
                if isinstance(factor, Number):
                    sign *= factor.value
                elif not self._least(factor) > 0:
                    return 0.0
            signs.add(float(np.sign(sign)))
        return signs.pop() if len(signs) == 1 else 0.0

    def _least(self, formula: Expr) -> float:
        """1 where it is positive for certain, 0 where it is not negative, else -1."""
        match formula:
            case Number(value):
                return float(np.sign(value))
            case Symbol(id):
                if id not in self._known:
                    self._known[id] = self._of_constant(id)
                return self._known[id]
            case Power(base, exponent):
                least = self._least(base)
                return least if least > 0 or (least == 0 and self._least(exponent) > 0) else -1.0
            case Mul(factors):
                return min(map(self._least, factors))
            case Add(terms):
                signs = [self._least(term) for term in terms]
                return -1.0 if min(signs) < 0 else max(signs)
            case Call("exp", _):
                return 1.0
        return -1.0

    def _of_constant(self, id: str) -> float:
        if id in self.box:
            return float(np.sign(self.box[id][0]))
        if id in self.origins:
            return self._least(self.origins[id])
        value = self.values.get(id, np.nan)
        return float(np.sign(value)) if np.isfinite(value) else -1.0
