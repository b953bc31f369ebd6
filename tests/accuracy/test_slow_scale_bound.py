"""The proved bound of averaging holds against exact master equations, shrinks with the gap, and refuses what is not slow."""

import numpy as np
import pytest
from scipy.linalg import expm

import manyscale as ms
from manyscale.bridges.number.l1_bound import averaged
from manyscale.bridges.number.slow_scale import attempt
from manyscale.engines.cme import state_space
from manyscale.engines.hybrid import whole_start
from manyscale.kernels import compile_model
from manyscale.kernels.propensity_code import propensity_code

MODELS = {
    "conversion": "f: A -> B; {k}*2*A; r: B -> A; {k}*B; s: B -> C; 0.05*B; A = 6; B = 0; C = 0",
    "binding": "f: A + B -> C; {k}*A*B; r: C -> A + B; {k}*3*C; s: C -> A + P; 0.1*C; A = 4; B = 6; C = 0; P = 0",
    "dimers": "f: A + A -> D; {k}*A*A; r: D -> A + A; {k}*5*D; s: D -> ; 0.05*D; i: -> A; 0.05; A = 6; D = 0",
}


def exact_and_averaged(text: str, fast: list[int], limits, times):
    """Total variation between the exact law and the averaged one with fast species from their conditional law."""
    model = ms.read(text)
    code = propensity_code(compile_model(model), True)
    p, scale, start, _ = whole_start(code, None)
    space = state_space(code, start * scale, p, limits)
    space.grow(np.arange(1), 2**31, 100_000)
    made = averaged(space, fast)
    matrix = space.generator(reflect=True)[0].toarray()
    one, other = np.zeros(len(space)), np.zeros(len(made.residual))
    one[0], other[made.label[0]] = 1.0, 1.0
    return [0.5 * np.abs(expm(t * matrix) @ one - made.spread(expm(t * made.generator) @ other)).sum() for t in times]


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("k", [3.0, 30.0, 300.0])
def test_the_bound_holds_and_is_not_far_off(name, k):
    text = MODELS[name].format(k=k)
    limits = {"A": 16, "D": 8} if name == "dimers" else None
    question = ms.Question(horizon=20.0, tolerance=0.9)
    bridge = attempt(ms.read(text), None, question, counts=True, fast=["f", "r"], limits=limits)
    assert isinstance(bridge, ms.Bridge) and bridge.certificate.tier == "rigorous"
    real = exact_and_averaged(text, [0, 1], limits, np.linspace(bridge.layer_time, 20.0, 12))
    bound = bridge.certificate.error.bound
    assert max(real) <= bound + 1e-9
    if name != "dimers":  # there probability also leaves the set of states, and the bound pays for it twice
        assert bound < 12 * max(real) + 1e-6


def test_the_bound_shrinks_like_slow_over_fast():
    bounds = []
    for k in (30.0, 300.0, 3000.0):
        text = MODELS["conversion"].format(k=k)
        bounds.append(
            attempt(ms.read(text), None, ms.Question(horizon=20.0, tolerance=0.9), counts=True).certificate.error.bound
        )
    assert np.array(bounds[:-1]) / bounds[1:] == pytest.approx(10.0, rel=0.1)


def test_averaging_the_mrna_of_a_gene_is_refused_with_the_number():
    """Each mRNA makes four proteins: averaged over mRNAs, proteins would come one by one, and the bursts be lost."""
    gene = "s: -> m; 2; t: -> p; 20*m; u: m -> ; 5*m; v: p -> ; p; m = 0; p = 0"
    question = ms.Question(horizon=3.0, tolerance=0.05)
    refused = attempt(ms.read(gene), None, question, counts=True, fast=["s", "u"], limits={"m": 6, "p": 40})
    assert isinstance(refused, ms.Refusal) and refused.value > 10 * question.tolerance
    found = attempt(ms.read(gene), None, question, counts=True)
    assert isinstance(found, ms.Refusal)


def test_fast_reactions_that_do_not_lead_back_are_refused():
    refused = attempt(
        ms.read("f: A -> B; 100*A; s: B -> C; 0.01*B; A = 5; B = 0; C = 0"), None, ms.Question(horizon=10.0), counts=True,
        fast=["f"],
    )  # fmt: skip
    assert isinstance(refused, ms.Refusal)


def test_unknown_reactions_are_named():
    with pytest.raises(ms.InputError, match="zz"):
        attempt(ms.read(MODELS["conversion"].format(k=10)), None, ms.Question(horizon=10.0), counts=True, fast=["zz"])
