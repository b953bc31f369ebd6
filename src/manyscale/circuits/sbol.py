"""`read_sbol`: a genetic design in SBOL3 as a module of plain reactions.

SBOL3 says which gene makes what and what acts on it, not how fast: every rate constant is a default, to be set. Promoters get
explicit binding sites, so that loading and cost can be computed. Baig H et al. (2020) Synthetic biology open language (SBOL)
version 3.0.0. J Integr Bioinform 17:20200017.

N-Triples are read as they are; Turtle, RDF/XML and JSON-LD with the package rdflib (`pip install manyscale[sbol]`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path

from manyscale.circuits.module import Module
from manyscale.errors import InputError, UnsupportedError
from manyscale.model.build import build

__all__ = ["is_sbol", "read_sbol"]

SBOL = "http://sbols.org/v3#"
TYPES = {"0000589": "production", "0000169": "inhibition", "0000170": "stimulation", "0000179": "degradation",
         "0000177": "binding"}  # fmt: skip
ROLES = {"0000645": "template", "0000011": "product", "0000020": "inhibitor", "0000642": "inhibited", "0000459": "stimulator",
         "0000643": "stimulated", "0000010": "reactant"}  # fmt: skip
ENDINGS = {".ttl": "turtle", ".rdf": "xml", ".xml": "xml", ".jsonld": "json-ld", ".json": "json-ld"}
DEFAULTS = {"production": "0.1 1/s", "sites": "10 nM", "on": "1 1/(nM s)", "off": "10 1/s", "decay": "0.01 1/s"}
MOST = 3  # regulators of one promoter: their combinations are all written out
TRIPLE = re.compile(r'\s*(<[^>]*>|_:\S+)\s+<([^>]*)>\s+(<[^>]*>|_:\S+|"(?:[^"\\]|\\.)*"\S*)\s*\.\s*(#.*)?$')


@dataclass
class _Design:
    """products: species made, in order. regulators: product -> [(species, "activates" or "represses")]. complexes: product of
    binding -> what it is made of. degraded: species that an interaction takes away."""

    products: list[str] = field(default_factory=list)
    regulators: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    complexes: dict[str, list[str]] = field(default_factory=dict)
    degraded: list[str] = field(default_factory=list)


def is_sbol(path: object) -> bool:
    """Whether a file name is that of an SBOL3 design and of nothing else that is read."""
    return isinstance(path, str | Path) and Path(str(path)).suffix.lower() in (".nt", ".ttl", ".rdf", ".jsonld")


def read_sbol(path: str | Path, *, values: Mapping[str, str] | None = None) -> Module:
    """The design of an SBOL3 file as a module: outputs are the products, inputs what acts without being made.

    values: other defaults for production, sites, on, off, decay, with units ({"decay": "0.02 1/s"}). A promoter with several
    regulators expresses where all its activators and none of its repressors are bound, each on a site of its own.
    Errors: InputError for files that cannot be read or say nothing about production, and for interactions whose gene is not
    clear; UnsupportedError for kinds of interactions that are not read.
    """
    chosen = dict(DEFAULTS)
    for key, value in (values or {}).items():
        if key not in chosen:
            raise InputError(f"values: {key!r} is none of {', '.join(chosen)}")
        chosen[key] = value
    path = Path(path)
    design = _design(_Graph(_triples(path)))
    if not design.products:
        raise InputError(
            f"{path}: no interaction of the design is genetic production (SBO:0000589), so nothing is made"
        )
    return _module(path.stem, design, chosen)


# the file


def _triples(path: Path) -> list[tuple[str, str, str]]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read {path}: {error}") from None
    if path.suffix.lower() in (".nt", ".ntriples"):
        found = []
        for number, line in enumerate(text.splitlines(), 1):
            if not line.strip() or line.lstrip().startswith("#"):
                continue
            match = TRIPLE.match(line)
            if match is None:
                raise InputError(f"{path}, line {number}: this is no N-Triple: {line.strip()[:60]!r}")
            found.append((match[1].strip("<>"), match[2], _plain(match[3])))
        return found
    kind = ENDINGS.get(path.suffix.lower())
    if kind is None:
        raise InputError(f"{path}: SBOL3 is read from .nt, {', '.join(ENDINGS)}")
    try:
        import rdflib
    except ImportError:
        raise InputError(
            f"{path}: this serialization needs rdflib (pip install 'manyscale[sbol]'), or save the design as N-Triples (.nt)"
        ) from None
    try:
        graph = rdflib.Graph().parse(data=text, format=kind)
    except Exception as error:  # whatever its parsers raise is about the file
        raise InputError(f"{path}: not readable as {kind}: {str(error).splitlines()[0][:200]}") from None
    return [(str(s), str(p), str(o)) for s, p, o in graph]


def _plain(text: str) -> str:
    if text.startswith('"'):
        return text[1 : text.rindex('"')].replace('\\"', '"')
    return text.strip("<>")


class _Graph:
    """What the triples say, by subject and property of SBOL."""

    def __init__(self, triples: Iterable[tuple[str, str, str]]):
        self.known: dict[tuple[str, str], list[str]] = {}
        self.kinds: dict[str, str] = {}
        for subject, predicate, value in triples:
            if predicate.startswith(SBOL):
                self.known.setdefault((subject, predicate.removeprefix(SBOL)), []).append(value)
            elif predicate.endswith("#type") and value.startswith(SBOL):
                self.kinds[subject] = value.removeprefix(SBOL)

    def all(self, subject: str, name: str) -> list[str]:
        return sorted(self.known.get((subject, name), []))

    def of_kind(self, kind: str) -> list[str]:
        return sorted(s for s, k in self.kinds.items() if k == kind)

    def species(self, feature: str) -> str:
        """Name of what a feature is an instance of, as an id."""
        source = (self.all(feature, "instanceOf") or [feature])[0]
        text = (
            self.all(source, "displayId") or self.all(feature, "displayId") or [source.rstrip("/").rsplit("/", 1)[-1]]
        )[0]
        id = re.sub(r"\W+", "_", text, flags=re.ASCII)
        return id if not id[:1].isdigit() else f"_{id}"


# the design


def _design(graph: _Graph) -> _Design:
    design, effects = _Design(), []
    templates: dict[str, str] = {}  # feature -> product
    for interaction in graph.of_kind("Interaction"):
        kinds = [TYPES.get(t.rsplit(":", 1)[-1]) for t in graph.all(interaction, "type")]
        kind = next((k for k in kinds if k), None)
        if kind is None:
            raise UnsupportedError(
                "interaction",
                f"the interaction {interaction} is of kind {', '.join(graph.all(interaction, 'type')) or 'unknown'}; read are "
                "genetic production, inhibition, stimulation, degradation and non-covalent binding",
            )
        parts = _participants(graph, interaction)
        if kind == "production":
            for feature in parts.get("product", []):
                id = graph.species(feature)
                if id not in design.products:
                    design.products.append(id)
                templates |= dict.fromkeys(parts.get("template", []), id)
        elif kind in ("inhibition", "stimulation"):
            names = ("inhibitor", "inhibited") if kind == "inhibition" else ("stimulator", "stimulated")
            effects += [(s, t, kind) for s in parts.get(names[0], []) for t in parts.get(names[1], [])]
        elif kind == "degradation":
            design.degraded += [graph.species(f) for f in parts.get("reactant", [])]
        else:
            for feature in parts.get("product", []):
                design.complexes[graph.species(feature)] = [graph.species(f) for f in parts.get("reactant", [])]
    for source, target, kind in effects:
        product = _driven(graph, target, templates)
        entry = (graph.species(source), "represses" if kind == "inhibition" else "activates")
        if entry not in design.regulators.setdefault(product, []):
            design.regulators[product].append(entry)
    return design


def _participants(graph: _Graph, interaction: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for one in graph.all(interaction, "hasParticipation"):
        for role in graph.all(one, "role"):
            name = ROLES.get(role.rsplit(":", 1)[-1])
            if name:
                found.setdefault(name, []).extend(graph.all(one, "participant"))
    return found


def _driven(graph: _Graph, target: str, templates: Mapping[str, str]) -> str:
    """The product of the gene that a promoter (or coding sequence) belongs to: itself, the next template that it precedes, or
    the only one of its component."""
    if target in templates:
        return templates[target]
    after: dict[str, list[str]] = {}
    for one in graph.of_kind("Constraint"):
        if any(r.endswith(("precedes", "meets", "strictlyPrecedes")) for r in graph.all(one, "restriction")):
            for subject in graph.all(one, "subject"):
                after.setdefault(subject, []).extend(graph.all(one, "object"))
    seen, work = {target}, [target]
    while work:
        for feature in after.get(work.pop(0), []):
            if feature in templates:
                return templates[feature]
            if feature not in seen:
                seen.add(feature)
                work.append(feature)
    homes = [c for c in graph.of_kind("Component") if target in graph.all(c, "hasFeature")]
    inside = {templates[f] for c in homes for f in graph.all(c, "hasFeature") if f in templates}
    if len(inside) == 1:
        return inside.pop()
    raise InputError(
        f"which gene {graph.species(target)!r} drives is not clear; say with constraints which coding sequence it precedes"
    )


# the module


def _module(name: str, design: _Design, values: Mapping[str, str]) -> Module:
    species: dict[str, str] = dict.fromkeys(design.products, "0 nM")
    parameters: dict[str, str] = {}
    reactions: list[str] = []
    for product in design.products:
        parameters |= {f"production_{product}": values["production"], f"decay_{product}": values["decay"]}
        reactions.append(f"loss_{product}: {product} -> ; decay_{product}*{product}")
        reactions += _gene(product, design.regulators.get(product, []), values, species, parameters)
    for whole, parts in design.complexes.items():
        species |= {id: species.get(id, "0 nM") for id in (*parts, whole)}
        parameters |= {f"on_{whole}": values["on"], f"off_{whole}": values["off"]}
        both = f"on_{whole}*{'*'.join(parts)} - off_{whole}*{whole}"
        if len(parts) != 2:
            raise InputError(f"the complex {whole!r} is made of {len(parts)} reactants; write binding in steps of two")
        reactions.append(f"bind_{whole}: {' + '.join(parts)} <-> {whole}; {both}")
    for id in design.degraded:
        if id not in species:
            raise InputError(f"{id!r} is degraded but nothing in the design makes or binds it")
        if id not in design.products:
            parameters[f"decay_{id}"] = values["decay"]
            reactions.append(f"loss_{id}: {id} -> ; decay_{id}*{id}")
    inputs = [
        id for id in species if id not in design.products and id not in design.complexes and not id.startswith("P_")
    ]
    model = build(re.sub(r"\W+", "_", name) or "design", species=species, parameters=parameters, reactions=reactions)
    return Module(model, inputs=inputs, outputs=design.products, name=name,
                  source="SBOL3 design; every rate constant is a default")  # fmt: skip


def _gene(product: str, regulators: list[tuple[str, str]], values: Mapping[str, str], species, parameters) -> list[str]:
    """Reactions of a promoter with a site for each regulator, all combinations written out."""
    if len(regulators) > MOST:
        raise UnsupportedError(
            "promoter", f"{product!r} has {len(regulators)} regulators; promoters with up to {MOST} are read"
        )
    names = [id for id, _ in regulators]
    if len(set(names)) < len(names):
        raise InputError(f"{product!r} is both activated and repressed by the same molecule; write that as reactions")
    site = f"P_{product}"
    species[site] = values["sites"]
    if regulators:
        parameters |= {f"on_{product}": values["on"], f"off_{product}": values["off"]}
    reactions = []
    for size in range(1, len(names) + 1):
        for held in combinations(names, size):
            species["_".join((site, *held))] = "0 nM"
            for one in held:
                without = "_".join((site, *(n for n in held if n != one)))
                full = "_".join((site, *held))
                species.setdefault(one, "0 nM")
                reactions.append(
                    f"bind_{full}_by_{one}: {one} + {without} <-> {full}; on_{product}*{one}*{without} - off_{product}*{full}"
                )
    active = [id for id, effect in regulators if effect == "activates"]
    open_ = "_".join((site, *(n for n in names if n in active)))
    reactions.append(f"make_{product}: -> {product}; production_{product}*{open_}")
    return reactions
