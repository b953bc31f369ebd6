"""Bridge `growth_laws`: from the mechanistic cell to three sectors, with slopes as functions of its microscopic rates.

At a steady state of Weisse et al. (2015) each protein is made at elongation * c_i/n_i and diluted at growth, so with
growth = elongation * (all c)/M the shares are exactly  phi_i = c_i/(all c)  and sum to one. Two balances give the laws:

    energy and nutrient:  growth (M + a) = ns uptake - ns growth si,  uptake = e_t vt s0/(Kt + s0),  e_t = e_m, so
                          growth = kappa_n phi_P,  kappa_n = ns vt s0/((Kt + s0) 2 n_x), off by a/M + ns si/M relatively
    translation:          growth = (elongation/n_r)(phi_R - n_r r/M),  near a line  phi_R = phi_0 + growth/kappa_t

The remaining share follows phi_Q = 1 - phi_max - q_slope * growth. Scott et al. (2010) take q_slope = 0; whether that
would do is told in the certificate. Then growth = (phi_max - phi_0)/(1/kappa_n + 1/kappa_t - q_slope).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from manyscale.analysis.steady import steady_state
from manyscale.bridges.bridge import Bridge
from manyscale.bridges.certificate import Assumption, Certificate, ErrorStatement, Refusal, source_hash, versions
from manyscale.circuits.power_laws import carried, formula
from manyscale.circuits.resources import find_host
from manyscale.errors import InputError, ManyscaleError
from manyscale.model.build import build
from manyscale.model.expr import Expr, Symbol
from manyscale.model.model import Model
from manyscale.model.parse import parse

__all__ = ["growth_laws"]

KAPPA_N = "ns*vt*s0/((Kt + s0)*2*n_x)"
SHARES = {"phi_R": "n_r*(r + c_r + c_t + c_m + c_q)/mass_total", "phi_P": "n_x*(et + em)/mass_total",
          "phi_Q": "n_x*q/mass_total"}  # fmt: skip
FITTED = ("kappa_t", "phi_0", "phi_max", "q_slope")
FIXED = ("ns", "n_r", "n_x", "hq")  # the dose, and what is written into the reactions as whole numbers
NORM = "sup over nutrients of |fine - coarse| / max |fine|, at steady state; growth and the three shares"
STEP, FITS, HELD_BACK = 0.02, 7, 6


def growth_laws(nutrient: tuple[float, float] = (0.08, 1.0), *, tolerance: float = 0.05, factor: float = 1.1, points: int = 6,
                seed: int = 0, values: Mapping[str, float] | None = None) -> Bridge | Refusal:  # fmt: skip
    """The mechanistic cell as three sectors over a range of the nutrient, or why not.

    The coarse model has shares phi_R, phi_P, phi_Q and the growth rate (1/min); its parameters are given over those of the
    cell: kappa_n by formula, the others as power laws around the cell's own values. The certificate is measured, at
    nutrients between those used for the lines, and at `points` random sets of all constants within `factor`.
    values: other constants of the cell. Errors: InputError for ranges that are not positive and rising.
    """
    low, high = (float(x) for x in nutrient)
    if not 0 < low < high < np.inf:
        raise InputError(f"nutrient {nutrient!r}: give two positive numbers, the smaller one first")
    if not (tolerance > 0 and factor > 1 and points >= 1):
        raise InputError("growth_laws: tolerance must be positive, factor above 1, points at least 1")
    fine = find_host("weisse_2015").model
    own = {p.id: float(p.value or 0.0) for p in fine.parameters if p.constant and p.value is not None}
    for id, value in (values or {}).items():
        if id not in own or id in FIXED:
            raise InputError(f"growth_laws: {id!r} is not a constant that may differ; those are "
                             f"{', '.join(k for k in own if k not in FIXED)}")  # fmt: skip
        own[id] = float(value)
    fits = np.geomspace(low, high, FITS)
    between = np.sqrt(fits[1:] * fits[:-1])
    rows = _cell(fine, own, fits)
    base = _lines(rows)
    error = _errors(_cell(fine, own, between), base)
    worst, strict = max(error.values()), max(_errors(rows, _lines(rows, constant_rest=True)).values())
    where = f"ns in {low:g} to {high:g}"
    if worst > tolerance:
        return Refusal("growth_laws", "ribosomes or the rest do not follow lines of growth over this range of nutrients",
                       worst, tolerance, max(error, key=lambda k: error[k]) + f", {where}")  # fmt: skip
    slopes = _exponents(fine, own, fits)
    boxed = _in_box(fine, own, base, slopes, between, factor, points, seed)
    if boxed > tolerance:
        return Refusal("growth_laws", "lines carried along with the constants deviate too much within the stated box",
                       boxed, tolerance, where)  # fmt: skip
    return _bridge(fine, own, base, slopes, (low, high), (error, boxed, strict), tolerance, factor, points, rows)


def _cell(fine: Model, own: Mapping[str, float], nutrients: np.ndarray) -> dict[str, np.ndarray]:
    """Growth, shares and kappa_n by formula along the nutrients."""
    found = [steady_state(fine, {**own, "ns": float(x)}).values for x in nutrients]
    rows = {"growth": np.array([v["growth"] for v in found])}
    for id, one in (("phi_R", lambda v: v["n_r"] * (v["r"] + v["translating"])), ("phi_P", lambda v: v["n_x"] * (v["et"] + v["em"])),
                    ("phi_Q", lambda v: v["n_x"] * v["q"])):  # fmt: skip
        rows[id] = np.array([one(v) / v["mass_total"] for v in found])
    rows["kappa_n"] = np.array([v["ns"] * v["vt"] * v["s0"] / ((v["Kt"] + v["s0"]) * 2 * v["n_x"]) for v in found])
    return rows


def _lines(rows: Mapping[str, np.ndarray], constant_rest: bool = False) -> dict[str, float]:
    rising, phi_0 = np.polyfit(rows["growth"], rows["phi_R"], 1)
    q, rest = np.polyfit(rows["growth"], rows["phi_Q"], 1)
    if constant_rest:
        q, rest = 0.0, rows["phi_Q"].mean()
    return {"kappa_t": float(1.0 / rising), "phi_0": float(phi_0), "phi_max": float(1.0 - rest), "q_slope": float(-q)}


def _errors(rows: Mapping[str, np.ndarray], four: Mapping[str, float]) -> dict[str, float]:
    """Largest error of what the coarse model says at steady state."""
    growth = (four["phi_max"] - four["phi_0"]) / (1.0 / rows["kappa_n"] + 1.0 / four["kappa_t"] - four["q_slope"])
    said = {"growth": growth, "phi_R": four["phi_0"] + growth / four["kappa_t"], "phi_P": growth / rows["kappa_n"],
            "phi_Q": 1.0 - four["phi_max"] - four["q_slope"] * growth}  # fmt: skip
    return {id: float(np.abs(x - rows[id]).max() / np.abs(rows[id]).max()) for id, x in said.items()}


def _exponents(fine: Model, own: Mapping[str, float], fits: np.ndarray):
    """Constant -> exponents of the four parameters, by central differences of the whole construction."""
    found: dict[str, dict[str, float]] = {}
    width = np.log((1 + STEP) / (1 - STEP))
    for id, value in own.items():
        if id in FIXED or value <= 0:
            continue
        up, down = (_lines(_cell(fine, {**own, id: value * s}, fits)) for s in (1 + STEP, 1 - STEP))
        one = {n: float(np.log(up[n] / down[n]) / width) for n in FITTED if up[n] > 0 and down[n] > 0}
        kept = {n: x for n, x in one.items() if abs(x) > 1e-3}
        if kept:
            found[id] = kept
    return found


def _in_box(fine, own, base, slopes, between, factor: float, points: int, seed: int) -> float:
    rng, worst, done = np.random.default_rng(seed), 0.0, 0
    for _ in range(points):
        ratio = {id: float(factor ** rng.uniform(-1, 1)) for id in own if id not in FIXED}
        try:
            rows = _cell(fine, {**own, **{id: own[id] * x for id, x in ratio.items()}}, between)
        except ManyscaleError:
            continue
        done += 1
        worst = max(worst, *_errors(rows, carried(base, slopes, ratio)).values())
    if not done:
        raise InputError("growth_laws: the cell has no steady state anywhere in the box; make `factor` smaller")
    return worst


def _bridge(fine, own, base, slopes, box, errors, tolerance, factor, points, rows) -> Bridge:
    error, boxed, strict = errors
    exact = float(np.abs(rows["growth"] / (rows["kappa_n"] * rows["phi_P"]) - 1.0).max())
    spread = rows["phi_R"] - np.polyval(np.polyfit(rows["growth"], rows["phi_R"], 1), rows["growth"])
    r_squared = 1.0 - float(spread @ spread) / float(((rows["phi_R"] - rows["phi_R"].mean()) ** 2).sum())
    formulas: dict[str, Expr] = {"kappa_n": parse(KAPPA_N)}
    formulas |= {name: formula(name, base, slopes, own) for name in FITTED}
    certificate = Certificate(
        "measured",
        f"Balanced growth of the cell is that of three sectors: phi_R = {base['phi_0']:.4g} + growth/({base['kappa_t']:.4g}/min), "
        f"growth = kappa_n phi_P with kappa_n = {KAPPA_N}; off by at most {max(error.values()):.2g} for ns from {box[0]:g} to "
        f"{box[1]:g} and {boxed:.2g} with all constants within x{factor:g}.",
        assumptions=(
            Assumption("growth is balanced (steady state)", "assumed"), Assumption("shares sum to one", "proved"),
            Assumption(f"growth = kappa_n phi_P: stored energy and nutrient are negligible (off by {exact:.1e})", "checked"),
            Assumption(f"phi_R is a line of growth (r^2 = {r_squared:.4f})", "checked"),
        ),
        error=ErrorStatement(NORM, max(boxed, *error.values()), tolerance, None, error, HELD_BACK * (points + 1)),
        domain={"ns": box} | {id: (v / factor, v * factor) for id, v in own.items() if id not in FIXED},
        alternatives=(f"a rest that does not change with growth (q_slope = 0): off by {strict:.2g}",),
        recipe={"method": "growth_laws", "nutrient": list(box), "r_squared": r_squared, "kappa_n_error": exact,
                "constant_rest_error": strict},
        source_hash=source_hash(fine), versions=versions(),
    )  # fmt: skip
    coarse = _coarse(base, rows["kappa_n"][-1])
    return Bridge(
        name="growth_laws", fine=fine, coarse=coarse, restrict={id: parse(x) for id, x in SHARES.items()},
        lift={"growth": Symbol("growth")}, certificate=certificate, parameters=formulas,
        eliminated=tuple(s.id for s in fine.species),
    )  # fmt: skip


def _coarse(base: Mapping[str, float], kappa_n: float) -> Model:
    growth = (base["phi_max"] - base["phi_0"]) / (1 / kappa_n + 1 / base["kappa_t"] - base["q_slope"])
    start = {"phi_R": base["phi_0"] + growth / base["kappa_t"], "phi_P": growth / kappa_n}
    start["phi_Q"] = 1.0 - start["phi_R"] - start["phi_P"]
    return build(
        "three_sectors", species={id: f"{x:.17g}" for id, x in start.items()},
        parameters={"kappa_n": f"{kappa_n:.17g} 1/min", "kappa_t": f"{base['kappa_t']:.17g} 1/min",
                    "phi_0": f"{base['phi_0']:.17g}", "phi_max": f"{base['phi_max']:.17g}", "q_slope": f"{base['q_slope']:.17g} min"},
        rules=["growth = kappa_t*(phi_R - phi_0)", "balanced = (phi_max - phi_0)/(1/kappa_n + 1/kappa_t - q_slope)"],
        reactions=["make_R: -> phi_R; growth*(phi_0 + balanced/kappa_t)", "make_P: -> phi_P; growth*balanced/kappa_n",
                   "make_Q: -> phi_Q; growth*(1 - phi_max - q_slope*balanced)",
                   *(f"dilute_{x}: phi_{x} -> ; growth*phi_{x}" for x in "RPQ")],
        amounts=True, check_units=False, time="min",
    )  # fmt: skip
