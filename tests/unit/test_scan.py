"""Scans of steady states over two quantities agree with one steady state at a time."""

from __future__ import annotations

import numpy as np
import pytest

import manyscale as ms
from manyscale.circuits import parts
from manyscale.circuits.cooperativity import held
from manyscale.circuits.scan import scan, solve_lanes


def test_a_scan_agrees_with_single_steady_states():
    joined = ms.connect(parts.inducible("U", "Y"), parts.clients("Y", bound_decay="0.005 1/s"), {"Y": "Y"})
    model = held(joined.model, "U")
    loads, doses = np.geomspace(0.1, 1e4, 7), np.geomspace(1e-2, 1e4, 9)
    found = scan(model, {"load_sites": loads, "U": doses}, ["Y", "load_bound"])
    assert not found.failed and found["Y"].shape == (7, 9)
    for i, load in enumerate(loads):
        for j, dose in enumerate(doses):
            one = ms.steady_state(model, {"load_sites": load, "U": dose})
            assert found["Y"][i, j] == pytest.approx(one["Y"], rel=1e-7)
            assert found["load_bound"][i, j] == pytest.approx(one["load_bound"], rel=1e-7)


def test_a_scan_leaves_a_branch_where_it_ends():
    model = ms.model("switch", species={"X": 0.0}, parameters={"s": 0.01, "d": 0.6},
                     reactions=["leak: -> X; s", "self: -> X; X^4/(1 + X^4)", "loss: X -> ; d*X"])  # fmt: skip
    doses = np.linspace(0.01, 0.5, 120)
    found = scan(model, {"d": [0.6, 0.7], "s": doses}, ["X"])
    for row, loss in zip(found["X"], (0.6, 0.7)):
        assert loss * row - row**4 / (1 + row**4) == pytest.approx(doses, rel=1e-6)
        slope = loss - 4 * row**3 / (1 + row**4) ** 2
        assert (slope > 0).all()


def test_lanes_are_solved_as_one_by_one():
    random = np.random.default_rng(1)
    matrix, right = random.normal(size=(4, 4, 50)), random.normal(size=(4, 50))
    matrix[0, 0, :10] = 0.0
    solution, sign = solve_lanes(matrix, right)
    for k in range(50):
        assert matrix[:, :, k] @ solution[:, k] == pytest.approx(right[:, k], rel=1e-8, abs=1e-9)
        assert sign[k] == np.sign(np.linalg.det(matrix[:, :, k]))


def test_what_cannot_be_scanned_is_said():
    model = parts.constitutive("X").model
    with pytest.raises(ms.InputError, match="two quantities"):
        scan(model, {"make_X": [1.0]}, ["X"])
    with pytest.raises(ms.InputError, match="no 'Q'"):
        scan(model, {"make_X": [1.0], "decay_X": [1.0]}, ["Q"])
