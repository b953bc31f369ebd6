"""Line charts as plain SVG, without a script: for pages whose curves are few."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

WIDTH, HEIGHT = 640.0, 380.0
LEFT, RIGHT, TOP, BOTTOM = 76.0, 18.0, 16.0, 52.0


@dataclass(frozen=True)
class Line:
    """One curve: x and y of equal length; colour 0 to 7; dashed or not; dots in place of a line; name "" keeps it out of
    the legend."""

    x: Sequence[float]
    y: Sequence[float]
    name: str = ""
    colour: int = 0
    dashed: bool = False
    width: float = 2.4
    dots: bool = False


@dataclass(frozen=True)
class Mark:
    """A point with a word beside it."""

    x: float
    y: float
    text: str
    colour: int = 1
    below: bool = False  # the word, where another mark is near


def chart(lines: Sequence[Line], *, xlabel: str, ylabel: str, title: str, logx: bool = False, logy: bool = False,
          marks: Sequence[Mark] = (), xrange: tuple[float, float] | None = None) -> str:  # fmt: skip
    """An SVG with axes, grid, curves, marked points and a legend. `title` is what a screen reader says."""
    drawn = [_finite(line, logx, logy) for line in lines]
    xs = np.concatenate([x for x, _ in drawn] or [np.array([0.0, 1.0])])
    ys = np.concatenate([y for _, y in drawn] or [np.array([0.0, 1.0])])
    if not xs.size:
        return ""
    shown = [
        m
        for m in marks
        if math.isfinite(m.x) and math.isfinite(m.y) and (m.x > 0 or not logx) and (m.y > 0 or not logy)
    ]
    xs, ys = np.append(xs, [m.x for m in shown]), np.append(ys, [m.y for m in shown])
    low, high = xrange or (float(xs.min()), float(xs.max()))
    legend, lower = _legend([line for line in lines if line.name])
    height, top = HEIGHT + lower, TOP + lower
    across = _Axis(low, high, LEFT, WIDTH - RIGHT, logx)
    up = _Axis(float(ys.min()), float(ys.max()), height - BOTTOM, top, logy, padded=True)
    parts = [
        f'<svg viewBox="0 0 {WIDTH:g} {height:g}" role="img" aria-label="{escape(title, quote=True)}" '
        'style="width:100%;max-width:700px;height:auto;font:13px system-ui,sans-serif">'
    ]
    for value, place in across.ticks():
        parts.append(f'<path d="M{place:.1f} {top}V{height - BOTTOM}" stroke="var(--grid)"/>')
        parts.append(
            f'<text x="{place:.1f}" y="{height - BOTTOM + 18}" text-anchor="middle" fill="var(--soft)">{_short(value)}</text>'
        )
    for value, place in up.ticks():
        parts.append(f'<path d="M{LEFT} {place:.1f}H{WIDTH - RIGHT}" stroke="var(--grid)"/>')
        parts.append(
            f'<text x="{LEFT - 7}" y="{place + 4:.1f}" text-anchor="end" fill="var(--soft)">{_short(value)}</text>'
        )
    parts.append(
        f'<path d="M{LEFT} {top}V{height - BOTTOM}H{WIDTH - RIGHT}" fill="none" stroke="var(--soft)"/>'
        f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{height - 12}" text-anchor="middle" fill="var(--ink)">{escape(xlabel)}</text>'
        f'<text transform="translate(16 {(top + height - BOTTOM) / 2}) rotate(-90)" text-anchor="middle" fill="var(--ink)">'
        f"{escape(ylabel)}</text>"
    )
    for line, (x, y) in zip(lines, drawn):
        if line.dots:
            parts += [
                f'<circle cx="{across(a):.1f}" cy="{up(b):.1f}" r="4.5" fill="var(--c{line.colour})"/>'
                for a, b in zip(x, y)
            ]
            continue
        points = " ".join(f"{across(a):.1f},{up(b):.1f}" for a, b in zip(x, y) if low <= a <= high)
        dash = ' stroke-dasharray="7 5"' if line.dashed else ""
        parts.append(
            f'<polyline points="{points}" fill="none" stroke="var(--c{line.colour})" stroke-width="{line.width}"{dash}/>'
        )
    for mark in shown:
        x, y = across(mark.x), up(mark.y)
        end = x > WIDTH * 0.7
        parts.append(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4.5" fill="var(--c{mark.colour})"/><text x="{x + (-9 if end else 9):.1f}" '
            f'y="{y + (20 if mark.below else -7):.1f}" text-anchor="{"end" if end else "start"}" fill="var(--ink)">{escape(mark.text)}</text>'
        )
    return "".join([*parts, legend, "</svg>"])


def _finite(line: Line, logx: bool, logy: bool) -> tuple[np.ndarray, np.ndarray]:
    x, y = np.asarray(line.x, dtype=float), np.asarray(line.y, dtype=float)
    good = np.isfinite(x) & np.isfinite(y)
    good &= (x > 0) | (not logx)
    good &= (y > 0) | (not logy)
    return x[good], y[good]


def _legend(lines: Sequence[Line]) -> tuple[str, float]:
    """(SVG, height): names above the curves, in rows as wide as the chart."""
    parts, x, y = [], LEFT, 14.0
    for line in lines:
        wide = 52.0 + 7.2 * len(line.name)
        if x > LEFT and x + wide > WIDTH - RIGHT:
            x, y = LEFT, y + 19.0
        dash = ' stroke-dasharray="7 5"' if line.dashed else ""
        mark = f'<path d="M{x} {y - 4}h26" stroke="var(--c{line.colour})" stroke-width="2.4"{dash}/>'
        if line.dots:
            mark = f'<circle cx="{x + 13}" cy="{y - 4}" r="4.5" fill="var(--c{line.colour})"/>'
        parts.append(f'{mark}<text x="{x + 32}" y="{y}" fill="var(--ink)">{escape(line.name)}</text>')
        x += wide
    return "".join(parts), y + 4.0 if lines else 0.0


class _Axis:
    def __init__(self, low: float, high: float, start: float, end: float, log: bool, padded: bool = False):
        if low == high:
            low, high = (low / 2, high * 2) if log else (low - 0.5, high + 0.5)
        self.log = log
        self.low, self.high = (math.log10(low), math.log10(high)) if log else (low, high)
        if padded:
            extra = 0.06 * (self.high - self.low)
            self.low, self.high = self.low - extra, self.high + extra
        self.start, self.end = start, end

    def __call__(self, value: float) -> float:
        at = math.log10(value) if self.log else value
        return self.start + (at - self.low) / (self.high - self.low) * (self.end - self.start)

    def ticks(self) -> list[tuple[float, float]]:
        if self.log:
            first, last = math.ceil(self.low - 1e-9), math.floor(self.high + 1e-9)
            if last - first >= 2:
                step = max(1, math.ceil((last - first) / 7))
                return [(10.0**k, self(10.0**k)) for k in range(first, last + 1, step)]
            low, high = 10**self.low, 10**self.high
            spans = ((1, 2, 3, 5, 7), (1, 2, 5), (1, 3), (1,))
            found = [
                [m * 10.0**k for k in range(first - 2, last + 2) for m in span if low <= m * 10.0**k <= high]
                for span in spans
            ]
            values = next((one for one in found if 3 <= len(one) <= 7), list(np.linspace(low, high, 4)))
            return [(float(v), self(float(v))) for v in values]
        raw = (self.high - self.low) / 5
        size = 10.0 ** math.floor(math.log10(raw))
        step = next(s * size for s in (1, 2, 5, 10) if s * size >= raw)
        first = math.ceil(self.low / step)
        return [(k * step, self(k * step)) for k in range(first, math.floor(self.high / step) + 1)]


def _short(value: float) -> str:
    if value == 0 or abs(value) < 1e-14:
        return "0"
    size = abs(value)
    if 1e-3 <= size < 1e6:
        return f"{value:.0f}" if size >= 1e4 else f"{value:.4g}"
    power = math.floor(math.log10(size) + 1e-9)
    head = value / 10.0**power
    digits = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
    return ("" if abs(head - 1) < 1e-6 else f"{head:.3g}·") + "10" + str(power).translate(digits)
