"""Many paths: moments and histograms without paths, paths on disk, interruption and going on, what replicates tell."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import manyscale as ms
from manyscale.errors import InputError

BIRTH_DEATH = "b: -> X; 20; d: X -> Y; X; e: Y -> ; 0.5*Y; X = 3; Y = 0"
TIMES = np.linspace(0.0, 4.0, 5)
LEVELS = ["jump", "tau", "langevin"]


def run(level="jump", **options):
    return ms.simulate(BIRTH_DEATH, TIMES, level=level, counts=True, **{"replicates": 300, "seed": 4, **options})


class Stop:
    """A progress that interrupts at its n-th call."""

    def __init__(self, calls):
        self.left = calls

    def __call__(self, share):
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt


@pytest.mark.parametrize("level", LEVELS)
def test_moments_are_those_of_the_stored_paths(level):
    paths, kept = run(level), run(level, keep="moments")
    x, y = paths["X"], paths["Y"]
    np.testing.assert_allclose(kept["X"], x.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(kept.variance("X"), x.var(axis=0, ddof=1), rtol=1e-9)
    away = x - x.mean(axis=0)
    with np.errstate(invalid="ignore"):
        np.testing.assert_allclose(kept.skewness("X"), (away**3).mean(axis=0) / x.std(axis=0) ** 3, rtol=1e-7)
        np.testing.assert_allclose(kept.kurtosis("X"), (away**4).mean(axis=0) / x.std(axis=0) ** 4, rtol=1e-7)
    np.testing.assert_allclose(kept.covariance(4.0), np.cov(x[:, -1], y[:, -1]), rtol=1e-9)
    assert kept.replicates == 300 and kept.ids == ("X", "Y")


@pytest.mark.parametrize("level", LEVELS[:2])
def test_histograms_are_those_of_the_stored_paths(level):
    paths, kept = run(level), run(level, keep="histogram")
    for row in range(len(TIMES)):
        values, counts = np.unique(paths["X"][:, row], return_counts=True)
        filled = kept.counts("X")[row] > 0
        np.testing.assert_array_equal(kept.centres("X")[filled], values)
        np.testing.assert_array_equal(kept.counts("X")[row][filled], counts)
    np.testing.assert_allclose(kept["X"], paths["X"].mean(axis=0))
    np.testing.assert_allclose(kept.quantile("X", 0.5), np.quantile(paths["X"], 0.5, axis=0, method="inverted_cdf"))
    wide = run(level, keep="histogram", width=5, observables="X")
    assert wide.ids == ("X",) and (wide.counts("X").sum(axis=1) == 300).all()
    assert np.allclose(np.diff(wide.edges("X")), 5.0)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("keep", ["moments", "histogram", "paths"])
def test_going_on_after_an_interruption_gives_the_same_bits(level, keep, tmp_path):
    whole = run(level, keep=keep, file=tmp_path / "whole.nc")
    stopped = None
    for calls in (1, 2, 1, 3):
        try:
            stopped = run(level, keep=keep, file=tmp_path / "stopped.nc", progress=Stop(calls))
            break
        except KeyboardInterrupt as stop:
            assert stop.partial is not None
    stopped = stopped or run(level, keep=keep, file=tmp_path / "stopped.nc")
    assert not (tmp_path / "stopped.nc.parts").exists()
    if keep == "paths":
        np.testing.assert_array_equal(whole["X"], stopped["X"])
        np.testing.assert_array_equal(whole["X"], run(level)["X"])
    else:
        for name, array in whole.state().items():
            np.testing.assert_array_equal(array, stopped.state()[name])
    again = run(level, keep=keep, file=tmp_path / "stopped.nc", progress=Stop(1))  # read, not run
    np.testing.assert_array_equal(again["X"], whole["X"])


MODEL = "b: -> X; 2000; d: X -> ; X; X = 0"
SCRIPT = """
import json, signal, sys
import manyscale as ms
from manyscale.engines import ensembles
ensembles.BLOCK_SECONDS = 0.1
signal.signal(signal.SIGINT, signal.default_int_handler)
try:
    ms.simulate(sys.argv[1], [0.0, 10.0, 20.0], file=sys.argv[2], **json.loads(sys.argv[3]))
except KeyboardInterrupt as stop:
    print("kept", stop.partial.replicates, flush=True)
"""


def begin(file, **options):
    """A process that runs MODEL, as soon as it has saved something."""
    words = [sys.executable, "-c", SCRIPT, MODEL, str(file), json.dumps(options)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    begun = time.monotonic()
    while not (file.with_name(file.name + ".parts") / "state.npz").exists():
        assert process.poll() is None and time.monotonic() - begun < 60
        time.sleep(0.02)
    return process


def test_a_killed_run_goes_on_with_the_same_bits(tmp_path):
    options = {"level": "jump", "replicates": 500, "seed": 2, "counts": True, "keep": "moments", "until": "X > 1e6"}
    process = begin(tmp_path / "killed.nc", **options)
    process.kill()
    process.communicate()
    went_on = ms.simulate(MODEL, [0.0, 10.0, 20.0], file=tmp_path / "killed.nc", **options)
    whole = ms.simulate(MODEL, [0.0, 10.0, 20.0], **options)
    for name, array in whole.state().items():
        np.testing.assert_array_equal(array, went_on.state()[name])


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C of another process")
def test_ctrl_c_keeps_what_is_done(level, tmp_path):
    options = {"level": level, "replicates": 10**9, "seed": 2, "counts": True, "keep": "moments"}
    process = begin(tmp_path / "stopped.nc", **options)
    process.send_signal(signal.SIGINT)
    words = process.communicate(timeout=60)[0].split()
    assert words[0] == "kept" and 0 < int(words[1]) < 10**9


def test_a_file_of_something_else_is_refused(tmp_path):
    file = tmp_path / "run.nc"
    run(keep="moments", file=file)
    for other, words in (
        ({"seed": 5}, "another seed"),
        ({"keep": "histogram"}, "another keep"),
        ({"replicates": 299}, "holds 300"),
    ):
        with pytest.raises(InputError, match=words):
            run(**{"keep": "moments", "file": file, **other})
    with pytest.raises(InputError, match=r"\.nc"):
        run(keep="moments", file=tmp_path / "run.csv")
    with pytest.raises(InputError, match="file="):
        run(keep="paths")
    with pytest.raises(InputError, match="choose paths"):
        run(keep="everything")
    with pytest.raises(InputError, match="replicates"):
        run(keep="moments", replicates=None)
    with pytest.raises(InputError, match="levels jump"):
        ms.simulate(BIRTH_DEATH, TIMES, keep="moments", replicates=3)


def test_files_hold_labelled_paths_and_passages(tmp_path):
    stored = run(file=tmp_path / "paths.nc", until="Y >= 10", observables=["Y"])
    plain = run(until="Y >= 10")
    np.testing.assert_array_equal(stored["Y"], plain["Y"])
    np.testing.assert_array_equal(stored.passage.times, plain.passage.times)
    with stored.to_xarray() as data:
        assert data["Y"].dims == ("replicate", "time") and data["passage"].attrs["condition"] == "Y >= 10"
        np.testing.assert_array_equal(data["time"], TIMES)
    assert stored.ensemble.mean("Y").shape == TIMES.shape


def test_passages_of_moments_are_those_of_the_paths():
    kept, plain = run(keep="moments", until="Y >= 10"), run(until="Y >= 10")
    np.testing.assert_array_equal(kept.passage.times, plain.passage.times)


def test_correlation_and_spectrum_are_those_of_the_closed_form():
    """Birth and death: covariance n exp(-lag), spectrum 2 n / (1 + (2 pi f)^2)."""
    found = ms.simulate(
        "b: -> X; 20; d: X -> ; X; X = 20", np.linspace(0, 120, 1201), level="jump", replicates=200, seed=1, counts=True
    ).ensemble
    lags = np.array([0.0, 0.5, 1.0, 2.0])
    np.testing.assert_allclose(found.autocorrelation("X", lags, begin=5.0), np.exp(-lags), atol=0.03)
    frequencies, power = found.spectrum("X", begin=5.0)
    low = frequencies < 0.8
    expected = 40 / (1 + (2 * np.pi * frequencies[low]) ** 2)
    assert np.abs(power[low] / expected - 1).mean() < 0.08
    assert 2 * power.sum() * (frequencies[1] - frequencies[0]) == pytest.approx(20, rel=0.06)


def test_views_agree_with_numpy_and_draw(tmp_path):
    paths = run()
    view = paths.ensemble
    np.testing.assert_allclose(view.quantile("X", 0.25), np.quantile(paths["X"], 0.25, axis=0))
    share, edges = view.histogram("X", t=2.0)
    assert share.sum() == pytest.approx(1.0) and (np.diff(edges) == 1).all()
    np.testing.assert_allclose(view.covariance(["X", "Y"], 4.0), np.cov(paths["X"][:, -1], paths["Y"][:, -1]))
    import matplotlib

    matplotlib.use("Agg")
    for kind in ("quantiles", "histogram", "autocorrelation", "spectrum"):
        assert view.plot("X", kind).get_ylabel()
    for kept in (run(keep="moments"), run(keep="histogram")):
        kept.plot()
        kept.to_netcdf(tmp_path / "kept.nc")
    assert set(view.to_xarray().data_vars) >= {"X", "mean(X)", "std(Y)"}
    with pytest.raises(InputError, match="choose quantiles"):
        view.plot("X", "pie")
    with pytest.raises(InputError, match="evenly"):
        ms.simulate(BIRTH_DEATH, [0.0, 1.0, 3.0, 9.0], level="jump", replicates=3, counts=True).ensemble.spectrum("X")


def test_the_command_line_gives_options_to_levels(tmp_path, capsys):
    from manyscale import cli

    model = tmp_path / "model.ant"
    model.write_text(BIRTH_DEATH)
    base = ["simulate", str(model), "--end", "4", "--steps", "4", "--replicates", "50", "--seed", "4", "--counts"]

    def answer(*words):
        with pytest.raises(SystemExit) as end:
            cli.main([*base, *words])
        assert end.value.code == 0
        return capsys.readouterr()

    plain = answer("--level", "tau", "--option", "epsilon=0.01").out
    assert plain.splitlines()[0] == "time,X-mean,X-sd,Y-mean,Y-sd"
    kept = answer("--level", "tau", "--option", "epsilon=0.01", "--option", "keep=moments").out
    table, other = (np.loadtxt(text.splitlines(), delimiter=",", skiprows=1) for text in (plain, kept))
    np.testing.assert_allclose(table, other, rtol=1e-9)
    found = json.loads(answer("--level", "jump", "--option", "until=Y >= 10", "--json").out)
    times = run(until="Y >= 10", replicates=50).passage.times
    assert found["passage"]["times"] == [None if np.isinf(t) else t for t in times]
    for wrong in (["--option", "epsilon"], ["--level", "tau", "--option", "epsilon=none"], ["--option", "colour=red"]):
        with pytest.raises(SystemExit) as end:
            cli.main([*base, *wrong])
        assert end.value.code == 2
        assert capsys.readouterr().err.strip().splitlines()[-1].startswith("error:")
