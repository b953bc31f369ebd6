"""The command `burden`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from manyscale.terminal import output, parse_values, progress, say

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output, all else on stderr.")]


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command()(burden)


def burden(
    circuit: Annotated[
        str | None, typer.Argument(metavar="[CIRCUIT]", help="SBML, Antimony or .net file of the circuit.")
    ] = None,
    gene: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ID=STRENGTH", help="A constitutive gene instead of a file: transcripts per minute; repeat."
        ),
    ] = None,
    length: Annotated[
        list[str] | None, typer.Option(metavar="ID=AMINO_ACIDS", help="Length of a protein; default 300.")
    ] = None,
    host: Annotated[str, typer.Option(help="The cell that carries the circuit.")] = "weisse_2015",
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="ID=VALUE", help="Change a constant of the host.")
    ] = None,
    pareto: Annotated[bool, typer.Option("--pareto", help="Also scan the expression: product against growth.")] = False,
    out: Annotated[Path | None, typer.Option("-o", "--out", help="Write a page with the pictures (.html).")] = None,
    json: Json = False,
) -> None:
    """What a circuit costs the cell, and what its genes cost each other."""
    from manyscale.circuits.burden import burden as run
    from manyscale.circuits.proteome import growth_law
    from manyscale.errors import InputError
    from manyscale.reports.burden_page import burden_page
    from manyscale.reports.circuit_pages import write

    with output(json) as answer, progress() as note:
        if (circuit is None) == (not gene):
            raise InputError("give either a CIRCUIT file or genes, for example --gene gfp=100")
        lengths = parse_values(length)
        values = parse_values(set_) or {}
        found = run(circuit if circuit is not None else parse_values(gene) or {}, host, values=values, lengths=lengths)
        answer.json = found.to_dict()
        say(f"growth {found.growth_rate:.5g} per minute, {found.relative_growth:.2%} of the host alone", json)
        say(f"foreign protein: {found.protein_fraction:.3%} of the protein mass", json)
        for g in found.genes:
            say(f"  {g.id}: {g.total(found.values):.6g} molecules, {found.protein_fractions[g.id]:.3%}", json)
        for (a, b), x in found.coupling.items():
            if a != b:
                say(f"1% more expression of {b} changes {a} by {x:+.4f}%", json)
        for remark in found.remarks:
            say(f"note: {remark}", json)
        front = None
        if pareto or out is not None:
            front = found.pareto(progress=lambda share: note(share, "expression"))
            best = front.best
            answer.json["pareto"] = front.to_dict()
            say(
                f"most product at {front.factors[best]:.3g} times this expression: {front.product_rate[best]:.4g} proteins per "
                f"minute at growth {front.growth_rate[best]:.4g}", json,
            )  # fmt: skip
            if front.stopped:
                say(f"note: the scan ended early: {front.stopped}", json)
        if out is not None:
            line = found.isocost() if found.genes[0].strength > 0 else None
            law = growth_law(host, values={k: v for k, v in values.items() if k != found.host.nutrient})
            say(f"wrote: {write(burden_page(found, front, line, law), out)}", json)
