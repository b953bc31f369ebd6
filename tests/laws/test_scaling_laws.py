"""Laws of scaling symmetries: any element of the lattice, not only the chosen one, maps runs onto runs."""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
import pytest

import manyscale as ms
from manyscale.bridges.bridge import Bridge, Chain
from manyscale.bridges.compose import lift
from manyscale.bridges.exact import conserve, scale
from manyscale.bridges.norm import compare
from manyscale.kernels import compile_model
from manyscale.model.structure import integer_null_space
from manyscale.scales import resolve
from manyscale.scales.nondimensional.rescale import rescale
from manyscale.scales.nondimensional.weights import TIME, find_symmetries

EXAMPLES = ("michaelis_menten_1925", "kholodenko_2000", "vilar_2002", "autoregulation_2002", "tyson_1991",
            "hodgkin_huxley_1952", "repressilator_2000", "ribosome_allocation_2015", "glycolysis_wolf_2000",
            "oregonator_1974", "sir_1927", "goldbeter_koshland_1981")  # fmt: skip


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_symmetry_maps_runs_onto_runs(examples, name):
    model = ms.read(examples / f"{name}.ant")
    symmetries = find_symmetries(model)
    random = np.random.default_rng(7)
    parts = random.uniform(-1.0, 1.0, symmetries.rank)
    scales = {
        q: float(np.exp(sum(z * w.get(q, 0) for z, w in zip(parts, symmetries.weights))))
        for q in symmetries.quantities
    }  # fmt: skip
    other = rescale(model, scales)
    horizon = min(float(resolve(model).horizon), 200.0)
    times = np.linspace(0.0, 0.2 * horizon, 21)
    one = ms.simulate(model, times, rtol=1e-10)
    two = ms.simulate(other, times / scales[TIME], rtol=1e-10)
    for id in compile_model(model).system.states:
        a, b = one[id], two[id] * scales.get(id, 1.0)
        assert np.abs(a - b).max() <= 1e-6 * np.abs(a).max() + 1e-300, id


def test_the_integer_null_space_is_the_whole_lattice_and_short():
    """All whole vectors of small size in the kernel are whole combinations of the basis (it is saturated)."""
    random = np.random.default_rng(11)
    for _ in range(20):
        size = int(random.integers(3, 6))
        rows = [{j: int(x) for j, x in enumerate(random.integers(-3, 4, size)) if x} for _ in range(2)]
        rows = [row for row in rows if row]
        basis = integer_null_space(rows, size)
        for vector in basis:
            assert all(sum(c * vector.get(j, 0) for j, c in row.items()) == 0 for row in rows)
        matrix = np.array([[float(v.get(j, 0)) for j in range(size)] for v in basis]).T.reshape(size, len(basis))
        for point in itertools.product(range(-2, 3), repeat=size):
            if any(point) and all(sum(c * point[j] for j, c in row.items()) == 0 for row in rows):
                found, *_ = np.linalg.lstsq(matrix, np.array(point, dtype=float), rcond=None)
                assert np.allclose(matrix @ found, point) and np.allclose(found, np.round(found)), (rows, point)


def test_groups_do_not_depend_on_units(examples):
    """The same enzyme written in other units has the same dimensionless numbers."""
    reactions = ["bind: S + E <-> C; kf*S*E - kr*C", "turn: C -> E + P; kcat*C"]
    one = ms.model("enzyme", species={"S": "10 uM", "E": "0.1 uM", "C": "0 uM", "P": "0 uM"},
                   parameters={"kf": "10 1/(uM s)", "kr": "5 1/s", "kcat": "1 1/s"}, reactions=reactions)  # fmt: skip
    two = ms.model("enzyme", species={"S": "1e4 nM", "E": "100 nM", "C": "0 nM", "P": "0 nM"},
                   parameters={"kf": "0.6 1/(nM min)", "kr": "300 1/min", "kcat": "60 1/min"},
                   reactions=reactions)  # fmt: skip
    a, b = ms.nondimensionalize(one), ms.nondimensionalize(two)
    assert [(g.formula, pytest.approx(g.value)) for g in a.groups] == [(g.formula, g.value) for g in b.groups]
    assert [s.formula for s in a.small] == [s.formula for s in b.small]
    assert a.time.value == pytest.approx(60 * b.time.value)


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_bridge_carries_and_lifts_consistently(examples, name):
    model = ms.read(examples / f"{name}.ant")
    question = resolve(model)
    made = scale.attempt(model, None, question)
    assert isinstance(made, Bridge)
    from manyscale.bridges.compose import start_values
    from manyscale.model.evaluate import evaluate

    random = np.random.default_rng(5)
    fine = {id: value * random.uniform(0.7, 1.4) for id, value in start_values(model).items() if id in question.box}
    given = start_values(model, fine)
    coarse = start_values(made.coarse, made.carry(fine))
    for id, formula in made.lift.items():
        assert evaluate(formula, coarse) == pytest.approx(given[id], rel=1e-9, abs=1e-12), id
    assert {s.id for s in model.species} <= set(made.lift)


def test_a_chain_of_totals_and_scales_holds(examples):
    model = ms.read(examples / "michaelis_menten_1925.ant")
    question = resolve(model)
    first = conserve.attempt(model, None, question)
    second = scale.attempt(first.coarse, None, question)
    chain = second @ first
    assert isinstance(chain, Chain) and chain.rescaled and chain.tier == "exact"
    assert set(lift(chain)) == {"S", "E", "C", "P"}
    assert compare(chain, question).worst < 1e-6
    assert compare(chain, question, {"S": 4.0, "k_cat": 3.0}).worst < 1e-6
    assert ms.verify(chain, question, points=4).violations == 0
    assert compile_model(chain.coarse).size == compile_model(model).size - 2


def test_weights_are_whole_numbers_over_powers(examples):
    model = ms.model("power", species={"A": 1.0}, parameters={"k": 1.0},
                     reactions=["r: A -> ; k*A^1.5"], check_units=False)  # fmt: skip
    for weights in find_symmetries(model).weights:
        assert all(isinstance(w, int) for w in weights.values())
        a, k, t = (Fraction(weights.get(q, 0)) for q in ("A", "k", TIME))
        assert k + Fraction(3, 2) * a + t == a
