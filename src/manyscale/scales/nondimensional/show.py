"""A nondimensionalization as text and as HTML."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

SHOWN = 20


def text(found) -> str:
    """For terminals."""
    lines = []
    for heading, rows in _tables(found):
        if heading:
            lines.append(f"{heading}:")
        widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))] if rows else []
        lines += ["  " + "  ".join(c.ljust(min(w, 60)) for c, w in zip(row, widths)).rstrip() for row in rows]
    return "\n".join([summary(found), *lines, *(f"note: {remark}" for remark in found.remarks)])


def html(found) -> str:
    """For notebooks."""
    out = [f"<p>{escape(summary(found))}</p>"]
    for heading, rows in _tables(found):
        cells = ["".join(f"<td style='text-align:left'>{escape(c)}</td>" for c in row) for row in rows]
        out.append(f"<h4>{escape(heading)}</h4><table>{''.join(f'<tr>{row}</tr>' for row in cells)}</table>")
    return "".join([*out, *(f"<p>{escape(remark)}</p>" for remark in found.remarks)])


def summary(found) -> str:
    """One sentence: how many quantities, how many groups."""
    n = found.count
    words = (
        f"{n.quantities} given quantities, {n.symmetry_rank} scales that the equations leave open: "
        f"{n.symmetry_groups} dimensionless groups."
    )
    if n.unit_groups is not None and n.unit_groups != n.symmetry_groups:
        words += f" Units alone leave {n.unit_groups}."
    if n.missing:
        words += f" Units are not declared for {len(n.missing)} of the quantities; the symmetries of the equations were used."
    return words


def _tables(found) -> Iterator[tuple[str, list[tuple[str, ...]]]]:
    scales = [found.time, *found.scales.values()]
    rows = [
        ("time" if s.id == "(time)" else s.id, "=", s.formula, f"= {s.value:.4g} {s.unit}".rstrip()) for s in scales
    ]
    yield "Scales (one unit of each variable)", _cut(rows)
    if found.small:
        yield (
            "Small parameters, smallest first",
            _cut([(s.name, f"= {s.formula}", f"= {s.value:.3g}", _region(s), s.meaning) for s in found.small]),
        )
    if found.thresholds:
        yield (
            "Numbers that decide at one",
            _cut([(g.id, f"= {g.formula}", f"= {g.value:.4g}", g.meaning) for g in found.thresholds]),
        )
    if found.groups:
        yield (
            "Groups of the dimensionless model",
            _cut([(g.id, f"= {g.formula}", f"= {g.value:.4g}", g.meaning) for g in found.groups]),
        )
    if found.equations:
        yield "Equations", _cut([(left, "=", right) for left, right in found.equations.items()])


def _region(one) -> str:
    if one.range is None:
        return ""
    words = f"in the region {one.range[0]:.2g} to {one.range[1]:.2g}"
    if one.steady is None:
        return words
    place = "" if one.ahead is None else f", in its place in {one.ahead:.0%}"
    return f"{words}, below 0.1 in {one.steady:.0%} of it{place}"


def _cut(rows: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    if len(rows) <= SHOWN:
        return rows
    return [*rows[:SHOWN], (f"... and {len(rows) - SHOWN} more", *[""] * (len(rows[0]) - 1))]
