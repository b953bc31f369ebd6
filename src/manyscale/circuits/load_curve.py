"""Loading curves: what the port of a module does as the amount of downstream binding sites grows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from manyscale.analysis.stability import conserved_quotient
from manyscale.circuits import fast_binding as fb
from manyscale.engines.ensemble import simulate_ensemble
from manyscale.errors import InputError, ManyscaleError, SimulationError
from manyscale.kernels.flatten import near

POINTS = 400  # times at which a switch-on is looked at


@dataclass(frozen=True, eq=False)
class Curve:
    """Against `loads` (total of `site`), each of shape (loads,):

    output: steady level of the port; tau_eff: its slowest time constant (binding eliminated); half_time: time to half of
    the way to the steady level from port = 0, by simulation of the full model; amplitude: response of the port to a
    modulated supply at the angular frequency 1/tau_0, as a share of the response of the module alone; bandwidth: angular frequency
    at which the response of the full linearised model has fallen to 1/sqrt(2). NaN where something does not exist.
    """

    site: str
    port: str
    loads: np.ndarray
    output: np.ndarray
    tau_eff: np.ndarray
    half_time: np.ndarray
    amplitude: np.ndarray
    bandwidth: np.ndarray
    robustness: np.ndarray

    def to_dict(self) -> dict[str, Any]:
        names = ("loads", "output", "tau_eff", "half_time", "amplitude", "bandwidth", "robustness")
        return {"site": self.site, "port": self.port} | {k: getattr(self, k).tolist() for k in names}


def loading_curve(one, loads: np.ndarray, site: str | None) -> Curve:
    """See `Load.curve`."""
    from manyscale.circuits.retroactivity import matrices, time_constant

    if loads.ndim != 1 or not loads.size or not np.isfinite(loads).all() or (loads < 0).any():
        raise InputError("loads: give finite amounts, none negative")
    part, module = one._part, one.module
    site = site or default_site(one)
    states = part.kernel.system.states
    if site not in [states[i] for i in part.sites]:
        known = [states[i] for i in part.sites]
        raise InputError(
            f"{site!r} is no free binding site with a conserved total{near(site, known)}; sites: {', '.join(known)}"
        )
    inside = {s.id for s in module.upstream.model.species}
    down = np.array([id not in inside for id in states])
    rows: list[tuple[float, ...]] = []
    last: np.ndarray | None = None
    unloaded = _unloaded(one, site)
    for total in loads:
        try:
            y, p = _at(one, site, float(total), last)
            R, S, _ = matrices(part, y, p, down)
            tau, _, _ = time_constant(part, y, p, one.port, inside)
            gain, band = _frequency(part, y, p, one, unloaded)
        except SimulationError:  # no steady state, or none that lasts
            rows.append((np.nan,) * 5)
            continue
        last = y
        robust = float(np.linalg.norm(np.linalg.solve(np.eye(len(R)) + R, S), 2))
        rows.append((float(y[states.index(one.port)]), tau, gain, band, robust))
    output, tau, gain, band, robust = (np.array(column, dtype=float) for column in zip(*rows))
    if not np.isfinite(tau).any():
        raise SimulationError(
            f"there is no lasting steady state at any of these totals of {site!r}; simulate the model"
        )
    half = _half_times(one, site, loads, output, tau)
    return Curve(site, one.port, loads, output, tau, half, gain, band, robust)


def default_site(one) -> str:
    """The downstream closed site that holds most of the port."""
    part = one._part
    states, inside = part.kernel.system.states, {s.id for s in one.module.upstream.model.species}
    candidates = [
        (float(part.closed[k].sum()), states[i], k) for k, i in enumerate(part.sites) if states[i] not in inside
    ]
    if not candidates:
        raise InputError(
            "nothing downstream has a conserved total of binding sites that could be scanned; name one with site="
        )
    port = part.kernel.system.states.index(one.port)
    row = part.holds[list(part.ligands).index(port)]
    y = np.array([one.values[id] for id in states])
    return max(candidates, key=lambda c: float(((part.closed[c[2]] > 0) * row * y).sum()))[1]


def _at(one, site: str, total: float, last: np.ndarray | None):
    """Operating point of the connected model with another total of the site (everything of it free at the start); where
    it is not found from the model's start, from the point before."""
    part = one._part
    states = part.kernel.system.states
    index = part.sites.index(states.index(site))
    held = part.closed[index]
    forms = [states[i] for i in np.flatnonzero(held)]
    start = {id: 0.0 for id in forms if states.index(id) in part.fast} | {site: total}
    from manyscale.analysis.steady import steady_state

    try:
        found = steady_state(one.model, start)
        return found.states, found.parameters
    except InputError:
        y, p = part.kernel.initial(start)
        for id in one.ids:
            y[states.index(id)] = one.values[id]
        return fb.relax(part, y, p), p
    except SimulationError:
        if last is None:
            raise
        k = states.index(site)
        near_point = dict(zip(states, last))
        near_point[site] = last[k] + (total - float(held @ last)) / held[k]
        if near_point[site] < 0:
            raise
        found = steady_state(one.model, near_point)
        return found.states, found.parameters


def _responses(part: fb.FastBinding, y, p, port: str, omegas: np.ndarray) -> np.ndarray:
    """Size of the port's answer to a modulation of its own supply by one per time, full equations."""
    jacobian = part.kernel.jacobian(0.0, y, p)
    k = part.kernel.system.states.index(port)
    unit = np.zeros((len(omegas), len(y), 1))
    unit[:, k] = 1.0
    return np.abs(np.linalg.solve(1j * omegas[:, None, None] * np.eye(len(y)) - jacobian, unit)[:, k, 0])


def _unloaded(one, site: str) -> float:
    """The answer at 1/tau_0 without any of the site; that of first-order relaxation where there is no such state."""
    try:
        y, p = _at(one, site, 0.0, None)
        return float(_responses(one._part, y, p, one.port, np.array([1.0 / one.tau_0]))[0])
    except (ManyscaleError, np.linalg.LinAlgError):
        return one.tau_0 / np.sqrt(2.0)


def _frequency(part: fb.FastBinding, y, p, one, unloaded: float) -> tuple[float, float]:
    """(response at 1/tau_0 over that without load, bandwidth) of the port to its own supply, full equations. No bandwidth
    where the port is part of a conserved sum: what is supplied stays, so slow changes are answered without end."""
    base = 1.0 / one.tau_0

    def response(omega: float) -> float:
        return float(_responses(part, y, p, one.port, np.array([omega]))[0])

    amplitude = response(base) / unloaded
    laws = conserved_quotient(part.kernel, 0.0, y, p).laws
    if len(laws) and np.abs(laws[:, part.kernel.system.states.index(one.port)]).max() > 0:
        return amplitude, np.nan
    still = response(base * 1e-7)
    grid = base * np.geomspace(1e-5, 1e3, 81)
    below = np.flatnonzero(_responses(part, y, p, one.port, grid) < still / np.sqrt(2.0))
    if not below.size:
        return amplitude, np.nan
    from scipy.optimize import brentq

    j = below[0]
    low = grid[j - 1] if j else base * 1e-7
    return amplitude, float(brentq(lambda w: response(w) - still / np.sqrt(2.0), low, grid[j]))


def _half_times(one, site: str, loads: np.ndarray, output: np.ndarray, tau: np.ndarray) -> np.ndarray:
    """Time to half of the steady level from port = 0, all loads at once."""
    horizon = 20.0 * float(np.nanmax(tau)) + 3.0 * one.tau_0 * float(np.max(loads)) / max(
        float(np.nanmin(output)), 1e-300
    )
    times = np.concatenate([[0.0], np.geomspace(1e-5, 1.0, POINTS) * horizon])
    half = np.full(len(loads), np.nan)
    try:
        values = {site: loads, one.port: np.zeros(len(loads))}
        run = simulate_ensemble(one.model, times, values=values, observables=[one.port], rtol=1e-8)
    except ManyscaleError:
        return half
    for k, row in enumerate(run[one.port]):
        above = np.flatnonzero(row >= 0.5 * output[k])
        if above.size and above[0] > 0 and np.isfinite(row).all():
            j = above[0]
            a, b = row[j - 1], row[j]
            share = (0.5 * output[k] - a) / (b - a)
            half[k] = times[j - 1] + share * (times[j] - times[j - 1])
    return half
