"""A cell with a circuit in it, written as SBML, comes to the same rest in another simulator."""

from __future__ import annotations

import pytest

import manyscale as ms
from manyscale.circuits import parts

roadrunner = pytest.importorskip("roadrunner")


def with_message():
    return ms.model(
        "message", species={"m": "0 nM", "A": "0 nM"},
        parameters={"tx": "0.3 nM/s", "tl": "0.1 1/s", "dm": "0.005 1/s", "d": "0.001 1/s"},
        reactions=["t: -> m; tx", "l: m -> m + A; tl*m", "xm: m -> ; dm*m", "xa: A -> ; d*A"],
    )  # fmt: skip


CIRCUITS = {
    "kinase": (lambda: ms.connect(parts.constitutive("K", production="1 nM/s"), parts.phosphorylation_cycle("K", "Z")), ["K", "Zp"]),
    "message": (with_message, ["m", "A"]),
    "protease": (lambda: ms.connect(parts.constitutive("X", production="5 nM/s"), parts.degradation("X")), ["X", "Protease"]),
}  # fmt: skip


@pytest.mark.parametrize("name", CIRCUITS)
def test_growth_and_proteins_agree(name, tmp_path):
    make, watched = CIRCUITS[name]
    found = ms.burden(make(), polymerases=3000)
    path = tmp_path / "cell.xml"
    ms.write(found.model, path)
    other = roadrunner.RoadRunner(str(path))
    other.integrator.relative_tolerance = 1e-10
    other.simulate(0, 10_000, 5)
    for id in ("growth", "polymerase_share", *watched):
        assert other[id] == pytest.approx(found.values[id], rel=1e-6)
