"""Level "slow_scale": fast reactions are at their stationary law given what they conserve, and only slow ones jump, at
the mean of their propensities over that law (Cao, Gillespie & Petzold, J. Chem. Phys. 122:014116, 2005; E, Liu &
Vanden-Eijnden, J. Chem. Phys. 123:194107, 2005)."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from manyscale.engines.fast_blocks import Division, NoLaw, listed
from manyscale.engines.fast_search import fast_reactions
from manyscale.engines.hybrid import whole_start
from manyscale.engines.molecules import seed_number
from manyscale.engines.ode import output_times
from manyscale.engines.slow_network import SlowNetwork
from manyscale.engines.trajectory import Trajectory
from manyscale.errors import InputError, SimulationError, UnsupportedError
from manyscale.kernels.kernel import Kernel
from manyscale.kernels.propensity_code import propensity_code

LAYER = 3.0  # relaxation times until the start is forgotten
BUDGET = 500_000  # jumps between two looks at interruption
FAILURES = {
    "overdrawn": "uses up more molecules than there are",
    "not_finite": "has a propensity that is negative or not a finite number",
}


def simulate_slow_scale(kernel: Kernel, times, *, values: Mapping[str, float] | None = None,
                        replicates: int | None = None, seed: int | None = None, counts: bool = False,
                        max_steps: int = 1_000_000_000, fast: Sequence[str] | str | None = None, min_gap: float = 100.0,
                        max_states: int = 20_000, progress: Callable[[float], None] | None = None) -> Trajectory:  # fmt: skip
    """Paths of the slow reactions alone. Fast species are drawn from their conditional law at each output time (at t = 0
    they are what they start from).

    fast: ids of the reactions that are fast (a list, or text with commas); found by their rates where it is not given. max_states: of one conditional
    law. The gap, `stats["gap"]`, is the inverse of the error of what slow reactions see, on average over time: each
    slow reaction leaves a block away from its law by some share, for one relaxation; and a rate that fluctuates with the
    block adds twice its variance per relaxation. Where it is below min_gap, the model is refused and the number said.
    The same seed gives the same paths, whatever the number of threads.

    Errors: InputError where there is no gap or no law; UnsupportedError;
    SimulationError with `.partial` where the gap closes on the way. Ctrl-C keeps the paths that are done.
    """
    times = output_times(times)
    code = propensity_code(kernel, counts)
    if kernel.system.events:
        raise UnsupportedError(
            "events", "level 'slow_scale' does not support events; use level='jump' or level='hybrid'"
        )
    if code.timed:
        raise UnsupportedError(
            "time", f"level 'slow_scale': the rate of {code.timed[0]} depends on time itself; use level='hybrid'"
        )
    if not isinstance(min_gap, (int, float, np.number)) or not min_gap >= 1.0:
        raise InputError(f"min_gap={min_gap!r}: give a number from 1 on")
    if not isinstance(max_states, (int, np.integer)) or max_states < 2:
        raise InputError(f"max_states={max_states!r}: give a whole number from 2 on")
    number = seed_number(seed)
    p, scale, start, remarks = whole_start(code, values)
    division = fast_reactions(code, times, p, scale, start, fast, float(min_gap), int(max_states))
    work = _Work(
        division, times, p, scale, start, number, float(min_gap), int(max_states), int(max_steps), progress, remarks
    )
    return work.run(replicates)


@dataclass
class _Work:
    """One call: a division, a start, output times and a seed."""

    division: Division
    times: np.ndarray
    p: np.ndarray
    scale: np.ndarray
    start: np.ndarray
    seed: int
    min_gap: float
    max_states: int
    max_steps: int
    progress: Callable[[float], None] | None
    remarks: list[str]

    def run(self, replicates: int | None) -> Trajectory:
        self.begun, count = time.monotonic(), replicates or 1
        self.network = SlowNetwork(self.division, self.p, self.scale, self.max_states)
        out, status = np.empty((count, len(self.times), len(self.start))), ""
        core = self.network.core
        try:
            self.network.start(self.start, self.seed, min(os.cpu_count() or 1, count))
            while status != "reached":
                status, reaction = self.network.run(self.times, out, BUDGET, self.max_steps)
                if status not in ("reached", "paused"):
                    self._fail(status, core.done, reaction)
                self._check_gap()
                self._note((core.done + core.t / max(self.times[-1], 1e-300)) / count)
        except NoLaw as reason:
            raise InputError(_no_law(self.division, reason)) from None
        except (KeyboardInterrupt, SimulationError) as stop:
            stop.partial = self._result(out[: core.done], replicates)  # type: ignore[union-attr]
            raise
        return self._result(out, replicates)

    @property
    def gap(self) -> float:
        return self.network.gap(float(self.times[-1]))

    def _check_gap(self) -> None:
        """Errors: SimulationError where the gap has closed."""
        gap, paths = self.gap, self.network.core.done
        if gap < self.min_gap:
            raise SimulationError(
                f"the gap between fast and slow closed on the way: {gap:.3g} on average over {max(paths, 1)} "
                f"path{'s' if paths > 1 else ''}, and {self.min_gap:g} is asked for (min_gap); use level='jump'"
            )

    def _note(self, share: float) -> None:
        if self.progress is not None:
            self.progress(share)

    def _fail(self, status: str, path: int, reaction: int) -> None:
        if status == "step_limit":
            raise SimulationError(
                f"{self.max_steps:,} jumps were not enough: replicate {path} reached t = {self.network.core.t:g} of "
                f"{self.times[-1]:g}; raise max_steps or shorten the time"
            )
        name = self.division.code.reactions[self.division.slow[reaction]].reaction
        raise SimulationError(
            f"reaction {name} {FAILURES[status]} (replicate {path}, t = {self.network.core.t:g}); correct its law"
        )

    def _result(self, out: np.ndarray, replicates: int | None) -> Trajectory:
        states = out * self.scale
        if replicates is None:
            states = states[0] if len(states) else np.empty((0, states.shape[-1]))
        times = self.times if replicates is not None else self.times[: len(states)]
        stats = {"jumps": self.network.core.jumps, "laws": self.network.laws, "gap": self.gap,
                 "seconds": time.monotonic() - self.begun, "seed": self.seed}  # fmt: skip
        return Trajectory(
            self.division.code.kernel, times, states, self.p, stats=stats,
            remarks=(*self.remarks, *in_words(self.division), self._about_gap(), *self._about_layer()),
        )  # fmt: skip

    def _about_layer(self) -> tuple[str, ...]:
        later = self.times[self.times > 0.0]
        layer = LAYER * self.network.layer
        if not len(later) or later[0] >= layer:
            return ()
        return (
            f"fast species are not at their law before t = {layer:.3g}: times from {later[0]:.3g} on are too early for them",
        )

    def _about_gap(self) -> str:
        if not np.isfinite(self.gap):
            return "slow reactions never disturbed the fast ones"
        return f"gap {self.gap:.3g}: slow rates are off by about {100.0 / self.gap:.2g} % because fast reactions need time to relax"


def in_words(division: Division) -> list[str]:
    """Which reactions are at their stationary law, and given what."""
    told = []
    for block in division.blocks:
        if not block.reactions:
            continue
        given = ", ".join(str(law.expression()) for law in block.totals)
        told.append(
            f"fast, at their stationary law{f' given {given}' if given else ''}: {listed(division.ids(block.reactions))}"
        )
    return told


def _no_law(division: Division, reason: NoLaw) -> str:
    ids = listed(division.ids(division.fast))
    return f"the fast reactions ({ids}) have no law to average over: {reason}; name others with fast=[...], or use level='jump'"
