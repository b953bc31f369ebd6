"""Claims about the verifier: it accepts true bridges, rejects tampered ones, and blames no solver."""

import dataclasses

import numpy as np
import pytest

import manyscale as ms
from manyscale.bridges.bridge import Bridge, Chain
from manyscale.bridges.certificate import Certificate, ErrorStatement
from manyscale.bridges.exact import conserve, prune
from manyscale.bridges.norm import NORM
from manyscale.bridges.verify import sample, verify
from manyscale.model.expr import Number, Symbol, add, mul
from manyscale.scales import measure, resolve


@pytest.fixture(scope="module")
def enzyme():
    return ms.model(
        "enzyme", species={"S": 10, "E": 1, "C": 0, "P": 0}, parameters={"kf": 10, "kr": 10, "kcat": 1},
        reactions=["b: S + E <-> C; kf*S*E - kr*C", "c: C -> E + P; kcat*C"],
    )  # fmt: skip


@pytest.fixture(scope="module")
def question(enzyme):
    return resolve(enzyme, ms.Question(horizon=20))


@pytest.fixture(scope="module")
def bridge(enzyme, question):
    return conserve.attempt(enzyme, measure(enzyme, question), question)


def standard_qssa(enzyme, bound, tier="estimated"):
    """P' = kcat E0 S/(Km + S) with E0 and Km as parameters, made by hand."""
    coarse = ms.model(
        "mm", species={"S": 10, "P": 0}, parameters={"V": 1, "Km": 1.1},
        reactions=["v: S -> P; V*S/(Km + S)"],
    )  # fmt: skip
    kr_kcat = add(Symbol("kr"), Symbol("kcat"))
    km = kr_kcat / Symbol("kf")
    return Bridge(
        name="quasi_steady", fine=enzyme, coarse=coarse, restrict={"S": add(Symbol("S"), Symbol("C")), "P": Symbol("P")},
        lift={"S": Symbol("S"), "P": Symbol("P")},
        parameters={"V": mul(Symbol("kcat"), add(Symbol("E"), Symbol("C"))), "Km": km},
        certificate=Certificate(tier, "MM.", error=ErrorStatement(NORM, None, bound)), eliminated=("C", "E"),
    )  # fmt: skip


def test_a_true_exact_bridge_passes_everywhere(bridge, question):
    found = verify(bridge, question, points=16)
    assert (found.points, found.violations, found.skipped) == (16, 0, 0)
    assert found.worst < 1e-6 and found.ok and found.bound == 0.0
    assert set(found.per_observable) == {"S", "E", "C", "P"}


def tampered_rate(b: Bridge) -> Bridge:
    reactions = list(b.coarse.reactions)
    reactions[0] = dataclasses.replace(reactions[0], rate=mul(1.001, reactions[0].rate))
    return dataclasses.replace(b, coarse=b.coarse.replace(reactions=tuple(reactions)))


def tampered_sign(b: Bridge) -> Bridge:
    rules = tuple(
        dataclasses.replace(r, formula=mul(-1.0, r.formula)) if r.variable == "E" else r for r in b.coarse.rules
    )
    return dataclasses.replace(b, coarse=b.coarse.replace(rules=rules))


def tampered_total(b: Bridge) -> Bridge:
    total = next(
        id for id in b.restrict if id.startswith("T_E") or ("E" in str(b.restrict[id]) and id.startswith("T_"))
    )
    return dataclasses.replace(b, restrict={**b.restrict, total: mul(1.0001, b.restrict[total])})


def tampered_lift(b: Bridge) -> Bridge:
    return dataclasses.replace(b, lift={**b.lift, "P": add(b.lift["P"], Number(0.01))})


def tampered_start(b: Bridge) -> Bridge:
    return dataclasses.replace(b, restrict={**b.restrict, "S": mul(0.999, Symbol("S"))})


def tampered_projection(b: Bridge) -> Bridge:
    return dataclasses.replace(b, project=lambda values: {k: values[k] * 1.01 for k in ("S", "C")})


def tampered_parameter(b: Bridge) -> Bridge:
    return dataclasses.replace(b, parameters={**b.parameters, "kcat": mul(1.01, Symbol("kcat"))})


@pytest.mark.parametrize("tamper", [
    tampered_rate, tampered_sign, tampered_total, tampered_lift, tampered_start, tampered_projection, tampered_parameter,
])  # fmt: skip
def test_tampered_bridges_are_rejected(bridge, question, tamper):
    found = verify(tamper(bridge), question, points=4)
    assert found.violations == found.points == 4, found
    assert found.reasons and not found.ok


def test_a_bound_is_held_against_the_true_error(enzyme, question):
    asked = dataclasses.replace(question, observables=("P",))
    honest = verify(standard_qssa(enzyme, 0.5), asked, points=8)
    assert honest.violations == 0 and 0.01 < honest.worst < 0.5
    assert honest.effectivity == pytest.approx(0.5 / honest.worst)
    boastful = verify(standard_qssa(enzyme, 0.5 * honest.worst), asked, points=8)
    assert boastful.violations >= 1
    assert boastful.worst == pytest.approx(honest.worst)
    assert set(boastful.worst_point) <= set(question.box)


def test_without_a_bound_the_tolerance_of_the_question_is_the_promise(enzyme, question):
    asked = dataclasses.replace(question, observables=("P",), tolerance=0.001)
    found = verify(standard_qssa(enzyme, None), asked, points=3)
    assert found.bound == 0.001 and found.violations == 3


def test_points_are_held_back_reproducible_and_inside_the_box(question):
    one, again, other = sample(question.box, 8, 0), sample(question.box, 8, 0), sample(question.box, 8, 1)
    assert one == again and one != other
    assert one[0] == {}
    for point in one[1:]:
        assert all(question.box[id][0] <= value <= question.box[id][1] for id, value in point.items())
        assert set(point) == set(question.box)


def test_points_where_the_full_model_itself_fails_are_skipped():
    model = ms.model(
        "blowup", species={"A": 1, "B": 1}, parameters={"k": 1}, reactions=["g: -> A; k*A^2", "d: B -> ; k*B"]
    )
    asked = resolve(model, ms.Question(observables=["A"], horizon=0.7, region={"k": (1.0, 3.0)}))
    found = verify(prune.attempt(model, None, asked), asked, points=16)
    assert found.skipped > 0 and found.violations == 0 and found.points + found.skipped == 16
    assert any("skipped" in reason for reason in found.reasons)


def test_a_coarse_model_that_fails_alone_is_a_violation(enzyme, question):
    broken = standard_qssa(enzyme, 0.5)
    coarse = broken.coarse.replace(
        reactions=(*broken.coarse.reactions, *ms.model("x", species={"S": 1}, reactions=["g: -> S; S^2"]).reactions)
    )
    found = verify(
        dataclasses.replace(broken, coarse=coarse), dataclasses.replace(question, observables=("P",)), points=2
    )
    assert found.violations == 2 and found.worst == np.inf


def test_what_the_small_model_cannot_express_is_said(enzyme, question):
    found = verify(standard_qssa(enzyme, 0.9), dataclasses.replace(question, observables=("P", "C")), points=2)
    assert found.not_compared == ("C",) and any("cannot express" in r for r in found.reasons)


def test_eliminated_fast_species_count_after_the_initial_layer_only(enzyme, question):
    lifted = standard_qssa(enzyme, 0.9)
    c = Symbol("V") * Symbol("S") / (Symbol("Km") + Symbol("S"))
    with_c = dataclasses.replace(lifted, lift={**lifted.lift, "C": c})
    asked = dataclasses.replace(question, observables=("C",))
    early = verify(with_c, asked, points=1)
    late = verify(dataclasses.replace(with_c, layer_species=("C",), layer_time=1.0), asked, points=1)
    assert early.worst > 0.9 and early.violations == 1  # kcat = 1, so V S/(Km + S) is the complex; it starts from 0
    assert late.worst < 0.2 and late.violations == 0


def test_progress_and_time_limit(bridge, question):
    seen = []
    found = verify(bridge, question, points=5, progress=seen.append)
    assert seen == [0.0, 0.2, 0.4, 0.6, 0.8] and found.points == 5
    assert 1 <= verify(bridge, question, points=200, time_limit=0.0).points < 200


def test_an_empty_chain_is_true(enzyme, question):
    assert verify(Chain(enzyme), question, points=2).violations == 0


def test_observables_that_are_only_rounding_are_not_compared_digit_by_digit():
    model = ms.model(
        "gone", species={"A": 5, "B": 0}, parameters={"k": 1e4, "r": 1}, reactions=["d: A -> B; k*A", "e: B -> A; 0*B"]
    )
    asked = resolve(model, ms.Question(observables=["A"], horizon=1e3))
    found = verify(prune.attempt(model, None, asked), asked, points=4)
    assert found.violations == 0


def full_models(corpora):
    return sorted((corpora / "biomodels").glob("*.xml"))


@pytest.mark.full
def test_no_exact_bridge_is_violated_on_the_corpus(corpora):
    unfinished = {"BIOMD0000000472", "BIOMD0000000496"}  # metabolic networks that blow up over much of their region
    for path in full_models(corpora):
        if path.stem in unfinished:
            continue
        model = ms.read(path)
        asked = resolve(model)
        made = conserve.attempt(model, measure(model, asked), asked)
        if isinstance(made, Bridge):
            found = verify(made, asked, points=32)
            assert found.violations == 0, (path.stem, found.reasons)
