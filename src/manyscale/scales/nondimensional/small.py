"""Small parameters of a scaled model: ranked, in the source's own symbols, with what they compare."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from manyscale.model.expr import Expr, Mul, Symbol, symbols
from manyscale.model.model import Model
from manyscale.scales.group import Group
from manyscale.scales.nondimensional.assemble import Assembled, Numbers
from manyscale.scales.nondimensional.monomial import START, Monomial, shown
from manyscale.scales.nondimensional.result import DimensionlessGroup, SmallParameter
from manyscale.scales.nondimensional.terms import Term, TermForm

SMALL = 0.1
LEADING = 0.4  # share of the largest coefficient from which a term that is easier to read may stand for it
READABLE = 8  # names in a group of the lattice that is worth showing
MOST = 60
POINTS = 32


@dataclass(frozen=True)
class Found:
    """A small parameter before its region is known."""

    name: str
    formula: Expr
    value: float
    meaning: str
    equation: str = ""


def of_terms(form: TermForm, assembled: Assembled, states: Sequence[str], source: Model, unit: str) -> list[Found]:
    """Of every equation: one over its largest coefficient, if the variable is fast in the unit of time; and every
    coefficient that is small beside the largest one."""
    found = []
    for target, terms in form.terms.items():
        known = [(t, *assembled.scaled[t.coefficient]) for t in terms if t.coefficient in assembled.scaled]
        if not known:
            continue
        largest = max(size for _, _, size in known)
        lead, group, value = min((k for k in known if k[2] >= LEADING * largest), key=lambda k: (k[1].size, -k[2]))
        if target in states and value * SMALL >= 1.0:
            what = f"{target} is fast: {_said(lead, source)} against {unit}"
            found.append(Found(f"eps_{target}", (group**-1).expression(), 1.0 / value, what, target))
        for term, other, size in known:
            if term is not lead and size <= SMALL * value:
                what = f"{_said(term, source)} against {_said(lead, source)} in {target}"
                name = f"{_label(term)}_in_{target}"
                found.append(Found(name, (other / group).expression(), size / value, what, target))
    coefficients = {t.coefficient for terms in form.terms.values() for t in terms}
    for id, (group, value) in assembled.scaled.items():
        if id in coefficients or group.pure:
            continue
        if value <= SMALL:
            found.append(
                Found(f"small_{id}", group.expression(), value, f"{id} against the values it is compared with")
            )
        elif value * SMALL >= 1.0 and shown(form.formulas[id]) != shown(group.expression()):
            what = f"what {id} is compared with against {id}"
            found.append(Found(f"large_{id}", (group**-1).expression(), 1.0 / value, what))
    return found


def thresholds(form: TermForm, assembled: Assembled, source: Model) -> tuple[DimensionlessGroup, ...]:
    """Gain against loss of whatever makes more of itself, everything else at one unit of its scale: it grows above one
    and dies out below (the basic reproduction number, where the scale is the whole population)."""
    found = []
    for target, terms in form.terms.items():
        mine = [(t, *assembled.scaled[t.coefficient]) for t in terms if t.coefficient in assembled.scaled]
        losses = [item for item in mine if item[0].sign < 0 and item[0].body == Symbol(target)]
        gains = [item for item in mine if item[0].sign > 0 and _carries(item[0].body, target)]
        if len(losses) == 1 and len(gains) == 1 and gains[0][0].body != Symbol(target):
            (gain, top, above), (loss, bottom, below) = gains[0], losses[0]
            others = sorted(symbols(gain.body) - {target})
            what = (
                f"{_said(gain, source)} against {_said(loss, source)} in {target}, at one unit of {', '.join(others)}"
            )
            ratio = top / bottom
            found.append(DimensionlessGroup(f"R0_{target}", str(ratio), above / below, what, ratio.expression()))
    return tuple(found)


def _carries(body: Expr, target: str) -> bool:
    """Proportional to the target, and to others."""
    return isinstance(body, Mul) and Symbol(target) in body.factors


def of_lattice(invariants: Sequence[Monomial], numbers: Numbers) -> list[Found]:
    """Groups of the given quantities that are small, or one over those that are large."""
    found = []
    for group in invariants:
        value = numbers.of(group.expression())
        if not 0 < value < float("inf") or group.size > READABLE or SMALL < value < 1 / SMALL:
            continue
        if len(group.powers) == 1 and shown(next(iter(group.powers.values()))[0]).endswith(START):
            continue  # an initial value that has no dimension
        turned = group if value <= SMALL else group**-1
        above = [shown(b) for b, e in turned.powers.values() if e > 0]
        below = [shown(b) for b, e in turned.powers.values() if e < 0]
        what = f"{' and '.join(above) or '1'} against {' and '.join(below) or '1'}"
        found.append(Found("group", turned.expression(), min(value, 1 / value), what))
    return found


def ranked(
    found: Sequence[Found],
    motifs: Sequence[Group],
    points: Sequence[Numbers],
) -> tuple[SmallParameter, ...]:
    """All of them, smallest first, each once, with their range and their places over the points of the region."""
    by_text: dict[str, Found] = {}
    for one in sorted(found, key=lambda one: (one.name == "group", len(one.meaning))):
        by_text.setdefault(shown(one.formula), one)
    rows: list[tuple[SmallParameter, np.ndarray | None]] = []
    for text, one in by_text.items():
        values = np.array([_value(numbers, one.formula) for numbers in points])
        row = SmallParameter(one.name, text, one.value, one.meaning, equation=one.equation)
        values = values[np.isfinite(values)]
        if len(values) and len(values) == len(points):
            spread = (float(min(values.min(), one.value)), float(max(values.max(), one.value)))
            row = replace(row, range=spread, steady=float((values <= SMALL).mean()))
            rows.append((row, values))
        else:
            rows.append((row, None))
    for group in motifs:
        if group.threshold is not None and 0 < group.value <= SMALL and group.formula not in by_text:
            row = SmallParameter(group.name, group.formula, group.value, group.meaning, range=group.range)
            rows.append((row, None))
    rows.sort(key=lambda item: (float(f"{item[0].value:.6g}"), item[0].formula))  # the same in all units
    rows = rows[:MOST]
    return _distinct_names(
        [row if v is None else replace(row, ahead=_kept(rows, k)) for k, (row, v) in enumerate(rows)]
    )


def _value(numbers: Numbers, formula: Expr) -> float:
    try:
        return numbers.of(formula)
    except (ZeroDivisionError, OverflowError, KeyError, ValueError):
        return float("nan")


def _kept(rows, k: int) -> float:
    """Share of points at which a parameter keeps its place, give or take one, among those that points know."""
    known = [i for i, (_, values) in enumerate(rows) if values is not None]
    table = np.array([rows[i][1] for i in known])
    place = known.index(k)
    places = (table < table[place]).sum(axis=0)
    return float((np.abs(places - place) <= 1).mean())


def _distinct_names(rows: Sequence[SmallParameter]) -> tuple[SmallParameter, ...]:
    seen: dict[str, int] = {}
    result = []
    for row in rows:
        seen[row.name] = seen.get(row.name, 0) + 1
        result.append(
            row if seen[row.name] == 1 and row.name != "group" else replace(row, name=f"{row.name}_{seen[row.name]}")
        )
    return tuple(result)


def _label(term: Term) -> str:
    return "_".join(term.sources[:2]) or term.coefficient.removeprefix("c_")


def _said(term: Term, source: Model) -> str:
    """A term in words: the reactions it comes from and what it is proportional to."""
    names = [getattr(source.by_id.get(id), "name", "") or id for id in term.sources[:3]]
    body = shown(term.body)
    kind = "gain" if term.sign > 0 else "loss"
    what = f"the {kind} by {', '.join(names)}" if names else f"the {kind}"
    return what if len(body) > 40 else f"{what} ({body})" if body != "1" else what


def meanings(form: TermForm, assembled: Assembled, source: Model) -> Callable[[str], str]:
    """What a group stands before, in words."""
    where: dict[str, list[str]] = {}
    for target, terms in form.terms.items():
        for term in terms:
            id = assembled.names.get(term.coefficient, "")
            where.setdefault(id, []).append(f"{_said(term, source)} in {target}")
    return lambda id: "; ".join(where.get(id, [])[:2])


def over_region(box: Mapping[str, tuple[float, float]], values_at, seed: int = 1_914) -> list[Numbers]:
    """Values of everything at random points of the region; points that a model does not allow are left out."""
    if not box:
        return []
    random = np.random.default_rng(seed)
    found = []
    for _ in range(POINTS):
        point = {}
        for id, (low, high) in box.items():
            share = random.random()
            point[id] = low * (high / low) ** share if low > 0 else low + share * (high - low)
        values = values_at(point)
        if values is not None:
            found.append(Numbers(values))
    return found
