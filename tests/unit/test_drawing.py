"""`draw`: each result of circuits and cells has its picture, whole in itself."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

import manyscale as ms
from manyscale.circuits import parts
from manyscale.circuits.inhibition import inhibition_law
from manyscale.circuits.proteome import growth_law


def results():
    loading = ms.load(parts.constitutive("X", production="0.01 nM/s"), parts.clients("X"))
    cost = ms.burden({"gfp": 30.0, "rfp": 30.0})
    front = cost.pareto(np.geomspace(0.1, 10, 9))
    return {
        "module": parts.toggle(), "model": parts.toggle().model, "load": loading, "curve": loading.curve([0.0, 1.0, 10.0]),
        "steepness": ms.steepness(parts.scaffold(2), "L", "S2"), "genes": cost, "circuit": ms.burden(parts.toggle()),
        "pareto": front, "batch": front.batch(1e12), "isocost": cost.isocost(),
    }  # fmt: skip


def test_every_result_is_drawn_as_one_svg_with_colours_of_its_own(tmp_path):
    for name, one in results().items():
        picture = ms.draw(one)
        root = ET.fromstring(picture.svg)
        assert root.tag == "{http://www.w3.org/2000/svg}svg" and float(root.get("width")) > 100, name
        assert "var(" not in picture.svg and "http" not in picture.svg.replace("http://www.w3.org/2000/svg", "")
        assert picture._repr_svg_() == picture.svg and picture.save(tmp_path / f"{name}.svg").exists()


def test_growth_laws_go_into_one_picture():
    laws = [
        growth_law(nutrient=[0.1, 0.3, 1.0]),
        inhibition_law(values={"ns": 0.3}),
        inhibition_law(values={"ns": 1.0}),
    ]
    svg = ms.draw(*laws).svg
    assert "first law" in svg and svg.count("inhibited translation") == 2


def test_curves_are_where_the_numbers_are():
    """The mark at the half point sits on the curve, and points keep the order of their numbers."""
    found = ms.steepness(parts.scaffold(2), "L", "S2")
    svg = ms.draw(found).svg
    x, y = (float(v) for v in re.search(r'<circle cx="([\d.]+)" cy="([\d.]+)" r="4.5"', svg).groups())
    curve = [tuple(map(float, p.split(","))) for p in re.search(r'points="([^"]+)"', svg)[1].split()]
    xs, ys = np.array(curve).T
    assert (np.diff(xs) >= 0).all() and (np.diff(ys) <= 0.11).all()  # rising response: down the page in y
    assert np.interp(x, xs, ys) == pytest.approx(y, abs=3.0)


def test_what_has_no_picture_is_told(tmp_path):
    with pytest.raises(ms.InputError, match="no picture of dict"):
        ms.draw({"a": 1})
    with pytest.raises(ms.InputError, match="nothing to draw"):
        ms.draw(ms.model("empty", species={"A": 1.0}, reactions=["a: A -> ; A"]))
    with pytest.raises(ms.InputError, match="one result"):
        ms.draw(parts.toggle(), parts.toggle())
    with pytest.raises(ms.InputError, match="svg"):
        ms.draw(parts.toggle()).save(tmp_path / "toggle.png")
