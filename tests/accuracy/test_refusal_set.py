"""Published cases that look reducible and are not: no certificate, or one that holds."""

from __future__ import annotations

import pytest

import manyscale as ms
from manyscale.bridges.time.quasi_steady import quasi_steady
from manyscale.kernels import compile_model


def biomodel(corpora, number: int) -> ms.Model:
    path = corpora / "biomodels" / f"BIOMD{number:010d}.xml"
    if not path.exists():
        pytest.skip(f"{path.name} is not in the corpora")
    return ms.read(path)


@pytest.fixture(scope="module")
def vilar(corpora):
    return biomodel(corpora, 35)


PUBLISHED = ["DA", "DAp", "DR", "DRp", "MA", "MR", "A"]  # fast in the two-variable form (R, C) of Vilar et al. 2002


def test_the_published_two_variable_oscillator_keeps_no_promise(vilar):
    """Its period is 30% off: as a bridge it is only "measured", and replaying it against the full model shows that."""
    question = ms.Question(observables=("R",), horizon=100)
    reduced = ms.reduce(vilar, question)
    conserved = next(b for b in reduced.bridges if b.name == "conserve")
    states = [s.id for s in conserved.coarse.species if not s.boundary and not s.constant and s.id in PUBLISHED]
    bridge = quasi_steady(conserved.coarse, states)
    assert bridge.certificate.tier == "measured" and bridge.certificate.error is None
    checked = ms.verify(ms.Chain(vilar, (conserved, bridge)), question, points=3)
    assert checked.violations and not checked.worst <= question.tolerance


@pytest.mark.parametrize("region", [2.0, 1.2, 1.001])
def test_the_two_variable_form_gets_no_certificate_in_any_region(vilar, region):
    question = ms.Question(observables=("R", "C"), horizon=100, region=region)
    chain = ms.reduce(vilar, question)
    assert compile_model(chain.coarse).system.size > 2
    if chain.reductions:  # some binding may be fast in a tiny region
        assert not ms.verify(chain, question, points=48, seed=9).violations
    else:
        assert any(refusal.name == "quasi_steady" for refusal in chain.refusals)


@pytest.mark.parametrize("number", [10, 296, 437, 102])
def test_models_without_a_lasting_gap_are_refused_or_right(corpora, number):
    """Kholodenko's cascade, a predator and its prey, Neurospora's clock, apoptosis: gaps of 4 to 10 at most."""
    model = biomodel(corpora, number)
    chain = ms.reduce(model)
    if chain.reductions:
        assert not ms.verify(chain, points=64, seed=3).violations
    else:
        assert chain.refusals


def test_an_enzyme_with_inflow_is_not_reduced_along_its_species(corpora):
    """A spectral gap of 323, but the substrate itself moves in the fast mode (alignment 3.57): eliminating the complex
    alone loses what the total keeps."""
    text = """
    compartment c = 1; species S in c, C in c; S = 0; C = 0; kin = 0.8; kf = 1000; kr = 10; kcat = 1; ET = 1;
    feed: => S; c*kin; bind: S -> C; c*(kf*S*(ET - C) - kr*C); turn: C => ; c*kcat*C;
    """
    question = ms.Question(observables=("S", "C"), horizon=10, region=1.1)
    chain = ms.reduce(text, question)
    assert all("C" not in b.eliminated or b.name != "quasi_steady" or "S" in b.eliminated for b in chain.reductions)
    if chain.reductions:
        assert not ms.verify(chain, question, points=64, seed=3).violations
