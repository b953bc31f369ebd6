"""The command `burden`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

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
        list[str] | None,
        typer.Option(metavar="ID=AMINO_ACIDS", help="Length of a protein; default 300; 0 marks an RNA."),
    ] = None,
    host: Annotated[str, typer.Option(help="The cell that carries the circuit.")] = "weisse_2015",
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="ID=VALUE", help="Change a constant of the host.")
    ] = None,
    polymerases: Annotated[
        float | None, typer.Option(help="RNA polymerases per cell, shared by all genes. Default: as many as wanted.")
    ] = None,
    unit: Annotated[
        list[str] | None,
        typer.Option(metavar="KIND=UNIT", help="For a file without units: time=s, species=nM (or species=molecules)."),
    ] = None,
    pareto: Annotated[bool, typer.Option("--pareto", help="Also scan the expression: product against growth.")] = False,
    memory: Annotated[
        bool,
        typer.Option("--memory", help="Also tell whether the cell creates or destroys stable states of the circuit."),
    ] = False,
    batch: Annotated[
        float | None,
        typer.Option(metavar="NUTRIENT", help="Also tell what a closed batch of so many molecules yields."),
    ] = None,
    cells: Annotated[float, typer.Option(help="Cells that start a batch.")] = 1.0,
    turnaround: Annotated[float, typer.Option(help="Minutes between two batches.")] = 0.0,
    out: Annotated[Path | None, typer.Option("-o", "--out", help="Write a page with the pictures (.html).")] = None,
    json: Json = False,
) -> None:
    """What a circuit costs the cell, and what its genes cost each other."""
    from manyscale.circuits.burden import burden as run
    from manyscale.errors import InputError

    with output(json) as answer, progress() as note:
        if (circuit is None) == (not gene):
            raise InputError("give either a CIRCUIT file or genes, for example --gene gfp=100")
        if memory and circuit is None:
            raise InputError("--memory needs a CIRCUIT file: constitutive genes have one state")
        options: dict[str, Any] = {"values": parse_values(set_), "lengths": parse_values(length, "--length")}
        options |= {"polymerases": polymerases, "units": _units(unit)}
        found = run(circuit if circuit is not None else parse_values(gene, "--gene") or {}, host, **options)
        answer.json = found.to_dict()
        _tell(found, json)
        front = yields = kept = None
        if pareto or batch is not None or out is not None:
            front = found.pareto(progress=lambda share: note("expression", share))
            answer.json["pareto"] = front.to_dict()
            _tell_front(front, json)
        if batch is not None and front is not None:
            yields = front.batch(batch, cells=cells, turnaround=turnaround)
            answer.json["batch"] = yields.to_dict()
            _tell_batch(yields, json)
        if memory:
            kept = _memory(circuit, host, options, note)
            answer.json["memory"] = kept.to_dict()
            _tell_memory(kept, json)
        if out is not None:
            kept_law = {k: v for k, v in (options["values"] or {}).items() if k != found.host.nutrient}
            page = _page(found, front, yields, kept, host, kept_law, lambda: note("growth laws"))
            from manyscale.reports.circuit_pages import write

            say(f"wrote: {write(page, out)}", json)


def _units(items: list[str] | None) -> dict[str, str] | None:
    from manyscale.errors import InputError

    found = [item.partition("=") for item in items or []]
    if any(not (sign and text) for _, sign, text in found):
        raise InputError("--unit: write KIND=UNIT, for example --unit time=s --unit species=nM")
    return {kind.strip(): text.strip() for kind, _, text in found} or None


def _tell(found: Any, json: bool) -> None:
    say(f"growth {found.growth_rate:.5g} per minute, {found.relative_growth:.2%} of the host alone", json)
    say(
        f"foreign protein: {found.protein_fraction:.3%} of the protein mass, {found.synthesis_fraction:.3%} of all translation",
        json,
    )
    for g in found.genes:
        say(f"  {g.id}: {g.total(found.values):.6g} molecules, {found.protein_fractions[g.id]:.3%}", json)
    if found.host.polymerase_share:
        say(f"free polymerases: {found.values[found.host.polymerase_share]:.2%} of those in the host alone", json)
    for (a, b), x in found.coupling.items():
        if a != b:
            say(f"1% more expression of {b} changes {a} by {x:+.4f}%", json)
    for remark in found.remarks:
        say(f"note: {remark}", json)


def _tell_front(front: Any, json: bool) -> None:
    best = front.best
    say(
        f"most product at {front.factors[best]:.3g} times this expression: {front.product_rate[best]:.4g} proteins per "
        f"minute at growth {front.growth_rate[best]:.4g}", json,
    )  # fmt: skip
    if front.stopped:
        say(f"note: the scan ended early: {front.stopped}", json)


def _tell_batch(batch: Any, json: bool) -> None:
    if batch.best < 0:
        say("batch: no expression of the scan yields anything", json)
        return
    k = batch.best
    say(
        f"batch: {batch.product[k]:.4g} proteins in {batch.cells[k]:.4g} cells after {batch.time[k]:.5g} minutes at "
        f"{batch.factors[k]:.3g} times this expression, the most per time", json,
    )  # fmt: skip


def _memory(circuit: Any, host: str, options: dict[str, Any], note: Any) -> Any:
    from manyscale.circuits.memory import memory

    return memory(circuit, host, progress=lambda share: note("stable states", share), **options)


def _tell_memory(kept: Any, json: bool) -> None:
    say(f"memory: {kept.verdict}", json)
    for state, growth in zip(kept.host, kept.growth):
        words = ", ".join(f"{id} {x:.4g}" for id, x in state.items())
        say(f"  {words} molecules at growth {growth:.4g}", json)


def _page(found: Any, front: Any, yields: Any, kept: Any, host: str, values: dict[str, float], note: Any) -> str:
    from manyscale.circuits.inhibition import inhibition_law
    from manyscale.circuits.proteome import growth_law
    from manyscale.errors import SimulationError
    from manyscale.reports.burden_page import burden_page

    note()
    line = found.isocost() if found.genes[0].strength > 0 else None
    law, slow = growth_law(host, values=values), []
    for nutrient in law.nutrient[[0, len(law.nutrient) // 2, -1]]:
        try:
            slow.append(inhibition_law(host, values={**values, found.host.nutrient: float(nutrient)}))
        except SimulationError:  # a cell that some inhibitor stops: its line is left out
            continue
    return burden_page(found, front, line, law, inhibited=slow, batch=yields, memory=kept)
