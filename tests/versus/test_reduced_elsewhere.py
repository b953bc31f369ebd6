"""Reduced models written as SBML run in another simulator, to the same trajectories."""

from __future__ import annotations

import numpy as np
import pytest

import manyscale as ms
from manyscale.formats.sbml.convert import check_text


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
