"""`draw`: the picture that people expect of a result about circuits and cells, for notebooks and files."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from manyscale.circuits.burden import Burden
from manyscale.circuits.cooperativity import Steepness
from manyscale.circuits.frontier import Batch, Isocost, Pareto
from manyscale.circuits.inhibition import InhibitionLaw
from manyscale.circuits.load_curve import Curve
from manyscale.circuits.memory import Memory
from manyscale.circuits.module import Module
from manyscale.circuits.proteome import GrowthLaw
from manyscale.circuits.retroactivity import Load
from manyscale.errors import InputError
from manyscale.model.model import Model
from manyscale.reports import circuit
from manyscale.reports import circuit_charts as charts
from manyscale.reports.circuit_pages import STYLE

__all__ = ["Picture", "draw"]

MARGIN = 14.0


@dataclass(frozen=True)
class Picture:
    """A picture as SVG text that needs nothing else. Notebooks show it; `save` writes it."""

    svg: str
    title: str = ""

    def save(self, path: str | Path) -> Path:
        """Write an .svg file. Errors: InputError for another ending."""
        path = Path(path)
        if path.suffix.lower() != ".svg":
            raise InputError(f"{path}: pictures are written as .svg")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self.svg, encoding="utf-8")
        return path

    def _repr_svg_(self) -> str:
        return self.svg

    def __repr__(self) -> str:
        return f"<Picture: {self.title}>"


def draw(result: Any, *more: Any) -> Picture:
    """The picture of a circuit or a result.

    Module, Model, Load: the circuit with its glyphs. Steepness: dose-response with tangent and Hill curve. Curve (of
    `Load.curve`): times and levels against load. Burden: the circuit, or its genes. Pareto, Batch, Isocost, Memory: what
    `burden` and its kin find. GrowthLaw and InhibitionLaws together: ribosomes against growth. Others: InputError.
    """
    title, parts = _charts(result, more)
    if not any(parts):
        raise InputError(f"there is nothing to draw in {title}: no gene, no part with a glyph")
    return Picture(_stacked([one for one in parts if one]), title)


def _charts(result: Any, more: tuple[Any, ...]) -> tuple[str, list[str]]:
    if isinstance(result, GrowthLaw | InhibitionLaw) and all(isinstance(x, GrowthLaw | InhibitionLaw) for x in more):
        laws = [result, *more]
        first = next((x for x in laws if isinstance(x, GrowthLaw)), None)
        return "ribosomes against growth", [
            charts.growth_laws(first, [x for x in laws if isinstance(x, InhibitionLaw)])
        ]
    if more:
        raise InputError("draw takes one result, or growth laws and inhibition laws together")
    match result:
        case Module() | Model():
            return f"circuit {getattr(result, 'name', '') or result.id}", [circuit.draw(result)]  # type: ignore[union-attr]
        case Load():
            return f"circuit {result.module.name}", [circuit.draw(result.module)]
        case Burden():
            return "circuit", [
                circuit.draw(result.circuit if result.circuit is not None else [g.id for g in result.genes])
            ]
        case Steepness():
            return f"{result.output} against {result.input}", [charts.dose_response(result)]
        case Curve():
            return f"loading of {result.port}", charts.loading(result)
        case Pareto():
            return "product against growth", charts.pareto(result, result.growth_alone)
        case Batch():
            return "yield of a batch", [charts.batch(result)]
        case Isocost():
            return f"isocost line of {' and '.join(result.names)}", [charts.isocost(result)]
        case Memory():
            return "stable states", [charts.memory(result)]
    raise InputError(f"draw knows no picture of {type(result).__name__}; see its documentation")


@lru_cache(maxsize=1)
def _colours() -> dict[str, str]:
    """Colours of the light page by name."""
    root = STYLE.read_text(encoding="utf-8").split("@media")[0]
    return dict(re.findall(r"--([a-z0-9]+): (#[0-9a-f]+);", root))


def _stacked(parts: list[str]) -> str:
    """Pictures below each other in one SVG, with colours written out and on paper of their own."""
    body, width, height = [], 0.0, MARGIN
    for one in parts:
        inner, wide, high = _taken_apart(one)
        body.append(f'<g transform="translate({MARGIN:g} {height:g})">{inner}</g>')
        width, height = max(width, wide), height + high + MARGIN
    colours = _colours()
    text = re.sub(r"var\(--([a-z0-9]+)\)", lambda found: colours[found[1]], "".join(body))
    width += 2 * MARGIN
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="{width:g}" height="{height:g}" '
        f'font-family="system-ui, sans-serif" font-size="13"><rect width="100%" height="100%" fill="{colours["card"]}"/>{text}</svg>'
    )


def _taken_apart(html: str) -> tuple[str, float, float]:
    """(inside, width, height) of the SVG in some HTML, with a legend paragraph after it as one more line of text."""
    found = re.search(r'<svg viewBox="0 0 ([\d.]+) ([\d.]+)"[^>]*>(.*?)</svg>', html, re.S)
    assert found is not None
    wide, high, inner = float(found[1]), float(found[2]), found[3]
    legend = re.search(r'<p class="small">(.*?)</p>', html)
    if legend:
        inner += f'<text x="34" y="{high + 6:g}" fill="var(--soft)">{legend[1]}</text>'
        high += 14.0
    return inner, wide, high
