"""Trajectories: values, units and conversions by id; what `simulate` refuses, and what it keeps when something stops it."""

from __future__ import annotations

import os
import signal
import threading
import time

import numpy as np
import pytest

import manyscale as ms
from manyscale.engines.ode import simulate_ode
from manyscale.kernels import compile_model

T = np.linspace(0, 10, 11)
DECAY = """
model decay()
  compartment cell = 2; species A in cell = 10; substanceOnly species B in cell = 4; k = 0.3; twice := 2*A
  v: A -> B; k*A*cell
end
"""


@pytest.fixture(scope="module")
def run():
    return ms.simulate(DECAY, T)


def test_species_are_what_their_id_means_and_convert_both_ways(run):
    exact = 10 * np.exp(-0.3 * T)
    assert run["A"] == pytest.approx(exact, rel=1e-5)
    assert run.amount("A") == pytest.approx(2 * exact, rel=1e-5)
    assert run["B"] == pytest.approx(4 + 2 * (10 - exact), rel=1e-5)
    assert run.concentration("B") == pytest.approx(2 + 10 - exact, rel=1e-5)


def test_every_id_has_a_value(run):
    assert set(run.ids) == {"cell", "A", "B", "k", "twice", "v"}
    assert run["twice"] == pytest.approx(2 * run["A"])
    assert run["v"] == pytest.approx(0.6 * run["A"])
    assert run["k"].shape == T.shape


def test_unknown_ids_are_named_with_near_ones(run):
    with pytest.raises(ms.InputError, match=r"twise.*did you mean twice"):
        run["twise"]
    with pytest.raises(ms.InputError, match="not a species"):
        run.amount("k")


def test_times_begin_later_but_the_model_starts_at_zero():
    assert ms.simulate(DECAY, [5.0, 6.0])["A"] == pytest.approx(10 * np.exp([-1.5, -1.8]), rel=1e-5)


@pytest.mark.parametrize(
    "times, words",
    [
        ([1, 0], "ascend"),
        ([], "at least one"),
        ([0, np.nan], "finite"),
        ([-1, 1], "starts at t = 0"),
        ("abc", "numbers"),
    ],
)
def test_times_that_make_no_sense_are_refused(times, words):
    with pytest.raises(ms.InputError, match=words):
        ms.simulate(DECAY, times)


@pytest.mark.parametrize(
    "options, words",
    [
        ({"rtol": 1.0}, "rtol"), ({"atol": -1.0}, "atol"), ({"method": "euler"}, "unknown method"), ({"level": "x"}, "level"),
        ({"replicates": 0}, "replicates"), ({"values": {"q": 1}}, "no 'q'"), ({"values": {"A": np.nan}}, "no initial value for A"),
    ],
)  # fmt: skip
def test_options_that_make_no_sense_are_refused(options, words):
    with pytest.raises(ms.InputError, match=words):
        ms.simulate(DECAY, T, **options)


def test_values_override_in_the_meaning_of_the_id():
    run = ms.simulate(DECAY, T, values={"A": 20.0, "k": 0.1, "B": 1.0})
    assert run["A"] == pytest.approx(20 * np.exp(-0.1 * T), rel=1e-5)
    assert run["B"][0] == 1.0


def test_replicates_of_a_deterministic_run_are_equal():
    run = ms.simulate(DECAY, T, replicates=3)
    assert run["A"].shape == run["twice"].shape == (3, 11)
    assert np.ptp(run["twice"], axis=0).max() == 0


def test_tables_and_datasets_have_names_and_units(run):
    table, data = run.to_pandas(), run.to_xarray()
    assert list(table.columns) == list(run.ids)
    assert table.index.name == "time"
    assert data["A"].dims == ("time",)
    assert ms.simulate(DECAY, T, replicates=2).to_xarray()["A"].dims == ("replicate", "time")


def test_netcdf_files_keep_the_numbers(run, tmp_path):
    import xarray as xr

    run.to_netcdf(tmp_path / "run.nc")
    with xr.open_dataset(tmp_path / "run.nc", engine="h5netcdf") as data:
        assert data["A"].values.tolist() == run["A"].tolist()


def test_a_solution_that_blows_up_says_where_and_keeps_what_was_computed():
    with pytest.raises(ms.SimulationError, match=r"stopped at t = 1.*'x'.*check its rate laws") as caught:
        ms.simulate("model m()\nx = 1; x' = x^2\nend\n", [0, 0.5, 0.9, 1.1])
    partial = caught.value.partial
    assert partial.times.tolist() == [0, 0.5, 0.9]
    assert partial["x"] == pytest.approx(1 / (1 - partial.times), rel=1e-3)


def test_too_many_steps_say_how_far_it_got():
    text = "model m()\nx = 1; y = 0; x' = 1000*y; y' = -1000*x\nend\n"
    with pytest.raises(ms.SimulationError, match=r"steps were not enough: reached t = .* of 100") as caught:
        ms.simulate(text, np.linspace(0, 100, 1001), max_steps=3000)
    assert 0 < len(caught.value.partial.times) < 1001


def test_an_interruption_keeps_what_was_computed():
    model = ms.read("model m()\nx = 1; y = 0; x' = 1000*y; y' = -1000*x\nend\n")
    ms.simulate(model, [0, 0.1])
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in background jobs
    threading.Thread(target=lambda: (time.sleep(0.5), os.kill(os.getpid(), signal.SIGINT)), daemon=True).start()
    with pytest.raises(KeyboardInterrupt) as caught:
        ms.simulate(model, np.linspace(0, 1e6, 1001), rtol=1e-9, max_steps=10**12)
    signal.signal(signal.SIGINT, before)
    assert caught.value.partial["x"][0] == 1.0


def test_progress_is_told_as_a_share():
    shares = []
    kernel = compile_model(ms.read("model m()\nx = 1; y = 0; x' = 1000*y; y' = -1000*x\nend\n"))
    simulate_ode(kernel, [0, 100.0], progress=shares.append)
    assert shares == sorted(shares)
    assert 0 < shares[0] < shares[-1] <= 1


def test_violated_constraints_are_remarked():
    model = ms.read(DECAY)
    from manyscale.model.expr import Number, Relation, Symbol
    from manyscale.model.parts import Constraint

    model = model.replace(constraints=(Constraint(Relation(">", Symbol("A"), Number(5.0)), message="A too low"),))
    assert ms.simulate(model, T).remarks == ("constraint 1 is violated at t = 3: A too low",)
    assert ms.simulate(model, T[:3]).remarks == ()


def test_nothing_dynamic_is_fine():
    run = ms.simulate("model m()\nk = 2; z := k*time\nend\n", T)
    assert run["z"].tolist() == (2 * T).tolist()


def test_plots_are_drawn(run):
    pytest.importorskip("matplotlib").use("Agg")
    assert len(run.plot().lines) == 2


def test_an_id_can_be_asked_for():
    run = ms.simulate("A' = -k*A; A = 1; k = 2", [0.0, 1.0])
    assert "A" in run and "k" in run and "nothing" not in run and 0 not in run
