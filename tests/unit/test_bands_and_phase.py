"""Errors taken apart: along time, by observable, and, for oscillators, into period and shape."""

from __future__ import annotations

import numpy as np
import pytest

import manyscale as ms
from manyscale.bridges.bands import LEAST, band, outside, width
from manyscale.bridges.norm import Errors
from manyscale.bridges.phase import compare_phases, crossings, phase_error
from manyscale.bridges.time.quasi_steady import quasi_steady
from manyscale.scales import resolve

TIMES = np.linspace(0, 10, 101)


def errors(profile: np.ndarray) -> Errors:
    rows = np.atleast_2d(profile)
    worst = rows.max(axis=1)
    names = [f"x{i}" for i in range(len(rows))]
    return Errors(dict(zip(names, worst.tolist())), float(worst.max()), "x0", 0.0, rows)


def test_a_band_holds_what_it_was_made_from_and_keeps_between_its_limits():
    seen = [errors(0.01 * k * np.array([np.exp(-TIMES), 0.01 * TIMES / 10])) for k in (1, 2, 3)]
    found = band(TIMES, seen, bound=0.045)
    assert found is not None and found.bound("x0") == pytest.approx(0.045)
    for one in seen:
        assert outside(found, one, TIMES) == []
    wide = width(found, "x0", TIMES)
    assert wide.max() <= 0.045 and wide.min() >= LEAST * 0.045
    assert wide[-1] == pytest.approx(LEAST * 0.045)  # late errors are small: the band is narrow there
    assert found.bound("x1") == pytest.approx(LEAST * 0.045)
    strayed = errors(np.array([0.02 + 0 * TIMES, 0 * TIMES]))
    assert outside(found, strayed, TIMES) == ["x0"]


def test_bands_of_a_chain_add_up_like_its_bound():
    fine = ms.read(
        "S + E -> C; k1*S*E; C -> S + E; k2*C; C -> P + E; k3*C; P -> ; k4*P; R -> ; k5*R*R; -> P; q*R;"
        "S = 10; E = 0.01; C = 0; P = 0; R = 5; k1 = 1; k2 = 100; k3 = 1; k4 = 0.1; k5 = 1e-5; q = 0.01"
    )
    question = ms.Question(horizon=100.0, tolerance=0.05)
    chain = ms.reduce(fine, question)
    steps = [b.certificate.error for b in chain.bridges if b.certificate.tier != "exact"]
    assert len(steps) == 2
    whole = chain.certificate.error
    one, two = (np.array(step.band.widths["P"]) for step in steps)
    assert np.array(whole.band.widths["P"]) == pytest.approx(one + two * (1 + one))
    assert max(map(max, whole.band.widths.values())) <= whole.bound * (1 + 1e-9)
    checked = ms.verify(chain, question, points=30)
    assert checked.ok and checked.outside_band <= 1


@pytest.mark.parametrize("slower", [0.01, -0.02])
def test_a_sine_of_another_frequency_has_no_error_in_shape(slower):
    times = np.linspace(0, 100, 5001)
    found = compare_phases(times, 2 + np.sin(times), 2 + np.sin(times / (1 + slower)))
    assert found.period == pytest.approx(2 * np.pi, rel=1e-5)
    assert found.period_error == pytest.approx(slower, rel=1e-3)
    assert found.drift == pytest.approx(slower * found.turns, rel=0.2)
    assert found.shape < 2e-3


def test_another_shape_of_the_same_period_has_no_drift():
    times = np.linspace(0, 100, 5001)
    found = compare_phases(times, np.sin(times), np.sin(times) * (1 - 0.1 * np.cos(times) ** 2))
    assert abs(found.drift) < 1e-4 and 0.01 < found.shape < 0.1


def test_ripples_and_transients_are_no_turns():
    times = np.linspace(0, 10, 1001)
    assert len(crossings(times, np.exp(-times) + 0.01 * np.sin(50 * times))) == 0
    assert compare_phases(times, np.exp(-times), np.exp(-times)) is None


def test_a_lagging_variable_makes_a_wave_grow_and_keeps_its_period():
    """x' = y, y' = -z, eps z' = x - z: z lags behind x by eps, so the wave grows like exp(eps t / 2) while its period
    changes by eps^2 only; without z it does neither."""
    shapes = []
    for eps in (2e-3, 1e-3):
        fine = ms.read(f"x' = y; y' = -z; z' = (x - z)/{eps}; x = 1; y = 0; z = 1")
        question = ms.Question(horizon=60.0, observables=("x", "y"), region=1.0)
        found = phase_error(quasi_steady(fine, ["z"]), resolve(fine, question))
        assert found.turns >= 8 and abs(found.drift) < 1e-3
        shapes.append(found.shape)
    assert shapes[0] == pytest.approx(1 - np.exp(-2e-3 * 60 / 2), rel=0.1)
    assert shapes[0] / shapes[1] == pytest.approx(2.0, rel=0.1)
