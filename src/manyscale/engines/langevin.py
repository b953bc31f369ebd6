"""Level "langevin": paths of the chemical Langevin equation (Gillespie, J. Chem. Phys. 113:297, 2000)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from manyscale.engines.tau import LeapWork, scheme_name, step_options
from manyscale.engines.trajectory import Trajectory
from manyscale.kernels.kernel import Kernel


def simulate_langevin(kernel: Kernel, times, *, values: Mapping[str, float] | None = None, replicates: int | None = None,
                      seed: int | None = None, counts: bool = False, method: str = "auto", epsilon: float = 0.03,
                      step: float | None = None, until: str | None = None, max_steps: int = 1_000_000_000,
                      first: int = 0, progress: Callable[[float], None] | None = None) -> Trajectory:  # fmt: skip
    """Paths of dx = N (a(x) dt + sqrt(a(x)) dW), one noise per reaction, with the propensities of level "jump".

    Boundary: where a species would become negative, the reactions that draw from it proceed by less, so that it ends at
    zero; conserved sums stay. How often that happened is told in `remarks`, with a warning from one step in a hundred.
    epsilon: share by which propensities may change within a step; step: a fixed one instead. method: "explicit"
    (Euler-Maruyama: weak order 1, strong order 1/2), "second_order" (weak order 2; Anderson & Mattingly 2011),
    "implicit" and "trapezoidal" (weak order 1; for stiff models), or "auto": second_order, implicit where that allows
    steps a hundred times longer. until: a condition that ends a path, looked at after each step, of
    which there are at least a thousand then; triggers of events likewise. Rates that depend on time: as at level "tau". The same seed gives the same paths, whatever the threads. Errors: as at level "jump".
    """
    options = {"gaussian": True, "scheme": scheme_name(method), **step_options(epsilon, step)}
    work = LeapWork(kernel, counts, "langevin", times, values, seed, max_steps, progress, options, until)
    return work.paths(replicates, first)
