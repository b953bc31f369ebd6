"""`connect`: two modules joined at ports into one flat model, with units, compartments and names reconciled or refused.

The shared species is the upstream one; whatever changes it downstream (binding, loss) now loads the upstream module.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from manyscale.circuits.module import Module, as_module
from manyscale.circuits.renaming import renamed
from manyscale.circuits.unit_systems import same_units
from manyscale.errors import InputError, UnitsError
from manyscale.kernels import compile_model
from manyscale.model.check import check, raise_violations
from manyscale.model.expr import symbols
from manyscale.model.model import Model
from manyscale.model.parts import Compartment, Species


def connect(
    upstream: Module | Model | str | Path, downstream: Module | Model | str | Path,
    ports: Mapping[str, str] | None = None, *, feedback: Mapping[str, str] | None = None, name: str = "",
) -> Module:  # fmt: skip
    """Join output ports of `upstream` to input ports of `downstream`: {output port: input port}.

    ports: default: the ports of the same name, or the only output and the only input. feedback: {output port of
    `downstream`: input port of `upstream`}, species that close a loop. A model or path in place of a
    module has all its species as ports. The result is a module (its `model` is flat; connect it further): inputs are
    those of both halves that are left open, outputs those of both. Ids of the downstream half that clash get its name
    in front; `names` tells. Different unit systems are converted where every quantity of the downstream model has
    units that agree with its formulas, and refused where not.

    A downstream compartment of another size becomes the upstream one where its size changes no concentration.
    Errors: InputError for ports that do not exist, ports that are set twice, and compartments of different size at a
    shared species; UnitsError for unit clashes.
    """
    pairs = dict(ports) if ports is not None else None
    back = dict(feedback or {})
    first, second = _halves(upstream, downstream, pairs or {}, back)
    pairs = pairs if pairs is not None else _default_pairs(first, second)
    if not pairs:
        raise InputError(f"connect {first.name!r} to {second.name!r}: say which ports, as {{output: input}}")
    twice = [b for b in pairs.values() if list(pairs.values()).count(b) > 1]
    if twice:
        raise InputError(f"connect {first.name!r} to {second.name!r}: the input port {twice[0]!r} is given two outputs")
    shared = {second.port(b, "input"): first.port(a, "output") for a, b in pairs.items()}
    forward = tuple(dict.fromkeys(shared.values()))
    closing = _closing(first, second, back, shared)
    shared |= closing
    below = _resized(same_units(second.model, first.model, shared), first.model, shared)
    names = _names(first, second, below, shared)
    places = _places(first.model, below, shared)
    below = renamed(below, {**names, **{k: f"_joined_{v}" for k, v in shared.items()}})
    model = _merged(first.model, below, shared, {names.get(k, k): v for k, v in places.items()})
    model = model.replace(id=name or f"{first.model.id}_{second.model.id}", name="")
    raise_violations(check(model, units=False), f"{first.name!r} connected to {second.name!r}")
    final = {s.id: names.get(s.id, s.id) for s in second.model.parts()} | shared
    final |= places
    return Module(
        model,
        inputs=_left_open(first, second, pairs, back, final),
        outputs=_all_outputs(first, second, final),
        name=name or f"{first.name}+{second.name}",
        source="; ".join(dict.fromkeys(s for s in (first.source, second.source) if s)),
        upstream=first, downstream=second, joined=forward, closed=tuple(closing.values()), names=final,
    )  # fmt: skip


def _halves(upstream, downstream, pairs: Mapping[str, str], back: Mapping[str, str]) -> tuple[Module, Module]:
    """Both halves as modules; a model gets the ports that are named, or all its species."""
    first = as_module(upstream, pairs.keys() if not isinstance(upstream, Module) else (), "output")
    second = as_module(downstream, pairs.values() if not isinstance(downstream, Module) else (), "input")
    if back and not isinstance(upstream, Module):
        first = Module(first.model, inputs=list(back.values()), outputs=first.outputs)
    if back and not isinstance(downstream, Module):
        second = Module(second.model, inputs=second.inputs, outputs=list(back))
    return first, second


def _closing(first: Module, second: Module, back: Mapping[str, str], shared: Mapping[str, str]) -> dict[str, str]:
    """Downstream species -> upstream species that it is, by feedback."""
    found = {}
    for output, input in back.items():
        lower, upper = second.port(output, "output"), first.port(input, "input")
        if not isinstance(first.model[upper], Species):
            raise InputError(f"feedback: the input {input!r} of {first.name!r} is a constant; make it a species")
        if lower in shared or upper in shared.values():
            raise InputError(f"feedback: {output!r} to {input!r} joins a species that is joined already")
        found[lower] = upper
    return found


def _default_pairs(first: Module, second: Module) -> dict[str, str]:
    common = [port for port in first.outputs if port in second.inputs]
    if common:
        return {port: port for port in common}
    if len(first.outputs) == 1 and len(second.inputs) == 1:
        return {next(iter(first.outputs)): next(iter(second.inputs))}
    return {}


def _names(first: Module, second: Module, below: Model, shared: Mapping[str, str]) -> dict[str, str]:
    """New ids of the downstream parts that clash with upstream ones."""
    taken = {part.id for part in first.model.parts()}
    own = {part.id for part in below.parts()}
    found: dict[str, str] = {}
    upper = {f.id: f for f in first.model.functions}
    for part in below.parts():
        if part.id not in taken or part.id in shared:
            continue
        if part.id in upper and part == upper[part.id]:
            found[part.id] = part.id  # the same function: one is enough
            continue
        prefix = "".join(c if c.isalnum() and c.isascii() else "_" for c in second.name) or "second"
        candidate, number = f"{prefix}_{part.id}", 2
        while candidate in taken or candidate in own or candidate in found.values():
            candidate, number = f"{prefix}{number}_{part.id}", number + 1
        if candidate[0].isdigit():
            candidate = f"m_{candidate}"
        found[part.id] = candidate
    return {a: b for a, b in found.items() if a != b}


def _resized(below: Model, upper: Model, shared: Mapping[str, str]) -> Model:
    """The downstream model with the size of the upstream compartment, where its own changes nothing: every species is a
    concentration and every rate of its reactions is proportional to the size."""
    pairs = [(below[b], upper[a]) for b, a in shared.items() if isinstance(below[b], Species)]
    places = {theirs.compartment: ours.compartment for theirs, ours in pairs}
    for lower, over in places.items():
        mine, theirs = below[lower], upper[over]
        if (
            mine.size is None
            or theirs.size is None
            or mine.size == theirs.size
            or not (mine.constant and theirs.constant)
        ):
            continue
        if len(below.compartments) == 1 and _size_is_free(below, mine):
            changed = tuple(replace(c, size=theirs.size) if c.id == lower else c for c in below.compartments)
            below = below.replace(compartments=changed)
    return below


def _size_is_free(model: Model, place: Compartment) -> bool:
    """Whether a compartment's size changes no concentration: tried at two sizes and some states."""
    amounts = any(s.only_substance or (s.initial_kind == "amount" and s.initial) for s in model.species)
    if (
        amounts
        or model.events
        or any(place.id in symbols(r.formula) for r in (*model.rules, *model.initial_assignments))
    ):
        return False
    kernels = [
        compile_model(
            model.replace(compartments=tuple(replace(c, size=f * (c.size or 1.0)) for c in model.compartments))
        )
        for f in (1.0, 3.7)
    ]
    rng = np.random.default_rng(0)
    for _ in range(3):
        y = rng.uniform(0.1, 2.0, kernels[0].size)
        one, other = (k.rhs(0.0, y, k.initial()[1]) for k in kernels)
        if not np.allclose(one, other, rtol=1e-9, atol=0.0, equal_nan=True):
            return False
    return True


def _places(upper: Model, below: Model, shared: Mapping[str, str]) -> dict[str, str]:
    """Downstream compartment -> upstream compartment that it is, from the shared species. Refuses different sizes."""
    found: dict[str, str] = {}
    for lower_id, upper_id in shared.items():
        theirs, ours = below[lower_id], upper[upper_id]
        if not isinstance(theirs, Species):
            continue
        a, b = upper[ours.compartment], below[theirs.compartment]
        if found.setdefault(b.id, a.id) != a.id:
            raise InputError(
                f"the compartment {b.id!r} would be {found[b.id]!r} by one port and {a.id!r} by another; connect one by one"
            )
        if theirs.only_substance != ours.only_substance:
            kinds = ["an amount" if s.only_substance else "a concentration" for s in (ours, theirs)]
            raise UnitsError(
                f"{upper_id!r} is {kinds[0]} upstream and {lower_id!r} {kinds[1]} downstream; declare both the same way"
            )
        _same_size(a, b)
    return found


def _same_size(a: Compartment, b: Compartment) -> None:
    if a.dimensions != b.dimensions or not (a.constant and b.constant):
        raise InputError(f"the compartments {a.id!r} and {b.id!r} are of different kinds; they cannot be one")
    if a.size is not None and b.size is not None and abs(a.size - b.size) > 1e-9 * max(abs(a.size), abs(b.size)):
        raise InputError(
            f"the shared species is in {a.id!r} of size {a.size:g} upstream and in {b.id!r} of size {b.size:g} "
            "downstream; give both compartments the same size"
        )


def _merged(upper: Model, below: Model, shared: Mapping[str, str], places: Mapping[str, str]) -> Model:
    """One model; in `below`, shared ids read "_joined_<upstream id>"."""
    joined = {f"_joined_{v}" for v in shared.values()}
    for rule in below.rules:
        if rule.variable in joined:
            id = str(rule.variable).removeprefix("_joined_")
            raise InputError(f"{id!r} is an output upstream, but a rule determines it downstream; remove that rule")
    kept = below.replace(
        compartments=tuple(c for c in below.compartments if c.id not in places),
        species=tuple(s for s in below.species if s.id not in joined),
        parameters=tuple(k for k in below.parameters if k.id not in joined),
        initial_assignments=tuple(a for a in below.initial_assignments if a.symbol not in joined),
        functions=tuple(f for f in below.functions if f not in upper.functions),
    )
    back = {f"_joined_{v}": v for v in shared.values()} | dict(places)
    # renamed() refuses to join ids, so the joined parts are gone before the names meet
    kept = renamed(kept, back)
    units = {u.id: u for u in kept.units} | {u.id: u for u in upper.units}
    return upper.replace(
        compartments=(*upper.compartments, *kept.compartments),
        species=(*upper.species, *kept.species),
        parameters=(*upper.parameters, *kept.parameters),
        reactions=(*upper.reactions, *kept.reactions),
        initial_assignments=(*upper.initial_assignments, *kept.initial_assignments),
        rules=(*upper.rules, *kept.rules),
        events=(*upper.events, *kept.events),
        functions=(*upper.functions, *kept.functions),
        constraints=(*upper.constraints, *kept.constraints),
        units=tuple(units.values()),
        remarks=(*upper.remarks, *kept.remarks),
        meta=None,
    )


def _left_open(first: Module, second: Module, pairs: Mapping[str, str], back: Mapping[str, str], final: Mapping[str, str]
               ) -> dict[str, str]:  # fmt: skip
    open_ = {port: id for port, id in dict(first.inputs).items() if port not in back.values()}
    for port, id in dict(second.inputs).items():
        if port not in pairs.values() and id in final:
            open_[port if port not in open_ else f"{second.name}.{port}"] = final[id]
    return open_


def _all_outputs(first: Module, second: Module, final: Mapping[str, str]) -> dict[str, str]:
    outputs = dict(first.outputs)
    for port, id in dict(second.outputs).items():
        outputs[port if port not in outputs else f"{second.name}.{port}"] = final[id]
    return outputs
