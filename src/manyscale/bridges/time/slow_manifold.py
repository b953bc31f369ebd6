"""`slow_manifold`: fast variables on a slow manifold of higher order, as told; and where such a manifold ends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from manyscale.bridges.bridge import Bridge
from manyscale.bridges.time.quasi_steady import quasi_steady
from manyscale.bridges.time.series import HIGHEST
from manyscale.errors import InputError
from manyscale.model.model import Model


def slow_manifold(
    model: Model, fast: Sequence[str], *, order: int = 1, totals: Mapping[str, str] | None = None,
    layer: float = 0.0, observables: Sequence[str] = (),
) -> Bridge:  # fmt: skip
    """Replace the fast variables by the slow manifold to `order` in the ratio of fast to slow times; nothing is promised
    (tier "measured").

    order: 0 is the quasi-steady state, its error is of first order in the ratio; each order gains one (1 to 3; above 1
    only where the steady states have formulas). fast, totals, layer: as for `quasi_steady`; with a layer the start is
    the one whose orbit the fine model joins (its asymptotic phase), without one slow values are taken as they are, an
    error of first order whatever the manifold. Errors: InputError.
    """
    if order not in range(HIGHEST + 1):
        raise InputError(f"order={order}: slow manifolds are made to orders 0 to {HIGHEST}")
    return quasi_steady(model, fast, totals=totals, layer=layer, observables=observables, order=order)
