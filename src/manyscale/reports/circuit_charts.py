"""Charts of circuits and cells: dose-response with tangent, loading curves, product against growth, growth laws."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from manyscale.circuits.measures import hill
from manyscale.reports.curves import Line, Mark, chart

SETTINGS = {"held": "cell that does not feel the circuit", "competition": "sharing of energy and ribosomes only",
            "host": "sharing and growth feedback"}  # fmt: skip


def dose_response(found: Any) -> str:
    """Steady states against the dose (unstable ones dashed), the best Hill curve, the tangent at half."""
    reach = found.fit_interval[1] / found.fit_interval[0]
    low, high = found.fit_interval[0] / max(3.0, reach**0.25), found.fit_interval[1] * max(3.0, reach**0.25)
    if found.bistable:
        folds = [x for b in found.branches for x in (b.dose[0], b.dose[-1])]
        inner = [x for x in folds if found.dose[0] * 1.01 < x < found.dose[-1] * 0.99] or [found.half_point]
        low, high = (
            min([low, *(x / 5 for x in inner)]),
            max([high, *(x * 5 for x in inner), 10 * float(found.dose.max())]),
        )
    known = [x for b in found.branches for x in (b.dose.min(), b.dose.max())] if found.bistable else found.dose
    low, high = max(low, float(np.min(known))), min(high, float(np.max(known)))
    lines = []
    for k, branch in enumerate(found.branches):
        keep = (branch.dose >= low) & (branch.dose <= high)
        name = "steady states" if k == 0 else "unstable" if not branch.stable else ""
        name = name if name not in {line.name for line in lines} else ""
        lines.append(Line(branch.dose[keep], branch.response[keep], name, 0 if branch.stable else 7, not branch.stable))
    marks = []
    if math.isfinite(found.n_half):
        grid = np.geomspace(low, min(high, float(found.dose.max())), 200)
        middle = 0.5 * (found.leak + found.saturation)
        law = found.leak + (found.saturation - found.leak) * hill(np.log(grid), np.log(found.fit_half), found.n_fit)
        lines.append(Line(grid, law, f"best Hill curve, n = {found.n_fit:.3g}", 1, True, 1.8))
        tangent = middle + (found.saturation - found.leak) * found.n_half / 4 * np.log(grid / found.half_point)
        bottom, top = sorted((found.leak, found.saturation))
        inside = (tangent >= bottom) & (tangent <= top)
        lines.append(Line(grid[inside], tangent[inside], f"tangent at half, n = {found.n_half:.3g}", 2, False, 1.6))
        marks = [Mark(found.half_point, middle, f"half at {found.half_point:.3g}")]
    return chart(lines, xlabel=f"{found.input} (logarithmic)", ylabel=found.output, logx=True, marks=marks, xrange=(low, high),
                 title=f"{found.output} against {found.input}")  # fmt: skip


def loading(curve: Any, time: str = "", amount: str = "") -> list[str]:
    """(times, levels) against load; time, amount: units."""
    loads = curve.loads
    log = bool((loads > 0).sum() > 2 and loads.max() > 30 * loads[loads > 0].min())
    label = f"total of {curve.site}" + (f", {amount}" if amount else "") + (" (logarithmic)" if log else "")
    times = chart(
        [Line(loads, curve.tau_eff, "time constant", 0), Line(loads, curve.half_time, "time to half, from zero", 1, True)],
        xlabel=label, ylabel=f"time, {time}" if time else "time", title="time constant and half-time against load", logx=log,
        logy=True,
    )  # fmt: skip
    relative = curve.output / curve.output[0] if curve.output[0] else curve.output
    levels = chart(
        [Line(loads, relative, "level, relative to the first", 0),
         Line(loads, curve.amplitude, "answer to a change at 1/tau alone", 1, True),
         *([Line(loads, curve.bandwidth / curve.bandwidth[0], "bandwidth, relative to the first", 2)]
           if np.isfinite(curve.bandwidth[0]) else [])],
        xlabel=label, ylabel="relative", title="level, amplitude and bandwidth against load", logx=log,
    )  # fmt: skip
    return [times, levels]


def pareto(front: Any, own: float) -> list[str]:
    """(product rate against growth, growth and share against expression); own: growth rate of the host alone."""
    best, chosen = front.best, front.front
    relative = front.growth_rate / own
    lines = [Line(relative, front.product_rate, "too much: less growth and less product", 7, True, 1.6),
             Line(relative[chosen], front.product_rate[chosen], "nothing better on both (Pareto front)", 0)]  # fmt: skip
    design = int(np.argmin(np.abs(np.log(front.factors))))
    marks = [
        Mark(float(relative[best]), float(front.product_rate[best]), f"most product, at {front.factors[best]:.3g} x the design"),
        Mark(float(relative[design]), float(front.product_rate[design]), "as designed", 2, True),
    ]  # fmt: skip
    first = chart(lines, xlabel="growth rate, relative to the host alone", ylabel="proteins made per cell and minute",
                  title="product rate against growth", marks=marks)  # fmt: skip
    second = chart(
        [Line(front.factors, relative, "growth, relative to the host alone", 0),
         Line(front.factors, front.protein_fraction, "share of the circuit in the cell's protein", 1)],
        xlabel="expression, times the design (logarithmic)", ylabel="share", title="growth and protein against expression",
        logx=True,
    )  # fmt: skip
    return [first, second]


def batch(found: Any) -> str:
    """Product per time of a batch against expression."""
    k = found.best
    marks = [
        Mark(float(found.factors[k]), float(found.productivity[k]), f"best, at {found.factors[k]:.3g} x the design")
    ]
    return chart(
        [Line(found.factors, found.productivity, "product per minute", 0)], logx=True, logy=True, marks=marks if k >= 0 else (),
        xlabel="expression, times the design (logarithmic)", ylabel="proteins per minute, whole batch",
        title="yield of a batch per time against expression",
    )  # fmt: skip


def memory(kept: Any) -> str:
    """Stable states in the plane of the first two proteins, in each setting; "" for one protein."""
    if len(kept.genes) < 2:
        return ""
    a, b = kept.genes[:2]
    dots = [
        Line([s[a] for s in getattr(kept, name)], [s[b] for s in getattr(kept, name)], words, colour, dots=True)
        for colour, (name, words) in enumerate(SETTINGS.items())
    ]
    return chart(dots, xlabel=f"{a}, molecules (logarithmic)", ylabel=f"{b}, molecules (logarithmic)", logx=True, logy=True,
                 title=f"stable states of {a} and {b}")  # fmt: skip


def isocost(line: Any) -> str:
    """One protein against another as the gene of the other is driven, with the best line."""
    first, second = line.names
    straight = line.intercept + line.slope * line.first
    return chart(
        [Line(line.first, line.second, "steady states", 0, dots=True), Line(line.first, straight, "best line", 1, True, 1.8)],
        xlabel=f"{first}, molecules per cell", ylabel=f"{second}, molecules per cell",
        title=f"isocost line of {first} and {second}",
    )  # fmt: skip


def growth_laws(law: Any = None, inhibited: Sequence[Any] = (), here: tuple[float, float] | None = None) -> str:
    """Ribosomal share against growth: over nutrients, and for each nutrient over inhibition; here: one cell's place."""
    lines = []
    if law is not None:
        order = np.argsort(law.growth_rate)
        x, y = law.growth_rate[order], law.ribosome_share[order]
        lines = [Line(x, y, "nutrients from poor to rich", 0, dots=True),
                 Line(x, law.intercept + law.slope * x, "first law", 0, False, 1.8)]  # fmt: skip
    for k, one in enumerate(inhibited):
        words = f"inhibited translation, nutrient {one.nutrient:.3g}"
        lines.append(Line(one.growth_rate, one.ribosome_share, words, k + 1, True, 1.8))
    return chart(
        lines, xlabel="growth rate, per minute", ylabel="ribosomal share of protein", title="ribosomes against growth",
        marks=[] if here is None else [Mark(*here, "this cell", 3)],
    )  # fmt: skip
