"""Climbing towards the worst point of a region, and corners that meet every three coordinates."""

from __future__ import annotations

from itertools import combinations, product

import numpy as np

from manyscale.bridges.ascent import ascend
from manyscale.bridges.trials import corners


def test_a_monotone_error_is_followed_to_its_corner():
    slope = np.array([1.0, -2.0, 0.5, -0.1])
    found = ascend(lambda u: float(np.exp(u @ slope)), np.full(4, 0.5), 1.0, order=range(4), late=lambda: False)
    assert found.unit.tolist() == [1.0, 0.0, 1.0, 0.0] and found.closed


def test_climbing_ends_above_what_is_enough_and_where_time_is_up():
    seen = []
    found = ascend(
        lambda u: seen.append(u) or 9.0, np.full(9, 0.5), 1.0, order=range(9), late=lambda: False, enough=5.0
    )
    assert len(seen) == 1 and found.error == 9.0
    late = ascend(lambda u: 9.0, np.full(9, 0.5), 1.0, order=range(9), late=lambda: True)
    assert not late.closed and late.error == 1.0


def test_points_where_the_model_cannot_be_run_are_passed_over():
    found = ascend(lambda u: None if u[0] > 0.9 else 1.0 + u[1], np.full(2, 0.5), 1.5, order=(0, 1), late=lambda: False)
    assert found.error == 2.0 and found.unit[0] <= 0.5


def test_corners_show_every_three_coordinates_in_all_eight_combinations():
    table = np.array(corners(12, 128))
    assert table.shape == (64, 12) and set(np.unique(table)) == {0.0, 1.0}
    for three in combinations(range(12), 3):
        assert {tuple(row) for row in table[:, three]} == set(product((0.0, 1.0), repeat=3))
