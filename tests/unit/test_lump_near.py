"""Claims about sums with nearly equations of their own: accepted with a bound that holds, refused where it would not."""

from __future__ import annotations

import pytest

import manyscale as ms
from manyscale.bridges.bridge import Bridge, Chain
from manyscale.bridges.certificate import Refusal
from manyscale.bridges.examine import Examination
from manyscale.bridges.lump_search import lump_nearly
from manyscale.bridges.lumping.near import lump_near
from manyscale.bridges.norm import compare, grid
from manyscale.bridges.trials import Trials
from manyscale.kernels import compile_model
from manyscale.scales import resolve


def sites(broken: float, **changes) -> ms.Model:
    """A protein with two sites that bind a ligand; the second differs by a share `broken` in its constants."""
    fields = {
        "species": {"L": 2.0, "Puu": 1.0, "Pub": 0.0, "Pbu": 0.0, "Pbb": 0.0},
        "parameters": {"k1": 1.5, "k2": 1.5 * (1 + broken), "m1": 0.5, "m2": 0.5 * (1 - broken)},
        "reactions": [
            "a: L + Puu -> Pbu; k1*L*Puu", "b: L + Puu -> Pub; k2*L*Puu", "c: L + Pbu -> Pbb; k2*L*Pbu",
            "d: L + Pub -> Pbb; k1*L*Pub", "e: Pbu -> L + Puu; m1*Pbu", "f: Pub -> L + Puu; m2*Pub",
            "g: Pbb -> L + Pbu; m2*Pbb", "h: Pbb -> L + Pub; m1*Pbb",
        ],
    }  # fmt: skip
    return ms.model("sites", **{**fields, **changes})


def asked(model, tolerance=0.02, region=None, observables=("L",), horizon=3.0):
    region = {"L": (0.5, 2.0), "Puu": (0.5, 2.0)} if region is None else region
    return resolve(model, ms.Question(observables=observables, horizon=horizon, tolerance=tolerance, region=region))


def search(model, question, **options):
    return lump_nearly(Chain(model), question, time_limit=30, **options)


@pytest.mark.parametrize("broken", [0.01, 0.05])
def test_nearly_equal_sites_are_added_up_and_the_bound_holds(broken):
    model = sites(broken)
    question = asked(model)
    bridge = search(model, question)
    assert isinstance(bridge, Bridge) and bridge.certificate.tier == "estimated"
    assert compile_model(bridge.coarse).size <= 4 and ms.check(bridge.coarse) == []
    assert bridge.certificate.error.bound <= 0.02
    checked = ms.verify(bridge, question, points=24, seed=5)
    assert checked.violations == 0 and 0 < checked.worst <= bridge.certificate.error.bound


def test_a_larger_difference_costs_more():
    told = [lump_near(sites(b), [("Pub", "Pbu")], observables=["L"]) for b in (0.01, 0.1, 0.5)]
    errors = [compare(bridge, asked(bridge.fine)).worst for bridge in told]
    assert errors[0] < errors[1] < errors[2] and errors[0] < 1e-3 and errors[2] > 1e-3


def test_without_a_difference_the_sum_is_exact():
    bridge = lump_near(sites(0.0), [("Pub", "Pbu")], observables=["L"])
    assert compare(bridge, asked(bridge.fine), {"L": 1.1}).worst < 1e-7


def test_what_the_region_takes_apart_is_refused():
    """All constants vary by a factor of two on their own: sites that agree in the file do not over the region."""
    model = sites(0.01)
    found = search(model, asked(model, tolerance=1e-3, region=2.0))
    assert isinstance(found, Refusal)
    assert "more than the tolerance" in found.reason and found.tried


def switch() -> ms.Model:
    """Two precursors, almost alike, push P over a threshold or not."""
    return ms.model(
        "switch", species={"A": 0.5, "B": 0.5, "P": 0.0}, parameters={"ka": 0.26, "kb": 0.265, "v": 2.5, "d": 1.0, "q": 0.5},
        reactions=["a: A -> ; q*A", "b: B -> ; q*B", "up: -> P; ka*A + kb*B + v*P^2/(1 + P^2)", "down: P -> ; d*P"],
    )  # fmt: skip


def test_small_local_errors_that_a_threshold_blows_up_are_refused():
    """At some point of the region the error of the sum decides which of two states is reached."""
    model = switch()
    question = asked(
        model, 0.05, {"A": (0.25, 4.0), "B": (0.25, 4.0), "ka": (0.7, 1.4), "kb": (0.7, 1.4)}, ("P",), 30.0
    )
    told = lump_near(model, [("A", "B")], observables=["P"])
    trials = Trials(Chain(model), question, grid(question, 0.0, 81))
    trials.nominal()
    examination = Examination(trials, 0.05, 5.0)
    examination.draw(0.0, 1e12, lambda *_: None)
    tested = examination.examine(told)
    assert tested.failing is not None or tested.bound > 0.05
    assert isinstance(search(model, question), Refusal)


def test_observables_are_never_added_up():
    model = sites(0.0)
    found = search(model, asked(model, observables=("L", "Pub")))
    if isinstance(found, Bridge):
        assert "Pub" not in found.eliminated and "L" not in found.eliminated
    with pytest.raises(ms.InputError, match="observable"):
        lump_near(model, [("Pub", "Pbu")], observables=["Pub"])


def test_rules_that_tell_members_apart_keep_them_apart():
    model = sites(0.0, rules=["seen = Pub + 2*Pbu"])
    found = search(model, asked(model, observables=("seen",)))
    sums = found.certificate.recipe["sums"] if isinstance(found, Bridge) else []
    assert not any({"Pub", "Pbu"} <= set(ids) for ids in sums)
    alike = sites(0.01, rules=["seen = Pub + Pbu"])
    bridge = search(alike, asked(alike, observables=("seen",)))
    assert isinstance(bridge, Bridge) and ms.verify(bridge, asked(alike, observables=("seen",)), points=8).ok


def test_shares_are_taken_as_given():
    bridge = lump_near(sites(0.1), [("Pub", "Pbu")], shares={"Pub": 0.25, "Pbu": 0.75}, observables=["L"])
    assert bridge.certificate.tier == "measured" and bridge.certificate.recipe["shares"] == {"Pub": 0.25, "Pbu": 0.75}
    assert bridge.carry({"Pub": 0.2, "Pbu": 0.3})[next(iter(set(bridge.restrict) - {"L", "Puu", "Pbb"}))] == 0.5


@pytest.mark.parametrize(
    ("sums", "words"),
    [([("Pub", "Pxx")], "no variable"), ([("Pub", "Pbu"), ("Pbu", "Pbb")], "two sums")],
)
def test_bad_sums_are_refused(sums, words):
    with pytest.raises(ms.InputError, match=words):
        lump_near(sites(0.0), sums)


def test_what_cannot_be_added_up_is_refused():
    model = ms.model(
        "two", species={"A": "1 in a", "B": "1 in b", "P": "0 in a"}, compartments={"a": 1.0, "b": 2.0},
        parameters={"k": 1.0}, rates="amount", reactions=["r: A -> P; k*A*a", "s: B -> P; k*B*b"],
    )  # fmt: skip
    with pytest.raises(ms.InputError, match="cannot be added up"):
        lump_near(model, [("A", "B")])


def test_reduce_adds_up_for_named_observables_only():
    model = sites(0.02)
    region = {"L": (0.5, 2.0)}
    few = ms.Question(observables=["L"], horizon=3.0, tolerance=0.05, region=region)
    chain = ms.reduce(model, few, time_limit=30)
    assert chain.reductions and ms.verify(chain, few, points=8).violations == 0
    every = ms.reduce(model, ms.Question(horizon=3.0, region=region), time_limit=10)
    names = [bridge.name for bridge in every] + [refusal.name for refusal in every.refusals]
    assert "lump_near" not in names


def test_variables_that_stay_at_zero_do_no_harm():
    """They may join any class: nothing divides by their size."""
    model = sites(0.0, species={"L": 2.0, "Puu": 0.0, "Pub": 0.0, "Pbu": 0.0, "Pbb": 0.0})
    found = search(model, asked(model, region={"L": (0.5, 2.0)}))
    assert isinstance(found, Bridge) and ms.verify(found, asked(model, region={"L": (0.5, 2.0)}), points=4).ok
