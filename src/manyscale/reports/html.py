"""A study as one self-contained HTML page that works without a network."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from manyscale.reports import dimensionless, mathml, network, tables, words
from manyscale.reports.charts import charts
from manyscale.study.record import Study, dumps

TEMPLATES = Path(__file__).parent / "templates"


def report(study: Study, path: str | Path = "report.html") -> Path:
    """Write the report of a study; returns the path."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(render(study), encoding="utf-8")
    return path


def render(study: Study) -> str:
    """The page as text."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    data = study.to_dict()
    return environment.get_template("report.html.j2").render(context(data))


def context(data: Mapping[str, Any]) -> dict[str, Any]:
    """Everything the template shows, from the plain data of a study."""
    evidence = data["evidence"]
    drawn = charts(data)
    drawing = network.draw(evidence["network"]) if evidence.get("network") else {"svg": "", "legend": [], "omitted": 0}
    reduced = bool(data["chain"])
    page = {
        "title": data["model"]["id"],
        "subtitle": _subtitle(data["model"]),
        "version": data["versions"].get("manyscale", ""),
        "verdict": words.verdict(data),
        "limits": words.limits(),
        "stopped": data["stopped"],
        "terms": words.TERMS,
        "tiles": tables.tiles(data),
        "network": drawing,
        "model_line": tables.model_line(data["model"]),
        "charts": drawn,
        "scale_lead": tables.scale_lead(data),
        "scale_rows": tables.scale_rows(data),
        "layer_note": tables.layer_note(data),
        "reduced": reduced,
        **tables.trajectory_texts(data),
        **tables.phase_texts(data),
        "steps": tables.steps(data),
        "checked": tables.checked(data),
        "error_rows": tables.error_rows(data),
        "refusals": tables.refusals(data),
        "conserved": _conserved(evidence),
        **_equations(data),
        "parameter_map": _parameters(evidence),
        "dimensionless": dimensionless.section(evidence["dimensionless"]) if evidence.get("dimensionless") else "",
        "reduced_file": "reduced.xml" if reduced else "",
        "implicit": words.implicit(data),
        "citation": data["source"].get("notes", ""),
        "details": tables.details(data),
        "css": (TEMPLATES / "report.css").read_text(encoding="utf-8"),
        "js": (TEMPLATES / "report.js").read_text(encoding="utf-8"),
        "data": dumps({"charts": drawn}).replace("<", "\\u003c"),
    }
    page["sections"] = _sections(page)
    return page


def _subtitle(model: Mapping[str, Any]) -> str:
    name = model.get("name") or ""
    return "" if name == model["id"] else name


def _sections(page: Mapping[str, Any]) -> list[tuple[str, str]]:
    every = [
        ("network", "the model", page["network"]["svg"]),
        ("scale-map", "what happens when", page["charts"].get("scales")),
        ("time-courses", "full against small", page["charts"].get("trajectories")),
        ("phase-picture", "why it works", page["charts"].get("phase")),
        ("certificate", "certificate", page["steps"]),
        ("refusals", "refusals", page["refusals"]),
        ("conserved", "conserved totals", page["conserved"]),
        ("equations", "equations", page["equations"]),
        ("dimensionless", "without dimensions", page["dimensionless"]),
        ("replay", "repeat and cite", True),
    ]
    return [(id, text) for id, text, there in every if there]


def _conserved(evidence: Mapping[str, Any]) -> list[dict[str, str]]:
    return [
        {
            "name": f"<math>{mathml.name(one['id'])}</math>",
            "text": one["name"] if one["name"] != one["id"] else "",
            "formula": mathml.inline(one["formula"]),
            "value": words.quantity(one["value"], one.get("unit", "")),
        }
        for one in evidence.get("conserved", [])
    ]


def _equations(data: Mapping[str, Any]) -> dict[str, Any]:
    found = data["evidence"].get("equations")
    if not found or not (found["states"] or found["rules"]):
        return {"equations": None}
    small = bool(data["chain"])
    states = [mathml.equation(mathml.rate(one["id"]), one["formula"]) for one in found["states"]]
    rules = [mathml.equation(mathml.name(one["id"]), one["formula"]) for one in found["rules"]]
    omitted = ""
    if found.get("omitted"):
        omitted = f"{found['omitted']} more formulas are too long to read; they are in the model file."
    return {
        "equations": {"states": states, "rules": rules, "omitted": omitted},
        "equations_title": "The small model" if small else "The equations",
        "equations_lead": (
            f"{words.count(found['count'], 'differential equation')} "
            f"{'remain' if found['count'] != 1 else 'remains'}; everything else is a formula. Units as in the full model."
            if small
            else "The full model, as it was analysed."
        ),
    }


def _parameters(evidence: Mapping[str, Any]) -> list[dict[str, str]]:
    return [
        {
            "name": f"<math>{mathml.name(one['id'])}</math>",
            "formula": mathml.inline(one["formula"]),
            "value": words.quantity(one["value"], one.get("unit", "")),
        }
        for one in evidence.get("parameters", [])
    ]
