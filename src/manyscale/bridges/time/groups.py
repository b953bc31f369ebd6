"""The small numbers of a reduction, named by the model's own parameters."""

from __future__ import annotations

import numpy as np

from manyscale.bridges.certificate import Group
from manyscale.bridges.time.network import decay_formulas
from manyscale.model.expr import Expr, add
from manyscale.model.polynomial import NotPolynomial, Ring, TooLarge, nodes
from manyscale.model.printing import infix

SMALL = 0.1  # share of a decay rate below which a term counts as slow
MOST = 12  # variables for which groups are made
LONGEST = 120  # nodes of a formula worth showing


def small_numbers(made, survey) -> tuple[Group, ...]:
    """Per fast variable eps = (slow part of its decay rate) / (the rest), read off the terms of the formula.

    The decay rate is -dG/dy of its own equation in the coordinates of the split; a term counts as slow where it is
    below a tenth of the whole at the end of the first run.
    """
    if len(made.network.fast) > MOST:
        return ()
    kernel, run = survey.kernel, survey.runs[0]
    _, p = kernel.initial()
    row = len(run.times) - 1
    found = []
    for y, formula in decay_formulas(made.bridge.fine, survey.system, made.network).items():
        terms = _terms(formula)
        if len(terms) < 2:
            continue
        with np.errstate(all="ignore"):
            sizes = [float(v) for v in kernel.evaluate(tuple(terms), float(run.times[row]), run.states[row], p)]
        whole = sum(sizes)
        slow = [k for k, v in enumerate(sizes) if abs(v) < SMALL * abs(whole)]
        if not slow or len(slow) == len(sizes) or not np.isfinite(whole) or whole <= 0:
            continue
        above, below = add(*(terms[k] for k in slow)), add(*(t for k, t in enumerate(terms) if k not in slow))
        if nodes(above) + nodes(below) > LONGEST:
            continue
        value = abs(sum(sizes[k] for k in slow)) / sum(v for k, v in enumerate(sizes) if k not in slow)
        found.append(
            Group(f"eps_{y}", f"abs({infix(above)}) / ({infix(below)})", value, SMALL, SMALL / value if value else None,
                  f"slow losses of {y} against its relaxation")
        )  # fmt: skip
    return tuple(found)


def _terms(formula: Expr) -> list[Expr]:
    """The terms of a formula, expanded."""
    ring = Ring(())
    try:
        part = ring.read(formula)
    except (NotPolynomial, TooLarge):
        return []
    if part.below != {(): 1.0} or len(part.above) > 40:
        return []
    return [ring.formula({monomial: number}) for monomial, number in part.above.items()]
