"""What a report draws of the models themselves: network, equations, conserved totals, parameter map."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from manyscale.bridges.bridge import Chain
from manyscale.kernels import compile_model
from manyscale.model.evaluate import evaluate
from manyscale.model.expr import Expr, substitute, symbols
from manyscale.model.model import Model
from manyscale.model.parts import Participant
from manyscale.model.printing import infix
from manyscale.model.simplify import simplify
from manyscale.model.unit_check import check_units
from manyscale.study.formulas import LARGEST, encode, size
from manyscale.study.record import plain

MOST_EQUATIONS = 60
MOST_DIMENSIONLESS = 40  # equations of a model whose groups a report shows
ELIMINATED_BY = {
    "conserve": "conserved",
    "prune": "pruned",
    "absent": "absent",
    "solve": "solved",
    "freeze": "held",
    "lump": "summed",
    "lump_near": "summed",
    "lump_backward": "equal",
}  # every other bridge eliminates fast species


def network(model: Model, chain: Chain) -> dict[str, Any]:
    """Species with what became of them, and reactions, for a drawing."""
    fate: dict[str, str] = {}
    for bridge in chain.bridges:
        for id in bridge.eliminated:
            fate.setdefault(id, ELIMINATED_BY.get(bridge.name, "eliminated"))
    moving = {p.species for r in model.reactions for p in (*r.reactants, *r.products)}
    ruled = {rule.variable for rule in model.rules}
    species = []
    for one in model.species:
        fixed = one.constant or (one.id not in ruled and (one.boundary or one.id not in moving))
        state = fate.get(one.id, "fixed" if fixed else "kept")
        species.append({"id": one.id, "name": one.name, "state": state})
    known = {one.id for one in model.species}
    left = {r.id for r in chain.coarse.reactions}
    reactions = []
    for r in model.reactions:
        used = symbols(r.rate) & known if r.rate is not None else set()
        inside = {p.species for p in r.reactants}
        modifiers = sorted((used | set(r.modifiers)) - inside - {p.species for p in r.products})
        reactions.append({
            "id": r.id, "reactants": [p.species for p in r.reactants], "products": [p.species for p in r.products],
            "modifiers": modifiers, "reversible": r.reversible, "kept": r.id in left, "text": reaction_text(r),
        })  # fmt: skip
    return {"species": species, "reactions": reactions}


def reaction_text(reaction: Any) -> str:
    """A reaction in one line: S + E → C, rate k*S*E."""
    sides = [_side(reaction.reactants), _side(reaction.products)]
    arrow = " ⇌ " if reaction.reversible else " → "
    rate = "" if reaction.rate is None else f", rate {infix(reaction.rate)}"
    return f"{reaction.id}: {arrow.join(sides)}{rate if len(rate) < 160 else ''}"


def _side(participants: tuple[Participant, ...]) -> str:
    parts = []
    for one in participants:
        count = one.stoichiometry
        if isinstance(count, Expr):
            number = f"({infix(count)}) "
        else:
            number = "" if count in (1, 1.0, None) else f"{count:g} "
        parts.append(f"{number}{one.species}")
    return " + ".join(parts) or "∅"


def equations(model: Model) -> dict[str, Any]:
    """Right-hand sides and rules of a model as encoded formulas, those that are short enough to read."""
    system = compile_model(model).system
    rates = dict(system.rates)
    states: list[dict[str, Any]] = []
    rules: list[dict[str, Any]] = []
    omitted = 0
    ones = {c.id: 1.0 for c in model.compartments if c.constant and c.size == 1.0}
    for id, right in zip(system.states, system.right_sides, strict=True):
        formula = _readable(substitute(substitute(right, rates), ones))
        if formula is None or len(states) >= MOST_EQUATIONS:
            omitted += 1
        else:
            states.append({"id": id, "formula": formula})
    for rule in model.rules:
        if rule.kind != "assignment" or rule.variable is None:
            continue
        formula = _readable(substitute(rule.formula, ones))
        if formula is None or len(rules) >= MOST_EQUATIONS:
            omitted += 1
        else:
            rules.append({"id": rule.variable, "formula": formula})
    implicit = sum(rule.kind == "algebraic" for rule in model.rules)
    return {"count": len(system.states) - implicit, "states": states, "rules": rules, "omitted": omitted,
            "implicit": implicit}  # fmt: skip


def _readable(expr: Expr) -> Any:
    tree = encode(expr)
    if size(tree) > 8 * LARGEST:
        return None
    tree = encode(simplify(expr))
    return tree if size(tree) <= LARGEST else None


def conserved(chain: Chain, units: Mapping[str, str]) -> list[dict[str, Any]]:
    """Conserved totals with the sums they stand for and their values at the start."""
    found: list[dict[str, Any]] = []
    for bridge in chain.bridges:
        if bridge.name != "conserve":
            continue
        kernel = compile_model(bridge.fine)
        y, p = kernel.initial()
        values = kernel.values(0.0, y, p)
        new = {part.id: part for part in bridge.coarse.parts() if part.id not in bridge.fine}
        for id, formula in {**bridge.parameters, **bridge.restrict}.items():
            if id in new and not any(one["id"] == id for one in found):
                part = new[id]
                found.append({
                    "id": id, "name": getattr(part, "name", "") or id, "formula": encode(formula),
                    "value": _value(formula, values), "unit": units.get(id, ""),
                })  # fmt: skip
    return found


def parameter_map(chain: Chain, units: Mapping[str, str]) -> list[dict[str, Any]]:
    """Parameters of the coarse model that are combinations of fine ones."""
    found: dict[str, dict[str, Any]] = {}
    for bridge in chain.bridges:
        kernel = compile_model(bridge.fine)
        y, p = kernel.initial()
        values = kernel.values(0.0, y, p)
        for id, formula in bridge.parameters.items():
            if bridge.name == "conserve" or infix(formula) == id or id not in chain.coarse:
                continue
            tree = encode(formula)
            if size(tree) <= LARGEST:
                found[id] = {"id": id, "formula": tree, "value": _value(formula, values), "unit": units.get(id, "")}
    return list(found.values())[:MOST_EQUATIONS]


def _value(formula: Expr, values: Mapping[str, float]) -> float | None:
    try:
        return evaluate(formula, values)
    except (KeyError, ArithmeticError, ValueError, TypeError):
        return None


def groups(scales: Any) -> list[dict[str, Any]]:
    """Named dimensionless groups of a table of scales."""
    return [plain(group) for group in getattr(scales, "groups", ())]


def verification(found: Any) -> dict[str, Any]:
    """A verification as plain data: `summary` for the command line, `errors` by observable."""
    broken = found.violations
    return {
        "summary": {
            "points": int(found.points if isinstance(found.points, int) else len(found.points)),
            "worst_error": plain(found.worst),
            "violations": broken if isinstance(broken, int) else len(broken),
        },
        "errors": plain(dict(found.per_observable)),
        "outside_band": plain(found.outside_band),
    }


def units_ok(model: Model) -> bool | None:
    """Whether the units of every formula agree; None if not all are declared."""
    return check_units(model).ok


def dimensionless(model: Model, scales: Any) -> dict[str, Any] | None:
    """The model without dimensions as plain data, for models that people can read; None for others."""
    from manyscale.errors import ManyscaleError
    from manyscale.scales.measure import Scales
    from manyscale.scales.nondimensional import nondimensionalize

    if not isinstance(scales, Scales) or scales.dimension["full"] > MOST_DIMENSIONLESS:
        return None
    try:
        return nondimensionalize(model, scales=scales).to_dict()
    except ManyscaleError:  # a report without this section is still a report
        return None
