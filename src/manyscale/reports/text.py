"""A study as lines of plain text, for a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from manyscale.reports import words
from manyscale.study.record import Study


def question_lines(study: Study) -> list[str]:
    """The question, with what the program chose itself."""
    question, unit = study.question, study.evidence.get("units", {}).get("time", "")
    chosen = question.get("derived", [])
    mark = {name: " (chosen by the program)" if name in chosen else "" for name in ("observables", "horizon", "region")}
    return [
        "question:",
        f"  observables: {words.listing(question['observables'], 12)}{mark['observables']}",
        f"  horizon: {words.quantity(question['horizon'], unit)}{mark['horizon']}",
        f"  tolerance: {words.percent(question['tolerance'])}",
        f"  region: {words.region(question)}{mark['region']}",
    ]


def verdict_lines(study: Study) -> list[str]:
    """Headline, what was found, how far to trust it, and the refusals."""
    data = study.to_dict()
    said = words.verdict(data)
    lines = ["", said["headline"], f"found: {said['found']}", f"trust: {said['trust']}"]
    for one in study.refusals[:6]:
        lines.append(
            f"refused: {one['name']}: {one['reason']}" + (f". But {one['advice']}" if one.get("advice") else "")
        )
    if len(study.refusals) > 6:
        lines.append(f"refused: {len(study.refusals) - 6} more, in the report")
    if study.stopped:
        lines.append(f"stopped early: {study.stopped}")
    return lines


def closing(files: Mapping[str, Path]) -> list[str]:
    """Where the results lie."""
    lines = [f"study: {files['study']}"] if "study" in files else []
    return [
        "",
        *lines,
        f"report: {files['report']}",
        f"reduced: {files.get('reduced', 'none (nothing could be reduced)')}",
    ]


def scale_lines(found: Mapping[str, Any]) -> list[str]:
    """The table of scales, thinned to a screen."""
    unit = found.get("time_unit", "")
    rows = found["scales"]
    step = max(1, len(rows) // 10)
    lines = [f"{'time':>12}  {'gap':>9}  time scales{f' ({unit})' if unit else ''}, slowest first"]
    for row in rows[::step]:
        gap = "none" if row["gap"] is None else words.quantity(row["gap"])
        scales = "  ".join(words.quantity(x) for x in row["time_scales"][:8])
        more = " …" if len(row["time_scales"]) > 8 else ""
        lines.append(f"{words.quantity(row['t']):>12}  {gap:>9}  {scales}{more}")
        if row["fast_species"]:
            lines.append(f"{'':>12}  {'fast:':>9}  {words.listing(row['fast_species'], 8)}")
    for group in found.get("groups", []):
        lines.append(f"group {group['name']} = {words.quantity(group['value'])}  ({group['formula']})")
    return lines
