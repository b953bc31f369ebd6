"""The bridge from jumps to a hybrid: certificates hold for new seeds and closed forms; refusals say the number."""

import numpy as np
import pytest
from scipy import stats

import manyscale as ms
from manyscale.bridges.bridge import Bridge
from manyscale.bridges.certificate import Refusal
from manyscale.bridges.number import partition
from manyscale.errors import InputError

TELEGRAPH = (
    "on: Off -> On; 0.5*Off; off: On -> Off; 0.7*On; make: On -> On + M; 20000*On; lose: M -> ; 1*M; "
    "Off = 1; On = 0; M = 0"
)
ASKED = ms.Question(observables=("M",), horizon=20.0)


def crossed(text, question, **options):
    return partition.attempt(ms.read(text), None, question, **{"counts": True, "paths": 3000, **options})


@pytest.fixture(scope="module")
def bridge():
    return crossed(TELEGRAPH, ASKED)


def test_the_certificate_holds_for_a_new_seed_and_the_closed_form(bridge):
    assert isinstance(bridge, Bridge) and bridge.certificate.tier == "estimated"
    run = ms.simulate(bridge.coarse, [0.0, 20.0], level=bridge.coarse.level, replicates=5000, seed=77, counts=True)
    random = np.random.default_rng(0)
    exact = random.poisson(20000 * random.beta(0.5, 0.7, 200_000))  # Peccoud & Ycart 1995
    assert stats.ks_2samp(run["M"][:, 1], exact).statistic <= bridge.certificate.error.bound


def test_the_bridge_keeps_every_id_and_says_what_ran_where(bridge):
    assert bridge.fine.level == "jump" and bridge.coarse.level == "hybrid"
    assert set(bridge.lift) == {s.id for s in bridge.fine.species} and not bridge.eliminated
    assert "jump: on, off" in bridge.certificate.claim and "langevin" in bridge.certificate.claim


def test_few_molecules_in_the_continuous_part_are_refused():
    found = crossed(TELEGRAPH, ASKED, partition={"on": "langevin", "off": "langevin"})
    assert isinstance(found, Refusal) and found.where in ("On", "Off")
    assert found.value < found.threshold == 50.0 and "molecules at t =" in found.reason


def test_where_nothing_is_numerous_there_is_nothing_to_partition():
    found = crossed("b: -> X; 10; d: X -> ; 1*X; X = 0", ms.Question(observables=("X",), horizon=5.0))
    assert isinstance(found, Refusal) and "no reaction runs continuously" in found.reason
    assert found.value < found.threshold == 100.0


def test_a_wrong_law_is_refused():
    """Noise that is left out by hand: the flow of bursts has no Poisson part, which matters for a few hundred."""
    text = "b: -> X; k; d: X -> ; g*X; k = 400; g = 1; X = 400"
    question = ms.Question(observables=("X",), horizon=5.0)
    found = crossed(text, question, partition={"b": "ode", "d": "ode"})
    assert isinstance(found, Refusal) and found.where == "X" and found.value > 0.3


def test_paths_have_to_be_enough_to_tell():
    with pytest.raises(InputError, match="from 100 on"):
        crossed(TELEGRAPH, ASKED, paths=10)
