"""From all jumps to the slow ones: fast reactions averaged over their stationary law, with a proved bound.

The bound is that of `l1_bound` on the states that the process can reach (within limits, where they are not finite), up to
rounding: the largest error in the probability of any event.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from manyscale.bridges.bridge import Bridge
from manyscale.bridges.certificate import Assumption, Certificate, ErrorStatement, Group, Refusal, source_hash, versions
from manyscale.bridges.explain import listed
from manyscale.bridges.number.l1_bound import Distance, NoAverage, averaged, distance
from manyscale.bridges.number.levels import to_level
from manyscale.engines.cme import state_space
from manyscale.engines.cme_space import StateSpace
from manyscale.engines.fast_search import fast_reactions
from manyscale.engines.hybrid import whole_start
from manyscale.engines.jump import simulate_jump
from manyscale.errors import InputError, SimulationError, UnsupportedError
from manyscale.kernels import compile_model
from manyscale.kernels.propensity_code import PropensityCode, propensity_code
from manyscale.model.model import Model
from manyscale.model.question import Question
from manyscale.scales import resolve
from manyscale.scales.measure import Scales

NAME = "slow_scale"
NORM = "total variation: the largest error in the probability of any event, from the end of the initial layer on"
MOST_STATES = 60_000
PATHS, WIDER, MORE = 200, 1.5, 10  # paths that show how far a process gets, and how much further the states go
MOST_JUMPS = 20_000_000
GAP = 4.1  # least ratio of fast to slow for which a division is looked for


def attempt(model: Model, scales: Scales | None = None, question: Question | None = None, *,
            fast: Sequence[str] | None = None, limits: Mapping[str, int] | None = None, counts: bool = False,
            max_states: int = MOST_STATES) -> Bridge | Refusal:  # fmt: skip
    """The bridge to the process of slow reactions (`coarse.level` is "slow_scale", ids are the same), tier "rigorous" at the
    model's own values, or a refusal with the number that failed.

    fast: ids of the fast reactions (default: found by their rates). limits: largest numbers of molecules, needed where
    nothing else bounds them and paths do not tell. counts: amounts without units are numbers of molecules. Errors:
    InputError for unknown names.
    """
    question = resolve(model, question)
    kernel = compile_model(model)
    horizon = float(question.horizon)  # type: ignore[arg-type]
    try:
        code = propensity_code(kernel, counts)
        p, scale, start, _ = whole_start(code, None)
        times = np.linspace(0.0, horizon, 21)
        division = fast_reactions(code, times, p, scale, start, fast, 0.0 if fast is not None else GAP, 20_000)
    except InputError as reason:
        if fast is not None and "has no reaction" in str(reason):
            raise
        return Refusal(NAME, str(reason).splitlines()[0])
    except (UnsupportedError, SimulationError) as reason:
        return Refusal(NAME, str(reason).splitlines()[0])
    try:
        space = _states(code, start * scale, p, limits, horizon, counts, max_states)
        quick = sorted(division.fast)
        made = averaged(space, quick)
        found = distance(space, quick, made, horizon, question.entry * horizon)
    except NoAverage as reason:
        return Refusal(NAME, str(reason))
    except SimulationError as reason:
        return Refusal(NAME, str(reason).splitlines()[0])
    ids = division.ids(division.fast)
    bound = float(found.whole.max())
    if bound > question.tolerance:
        return Refusal(
            NAME, f"averaging {listed(ids)} changes probabilities by up to {bound:.3g} as far as can be proved: slow reactions "
            "notice how the fast ones fluctuate", bound, question.tolerance, listed(ids),
        )  # fmt: skip
    return _bridge(model, question, ids, space, found, bound, counts)


def _bridge(
    model: Model, question: Question, ids, space: StateSpace, found: Distance, bound: float, counts: bool
) -> Bridge:
    slow, horizon = float(found.slow.max()), float(question.horizon)  # type: ignore[arg-type]
    certificate = Certificate(
        tier="rigorous",
        claim=f"{listed(ids)} are averaged over their stationary law. From t = {found.layer:.3g} to {horizon:g} the probability "
        f"of any event differs by at most {bound:.2g}, of any event of what slow reactions change by at most {slow:.2g}.",
        assumptions=(
            Assumption("master equations contract in l1; the residual is summed over every state", "proved"),
            Assumption(f"{len(space):,} states; what leaves them is part of the bound", "proved"),
            Assumption("rounding errors of floating-point numbers, some 1e-12, are not counted", "assumed"),
            Assumption("the model's own values; other initial values and constants were not looked at", "assumed"),
        ),
        groups=(
            Group("layer", "initial layer / horizon", found.layer / horizon, question.entry, None,
                  "how long the start is remembered by fast species"),
            Group("start", "||p - q||_1 at the end of the layer", found.start, None, None, "what the layer costs"),
        ),
        error=ErrorStatement(NORM, None, bound, points=1),
        recipe={"method": NAME, "fast": list(ids), "counts": counts, "horizon": horizon},
        source_hash=source_hash(model), versions=versions(),
    )  # fmt: skip
    return to_level(NAME, model, "slow_scale", certificate, layer_time=found.layer)


def _states(
    code: PropensityCode, y: np.ndarray, p: np.ndarray, limits, horizon: float, counts: bool, most: int
) -> StateSpace:
    """Every state that can be reached; where these are too many, those that paths come near."""
    space = state_space(code, y, p, limits)
    space.grow(np.arange(1), 2**31, most)
    if len(space) < most:
        return space
    if limits:
        raise SimulationError(
            f"more than {most:,} states within the limits; give smaller limits or a larger max_states"
        )
    run = simulate_jump(code.kernel, np.linspace(0.0, horizon, 101), replicates=PATHS, seed=1, counts=counts,
                        max_steps=MOST_JUMPS // PATHS)  # fmt: skip
    reached = (run.states / code.scale(p)).max(axis=(0, 1))
    wider = {id: int(WIDER * reached[i] + MORE) for i, id in enumerate(code.kernel.system.states)}
    space = state_space(code, y, p, wider)
    space.grow(np.arange(1), 2**31, most)
    if len(space) >= most:
        raise SimulationError(f"more than {most:,} states are within reach; give limits, or a larger max_states")
    return space
