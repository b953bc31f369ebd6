"""Parameters of a coarse model as power laws of constants: value = base * product of (constant / its own value)^exponent.

slopes: constant -> {parameter: exponent}; what is missing has exponent 0.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from manyscale.model.expr import Expr, Number, Symbol, mul, power

Slopes = Mapping[str, Mapping[str, float]]


def carried(base: Mapping[str, float], slopes: Slopes, ratios: Mapping[str, float]) -> dict[str, float]:
    """The parameters where each constant is `ratios` times its own value."""
    return {
        name: value * float(np.prod([ratios[id] ** one.get(name, 0.0) for id, one in slopes.items()]))
        for name, value in base.items()
    }


def formula(name: str, base: Mapping[str, float], slopes: Slopes, own: Mapping[str, float]) -> Expr:
    """One parameter over the constants."""
    if not base[name]:
        return Number(0.0)
    parts = [power(mul(Symbol(id), 1.0 / own[id]), one[name]) for id, one in slopes.items() if one.get(name)]
    return mul(base[name], *parts)
