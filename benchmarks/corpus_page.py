"""The table of `manyscale bench corpus` as one page: what was reached, then every model."""

from __future__ import annotations

import html
from collections.abc import Sequence

import numpy as np

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #1f2933; background: #fbfaf7; margin: 2rem auto; max-width: 76rem; padding: 0 1rem; }
h1 { font-size: 1.5rem; } table { border-collapse: collapse; width: 100%; background: #fff; margin: 1rem 0 2rem; }
th, td { text-align: left; padding: .35rem .6rem; border-bottom: 1px solid #e5e7eb; vertical-align: top; }
th { font-size: .8rem; color: #52606d; position: sticky; top: 0; background: #fff; } td.small { min-width: 24rem; } td.n { text-align: right; font-variant-numeric: tabular-nums; }
.yes { color: #0b6e4f; } .no { color: #9a3412; } .small { color: #52606d; font-size: .85rem; } .bar { background: #0e7490; height: .6rem; display: inline-block; }
.over { overflow-x: auto; }
"""
COLUMNS = (
    ("model", "model"), ("equations", "full"), ("after totals", "conserved"), ("proved", "proved"), ("small model", "reduced"), ("steps", "bridges"),
    ("evidence", "tier"), ("promised", "bound"), ("largest error seen", "worst"), ("points", "points"),
    ("broken promises", "violations"), ("small/full time", "speed"), ("seconds", "seconds"), ("why not, or what else", "message"),
)  # fmt: skip


def number(row: dict, name: str) -> float | None:
    try:
        return float(row.get(name) or "nan")
    except ValueError:
        return None


def figures(rows: Sequence[dict]) -> list[tuple[str, str]]:
    """What was reached, as (what, how much)."""
    answered = [r for r in rows if r["exit"] in ("0", "3", 0, 3)]
    able = [r for r in answered if (number(r, "conserved") or 0) >= 2]
    reduced = [r for r in able if r["tier"]]
    whole = [r for r in reduced if r["tier"] in ("rigorous", "exact")]
    proved = [r for r in reduced if r.get("proved_by")]
    bounded = [r for r in proved if "rigorous" in r["proved_by"]]
    narrower = [r for r in able if not r["tier"] and r.get("narrower")]
    factors = [float(r["conserved"]) / max(float(r["reduced"]), 1.0) for r in reduced]
    tight = [float(r["bound"]) / float(r["worst"]) for r in reduced if (number(r, "worst") or 0.0) > 1e-6]
    seconds = [float(r["seconds"]) for r in rows]
    speeds = [s for s in (number(r, "speed") for r in reduced) if s is not None and np.isfinite(s)]

    def two(values: Sequence[float], high: float) -> str:
        return f"{np.median(values):.2g} / {np.quantile(values, high):.2g}" if len(values) else "-"

    def share(part: Sequence, whole: Sequence) -> str:
        return f"{len(part)} of {len(whole)} ({100 * len(part) / max(len(whole), 1):.0f} %)"

    return [
        ("models with a certificate or a reasoned refusal", share(answered, rows)),
        ("reduced beyond exact bookkeeping, in the whole region (of models with two or more variables)", share(reduced, able)),
        ("reductions of which all that is claimed is proved", share(whole, able)),
        ("of which the first steps beyond bookkeeping are proved", share(proved, able)),
        ("among these with a proved error bound, not by algebra alone", share(bounded, able)),
        ("only in a smaller region", share(narrower, able)),
        ("equations after totals / small model: median / top tenth", two(factors, 0.9)),
        ("points at which a promise was broken", str(sum(int(r["violations"] or 0) for r in reduced))),
        ("promised / largest error seen: median / 90 %", two(tight, 0.9)),
        ("time of the small model / full model: median / 90 %", two(speeds, 0.9)),
        ("seconds per model: median / 95 %", two(seconds, 0.95)),
    ]  # fmt: skip


def page(rows: Sequence[dict]) -> str:
    """HTML text."""
    said = "".join(f"<tr><td>{html.escape(a)}</td><td class='n'>{html.escape(b)}</td></tr>" for a, b in figures(rows))
    head = "".join(f"<th>{title}</th>" for title, _ in COLUMNS)
    body = "".join(f"<tr>{''.join(cell(row, name) for _, name in COLUMNS)}</tr>" for row in rows)
    return (
        f"<!doctype html><html lang='en'><meta charset='utf-8'><title>Corpus</title><style>{STYLE}</style>"
        f"<h1>{len(rows)} models: what got smaller, how far that can be trusted, and what was refused</h1>"
        f"<table><tbody>{said}</tbody></table><div class='over'><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div></html>"
    )


def cell(row: dict, name: str) -> str:
    text = str(row.get(name) if row.get(name) is not None else "")
    if name in ("bound", "worst", "speed"):
        value = number(row, name)
        shown = (
            ""
            if value is None or not np.isfinite(value)
            else f"{100 * value:.2g} %"
            if name != "speed"
            else f"{value:.2g}"
        )
        return f"<td class='n'>{shown}</td>"
    if name == "reduced":
        share = (
            float(row["reduced"]) / max(float(row["full"]), 1)
            if number(row, "reduced") is not None and row.get("full")
            else 1.0
        )
        return f"<td class='n'>{text}<br><span class='bar' style='width:{max(share, 0.02) * 4:.2f}rem'></span></td>"
    if name == "violations":
        return f"<td class='n {'no' if text not in ('', '0') else 'yes'}'>{text}</td>"
    if name == "message":
        more = f"<br>holds within a factor {row['narrower']}" if row.get("narrower") else ""
        return f"<td class='small'>{html.escape(text)}{more}</td>"
    if name in ("full", "conserved", "points", "seconds"):
        return f"<td class='n'>{text}</td>"
    return f"<td>{html.escape(text.replace('+', ' + '))}</td>"
