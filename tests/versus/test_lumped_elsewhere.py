"""Lumped networks written as SBML run in another simulator as the full network does there."""

from __future__ import annotations

import numpy as np
import pytest

import manyscale as ms
from manyscale.bridges.exact.lump import lump
from manyscale.bridges.exact.lump_backward import lump_backward
from manyscale.formats.sbml.convert import check_text
from manyscale.kernels import compile_model

TIMES = (0.0, 1.0, 11)


@pytest.mark.parametrize(("observable", "size"), [("Rfree", 6), ("A1P", 9), (None, 22)])
def test_libroadrunner_runs_the_lumped_network_like_the_full_one(observable, size, corpora, tmp_path):
    roadrunner = pytest.importorskip("roadrunner", reason="libRoadRunner is not installed (extra `versus`)")
    model = ms.read(corpora / "nets" / "multisite2.net")
    bridge = lump_backward(model) if observable is None else lump(model, [observable])
    assert compile_model(bridge.coarse).size == size
    watched = observable or "S66"
    rows = []
    for name, one in (("full", model), ("small", bridge.coarse)):
        path = tmp_path / f"{name}.xml"
        ms.write(one, path)
        assert check_text(path.read_text(encoding="utf-8")) == []
        runner = roadrunner.RoadRunner(str(path))
        runner.integrator.relative_tolerance, runner.integrator.absolute_tolerance = 1e-10, 1e-12
        runner.timeCourseSelections = ["time", watched]
        rows.append(np.array(runner.simulate(*TIMES))[:, 1])
    full, small = rows
    assert np.abs(full).max() > 0
    np.testing.assert_allclose(full, small, rtol=1e-6, atol=1e-6 * np.abs(full).max())
