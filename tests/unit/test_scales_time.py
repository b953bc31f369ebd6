"""Claims about spectra: known eigenvalues, gaps of published models, pointers, conserved quotients."""

import dataclasses

import numpy as np
import pytest

import manyscale as ms
from manyscale.kernels import compile_model
from manyscale.scales import measure
from manyscale.scales.modes import alignment, eigenvalues, fast_subspace, modes, well_chosen
from manyscale.scales.quotient import make_quotient
from manyscale.scales.time import points

LINEAR = np.array([[-1.0, 2.0], [0.5, -10.0]])


def quotient_of(model, times):
    kernel = compile_model(model)
    run = ms.simulate(model, times)
    return make_quotient(model, kernel, run.states, run.parameters), run


def linear_model():
    return ms.model("linear", species={"x": 1, "y": 0}, rules=["x' = -x + 2*y", "y' = 0.5*x - 10*y"])


def test_two_species_linear_system_has_its_known_spectrum():
    row = measure(linear_model(), ms.Question(horizon=5)).rows[0]
    assert row.eigenvalues.real == pytest.approx([-10.10977223, -0.89022777], rel=1e-8)
    assert row.time_scales == pytest.approx((1 / 0.89022777, 1 / 10.10977223), rel=1e-7)
    assert row.gap == pytest.approx(10.10977223 / 0.89022777, rel=1e-7)
    assert row.fast_species == ("y",)
    assert row.alignment == pytest.approx(0.01)


def test_alignment_is_the_norm_of_the_second_order_coupling():
    assert alignment(LINEAR, np.array([1])) == pytest.approx(2.0 * 0.5 / 100.0)


@pytest.mark.parametrize("seed", range(20))
def test_ordered_schur_form_splits_the_space(seed):
    random = np.random.default_rng(seed)
    size = int(random.integers(2, 10))
    matrix = random.normal(size=(size, size)) * 10.0 ** random.uniform(-3, 3, size=(size, 1)) - 3 * np.eye(size)
    found = modes(matrix)
    assert np.all(np.diff(found.values.real) >= -1e-9 * np.abs(found.values).max())
    np.testing.assert_allclose(
        np.sort_complex(found.values), np.sort_complex(eigenvalues(matrix)), rtol=1e-6, atol=1e-9 * np.abs(matrix).max()
    )
    for m in found.gaps:
        fast = fast_subspace(found, m)
        np.testing.assert_allclose(fast.left @ fast.right, np.eye(m), atol=1e-8)
        projector = fast.projector
        np.testing.assert_allclose(
            projector @ matrix, matrix @ projector, atol=1e-6 * np.abs(matrix).max() * np.abs(projector).max()
        )
        assert fast.share().sum() == pytest.approx(m)
        assert len(set(well_chosen(fast))) == m


def test_defective_matrices_have_a_fast_subspace_though_no_eigenvectors():
    matrix = np.array([[-1.0, 0.0, 0.0], [0.3, -100.0, 1.0], [0.0, 0.0, -100.0]])
    found = modes(matrix)
    assert found.gaps[2] == pytest.approx(100.0)
    assert list(well_chosen(fast_subspace(found, 2))) == [1, 2]


def test_complex_pairs_are_never_cut():
    matrix = np.zeros((3, 3))
    matrix[:2, :2] = [[-50.0, 10.0], [-10.0, -50.0]]
    matrix[2, 2] = -1.0
    assert set(modes(matrix).gaps) == {2}


def test_growing_modes_are_never_fast():
    assert modes(np.diag([100.0, -1.0])).gaps == {1: pytest.approx(0.01)}


def test_zero_modes_give_no_time_scale():
    found = modes(np.array([[-2.0, 0.0], [2.0, 0.0]]))
    assert found.time_scales() == pytest.approx([0.5])
    assert found.gaps[1] == np.inf


def test_fast_species_do_not_depend_on_units():
    def enzyme(scale):
        species = {"S": 10 * scale, "E": 0.01 * scale, "C": 0, "P": 0}
        parameters = {"kf": 10 / scale, "kr": 10, "kcat": 10}
        return ms.model("e", species=species, parameters=parameters,
                        reactions=["b: S + E -> C; kf*S*E - kr*C", "c: C -> E + P; kcat*C"])  # fmt: skip

    rows = [measure(enzyme(scale), ms.Question(horizon=200)).rows for scale in (1.0, 1e6)]
    for a, b in zip(*rows):
        assert a.fast_species == b.fast_species == ("C",)
        assert a.gap == pytest.approx(b.gap, rel=1e-3)
        assert a.participation["C"] == pytest.approx(b.participation["C"], rel=1e-3)
        assert a.alignment < 0.01


def test_reactions_that_make_the_fast_modes_are_named():
    model = ms.model("two", species={"A": 1, "B": 1}, parameters={"q": 100, "s": 1},
                     reactions=["quick: A -> ; q*A", "late: B -> ; s*B"])  # fmt: skip
    row = measure(model, ms.Question(horizon=5)).rows[-1]
    assert row.fast_species == ("A",)
    assert row.reactions == {"quick": pytest.approx(1.0)}
    assert [level.count for level in row.levels] == [1, 1]
    assert row.levels[0].species == {"B": pytest.approx(1.0)}


def test_algebraic_variables_are_taken_out_of_the_spectrum():
    model = ms.model("dae", species={"x": 1}, parameters={"z": 2, "k": 3}, rules=["x' = -k*z", "0 = z + z^3 - 10*x"])
    parameters = tuple(dataclasses.replace(k, constant=k.id != "z") for k in model.parameters)
    row = measure(model.replace(parameters=parameters), ms.Question(horizon=1)).rows[0]
    assert row.eigenvalues.real == pytest.approx([-3.0 * 10.0 / 13.0], rel=1e-6)


@pytest.mark.parametrize(("id", "times", "fast", "gaps"), [
    (9, [0, 1, 10, 100], 12, [323, 307, 238, 463]),
    (26, [0, 5, 50, 500], 7, [49, 21, 37, 69]),
    (30, [0, 5, 50, 500], 14, [23.8, 50.3, 132, 13.6]),
    (27, [0, 5, 50, 500], 1, [21.2, 22.4, 28.8, 59.5]),
])  # fmt: skip
def test_gaps_of_published_cascades(corpora, id, times, fast, gaps):
    model = ms.read(corpora / "biomodels" / f"BIOMD{id:010d}.xml")
    found = [point.found.gaps[fast] for point in points(*quotient_of(model, times))]
    assert found == pytest.approx(gaps, rel=0.02)


@pytest.mark.parametrize(
    ("id", "rank", "full"), [(9, 15, 22), (26, 8, 11), (28, 13, 16), (30, 15, 18), (10, 5, 8), (35, 7, 9)]
)
def test_ranks_of_published_networks(corpora, id, rank, full):
    model = ms.read(corpora / "biomodels" / f"BIOMD{id:010d}.xml")
    quotient, _ = quotient_of(model, [0, 1])
    assert (quotient.size, quotient.kernel.size) == (rank, full)


def test_gap_of_the_vilar_oscillator_moves_along_its_orbit(corpora):
    model = ms.read(corpora / "biomodels" / "BIOMD0000000035.xml")
    found = points(*quotient_of(model, [1, 10, 100]))
    assert [p.found.gaps[m] for p, m in zip(found, (3, 1, 4))] == pytest.approx([115, 34, 14.4], rel=0.02)


def test_misaligned_split_of_an_enzyme_with_inflow_is_seen():
    def kappa(inflow, kf, kr, kcat, total):
        model = ms.model(
            "inflow", species={"S": 1, "E": total, "C": 0}, parameters={"kin": inflow, "kf": kf, "kr": kr, "kcat": kcat},
            reactions=["feed: -> S; kin", "b: S + E -> C; kf*S*E - kr*C", "c: C -> E; kcat*C"],
        )  # fmt: skip
        run = ms.simulate(model, [0, 1e4])
        kernel = compile_model(model)
        quotient = make_quotient(model, kernel, run.states, run.parameters)
        point = points(quotient, run)[-1]
        ids = [kernel.system.states[i] for i in point.linear.index]
        return max(point.found.gaps.values()), alignment(
            point.scaled, np.array([ids.index("C")] if "C" in ids else [ids.index("E")])
        )

    gap, bad = kappa(0.8, 1000, 10, 1, 1)
    assert gap == pytest.approx(323, rel=0.02) and bad == pytest.approx(3.57, rel=0.02)
    assert kappa(0.25, 10, 99.5, 0.5, 1)[1] == pytest.approx(0.025, rel=0.05)


def test_scales_as_data_and_text(examples):
    import json

    scales = measure(examples / "michaelis_menten_1925.ant")
    data = scales.to_dict()
    json.dumps(data, allow_nan=False)
    assert set(data["scales"][0]) == {"t", "time_scales", "gap", "fast_species"}
    assert scales.dimension == {"full": 4, "conserved": 2}
    assert scales.splits[0].species == ("C",)
    assert "conserved" in str(scales)


def test_time_scales_after_events_are_measured_too():
    model = ms.model("switch", species={"A": 1}, parameters={"k": 1}, reactions=["d: A -> ; k*A", "f: -> A; 1"],
                     events=["at time > 3: k = 100"])  # fmt: skip
    rows = measure(model, ms.Question(horizon=10)).rows
    assert rows[0].time_scales == pytest.approx((1.0,))
    assert all(row.time_scales == pytest.approx((0.01,)) for row in rows if row.t > 3)
    assert any(3 < row.t < 3.1 for row in rows)


def test_networks_of_hundreds_of_species_are_measured(corpora):
    scales = measure(ms.read(corpora / "nets" / "egfr_net.net"), ms.Question(horizon=1000))
    assert scales.dimension == {"full": 356, "conserved": 351}
    assert len(scales.rows) >= 5 and all(len(row.time_scales) > 300 for row in scales.rows)
