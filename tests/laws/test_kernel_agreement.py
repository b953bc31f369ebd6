"""Tape, machine code, lanes and interpreter give the same right-hand sides, Jacobians and rates at random states."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from manyscale import _core
from manyscale.formats.read import read
from manyscale.kernels.assemble import assemble
from manyscale.kernels.compiled import equation_data
from manyscale.kernels.kernel import Kernel

ROOT = Path(__file__).resolve().parents[2]
CORPORA = Path(os.environ.get("MANYSCALE_CORPORA") or ROOT.parent / "shared" / "corpora")
BIOMODELS = sorted((CORPORA / "biomodels").glob("BIOMD*.xml"))
NETS = sorted((CORPORA / "nets").glob("**/*.net"))
SMALL = [path for path in (*BIOMODELS, *NETS) if path.stat().st_size < 150_000]
CASES = sorted((CORPORA / "sbmlts" / "semantic").glob("*/*-sbml-l*.xml"))
EXAMPLES = sorted((ROOT / "examples").glob("*.ant"))


def random_points(kernel: Kernel, count: int):
    y0, p = kernel.initial()
    random = np.random.default_rng(7)
    size = np.abs(y0[np.isfinite(y0)]).max(initial=0.0) or 1.0
    for _ in range(count):
        y = np.where(np.isfinite(y0), y0, size) * np.exp(0.3 * random.normal(size=y0.size))
        yield 3.0 * random.random(), y + 1e-3 * size * random.random(y0.size), p


def assert_agree(got, expected, what: str, scale=0.0):
    """To rounding: 1e-9 of the value, or 1e-12 of the largest term that may have cancelled in it."""
    got, expected = np.asarray(got, float), np.asarray(expected, float)
    assert got.shape == expected.shape, what
    finite = np.isfinite(expected)
    np.testing.assert_array_equal(np.isnan(got), np.isnan(expected), what)
    same = (got == expected) | ~finite
    room = 1e-9 * np.abs(expected) + 1e-12 * scale + 1e-300
    with np.errstate(invalid="ignore"):
        assert (same | (np.abs(got - expected) <= room)).all(), f"{what}: {got} {expected}"


def term_scale(kernel: Kernel, slopes: np.ndarray) -> np.ndarray:
    """sum_j |factor N_ij| |slope_j|: what may cancel in a row of f (or of its derivative)."""
    weight = np.zeros((kernel.size, slopes.shape[0]))
    for i, j, x in kernel.system.balance:
        weight[i, j] += abs(float(x))
    finite = np.where(np.isfinite(slopes), np.abs(slopes), 0.0)
    return weight @ finite


def check_model(path: Path, derivatives: bool = True) -> None:
    kernel = Kernel(read(path))
    oracle = kernel.interpreted
    for t, y, p in random_points(kernel, 2):
        rates = oracle.rates(t, y, p)
        factors = np.abs(oracle.of(kernel.system.row_factors, t, y, p)).reshape(-1)
        rate_scale = np.abs(rates[np.isfinite(rates)]).max(initial=0.0)
        assert_agree(kernel.rates(t, y, p), rates, "rates", rate_scale)
        room = factors * term_scale(kernel, rates)
        assert_agree(kernel.rhs(t, y, p), oracle.rhs(t, y, p), "rhs", room + np.abs(y).max(initial=0.0))
        assert_agree(kernel.roots(t, y, p), oracle.of(kernel.system.roots, t, y, p), "roots", 1.0)
        if not derivatives:
            continue
        slopes = oracle.rate_jacobian(t, y, p)
        expected = oracle.jacobian(t, y, p)
        room = factors[:, None] * term_scale(kernel, slopes) + np.abs(expected[np.isfinite(expected)]).max(initial=0.0)
        assert_agree(kernel.jacobian(t, y, p), expected, "jacobian", room)
        assert_agree(kernel.time_derivative(t, y, p), oracle.time_derivative(t, y, p), "time derivative", rate_scale)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_examples_agree_with_the_interpreter(path):
    check_model(path)


@pytest.mark.parametrize("path", SMALL, ids=lambda path: path.stem)
def test_corpus_models_agree_with_the_interpreter(path):
    check_model(path)


@pytest.mark.full
@pytest.mark.parametrize("path", [*BIOMODELS, *NETS], ids=lambda path: path.stem)
def test_large_corpus_models_agree_with_the_interpreter(path):
    check_model(path, derivatives=path.stat().st_size < 2_000_000)


@pytest.mark.parametrize("path", CASES[::4], ids=lambda path: path.parent.name)
def test_cases_agree_with_the_interpreter(path):
    check_model(path)


@pytest.mark.full
@pytest.mark.parametrize("path", CASES, ids=lambda path: path.parent.name)
def test_all_cases_agree_with_the_interpreter(path):
    check_model(path)


@pytest.mark.parametrize("path", SMALL[:12], ids=lambda path: path.stem)
def test_machine_code_agrees_with_the_tape(path, monkeypatch):
    monkeypatch.setenv("MANYSCALE_CACHE", "0")
    pytest.importorskip("llvmlite")
    model = read(path)
    tape, code = Kernel(model), Kernel(model)
    code.compile()
    for t, y, p in random_points(tape, 3):
        for function in ("rhs", "jacobian"):
            expected = getattr(tape, function)(t, y, p)
            scale = np.abs(expected[np.isfinite(expected)]).max(initial=0.0)
            assert_agree(getattr(code, function)(t, y, p), expected, function, scale)


@pytest.mark.parametrize("path", SMALL[:20], ids=lambda path: path.stem)
def test_lanes_agree_with_the_scalar_code(path):
    kernel = Kernel(read(path))
    points = list(random_points(kernel, _core.LANES))
    lanes = _core.LaneEquations(kernel.data)
    lanes.set_parameters(np.ascontiguousarray(np.array([p for _, _, p in points]).T))
    t = np.array([t for t, _, _ in points])
    y = np.ascontiguousarray(np.array([y for _, y, _ in points]).T)
    rhs = np.array([kernel.rhs(*point) for point in points]).T
    entries = np.array([kernel.jacobian_sparse(*point)[2] for point in points]).T
    assert_agree(lanes.rhs(t, y), rhs, "rhs", np.abs(rhs[np.isfinite(rhs)]).max(initial=0.0))
    assert_agree(lanes.jacobian(t, y), entries, "jacobian", np.abs(entries[np.isfinite(entries)]).max(initial=0.0))


@pytest.mark.parametrize("path", SMALL[::3], ids=lambda path: path.stem)
def test_the_mass_action_table_agrees_with_general_code(path):
    kernel = Kernel(read(path))
    table, _ = equation_data(assemble(kernel.system, table_from=0))
    plain, _ = equation_data(assemble(kernel.system, table_from=10**9))
    one, other = _core.Equations(table), _core.Equations(plain)
    for t, y, p in random_points(kernel, 2):
        y, p = np.ascontiguousarray(y), np.ascontiguousarray(p)
        expected = other.rhs(t, y, p)
        scale = term_scale(kernel, kernel.rates(t, y, p)).max(initial=0.0)
        scale *= np.abs(kernel.evaluate(kernel.system.row_factors, t, y, p)).max(initial=0.0)
        assert_agree(one.rhs(t, y, p), expected, "rhs", scale)
        dense = []
        for data, equations in ((table, one), (plain, other)):
            column = np.repeat(np.arange(kernel.size), np.diff(data.column_start))
            matrix = np.zeros((kernel.size, kernel.size))
            matrix[data.row, column] = equations.jacobian(t, y, p)
            dense.append(matrix)
        assert_agree(dense[0], dense[1], "jacobian", np.abs(dense[1][np.isfinite(dense[1])]).max(initial=0.0))


@pytest.mark.parametrize("path", SMALL[::5], ids=lambda path: path.stem)
def test_derivatives_by_parameters_agree_with_the_interpreter(path):
    kernel = Kernel(read(path))
    for t, y, p in random_points(kernel, 1):
        expected = kernel.interpreted.parameter_jacobian(t, y, p)
        slopes = kernel.interpreted.rate_jacobian(t, y, p, "p")
        factors = np.abs(kernel.evaluate(kernel.system.row_factors, t, y, p)).reshape(-1, 1)
        scale = factors * term_scale(kernel, slopes) + np.abs(expected[np.isfinite(expected)]).max(initial=0.0)
        assert_agree(kernel.parameter_jacobian(t, y, p), expected, "parameter jacobian", scale)


@pytest.mark.parametrize("name", ["kholodenko_2000", "hodgkin_huxley_1952", "repressilator_2000", "tyson_1991"])
def test_machine_code_over_lanes_agrees_with_the_tape(name, examples):
    kernel = Kernel(read(examples / f"{name}.ant"))
    random = np.random.default_rng(4)
    y, p = kernel.initial()
    shape = (kernel.size, _core.LANES)
    states = np.ascontiguousarray(np.abs(y)[:, None] * random.uniform(0.5, 1.5, shape) + 0.01 * random.random(shape))
    times = random.uniform(0, 10, _core.LANES)
    tape, code = _core.LaneEquations(kernel.data), _core.LaneEquations(kernel.data, *kernel.lane_code())
    assert all(kernel.lane_code())
    for equations in (tape, code):
        equations.set_parameters(np.ascontiguousarray(np.repeat(p[:, None], _core.LANES, axis=1)))
    assert code.rhs(times, states) == pytest.approx(tape.rhs(times, states), rel=1e-12, abs=1e-12)
    assert code.jacobian(times, states) == pytest.approx(tape.jacobian(times, states), rel=1e-12, abs=1e-12)
