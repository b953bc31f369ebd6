"""Shares that sum to one, and the growth law of the mechanistic cell."""

from __future__ import annotations

import numpy as np
import pytest

import manyscale as ms
from manyscale.circuits.proteome import check_sectors, growth_law
from manyscale.zoo import scott_hwa


def sectors(*reactions):
    return ms.model("sectors", species={"A": 0.4, "B": 0.6}, parameters={"g": 1.0, "f": 0.3}, reactions=reactions,
                    amounts=True, check_units=False)  # fmt: skip


def test_the_three_sectors_sum_to_one():
    assert check_sectors(scott_hwa.model(phi_h=0.1), scott_hwa.SECTORS) < 1e-12
    assert check_sectors(sectors("move: A -> B; g*A", "back: B -> A; f*B"), ["A", "B"]) == 0


def test_the_reaction_that_breaks_the_sum_is_named():
    made = ["make_A: -> A; g*f", "make_B: -> B; g*(1 - f)", "lose_A: A -> ; g*A", "lose_B: B -> ; g*B"]
    assert check_sectors(sectors(*made), ["A", "B"]) < 1e-12
    with pytest.raises(ms.InputError, match="'leak'"):
        check_sectors(sectors(*made, "leak: A -> ; 0.1*A*B"), ["A", "B"])
    with pytest.raises(ms.InputError, match="'B' away"):
        check_sectors(sectors(*made[:3]), ["A", "B"])


def test_wrong_starts_and_names_are_told():
    model = ms.model("s", species={"A": 0.5, "B": 0.6}, reactions=["move: A -> B; A"], amounts=True, check_units=False)
    with pytest.raises(ms.InputError, match=r"start at 1\.1"):
        check_sectors(model, ["A", "B"])
    with pytest.raises(ms.InputError, match="'C'"):
        check_sectors(model, ["A", "C"])


def test_ribosomes_rise_linearly_with_growth():
    law = growth_law()  # eight nutrients from 0.08 to 1
    assert law.r_squared == pytest.approx(0.9972, abs=1e-4) and law.error < 0.04
    assert law.kappa_t == pytest.approx(0.2357, rel=3e-3) and law.intercept == pytest.approx(0.1377, abs=3e-4)
    even = growth_law(nutrient=np.linspace(0.08, 1.0, 8))
    assert even.kappa_t == pytest.approx(law.kappa_t, rel=0.05)  # the line depends a little on where it is fitted
    assert law.exact_error < 1e-9


def test_bad_ranges_are_told():
    with pytest.raises(ms.InputError, match="rising"):
        growth_law(nutrient=[1.0, 0.5, 0.2])
