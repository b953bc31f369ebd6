"""Drawing of a circuit with glyphs in the style of SBOL Visual (Baig et al., J Integr Bioinform 2021).

Genes come from the reactions themselves (`circuits.wiring`), other parts from what modules say they are.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape
from typing import Any

from manyscale.circuits.module import Module
from manyscale.circuits.wiring import wiring

UNIT, GAP, LEVEL = 172.0, 34.0, 19.0
HEADS = {"activates": "arrow: activates", "represses": "bar: represses", "binds": "ring: binds",
         "modifies": "ring: modifies", "degrades": "cross: degrades"}  # fmt: skip
COLOUR = {"activates": "var(--good)", "represses": "var(--bad)"}


@dataclass
class _Picture:
    """items: id -> (glyph, label) from left to right; effects: (source, target, effect)."""

    items: dict[str, tuple[str, str]] = field(default_factory=dict)
    effects: list[tuple[str, str, str]] = field(default_factory=list)


def leaves(module: Any) -> list[Any]:
    """The modules that a module was connected from, in order."""
    if module.upstream is None:
        return [module]
    return [*leaves(module.upstream), *leaves(module.downstream)]


def draw(circuit: Any) -> str:
    """The circuit (a Module, a Model, or names of genes) as SVG: a transcription unit per gene, operators, proteins, arrows
    between them; "" where there is nothing to draw."""
    if isinstance(circuit, list):
        return _svg(_Picture({name: ("gene", name) for name in circuit}))
    picture = _from_reactions(circuit) or (_from_parts(circuit) if isinstance(circuit, Module) else _Picture())
    return _svg(picture)


def _svg(picture: _Picture) -> str:
    if not picture.items:
        return ""
    routes = _routes(picture)
    base = 40.0 + LEVEL * max([1, *(r.level for r in routes)]) + 34.0
    width, height = len(picture.items) * (UNIT + GAP) + GAP, base + 46.0
    body = [_GLYPHS[kind](GAP + k * (UNIT + GAP), base, name) for k, (kind, name) in enumerate(picture.items.values())]
    body += [_drawn(route, base) for route in routes]
    used = dict.fromkeys(effect for _, _, effect in picture.effects)
    words = f"circuit of {', '.join(name for _, name in picture.items.values())}"
    legend = "; ".join(HEADS[effect] for effect in used)
    return (
        f'<svg viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{escape(words, quote=True)}" '
        f'style="width:100%;max-width:{width:g}px;height:auto;font:13px system-ui,sans-serif">' + "".join(body) + "</svg>"
        + (f'<p class="small">{escape(legend)}.</p>' if legend else "")
    )  # fmt: skip


def _from_reactions(circuit: Any) -> _Picture | None:
    found = wiring(circuit)
    if found is None or len(found.genes) > 12:
        return None
    picture = _Picture({g: ("gene", g) for g in found.genes}, list(found.effects))
    kinds = {}
    for part in leaves(circuit) if isinstance(circuit, Module) else []:
        if part.glyphs and part.glyphs[0] in ("operator", "protein"):
            kinds |= {s.id: (part.glyphs[0], part.name) for s in part.model.species}
    for site in found.sites:
        kind, name = kinds.get(site, ("protein", site))
        picture.items[site] = (kind, name if kind == "operator" else site)
    return picture


def _from_parts(module: Module) -> _Picture:
    """What the parts say of themselves, for circuits that express nothing."""
    picture, made = _Picture(), {}
    for k, part in enumerate(leaves(module)):
        kind = {"promoter": "gene", "operator": "operator", "protein": "protein"}.get(
            (part.glyphs or ("",))[0], "module"
        )
        picture.items[f"{k}"] = (kind, part.glyphs[2] if len(part.glyphs) > 2 else part.name)
        if len(part.glyphs) >= 5:
            picture.effects.append((made.get(part.glyphs[4], part.glyphs[4]), f"{k}", part.glyphs[3]))
        elif not part.glyphs:
            before = dict.fromkeys(made[id] for id in part.inputs.values() if id in made)
            picture.effects += [(source, f"{k}", "binds") for source in before]
        made |= dict.fromkeys(part.outputs.values(), f"{k}")
    return picture


@dataclass
class _Route:
    start: float | None  # None: from outside
    end: float
    level: int
    effect: str
    name: str
    onto_gene: bool


def _routes(picture: _Picture) -> list[_Route]:
    """One track per arrow: short ones below long ones, starts and ends spread out so that none lies on another."""
    place = {id: GAP + k * (UNIT + GAP) for k, id in enumerate(picture.items)}
    leaving: dict[str, int] = {}
    arriving: dict[str, int] = {}
    wanted = sorted(
        (e for e in picture.effects if e[1] in place),
        key=lambda e: abs(place.get(e[0], place[e[1]] - GAP) - place[e[1]]),
    )
    routes = []
    taken: list[list[tuple[float, float]]] = []
    for source, target, effect in wanted:
        gene = picture.items[target][0] == "gene"
        end = place[target] + (22.0 if gene else UNIT / 2) + 13.0 * arriving.get(target, 0)
        arriving[target] = arriving.get(target, 0) + 1
        start = None
        if source in place:
            start = place[source] + 96.0 + 13.0 * leaving.get(source, 0)
            leaving[source] = leaving.get(source, 0) + 1
        low, high = min(start if start is not None else end - 60, end), max(start if start is not None else end, end)
        level = next(
            (k for k, track in enumerate(taken) if all(high + 8 < a or b + 8 < low for a, b in track)), len(taken)
        )
        if level == len(taken):
            taken.append([])
        taken[level].append((low, high))
        routes.append(_Route(start, end, level + 1, effect, source, gene))
    return routes


def _drawn(route: _Route, base: float) -> str:
    top, x = base - 58.0 - LEVEL * (route.level - 1), route.end
    bottom = base - (38.0 if route.onto_gene else 26.0)
    colour = COLOUR.get(route.effect, "var(--accent)")
    ink = f'fill="none" stroke="{colour}" stroke-width="2"'
    if route.start is None:
        path = f"M{x - 26} {top}H{x - 6}Q{x} {top} {x} {top + 6}V{bottom}"
        label = (
            f'<text x="{x - 30}" y="{top + 4}" text-anchor="end" fill="{colour}">{escape(_short(route.name, 9))}</text>'
        )
    else:
        side = 6.0 if x > route.start else -6.0
        path = (
            f"M{route.start} {base - 16}V{top + 6}Q{route.start} {top} {route.start + side} {top}"
            f"H{x - side}Q{x} {top} {x} {top + 6}V{bottom}"
        )
        label = ""
    head = {
        "activates": f"M{x - 6} {bottom - 8}l6 8l6 -8", "represses": f"M{x - 7} {bottom}h14",
        "degrades": f"M{x - 6} {bottom - 6}l12 12m0 -12l-12 12",
    }.get(route.effect, f"M{x - 4} {bottom - 1}a4 4 0 1 1 0 .1")  # fmt: skip
    return f'<path d="{path}" {ink}/><path d="{head}" {ink}/>{label}'


def _short(name: str, most: int) -> str:
    return name if len(name) <= most else name[: most - 1] + "…"


INK = 'stroke="var(--ink)" stroke-width="2"'


def _gene(x: float, base: float, name: str) -> str:
    """Promoter (bent arrow), ribosome binding site (half circle), coding sequence (pentagon), terminator (T)."""
    left = x + 72
    return (
        f'<path d="M{x} {base}h{UNIT}" {INK}/>'
        f'<path d="M{x + 14} {base}v-26h20m-7 -6l8 6l-8 6" fill="none" {INK}/>'
        f'<path d="M{x + 48} {base}a9 9 0 0 1 18 0z" fill="var(--card)" {INK}/>'
        f'<path d="M{left} {base - 14}h56l16 14l-16 14h-56z" fill="var(--card)"/>'
        f'<path d="M{left} {base - 14}h56l16 14l-16 14h-56z" fill="var(--shade)" {INK}/>'
        f'<path d="M{x + 160} {base}v-20m-9 0h18" fill="none" {INK}/>'
        f'<text x="{left + 32}" y="{base + 4}" text-anchor="middle" fill="var(--ink)">{escape(_short(name, 9))}</text>'
    )


def _operator(x: float, base: float, name: str) -> str:
    """An operator: a notch that takes a protein."""
    return (
        f'<path d="M{x} {base}h{UNIT}" {INK}/>'
        f'<path d="M{x + 62} {base + 12}v-24h12v12h24v-12h12v24z" fill="var(--card)" {INK}/>'
        f'<text x="{x + UNIT / 2}" y="{base + 34}" text-anchor="middle" fill="var(--ink)">{escape(_short(name, 22))}</text>'
    )


def _protein(x: float, base: float, name: str) -> str:
    """A protein: a rounded macromolecule, off the backbone."""
    return (
        f'<rect x="{x + 26}" y="{base - 20}" width="120" height="40" rx="20" fill="var(--shade)" {INK}/>'
        f'<text x="{x + 86}" y="{base + 5}" text-anchor="middle" fill="var(--ink)">{escape(_short(name, 16))}</text>'
    )


def _box(x: float, base: float, name: str) -> str:
    return (
        f'<rect x="{x + 16}" y="{base - 22}" width="140" height="44" fill="var(--card)" {INK} stroke-dasharray="5 4"/>'
        f'<text x="{x + 86}" y="{base + 5}" text-anchor="middle" fill="var(--ink)">{escape(_short(name, 18))}</text>'
    )


_GLYPHS = {"gene": _gene, "operator": _operator, "protein": _protein, "module": _box}
