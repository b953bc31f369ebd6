"""Drawing of a circuit with glyphs in the style of SBOL Visual (Baig et al., J Integr Bioinform 2021)."""

from __future__ import annotations

from html import escape
from typing import Any

UNIT, GAP, BASE = 172.0, 34.0, 96.0
MEANING = {
    "activates": "activates",
    "represses": "represses",
    "binds": "binds",
    "modifies": "modifies",
    "degrades": "degrades",
}


def leaves(module: Any) -> list[Any]:
    """The modules that a module was connected from, in order."""
    if module.upstream is None:
        return [module]
    return [*leaves(module.upstream), *leaves(module.downstream)]


def draw(module: Any) -> str:
    """The circuit as SVG: one transcription unit, operator or protein per part, arrows between them."""
    parts = leaves(module)
    width, height = len(parts) * (UNIT + GAP) + GAP, 140.0
    made: dict[str, int] = {}
    body = []
    for k, part in enumerate(parts):
        kind, name = part.glyphs[0] if part.glyphs else "module", _label(part)
        x = GAP + k * (UNIT + GAP)
        body.append(_GLYPHS.get(kind, _box)(x, name))
        for id in dict(part.outputs).values():
            made[id] = k
    for k, part in enumerate(parts):
        if len(part.glyphs) >= 5:
            body.append(_arrow(made.get(part.glyphs[4]), k, part.glyphs[3], part.glyphs[4]))
    words = f"circuit of {', '.join(_label(p) for p in parts)}"
    return (
        f'<svg viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{escape(words, quote=True)}" '
        f'style="width:100%;max-width:{width:g}px;height:auto;font:13px system-ui,sans-serif">'
        + "".join(body)
        + "</svg>"
    )


def _label(part: Any) -> str:
    return part.glyphs[2] if len(part.glyphs) > 2 else part.name


def _backbone(x: float) -> str:
    return f'<path d="M{x} {BASE}h{UNIT}" stroke="var(--ink)" stroke-width="2"/>'


def _gene(x: float, name: str) -> str:
    """Promoter (bent arrow), ribosome binding site (half circle), coding sequence (pentagon), terminator (T)."""
    ink = 'stroke="var(--ink)" stroke-width="2"'
    left = x + 74
    return (
        _backbone(x)
        + f'<path d="M{x + 16} {BASE}v-30h20m-7 -6l8 6l-8 6" fill="none" {ink}/>'
        + f'<path d="M{x + 50} {BASE}a9 9 0 0 1 18 0z" fill="var(--card)" {ink}/>'
        + f'<path d="M{left} {BASE - 14}h54l16 14l-16 14h-54z" fill="var(--card)" {ink}/>'
        + f'<path d="M{x + 158} {BASE}v-20m-9 0h18" fill="none" {ink}/>'
        + f'<text x="{left + 30}" y="{BASE + 4}" text-anchor="middle" fill="var(--ink)">{escape(name[:9])}</text>'
    )


def _operator(x: float, name: str) -> str:
    """An operator: a notch that takes a protein."""
    return (
        _backbone(x)
        + f'<path d="M{x + 62} {BASE + 12}v-24h12v12h24v-12h12v24z" fill="var(--card)" stroke="var(--ink)" stroke-width="2"/>'
        + f'<text x="{x + UNIT / 2}" y="{BASE + 34}" text-anchor="middle" fill="var(--ink)">{escape(name[:20])}</text>'
    )


def _protein(x: float, name: str) -> str:
    """A protein: a rounded macromolecule, off the backbone."""
    return (
        f'<rect x="{x + 26}" y="{BASE - 20}" width="120" height="40" rx="20" fill="var(--shade)" stroke="var(--ink)" stroke-width="2"/>'
        f'<text x="{x + 86}" y="{BASE + 5}" text-anchor="middle" fill="var(--ink)">{escape(name[:16])}</text>'
    )


def _box(x: float, name: str) -> str:
    return (
        f'<rect x="{x + 16}" y="{BASE - 24}" width="140" height="48" fill="var(--card)" stroke="var(--ink)" stroke-width="2" '
        f'stroke-dasharray="5 4"/><text x="{x + 86}" y="{BASE + 5}" text-anchor="middle" fill="var(--ink)">{escape(name[:18])}</text>'
    )


_GLYPHS = {"promoter": _gene, "operator": _operator, "protein": _protein, "module": _box}


def _arrow(source: int | None, target: int, effect: str, name: str) -> str:
    """From the part that makes `name` (or from outside) to the promoter, operator or protein that it acts on."""
    x2 = GAP + target * (UNIT + GAP) + (20 if effect in ("activates", "represses") else UNIT / 2)
    y2 = BASE - (42 if effect in ("activates", "represses") else 26)
    if source is None or source == target:
        x1, y1 = x2 - 34, 22.0
        path = f"M{x1} {y1}Q{x2} {y1} {x2} {y2}"
        text = f'<text x="{x1 - 4}" y="{y1 + 4}" text-anchor="end" fill="var(--accent)">{escape(name[:8])}</text>'
    else:
        x1 = GAP + source * (UNIT + GAP) + 104
        path, text = f"M{x1} {BASE - 18}C{x1} 20 {x2} 20 {x2} {y2}", ""
        text = f'<text x="{(x1 + x2) / 2}" y="26" text-anchor="middle" fill="var(--accent)">{escape(name[:12])}</text>'
    heads = {
        "activates": f"M{x2 - 6} {y2 - 8}l6 8l6 -8", "represses": f"M{x2 - 8} {y2}h16",
        "modifies": f"M{x2 - 5} {y2 - 5}a5 5 0 1 1 0 .1", "degrades": f"M{x2 - 6} {y2 - 6}l12 12m0 -12l-12 12",
        "binds": f"M{x2 - 4} {y2 - 4}a5 5 0 1 1 0 .1",
    }  # fmt: skip
    ink = 'fill="none" stroke="var(--accent)" stroke-width="2"'
    return f'<path d="{path}" {ink}/><path d="{heads.get(effect, "")}" {ink}/>{text}'
