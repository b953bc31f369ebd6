"""Draw a reaction network as SVG: boxes are species, dots are reactions."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

import numpy as np

from manyscale.reports.layout import place
from manyscale.reports.words import label

LARGEST = 64  # species; more cannot be read
CHARACTER, HEIGHT, MARGIN = 7.7, 24.0, 26.0

STATES = {  # state of a species -> what it means, for the legend
    "kept": "kept in the small model",
    "eliminated": "fast: follows the kept ones, has no equation of its own",
    "held": "so slow that it stays as it is",
    "absent": "never there",
    "solved": "has a formula without approximation",
    "conserved": "computed from a conserved total",
    "summed": "part of a sum that has an equation of its own",
    "equal": "always equal to another species",
    "pruned": "left out: the observables do not need it",
    "fixed": "held fixed by the model itself",
}


def draw(network: Mapping[str, Any]) -> dict[str, Any]:
    """SVG text, its size, the states that occur (for a legend) and how many species had to be left out."""
    species, reactions, omitted = choose(network)
    if not species:
        return {"svg": "", "width": 0, "height": 0, "legend": [], "omitted": omitted}
    index = {one["id"]: i for i, one in enumerate(species)}
    sizes = np.array([(_width(one), HEIGHT) for one in species] + [(10.0, 10.0)] * len(reactions))
    edges = [
        (index[id], len(species) + place_)
        for place_, reaction in enumerate(reactions)
        for id in {*reaction["reactants"], *reaction["products"], *reaction["modifiers"]}
        if id in index
    ]
    centres = place(sizes, edges) + MARGIN
    width, height = (centres + sizes / 2).max(axis=0) + MARGIN
    lines = [_reaction(one, centres, index, sizes, len(species) + i) for i, one in enumerate(reactions)]
    boxes = [_box(one, centres[i], sizes[i]) for i, one in enumerate(species)]
    svg = (
        f'<svg class="network" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" height="{height:.0f}" '
        'role="img" aria-label="Network of species and reactions">'
        '<defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
        'orient="auto-start-reverse"><path d="M0,0.8 L8,4 L0,7.2 z"/></marker></defs>'
        f'<g class="edges">{"".join(lines)}</g><g class="boxes">{"".join(boxes)}</g></svg>'
    )
    present = {one["state"] for one in species}
    legend = [(state, text) for state, text in STATES.items() if state in present]
    return {"svg": svg, "width": width, "height": height, "legend": legend, "omitted": omitted}


def choose(network: Mapping[str, Any]) -> tuple[list, list, int]:
    """Species and reactions to draw; of a large network the kept and best connected ones."""
    species, reactions = list(network["species"]), list(network["reactions"])
    if len(species) <= LARGEST and len(reactions) <= 3 * LARGEST:
        return species, reactions, 0
    degree: dict[str, int] = {}
    for reaction in reactions:
        for id in {*reaction["reactants"], *reaction["products"], *reaction["modifiers"]}:
            degree[id] = degree.get(id, 0) + 1
    order = sorted(species, key=lambda one: (-degree.get(one["id"], 0), one["id"]))[: LARGEST * 3 // 4]
    shown = {one["id"] for one in order}
    inside = [r for r in reactions if {*r["reactants"], *r["products"]} and {*r["reactants"], *r["products"]} <= shown]
    inside = inside[: 2 * LARGEST]
    touched = {id for r in inside for id in (*r["reactants"], *r["products"])}
    kept = [one for one in species if one["id"] in touched]
    inside = [dict(r, modifiers=[m for m in r["modifiers"] if m in touched]) for r in inside]
    return kept, inside, len(species) - len(kept)


def _width(one: Mapping[str, Any]) -> float:
    return max(30.0, CHARACTER * len(_label(one)) + 16.0)


def _label(one: Mapping[str, Any]) -> str:
    text = label(one["id"], one.get("name", ""))
    return text if len(text) <= 20 else text[:19] + "…"


def _box(one: Mapping[str, Any], centre: np.ndarray, size: np.ndarray) -> str:
    x, y = centre - size / 2
    title = one["id"] + (f": {one['name']}" if one.get("name") and one["name"] != one["id"] else "")
    return (
        f'<g class="species {one["state"]}" data-id="{escape(one["id"])}" tabindex="0">'
        f"<title>{escape(title)} ({escape(STATES[one['state']])})</title>"
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{size[0]:.1f}" height="{size[1]:.1f}" rx="7"/>'
        f'<text x="{centre[0]:.1f}" y="{centre[1] + 4.3:.1f}">{escape(_label(one))}</text></g>'
    )


def _reaction(one: Mapping[str, Any], centres: np.ndarray, index: dict[str, int], sizes: np.ndarray, me: int) -> str:
    at = centres[me]
    state = "" if one["kept"] else " gone"
    pieces = [f'<g class="reaction{state}" data-id="{escape(one["id"])}">', f"<title>{escape(one['text'])}</title>"]
    for role in ("reactants", "products", "modifiers"):
        for id in one[role]:
            if id in index:
                edge = _edge_of_box(centres[index[id]], sizes[index[id]], at)
                pieces.append(_line(edge, at, role, one.get("reversible", False), id))
    if not any(id in index for id in one["reactants"]) or not any(id in index for id in one["products"]):
        pieces.append(f'<circle class="source" cx="{at[0]:.1f}" cy="{at[1]:.1f}" r="7"/>')
    pieces.append(f'<circle class="dot" cx="{at[0]:.1f}" cy="{at[1]:.1f}" r="3.4"/></g>')
    return "".join(pieces)


def _line(edge: np.ndarray, at: np.ndarray, role: str, reversible: bool, id: str) -> str:
    if role == "modifiers":
        stop = at + (edge - at) * min(1.0, 9.0 / max(np.hypot(*(edge - at)), 1e-9))
        return (
            f'<path class="modifies" data-species="{escape(id)}" d="M{edge[0]:.1f},{edge[1]:.1f} '
            f'L{stop[0]:.1f},{stop[1]:.1f}"/><circle class="modifier" cx="{stop[0]:.1f}" cy="{stop[1]:.1f}" r="3"/>'
        )
    bend = (edge + at) / 2 + 0.08 * np.array([-(edge - at)[1], (edge - at)[0]])
    marker = "product" if role == "products" else "both" if reversible else "reactant"
    return (
        f'<path class="{marker}" data-species="{escape(id)}" d="M{at[0]:.1f},{at[1]:.1f} '
        f'Q{bend[0]:.1f},{bend[1]:.1f} {edge[0]:.1f},{edge[1]:.1f}"/>'
    )


def _edge_of_box(centre: np.ndarray, size: np.ndarray, toward: np.ndarray) -> np.ndarray:
    """Where the line from a box to a point leaves the box."""
    direction = toward - centre
    if not direction.any():
        return centre
    half = size / 2 + 2.0
    scale = min(half[k] / abs(direction[k]) for k in (0, 1) if direction[k])
    return centre + direction * min(scale, 1.0)
