"""Claims about exact lumping: the small network is right, smallest, and refused where it cannot be."""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import manyscale as ms
from manyscale.bridges.bridge import Bridge
from manyscale.bridges.certificate import Refusal
from manyscale.bridges.exact import lump as method
from manyscale.bridges.exact.lump import lump
from manyscale.bridges.lumping.closure import Closure
from manyscale.bridges.lumping.readable import positive
from manyscale.kernels import compile_model
from manyscale.kernels.interpret import evaluate
from manyscale.scales import resolve


def phosphorylation(sites: int) -> ms.Model:
    """A protein with independent sites, each free (u), phosphorylated (p), bound to E (e) or to F (f)."""
    states = ["".join(s) for s in itertools.product("upef", repeat=sites)]
    reactions = []
    for s in states:
        for i in range(sites):
            if s[i] in "ef":
                continue
            bound, done, enzyme, k = ("e", "p", "E", 1) if s[i] == "u" else ("f", "u", "F", 4)
            complex_, product = (s[:i] + x + s[i + 1 :] for x in (bound, done))
            reactions += [
                f"S_{s} + {enzyme} -> S_{complex_}; k{k}*S_{s}*{enzyme}",
                f"S_{complex_} -> S_{s} + {enzyme}; k{k + 1}*S_{complex_}",
                f"S_{complex_} -> S_{product} + {enzyme}; k{k + 2}*S_{complex_}",
            ]
    return ms.model(
        f"phosphorylation{sites}", species={"E": 1, "F": 2, **{f"S_{s}": 5.0 * (s == "u" * sites) for s in states}},
        parameters={f"k{i}": 0.5 + 0.25 * i for i in range(1, 7)},
        reactions={f"r{k}": text for k, text in enumerate(reactions)},
    )  # fmt: skip


def worst_difference(bridge: Bridge, values=None, end: float = 3.0) -> float:
    """Largest difference between what the fine run says of the coarse variables and the coarse run, relative."""
    times = np.linspace(0.0, end, 31)
    fine = ms.simulate(bridge.fine, times, values=values, rtol=1e-11)
    coarse = ms.simulate(bridge.coarse, times, values=bridge.carry(values), rtol=1e-11)
    known = {id: fine[id] for id in fine.ids}
    worst = 0.0
    for id, formula in bridge.restrict.items():
        wanted = np.broadcast_to(evaluate(formula, 0.0, known), times.shape)
        worst = max(worst, float(np.abs(wanted - coarse[id]).max() / max(np.abs(wanted).max(), 1e-3)))
    return worst


@pytest.mark.parametrize("sites", [2, 3])
def test_independent_sites_become_one_site(sites):
    model = phosphorylation(sites)
    assert len(model.species) == 4**sites + 2 and len(model.reactions) == 6 * sites * 4 ** (sites - 1)
    bridge = lump(model, ["E", "F"])
    assert compile_model(bridge.coarse).size == 6 and len(bridge.coarse.reactions) == 6
    assert bridge.certificate.assumptions[0].status == "proved"
    assert worst_difference(bridge, {"k1": 3.0, "k6": 0.2, "S_" + "p" * sites: 1.0}) < 1e-9
    free = next(s for s in bridge.coarse.species if s.id.startswith("sum_S_u" + "u" * (sites - 1)))
    counts = {f"S_{s}": s.count("u") for s in map("".join, itertools.product("upef", repeat=sites)) if "u" in s}
    assert {s: Fraction(x) for s, x in bridge.certificate.recipe["sums"][free.id].items()} == counts


def test_observing_the_unmodified_protein_keeps_what_is_symmetric():
    """Species with the same numbers of u, p, e and f: (sites + 3 choose 3) of them, and both enzymes."""
    assert compile_model(lump(phosphorylation(3), ["S_uuu"]).coarse).size == 20 + 2


def doubled(seed: int) -> ms.Model:
    """A random network of which each species stands twice, copies reacting alike; sums of copies are lumpable."""
    random = np.random.default_rng(seed)
    size = int(random.integers(2, 4))
    reactions, parameters = [], {}
    for k in range(int(random.integers(2, 5))):
        left, right = random.integers(0, size, int(random.integers(1, 3))), random.integers(0, size, 2)
        parameters[f"k{k}"] = float(random.uniform(0.2, 2.0))
        for copies in itertools.product("ab", repeat=len(left)):
            names = [f"x{i}{c}" for i, c in zip(left, copies)]
            target = [f"x{i}{random.choice(['a', 'b'])}" for i in right[: 1 + k % 2]]
            reactions.append(f"{' + '.join(names)} -> {' + '.join(target)}; k{k}*{'*'.join(names)}")
    for k in range(size):  # so that nothing grows without end
        reactions += [f"x{k}{c} -> ; d*x{k}{c}*(x{k}a + x{k}b)" for c in "ab"]
    species = {f"x{k}{c}": float(random.uniform(0.1, 1.0)) for k in range(size) for c in "ab"}
    rules = ["seen = x0a + x0b"]
    return ms.model(
        f"doubled{seed}", species=species, parameters={**parameters, "d": 4.0}, reactions=reactions, rules=rules
    )


@given(seed=st.integers(0, 10_000), factor=st.floats(0.3, 3.0), start=st.floats(0.05, 2.0))
@settings(max_examples=25, deadline=None)
def test_the_lumped_trajectory_is_the_projection_of_the_full_one(seed, factor, start):
    model = doubled(seed)
    bridge = lump(model, ["seen"])
    assert compile_model(bridge.coarse).size <= compile_model(model).size // 2
    values = {"k0": factor, "x0a": start}
    assert worst_difference(bridge, values, 1.0) < 1e-9
    times = np.linspace(0, 1, 7)
    fine = ms.simulate(model, times, values=values, rtol=1e-11)["seen"]
    coarse = ms.simulate(bridge.coarse, times, values=bridge.carry(values), rtol=1e-11)["seen"]
    np.testing.assert_allclose(fine, coarse, rtol=1e-9)


def brute_force(matrices: list[list[list[Fraction]]], row: list[Fraction]) -> int:
    """Dimension of the smallest row space with `row` in it that all matrices map into itself, by dense elimination."""
    basis: list[list[Fraction]] = []
    todo = [row]
    while todo:
        left = list(todo.pop())
        for old in basis:
            pivot = next(i for i, x in enumerate(old) if x)
            if left[pivot]:
                factor = left[pivot] / old[pivot]
                left = [x - factor * y for x, y in zip(left, old)]
        if any(left):
            basis.append(left)
            todo += [[sum(left[i] * m[i][j] for i in range(len(left))) for j in range(len(left))] for m in matrices]
    return len(basis)


@given(seed=st.integers(0, 10_000))
@settings(max_examples=40, deadline=None)
def test_no_smaller_lumping_exists(seed):
    """dx/dt = sum_k q_k A_k x with sparse random A_k: against dense elimination over the rationals."""
    random = np.random.default_rng(seed)
    size, count = int(random.integers(2, 6)), int(random.integers(1, 4))
    matrices = [random.integers(-2, 3, (size, size)) * (random.random((size, size)) < 0.4) for _ in range(count)]
    rules = []
    for i in range(size):
        terms = [f"({m[i, j]})*q{k}*x{j}" for k, m in enumerate(matrices) for j in range(size) if m[i, j]]
        rules.append(f"x{i}' = {' + '.join(terms) or '0*x0'}")
    model = ms.model("linear", parameters={**{f"x{i}": 1 for i in range(size)}, **{f"q{k}": 0.1 for k in range(count)}},
                     rules=rules)  # fmt: skip
    exact = [[[Fraction(int(x)) for x in row] for row in m] for m in matrices]
    wanted = brute_force(exact, [Fraction(int(i == 0)) for i in range(size)])
    _, found = Closure(compile_model(model).system).close(["x0"])
    assert found.size == wanted
    if wanted < size:
        bridge = lump(model, ["x0"])
        assert compile_model(bridge.coarse).size == wanted and worst_difference(bridge, {"x1": 0.3}, 1.0) < 1e-9


def test_quadratic_equations_of_the_method_s_own_paper():
    """y1 = x1, y2 = x2 + 2 x3: y1' = y2^2, y2' = 2 y1' s drift; the third variable is not needed by itself."""
    model = ms.model(
        "toy", parameters={"x1": 0.2, "x2": 0.3, "x3": 0.1},
        rules=["x1' = x2^2 + 4*x2*x3 + 4*x3^2", "x2' = 4*x3 - 2*x1", "x3' = x1 + x2"],
    )  # fmt: skip
    bridge = lump(model, ["x1"])
    assert compile_model(bridge.coarse).size == 2
    assert list(bridge.certificate.recipe["sums"].values()) == [{"x2": "1", "x3": "2"}]
    assert worst_difference(bridge, end=0.5) < 1e-9


HILL = {
    "species": {"A": 0.4, "B": 0.7, "P": 0.0},
    "parameters": {"n": 2.5, "K": 0.6, "V": 1.3, "d": 0.4, "s": 0.2},
    "reactions": [
        "sa: -> A; s",
        "da: A -> ; d*A",
        "db: B -> ; d*B",
        "p: -> P; V*(A + B)^n/(K^n + (A + B)^n)",
        "dp: P -> ; d*P",
    ],
}


def test_hill_laws_with_any_exponent_are_lumped():
    bridge = lump(ms.model("hill", **HILL), ["P"])
    assert compile_model(bridge.coarse).size == 2
    assert worst_difference(bridge, {"n": 3.1, "A": 0.9}) < 1e-9


def test_what_an_observable_can_tell_apart_is_not_lumped():
    model = ms.model("hill", **HILL)
    found = method.attempt(model, None, resolve(model, ms.Question(horizon=1.0)))
    assert isinstance(found, Refusal) and found.value == 3
    with pytest.raises(ms.InputError, match="every equation"):
        lump(model, ["A", "P"])


def test_rates_that_differ_by_name_are_not_lumped_even_if_equal_in_value():
    changed = {**HILL, "parameters": {**HILL["parameters"], "e": 0.4}}
    changed["reactions"] = [text.replace("d*B", "e*B") for text in HILL["reactions"]]
    with pytest.raises(ms.InputError, match="every equation"):
        lump(ms.model("hill", **changed), ["P"])


def test_what_events_look_at_or_set_stays_visible():
    free = {**HILL, "events": ["at time > 1: P = P + 1"]}
    assert compile_model(lump(ms.model("m", **free), ["P"]).coarse).size == 2
    for event in ("at A < 0.2: P = 0", "at time > 1: B = 0.5", "at time > 1: P = A"):
        with pytest.raises(ms.InputError, match="every equation"):
            lump(ms.model("m", **{**HILL, "events": [event]}), ["P"])
    summed = lump(ms.model("m", **{**HILL, "rules": ["T = A + B"], "events": ["at T < 0.9: P = 2*T"]}), ["P"])
    assert compile_model(summed.coarse).size == 2 and worst_difference(summed) < 1e-9


def test_ids_that_would_change_their_meaning_are_gone():
    rules = ["T = A + B", "D = A - B"]
    bridge = lump(ms.model("m", **{**HILL, "rules": rules}), ["P"])
    assert "T" in bridge.coarse and "D" not in bridge.coarse
    assert "p" in bridge.coarse and "da" not in bridge.coarse  # one flux is a function of the sum, the other is not
    times = np.linspace(0, 2, 5)
    fine, coarse = (ms.simulate(m, times, rtol=1e-11) for m in (bridge.fine, bridge.coarse))
    for id in ("T", "p", "dp", "sa"):
        np.testing.assert_allclose(fine[id], coarse[id], rtol=1e-9, err_msg=id)


def test_fluxes_can_be_observed():
    bridge = lump(ms.model("m", **HILL), ["p"])
    assert compile_model(bridge.coarse).size == 1 and worst_difference(bridge) < 1e-9
    with pytest.raises(ms.InputError, match="every equation"):
        lump(ms.model("m", **{**HILL, "reactions": [*HILL["reactions"], "x: A -> ; 0*d*P*A"]}), ["p", "da", "db", "dp"])


def test_functions_and_initial_assignments_are_carried_over():
    changed = {**HILL}
    changed["functions"] = {"hill(x, k, h)": "x^h/(k^h + x^h)"}
    changed["reactions"] = [t if not t.startswith("p:") else "p: -> P; V*hill(A + B, K, n)" for t in HILL["reactions"]]
    changed["species"] = {"A": "= K + 0.1", "B": 0.7, "P": "= A + B"}
    changed["parameters"] = {**HILL["parameters"], "q": "= 2*A"}
    changed["reactions"].append("more: -> P; q*s")
    bridge = lump(ms.model("m", **changed), ["P"])
    assert compile_model(bridge.coarse).size == 2 and ms.check(bridge.coarse) == []
    assert worst_difference(bridge) < 1e-9 and worst_difference(bridge, {"K": 0.2, "B": 0.1}) < 1e-9
    assert bridge.carry({"K": 0.2})["q"] == pytest.approx(0.6)


def test_species_of_different_compartments_are_not_added_up():
    model = ms.model(
        "two", species={"A": "1 in a", "B": "2 in b", "C": "0.5 in a", "P": "0 in a"}, compartments={"a": 1.0, "b": 3.0},
        parameters={"d": 0.3, "k": 1.0}, rates="amount",
        reactions=["da: A -> ; d*A*a", "db: B -> ; d*B*b", "dc: C -> ; d*C*a", "p: -> P; k*(A*a + B*b + C*a)"],
    )  # fmt: skip
    bridge = lump(model, ["P"])
    assert {frozenset(x) for x in bridge.certificate.recipe["sums"].values()} == {frozenset({"A", "C"})}
    assert worst_difference(bridge, {"a": 2.0, "B": 0.3}) < 1e-9


@pytest.mark.parametrize(
    ("rules", "words"), [(["a' = 0.1*a"], "size changes"), (["A = delay(B, 1)"], "delay")], ids=["growth", "delay"]
)
def test_what_cannot_be_lumped_is_refused_by_name(rules, words):
    fields = {**HILL, "compartments": {"a": 1.0}, "rules": rules}
    if "delay" in words:
        fields["rules"], fields["parameters"] = ["W = delay(B, 1)"], {**HILL["parameters"]}
    model = ms.model("m", **fields)
    with pytest.raises(ms.InputError, match=words):
        lump(model, ["P"])


def test_bad_input_is_refused():
    model = ms.model("m", **HILL)
    with pytest.raises(ms.InputError, match="did you mean"):
        lump(model, ["PP"])
    with pytest.raises(ms.InputError, match="not one text"):
        lump(model, "P")
    with pytest.raises(ms.InputError, match="needs observables"):
        lump(model, [])


def test_the_lumped_network_is_written_and_read_as_sbml(tmp_path):
    bridge = lump(phosphorylation(2), ["E"])
    ms.write(bridge.coarse, tmp_path / "small.xml")
    again = ms.read(tmp_path / "small.xml")
    times = np.linspace(0, 2, 9)
    a, b = (ms.simulate(m, times, rtol=1e-10) for m in (bridge.coarse, again))
    np.testing.assert_allclose(a["E"], b["E"], rtol=1e-8)


def test_published_signalling_network_of_356_species_becomes_small(corpora):
    model = ms.read(corpora / "nets" / "egfr_net.net")
    assert compile_model(model).size == 356
    bridge = lump(model, ["Dimers"])
    assert compile_model(bridge.coarse).size == 4
    times = np.array([0.0, 1.0, 30.0, 120.0])
    fine, coarse = (ms.simulate(m, times, rtol=1e-9)["Dimers"] for m in (model, bridge.coarse))
    np.testing.assert_allclose(fine, coarse, rtol=1e-6)


@given(seed=st.integers(0, 10_000))
@settings(max_examples=60, deadline=None)
def test_sums_made_positive_span_the_same_and_can_be_filled(seed):
    random = np.random.default_rng(seed)
    count, rest = int(random.integers(1, 5)), int(random.integers(1, 5))
    rows = []
    for r in range(count):  # reduced row echelon form
        tail = {count + j: Fraction(int(x)) for j, x in enumerate(random.integers(-2, 4, rest)) if x}
        rows.append({r: Fraction(1), **tail})
    found, filled = positive(rows, [0] * (count + rest))
    before, after = (
        np.array([[float(row.get(i, 0)) for i in range(count + rest)] for row in part]) for part in (rows, found)
    )
    assert np.linalg.matrix_rank(np.vstack([before, after])) == count == np.linalg.matrix_rank(after)
    state = np.zeros((count + rest, count))  # y of each unit vector of sums
    for column, values in filled:
        state[column, list(values)] = [float(x) for x in values.values()]
    np.testing.assert_allclose(after @ state, np.eye(count), atol=1e-12)
    helped = [r for r in range(count) if min(rows[r].values()) < 0 and min(found[r].values()) > 0]
    assert all(min(rows[r].values()) > 0 or r in helped or found[r] == rows[r] for r in range(count))


def test_sums_of_published_networks_are_positive(corpora):
    model = ms.read(corpora / "nets" / "multisite2.net")
    bridge = lump(model, ["A1P"])
    assert compile_model(bridge.coarse).size == 9 and len(bridge.certificate.recipe["sums"]) == 7
    assert all(Fraction(x) > 0 for row in bridge.certificate.recipe["sums"].values() for x in row.values())
    assert worst_difference(bridge, {"kOnR": 0.02}, 0.5) < 1e-8


def test_proper_lumping_puts_each_species_into_one_plain_sum():
    """Independent sites: states with the same numbers of u, p, e, f are one class; the smallest lumping has 6."""
    model = phosphorylation(2)
    bridge = lump(model, ["E", "F"], proper=True)
    sums = bridge.certificate.recipe["sums"]
    assert compile_model(bridge.coarse).size == 10 + 2
    assert {frozenset(row) for row in sums.values()} == {
        frozenset({f"S_{a}{b}", f"S_{b}{a}"}) for a, b in itertools.combinations("upef", 2)
    }
    assert {x for row in sums.values() for x in row.values()} == {"1"}
    assert worst_difference(bridge, {"k1": 3.0, "S_up": 1.0}) < 1e-9
    with pytest.raises(ms.InputError, match="every equation"):
        lump(ms.model("hill", **HILL), ["A", "P"], proper=True)
    assert compile_model(lump(ms.model("hill", **HILL), ["P"], proper=True).coarse).size == 2
