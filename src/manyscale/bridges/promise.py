"""From errors at training points to what a certificate promises."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from manyscale.bridges.bands import band
from manyscale.bridges.certificate import Assumption, Certificate, ErrorStatement, Group, Spectrum
from manyscale.bridges.error_estimate import Estimate
from manyscale.bridges.norm import NORM, Errors
from manyscale.bridges.splits import LEAST_GAP, SETTLED, Survey
from manyscale.bridges.time.groups import small_numbers
from manyscale.bridges.time.quasi_steady import Draft, claim, recipe, stamp

LEAST = 1.2  # factor on the worst error where the worst point was sought along every direction of the region
DRAWN = 1.25  # least factor on the worst error at drawn points
UNSOUGHT = (2.0, 4.0)  # least and most factor where points were only drawn


def inflation(errors: np.ndarray) -> float:
    """Factor on the worst error at drawn points, from how widely the larger half of the errors is spread
    (logarithmically)."""
    values = np.sort(errors[np.isfinite(errors) & (errors > 0)])
    if len(values) < 8:
        return UNSOUGHT[1]
    top = np.log(values[len(values) // 2 :])
    sigma = 1.3 * float(np.sqrt(np.mean((top - top[0]) ** 2)))
    few = np.sqrt(64.0 / len(values))  # fewer points, wider
    return float(np.clip(np.exp(0.45 * sigma * few), *UNSOUGHT))


def promised(drawn: np.ndarray, worst: float, thorough: bool) -> float:
    """The bound, from the errors at drawn points and the worst one of all that were tried; `thorough`: the search for
    the worst point of the region came to an end."""
    most = float(drawn.max(initial=0.0))
    if thorough:
        return max(LEAST * worst, DRAWN * most)
    return max(DRAWN * worst, inflation(drawn) * most)


def statement(errors: Sequence[Errors], bound: float, times: np.ndarray) -> ErrorStatement:
    """What a certificate says about errors measured at points (at these times) and the bound promised from them."""
    worst = max(e.worst for e in errors)
    per: dict[str, float] = {}
    for one in errors:
        for id, value in one.per_observable.items():
            per[id] = max(per.get(id, 0.0), value)
    effectivity = bound / worst if worst > 0 else None
    return ErrorStatement(NORM, worst, bound, effectivity, per, len(errors), band(times, errors, bound))


def points_assumed(count: int, cornered: bool, confirmed: int = 0) -> tuple[Assumption, ...]:
    """What a promise from `count` points rests on; `cornered`: the worst corner of the region was sought."""
    corners = ", corners included" if cornered else ""
    between = "points between those tried" if cornered else "points of the region other than those tried, few of which "
    between += "" if cornered else "lie near its corners,"
    return (
        Assumption(f"fine and coarse runs compared at {count} points of the region{corners}", "checked"),
        *(
            [Assumption(f"the promise held at {confirmed} fresh points that no candidate had seen", "checked")]
            if confirmed
            else []
        ),
        Assumption(f"{between} are no worse than the safety factor allows", "assumed"),
    )


def certified(
    search, made: Draft, estimate: Estimate, errors: Sequence[Errors], bound: float, survey: Survey, confirmed: int = 0
) -> Certificate:
    """The certificate of a bridge that kept to the tolerance at every training point."""
    question, network = search.question, made.network
    entry = SETTLED / estimate.nu
    text = claim(network, made.order)
    text += f" Over the region every observable keeps within {bound:.2g} of the full model for {search.horizon:g} time units"
    text += f" (fast ones from t = {made.bridge.layer_time:g})."
    groups = (
        Group("gap", "slowest fast rate / fastest slow rate", estimate.typical_gap, LEAST_GAP,
              estimate.typical_gap / LEAST_GAP, "how far fast and slow are apart, median along the runs"),
        Group("layer", "3 decay times / horizon", entry / search.horizon, question.entry,
              question.entry * search.horizon / entry, "how long the initial layer lasts"),
        Group("alignment", "|J_sf J_ff^-2 J_fs|", estimate.alignment, None, None, "how far slow coordinates move fast"),
        *small_numbers(made, survey),
    )  # fmt: skip
    fast = np.sort(_scales(survey, made))
    return Certificate(
        tier="estimated", claim=text,
        assumptions=_assumptions(made, errors, estimate, search.examination.cornered, confirmed), groups=groups,
        spectrum=Spectrum(estimate.typical_gap, estimate.nu, estimate.alignment, tuple(fast.tolist())),
        defect=estimate.defect,
        error=statement(errors, bound, search.trials.times),
        domain=dict(question.box), alternatives=tuple(dict.fromkeys(search.rejected))[-12:],
        recipe=recipe(network, made.split, survey.system, getattr(made.bridge.project, "time", 0.0), made.order), **stamp(made.bridge.fine),
    )  # fmt: skip


def _scales(survey: Survey, made: Draft) -> np.ndarray:
    """Time scales of the fast variables one by one, at the end of the first run."""
    diagonal = np.diag(survey.runs[0].jacobians[-1])[list(made.split.fast)]
    return np.abs(1.0 / np.where(diagonal == 0, np.inf, diagonal))


def _assumptions(
    made: Draft, errors: Sequence[Errors], estimate: Estimate, cornered: bool, confirmed: int
) -> tuple[Assumption, ...]:
    how = set(made.network.closure.how.values())
    found = [
        Assumption("the fast block of the Jacobian decays along every run used", "checked"),
        Assumption(
            f"its slowest mode decays {estimate.typical_gap:.3g} times faster than the slow ones move", "checked"
        ),
        *points_assumed(len(errors), cornered, confirmed),
    ]
    if "linear" in how:
        found.append(Assumption("linear steady-state equations have one solution, taken exactly", "proved"))
    if "quadratic" in how:
        found.append(Assumption("of two roots of a quadratic the attracting one is taken", "proved"))
    if "numeric" in how:
        found.append(Assumption("the root of the remaining equations is followed from the projected start", "checked"))
    return tuple(found)
