"""Models as people read them: plain text for terminals, HTML with LaTeX for notebooks."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from manyscale.model.expr import Expr
from manyscale.model.model import Model
from manyscale.model.parts import Compartment, Event, Participant, Reaction, Rule, Species
from manyscale.model.printing import infix, latex, name_latex, number_text
from manyscale.units import unit_label

MAX_ROWS = 60  # of each table; the rest is counted


def text(model: Model, rows: int = MAX_ROWS) -> str:
    """The whole model as plain text: values with units, reactions with rate laws, rules, events."""
    lines = [_title(model), ""]
    for heading, table in _tables(model):
        if not table:
            continue
        lines.append(heading)
        shown = table[:rows]
        widths = [max(len(row[k]) for row in shown) for k in range(len(shown[0]))]
        lines += ["  " + "  ".join(c.ljust(w) for c, w in zip(row, widths)).rstrip() for row in shown]
        lines += [f"  ... and {len(table) - rows} more"] if len(table) > rows else []
    return "\n".join([*lines, *(f"remark: {remark}" for remark in model.remarks)])


def html(model: Model, rows: int = MAX_ROWS) -> str:
    """The same as HTML tables; formulas as LaTeX between $ signs, which notebooks typeset."""
    names = {part.id: name_latex(part.id) for part in model.parts()}
    out = [f"<h4>{escape(_title(model))}</h4>"]
    for heading, table in _tables(model, lambda expr: f"${latex(expr, names)}$"):
        if not table:
            continue
        lines = ["".join(f"<td style='text-align:left'>{escape(cell)}</td>" for cell in row) for row in table[:rows]]
        body = "".join(f"<tr>{line}</tr>" for line in lines)
        more = f"<tr><td>... and {len(table) - rows} more</td></tr>" if len(table) > rows else ""
        out.append(f"<details open><summary>{heading}</summary><table>{body}{more}</table></details>")
    return "".join(out)


def brief(model: Model) -> str:
    """One line: Model('name': 4 species, 2 reactions)."""
    return f"Model({model.id!r}: {_counts(model)})"


def _title(model: Model) -> str:
    units = [(what, unit_label(model, id)) for what, id in (("time", model.time_units), ("amount", model.substance_units),
                                                            ("volume", model.volume_units)) if id]  # fmt: skip
    said = f" ({', '.join(f'{what} in {unit}' for what, unit in units)})" if units else " (no units)"
    return f"{model.name or model.id}: {_counts(model)}{said}"


def _counts(model: Model) -> str:
    kinds = (("species", "species"), ("reaction", "reactions"), ("rule", "rules"), ("event", "events"))
    counts = [(len(getattr(model, many)), one, many) for one, many in kinds]
    return ", ".join(
        f"{n} {one if n == 1 else many}" for n, one, many in counts if n or many in ("species", "reactions")
    )


def _tables(model: Model, formula=infix) -> Iterator[tuple[str, list[tuple[str, ...]]]]:
    yield (
        "Compartments",
        [
            (c.id, number_text(c.size) if c.size is not None else "?", _compartment_unit(model, c), c.name)
            for c in model.compartments
        ],
    )
    yield "Species", [_species(model, s) for s in model.species]
    yield (
        "Parameters",
        [
            (p.id, "?" if p.value is None else number_text(p.value), unit_label(model, p.units), p.name)
            for p in model.parameters
        ],
    )
    yield "Reactions", [_reaction(r, formula) for r in model.reactions]
    starts: list[tuple[str, ...]] = [
        (i.symbol, "=", formula(i.formula), "at the start") for i in model.initial_assignments
    ]
    yield "Initial values", starts
    yield "Rules", [_rule(r, formula) for r in model.rules]
    yield "Events", [_event(e, formula) for e in model.events]
    yield "Functions", [(f"{f.id}({', '.join(f.arguments)})", "=", formula(f.body)) for f in model.functions]
    yield "Constraints", [(formula(c.condition), c.message) for c in model.constraints]


def _compartment_unit(model: Model, part: Compartment) -> str:
    default = {3.0: model.volume_units, 2.0: model.area_units, 1.0: model.length_units}.get(part.dimensions or 3.0)
    return unit_label(model, part.units or default)


def species_unit(model: Model, part: Species, amount: bool | None = None) -> str:
    """Unit text of a species' id in formulas, or of its amount or concentration."""
    from manyscale.model.unit_check import substance_and_volume

    amount = part.only_substance if amount is None else amount
    return substance_and_volume(model, part, amount)


def _species(model: Model, part: Species) -> tuple[str, ...]:
    value = "?" if part.initial is None else number_text(part.initial)
    kind = "amount" if part.only_substance else "concentration"
    notes = [kind] if part.initial_kind == kind else [f"{kind}, given as {part.initial_kind}"]
    notes += [word for word, on in (("boundary", part.boundary), ("constant", part.constant)) if on]
    where = [f"in {part.compartment}"] if len(model.compartments) > 1 else []
    return part.id, value, species_unit(model, part, part.initial_kind == "amount"), ", ".join(notes + where), part.name


def side_text(participants: tuple[Participant, ...], formula=infix) -> str:
    """One side of a reaction: "A + 2 B"."""
    terms = []
    for p in participants:
        count = p.stoichiometry
        if isinstance(count, Expr):
            terms.append(f"{infix(count)}*{p.species}")
        elif count is None or (p.id is not None and not p.constant):
            terms.append(f"{p.id or '?'}*{p.species}")
        else:
            terms.append(p.species if count == 1 else f"{number_text(count)} {p.species}")
    return " + ".join(terms) or "0"


def reaction_text(reaction: Reaction) -> str:
    """The equation of a reaction: "A + 2 B -> C"."""
    arrow = "<->" if reaction.reversible else "->"
    return f"{side_text(reaction.reactants)} {arrow} {side_text(reaction.products)}"


def _reaction(reaction: Reaction, formula) -> tuple[str, ...]:
    rate = "no rate law" if reaction.rate is None else formula(reaction.rate)
    local = ", ".join(f"{k.id} = {'?' if k.value is None else number_text(k.value)}" for k in reaction.local)
    return reaction.id, reaction_text(reaction), rate, f"with {local}" if local else ""


def _rule(rule: Rule, formula) -> tuple[str, ...]:
    left = {"assignment": rule.variable, "rate": f"{rule.variable}'"}.get(rule.kind, "0")
    return str(left), "=", formula(rule.formula)


def _event(event: Event, formula) -> tuple[str, ...]:
    extras = [("after", event.delay), ("priority", event.priority)]
    said = "".join(f", {word} {infix(value)}" for word, value in extras if value is not None)
    actions = ", ".join(f"{target} = {infix(value)}" for target, value in event.assignments)
    return event.id, "at", formula(event.trigger), f"{said[2:]}: {actions}" if said else f": {actions}"
