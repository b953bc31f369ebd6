"""What the interactive charts of a report draw, as plain data for templates/report.js."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from manyscale.reports.words import label

SHOWN_AT_FIRST = 6


def charts(data: Mapping[str, Any]) -> dict[str, Any]:
    """Chart specifications by the id of the element that holds them."""
    evidence = data["evidence"]
    unit = evidence.get("units", {}).get("time", "")
    found = {
        "scales": _scales(data["scales"], unit, evidence),
        "trajectories": _trajectories(evidence.get("trajectories"), unit),
        "phase": _phase(evidence.get("phase")),
    }
    return {name: spec for name, spec in found.items() if spec}


def _scales(rows: list[Mapping[str, Any]], unit: str, evidence: Mapping[str, Any]) -> dict[str, Any] | None:
    """Time scales against time, slowest first, the gap shaded."""
    rows = [row for row in rows if row["time_scales"]]
    usable = [
        sorted((x for x in row["time_scales"] if isinstance(x, (int, float)) and x > 0), reverse=True) for row in rows
    ]
    if not any(usable):
        return None
    times = [row["t"] for row in rows]
    logarithmic = len([t for t in times if t > 0]) > 2 and max(times) > 30 * min(t for t in times if t > 0)
    if logarithmic and times[0] == 0 and len(times) > 2:
        times = [times[1] / 3.0, *times[1:]]  # the start has no place on a logarithmic axis
    slow = [_slow_count(row, scales) for row, scales in zip(rows, usable, strict=True)]
    series = []
    for mode in range(max(map(len, usable))):
        values = [scales[mode] if mode < len(scales) else None for scales in usable]
        fast = sum(mode >= count for count in slow) * 2 > len(slow)
        series.append({
            "group": "fast" if fast else "slow", "name": f"{'fast' if fast else 'slow'} time scale {mode + 1}",
            "x": times, "y": values, "ink": "fast" if fast else "accent", "width": 2, "unit": unit, "dots": len(times) < 40,
        })  # fmt: skip
    band: dict[str, list[float]] = {"x": [], "low": [], "high": []}
    for t, scales, count in zip(times, usable, slow, strict=True):
        if 0 < count < len(scales):
            band["x"].append(t)
            band["high"].append(scales[count - 1])
            band["low"].append(scales[count])
    groups = [
        {"id": name, "name": name, "on": True, "color": 0, "ink": ink}
        for name, ink in (("slow", "accent"), ("fast", "fast"))
    ]
    return {
        "label": "Time scales of the model against time, logarithmic; the gap between slow and fast is shaded",
        "xlabel": f"time{f' ({unit})' if unit else ''}", "ylabel": f"time scale{f' ({unit})' if unit else ''}",
        "xname": "time", "xunit": unit, "xlog": logarithmic, "ylog": True, "tight": True, "canLogX": True,
        "groups": groups[:1] if not any(s["group"] == "fast" for s in series) else groups,
        "series": series, "bands": [band] if band["x"] else [], "largest": {}, "height": 380, "nokeys": True,
    }  # fmt: skip


def _slow_count(row: Mapping[str, Any], scales: list[float]) -> int:
    """How many of the time scales lie above the gap of this row."""
    gap = row.get("gap")
    if not isinstance(gap, (int, float)) or len(scales) < 2:
        return len(scales)
    ratios = [scales[i] / scales[i + 1] for i in range(len(scales) - 1)]
    return min(range(len(ratios)), key=lambda i: abs(ratios[i] - gap)) + 1


def _trajectories(found: Mapping[str, Any] | None, unit: str) -> dict[str, Any] | None:
    if not found or not found["series"]:
        return None
    series, groups, largest, bands = [], [], {}, []
    tops = [max((abs(v) for v in one["fine"] if v is not None), default=0.0) for one in found["series"]]
    shown = [top for one, top in zip(found["series"], tops, strict=True) if one["observed"]][:SHOWN_AT_FIRST]
    for place, (one, top) in enumerate(zip(found["series"], tops, strict=True)):
        largest[one["id"]] = top or 1.0
        groups.append({
            "id": one["id"], "name": label(one["id"], one["name"]), "color": place, "on": place < SHOWN_AT_FIRST, "fast": one["eliminated"],
            "title": f"{one['id']}: {one['name']}" if one["name"] else one["id"],
        })  # fmt: skip
        base = {"group": one["id"], "x": found["times"], "color": place, "unit": one["unit"]}
        series.append(
            {**base, "name": f"{label(one['id'], one['name'])}, full", "y": one["fine"], "width": 5, "opacity": 0.35}
        )
        if one.get("band"):
            bands.append({"group": one["id"], "x": found["times"], "color": place, **one["band"]})
        if one["coarse"] is not None:
            series.append(
                {
                    **base,
                    "name": f"{label(one['id'], one['name'])}, small",
                    "y": one["coarse"],
                    "width": 2,
                    "dash": "7 4",
                }
            )
    apart = [top for top in shown or tops if top > 0]
    return {
        "label": "Time courses of the full and the small model", "keys": True,
        "xlabel": f"time{f' ({unit})' if unit else ''}", "ylabel": found.get("ylabel", "value"),
        "xname": "time", "xunit": unit, "canLogX": True, "canLogY": True, "canShare": len(groups) > 1,
        "share": bool(apart) and max(apart) > 20 * min(apart), "zoomStart": True,
        "groups": groups, "series": series, "largest": largest, "bands": bands,
    }  # fmt: skip


def _phase(found: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if not found:
        return None
    series = [
        {"group": "other", "name": "full model, other start", "x": one["x"], "y": one["y"], "ink": "soft", "width": 1.4,
         "opacity": 0.75}
        for one in found["others"]
    ]  # fmt: skip
    series.append({"group": "fine", "name": "full model", **found["fine"], "color": 0, "width": 4.5, "opacity": 0.55})
    if found.get("manifold"):
        series.append(
            {"group": "curve", "name": "slow manifold", **found["manifold"], "color": 1, "width": 2, "dash": "7 4"}
        )
    else:
        series.append(
            {"group": "curve", "name": "small model", **found["coarse"], "color": 1, "width": 2, "dash": "7 4"}
        )
    groups = [
        {"id": "fine", "name": "full model", "color": 0, "on": True},
        {"id": "curve", "name": series[-1]["name"], "color": 1, "on": True, "fast": True},
        {"id": "other", "name": "other starting values", "color": 7, "ink": "soft", "on": True},
    ]
    axis = {}
    for name in ("slow", "fast"):
        unit = found.get(f"{name}_unit", "")
        axis[name] = found[name] + (f" ({unit})" if unit else "")
    return {
        "label": f"{found['fast']} against {found['slow']}: trajectories fall onto one curve",
        "xlabel": f"{axis['slow']}, slow", "ylabel": f"{axis['fast']}, fast", "xname": found["slow"],
        "xunit": found.get("slow_unit", ""), "nearest": True, "groups": groups if found["others"] else groups[:2],
        "series": series, "largest": {}, "height": 430, "canLogX": True, "canLogY": True,
    }  # fmt: skip
