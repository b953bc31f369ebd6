"""Self-contained pages of `steepness` and `load`: the numbers, the pictures, and what they mean."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from manyscale.bridges.certificate import versions
from manyscale.reports import circuit
from manyscale.reports import circuit_charts as charts
from manyscale.units import unit_label

STYLE = Path(__file__).parent / "templates" / "report.css"


def page(title: str, verdict: str, sections: list[tuple[str, str]]) -> str:
    """A whole page; sections are (heading, HTML)."""
    version = versions().get("manyscale", "")
    body = "".join(f"<section><h2>{escape(head)}</h2>{html}</section>" for head, html in sections if html)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{escape(title)}</title><style>{STYLE.read_text(encoding='utf-8')}</style></head><body><main>"
        f"<h1>{escape(title)}</h1><section><h2>{escape(verdict[:1].upper() + verdict[1:] if verdict.startswith('in ') else verdict)}</h2></section>{body}"
        f'<p class="lead">manyscale {escape(version)}</p></main></body></html>\n'
    )


def write(text: str, path: str | Path) -> Path:
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def table(rows: list[tuple[str, Any, str]]) -> str:
    """Rows of (quantity, value, meaning)."""
    lines = "".join(
        f"<tr><td>{escape(name)}</td><td style='white-space:nowrap'>{escape(_number(value))}</td><td>{escape(what)}</td></tr>"
        for name, value, what in rows
    )
    return (
        f"<table><thead><tr><th>Quantity</th><th>Value</th><th>Meaning</th></tr></thead><tbody>{lines}</tbody></table>"
    )


def _number(value: Any) -> str:
    if isinstance(value, float):
        return "infinite (a jump)" if math.isinf(value) else "-" if math.isnan(value) else f"{value:.5g}"
    return str(value)


def steepness_page(found: Any, module: Any = None) -> str:
    """The page of a `Steepness`."""
    rows = [
        ("n at half", found.n_half, "slope of the logit against log dose at half of the range"),
        ("largest n", found.n_max, f"steepest between 1% and 99%, at {found.input} = {found.steepest_point:.4g}"),
        ("n (81-fold)", found.n_81, "ln 81 / ln(EC90/EC10)"),
        ("n of the best Hill curve", found.n_fit, f"off by at most {found.sup_error:.2%} of the range"),
        ("half point", found.half_point, f"{found.input} at half of the range of {found.output}"),
        ("lowest, highest", f"{found.leak:.4g}, {found.saturation:.4g}", f"of {found.output}"),
        ("sites", found.sites if found.sites is not None else "none", "input molecules in one complex"),
    ]
    why = f"<p>{escape(found.reason)}.</p>" + "".join(f"<p class='lead'>{escape(r)}.</p>" for r in found.remarks)
    if found.formula is not None and len(str(found.formula)) < 400:
        why += f"<p>{escape(found.output)} = <code>{escape(str(found.formula))}</code></p>"
        if "n_half_text" in found.exact:
            why += f"<p>Exactly: n at half = <code>{escape(found.exact['n_half_text'])}</code></p>"
    verdict = f"{found.output} against {found.input}: " + (
        "a switch with memory (bistable)" if found.bistable else f"as steep as a Hill curve with n = {found.n_fit:.3g}"
    )
    drawing = circuit.draw(module if module is not None else found.model)
    return page(
        f"{found.model.id}: how steep?", verdict,
        [("The circuit", drawing), ("Dose and response", charts.dose_response(found)), ("The numbers", table(rows)), ("Why", why)],
    )  # fmt: skip


def load_page(found: Any, curve: Any = None) -> str:
    """The page of a `Load`, with loading curves where there are some."""
    rows = [
        ("time constant alone", found.tau_0, f"slowest relaxation of {found.port} without the load"),
        ("time constant in company", found.tau_eff, "the same with the load, binding in quasi-steady state"),
        ("from the full equations", found.tau_full, "second way to the same number"),
        ("level alone", found.output_0, f"steady {found.port} without the load"),
        ("level in company", found.output, f"steady {found.port} with the load"),
        ("robustness", found.robustness, "|(I + R)^-1 S|: small means that the module does not notice"),
        ("separation", found.separation, "how many times faster the binding is than what it loads"),
    ]
    formulas = "".join(
        f"<p>{escape(name)} = <code>{escape(str(f))}</code></p>"
        for name, f in found.formulas.items()
        if len(str(f)) < 300 and str(f) != "0"
    )
    meaning = {"R": ("internal retroactivity", found.ids), "S": ("scaling by the load", found.ids),
               "M": ("mixing of other inputs", found.external)}  # fmt: skip
    matrices = "".join(
        _matrix(f"{name}, {what}", getattr(found, name), found.ids, columns)
        for name, (what, columns) in meaning.items()
    )
    remarks = "".join(f"<p class='lead'>{escape(r)}</p>" for r in found.remarks)
    sections = [
        ("The circuit", circuit.draw(found.module)), ("Alone and in company", table(rows) + remarks),
        ("Loading curves", "" if curve is None else _curves(found, curve)),
        ("Retroactivity", matrices), ("By formula", formulas),
    ]  # fmt: skip
    return page(f"{found.module.name}: will it still work?", found.verdict, sections)


def _matrix(title: str, values: np.ndarray, rows: Sequence[str], columns: Sequence[str]) -> str:
    """A matrix with the names of its rows and columns; rows and columns without entries are left out."""
    if not values.size:
        return ""
    kept = [np.flatnonzero(np.abs(values).max(axis=k) > 0) for k in (1, 0)]
    if not kept[0].size:
        return f"<p>{escape(title)}: zero.</p>"
    head = "".join(f"<th>{escape(columns[j])}</th>" for j in kept[1])
    body = "".join(
        f"<tr><td>{escape(rows[i])}</td>" + "".join(f"<td>{values[i, j]:.4g}</td>" for j in kept[1]) + "</tr>" for i in kept[0]
    )  # fmt: skip
    return f"<p>{escape(title)}:</p><table><thead><tr><th></th>{head}</tr></thead><tbody>{body}</tbody></table>"


def _curves(found: Any, curve: Any) -> str:
    time, amount = unit_label(found.model, found.model.time_units), unit_label(found.model, found.model.substance_units)
    if amount and not found.model[found.port].only_substance:
        amount += f"/{unit_label(found.model, found.model.volume_units) or 'volume'}"
    return "".join(charts.loading(curve, time, amount))
