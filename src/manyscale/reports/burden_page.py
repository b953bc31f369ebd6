"""The self-contained page of `burden`: the circuit, the numbers, product against growth, isocost line, growth laws."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np

from manyscale.reports import circuit
from manyscale.reports import circuit_charts as charts
from manyscale.reports.circuit_pages import page, table


def burden_page(found: Any, pareto: Any = None, isocost: Any = None, law: Any = None, *, inhibited: Sequence[Any] = (),
                batch: Any = None, memory: Any = None) -> str:  # fmt: skip
    """The page of a `Burden`, with the pictures whose data is given (`Pareto`, `Isocost`, `GrowthLaw`, `InhibitionLaw`s,
    `Batch`, `Memory`)."""
    verdict = (
        f"The cell grows at {found.relative_growth:.1%} of its own rate; {found.protein_fraction:.2%} of its protein is the "
        "circuit's"
    )
    remarks = "".join(f"<p class='lead'>{escape(_sentence(r))}</p>" for r in found.remarks)
    sections = [
        ("The circuit", circuit.draw(found.circuit if found.circuit is not None else [g.id for g in found.genes])),
        ("The cell", table(_cell(found)) + remarks), ("The proteins", table(_proteins(found))),
        ("States that last", "" if memory is None else _memory(memory)),
        ("Product against growth", "" if pareto is None else _pareto(found, pareto)),
        ("One batch", "" if batch is None else _batch(batch)),
        ("Genes that share a cell", _coupling(found) + ("" if isocost is None else _isocost(isocost))),
        ("Growth laws of the host", "" if law is None else _laws(found, law, inhibited)),
    ]  # fmt: skip
    return page(f"{_name(found)}: what does it cost the cell?", verdict, sections)


def _name(found: Any) -> str:
    return found.circuit.id if hasattr(found.circuit, "id") else found.circuit.name if found.circuit else found.model.id


def _sentence(text: str) -> str:
    return text + ("" if text.endswith(".") else ".")


def _cell(found: Any) -> list[tuple[str, Any, str]]:
    own = found.alone[found.host.growth]
    rows = [
        ("growth rate", found.growth_rate, f"per minute, with the circuit; {own:.5g} without"),
        (
            "doubling time",
            float(np.log(2) / found.growth_rate),
            f"minutes, with the circuit; {np.log(2) / own:.4g} without",
        ),
        ("relative growth", found.relative_growth, "with the circuit over without"),
        ("protein fraction", found.protein_fraction, "foreign share of the cell's protein mass"),
        (
            "synthesis fraction",
            found.synthesis_fraction,
            "foreign share of what the cell translates; more where it is degraded",
        ),
    ]
    if found.host.polymerase_share:
        rows.append(
            ("free polymerases", found.values[found.host.polymerase_share], "over those of the unburdened cell")
        )
    return [
        *rows,
        ("ribosome eps", found.ribosome_eps, "growth against the binding of mRNA to ribosomes: small means fast binding"),
        ("mass error", found.mass_error, "counted protein mass against the cell's total; zero up to rounding"),
    ]  # fmt: skip


def _proteins(found: Any) -> list[tuple[str, Any, str]]:
    return [
        (g.id, g.total(found.values), f"molecules per cell, in all forms; {found.protein_fractions[g.id]:.3%} of the protein mass")
        for g in found.genes
    ]  # fmt: skip


def _coupling(found: Any) -> str:
    """Percent change of each protein (row) for 1% more expression of each gene (column)."""
    pairs = found.coupling
    watched, driven = (list(dict.fromkeys(key[k] for key in pairs)) for k in (0, 1))
    head = "".join(f"<th>{escape(d)}</th>" for d in driven)
    rows = "".join(
        f"<tr><td>{escape(w)}</td>" + "".join(f"<td>{pairs[w, d]:+.4f}</td>" if (w, d) in pairs else "<td>-</td>" for d in driven)
        + "</tr>"
        for w in watched
    )  # fmt: skip
    return (
        "<p>Percent change of the protein in each row for 1% more expression of the gene in each column. <em>reporter</em> is a "
        "gene too weak to matter: what any bystander feels.</p>"
        f"<table><thead><tr><th></th>{head}</tr></thead><tbody>{rows}</tbody></table>"
    )


def _pareto(found: Any, pareto: Any) -> str:
    relative = pareto.growth_rate / float(found.alone[found.host.growth])
    jump = int(np.nanargmax(np.diff(relative))) if np.isfinite(relative).all() else 0
    switched = ""
    if relative.size > 1 and np.diff(relative)[jump] > 0.02:
        switched = (
            f"<p class='lead'>Between {pareto.factors[jump]:.3g} and {pareto.factors[jump + 1]:.3g} times the design the circuit "
            "changes its state.</p>"
        )
    note = f"<p class='lead'>The scan ended early: {escape(pareto.stopped)}.</p>" if pareto.stopped else ""
    return "".join(charts.pareto(pareto, float(found.alone[found.host.growth]))) + switched + note


def _batch(batch: Any) -> str:
    k = batch.best
    if k < 0:
        return "<p>No expression of the scan yields anything.</p>"
    rows = [
        ("product", float(batch.product[k]), "molecules in all cells when the nutrient is used up"),
        ("cells", float(batch.cells[k]), "that the nutrient feeds"),
        ("time", float(batch.time[k]), "minutes from inoculation to the end, turnaround included"),
        ("product per time", float(batch.productivity[k]), "molecules per minute"),
    ]
    return charts.batch(batch) + "<p>At the best expression:</p>" + table(rows)


def _memory(kept: Any) -> str:
    rows = []
    for setting, words in charts.SETTINGS.items():
        for k, state in enumerate(getattr(kept, setting)):
            amounts = ", ".join(f"{id} {x:.4g}" for id, x in state.items())
            growth = f"; growth {kept.growth[k]:.4g} per minute" if setting == "host" else ""
            rows.append((words if k == 0 else "", f"state {k + 1}", f"{amounts} molecules{growth}"))
        if not getattr(kept, setting):
            rows.append((words, "none", "no run came to rest"))
    return f"<p>{escape(_sentence(kept.verdict))}</p>" + charts.memory(kept) + table(rows)


def _isocost(line: Any) -> str:
    first, second = line.names
    sign = "-" if line.slope < 0 else "+"
    bent = (
        "<p class='lead'>This is no straight line: the circuit couples the two in other ways than by what they share, or changes "
        "its state.</p>"
    )
    return (
        f"<p>As {escape(first)} is driven harder, {escape(second)} falls along an isocost line: what one gene takes of ribosomes "
        f"and energy the other lacks.</p>{charts.isocost(line)}{bent if line.error > 0.1 else ''}"
        f"<p>{escape(second)} = {line.intercept:.5g} {sign} {abs(line.slope):.4g} {escape(first)}, off by at most "
        f"{line.error:.1%} of the range of {escape(second)}.</p>"
    )


def _laws(found: Any, law: Any, inhibited: Sequence[Any]) -> str:
    host, v = found.host, found.values
    length = v[host.lengths[host.ribosome]]
    here = (found.growth_rate, float(length * (v[host.ribosome] + v[host.translating]) / v[host.mass]))
    words = (
        f"<p>First law, over nutrients: share = {law.intercept:.4g} + growth/{law.kappa_t:.4g}; r² = {law.r_squared:.5f}, off by at "
        f"most {law.error:.1%} of the range.</p>"
    )
    if inhibited:
        ends = [one.intercept for one in inhibited]
        words += (
            "<p>Second law, as an inhibitor of translation stalls ribosomes: the share rises while growth falls, "
            f"towards {min(ends):.2g} to {max(ends):.2g} where growth ends, whatever the nutrient.</p>"
        )
    return (
        charts.growth_laws(law, inhibited, here)
        + words
        + "<p>A burdened cell need not lie on the first law: foreign protein takes the room of its own.</p>"
    )
