"""Who acts on whom in a circuit of plain reactions: genes, their regulators, and what binds their proteins.

A protein that a rate of expression reads acts on that gene, with the sign of the rate's slope. A protein on a promoter acts
by the difference between expression from that form and from the free one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from manyscale.circuits.host_units import plain
from manyscale.circuits.module import Module
from manyscale.circuits.roles import Roles, net_change, roles
from manyscale.engines.simulate import as_model
from manyscale.errors import ManyscaleError
from manyscale.kernels import compile_model
from manyscale.model.algebra import differentiate
from manyscale.model.evaluate import evaluate
from manyscale.model.expr import Expr, symbols
from manyscale.model.model import Model

__all__ = ["Wiring", "wiring"]


@dataclass(frozen=True)
class Wiring:
    """genes: proteins that are expressed, in the order of the model. sites: what binds them without expressing anything
    (free form of each closed total). effects: (source, target, "activates", "represses" or "binds"); a source that is no
    gene comes from outside. rnas: gene -> mRNAs that the circuit has of it."""

    genes: tuple[str, ...]
    sites: tuple[str, ...]
    effects: tuple[tuple[str, str, str], ...]
    rnas: Mapping[str, tuple[str, ...]]


def wiring(circuit: Any) -> Wiring | None:
    """The wiring of a module or model, None where it expresses nothing or cannot be read this way."""
    try:
        model = plain(circuit.model if isinstance(circuit, Module) else as_model(circuit))
        found = roles(model, {})
        return _wired(model, found, _point(model))
    except ManyscaleError:
        return None


def _point(model: Model) -> dict[str, float]:
    """Values at which signs of slopes are taken: the model's constants, all species present."""
    kernel = compile_model(model)
    values = kernel.values(0.0, *kernel.initial())
    largest = max([abs(values[s.id]) for s in model.species] or [1.0]) or 1.0
    return {k: float(v) for k, v in values.items()} | {
        s.id: values[s.id] if values[s.id] > 0 else largest for s in model.species
    }


def _wired(model: Model, found: Roles, at: Mapping[str, float]) -> Wiring:
    made = {*found.proteins, *found.rnas}
    holders: dict[str, list[str]] = {}
    for p in made:
        for s in found.forms[p]:
            holders.setdefault(s, []).append(p)
    closed = _closed_sums(model, found, made)
    effects: dict[tuple[str, str, str], None] = {}
    expressing: set[str] = set()
    for gene in found.proteins:
        for law in _laws(gene, found, model):
            expressing |= symbols(law)
            for source, slope in _sources(law, closed, holders, model, at):
                if source != gene or slope:
                    effects[source, gene, "activates" if slope > 0 else "represses"] = None
    effects |= dict.fromkeys(_annihilations(model, found))
    acting = {source for source, _, _ in effects}
    quiet = {
        free: members for free, members in closed.items()
        if not expressing & members and free not in made and free not in acting
    }  # fmt: skip
    sites: dict[str, None] = {}
    for free, members in quiet.items():
        for p in sorted({p for s in members for p in holders.get(s, ()) if p in found.proteins}):
            sites[free] = None
            effects[p, free, "binds"] = None
    reached = True
    while reached:  # what binds what binds
        pairs = [(a, b) for a in sites for b in quiet if b not in sites and quiet[a] & quiet[b]]
        reached = bool(pairs)
        for a, b in pairs:
            sites[b] = effects[a, b, "binds"] = None
    own = {g: tuple(sorted(set(found.messages[g].values()))) for g in found.messages}
    return Wiring(found.proteins, tuple(sites), tuple(effects), own)


def _annihilations(model: Model, found: Roles) -> list[tuple[str, str, str]]:
    """Genes whose protein or mRNA is lost together with that of another gene."""
    owners = {s: g for g in found.proteins for s in found.forms[g]}
    owners |= {m: g for g, one in found.messages.items() for m in one.values()}
    pairs = []
    for r in model.reactions:
        lost = sorted({owners[s] for s, x in net_change(r, model).items() if x < 0 and s in owners})
        if found.kinds[r.id] == ("loses", "") and len(lost) == 2:
            pairs += [(lost[0], lost[1], "represses"), (lost[1], lost[0], "represses")]
    return pairs


def _laws(gene: str, found: Roles, model: Model) -> list[Expr]:
    """Rates at which the gene is transcribed (or, without an mRNA of its own, expressed)."""
    sources = sorted(set(found.messages.get(gene, {gene: gene}).values()))
    return [r.rate for id in sources for r in found.makers(id, model) if r.rate is not None]


def _closed_sums(model: Model, found: Roles, made: set[str]) -> dict[str, set[str]]:
    """Free form -> all forms, of what is neither made nor lost."""
    from manyscale.model.structure import conservation_laws

    ids = [s.id for s in model.species if not (s.boundary or s.constant)]
    place = {id: i for i, id in enumerate(ids)}
    converting = [r for r in model.reactions if found.kinds[r.id][0] == "converts"]
    entries = [(place[id], j, x) for j, r in enumerate(converting) for id, x in net_change(r, model).items()]
    laws = [set(law.coefficients) for law in conservation_laws(entries, ids) if law.semi_positive]
    open_ = [law for law in laws if not law & made]
    result = {}
    for law in open_:
        free = [
            s for s in law if not any(s in found.forms[p] for p in made) and sum(s in other for other in open_) == 1
        ]
        if len(law) > 1 and free:
            result[sorted(free, key=lambda s: place[s])[0]] = law
    return result


def _sources(
    law: Expr, closed: Mapping[str, set[str]], holders: Mapping[str, list[str]], model: Model, at: Mapping[str, float]
):
    """(what acts, slope of the rate) for one law of expression."""
    read = symbols(law) & {s.id for s in model.species}
    slopes = {s: evaluate(differentiate(law, s), at) for s in read}
    on_promoter: set[str] = set()
    for free in _promoters(read, closed):
        forms = closed[free]
        on_promoter |= forms
        bound_by: dict[str, set[str]] = {}
        for form in forms - {free}:
            others = [other for other, members in closed.items() if other != free and form in members]
            for source in [*holders.get(form, ()), *others]:
                bound_by.setdefault(source, set()).add(form)
        for source, held in sorted(bound_by.items()):  # expression with it on the promoter less expression without
            change = _mean(slopes, held) - _mean(slopes, forms - held)
            if change:
                yield source, change
    moved = {id for r in model.reactions for id in net_change(r, model)}
    still = {s.id for s in model.species if not (s.boundary or s.constant) and s.id not in moved}  # copies of a gene
    for s in sorted(read - on_promoter - still):
        for source in holders.get(s, [s]):
            if slopes[s]:
                yield source, slopes[s]


def _mean(slopes: Mapping[str, float], forms: set[str]) -> float:
    return sum(slopes.get(s, 0.0) for s in forms) / max(len(forms), 1)


def _promoters(read: set[str], closed: Mapping[str, set[str]]) -> list[str]:
    """Free forms of the closed sums that a law of expression reads: of two that share a form the one whose free form is
    read, or else the one that meets fewer others and has fewer forms, is the promoter and the other its input."""

    def rank(free: str) -> tuple[bool, int, int]:
        met = sum(bool(closed[free] & closed[other]) for other in closed if other != free)
        return free not in read, met, len(closed[free])

    found: list[str] = []
    for free in sorted((f for f, members in closed.items() if members & read), key=rank):
        if not any(closed[free] & closed[other] & read for other in found):
            found.append(free)
    return found
