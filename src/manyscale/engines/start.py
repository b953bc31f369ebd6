"""The state at the start, or what is missing for there to be one."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from manyscale.errors import InputError
from manyscale.kernels.kernel import Kernel
from manyscale.model.expr import Symbol, walk

NAMED = 5  # at most so many in one message


def initial_state(kernel: Kernel, values: Mapping[str, float] | None) -> tuple[np.ndarray, np.ndarray]:
    """(y, p) at the start. Errors: InputError naming states without a value, or with an impossible one."""
    y, p = kernel.initial(values)
    bad = np.flatnonzero(~np.isfinite(y))
    if len(bad):
        named = [kernel.system.states[i] for i in bad[:NAMED]]
        if np.isinf(y[bad]).any():
            raise InputError(f"the initial value of {', '.join(named)} is not a finite number; correct it in the model")
        raise InputError(f"no initial value for {', '.join(named)}; give one in the model or with values={{...}}")
    return y, p


def without_value(kernel: Kernel, p: np.ndarray) -> str:
    """Parameters that have no value (NaN) although a right-hand side needs them, in words; "" where there are none."""
    missing = {kernel.system.parameters[k] for k in np.flatnonzero(np.isnan(p))}
    found: dict[str, str] = {}
    needed_by = [*kernel.system.rates, *kernel.system.variables]
    needed_by += [(kernel.system.states[i], formula) for i, formula in kernel.system.rate_rules]
    for name, formula in needed_by:
        for node in walk(formula):
            if isinstance(node, Symbol) and node.name in missing:
                found.setdefault(node.name, name)
    return ", ".join(f"{name} (in {user})" for name, user in list(found.items())[:NAMED])


def check_start(kernel: Kernel, values: Mapping[str, float] | None = None) -> None:
    """Errors: InputError where the equations have no finite value at the start, naming what is missing."""
    y, p = initial_state(kernel, values)
    with np.errstate(all="ignore"):
        slopes = kernel.rhs(0.0, y, p)
    bad = np.flatnonzero(~np.isfinite(slopes))
    if not len(bad):
        return
    missing = without_value(kernel, p)
    if missing:
        raise InputError(f"no value for {missing}; give one in the model, with values={{...}} or --set")
    state = kernel.system.states[bad[0]]
    raise InputError(
        f"d{state}/dt is {slopes[bad[0]]:g} at the start; look for a division by zero or a logarithm of zero in its rate "
        "laws, or change the initial values"
    )
