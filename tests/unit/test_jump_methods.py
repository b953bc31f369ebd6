"""The method of level "jump" can be chosen; what it cannot do is said."""

import numpy as np
import pytest
from scipy import stats

import manyscale as ms
from manyscale.errors import InputError, SimulationError

DIMERS = "f: A + A -> D; 0.02*A*A; r: D -> A + A; D; i: -> A; 3; o: A -> ; 0.1*A; A = 10; D = 0"


def test_both_methods_have_the_same_law():
    first, second = (
        ms.simulate(DIMERS, [0, 5.0], level="jump", replicates=8000, seed=seed, counts=True, method=method)
        for seed, method in ((1, "direct"), (2, "rejection"))
    )
    for id in ("A", "D"):
        assert stats.ks_2samp(first[id][:, 1], second[id][:, 1], method="asymp").pvalue > 1e-4


def test_auto_takes_lanes_for_small_networks():
    runs = [
        ms.simulate(DIMERS, [0, 5.0], level="jump", replicates=5, seed=1, counts=True, method=method)
        for method in ("auto", "direct")
    ]
    np.testing.assert_array_equal(runs[0].states, runs[1].states)


def test_methods_that_do_not_fit_are_named():
    with pytest.raises(InputError, match="auto, direct, rejection"):
        ms.simulate(DIMERS, [0, 1.0], level="jump", counts=True, method="bdf")
    with pytest.raises(InputError, match="the law of q is none"):
        ms.simulate("q: -> A; 1/(1 + A); A = 0", [0, 1.0], level="jump", counts=True, method="rejection")


def test_a_failure_at_the_start_is_told_at_the_start():
    with pytest.raises(SimulationError, match=r"negative propensity at t = 0 "):
        ms.simulate("d: X => ; 5 - X; X = 30", [0, 1.0], level="jump", counts=True)


def test_ensembles_of_middling_networks_sum_all_propensities_and_single_paths_do_not():
    """A ring of 90 conversions: ensembles take many paths at a time, one path draws candidates from bounds."""
    ring = "; ".join(f"r{k}: S{k} -> S{(k + 1) % 90}; {1 + k % 3}*S{k}; S{k} = 5" for k in range(90))
    model, times = ms.read(ring), [0.0, 0.5, 1.0]
    options = {"level": "jump", "seed": 4, "counts": True}
    many = ms.simulate(model, times, replicates=20, **options)
    direct = ms.simulate(model, times, replicates=20, method="direct", **options)
    assert np.array_equal(many.states, direct.states)
    assert np.array_equal(ms.simulate(model, times, replicates=3, **options).states, many.states[:3])
    one = ms.simulate(model, times, **options)
    assert np.array_equal(one.states, ms.simulate(model, times, method="rejection", **options).states)


RING = "; ".join(f"r{k}: S{k} -> S{(k + 1) % 90}; {1 + k % 3}*S{k}; S{k} = 50" for k in range(90))


def test_one_long_path_is_the_same_as_among_others_and_keeps_what_is_done_when_stopped():
    model, times = ms.read(RING), np.linspace(0.0, 40.0, 81)
    options = {"level": "jump", "seed": 3, "counts": True, "method": "rejection"}
    shares = []

    def stop(share):
        shares.append(share)
        if len(shares) == 2:
            raise KeyboardInterrupt

    alone = ms.simulate(model, times, **options)
    assert np.array_equal(alone.states, ms.simulate(model, times, replicates=2, **options).states[0])
    with pytest.raises(KeyboardInterrupt) as stopped:
        ms.simulate(model, times, progress=stop, **options)
    done = len(stopped.value.partial.states)
    assert 0 < done < len(times) and np.array_equal(stopped.value.partial.states, alone.states[:done])
    with pytest.raises(SimulationError, match="20,000 jumps were not enough"):
        ms.simulate(model, times, max_steps=20_000, **options)
