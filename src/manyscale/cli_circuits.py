"""Commands about circuits: `steepness` and `load`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from manyscale.terminal import output, parse_values, say

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output, all else on stderr.")]
Set = Annotated[list[str] | None, typer.Option("--set", metavar="ID=VALUE", help="Change a value for this run.")]
Out = Annotated[Path | None, typer.Option("-o", "--out", help="Write a page with the pictures (.html).")]


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.command()(steepness)
    app.command()(load)


def _pair(text: str, what: str) -> tuple[float, float]:
    from manyscale.errors import InputError

    try:
        low, high = (float(part) for part in text.split(":"))
    except ValueError:
        raise InputError(f"{what} {text!r}: write LOW:HIGH, for example 0.1:100") from None
    return low, high


def steepness(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="An SBML (.xml), Antimony (.ant) or .net file.")],
    input: Annotated[str, typer.Argument(help="The dose: a constant, a fixed species, or one with a conserved total.")],
    response: Annotated[str, typer.Argument(metavar="OUTPUT", help="What answers, at steady state.")],
    interval: Annotated[str | None, typer.Option(help="Doses to look at, LOW:HIGH. Default: all that matter.")] = None,
    hold: Annotated[bool, typer.Option("--hold", help="Hold the input species at its dose (free amount).")] = False,
    hill: Annotated[
        bool, typer.Option("--hill", help="Also replace the mechanism by a Hill law, or say why not.")
    ] = False,
    set_: Set = None,
    out: Out = None,
    json: Json = False,
) -> None:
    """How steeply an output answers its input, and why."""
    from manyscale.bridges.certificate import Refusal
    from manyscale.circuits.cooperativity import held
    from manyscale.circuits.cooperativity import steepness as run
    from manyscale.circuits.hill import hill as law
    from manyscale.engines.simulate import as_model
    from manyscale.reports.circuit_pages import steepness_page, write

    with output(json) as answer:
        bounds = None if interval is None else _pair(interval, "--interval")
        found = run(model, input, response, values=parse_values(set_), interval=bounds, hold=hold)
        answer.json = found.to_dict()
        say(f"half at {found.input} = {found.half_point:.6g}; from {found.leak:.5g} to {found.saturation:.5g}", json)
        say(
            f"n at half {found.n_half:.5g}, largest {found.n_max:.5g}, 81-fold {found.n_81:.5g}, best Hill curve "
            f"{found.n_fit:.5g} (off by {found.sup_error:.2%} of the range)", json,
        )  # fmt: skip
        if found.bistable:
            say(f"bistable: {len(found.branches)} branches, the rising dose jumps at {found.half_point:.6g}", json)
        say(found.reason, json)
        for remark in found.remarks:
            say(f"note: {remark}", json)
        if hill:
            fine = held(as_model(model), input) if hold else as_model(model)
            bridge = law(fine, input, response, interval=bounds, values=parse_values(set_))
            if isinstance(bridge, Refusal):
                say(f"no Hill law: {bridge.reason}", json)
                answer.json["hill"] = {"refused": bridge.reason, "value": bridge.value, "threshold": bridge.threshold}
            else:
                say(bridge.certificate.claim, json)
                answer.json["hill"] = {k: str(v) for k, v in bridge.parameters.items()} | {
                    "claim": bridge.certificate.claim
                }
                for name, formula in bridge.parameters.items():
                    say(f"  {name} = {formula}", json)
        if out is not None:
            say(f"wrote: {write(steepness_page(found), out)}", json)


def load(
    upstream: Annotated[str, typer.Argument(help="The model that drives: SBML, Antimony or .net.")],
    downstream: Annotated[str, typer.Argument(help="The model that is driven.")],
    port: Annotated[
        list[str] | None,
        typer.Option(help="OUTPUT=INPUT: which species of one is which of the other. Default: shared names."),
    ] = None,
    at: Annotated[
        list[str] | None, typer.Option(metavar="ID=VALUE", help="Operating point. Default: the steady state.")
    ] = None,
    loads: Annotated[str | None, typer.Option(help="Loading curves for totals of the binding sites, LOW:HIGH.")] = None,
    site: Annotated[str | None, typer.Option(help="The free binding site whose total is scanned.")] = None,
    certify: Annotated[
        bool, typer.Option("--certify", help="Also certify that the fast binding may be eliminated.")
    ] = False,
    out: Out = None,
    json: Json = False,
) -> None:
    """What a downstream module does to the one that drives it."""
    import numpy as np

    from manyscale.circuits.retroactivity import load as run
    from manyscale.errors import InputError
    from manyscale.reports.circuit_pages import load_page, write

    with output(json) as answer:
        pairs = [one.partition("=") for one in port or []]
        if any(not sign for _, sign, _ in pairs):
            raise InputError("--port: write OUTPUT=INPUT, for example --port X=X")
        found = run(upstream, downstream, {a: b for a, _, b in pairs} or None, at=parse_values(at, "--at") or None)
        answer.json = found.to_dict()
        say(found.verdict, json)
        say(
            f"time constant {found.tau_0:.6g} alone, {found.tau_eff:.6g} in company ({found.tau_full:.6g} in full)",
            json,
        )
        for name in ("delta_tau", "tau_eff"):
            if name in found.formulas:
                say(f"{name} = {found.formulas[name]}", json)
                break
        for remark in found.remarks:
            say(f"note: {remark}", json)
        if certify:
            answer.json["certificate"] = found.certificate.claim
            say(f"{found.chain.tier}: {found.certificate.claim}", json)
        curve = None
        if loads is not None or out is not None:
            low, high = _pair(loads, "--loads") if loads else _around(found, site)
            if not 0 < low < high:
                raise InputError("--loads LOW:HIGH: give two positive numbers, the smaller one first")
            curve = found.curve(np.geomspace(low, high, 41), site)
            answer.json["curve"] = curve.to_dict()
        if out is not None:
            say(f"wrote: {write(load_page(found, curve), out)}", json)


def _around(found, site: str | None) -> tuple[float, float]:
    from manyscale.circuits.load_curve import default_site

    total = sum(found.values[id] for id in (site or default_site(found), *found.eliminated) if id in found.values)
    return max(total, 1e-300) / 100.0, max(total, 1e-300) * 100.0
