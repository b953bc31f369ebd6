"""The fine model with its fast directions sped up tells what a small model would get wrong."""

import numpy as np
import pytest

import manyscale as ms
from manyscale.bridges.bridge import Chain
from manyscale.bridges.norm import grid
from manyscale.bridges.time.quasi_steady import LAYER_LENGTH, draft
from manyscale.bridges.time.split import Split
from manyscale.bridges.trials import Trials
from manyscale.kernels import compile_model
from manyscale.scales.resolve import resolve

ENZYMES = """
S + E -> C; a*S*E
C -> S + E; d*C
C -> P + E; k*C
P -> ; g*P
-> M; b*P
M -> ; f*M
S = 10; C = 0; P = 0; M = 0; E = {enzyme}; a = 10; d = 10; k = 20; g = 0.1; b = 5; f = {fast}
"""


@pytest.mark.parametrize(("enzyme", "fast"), [(0.2, 5.0), (1.0, 5.0), (0.2, 1.0)])
@pytest.mark.parametrize("gone", [{"C": 0, "M": None}, {"C": 0}, {"M": None}])
def test_the_sped_up_model_errs_as_the_small_model_does(enzyme, fast, gone):
    model = ms.read(ENZYMES.format(enzyme=enzyme, fast=fast))
    question = resolve(model, ms.Question(horizon=40.0, observables=("S", "P", "M")))
    layer = 0.05 * 40.0
    trials = Trials(Chain(model, ()), question, grid(question, layer, 121))
    point = trials.nominal()
    states = trials.kernel.system.states
    split = Split(len(states), tuple(map(states.index, gone)), tuple(gone.values()))
    made = draft(model, split, layer=LAYER_LENGTH / 5.0, entry=layer, observables=trials.ids, started=False)
    real = trials.error(made.bridge, point).worst
    begins = dict.fromkeys(made.bridge.layer_species, layer)
    assert trials.hurries
    sped = _hurried(trials, split, point, begins)
    assert 1e-4 < real < 0.5
    assert sped == pytest.approx(real, rel=0.2)


def test_models_with_events_have_no_answer():
    model = ms.read(ENZYMES.format(enzyme=1.0, fast=5.0) + "at time > 5: S = 10")
    question = resolve(model, ms.Question(horizon=40.0))
    assert not Trials(Chain(model, ()), question, grid(question)).hurries


def _hurried(trials, split, point, begins):
    from manyscale.bridges.splits import Survey

    survey = Survey(trials.model, compile_model(trials.model), [], 2.0, 0.05, np.ones(split.size, dtype=bool))
    fast, slow = np.array(split.fast), np.array(split.slow)
    return trials.hurried_error(fast, slow, survey.shift(split), point, LAYER_LENGTH / 5.0, begins)
