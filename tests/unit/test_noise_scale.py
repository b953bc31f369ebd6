"""Fluctuations of a stationary model, who makes them, and the level they call for."""

import numpy as np
import pytest

import manyscale as ms
from manyscale.scales.noise import noise_scale

GENE = "s: -> m; {k}; t: -> p; 20*m; u: m -> ; 5*m; v: p -> ; p; m = 0; p = 0"


def scale(text: str, end: float = 60.0, **options):
    run = ms.simulate(text, np.linspace(0, end, 11), rtol=1e-10)
    return noise_scale(run, run.kernel.system.states, counts=True, **options)


def test_a_gene_in_two_stages_has_its_noise_from_the_mrna():
    """Var p / <p> = 1 + b/(1 + eta) with b = 4 and eta = 1/5: half of 1 from making proteins, the rest as derived."""
    found = scale(GENE.format(k=2))
    assert found.fano["p"] == pytest.approx(1 + 4 / 1.2, rel=1e-6)
    assert found.burst["p"] == pytest.approx(4 / 1.2, rel=1e-6) and "m" not in {
        i for i, b in found.burst.items() if b > 1e-6
    }
    shares = found.shares["p"]
    assert sum(shares.values()) == pytest.approx(1.0, rel=1e-9)
    total = 1 + 4 / 1.2
    assert shares["t"] == pytest.approx(0.5 / total, rel=1e-6) and shares["v"] == pytest.approx(0.5 / total, rel=1e-6)
    assert shares["s"] == pytest.approx(shares["u"], rel=1e-6)
    assert found.fluctuation["p"] == pytest.approx(np.sqrt(total / 8), rel=1e-6)


@pytest.mark.parametrize(("k", "level"), [(2, "cme"), (2e3, "lna"), (2e6, "ode")])
def test_the_level_follows_the_size(k, level):
    found = scale(GENE.format(k=k))
    assert found.level == level and "%" in found.reason


def test_nothing_is_said_where_nothing_rests():
    assert scale("a: A -> 2 A; 0.1*A; A = 10", 5.0) is None
    assert scale("d: A -> ; 0.1*A; A = 1e6", 1.0) is None
    assert scale("a: -> A; 1 + sin(time); d: A -> ; A; A = 0") is None


def test_measure_tells_it_where_units_are_declared():
    text = """model cell
      unit substance = item; unit time_unit = 60 second; unit volume = 1e-15 litre
      compartment c = 1; substanceOnly species m in c, p in c
      s: -> m; 2; t: -> p; 20*m; u: m -> ; 5*m; v: p -> ; p
      m = 0; p = 0
    end"""
    scales = ms.measure(ms.read(text), ms.Question(horizon=60.0))
    assert "Level 'cme' is enough" in str(scales.number)
    assert scales.number.noise.fano["p"] == pytest.approx(1 + 4 / 1.2, rel=1e-3)
