"""What the species and reactions of a circuit are: proteins, RNAs, what holds them; expression, conversion, loss.

A reaction that makes one molecule from nothing expresses it. What is made and in turn makes something else in proportion
to itself is an RNA; all else that is made is a protein. Which other species hold an RNA or protein follows from the
conserved sums of the reactions that convert.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from manyscale.errors import InputError
from manyscale.model.algebra import differentiate
from manyscale.model.expr import Number, substitute, symbols
from manyscale.model.model import Model
from manyscale.model.parts import Reaction
from manyscale.model.structure import conservation_laws

__all__ = ["Roles", "net_change", "roles"]


@dataclass(frozen=True)
class Roles:
    """kinds: reaction -> (makes, loses or converts; the species if it is one). proteins, rnas: what is made. messages: protein ->
    {reaction that translates it: its mRNA}, only for proteins with explicit mRNAs. forms: protein or RNA -> {species:
    copies in it}. released: species that hold some -> {what is left of it: copies} when growth takes them away. kept: free
    forms of what is neither made nor lost, whose total stays."""

    kinds: Mapping[str, tuple[str, str]]
    proteins: tuple[str, ...]
    rnas: tuple[str, ...]
    messages: Mapping[str, Mapping[str, str]]
    forms: Mapping[str, Mapping[str, float]]
    released: Mapping[str, Mapping[str, float]]
    kept: tuple[str, ...] = ()

    def makers(self, id: str, circuit: Model) -> list[Reaction]:
        """Reactions that make this species from nothing."""
        return [r for r in circuit.reactions if self.kinds[r.id] == ("makes", id)]


def roles(circuit: Model, lengths: Mapping[str, float]) -> Roles:
    """Roles of all species and reactions. lengths: what is made -> amino acids; 0 says that it is an RNA, more that it
    is a protein. Errors: InputError where something cannot be counted, with the reaction that is in the way."""
    kinds = {r.id: _kind(r, circuit) for r in circuit.reactions}
    made = list(dict.fromkeys(id for what, id in kinds.values() if what == "makes"))
    if not made:
        raise InputError("the circuit makes no protein: no reaction makes a species from nothing")
    for id in lengths:
        if id not in made:
            raise InputError(f"the circuit expresses no {id!r}; it expresses {', '.join(made)}")
    templates = _templates(circuit, kinds, made, lengths)
    rnas = {m for one in templates.values() for m in one.values()} | {id for id, x in lengths.items() if x == 0}
    proteins = tuple(id for id in made if id not in rnas)
    if not proteins:
        raise InputError("the circuit makes no protein, only RNA; a protein is made from nothing or from an mRNA")
    for id, found in templates.items():
        other = [r for r, kind in kinds.items() if kind == ("makes", id) and r not in found]
        if other:
            raise InputError(
                f"{id!r} is translated from {', '.join(sorted(set(found.values())))} and also made by {other[0]!r} without "
                "an mRNA; write both ways with an mRNA, or both without"
            )
    forms, released, kept = _composition(circuit, kinds, [*proteins, *sorted(rnas)])
    return Roles(kinds, proteins, tuple(sorted(rnas)), templates, forms, released, kept)


def net_change(reaction: Reaction, circuit: Model) -> dict[str, Fraction]:
    """Net molecules made (or, negative, used) of each species that can change."""
    fixed = {s.id for s in circuit.species if s.boundary or s.constant}
    found: dict[str, Fraction] = {}
    for sign, side in ((-1, reaction.reactants), (1, reaction.products)):
        for p in side:
            if p.species not in fixed:
                found[p.species] = found.get(p.species, Fraction(0)) + sign * Fraction(float(p.stoichiometry))  # type: ignore[arg-type]
    return {k: v for k, v in found.items() if v}


def _kind(reaction: Reaction, circuit: Model) -> tuple[str, str]:
    net = net_change(reaction, circuit)
    if len(net) == 1:
        (id, change), = net.items()  # fmt: skip
        if change == 1:
            return "makes", id
        if change < 0:
            return "loses", id
        raise InputError(f"reaction {reaction.id!r} makes {float(change):g} {id} at once; a gene makes one at a time")
    if net and all(x < 0 for x in net.values()):
        return "loses", ""  # several at once: what annihilates
    if net and all(x > 0 for x in net.values()):
        raise InputError(
            f"reaction {reaction.id!r} makes {', '.join(net)} at once; write one reaction for each protein"
        )
    return "converts", ""


def _templates(circuit: Model, kinds, made: Sequence[str], lengths: Mapping[str, float]) -> dict[str, dict[str, str]]:
    """Protein -> {reaction: mRNA that it is made in proportion to}.

    Where one such step follows another the first is translation, the second linear activation: what is translated is a
    protein. What regulates anything in another way than in proportion is a protein too.
    """
    steps: dict[str, dict[str, str]] = {}
    regulators = {id for id, x in lengths.items() if x > 0}
    for r in circuit.reactions:
        if kinds[r.id][0] != "makes":
            continue
        read = _read(r, made)
        one = _proportional(r, read, circuit) if read and read[0] != kinds[r.id][1] else None
        if one is None:
            regulators |= set(read)
        else:
            steps.setdefault(kinds[r.id][1], {})[r.id] = one
    found: dict[str, dict[str, str]] = {}
    changed = True
    while changed:  # from what is not itself made in proportion to something
        translated = set(found)
        changed = False
        for id, one in steps.items():
            if id in found or id in {m for x in found.values() for m in x.values()}:
                continue
            sources = {m for m in one.values() if m not in steps and m not in regulators and m not in translated}
            if sources and sources == set(one.values()):
                found[id], changed = one, True
    return found


def _read(reaction: Reaction, made: Sequence[str]) -> list[str]:
    return sorted(symbols(reaction.rate) & set(made))  # type: ignore[arg-type]


def _proportional(reaction: Reaction, read: Sequence[str], circuit: Model) -> str | None:
    """The species that the rate is proportional to, with a factor that no species enters."""
    species = {s.id for s in circuit.species if not s.constant}
    assert reaction.rate is not None
    if len(read) != 1 or symbols(reaction.rate) & species != {read[0]}:
        return None
    try:
        slope = differentiate(reaction.rate, read[0])
    except InputError:
        return None
    if symbols(slope) & species or not _vanishes(substitute(reaction.rate, {read[0]: Number(0.0)}), circuit):
        return None
    return read[0]


def _vanishes(formula, circuit: Model) -> bool:
    from manyscale.model.evaluate import evaluate

    known = {p.id: float(p.value or 1.0) for p in circuit.parameters} | {c.id: 1.0 for c in circuit.compartments}
    try:
        return abs(evaluate(formula, known)) < 1e-300
    except (InputError, KeyError):
        return False


def _composition(circuit: Model, kinds, made: list[str]):
    """(forms, released, kept) of `Roles` from conserved sums."""
    ids = [s.id for s in circuit.species if not (s.boundary or s.constant)]
    converting = [r for r in circuit.reactions if kinds[r.id][0] == "converts"]
    laws, consuming = _sums(circuit, ids, converting, made)
    forms: dict[str, dict[str, float]] = {}
    for id in made:
        own = [law for law in laws if id in law]
        if len(own) != 1 or len([x for x in made if x in own[0]]) != 1:
            near = [r.id for r in converting if id in net_change(r, circuit)]
            raise InputError(f"{id!r} is not conserved by the reactions that convert it ({', '.join(near)}), so its mass "
                             "cannot be counted; write its loss as a reaction of its own")  # fmt: skip
        forms[id] = {s: float(x / own[0][id]) for s, x in own[0].items()}
    counted = {s for law in laws for s in law}
    for r in circuit.reactions:
        for id in net_change(r, circuit):
            if id not in counted:
                raise InputError(f"{id!r}, which reaction {r.id!r} changes, is neither a protein nor a part of conserved "
                                 "amount, so its dilution is not clear; hold it fixed, or give it a reaction that makes it")  # fmt: skip
    held = {s for form in forms.values() for s in form}
    others = [law for law in laws if not set(made) & set(law)]
    released: dict[str, dict[str, float]] = {}
    for s in sorted(held - set(made)):
        released[s] = {}
        for law in (x for x in others if s in x):
            free = [x for x in law if x not in held and sum(x in other for other in others) == 1]
            if len(free) > 1:  # an enzyme's complex: what it was put together from
                kept = [r for r in converting if r.id not in consuming]
                free = [x for x in free if any(_puts_together(net_change(r, circuit), s, x) for r in kept)]
            if len(free) != 1:
                raise InputError(
                    f"what is left of {s!r} without its protein is not clear; found {', '.join(free) or 'nothing'}"
                )
            released[s][free[0]] = float(law[s] / law[free[0]])
    lost = {k for r in circuit.reactions if kinds[r.id][0] == "loses" for k in net_change(r, circuit)}
    kept = tuple(
        free for law in others if not lost & set(law)
        for free in [x for x in ids if x in law and x not in held and sum(x in other for other in others) == 1][:1]
    )  # fmt: skip
    return forms, released, kept


def _sums(circuit: Model, ids: Sequence[str], converting: Sequence[Reaction], made: Sequence[str]):
    """(conserved sums of the converting reactions, ids of those left out because they use up something made).

    A complex that comes apart without the protein in it (a protease, an RNA that silences) breaks the protein's sum; what
    restores the sum of some made species when left out, and takes away from it, is such a reaction: the one that leaves most
    forms in the sum."""
    place = {id: i for i, id in enumerate(ids)}

    def laws_without(gone: set[str]):
        kept = [r for r in converting if r.id not in gone]
        entries = [(place[id], j, x) for j, r in enumerate(kept) for id, x in net_change(r, circuit).items()]
        return [law.coefficients for law in conservation_laws(entries, ids) if law.semi_positive]

    gone: set[str] = set()
    laws = laws_without(gone)
    for id in made:
        if any(id in law for law in laws):
            continue
        best = 0
        for r in converting:
            found = laws_without(gone | {r.id})
            own = next((law for law in found if id in law), {})
            if len(own) > best and sum(own.get(s, 0) * x for s, x in net_change(r, circuit).items()) < 0:
                best, laws, chosen = len(own), found, r.id
        if best:
            gone = gone | {chosen}
    return laws, gone


def _puts_together(net: Mapping[str, Fraction], whole: str, part: str) -> bool:
    return net.get(whole, 0) > 0 and net.get(part, 0) < 0
