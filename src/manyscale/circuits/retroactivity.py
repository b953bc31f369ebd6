"""`load`: what a downstream module does to the one that drives it.

Del Vecchio, Ninfa & Sontag, Mol Syst Biol 4:161 (2008); Gyorgy & Del Vecchio, PLoS Comput Biol 10:e1003486 (2014).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from manyscale.analysis.stability import conserved_quotient, stability
from manyscale.analysis.steady import newton, steady_state
from manyscale.bridges.bridge import Bridge, Chain
from manyscale.circuits import fast_binding as fb
from manyscale.circuits.connect import connect
from manyscale.circuits.load_curve import Curve, loading_curve
from manyscale.circuits.module import Module
from manyscale.engines.ode import simulate_ode
from manyscale.errors import InputError, SimulationError
from manyscale.kernels import compile_model
from manyscale.kernels.flatten import near
from manyscale.model.model import Model
from manyscale.model.question import Question

SEPARATED = 10.0  # binding must be this many times faster than what it loads
NOTICED = 0.01  # a port takes part in a mode from this share on
VISIBLE = 0.05  # changes below this share are called negligible


@dataclass(frozen=True, eq=False)
class Load:
    """The loading of an upstream module at one operating point.

    ids: free species of the upstream module that bind (rows and columns of R, S; rows of M). external: other species
    whose change is mixed in (columns of M). R: internal retroactivity; S: scaling by the downstream module; M: mixing;
    numbers without units. tau_0, tau_eff: slowest time constant at the port without and with the load, in the model's
    time unit; tau_full: the same with the load, from the full equations. robustness: |(I + R)^-1 S|, small when the
    module does not notice. output_0, output: the port alone and in company. separation: how many times faster the
    binding is than what it loads. formulas: the same things by formula, where there are formulas.
    """

    module: Module
    port: str
    ids: tuple[str, ...]
    external: tuple[str, ...]
    R: np.ndarray
    S: np.ndarray
    M: np.ndarray
    tau_0: float
    tau_eff: float
    tau_full: float
    robustness: float
    output_0: float
    output: float
    separation: float
    values: Mapping[str, float] = field(repr=False)
    eliminated: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    _part: Any = field(default=None, repr=False)

    @property
    def model(self) -> Model:
        """The connected model, in full."""
        return self.module.model

    @property
    def delta_tau(self) -> float:
        """tau_eff - tau_0."""
        return self.tau_eff - self.tau_0

    @cached_property
    def formulas(self) -> dict[str, Any]:
        """ "bound X", "T[X]", "polynomial P", "R[X,X]", "S[X,X]", "tau_0", "tau_eff", "delta_tau": formulas in the
        constants of the model and its free species, as far as the binding has them; each agrees with the numbers."""
        from manyscale.circuits.load_formulas import formulas

        return formulas(self)

    @cached_property
    def reduced(self) -> Bridge:
        """The bridge to the model without the fast complexes, in totals (total quasi-steady state), not yet certified.
        Errors: InputError where the binding has no such form."""
        return self._without_complexes(0)

    @cached_property
    def corrected(self) -> Bridge:
        """Like `reduced`, with complexes that lag behind as the slow variables move (the slow manifold to first order)
        and that settle at the start (the initial layer): right to second order in the ratio of binding times to what
        they load, at every time. Errors: InputError."""
        from manyscale.bridges.time.settling import with_settling

        return with_settling(self._without_complexes(1), self.eliminated)

    def _without_complexes(self, order: int) -> Bridge:
        from manyscale.bridges.time.slow_manifold import slow_manifold

        part = self._part
        system = part.kernel.system
        names = [name for name, _ in system.rates]
        totals = {system.states[c]: names[js[0]] for c, js in part.binders.items() if c in part.fast}
        return slow_manifold(self.model, list(self.eliminated), order=order, totals=totals)

    @cached_property
    def chain(self) -> Chain:
        """The certified reduction of the connected model with the port as observable (up to 20 s)."""
        from manyscale.bridges.search import reduce

        return reduce(self.model, Question(observables=(self.port,)), time_limit=20.0)

    @property
    def certificate(self):
        """The certificate of `chain`: how well the fast binding may be eliminated over the default region."""
        return self.chain.certificate

    @cached_property
    def verdict(self) -> str:
        """By how much each module changes in company, in words."""
        return "; ".join(_verdict(self))

    def curve(self, loads, site: str | None = None) -> Curve:
        """Output, time constant, half-time, amplitude and bandwidth for total amounts of a downstream binding site.

        loads: totals in the unit of the site; site: id of the free site (default: the downstream one that binds most of
        the port). Errors: InputError for a site that is none.
        """
        return loading_curve(self, np.atleast_1d(np.asarray(loads, dtype=float)), site)

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        plain = {k: getattr(self, k) for k in ("port", "tau_0", "tau_eff", "tau_full", "delta_tau", "robustness",
                                               "output_0", "output", "separation", "verdict")}  # fmt: skip
        return plain | {
            "ids": list(self.ids), "external": list(self.external), "R": self.R.tolist(), "S": self.S.tolist(),
            "M": self.M.tolist(), "eliminated": list(self.eliminated), "remarks": list(self.remarks),
            "formulas": {k: str(v) for k, v in self.formulas.items()},
        }  # fmt: skip

    def __repr__(self) -> str:
        return f"<Load of {self.module.name!r}: {self.verdict}>"


def load(upstream: Module | Model | str | Path, downstream: Module | Model | str | Path,
         ports: Mapping[str, str] | None = None, *, at: Mapping[str, float] | None = None) -> Load:  # fmt: skip
    """What `downstream` does to `upstream` when they are connected at `ports` (as in `connect`; default: the shared ones).

    at: values by id that fix the operating point (free species as they are in formulas; constants); default: the steady
    state of the connected model, or its start where it depends on time.
    Errors: those of `connect`; InputError where nothing binds the port; SimulationError without a steady state.
    """
    if ports is None and not (isinstance(upstream, Module) and isinstance(downstream, Module)):
        ports = _shared_ids(upstream, downstream)
    return load_of(connect(upstream, downstream, ports), at)


def _shared_ids(upstream, downstream) -> dict[str, str]:
    from manyscale.circuits.module import as_module

    first, second = as_module(upstream, kind="output"), as_module(downstream, kind="input")
    common = [p for p in first.outputs if p in second.inputs]
    if not common:
        raise InputError(
            f"{first.name!r} and {second.name!r} share no species; say which port goes where, as ports={{output: input}}"
        )
    return {p: p for p in common}


def load_of(module: Module, at: Mapping[str, float] | None = None) -> Load:
    """The load within a module that `connect` made."""
    first, second = module.upstream, module.downstream
    if first is None or second is None:
        raise InputError(f"{module.name!r} was not made by connect; use load(upstream, downstream)")
    model, port = module.model, module.joined[0]
    inside = {s.id for s in first.model.species}
    part = fb.find(model, module.joined, inside)
    y, p, remarks = operating_point(part, model, at)
    down = np.array([id not in inside for id in part.kernel.system.states])
    R, S, M = matrices(part, y, p, down)
    tau_eff, rate, speed = time_constant(part, y, p, port, inside)
    alone, output_0 = _alone(first, module, part, y, p, at)
    fast = fb.fast_rates(part, y, p)
    speed = max(speed, 1.0 / alone)  # what is loaded has slowed down by it
    separation = float(fast[0] / speed) if fast.size and speed > 0 else np.inf
    robustness = float(np.linalg.norm(np.linalg.solve(np.eye(len(R)) + R, S), 2))
    values = part.kernel.values(0.0, y, p)
    others = tuple(part.ids[part.inner :]) + part.outside
    return Load(
        module, port, part.ids[: part.inner], others, R, S, M, alone, tau_eff, _full_time(part, y, p, port, rate),
        robustness, output_0, values[port], separation, values, part.complexes, remarks, part,
    )  # fmt: skip


def operating_point(part: fb.FastBinding, model: Model, at: Mapping[str, float] | None):
    """(y, p, remarks): steady state, or the given values, or the start; the fast part in quasi-steady state."""
    kernel = part.kernel
    remarks: tuple[str, ...] = ()
    states = set(kernel.system.states)
    for id in at or {}:
        if id not in states and id not in kernel.system.parameter_index:
            raise InputError(f"at: the connected model has no {id!r}{near(id, [*states, *kernel.system.parameters])}")
        if not np.isfinite((at or {})[id]) or (id in states and (at or {})[id] < 0):
            raise InputError(f"at: {id!r} is {(at or {})[id]:g}; amounts are finite and not negative")
    constants = {k: v for k, v in (at or {}).items() if k not in states}
    y, p = kernel.initial(constants)
    given = {k: v for k, v in (at or {}).items() if k in states}
    if not given:
        try:
            found = steady_state(model, constants)
            states = found.states if found.stable is not False else _settled(kernel, constants, found)
            return states, found.parameters, remarks
        except InputError as reason:
            remarks = (f"operating point: the start of the model ({reason})",)
        except SimulationError as reason:
            raise SimulationError(f"no operating point: {reason}; give one with at={{...}}") from None
    for id, value in given.items():
        y[kernel.system.states.index(id)] = value
    return fb.relax(part, y, p), p, remarks


def _settled(kernel, constants: Mapping[str, float], found) -> np.ndarray:
    """The stable state that a run from the start settles in, where the steady state found first is not stable."""
    speeds = np.abs(found.eigenvalues.real)
    slow = float(speeds[speeds > 1e-9 * speeds.max()].min())
    late = simulate_ode(kernel, [0.0, 30.0 / slow, 300.0 / slow], values=constants, rtol=1e-9)
    y, p = late.states[-1], found.parameters
    near_end = newton(kernel, y, y, p, conserved_quotient(kernel, 0.0, y, p))
    if np.abs(near_end - y).max() > 1e-3 * np.abs(y).max() or stability(kernel, 0.0, near_end, p).stable is False:
        raise SimulationError("the steady state is not stable and the model does not settle (it oscillates)")
    return near_end


def matrices(part: fb.FastBinding, y: np.ndarray, p: np.ndarray, down: np.ndarray):
    """(R, S, M): change of what upstream and downstream forms hold of each upstream ligand."""
    n = part.inner
    change = fb.slopes(part, y, p)
    holds = part.holds[:n].copy()
    holds[np.arange(n), list(part.ligands[:n])] = 0.0
    S = holds[:, down] @ change[down]
    R = holds[:, ~down] @ change[~down, :n]
    outside = holds[:, down] @ fb.outside_slopes(part, y, p)[down]
    return _clean(R), _clean(S[:, :n]), _clean(np.hstack([S[:, n:], outside]))


def _clean(matrix: np.ndarray) -> np.ndarray:
    return np.where(np.abs(matrix) < 1e-13 * max(1.0, np.abs(matrix).max(initial=0.0)), 0.0, matrix)


def time_constant(part: fb.FastBinding, y: np.ndarray, p: np.ndarray, port: str, inside) -> tuple[float, float, float]:
    """(tau, decay rate of that mode, fastest slow rate): slowest mode of the upstream variables that the port is in."""
    matrix, owners = fb.reduced_jacobian(part, y, p)
    states = part.kernel.system.states
    own = [k for k, i in enumerate(owners) if states[i] in inside]
    place = [states[owners[k]] for k in own].index(port)
    matrix, place = _without_conserved(matrix[np.ix_(own, own)], place)
    values, vectors = np.linalg.eig(matrix)
    share = _participation(vectors, place)
    rates = -values.real
    moving = np.abs(values) > 1e-12 * max(np.abs(values).max(), 1e-300)
    usable = [k for k in range(len(values)) if share[k] >= NOTICED and moving[k]]
    if not usable:
        raise InputError(f"{port!r} does not relax by itself upstream, so it has no time constant; add its loss")
    slowest = min(usable, key=lambda k: rates[k])
    if rates[slowest] <= 0:
        raise SimulationError(
            f"the operating point is not stable ({port!r} runs away from it or oscillates, all else downstream held); choose "
            f"another with at={{...}}, or take what {port!r} is lost by into the upstream half"
        )
    return 1.0 / float(rates[slowest]), float(rates[slowest]), float(np.abs(values[usable]).max())


def _without_conserved(matrix: np.ndarray, place: int) -> tuple[np.ndarray, int]:
    """(matrix, place) in coordinates without one variable per conserved sum, never the one at `place` if that can be: in
    all coordinates the conserved directions would hide how little a variable moves by itself."""
    left, sizes, _ = np.linalg.svd(matrix)
    laws = left[:, sizes <= 1e-12 * max(sizes.max(initial=0.0), 1e-300)].T
    if not len(laws):
        return matrix, place
    weights = np.abs(laws).max(axis=0)
    weights[place] *= 1e-6
    gone: list[int] = []
    rest = laws.copy()
    for _ in range(len(laws)):  # Gaussian elimination on the columns of the largest weight
        row, column = np.unravel_index(
            int(np.argmax(np.abs(rest) * (weights > 0) * np.where(weights < 1e-5, 1e-6, 1.0))), rest.shape
        )
        if abs(rest[row, column]) < 1e-12:
            break
        gone.append(int(column))
        rest = rest - np.outer(rest[:, column] / rest[row, column], rest[row])
        rest[row] = 0.0
    keep = [k for k in range(len(matrix)) if k not in gone]
    if len(gone) < len(laws) or place not in keep:
        return matrix, place
    embed = np.zeros((len(matrix), len(keep)))
    embed[keep, np.arange(len(keep))] = 1.0
    embed[gone] = -np.linalg.solve(laws[:, gone], laws[:, keep])
    return matrix[keep] @ embed, keep.index(place)


def _participation(vectors: np.ndarray, place: int) -> np.ndarray:
    try:
        left = np.linalg.inv(vectors)
    except np.linalg.LinAlgError:
        return np.ones(vectors.shape[1])
    return np.abs(vectors[place] * left[:, place])


def _alone(first: Module, module: Module, part: fb.FastBinding, y, p, at) -> tuple[float, float]:
    """(tau_0, output) of the upstream module by itself, with its own fast binding in quasi-steady state."""
    kernel, port = compile_model(first.model), module.joined[0]
    inside = {s.id for s in first.model.species}
    if port not in kernel.system.states:
        raise InputError(
            f"nothing upstream makes or loses {port!r}, so it has no time constant of its own; put its production and loss "
            "upstream"
        )
    try:
        own = fb.find(first.model, module.joined, inside)
    except InputError:
        n = kernel.size
        index = [kernel.system.states.index(id) for id in module.joined if id in kernel.system.states]
        holds = np.zeros((len(index), n))
        holds[np.arange(len(index)), index] = 1.0
        own = fb.FastBinding(kernel, (), {}, tuple(index), holds, (), np.zeros((0, n)), (), len(index))
    mine = {k: v for k, v in (at or {}).items() if k in first.model}
    values = part.kernel.values(0.0, y, p)
    given = mine if any(k in kernel.system.states for k in mine) else None
    try:
        if given:
            raise InputError("given")
        found = steady_state(first.model, mine)
        constants = found.parameters
        start = found.states if found.stable is not False else _settled(kernel, mine, found)
    except InputError:
        start, constants = kernel.initial({k: v for k, v in mine.items() if k not in kernel.system.states})
        start = np.array([values.get(id, x) for id, x in zip(kernel.system.states, start)])
        start = fb.relax(own, start, constants)
    except SimulationError as reason:
        raise SimulationError(f"the upstream half alone: {reason}; give an operating point with at={{...}}") from None
    tau, _, _ = time_constant(own, start, constants, port, inside)
    return tau, float(kernel.values(0.0, start, constants)[port])


def _full_time(part: fb.FastBinding, y, p, port: str, near_rate: float) -> float:
    """Time constant of the mode of the full equations closest to the reduced one, as the second way to the number."""
    jacobian, place = _without_conserved(part.kernel.jacobian(0.0, y, p), part.kernel.system.states.index(port))
    values, vectors = np.linalg.eig(jacobian)
    share = _participation(vectors, place)
    moving = np.abs(values) > 1e-12 * np.abs(values).max()
    usable = [k for k in range(len(values)) if moving[k] and share[k] > 1e-10 and values[k].real < 0]
    if not usable:
        return np.nan
    best = min(usable, key=lambda k: abs(np.log(max(-values[k].real, 1e-300) / near_rate)))
    return -1.0 / float(values[best].real)


def _verdict(one: Load) -> list[str]:
    ratio = one.tau_eff / one.tau_0
    change = (one.output - one.output_0) / one.output_0 if one.output_0 else 0.0
    if abs(ratio - 1.0) < VISIBLE and abs(change) < VISIBLE:
        words = [f"{one.port} hardly notices the load: time constant x {ratio:.4g}, level {change:+.2%}"]
    else:
        speed = f"{ratio:.3g} times slower" if ratio > 1 else f"{1 / ratio:.3g} times faster"
        speed = "as fast as alone" if abs(ratio - 1.0) < VISIBLE else speed
        words = [f"in company {one.port} answers {speed}", f"its level changes by {change:+.2%}"]
    if abs(ratio - 1.0) < 1e-9 and np.abs(one.S).max(initial=0.0) > 1e-6:
        words.append("what is bound is lost as fast as what is free, so the time constant stays exactly the same")
    words.append(f"robustness |(I+R)^-1 S| = {one.robustness:.3g}")
    if one.separation < SEPARATED:
        words.append(
            f"the binding is only {one.separation:.3g} times faster than what it loads, so these are estimates: "
            "simulate the full model"
        )
    elif abs(one.tau_full / one.tau_eff - 1.0) > VISIBLE:
        words.append(
            f"the full equations give a time constant of {one.tau_full:.4g}, so downstream dynamics matter too"
        )
    return words
