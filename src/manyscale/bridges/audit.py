"""`audit`: which quasi-steady-state laws in a model are valid for its own parameters.

Elementary enzyme mechanisms E + S <-> C -> E + P are recognised by structure and mass-action rates, and three laws that
could replace them are judged: the standard quasi-steady state by E_T/(K_M + S) (Segel & Slemrod, SIAM Rev. 31:446, 1989),
the total one by K E_T/(E_T + S + K_M)^2 with K = k2/k1 (Borghans, de Boer & Segel, Bull. Math. Biol. 58:43, 1996), rapid
equilibrium by k2/k-1; the first two also by running the model with the law in place of the complex. Laws that already
have Michaelis-Menten or Hill form are judged where the model says how much enzyme there is; see `audit_laws`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from manyscale.bridges.audit_laws import written_laws
from manyscale.bridges.bridge import Bridge, Chain
from manyscale.bridges.enzymes import Mechanism, mechanisms
from manyscale.bridges.exact import conserve
from manyscale.bridges.findings import Finding
from manyscale.bridges.norm import compare
from manyscale.bridges.time.quasi_steady import quasi_steady
from manyscale.engines.ode import simulate_ode
from manyscale.engines.simulate import as_model
from manyscale.errors import ManyscaleError
from manyscale.kernels import compile_model
from manyscale.model.model import Model
from manyscale.model.question import Question
from manyscale.scales import resolve

STANDARD, TOTAL, EQUILIBRIUM = 0.1, 0.02, 0.1  # thresholds: errors of about 3 to 5 percent for an enzyme alone
TIMES = 201


@dataclass(frozen=True)
class Audit:
    """What was found: one `Finding` per mechanism and law; `question` says over which horizon and how well."""

    model: Model
    question: Question
    findings: tuple[Finding, ...] = field(default=())

    @property
    def invalid(self) -> tuple[Finding, ...]:
        """The laws that do not hold, of those that the model uses or could use."""
        return tuple(one for one in self.findings if one.valid is False)

    def __str__(self) -> str:
        name = self.model.name or self.model.id or "the model"
        if not self.findings:
            return f"{name}: no enzyme mechanism in elementary steps and no law of Michaelis-Menten or Hill form."
        return "\n".join([f"{name}, up to t = {self.question.horizon:g}:", *(f"  {one}" for one in self.findings)])

    def to_dict(self) -> dict:
        """Plain data, as `manyscale audit --json` prints it."""
        return {
            "model": self.model.id, "horizon": self.question.horizon, "tolerance": self.question.tolerance,
            "findings": [one.to_dict() for one in self.findings],
        }  # fmt: skip


def audit(
    model: Model | str | Path, question: Question | None = None, *, progress: Callable[..., None] | None = None
) -> Audit:
    """Judge the quasi-steady-state laws of a model, with a number, its threshold and a sentence each.

    A law is valid where the run with it stays within the question's tolerance of the run without it (elementary steps),
    or where its criterion is below the threshold (laws already written); None where the model does not tell. Errors:
    InputError, SimulationError when the model cannot be run.
    """
    fine = as_model(model)
    question = resolve(fine, question)
    kernel = compile_model(fine)
    times = np.linspace(0.0, float(question.horizon), TIMES)  # type: ignore[arg-type]
    run = simulate_ode(kernel, times)
    steps = mechanisms(fine, kernel, run)
    found: list[Finding] = []
    for k, one in enumerate(steps):
        if progress is not None:
            progress(k / max(len(steps), 1), f"judging {one.enzyme} on {one.substrate}")
        found += _judged(fine, question, one)
    found += written_laws(fine, kernel, run)
    return Audit(fine, question, tuple(found))


def _judged(fine: Model, question: Question, one: Mechanism) -> list[Finding]:
    """The three laws for one mechanism."""
    name = f"{one.enzyme} on {one.substrate}"
    whole = one.enzyme_total + one.substrate_most + one.km
    standard = one.enzyme_total / (one.km + one.substrate_most)
    total = one.k * one.enzyme_total / whole**2 if whole > 0 else float("inf")
    chain = _conserved(fine, question)
    alone = replace(question, observables=tuple(
        id for id in question.observables if id not in (one.complex, one.enzyme)))  # fmt: skip
    found = []
    for law, value, threshold, formula, totals in (
        ("standard quasi-steady state", standard, STANDARD, "E_T/(K_M + S)", {}),
        ("total quasi-steady state", total, TOTAL, "K E_T/(E_T + S + K_M)^2", {one.complex: one.binding}),
    ):
        error = _error(chain, alone, one, totals)
        valid = value < threshold if error is None else error <= question.tolerance
        found.append(Finding(law, name, one.reactions, formula, value, threshold, error, valid,
                             _sentence(one, law, value, threshold, error, valid, question.tolerance)))  # fmt: skip
    ratio = one.k2 / one.back if one.back > 0 else float("inf")
    valid = ratio < EQUILIBRIUM
    text = (
        f"{one.complex} falls apart {1 / ratio:.3g} times as fast as it reacts on"
        if ratio > 0
        else "it never reacts on"
    )
    text += ", so binding stays in equilibrium" if valid else ", so binding is not in equilibrium"
    found.append(
        Finding("rapid equilibrium", name, one.reactions, "k2/k-1", ratio, EQUILIBRIUM, None, valid, text + ".")
    )
    return found


def _conserved(fine: Model, question: Question) -> tuple[Bridge, ...]:
    answer = conserve.attempt(fine, None, question)
    return (answer,) if isinstance(answer, Bridge) else ()


def _error(bridges: tuple[Bridge, ...], question: Question, one: Mechanism, totals) -> float | None:
    """Error of everything but the enzyme's own forms with the law in place of the complex; None where it cannot be
    written or run."""
    model = bridges[-1].coarse if bridges else None
    if model is None or not question.observables:
        return None
    try:
        law = quasi_steady(model, [one.complex], totals=totals)
        law = replace(law, layer_time=question.entry * float(question.horizon))  # type: ignore[arg-type]
        worst = compare(Chain(bridges[0].fine, (*bridges, law)), question).worst
    except ManyscaleError:
        return None
    return float(worst) if np.isfinite(worst) else None


def _sentence(
    one: Mechanism, law: str, value: float, threshold: float, error: float | None, valid: bool, tolerance
) -> str:
    amounts = f"{one.enzyme_total:.3g} of {one.enzyme} against {one.substrate_most:.3g} of {one.substrate} and K_M = {one.km:.3g}"
    text = f"{amounts} give {value:.2g} where {threshold:g} is the most"
    if error is None:
        return text + ("; it holds by that number." if valid else "; it does not hold.")
    text += f"; with the law in place the model is off by {error:.2g}"
    if valid and value >= threshold:
        return text + ", so it holds here although the number does not vouch for it."
    if not valid and value < threshold:
        return text + f", more than {tolerance:g} although the number is small: the network around it matters."
    return text + (", so it holds." if valid else ", so it does not hold.")
