"""Reduced models written as SBML run in another simulator, to the same trajectories."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

import manyscale as ms
from manyscale.formats.sbml.convert import check_text
from manyscale.scales import resolve


@pytest.mark.parametrize("name", ["michaelis_menten_1925", "huang_ferrell_1996", "glycolysis_wolf_2000"])
def test_libroadrunner_runs_reduced_examples_to_the_same_values(name, examples, tmp_path):
    roadrunner = pytest.importorskip("roadrunner", reason="libRoadRunner is not installed (extra `versus`)")
    fine = ms.read(examples / f"{name}.ant")
    chain = ms.reduce(fine, formulas=True)
    assert not any(rule.kind == "algebraic" for rule in chain.coarse.rules)
    path = tmp_path / "reduced.xml"
    ms.write(chain.coarse, path)
    assert check_text(path.read_text(encoding="utf-8")) == []
    runner = roadrunner.RoadRunner(str(path))
    ids = [s.id for s in chain.coarse.species if s.id in fine and not s.only_substance]
    runner.timeCourseSelections = ["time", *(f"[{id}]" for id in ids)]
    runner.integrator.relative_tolerance, runner.integrator.absolute_tolerance = 1e-11, 1e-18
    theirs = np.array(runner.simulate(0, 10, 21))
    ours = ms.simulate(chain.coarse, theirs[:, 0], rtol=1e-11)
    for k, id in enumerate(ids):
        scale = np.abs(ours[id]).max()
        assert np.abs(ours[id] - theirs[:, k + 1]).max() <= 1e-5 * scale + 1e-15, id


FOLDER = Path(os.environ.get("MANYSCALE_CORPORA", "")) / "biomodels"
MODELS = sorted(path.name for path in FOLDER.glob("BIOMD*.xml"))
CLOSE = 1e-6  # of the largest value of each


def told_apart(coarse: ms.Model, path: Path, horizon: float) -> list[str]:
    """Species and parameters whose runs in libRoadRunner differ by more than `CLOSE` from ours."""
    import roadrunner

    runner = roadrunner.RoadRunner(str(path))
    runner.integrator.relative_tolerance, runner.integrator.absolute_tolerance = 1e-11, 1e-30
    runner.integrator.maximum_num_steps = 1_000_000
    times = np.linspace(0, horizon, 21)
    ours = ms.simulate(coarse, times, rtol=1e-11)
    ids = [s.id for s in coarse.species]
    runner.timeCourseSelections = ["time", *ids, *(f"[{id}]" for id in ids)]
    table = np.array(runner.simulate(0, horizon, 21))
    amounts, dense = table[:, 1 : len(ids) + 1], table[:, len(ids) + 1 :]
    largest = max((np.abs(ours[id]).max() for id in ids), default=0.0)
    wrong = []
    for k, species in enumerate(coarse.species):
        theirs = amounts[:, k] if species.only_substance or coarse[species.compartment].dimensions == 0 else dense[:, k]
        size = np.abs(ours[species.id]).max()
        gap = np.abs(ours[species.id] - theirs).max()
        if not gap <= CLOSE * size + 1e-12 * largest:
            wrong.append(f"{species.id}: {gap / max(size, 1e-300):.2g}")
    return wrong


@pytest.mark.full
@pytest.mark.parametrize("name", MODELS)
def test_explicit_reductions_of_published_models_run_elsewhere(name, tmp_path):
    """Every reduction without algebraic equations, events or delays in the small model: the same runs to a millionth."""
    pytest.importorskip("roadrunner", reason="libRoadRunner is not installed (extra `versus`)")
    fine = ms.read(FOLDER / name)
    if len(fine.species) > 60:
        pytest.skip("large")
    chain = ms.reduce(fine, time_limit=30)
    if not chain.bridges:
        pytest.skip("nothing to reduce")
    if any(rule.kind == "algebraic" for rule in chain.coarse.rules):
        pytest.skip("the small model has algebraic equations")
    path = tmp_path / "reduced.xml"
    ms.write(chain.coarse, path)
    assert check_text(path.read_text(encoding="utf-8")) == []
    horizon = float(resolve(fine).horizon)
    assert told_apart(chain.coarse, path, min(horizon, 1e4)) == []
