"""Named dimensionless groups, found from a dimensional model and printed in its own symbols.

Enzymes: Segel & Slemrod, SIAM Rev. 31:446 (1989); Borghans, de Boer & Segel, Bull. Math. Biol. 58:43 (1996); van Slyke &
Cullen, J. Biol. Chem. 19:141 (1914). Slow against fast: the rate at which a pool or species is lost or changes, against
the rate at which it relaxes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from manyscale.engines.ode import simulate_ode
from manyscale.engines.trajectory import Trajectory
from manyscale.errors import ManyscaleError
from manyscale.kernels.interpret import evaluate
from manyscale.kernels.kernel import Kernel
from manyscale.model.expr import ONE, Add, Expr, Mul, Number, Power, Symbol, add, mul, power, symbols, walk
from manyscale.model.model import Model
from manyscale.model.printing import infix
from manyscale.model.question import Question
from manyscale.scales import binding
from manyscale.scales.group import Group
from manyscale.scales.quotient import Quotient
from manyscale.scales.time import Split

SMALL = 0.1  # below which a parameter counts as small
MOST = 60  # groups kept
REGION_POINTS = 8  # of the region at which groups are evaluated again
LARGE = 120  # states above which motifs are too many to read, and the range over the region is not computed


@dataclass(frozen=True)
class Candidate:
    """A group before it has a value: its formula over names of the lowered model, and whether to take the largest
    value along the trajectory or the one at the start."""

    name: str
    formula: Expr
    meaning: str
    threshold: float | None = SMALL
    at_start: bool = False


def find_groups(
    model: Model, kernel: Kernel, quotient: Quotient, run: Trajectory, question: Question, found: tuple[Split, ...]
) -> tuple[Group, ...]:
    """All groups of a model with their values along the trajectory `run` and their range over the region.

    Values are the largest along the trajectory after the initial layer (of totals of enzymes: at the start). The range
    is over the model as it is and eight points of the region.
    """
    net = binding.network(kernel.system)
    candidates = _saturations(net)
    if kernel.size <= LARGE and len(net.rates) <= 3 * LARGE:
        motifs = (_slow_against_fast(net, run, found, quotient.ids), _pools(net, run), _enzymes(net, run))
        candidates = [*(c for motif in motifs for c in motif), *candidates]
    unique = {infix(c.formula): c for c in reversed(candidates)}
    kept = [c for c in candidates if unique[infix(c.formula)] is c][:MOST]
    begin = question.entry * float(question.horizon)  # type: ignore[arg-type]
    values = [_value(c, run, begin) for c in kept]
    ranges = _ranges(kernel, question, run, kept, values, begin)
    groups = []
    for candidate, value, span in zip(kept, values, ranges):
        if not np.isfinite(value):
            continue
        margin = candidate.threshold / value if candidate.threshold and value > 0 else None
        groups.append(
            Group(candidate.name, infix(candidate.formula), value, candidate.threshold, margin, candidate.meaning, span)
        )
    return tuple(groups)


def _value(candidate: Candidate, run: Trajectory, begin: float) -> float:
    """Largest absolute value along a trajectory after the initial layer, or the one at the start; NaN without any."""
    try:
        names = {name: run[name] for name in symbols(candidate.formula)}
    except ManyscaleError:
        return float("nan")
    with np.errstate(all="ignore"):
        values = np.broadcast_to(np.abs(evaluate(candidate.formula, run.times, names)), run.times.shape)
    values = values[:1] if candidate.at_start else values[run.times >= begin]
    finite = values[np.isfinite(values)]
    return float(finite.max()) if len(finite) else float("nan")


def _ranges(
    kernel: Kernel, question: Question, run: Trajectory, kept, values, begin: float
) -> list[tuple[float, float] | None]:
    if not kept or not question.box or kernel.size > LARGE:
        return [None] * len(kept)
    random = np.random.default_rng(1_989)
    columns = [values]
    for _ in range(REGION_POINTS):
        point = {id: _between(low, high, random.random()) for id, (low, high) in question.box.items()}
        try:
            other = simulate_ode(kernel, run.times, values=point, rtol=1e-4, max_steps=20_000)
        except ManyscaleError:
            continue
        columns.append([_value(c, other, begin) for c in kept])
    table = np.array(columns)
    with np.errstate(all="ignore"):
        return [
            (float(np.nanmin(column)), float(np.nanmax(column))) if np.isfinite(column).any() else None
            for column in table.T
        ]


def _between(low: float, high: float, share: float) -> float:
    return low * (high / low) ** share if low > 0 else low + share * (high - low)


# slow against fast


def _slow_against_fast(
    net: binding.Network, run: Trajectory, found: tuple[Split, ...], independent: tuple[str, ...]
) -> list[Candidate]:
    """For each fast species of the best split: relaxation rate of the fastest slow species over its own."""
    if not found or not found[0].species:
        return []
    fast = found[0].species
    states = dict(zip(net.system.states, net.system.state_symbols))
    rates = {id: binding.relaxation(net, states[id]) for id in net.system.states}
    sizes = {id: _middle(rate, run) for id, rate in rates.items() if rate is not None}
    slow = [id for id in sizes if id in independent and id not in fast and sizes[id] > 0]
    result = []
    for id in fast:
        slower = [s for s in slow if sizes[s] < sizes.get(id, 0.0)]
        if rates.get(id) is None or not slower:
            continue
        other = max(slower, key=lambda s: sizes[s])
        formula = binding.ratio(rates[other], rates[id])  # type: ignore[arg-type]
        result.append(
            Candidate(
                f"eps_{id}", formula, f"relaxation of {other} against relaxation of {id}: small where {id} follows"
            )
        )
    return result


def _middle(rate: Expr, run: Trajectory) -> float:
    """Median of a rate along the trajectory."""
    try:
        values = np.broadcast_to(evaluate(rate, run.times, {n: run[n] for n in symbols(rate)}), run.times.shape)
    except ManyscaleError:
        return 0.0
    finite = values[np.isfinite(values)]
    return float(np.median(finite)) if len(finite) else 0.0


def _pools(net: binding.Network, run: Trajectory) -> list[Candidate]:
    """For each species that binds or changes form: loss of its pool against exchange within it, mu/(kb*S + ku + ke).

    Forms that are no complexes (conversions) count where free and bound form are lost at the same rate, as by dilution.
    """
    joined = binding.bindings(net)
    binders = {s for b in joined for s in (b.first, b.second)}
    result = []
    for species in net.factors:
        forms = binding.held_in(net, species)
        if not forms:
            continue
        main = max(forms, key=lambda c: float(np.nanmax(np.abs(run[c]))))
        pool = binding.pool(net, species, forms, main)
        if pool is None:
            continue
        if species not in binders and infix(binding.own_loss(net, species, forms)) != infix(pool.loss):
            continue
        what = f"loss of the pool of {_plain(species)} against exchange between {_plain(species)} and {_plain(main)}"
        if len(pool.exchanged_by) <= 4:
            what += f" ({', '.join(pool.lost_by)} against {', '.join(pool.exchanged_by)})"
        if pool.ratio is not None:
            what += f"; where it is small {_plain(main)} = {infix(pool.ratio)}*{_plain(species)}"
        result.append(Candidate(f"eps_{_plain(species)}_binding", binding.ratio(pool.loss, pool.exchange), what))
    return result


def _plain(symbol: str) -> str:
    return symbol.removesuffix(".amount")


# enzymes


def _enzymes(net: binding.Network, run: Trajectory) -> list[Candidate]:
    joined = binding.bindings(net)
    result = []
    for one in joined:
        for enzyme, substrate in ((one.first, one.second), (one.second, one.first)):
            turned = binding.turnovers(net, one, enzyme)
            if turned:
                result += _enzyme_groups(net, run, joined, one, enzyme, substrate, add(*(rate for _, rate in turned)))
    return result


def _enzyme_groups(net, run, joined, one, enzyme: str, substrate: str, catalysis: Expr) -> list[Candidate]:
    """Groups of one enzyme and one substrate; totals written out as free and bound forms, at the start."""
    total = add(Symbol(enzyme), *(Symbol(b.complex) for b in joined if enzyme in (b.first, b.second)))
    km = mul(add(binding.off_rate(net, one), catalysis), power(one.on, -1.0))
    k = mul(catalysis, power(one.on, -1.0))
    free: Expr = Symbol(substrate)
    early = bool(run[substrate][0] > 0)
    names = f"{_plain(enzyme)} and {_plain(substrate)}"
    label = f"{_plain(enzyme)}_{_plain(substrate)}"
    whole = add(total, free, km)
    return [
        Candidate(f"eps_SegelSlemrod_{label}", mul(total, power(add(km, free), -1.0)),
                  f"small where the standard quasi-steady state of {names} holds", at_start=early),
        Candidate(f"eps_Borghans_{label}", mul(k, total, power(whole, -2.0)),
                  f"small where the total quasi-steady state of {names} holds", at_start=early),
        Candidate(f"E_over_K_{label}", mul(total, power(k, -1.0)),
                  f"total {_plain(enzyme)} against the van Slyke-Cullen constant k_cat/k_on: below 1 the standard form is the better one",
                  1.0, at_start=early),
        Candidate(f"saturation_{label}", mul(free, power(km, -1.0)), f"{_plain(substrate)} against K_m: large where {_plain(enzyme)} is saturated", None),
        Candidate(f"E_over_S_{label}", mul(total, power(free, -1.0)), f"total {_plain(enzyme)} against {_plain(substrate)}", None, at_start=early),
    ]  # fmt: skip


# saturation in laws


def _saturations(net: binding.Network) -> list[Candidate]:
    """x/K of every law with x/(K + x), or (x/K)^n."""
    states = set(net.system.state_symbols) | {name for name, _ in net.system.variables}
    constants = set(net.system.parameters)
    result: dict[str, Candidate] = {}
    for reaction, formula in net.rates.items():
        for node in walk(formula):
            for x, k in _half_points(node, states, constants):
                ratio = mul(Symbol(x), power(Symbol(k), -1.0))
                meaning = f"{_plain(x)} against its half-point {k} in {reaction}: large where {reaction} is saturated"
                result.setdefault(infix(ratio), Candidate(f"saturation_{_plain(x)}_{reaction}", ratio, meaning, None))
    return list(result.values())


def _half_points(node: Expr, states: set[str], constants: set[str]):
    """(variable, half-saturation constant) pairs in one node."""
    match node:
        case Power(Add(terms), Number(exponent, None)) if exponent < 0:
            roots = [_root(term) for term in terms]
            if len({n for _, n in roots}) == 1:
                moving = [s for s, _ in roots if s in states]
                resting = [s for s, _ in roots if s in constants]
                if len(resting) == 1:
                    yield from ((x, resting[0]) for x in moving)
        case Mul((Symbol(x), Power(Symbol(k), Number(-1.0, None)))) if x in states and k in constants:
            yield x, k


def _root(term: Expr) -> tuple[str | None, Expr]:
    """A symbol and the power to which it stands."""
    match term:
        case Symbol(name):
            return name, ONE
        case Power(Symbol(name), exponent):
            return name, exponent
    return None, ONE
