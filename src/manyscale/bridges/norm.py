"""The norm of a question: the largest, over observables, of sup |fine - coarse| / max |fine|."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from manyscale.bridges.bridge import Bridge, Chain
from manyscale.bridges.compose import carry_all, clock, observed
from manyscale.engines.ode import simulate_ode
from manyscale.kernels import compile_model
from manyscale.model.model import Model
from manyscale.model.parts import Species
from manyscale.model.question import Question

NORM = "max over observables of sup |fine - coarse| / max |fine|"
ZERO = 1e-12  # observables below this share of the largest one of their kind are compared with that share instead


@dataclass(frozen=True)
class Errors:
    """Errors in the question's norm: `worst` is that of `observable`, at time `when`; `profile` along time, shape
    (observables, times), in the order of `per_observable`."""

    per_observable: Mapping[str, float] = field(default_factory=dict)
    worst: float = 0.0
    observable: str = ""
    when: float = 0.0
    profile: np.ndarray | None = field(default=None, compare=False, repr=False)


def grid(question: Question, layer: float = 0.0, count: int = 201) -> np.ndarray:
    """Times at which fine and coarse are compared: 0, logarithmic from a millionth of the horizon, linear to its end,
    the end of the initial layer."""
    horizon = float(question.horizon)  # type: ignore[arg-type]
    early = np.geomspace(1e-6, 1.0, max(20, count // 3)) * horizon
    times = np.concatenate([[0.0, min(layer, horizon)], early, np.linspace(0.0, horizon, count)])
    return np.unique(times)


def floors(model: Model, ids: Sequence[str], largest: np.ndarray) -> np.ndarray:
    """Smallest sizes that count as a size, one per observable: amounts, concentrations and other values apart.

    Among the largest values of their kind are the initial values that the model declares.
    """
    kinds = [_kind(model, id) for id in ids]
    top = dict.fromkeys(kinds, 0.0)
    for kind, value in (*zip(kinds, largest), *_declared(model)):
        if kind in top and np.isfinite(value):
            top[kind] = max(top[kind], float(value))
    return np.array([ZERO * top[kind] for kind in kinds])


def _declared(model: Model):
    """(kind, size) of what the model declares for its species, in the meaning of their ids."""
    for species in model.species:
        place = model.by_id.get(species.compartment)
        size = getattr(place, "size", None) or 1.0
        if species.initial is None:
            continue
        amount = species.initial if species.initial_kind == "amount" else species.initial * size
        yield _kind(model, species.id), abs(amount if species.only_substance else amount / size)


def _kind(model: Model, id: str) -> str:
    part = model.by_id.get(id)
    return ("amount" if part.only_substance else "concentration") if isinstance(part, Species) else "other"


def deviations(
    times: np.ndarray,
    fine: np.ndarray,
    coarse: np.ndarray,
    *,
    begin: np.ndarray | float = 0.0,
    floor: np.ndarray | float = 0.0,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(errors, times of the largest deviation), each of shape (k,), for values of shape (k, nt), and the errors along
    time, (k, nt).

    begin: time from which each observable counts. floor: see `floors`. An observable that is zero in both models has
    error 0; what is not a number in the coarse model only has error inf.
    """
    begin = np.broadcast_to(np.asarray(begin, dtype=float), (len(fine),))
    size = np.maximum(np.nanmax(np.abs(fine), axis=1, initial=0.0), floor)
    gap = np.abs(fine - coarse)
    gap = np.where(np.isnan(fine) & np.isnan(coarse), 0.0, np.where(np.isnan(gap), np.inf, gap))
    gap = np.where(times[None, :] >= begin[:, None], gap, 0.0)
    where = gap.argmax(axis=1) if gap.shape[1] else np.zeros(len(fine), dtype=int)
    largest = gap[np.arange(len(fine)), where]
    with np.errstate(divide="ignore", invalid="ignore"):
        errors = np.where(largest == 0.0, 0.0, largest / size)
        profile = np.where(gap == 0.0, 0.0, gap / size[:, None])
    return errors, times[where], profile


def begins(chain: Chain | Bridge, ids: Sequence[str]) -> np.ndarray:
    """Time from which each observable counts: eliminated fast species only after the initial layer."""
    late = set(chain.layer_species)
    return np.array([chain.layer_time if id in late else 0.0 for id in ids])


def compare(
    chain: Chain | Bridge,
    question: Question,
    values: Mapping[str, float] | None = None,
    *,
    rtol: float = 1e-8,
    times: np.ndarray | None = None,
) -> Errors:
    """Run both models from the same point (overrides of the fine model) and measure the error.

    Errors: SimulationError from either run; InputError for an observable that the coarse model cannot express.
    """
    whole = chain if isinstance(chain, Chain) else Chain(chain.fine, (chain,))
    times = grid(question, whole.layer_time) if times is None else times
    ids = question.observables
    fine = simulate_ode(compile_model(whole.fine), times, values=values, rtol=rtol)
    own = times / clock(whole, values) if whole.rescaled else times
    coarse = simulate_ode(compile_model(whole.coarse), own, values=carry_all(whole, values), rtol=rtol)
    return errors_between(whole, ids, times, _rows(fine, ids), observed(whole, coarse, ids))


def _rows(run, ids: Sequence[str]) -> np.ndarray:
    return np.array([run[id] for id in ids], dtype=float).reshape(len(ids), len(run.times))


def errors_between(chain: Chain, ids: Sequence[str], times: np.ndarray, fine: np.ndarray, coarse: np.ndarray) -> Errors:
    """`Errors` of values (len(ids), nt) of both models at the same times."""
    if not len(ids):
        return Errors()
    floor = floors(chain.fine, ids, np.nanmax(np.abs(fine), axis=1, initial=0.0))
    found, when, profile = deviations(times, fine, coarse, begin=begins(chain, ids), floor=floor)
    worst = int(found.argmax())
    return Errors(dict(zip(ids, found.tolist())), float(found[worst]), ids[worst], float(when[worst]), profile)
