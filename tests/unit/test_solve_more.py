"""Claims about variables with formulas that events restart, that pairs of sums give, or whose sums have formulas as weights."""

import numpy as np
import pytest
from scipy.linalg import expm

import manyscale as ms
from manyscale.bridges.bridge import Bridge, Chain
from manyscale.bridges.certificate import Refusal
from manyscale.bridges.exact import solve
from manyscale.bridges.exact.own_sums import _kept, _proved, own_sums
from manyscale.kernels import compile_model
from manyscale.model.expr import Number, Symbol
from manyscale.scales import resolve

HELD_BACK = 200


def attempt(text, **options):
    model = ms.read(text)
    question = resolve(model, ms.Question(**({"horizon": 5} | options)))
    return solve.attempt(model, None, question), question


def holds(bridge, question):
    found = ms.verify(Chain(bridge.fine, (bridge,)), question, points=HELD_BACK)
    return found.ok and len(found.errors) == HELD_BACK and found.worst < 1e-5


CYCLE = """
model cycle
  species C, D; M = 1; mu = 0.6; C = 0.2; D = 0.5; k = 1; limit = 2;
  M' = mu*M;
  make: -> C; k*M; lose: C -> ; C*D; d: -> D; 0.3*C; dd: D -> ; 0.4*D*D;
  division: at (C > limit): M = 0.5*M, C = 0.1;
end
"""


def test_what_events_reset_grows_by_formula_from_one_event_to_the_next():
    bridge, question = attempt(CYCLE)
    assert isinstance(bridge, Bridge) and bridge.eliminated == ("M",) and bridge.certificate.tier == "exact"
    assert set(compile_model(bridge.coarse).system.states) == {"C", "D"}
    run = ms.simulate(CYCLE, np.linspace(0, 5, 40))
    assert np.abs(np.diff(np.log(run["M"]))).max() > 0.3  # there was a division
    assert holds(bridge, question)


def test_several_events_at_once_and_values_of_the_execution_restart_it_too():
    both = CYCLE.replace(
        "end", "at (time > 2), priority=2: M = 3*M; at (time > 2), priority=1, fromTrigger=false: M = M + 1; end"
    )
    bridge, question = attempt(both)
    assert bridge.eliminated == ("M",) and holds(bridge, question)


def test_a_reset_to_what_was_computed_earlier_is_refused():
    late = CYCLE.replace("division: at (C > limit)", "division: at 0.3 after (C > limit)")
    found, _ = attempt(late)
    assert isinstance(found, Refusal)
    now, question = attempt(late.replace("(C > limit)", "(C > limit), fromTrigger=false"))
    assert now.eliminated == ("M",) and holds(now, question)


def test_what_events_reset_leads_nothing_else_by_proportion():
    text = "model prop; species X, Y, P; X = 0; Y = 0; P = 1; a = 2; b = 3; x: -> X; a*P; y: -> Y; b*P; pp: P -> ; P*P*X; %s end"
    assert attempt(text % "")[0].eliminated == ("Y",)
    assert isinstance(attempt(text % "at (time > 1): X = 0;")[0], Refusal)


RECEPTORS = """
model receptors
  species A, B, AB, A_in, B_in; A = 1; B = 3; AB = 0; A_in = 0.5; B_in = 0.2;
  p = 0.8; q = 1.3; d = 0.2; k = 0.6; r = 0.3; on = 2;
  -> A; p; -> B; q; A -> ; d*A; B -> ; d*B; A -> A_in; k*A; A_in -> A; r*A_in; B -> B_in; k*B; B_in -> B; r*B_in;
  A + B -> AB; on*A*B; AB -> A_in + B_in; AB*AB;
end
"""


def test_two_sums_that_depend_on_each_other_alone_follow_two_exponentials():
    bridge, question = attempt(RECEPTORS)
    assert len(bridge.eliminated) == 2 and compile_model(bridge.coarse).size == 3
    assert holds(bridge, question)
    times = np.linspace(0, 5, 11)
    run = ms.simulate(bridge.coarse, times, rtol=1e-10)
    a = np.array([[-0.8, 0.3], [0.6, -0.3]])
    rest = -np.linalg.solve(a, [0.8 - 1.3, 0.0])
    closed = np.array([rest + expm(a * t) @ (np.array([1 - 3, 0.5 - 0.2]) - rest) for t in times])
    assert np.allclose(run["A"] - run["B"], closed[:, 0], atol=1e-8)
    assert np.allclose(run["A_in"] - run["B_in"], closed[:, 1], atol=1e-8)


def test_pairs_that_may_swing_or_have_no_state_at_rest_are_not_solved():
    swing = "model w; species A, B, C; A = 1; B = 2; C = 1; k = 1; r = 2; -> A; r*B; B -> ; k*A; C -> ; C*C*A*B; end"
    assert isinstance(attempt(swing)[0], Refusal)
    unlike = RECEPTORS.replace("B_in -> B; r*B_in", "B_in -> B; 1.01*r*B_in")
    assert isinstance(attempt(unlike)[0], Refusal)


def test_sums_whose_weights_are_formulas_in_the_constants_keep_their_value():
    text = "model v; species A, B, C, D; A = 1; B = 2; C = 0.5; D = 1; a = 1; b = 2; c = 3; d = 0.4; r: A -> ; a*A*D; s: -> B; b*A*D + c*C*C; t: C -> ; d*C*C; u: D -> ; D*A*C; end"
    bridge, question = attempt(text)
    assert len(bridge.eliminated) == 1 and holds(bridge, question)
    assert any("_per_" in k.id for k in bridge.coarse.parameters)
    assert isinstance(attempt(text.replace("-> B; b*A*D", "-> B; b*A*D + 0.01*B*D"))[0], Refusal)


def test_sums_of_right_hand_sides_are_told_to_vanish_only_where_they_do():
    a, b, x, y = Symbol("a"), Symbol("b"), Symbol("x"), Symbol("y")
    parts = {"x": {(x, y): -a * (b + 1), (): a}, "y": {(x, y): a * b, (x,): b}, "z": {(x, y): a, (x,): -b}}
    (found,) = own_sums(parts)
    assert set(found.weights) == {"x", "y", "z"} and found.flow == a and not found.rates
    wrong = {"x": Number(1.0), "y": Number(1.0), "z": Number(1.0001)}
    assert _proved(0, [wrong], parts) is None and _kept(wrong, parts) is None


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [("007", 13, 12), ("019", 81, 80), ("101", 6, 4), ("111", 9, 8), ("297", 19, 18), ("364", 12, 11)],
)
def test_biomodels_that_have_nothing_else_exact(corpora, name, before, after):
    model = ms.read(corpora / "biomodels" / f"BIOMD0000000{name}.xml")
    chain = ms.reduce(model, ms.Question(horizon=30.0), time_limit=0.5)
    steps = {bridge.name: bridge for bridge in chain}
    assert compile_model(steps["solve"].fine).size == before and compile_model(steps["solve"].coarse).size == after
    assert chain.proved.tier == "exact" and "solve" in {bridge.name for bridge in chain.proved}


def test_asked_for_proofs_a_search_keeps_no_step_that_is_only_estimated():
    text = """model tail; species S, C, M; S = 10; C = 0; M = 1; E0 = 0.1; on = 50; off = 20; cat = 30; mu = 0.2;
    E := E0 - C; S -> C; on*S*E - off*C; C -> ; cat*C; M -> ; mu*M; end"""
    question = ms.Question(horizon=60)
    whole, proved = (ms.reduce(text, question, time_limit=20, proved=proved) for proved in (False, True))
    assert "estimated" in {bridge.certificate.tier for bridge in whole} and whole.tier == "estimated"
    assert proved.tier in ("exact", "rigorous") and next(bridge.name for bridge in proved) == "solve"
    dropped = {bridge.name for bridge in whole} - {bridge.name for bridge in proved}
    for refusal in proved.refusals:
        dropped -= {refusal.name} if "not proved" in refusal.reason else set()
    assert not dropped
