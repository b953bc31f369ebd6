"""Claims about leaving out what the observables do not need."""

import pytest

import manyscale as ms
from manyscale.bridges.certificate import Refusal
from manyscale.bridges.exact import prune
from manyscale.bridges.norm import compare
from manyscale.kernels import compile_model
from manyscale.scales import resolve


def chain(**changes):
    fields = {
        "species": {"A": 4, "B": 0, "C": 0, "D": 1},
        "parameters": {"k1": 1, "k2": 0.5, "k3": 0.2, "seen": "= 2*B", "unseen": "= 3*D"},
        "reactions": ["r1: A -> B; k1*A", "r2: B -> C; k2*B", "r3: C + D -> ; k3*C*D"],
        "rules": ["seen = 2*B", "unseen = 3*D"],
    }
    fields["parameters"] = {k: v for k, v in fields["parameters"].items() if not str(v).startswith("=")}
    return ms.model("chain", **{**fields, **changes})


def attempt(model, *observables, **question):
    asked = resolve(model, ms.Question(observables=observables, horizon=10, **question))
    return prune.attempt(model, None, asked), asked


def test_what_lies_downstream_is_left_out():
    bridge, question = attempt(chain(), "B")
    assert compile_model(bridge.coarse).system.states == ("A", "B")
    assert {r.id for r in bridge.coarse.reactions} == {"r1", "r2"}
    assert set(bridge.eliminated) == {"C", "D"}
    assert "k3" not in bridge.coarse and "unseen" not in bridge.coarse
    assert compare(bridge, question, {"A": 3.0, "k2": 0.7}).worst < 1e-6
    assert bridge.certificate.tier == "exact"


def test_observing_everything_leaves_nothing_to_prune():
    found, _ = attempt(chain(), "A", "B", "C", "D")
    assert isinstance(found, Refusal) and "every differential equation" in found.reason


def test_constants_alone_are_not_worth_another_model():
    model = chain(species={"A": 4, "B": 0, "C": 0, "D": 1, "Z": "1 fixed"})
    found, _ = attempt(model, "A", "B", "C", "D")
    assert isinstance(found, Refusal)


def test_variables_of_rules_and_fluxes_can_be_observed():
    bridge, question = attempt(chain(), "seen")
    assert set(bridge.eliminated) == {"C", "D"} and "seen" in bridge.coarse
    assert compare(bridge, question).worst < 1e-6
    flux, question = attempt(chain(), "r2")
    assert compare(flux, question).worst < 1e-6 and set(flux.eliminated) == {"C", "D"}


def test_what_triggers_an_event_is_needed():
    model = chain(events=["at D < 0.8: A = A + 1"])
    found, _ = attempt(model, "B")
    assert isinstance(found, Refusal)


def test_events_on_what_nobody_needs_go_with_it():
    bridge, question = attempt(chain(events=["at time > 2: D = 5, A = A + 1", "at time > 3: D = 6"]), "B")
    assert [len(event.assignments) for event in bridge.coarse.events] == [1]
    assert compare(bridge, question).worst < 1e-6


def test_events_with_priorities_are_all_kept():
    model = chain(events=["at time > 2 priority 1: D = 5", "at time > 2 priority 2: A = 6"])
    found, _ = attempt(model, "B")
    assert isinstance(found, Refusal)  # D is set by one of them, and C changes D


def test_a_varying_volume_is_needed_by_its_species():
    model = ms.model(
        "cell", species={"A": 4, "B": 1, "V": 1}, compartments={"cell": 1}, parameters={"k": 1, "mu": 0.1},
        reactions=["r: A -> ; k*A", "g: -> V; mu*B"], rules=["cell' = mu*V"],
    )  # fmt: skip
    found, _ = attempt(model, "A")
    assert isinstance(found, Refusal)


def test_pruned_ids_cannot_be_lifted():
    bridge, _question = attempt(chain(), "B")
    with pytest.raises(ms.InputError, match="cannot express"):
        compare(bridge, resolve(bridge.fine, ms.Question(observables=["C"], horizon=10)))
    assert "C" not in bridge.lift


def test_unneeded_constraints_and_initial_assignments_go():
    model = chain(parameters={"k1": 1, "k2": 0.5, "k3": 0.2, "d0": 2}, species={"A": 4, "B": 0, "C": 0, "D": "= d0"},
                  rules=["seen = 2*B"])  # fmt: skip
    bridge, _ = attempt(model, "B")
    assert not bridge.coarse.initial_assignments and "d0" not in bridge.coarse
    assert not ms.check(bridge.coarse)


def test_published_gene_network_keeps_only_what_the_observable_sees(examples):
    model = ms.read(examples / "autoregulation_2002.ant")
    bridge, question = attempt(model, "p")
    assert compile_model(bridge.coarse).system.states == ("m", "p")
    assert compare(bridge, question).worst < 1e-6
