"""The rows and sentences of a report, from the plain data of a study."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from manyscale.reports import words
from manyscale.reports.words import count, percent, quantity

ROWS = 12  # of the table of scales


def tiles(data: Mapping[str, Any]) -> list[dict[str, str]]:
    """The few numbers at the top."""
    dimension, checked = data["dimension"], data["verified"]
    real = words.real_reductions(data)
    found = [{"value": f"{dimension['full']} → {dimension['reduced']}", "text": "equations, full model to small model"}]
    if real:
        points = checked.get("points") or 0
        worst = checked.get("worst_error")
        if points:
            found.append({"value": percent(worst), "text": f"largest error at {count(points, 'checked point')}"})
        promise = words.promised(real)
        if isinstance(promise, (int, float)):
            found.append({"value": f"≤ {percent(promise)}", "text": "promised for the whole region"})
        gap = words.typical_gap(data)
        if gap:
            found.append({"value": f"{words.times(gap)} ×", "text": "gap between fast and slow"})
        found.append({"value": real[-1]["tier"], "text": "strength of the evidence"})
    elif data["chain"]:
        found.append({"value": "exact", "text": "strength of the evidence"})
        found.append({"value": str(len(data["refusals"])), "text": "shortcuts refused, reasons below"})
    else:
        found.append({"value": str(len(data["refusals"])), "text": "shortcuts tried and refused"})
    return found


def model_line(model: Mapping[str, Any]) -> str:
    """The size of the model in one sentence."""
    parts = [count(model["species"], "species"), count(model["reactions"], "reaction")]
    if model.get("events"):
        parts.append(count(model["events"], "event"))
    agree = model.get("units_ok")
    units = "Units agree in every rate law." if agree else "Units disagree in some rate laws."
    if agree is None:
        units = "The file does not declare all units, so they could not be checked."
    return f"{words.listing(parts)}. {units}"


def scale_lead(data: Mapping[str, Any]) -> str:
    """One paragraph above the scale map."""
    gap = words.typical_gap(data)
    fast = sorted({id for row in data["scales"] for id in row["fast_species"]})
    if gap is None or not fast:
        return (
            "Time scales of the model along its time course. No gap separates a fast group from a slow group, so nothing "
            "can be said to follow instantly."
        )
    return (
        f"Time scales of the model along its time course. Those below the shaded gap are over almost at once; those above it "
        f"are what one sees. Fast: {words.listing(fast, 8)}."
    )


def scale_rows(data: Mapping[str, Any]) -> list[dict[str, str]]:
    """The scale map as a table, thinned."""
    unit = data["evidence"].get("units", {}).get("time", "")
    rows = data["scales"]
    chosen = rows if len(rows) <= ROWS else [rows[round(i * (len(rows) - 1) / (ROWS - 1))] for i in range(ROWS)]
    return [
        {
            "t": quantity(row["t"], unit),
            "time_scales": ", ".join(quantity(x) for x in row["time_scales"][:10])
            + (" …" if len(row["time_scales"]) > 10 else ""),
            "gap": quantity(row["gap"]) if row["gap"] is not None else "none",
            "fast": words.listing(row["fast_species"], 8) if row["fast_species"] else "none",
        }
        for row in chosen
    ]


def layer_note(data: Mapping[str, Any]) -> str:
    """How long the start takes, if something fast was eliminated."""
    times = [one.get("layer_time") or 0 for one in data["evidence"].get("certificates", [])]
    if not times or not max(times):
        return ""
    return f"The fast species have settled after {quantity(max(times), data['evidence'].get('units', {}).get('time', ''))}."


def trajectory_texts(data: Mapping[str, Any]) -> dict[str, Any]:
    """Title and lead of the time courses."""
    found = data["evidence"].get("trajectories") or {}
    if not data["chain"]:
        title, lead = "Time courses", "The full model, from the values in the file."
    else:
        title = "Full against small model"
        lead = (
            "The small model is the dashed line. Where it lies on the broad line of the full model, nothing was lost. "
            "The pale band around the dashed line is how far the certificate expects the full model to be from it. "
            "Switch time courses on and off below the picture."
        )
        if any(one["eliminated"] for one in found.get("series", [])):
            lead += " A dashed key marks a species that was taken out and is given back by a formula."
    return {"trajectory_title": title, "trajectory_lead": lead, "trajectories_omitted": found.get("omitted", 0)}


def phase_texts(data: Mapping[str, Any]) -> dict[str, str]:
    """Lead of the phase picture."""
    found = data["evidence"].get("phase")
    if not found:
        return {"phase_lead": "", "phase_dashed": ""}
    one_curve = bool(found.get("manifold"))
    lead = (
        f"{found['fast']} (fast) drawn against {found['slow']} (slow), from several starting values. Wherever it starts, the "
        f"full model first runs {'straight ' if one_curve else ''}to the dashed "
        f"{'curve, the slow manifold,' if one_curve else 'line of the small model'} and then moves along it. "
    )
    lead += (
        "The formula of the small model is that curve."
        if one_curve
        else "This is a view of a curve in more dimensions, so lines may cross."
    )
    return {"phase_lead": lead, "phase_dashed": "slow manifold" if one_curve else "small model"}


def steps(data: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One entry per bridge of the chain, for the certificate."""
    extras = data["evidence"].get("certificates", [])
    unit = data["evidence"].get("units", {}).get("time", "")
    return [
        _step(bridge, extras[i] if i < len(extras) else {}, unit, data["question"])
        for i, bridge in enumerate(data["chain"])
    ]


def _step(
    bridge: Mapping[str, Any], extra: Mapping[str, Any], unit: str, question: Mapping[str, Any]
) -> dict[str, Any]:
    return {
        "title": words.NAMES.get(bridge["name"], bridge["name"].replace("_", " ")),
        "tier": bridge["tier"],
        "tier_text": bridge["tier"],
        "claim": bridge["claim"],
        "eliminated": words.listing(bridge["eliminated"], 30) if bridge["eliminated"] else "",
        "rows": _certificate_rows(bridge, extra, unit, question),
        "groups": [_group(group) for group in bridge["groups"]],
        "assumptions": extra.get("assumptions", []),
        "alternatives": extra.get("alternatives", []),
        "domain": [
            {"id": id, "low": quantity(low), "high": quantity(high)}
            for id, (low, high) in extra.get("domain", {}).items()
        ],
    }


def _certificate_rows(
    bridge: Mapping[str, Any], extra: Mapping[str, Any], unit: str, question: Mapping[str, Any]
) -> list[dict[str, str]]:
    rows = [{"name": "tier", "term": "tier", "value": bridge["tier"], "note": words.TIERS.get(bridge["tier"], "")}]
    error, spectrum = bridge["error"] or {}, extra.get("spectrum") or {}
    exact = bridge["tier"] == "exact"

    def put(name: str, value: Any, note: str, shown: str | None = None) -> None:
        if value is not None:
            rows.append({"name": name, "term": name, "value": shown or quantity(value), "note": note})

    if not exact:
        put("bound", error.get("bound"), f"you accept {percent(question['tolerance'])}", percent(error.get("bound")))
        points = extra.get("points") or 0
        note = f"over {count(points, 'simulated point')} of the region" if points else "on the points tried"
        put("measured", error.get("measured"), note, percent(error.get("measured")))
        put("effectivity", extra.get("effectivity"), "promised error over seen error")
        if extra.get("phase"):
            put("phase", extra["phase"], "at the values in the file", extra["phase"])
    gap = spectrum.get("gap")
    put("gap", gap, _gap_note(gap))
    put("attractivity", spectrum.get("attractivity"), _attractivity_note(spectrum.get("attractivity"), unit))
    alignment = spectrum.get("alignment")
    put("alignment", alignment, _alignment_note(alignment))
    if not exact:
        put("defect", extra.get("defect"), "relative to the size of the variables")
        layer = extra.get("layer_time")
        if layer:
            put("initial layer", layer, "errors of the fast species count after it", quantity(layer, unit))
    return rows


def _gap_note(gap: Any) -> str:
    if not isinstance(gap, (int, float)):
        return "everything that remains is conserved or at rest"
    if gap >= 10:
        return "clearly separated"
    return "separated" if gap >= 3 else "too close to separate safely"


def _attractivity_note(value: Any, unit: str) -> str:
    if not isinstance(value, (int, float)):
        return ""
    if value <= 0:
        return "not attracting"
    return f"settles within about {quantity(1.0 / value, unit)}"


def _alignment_note(value: Any) -> str:
    if not isinstance(value, (int, float)):
        return ""
    return "the right species were called fast" if value < 0.1 else "acceptable" if value < 0.5 else "poor"


def _group(group: Mapping[str, Any]) -> dict[str, str]:
    note = group.get("meaning", "")
    if group.get("range"):
        low, high = group["range"]
        note = f"{note} From {quantity(low)} to {quantity(high)} over the region.".strip()
    if group.get("threshold") is not None:
        note = f"{note} Limit: {quantity(group['threshold'])}.".strip()
    return {"name": group["name"], "formula": group["formula"], "value": quantity(group["value"]), "note": note}


def checked(data: Mapping[str, Any]) -> str:
    """The independent verification in one paragraph."""
    found = data["verified"]
    points = found.get("points") or 0
    if not points or not data["chain"]:
        return ""
    broken = found.get("violations") or 0
    broken = broken if isinstance(broken, int) else len(broken)
    text = (
        f"Full and small model were simulated at {count(points, 'point')} of the region that were not used to build the small "
        f"model. Largest error: {percent(found.get('worst_error'))}. "
    )
    strayed = data["evidence"].get("outside_band")
    if isinstance(strayed, int):
        text += (
            "Every curve stayed within the band drawn around it at all of them. "
            if not strayed
            else f"At {count(strayed, 'of them')} a curve left the band drawn around it, though not the promised bound. "
        )
    if broken:
        return text + f"The certificate was violated at {count(broken, 'point')}."
    text += "The certificate held at every point"
    return text + (
        f" (so it fails for fewer than {percent(3.0 / points)} of the region, with 95 % confidence)."
        if points > 3
        else "."
    )


def error_rows(data: Mapping[str, Any]) -> list[dict[str, str]]:
    """Largest error of each observable, worst first."""
    found = data["evidence"].get("errors", {})
    known = {id: error for id, error in found.items() if isinstance(error, (int, float))}
    return [{"id": id, "error": percent(error)} for id, error in sorted(known.items(), key=lambda item: -item[1])[:40]]


def refusals(data: Mapping[str, Any]) -> list[dict[str, str]]:
    """Refusals with their numbers."""
    return [
        {
            "title": words.NAMES.get(one["name"], one["name"].replace("_", " ")),
            "reason": one["reason"] + (f". But {one['advice']}" if one.get("advice") else ""),
            "where": one.get("where", ""),
            "value": quantity(one["value"]) if one["value"] is not None else "",
            "threshold": quantity(one["threshold"]) if one["threshold"] is not None else "",
        }
        for one in data["refusals"]
    ]


def details(data: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The question, versions and timings in full."""
    question, source = data["question"], data["source"]
    unit = data["evidence"].get("units", {}).get("time", "")
    rows = [
        ("observables", ", ".join(question["observables"])),
        ("horizon", quantity(question["horizon"], unit)),
        ("tolerance", percent(question["tolerance"])),
        ("region", words.region(question)),
        ("error is counted as", str(question.get("norm", ""))),
        ("chosen by the program", ", ".join(question.get("derived", [])) or "nothing"),
        ("how it was derived", " ".join(question.get("remarks", [])) or "given"),
        ("numbers of molecules", data["evidence"].get("copies") or "not measured"),
        ("model file", f"{source.get('name', '')} (SHA-256 {str(source.get('sha256', ''))[:16]}…)"),
    ]
    if source.get("changes"):
        rows.append(("values changed", ", ".join(f"{id} = {value:g}" for id, value in source["changes"].items())))
    rows += [("versions", ", ".join(f"{name} {version}" for name, version in data["versions"].items()))]
    rows += [("seconds", ", ".join(f"{name} {seconds:.2f}" for name, seconds in data["timings"].items()))]
    return rows
