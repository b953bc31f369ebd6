"""Level "hybrid": reactions of few molecules jump, those of many diffuse or flow, and which is which is looked at again
all the way (Haseltine & Rawlings, J. Chem. Phys. 117:6959, 2002; Salis & Kaznessis, J. Chem. Phys. 122:054103, 2005)."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from manyscale import _core
from manyscale.engines.molecules import next_size, seed_number, stochastic_start, whole_molecules
from manyscale.engines.ode import output_times
from manyscale.engines.trajectory import Trajectory
from manyscale.errors import InputError, SimulationError, UnsupportedError
from manyscale.kernels.flatten import near
from manyscale.kernels.kernel import Kernel
from manyscale.kernels.propensity_code import PropensityCode, propensity_code

TREATMENTS = ("jump", "langevin", "ode")
TOLD = 8  # reactions in one remark
TIMED_STEPS = 50.0  # at least so many steps where propensities depend on time itself
FAILURES = {
    "negative": "has a negative propensity, or uses up more molecules than there are,",
    "not_finite": "has a propensity that is not a finite number",
}


def simulate_hybrid(kernel: Kernel, times, *, values: Mapping[str, float] | None = None, replicates: int | None = None,
                    seed: int | None = None, counts: bool = False, max_steps: int = 1_000_000_000,
                    partition: Mapping[str, str] | str | None = None, langevin_above: float = 100.0, ode_above: float = 1e7,
                    leap: float = 0.03, tolerance: float = 1e-4,
                    progress: Callable[[float], None] | None = None) -> Trajectory:  # fmt: skip
    """Paths of which some reactions jump, at times where their integrated hazard reaches an exponential number, and
    others follow the chemical Langevin equation or the ODE.

    A reaction leaves the jumps when every species that it changes has `langevin_above` molecules (per molecule changed),
    and its noise when they have `ode_above`; it comes back at half of that. It also has to fire often enough to pay.
    partition: reactions that are always "jump", "langevin" or "ode" (also as text: "v1=jump, v2=ode"). leap: change of a species by noise in one
    step, as a share of it; tolerance: relative error of one step of the flow. The same seed gives the same
    paths, whatever the number of threads.

    The result's `partition` tells for each reaction the share of time in each part; remarks say so in words.
    Errors: InputError; UnsupportedError for events and what has no meaning as a jump process; SimulationError with
    `.partial`.
    """
    times = output_times(times)
    if kernel.system.events:
        raise UnsupportedError("events", "level 'hybrid' does not support events; use level='jump' or level='ode'")
    code = propensity_code(kernel, counts)
    limits = _limits(langevin_above, ode_above, leap, tolerance, float(times[-1]) / TIMED_STEPS if code.timed else 0.0)
    fixed = _fixed(code, partition or {})
    p, scale, start, remarks = whole_start(code, values)
    work = _Work(code, times, p, scale, start, limits, fixed, seed_number(seed), max_steps, progress, remarks)
    return work.run(replicates)


def whole_start(code: PropensityCode, values: Mapping[str, float] | None):
    """(p, what one molecule is in units of each state, molecules at the start, remarks). Errors: InputError."""
    y, p = stochastic_start(code.kernel, values)
    scale, remarks = code.scale(p), list(code.system.remarks)
    return p, scale, whole_molecules(code.kernel, y / scale, remarks), remarks


def _limits(langevin: float, ode: float, leap: float, tolerance: float, longest: float) -> np.ndarray:
    for name, value in (("langevin_above", langevin), ("ode_above", ode)):
        if not isinstance(value, (int, float, np.number)) or not value >= 1.0:
            raise InputError(f"{name}={value!r}: give a number of molecules from 1 on (infinity: never)")
    if ode < langevin:
        raise InputError(
            f"ode_above={ode:g} is below langevin_above={langevin:g}; give the larger number for the ODE part"
        )
    for name, value in (("leap", leap), ("tolerance", tolerance)):
        if not isinstance(value, (int, float, np.number)) or not 0.0 < value <= 0.5:
            raise InputError(f"{name}={value!r}: give a number above 0 and up to 0.5")
    return np.array([langevin, ode, leap, tolerance, longest], dtype=float)


def _fixed(code: PropensityCode, partition: Mapping[str, str] | str) -> np.ndarray:
    if isinstance(partition, str):
        pairs = (item.partition("=") for item in partition.split(","))
        partition = {id.strip(): word.strip() for id, _, word in pairs}
    if not isinstance(partition, Mapping):
        raise InputError('partition: give treatments by reaction, such as {"v1": "jump"}')
    ids = [one.reaction for one in code.reactions]
    for id, word in partition.items():
        if id not in ids:
            raise InputError(f"partition: the model has no reaction {id!r} that changes something{near(id, set(ids))}")
        if word not in TREATMENTS:
            raise InputError(f"partition: {id!r} cannot be {word!r}; use one of {', '.join(TREATMENTS)}")
    return np.array([TREATMENTS.index(partition[id]) if id in partition else -1 for id in ids], dtype=np.int32)


@dataclass
class _Work:
    """One call: a start, output times and a seed."""

    code: PropensityCode
    times: np.ndarray
    p: np.ndarray
    scale: np.ndarray
    start: np.ndarray
    limits: np.ndarray
    fixed: np.ndarray
    seed: int
    max_steps: int
    progress: Callable[[float], None] | None
    remarks: list[str]
    tally: np.ndarray = field(default_factory=lambda: np.zeros(4, dtype=np.int64))

    def run(self, replicates: int | None) -> Trajectory:
        self.begun, self.spent = time.monotonic(), np.zeros((len(self.code.reactions), 3))
        count = replicates or 1
        out = np.empty((count, len(self.times), self.code.kernel.size))
        threads, done, size = os.cpu_count() or 1, 0, 1
        try:
            while done < count:
                size = min(size, count - done)
                begun = time.monotonic()
                status, path, t, reaction, tally, spent = _core.run_hybrid(
                    self.code.model, self.p, self.scale, self.start, self.times, self.limits, self.fixed, not self.code.timed,
                    self.seed, done, out[done : done + size], min(threads, size), self.max_steps,
                )  # fmt: skip
                self.tally += tally
                self.spent += spent
                if status != "reached":
                    self._fail(status, path, t, reaction)
                done += size
                size = next_size(size, time.monotonic() - begun)
                if self.progress is not None:
                    self.progress(done / count)
        except (KeyboardInterrupt, SimulationError) as stop:
            stop.partial = self._result(out[:done], replicates)  # type: ignore[union-attr]
            raise
        return self._result(out, replicates)

    def _result(self, out: np.ndarray, replicates: int | None) -> Trajectory:
        jumps, steps, changes, held = (int(n) for n in self.tally)
        told: dict[str, np.ndarray] = {}
        for one, row in zip(self.code.reactions, self.spent):  # two directions of one reaction count together
            told[one.reaction] = told.get(one.reaction, 0.0) + row
        told = {id: row / max(row.sum(), 1e-300) for id, row in told.items()}
        stats = {"jumps": jumps, "steps": steps, "partition_changes": changes, "steps_shortened_at_zero": held,
                 "seconds": time.monotonic() - self.begun, "seed": self.seed}  # fmt: skip
        states = out if replicates is not None else (out[0] if len(out) else np.empty((0, out.shape[-1])))
        times = self.times[: states.shape[-2]] if replicates is None else self.times
        run = Trajectory(
            self.code.kernel, times, states, self.p, stats=stats,
            remarks=(*self.remarks, *_in_words(told), *_boundary(held)),
        )  # fmt: skip
        run.partition = {id: dict(zip(TREATMENTS, map(float, share))) for id, share in told.items()}
        return run

    def _fail(self, status: str, path: int, t: float, reaction: int) -> None:
        if status == "step_limit":
            raise SimulationError(
                f"{self.max_steps:,} jumps and steps were not enough: replicate {path} reached t = {t:g} of "
                f"{self.times[-1]:g}; raise max_steps, or lower langevin_above so that fewer reactions jump"
            )
        name = self.code.reactions[reaction].reaction
        raise SimulationError(
            f"reaction {name} {FAILURES[status]} at t = {t:g} (replicate {path}); laws have to be never negative and vanish "
            "when a reactant is used up: split it into two directions or correct it"
        )


def _boundary(held: int) -> tuple[str, ...]:
    if not held:
        return ()
    return (f"steps that led below zero molecules were made shorter, {held} times",)


def _in_words(shares: Mapping[str, np.ndarray]) -> list[str]:
    """Which reactions were where for how long."""
    groups: dict[str, list[str]] = {}
    for id, share in shares.items():
        parts = [f"{name} {100 * x:.3g} %" for name, x in zip(TREATMENTS, share) if x > 5e-4]
        if parts:
            groups.setdefault(
                " and ".join(parts) + " of the time" if len(parts) > 1 else parts[0].split()[0], []
            ).append(id)
    return [
        f"{words}: {', '.join(ids[:TOLD])}{f' and {len(ids) - TOLD} more' if len(ids) > TOLD else ''}"
        for words, ids in groups.items()
    ]
