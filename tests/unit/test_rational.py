"""Fractions without cancelling terms, for the ranges that proofs rest on."""

import numpy as np

from manyscale.bridges.rigorous.rational import rational
from manyscale.model.algebra import differentiate
from manyscale.model.evaluate import evaluate
from manyscale.model.parse import parse

NAMES = [f"x{i}" for i in range(12)]


def test_slopes_too_large_to_be_expanded_are_left_as_they_are():
    above = "+".join(f"{a}*{b}" for i, a in enumerate(NAMES[:10]) for b in NAMES[i:10])
    below = "+".join(f"{a}^2*{b}^3" for a in NAMES[:8] for b in NAMES[4:12])
    formula = parse(f"({above})/(1 + {below})")
    written = rational(formula, NAMES)
    assert written.ring is not None  # the fraction itself is small enough
    values = dict(zip(NAMES, np.random.default_rng(1).uniform(0.5, 2.0, len(NAMES))))
    for name in ("x0", "x5", "x11"):
        expected = evaluate(differentiate(formula, name), values)
        assert np.isclose(evaluate(written.slope(name), values), expected, rtol=1e-10)
