"""Where nothing holds over the whole region, the refusal says in which smaller one something does, and that is so."""

import manyscale as ms

# an enzyme whose complex is fast enough near the model's own values only
TEXT = "S + E -> C; k1*S*E; C -> S + E; k2*C; C -> P + E; k3*C;S = 10; E = 1.2; C = 0; P = 0; k1 = 1; k2 = 4; k3 = 1"


def test_the_advice_of_a_refusal_holds_when_it_is_followed():
    model = ms.read(TEXT)
    for tolerance in (0.008, 0.004):
        chain = ms.reduce(model, ms.Question(horizon=60.0, tolerance=tolerance))
        refusal = next((r for r in chain.refusals if r.name == "quasi_steady"), None)
        if refusal is not None and refusal.holds_within:
            break
    else:
        raise AssertionError("no tolerance at which only a smaller region passes")
    assert not chain.reductions and refusal.holds_within < 2.0
    assert f"factor {refusal.holds_within:g}" in refusal.advice
    again = ms.reduce(model, ms.Question(horizon=60.0, tolerance=tolerance, region=refusal.holds_within))
    assert again.reductions
    assert ms.verify(again, ms.Question(horizon=60.0, tolerance=tolerance, region=refusal.holds_within), points=40).ok


def test_no_advice_where_the_region_is_given_by_the_user_in_ranges():
    question = ms.Question(horizon=60.0, tolerance=1e-9, region={"k1": (0.5, 2.0)})
    chain = ms.reduce(ms.read(TEXT), question)
    assert not any(r.advice for r in chain.refusals)
