"""The self-contained page of `burden`: the numbers, product against growth, isocost line, growth law."""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np

from manyscale.reports.circuit_pages import page, table
from manyscale.reports.curves import Line, Mark, chart


def burden_page(found: Any, pareto: Any = None, isocost: Any = None, law: Any = None) -> str:
    """The page of a `Burden`, with the pictures whose data is given (`Pareto`, `Isocost`, `GrowthLaw`)."""
    rows = [
        ("growth rate", found.growth_rate, f"with the circuit; {found.alone[found.host.growth]:.5g} without"),
        ("relative growth", found.relative_growth, "with the circuit over without"),
        ("protein fraction", found.protein_fraction, "foreign share of the cell's protein mass"),
        ("mass error", found.mass_error, "difference of the counted protein mass from the cell's total, relative"),
        (
            "ribosome eps",
            found.ribosome_eps,
            "growth against the binding of mRNA to ribosomes: small means fast binding",
        ),
    ]
    genes = [
        (g.id, g.total(found.values), f"molecules; {found.protein_fractions[g.id]:.3%} of the protein mass")
        for g in found.genes
    ]
    coupling = [
        (f"{a} by {b}", x, f"percent change of {a} for 1% more expression of {b}")
        for (a, b), x in found.coupling.items()
    ]
    verdict = f"grows at {found.relative_growth:.1%} of its own rate; {found.protein_fraction:.2%} of its protein is the circuit's"
    remarks = "".join(f"<p class='lead'>{escape(r)}</p>" for r in found.remarks)
    sections = [
        ("The cell", table(rows) + remarks), ("The proteins", table(genes)),
        ("Product against growth", "" if pareto is None else _pareto(found, pareto)),
        ("Two genes that share ribosomes", table(coupling) + ("" if isocost is None else _isocost(isocost))),
        ("Growth law of the host", "" if law is None else _law(law)),
    ]  # fmt: skip
    return page(f"{found.model.id}: what does it cost the cell?", verdict, sections)


def _pareto(found: Any, pareto: Any) -> str:
    own = float(found.alone[found.host.growth])
    best = pareto.best
    front = pareto.front
    relative = pareto.growth_rate / own
    lines = [Line(relative, pareto.product_rate, "all expressions", 7, True, 1.6),
             Line(relative[front], pareto.product_rate[front], "nothing better on both", 0)]  # fmt: skip
    marks = [
        Mark(
            float(relative[best]),
            float(pareto.product_rate[best]),
            f"most product, expression x {pareto.factors[best]:.3g}",
        )
    ]
    first = chart(lines, xlabel="growth relative to the host alone", ylabel="proteins made per cell and time",
                  title="product rate against growth", marks=marks)  # fmt: skip
    second = chart(
        [Line(pareto.factors, relative, "relative growth", 0), Line(pareto.factors, pareto.protein_fraction, "protein fraction", 1)],
        xlabel="expression, relative to the design, logarithmic", ylabel="share", title="growth and protein against expression",
        logx=True,
    )  # fmt: skip
    note = f"<p class='lead'>The scan ended early: {escape(pareto.stopped)}.</p>" if pareto.stopped else ""
    return first + second + note


def _isocost(line: Any) -> str:
    first, second = line.names
    straight = line.intercept + line.slope * line.first
    picture = chart(
        [Line(line.first, line.second, "steady states", 0), Line(line.first, straight, "best line", 1, True, 1.8)],
        xlabel=f"{first}, molecules", ylabel=f"{second}, molecules", title=f"isocost line of {first} and {second}",
    )  # fmt: skip
    return picture + (
        f"<p>{escape(second)} = {line.intercept:.5g} + ({line.slope:.4g}) {escape(first)}, off by at most {line.error:.1%} of "
        f"the range of {escape(second)}.</p>"
    )


def _law(law: Any) -> str:
    order = np.argsort(law.growth_rate)
    x, y = law.growth_rate[order], law.ribosome_share[order]
    picture = chart(
        [Line(x, y, "cell", 0), Line(x, law.intercept + law.slope * x, "best line", 1, True, 1.8)],
        xlabel="growth rate", ylabel="ribosomal share of protein", title="ribosomes against growth over nutrients",
    )  # fmt: skip
    return picture + (
        f"<p>share = {law.intercept:.4g} + growth/{law.kappa_t:.4g}; r² = {law.r_squared:.5f}, off by at most "
        f"{law.error:.1%} of the range.</p>"
    )
