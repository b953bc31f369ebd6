"""The other end of the time scales: what hardly changes within the horizon is a constant.

Seen from the time of the question the slowest variables stand still; they become parameters of the coarse model (the
frozen slow variables of singular perturbation theory: Tikhonov, Mat. Sb. 31:575, 1952). To first order, with C the frozen
variables and S the others, e = coarse - fine follows e_S' = J_SS e_S + J_SC e_C with e_C = x_C(0) - x_C(t) known.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from manyscale.bridges.bridge import Bridge
from manyscale.bridges.certificate import Certificate
from manyscale.bridges.error_estimate import Sampled
from manyscale.bridges.explain import listed
from manyscale.bridges.held import frozen_model, unfreezable
from manyscale.engines.simulate import as_model
from manyscale.errors import InputError
from manyscale.kernels import compile_model
from manyscale.kernels.flatten import near
from manyscale.model.expr import Symbol
from manyscale.model.model import Model


def freeze(model: Model, slow: Sequence[str], *, observables: Collection[str] = ()) -> Bridge:
    """Hold variables at their initial values, as told; nothing is promised (tier "measured").

    slow: species or rate-rule variables. Reactions that then change nothing leave, unless observables name them.
    Errors: InputError for what is no such variable, or cannot be held (set by an event, in a growing compartment ...).
    """
    model = as_model(model)
    system = compile_model(model).system
    index = {id: i for i, id in enumerate(system.states)}
    forbidden = unfreezable(model, system)
    for id in slow:
        if id not in index:
            raise InputError(f"{id!r} is no variable of the equations of {model.id!r}{near(id, index)}")
        if index[id] in forbidden:
            raise InputError(f"freeze: {id} {forbidden[index[id]]}")
    gone = tuple(id for id in system.states if id in set(slow))
    coarse = frozen_model(model, gone, observables)
    kept = [id for id in system.states if id not in gone]
    return Bridge(
        name="freeze", fine=model, coarse=coarse, restrict={id: Symbol(id) for id in kept},
        lift={s.id: Symbol(s.id) for s in model.species}, certificate=Certificate("measured", claim(gone)),
        parameters={id: Symbol(id) for id in gone}, eliminated=gone,
    )  # fmt: skip


def claim(gone: Sequence[str]) -> str:
    """What the bridge does, in one sentence."""
    return f"{listed(gone)} hardly change{'s' if len(gone) == 1 else ''} and keep{'s' if len(gone) == 1 else ''} the initial value{'' if len(gone) == 1 else 's'}."


def drift(states: np.ndarray) -> np.ndarray:
    """How far each state of a run (K, n) goes from its start, relative to its largest value; shape (n,)."""
    size = np.abs(states).max(axis=0)
    size = np.maximum(size, 1e-12 * size.max(initial=0.0))
    away = np.abs(states - states[0]).max(axis=0)
    return np.divide(away, size, out=np.zeros(len(size)), where=size > 0)


def spread_of_errors(run: Sampled, held: np.ndarray, algebraic: Collection[int] = ()) -> np.ndarray:
    """What holding each of the states `held` does to every state: (n, len(held)) errors, relative to the sizes and
    signed, each row at the time at which the whole of it is largest."""
    n = run.states.shape[1]
    others = np.setdiff1d(np.arange(n), held)
    differential = np.ones(len(others))
    differential[np.isin(others, list(algebraic))] = 0.0
    sizes = run.sizes
    peak = np.zeros((n, len(held)))
    e = np.zeros((len(others), len(held)))
    for k in range(1, len(run.times)):
        step = run.times[k] - run.times[k - 1]
        away = run.states[0, held] - run.states[k, held]
        jacobian = run.jacobians[k]
        left = np.diag(differential) - step * jacobian[np.ix_(others, others)]
        right = differential[:, None] * e + step * jacobian[np.ix_(others, held)] * away
        try:
            e = np.linalg.solve(left, right)
        except np.linalg.LinAlgError:
            return np.full((n, len(held)), np.inf)
        if not np.isfinite(e).all():
            return np.full((n, len(held)), np.inf)
        now = np.zeros((n, len(held)))
        now[others] = e
        now[held, np.arange(len(held))] = away
        now /= sizes[:, None]
        larger = np.abs(now.sum(axis=1)) > np.abs(peak.sum(axis=1))
        peak[larger] = now[larger]
    return peak
