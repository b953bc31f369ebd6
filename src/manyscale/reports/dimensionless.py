"""A model without dimensions, told as a section of a report or as a page of its own. Reads plain data only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from pathlib import Path
from typing import Any

STYLE = Path(__file__).parent / "templates" / "report.css"
SHOWN = 40


def page(data: Mapping[str, Any], title: str) -> str:
    """A self-contained page from `Nondimensionalization.to_dict()`."""
    style = STYLE.read_text(encoding="utf-8")
    head = f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
    head += f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{style}</style></head>'
    return f"{head}<body><main><header><h1>{escape(title)}, without dimensions</h1></header>{section(data)}</main></body></html>"


def write_all(found: Any, folder: Path) -> dict[str, Path]:
    """Model, data and page of a `Nondimensionalization` as dimensionless.xml, .json and .html; their paths by kind."""
    from manyscale.formats.write import write
    from manyscale.study.record import dumps, plain

    folder.mkdir(parents=True, exist_ok=True)
    data = found.to_dict()
    files = {kind: folder / f"dimensionless.{kind}" for kind in ("xml", "json", "html")}
    write(found.model, files["xml"])
    files["json"].write_text(dumps(plain(data)), encoding="utf-8")
    files["html"].write_text(page(data, found.source.name or found.source.id), encoding="utf-8")
    return {"model": files["xml"], "data": files["json"], "page": files["html"]}


def section(data: Mapping[str, Any]) -> str:
    """The section from the same data: small numbers first, then units, groups and equations."""
    small = [
        (one["name"], _code(one["formula"]), f"{one['value']:.3g}", _region(one), escape(one["meaning"]))
        for one in data["small"]
    ]
    deciding = [(g["id"], _code(g["formula"]), f"{g['value']:.4g}", escape(g["meaning"])) for g in data["thresholds"]]
    scales = {"time": data["time"], **data["scales"]}
    units = [
        (id, _code(s["formula"]), f"{s['value']:.4g} {escape(s['unit'])}") for id, s in scales.items()
    ]  # fmt: skip
    groups = [(g["id"], _code(g["formula"]), f"{g['value']:.4g}", escape(g["meaning"])) for g in data["groups"]]
    equations = [(left, _code(right)) for left, right in data["equations"].items()]
    parts = [
        f'<section id="dimensionless"><h2>Without dimensions</h2><p class="lead">{escape(_counted(data["count"]))}</p>',
        _table("What is small", ("name", "formula", "value", "in the region", "what it compares"), small),
        _table("What decides at one", ("name", "formula", "value", "what it compares"), deciding),
        _table("One unit of each variable", ("variable", "formula", "value"), units),
        _table("Groups", ("name", "formula", "value", "where"), groups),
        _table("Equations", ("", ""), equations),
        *(f"<p class='small'>{escape(remark)}</p>" for remark in data["remarks"]),
        "</section>",
    ]
    return "".join(parts)


def _counted(count: Mapping[str, Any]) -> str:
    return (
        f"{count['quantities']} given quantities make {count['symmetry_groups']} dimensionless groups; the equations "
        f"leave {count['symmetry_rank']} scales open."
    )


def _region(one: Mapping[str, Any]) -> str:
    if one["range"] is None:
        return ""
    low, high = one["range"]
    share = "" if one["steady"] is None else f"; below 0.1 in {one['steady']:.0%}"
    return f"{low:.2g} to {high:.2g}{share}"


def _code(text: str) -> str:
    return f"<code>{escape(text)}</code>"


def _table(heading: str, columns: Iterable[str], rows: list[tuple[str, ...]]) -> str:
    if not rows:
        return ""
    head = "".join(f"<th>{escape(c)}</th>" for c in columns)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows[:SHOWN])
    more = f"<p class='small'>{len(rows) - SHOWN} more are in the data.</p>" if len(rows) > SHOWN else ""
    return f"<h3>{escape(heading)}</h3><div class='wide'><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>{more}"
