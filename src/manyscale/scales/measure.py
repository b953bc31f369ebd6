"""`measure`: time, number and dimensionless scales of a model in one frozen table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from manyscale.engines.ode import simulate_ode
from manyscale.engines.simulate import as_model
from manyscale.engines.trajectory import Trajectory
from manyscale.kernels import compile_model
from manyscale.model.model import Model
from manyscale.model.question import Question
from manyscale.model.structure import ConservationLaw
from manyscale.scales.group import Group
from manyscale.scales.groups import find_groups
from manyscale.scales.number import NumberScale, copy_numbers
from manyscale.scales.quotient import Quotient, make_quotient
from manyscale.scales.resolve import describe, resolve
from manyscale.scales.threads import one_thread
from manyscale.scales.time import Split, TimeRow, rows, sample_times, splits

MOST_EVENTS = 8  # after which the spectrum is taken again


@dataclass(frozen=True)
class Scales:
    """Everything measured of a model under a question.

    rows: time scales along the trajectory. splits: candidate separations, most useful first. groups: dimensionless
    numbers. number: copy numbers. conservation: laws (without species that no reaction changes). dimension: `full`
    number of differential equations, and `conserved`, without what totals determine. quotient: what the spectrum is
    taken on.
    """

    model: Model = field(repr=False)
    question: Question
    rows: tuple[TimeRow, ...]
    splits: tuple[Split, ...]
    groups: tuple[Group, ...]
    number: NumberScale
    conservation: tuple[ConservationLaw, ...]
    dimension: Mapping[str, int]
    trajectory: Trajectory = field(repr=False, compare=False)
    quotient: Quotient = field(repr=False, compare=False)
    remarks: tuple[str, ...] = ()

    @property
    def times(self) -> tuple[TimeRow, ...]:
        """The same as `rows`."""
        return self.rows

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe data; `scales` as `manyscale measure --json` prints it."""
        return {
            "scales": [
                {
                    "t": row.t,
                    "time_scales": list(row.time_scales),
                    "gap": row.gap if row.gap is not None and np.isfinite(row.gap) else None,
                    "fast_species": list(row.fast_species),
                }
                for row in self.rows
            ],
            "groups": [
                {"name": g.name, "formula": g.formula, "value": g.value, "meaning": g.meaning,
                 "range": None if g.range is None else list(g.range)}
                for g in self.groups
            ],
            "conservation": [{"name": law.name, "formula": str(law.expression())} for law in self.conservation],
            "dimension": dict(self.dimension),
            "number": str(self.number),
        }  # fmt: skip

    def __str__(self) -> str:
        lines = [describe(self.question, self.model), ""]
        lines.append(
            f"{self.dimension['full']} differential equations, {self.dimension['conserved']} without conserved totals."
        )
        lines += [f"  {law}" for law in self.conservation]
        lines.append(str(self.number))
        lines.append(f"{'t':>10} {'gap':>9} {'fast':>4}  time scales, slowest first")
        for row in self.rows:
            gap = f"{row.gap:.3g}" if row.gap is not None else "-"
            shown = "  ".join(f"{x:.3g}" for x in row.time_scales[:8]) + (" ..." if len(row.time_scales) > 8 else "")
            lines.append(f"{row.t:>10.4g} {gap:>9} {row.split:>4}  {shown}")
        if self.groups:
            lines.append("dimensionless groups:")
            lines += [f"  {g.name} = {g.formula} = {g.value:.3g}  ({g.meaning})" for g in self.groups]
        return "\n".join([*lines, *self.remarks])

    def _repr_html_(self) -> str:
        import html

        return f"<pre>{html.escape(str(self))}</pre>"


def measure(model: Model | str | Path, question: Question | None = None) -> Scales:
    """Scales of a model along its trajectory over the question's horizon (see `Scales`).

    The spectrum is that of the conserved quotient, in variables scaled by their largest values. Errors: InputError;
    SimulationError if the model cannot be run over the horizon.
    """
    model = as_model(model)
    with one_thread():
        return _measured(model, resolve(model, question))


def _measured(model: Model, question: Question) -> Scales:
    horizon = float(question.horizon)  # type: ignore[arg-type]
    kernel = compile_model(model)
    y, p = kernel.initial()
    fastest = _fastest(make_quotient(model, kernel, y[None, :], p), y, p)
    run = simulate_ode(kernel, sample_times(horizon, fastest, kernel.size))
    if run.events:
        run = simulate_ode(kernel, _with_events(run, horizon))
    quotient = make_quotient(model, kernel, run.states, _last(run.parameters))
    table, looked = rows(quotient, run, horizon, question.entry)
    found = splits(table, looked, kernel.system.states, horizon, question.entry)
    constrained = 0 if kernel.system.mass is None else kernel.size - int(np.count_nonzero(kernel.mass(p).any(axis=1)))
    return Scales(
        model=model,
        question=question,
        rows=table,
        splits=found,
        groups=find_groups(model, kernel, quotient, run, question, found),
        number=copy_numbers(model, run),
        conservation=tuple(law for law in quotient.laws if not law.trivial),
        dimension={"full": kernel.size, "conserved": quotient.size - constrained},
        trajectory=run,
        quotient=quotient,
        remarks=_remarks(kernel),
    )


def _fastest(quotient: Quotient, y: np.ndarray, p: np.ndarray) -> float:
    matrix = quotient.jacobian(0.0, y, p)
    size = np.abs(np.diag(matrix)).max(initial=0.0) if np.isfinite(matrix).all() else 0.0
    return 1.0 / size if size > 0 else np.inf


def _with_events(run: Trajectory, horizon: float) -> np.ndarray:
    when = sorted({t for t, _ in run.events if 0.0 < t < horizon})
    if len(when) > MOST_EVENTS:
        when = [when[int(k)] for k in np.linspace(0, len(when) - 1, MOST_EVENTS)]
    after = np.minimum(np.array(when) + 1e-6 * horizon, horizon)
    return np.unique(np.concatenate([run.times, after]))


def _last(parameters: np.ndarray) -> np.ndarray:
    return parameters[-1] if parameters.ndim == 2 else parameters


def _remarks(kernel) -> tuple[str, ...]:
    found = []
    if kernel.system.delays:
        found.append("The spectrum holds delayed values fixed; time scales that delays make are not in it.")
    if kernel.system.events:
        found.append("The spectrum is that between events.")
    return tuple(found)
