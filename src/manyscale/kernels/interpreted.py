"""The equations of a `System` by walking formulas: no compiler needed, slow, and the oracle for compiled kernels."""

from __future__ import annotations

from typing import Any

import numpy as np

from manyscale.kernels.dual import derive
from manyscale.kernels.interpret import evaluate
from manyscale.kernels.system import System
from manyscale.model.expr import Expr


class InterpretedEquations:
    """Functions of (t, y, p) with y of shape (n,) or (n, points), p of shape (np,) or (np, points)."""

    def __init__(self, system: System):
        self.system = system
        self.definitions = system.definitions
        self.balance = [(i, j, float(x)) for i, j, x in system.balance]
        self.ruled = {i for i, _ in (*system.rate_rules, *system.algebraic)}

    def names(self, t, y, p) -> dict[str, Any]:
        """Value of every symbol."""
        system = self.system
        values = dict(zip(system.parameters, p))
        values.update(zip(system.state_symbols, y))
        for name in system.schedule:
            values[name] = evaluate(self.definitions[name], t, values)
        return values

    def rhs(self, t, y, p) -> np.ndarray:
        system = self.system
        with np.errstate(all="ignore"):
            values = self.names(t, y, p)
            result = np.zeros_like(np.asarray(y, dtype=float))
            for i, j, x in self.balance:
                result[i] += x * values[system.rates[j][0]]
            for i, j, formula in system.variable_stoichiometry:
                result[i] += evaluate(formula, t, values) * values[system.rates[j][0]]
            for i, factor in enumerate(system.row_factors):
                if i not in self.ruled:
                    result[i] *= evaluate(factor, t, values)
            for i, formula in (*system.rate_rules, *system.algebraic):
                result[i] = evaluate(formula, t, values)
        return result

    def rates(self, t, y, p) -> np.ndarray:
        with np.errstate(all="ignore"):
            values = self.names(t, y, p)
        return np.array([values[name] for name, _ in self.system.rates], dtype=float)

    def observe(self, names, t, y, p) -> np.ndarray:
        """(len(names), points) for t of shape (points,), y of (n, points), p of (np,) or (np, points)."""
        with np.errstate(all="ignore"):
            values = self.names(t, y, p)
            return np.array([np.broadcast_to(np.asarray(values[name], float), np.shape(t)) for name in names])

    def of(self, formulas: tuple[Expr, ...], t, y, p) -> np.ndarray:
        """Values of formulas in the symbols of the system."""
        with np.errstate(all="ignore"):
            values = self.names(t, y, p)
            return np.array([evaluate(formula, t, values) for formula in formulas], dtype=float)

    # derivatives, by forward mode

    def _slopes(self, t, y, p, by: str):
        system = self.system
        count = {"y": len(y), "p": len(p), "t": 1}[by]
        zero, unit = np.zeros(count), np.eye(count)
        values = {name: (np.float64(x), unit[i] if by == "p" else zero) for i, (name, x) in
                  enumerate(zip(system.parameters, p))}  # fmt: skip
        for i, (name, x) in enumerate(zip(system.state_symbols, y)):
            values[name] = (np.float64(x), unit[i] if by == "y" else zero)
        time = np.ones(1) if by == "t" else zero
        for name in system.schedule:
            values[name] = derive(self.definitions[name], t, values, time)
        return values, time

    def _rows(self, t, y, p, by: str) -> np.ndarray:
        with np.errstate(all="ignore"):
            values, time = self._slopes(t, y, p, by)
            system = self.system
            sums = [(np.float64(0.0), np.zeros_like(time)) for _ in system.states]

            def accumulate(i, weight, slope, rate):
                value, gradient = sums[i]
                term = np.where(rate[1] == 0, 0.0, weight * rate[1]) + np.where(slope == 0, 0.0, slope * rate[0])
                sums[i] = value + weight * rate[0], gradient + term

            for i, j, x in self.balance:
                accumulate(i, x, np.zeros_like(time), values[system.rates[j][0]])
            for i, j, formula in system.variable_stoichiometry:
                weight, slope = derive(formula, t, values, time)
                accumulate(i, weight, slope, values[system.rates[j][0]])
            rows = []
            for (value, gradient), factor in zip(sums, system.row_factors):
                weight, slope = derive(factor, t, values, time)
                rows.append(weight * gradient + np.where(slope == 0, 0.0, slope * value))
            for i, formula in (*system.rate_rules, *system.algebraic):
                rows[i] = derive(formula, t, values, time)[1]
        return np.array(rows).reshape(len(system.states), time.size)

    def jacobian(self, t, y, p) -> np.ndarray:
        return self._rows(t, y, p, "y")

    def parameter_jacobian(self, t, y, p) -> np.ndarray:
        return self._rows(t, y, p, "p")

    def time_derivative(self, t, y, p) -> np.ndarray:
        return self._rows(t, y, p, "t")[:, 0]

    def rate_jacobian(self, t, y, p, by: str = "y") -> np.ndarray:
        with np.errstate(all="ignore"):
            values, time = self._slopes(t, y, p, by)
        return np.array([values[name][1] for name, _ in self.system.rates]).reshape(len(self.system.rates), time.size)
