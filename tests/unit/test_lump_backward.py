"""Claims about variables that stay equal: merged only where they start equal all over the region, and exactly."""

from __future__ import annotations

import numpy as np
import pytest

import manyscale as ms
from manyscale.bridges.bridge import Bridge
from manyscale.bridges.certificate import Refusal
from manyscale.bridges.exact import lump_backward as method
from manyscale.bridges.exact.lump_backward import lump_backward
from manyscale.bridges.lumping.partition import backward, forward
from manyscale.kernels import compile_model
from manyscale.scales import resolve

SITES = {
    "species": {"L": 2.0, "Puu": 1.0, "Pub": 0.0, "Pbu": 0.0, "Pbb": 0.0},
    "parameters": {"kon": 1.5, "koff": 0.5},
    "reactions": [
        "a: L + Puu -> Pbu; kon*L*Puu", "b: L + Puu -> Pub; kon*Puu*L", "c: L + Pbu -> Pbb; kon*L*Pbu",
        "d: L + Pub -> Pbb; kon*L*Pub", "e: Pbu -> L + Puu; koff*Pbu", "f: Pub -> L + Puu; koff*Pub",
        "g: Pbb -> L + Pbu; koff*Pbb", "h: Pbb -> L + Pub; koff*Pbb",
    ],
}  # fmt: skip


def sites(**changes) -> ms.Model:
    return ms.model("sites", **{**SITES, **changes})


def attempt(model, **question):
    return method.attempt(model, None, resolve(model, ms.Question(horizon=2.0, **question)))


def differences(bridge: Bridge, values=None) -> float:
    times = np.linspace(0.0, 2.0, 21)
    fine = ms.simulate(bridge.fine, times, values=values, rtol=1e-11)
    coarse = ms.simulate(bridge.coarse, times, values=bridge.carry(values), rtol=1e-11)
    return max(float(np.abs(fine[s.id] - coarse[s.id]).max()) for s in bridge.fine.species)


def test_species_that_start_at_zero_and_stay_equal_are_one_variable():
    bridge = attempt(sites())
    assert bridge.eliminated == ("Pbu",) or bridge.eliminated == ("Pub",)
    assert compile_model(bridge.coarse).size == 4 and len(bridge.coarse.reactions) == 4
    assert differences(bridge, {"kon": 0.3, "L": 1.4}) < 1e-9
    assert ms.check(bridge.coarse) == []


def test_equal_values_that_the_region_moves_apart_are_not_merged():
    started = sites(species={**SITES["species"], "Pub": 0.5, "Pbu": 0.5})
    assert isinstance(attempt(started), Refusal)
    held = attempt(started, region={"kon": (0.5, 2.0)})
    assert isinstance(held, Bridge) and differences(held, {"kon": 2.0}) < 1e-9


def test_starts_given_by_one_formula_are_equal():
    formulas = {**SITES["species"], "Pub": "= 0.1*kon", "Pbu": "= 0.1*kon"}
    assert isinstance(attempt(sites(species=formulas)), Bridge)
    formulas["Pbu"] = "= 0.1*koff"
    assert isinstance(attempt(sites(species=formulas)), Refusal)


def test_unequal_starts_given_later_are_refused():
    bridge = attempt(sites())
    with pytest.raises(ms.InputError, match="takes them as equal"):
        bridge.carry({"Pub": 0.2})


def test_another_rate_constant_breaks_the_symmetry_whatever_its_value():
    texts = [t.replace("koff*Pub", "kout*Pub") for t in SITES["reactions"]]
    model = sites(reactions=texts, parameters={"kon": 1.5, "koff": 0.5, "kout": 0.5})
    found = attempt(model)
    assert isinstance(found, Refusal) and "stay equal" in found.reason


def test_events_that_set_one_of_two_keep_them_apart():
    assert isinstance(attempt(sites(events=["at time > 1: Pub = 0.3"])), Refusal)
    looked = attempt(sites(events=["at Pub > 0.1: L = L + 1"]))
    assert isinstance(looked, Bridge) and differences(looked) < 1e-8


def test_hill_laws_and_rate_rules_can_be_symmetric_too():
    model = ms.model(
        "pair", species={"A": 0, "B": 0, "S": 1}, parameters={"n": 2.5, "K": 0.5, "d": 0.3, "u": 0, "v": 0},
        reactions=["a: -> A; S/(1 + (B/K)^n)", "b: -> B; S/(1 + (A/K)^n)", "da: A -> ; d*A", "db: B -> ; d*B"],
        rules=["u' = A - d*u", "v' = B - d*v"],
    )  # fmt: skip
    bridge = lump_backward(model)
    assert set(bridge.eliminated) == {"B", "v"} and compile_model(bridge.coarse).size == 2
    assert differences(bridge, {"S": 2.0, "n": 3.0}) < 1e-9


def test_nothing_to_merge_is_said():
    with pytest.raises(ms.InputError, match="start equal"):
        lump_backward(ms.model("one", species={"A": 1, "B": 2}, parameters={"k": 1}, reactions=["r: A -> B; k*A"]))
    with pytest.raises(ms.InputError, match="start equal"):
        lump_backward(sites(), moving=["Pub", "Pbb"])


def test_partitions_are_the_coarsest_by_trying_all():
    """Backward: equal rows of class sums; forward: equal column sums - against all partitions of four variables."""
    random = np.random.default_rng(5)
    for _ in range(20):
        a = random.integers(0, 2, (4, 4)) * random.integers(1, 3, (4, 4))
        rules = [f"x{i}' = {' + '.join(f'{a[i, j]}*q*x{j}' for j in range(4))}" for i in range(4)]
        model = ms.model("m", parameters={**{f"x{i}": 0 for i in range(4)}, "q": 1.0}, rules=rules)
        system = compile_model(model).system
        for found, matrix in ((backward(system, [0] * 4), a), (forward(system, [0] * 4), a.T)):
            good = [p for p in partitions(4) if respected(matrix, p)]
            assert max(found) + 1 == min(max(p) + 1 for p in good) and respected(matrix, found)


def partitions(size: int):
    found = [[]]
    for _ in range(size):
        found = [[*p, k] for p in found for k in range(max(p, default=-1) + 2)]
    return found


def respected(matrix: np.ndarray, labels) -> bool:
    """Rows of members of a class have the same sums over every class."""
    sums = np.array([[sum(row[j] for j in range(len(row)) if labels[j] == c) for c in set(labels)] for row in matrix])
    return all((sums[i] == sums[j]).all() for i in range(len(labels)) for j in range(len(labels))
               if labels[i] == labels[j])  # fmt: skip


def test_reduce_uses_it_where_all_species_are_observed():
    chain = ms.reduce(sites(), ms.Question(horizon=2.0), time_limit=20)
    assert "lump_backward" in [bridge.name for bridge in chain]
    assert ms.verify(chain, ms.Question(horizon=2.0), points=6).violations == 0


def test_reduce_lumps_where_few_observables_are_named():
    chain = ms.reduce(sites(), ms.Question(observables=["L"], horizon=2.0), time_limit=20)
    assert chain.bridges[0].name == "lump" and compile_model(chain.bridges[0].coarse).size == 3
    assert ms.verify(chain, ms.Question(observables=["L"], horizon=2.0), points=6).violations == 0
