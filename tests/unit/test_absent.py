"""Claims about leaving out what is never there."""

import pytest

import manyscale as ms
from manyscale.bridges.exact.absent import absent, never_there
from manyscale.bridges.norm import compare
from manyscale.errors import InputError
from manyscale.kernels import compile_model
from manyscale.scales import resolve


def receptor(**changes):
    """A receptor R with a drug D that nobody gives: D, its complex and what the complex makes stay away."""
    fields = {
        "species": {"R": 4, "D": 0, "C": 0, "Q": 0, "S": 2, "P": 0},
        "parameters": {"on": 1, "off": 0.5, "k": 0.2, "v": 0.3, "K": 0.7},
        "reactions": ["bind: R + D -> C; on*R*D - off*C", "make: C -> C + Q; k*C", "lose: Q -> ; v*Q/(K + Q)",
                      "work: S -> P; k*S*R"],
    }  # fmt: skip
    return ms.model("receptor", **{**fields, **changes})


def test_what_nothing_makes_is_left_out_exactly():
    bridge = absent(receptor())
    assert bridge.eliminated == ("D", "C", "Q", "R")  # and R, which has nothing left to bind, never changes
    assert set(compile_model(bridge.coarse).system.states) == {"S", "P"}
    assert {r.id for r in bridge.coarse.reactions} == {"work"}
    assert bridge.certificate.tier == "exact"
    question = resolve(bridge.fine, ms.Question(horizon=10))
    assert compare(bridge, question, {"S": 3.0, "k": 0.7}).worst < 1e-6


def test_one_way_in_is_enough_for_all_that_follows():
    model = receptor(reactions=["feed: -> D; v", "bind: R + D -> C; on*R*D - off*C", "make: C -> C + Q; k*C"])
    assert never_there(model)[0] == ()
    assert never_there(receptor(species={"R": 4, "D": 0, "C": 0.1, "Q": 0, "S": 2, "P": 0}))[0] == ()


def test_a_production_with_the_constant_zero_makes_nothing_and_the_claim_names_it():
    model = receptor(
        parameters={"on": 1, "off": 0.5, "k": 0.2, "v": 0.0},
        reactions=["feed: -> D; v", "bind: R + D -> C; on*R*D - off*C", "work: S -> P; k*S"],
    )
    gone, constants = never_there(model)
    assert set(gone) == {"D", "C"} and constants == ("v",)
    with pytest.raises(InputError, match="v = 1"):
        absent(model).carry({"v": 1.0})
    assert "D" not in never_there(model, moving={"v"})[0]


def test_what_an_event_or_an_initial_assignment_gives_is_there():
    assert never_there(receptor(events=["at time > 1: D = D + 1"]))[0] == ()
    model = ms.read("model m; species D, C; D := 0; A = 0; C = 2*A; r: C -> D2; C; D2 = 0; A -> ; A; end")
    assert "C" not in never_there(model)[0]


def test_a_rate_without_a_value_at_zero_proves_nothing():
    share = ms.model("share", species={"A": 0, "B": 0, "S": 1}, parameters={"k": 1},
                     reactions=["r: A -> ; k*A/(A + B)", "q: B -> ; k*B", "s: S -> ; k*S"])  # fmt: skip
    assert never_there(share)[0] == ("B",)
    root = ms.model(
        "root", species={"A": 0, "S": 1}, parameters={"k": 1}, reactions=["r: A -> ; k*A/A^2", "s: S -> ; k*S"]
    )
    assert never_there(root)[0] == ()


def test_the_small_model_refuses_a_start_in_which_something_is_there():
    with pytest.raises(InputError, match="D = 1"):
        absent(receptor()).carry({"D": 1.0})


def test_a_model_without_anything_missing_is_refused():
    with pytest.raises(InputError, match="every variable is there"):
        absent(ms.model("one", species={"A": 1, "B": 0}, parameters={"k": 1}, reactions=["r: A -> B; k*A"]))


def test_a_region_that_brings_it_in_keeps_it():
    chain = ms.reduce(receptor(), ms.Question(horizon=5, region={"D": ("0", "1")}), time_limit=5)
    assert "absent" not in [b.name for b in chain] or "D" not in next(b for b in chain if b.name == "absent").eliminated


def test_the_reduction_starts_with_it_and_holds():
    chain = ms.reduce(receptor(), ms.Question(horizon=10), time_limit=10)
    assert chain.bridges[0].name == "absent"
    assert chain.bridges[0] in chain.reductions
    assert ms.verify(chain, ms.Question(horizon=10), points=8).ok


def test_the_proved_part_of_a_chain_ends_at_the_first_estimate():
    fast = receptor(parameters={"on": 1, "off": 0.5, "k": 0.2, "v": 0.3, "K": 0.7, "f": 500.0, "g": 400.0},
                    species={"R": 4, "D": 0, "C": 0, "Q": 0, "S": 2, "P": 0, "Y": 1},
                    reactions=["bind: R + D -> C; on*R*D - off*C", "make: C -> C + Q; k*C", "lose: Q -> ; v*Q/(K + Q)",
                               "work: S -> P; k*S*R*Y/(1 + Y)", "y: -> Y; f*S/(1 + S)", "z: Y -> ; g*Y"])  # fmt: skip
    chain = ms.reduce(fast, ms.Question(horizon=10), time_limit=15)
    assert chain.tier == "estimated" and chain.proved.tier == "exact"
    assert chain.proved.bridges == chain.bridges[: len(chain.proved)] and 0 < len(chain.proved) < len(chain)
