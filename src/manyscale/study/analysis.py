"""The main job: scales, reduction, check and what a report needs, as one record."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from manyscale.bridges.bridge import Chain
from manyscale.bridges.certificate import Refusal
from manyscale.bridges.exact import conserve
from manyscale.engines.simulate import as_model
from manyscale.errors import SimulationError
from manyscale.kernels import compile_model
from manyscale.model.model import Model
from manyscale.model.question import Question
from manyscale.study import drawing, runs
from manyscale.study.labels import labels
from manyscale.study.record import Study
from manyscale.study.source import open_model
from manyscale.study.summary import certificates, describe_bridge, describe_question, describe_refusal, scale_rows
from manyscale.study.values import with_values

Note = Callable[..., None]
EXACT = ("conserve", "prune")
SECONDS_PER_POINT = 2.0  # of the check, on average, when no time limit was given


def analyze(
    model: Model | str | Path,
    question: Question | None = None,
    *,
    values: Mapping[str, float] | None = None,
    points: int = 32,
    seed: int = 0,
    time_limit: float | None = None,
    formulas: bool = False,
    rigorous: bool = False,
    proved: bool = False,
    progress: Note | None = None,
    pictures: bool = True,
) -> Study:
    """Measure, reduce and verify a model, and keep everything that a report or a replay needs.

    `values` changes initial values and parameters by id for this run; `points` is the number of held-back points of the
    verification; `rigorous` tries to prove error bounds (20 seconds more), `proved` keeps only steps that are proved. A model
    that cannot be reduced gives a study with refusals. Ctrl-C, or `time_limit` seconds, ends the work with the best so far
    (`study.stopped` says so). Raises InputError or UnsupportedError for unusable input.
    """
    return _Work(progress or (lambda *_: None), time_limit, formulas, rigorous, proved).run(
        model, question or Question(), values, points, seed, pictures
    )


def measured(
    model: Model | str | Path,
    question: Question | None = None,
    *,
    values: Mapping[str, float] | None = None,
    progress: Note | None = None,
) -> dict[str, Any]:
    """Question and scales only, as plain data."""
    from manyscale.scales import measure, resolve

    note = progress or (lambda *_: None)
    note("reading")
    fine = with_values(as_model(model), values)
    asked = question or Question()
    note("measuring time scales")
    question = resolve(fine, asked)
    scales = measure(fine, question)
    return {
        "model": summary(fine),
        "question": describe_question(asked, question),
        "scales": scale_rows(scales),
        "groups": drawing.groups(scales),
        "time_unit": labels(fine)["time"],
    }


class _Work:
    """The stages of an analysis with their clock; every stage may be cut short."""

    def __init__(
        self, note: Note, time_limit: float | None, formulas: bool, rigorous: bool = False, proved: bool = False
    ):
        self.note, self.limit = note, time_limit
        self.how = {"formulas": formulas, "rigorous": rigorous, "proved": proved}
        self.begin = time.perf_counter()
        self.timings: dict[str, float] = {}
        self.stopped = ""

    @contextmanager
    def stage(self, name: str, text: str):
        self.note(text)
        start = time.perf_counter()
        try:
            yield
        finally:
            self.timings[name] = round(time.perf_counter() - start, 4)

    def left(self) -> float | None:
        """Seconds left, or None without a limit."""
        return None if self.limit is None else max(0.0, self.limit - (time.perf_counter() - self.begin))

    def run(self, source, asked: Question, values, points: int, seed: int, pictures: bool) -> Study:
        with self.stage("read", "reading"):
            given, provenance = open_model(source)
            fine = with_values(given, values)
            compile_model(fine)
        question, scales, refusals = self._measure(fine, asked)
        chain = Chain(fine)
        if question.resolved:
            chain = self._reduce(fine, question, scales)
        chain = Chain(fine, chain.bridges, (*refusals, *chain.refusals))
        checked = self._verify(chain, question, points, seed)
        evidence = self._evidence(chain, question, scales, checked, pictures)
        self.timings["total"] = round(time.perf_counter() - self.begin, 4)
        return Study(
            model=summary(fine),
            question=describe_question(asked, question),
            scales=tuple(scale_rows(scales)),
            dimension=dimension(chain),
            chain=tuple(describe_bridge(bridge) for bridge in chain.bridges),
            refusals=tuple(describe_refusal(one) for one in chain.refusals),
            verified=checked["summary"],
            timings=self.timings,
            evidence=evidence,
            source={**provenance, "changes": dict(values or {})},
            options={
                "asked": _asked(asked),
                "points": points,
                "seed": seed,
                "time_limit": self.limit,
                **self.how,
            },
            versions=versions(),
            stopped=self.stopped,
            fine=fine,
            resolved=question if question.resolved else None,
            reduction=chain,
            coarse=chain.coarse,
        )

    def _measure(self, fine: Model, asked: Question):
        from manyscale.scales import measure, resolve

        question, scales, refusals = asked, None, []
        with self.stage("measure", "measuring time scales"):
            try:
                question = resolve(fine, asked)
                scales = measure(fine, question)
            except SimulationError as error:
                refusals.append(Refusal("simulate", f"the full model could not be simulated: {error}"))
            except KeyboardInterrupt:
                self.stopped = "interrupted while time scales were measured"
        return question, scales, refusals

    def _reduce(self, fine: Model, question: Question, scales) -> Chain:
        from manyscale.bridges.search import reduce

        with self.stage("reduce", "looking for a smaller model"):
            if self.stopped:
                return Chain(fine)
            limit = {} if self.limit is None else {"time_limit": self.left()}
            try:
                return reduce(fine, question, scales=scales, progress=self._inner("reducing"), **self.how, **limit)
            except SimulationError as error:
                return Chain(fine, (), (Refusal("simulate", str(error)),))
            except KeyboardInterrupt:
                self.stopped = "interrupted while a smaller model was looked for; nothing found so far was complete"
                return Chain(fine)

    def _verify(self, chain: Chain, question: Question, points: int, seed: int) -> dict[str, Any]:
        from manyscale.bridges.verify import verify

        nothing = {"summary": {"points": 0, "worst_error": None, "violations": 0}, "errors": {}, "outside_band": None}
        with self.stage("verify", "checking at held-back points"):
            if not chain.bridges or self.stopped:
                return nothing
            try:
                found = verify(
                    chain, question, points=points, seed=seed, progress=self._inner("checking"),
                    time_limit=SECONDS_PER_POINT * points if self.limit is None else None,
                )  # fmt: skip
            except SimulationError:
                return nothing
            except KeyboardInterrupt:
                self.stopped = "interrupted during the check; the small model was not checked at other points"
                return nothing
        return drawing.verification(found)

    def _evidence(self, chain: Chain, question: Question, scales, checked, pictures: bool) -> dict[str, Any]:
        units = {**labels(chain.coarse), **labels(chain.fine)}
        evidence: dict[str, Any] = {"units": {id: text for id, text in units.items() if text}}
        if not pictures:
            return evidence
        with self.stage("draw", "drawing"):
            evidence["network"] = drawing.network(chain.fine, chain)
            evidence["equations"] = drawing.equations(chain.coarse)
            evidence["conserved"] = drawing.conserved(chain, units)
            evidence["parameters"] = drawing.parameter_map(chain, units)
            evidence["certificates"] = [certificates(bridge) for bridge in chain.bridges]
            evidence["errors"] = checked["errors"]
            evidence["outside_band"] = checked["outside_band"]
            evidence["groups"] = drawing.groups(scales)
            evidence["copies"] = str(scales.number) if scales is not None and scales.number is not None else ""
            if question.resolved and isinstance(question.horizon, (int, float)):
                try:
                    evidence["dimensionless"] = drawing.dimensionless(chain.fine, scales)
                    evidence["trajectories"] = runs.trajectories(
                        chain, chain.coarse, question.observables, question.horizon, units
                    )
                    evidence["phase"] = runs.phase(chain, chain.coarse, question.horizon, units)
                except KeyboardInterrupt:
                    self.stopped = self.stopped or "interrupted while pictures were drawn; some are missing"
        return evidence

    def _inner(self, text: str) -> Callable[..., None]:
        """A progress function for the libraries: takes a share done, or a text, or both."""

        def note(*given: Any, **_: Any) -> None:
            share = next((one for one in given if isinstance(one, float)), None)
            said = next((one for one in given if isinstance(one, str)), text)
            self.note(said, share)

        return note


def summary(model: Model) -> dict[str, Any]:
    """Size of a model, and whether its units agree (None: not all are declared)."""
    return {
        "id": model.id,
        "name": model.name,
        "species": len(model.species),
        "reactions": len(model.reactions),
        "parameters": len(model.parameters) + sum(len(r.local) for r in model.reactions),
        "events": len(model.events),
        "units_ok": drawing.units_ok(model),
    }


def dimension(chain: Chain) -> dict[str, int]:
    """Numbers of differential equations: of the model; without conserved and unneeded ones; at the end of the leading
    steps that are proved (exact or rigorous); and of the reduced model."""
    conserved = full = _differential(chain.fine)
    exactly = 0
    for bridge in chain.bridges:
        fewer = _differential(bridge.fine) - _differential(bridge.coarse)
        if bridge.name in EXACT:
            conserved -= fewer
        elif bridge.certificate.tier == "exact":
            exactly += fewer
    if exactly:  # other exact steps may have taken away what totals would have given
        conserved = min(conserved, full - conserve.redundant(chain.fine))
    proved, reduced = _differential(chain.proved.coarse), _differential(chain.coarse)
    return {"full": full, "conserved": conserved, "proved": proved, "reduced": reduced}


def _differential(model: Model) -> int:
    """States that have a rate of change; those of algebraic equations follow from them."""
    kernel = compile_model(model)
    mass = kernel.mass(kernel.initial()[1])
    return kernel.size if mass is None else int(mass.any(axis=1).sum())


def versions() -> dict[str, str]:
    """Versions of everything that can change a number."""
    from importlib.metadata import PackageNotFoundError, version

    found = {"python": platform.python_version()}
    for name in ("manyscale", "numpy", "scipy", "llvmlite", "python-libsbml"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _asked(question: Question) -> dict[str, Any]:
    region = question.region
    return {
        "observables": list(question.observables),
        "horizon": question.horizon,
        "tolerance": question.tolerance,
        "region": {id: list(pair) for id, pair in region.items()} if isinstance(region, Mapping) else region,
        "entry": question.entry,
    }
