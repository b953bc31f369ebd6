"""Laws that every bridge keeps; add a method to METHODS and it is held to all of them."""

import dataclasses
import random as random_module

import numpy as np
import pytest

import manyscale as ms
from manyscale.bridges.bridge import Bridge, Chain
from manyscale.bridges.certificate import TIERS
from manyscale.bridges.compose import start_values
from manyscale.bridges.exact import conserve, lump, prune
from manyscale.bridges.norm import compare
from manyscale.errors import InputError
from manyscale.kernels import compile_model
from manyscale.model.evaluate import evaluate
from manyscale.model.expr import Symbol, substitute, symbols
from manyscale.scales import measure, resolve
from manyscale.units import check_units

EXAMPLES = [
    "michaelis_menten_1925",
    "huang_ferrell_1996",
    "kholodenko_2000",
    "vilar_2002",
    "autoregulation_2002",
    "tyson_1991",
]
TWO_SITES = "two_sites"  # a protein with two independent sites, for methods that need symmetry
METHODS = {"conserve": (conserve, ()), "prune": (prune, 1), "lump": (lump, 1)}


def crossed(method: str, model: ms.Model) -> Bridge | None:
    module, last = METHODS[method]
    question = resolve(model)
    if last:
        question = dataclasses.replace(question, observables=question.observables[:1])
    found = module.attempt(model, measure(model, question), question)
    return found if isinstance(found, Bridge) else None


def two_sites() -> ms.Model:
    bound = {"u": "b", "b": "u"}
    reactions = []
    for s in ("uu", "ub", "bu", "bb"):
        for i in (0, 1):
            t = s[:i] + bound[s[i]] + s[i + 1 :]
            law = f"L + P{s} -> P{t}; kon*L*P{s}" if s[i] == "u" else f"P{s} -> L + P{t}; koff*P{s}"
            reactions.append(f"r_{s}_{i}: {law}")
    return ms.model(
        TWO_SITES, species={"L": "2 uM", "Puu": "1 uM", "Pub": "0 uM", "Pbu": "0 uM", "Pbb": "0 uM"},
        parameters={"kon": "1e6 1/(M s)", "koff": "0.5 1/s"}, reactions=reactions,
    )  # fmt: skip


@pytest.fixture(
    scope="module", params=[(m, e) for m in METHODS for e in (*EXAMPLES, TWO_SITES)], ids=lambda p: f"{p[0]}-{p[1]}"
)
def bridge(request, examples):
    method, example = request.param
    found = crossed(method, two_sites() if example == TWO_SITES else ms.read(examples / f"{example}.ant"))
    if found is None:
        pytest.skip(f"{method} refuses {example}")
    return found


def random_states(bridge: Bridge) -> dict[str, float]:
    random = np.random.default_rng(3)
    states = compile_model(bridge.coarse).system.states
    return {id: float(random.uniform(0.1, 1.0)) for id in states}


def test_restricting_what_was_lifted_gives_it_back(bridge):
    coarse = start_values(bridge.coarse, random_states(bridge))
    fine = dict(coarse)
    fine.update({id: evaluate(formula, coarse) for id, formula in bridge.lift.items()})
    for id, formula in bridge.restrict.items():
        if bridge.name == "lump" and not symbols(formula) <= set(fine):
            continue  # members of a sum cannot be told apart any more
        assert evaluate(formula, fine) == pytest.approx(coarse[id], rel=1e-9, abs=1e-12), id


def test_lifting_what_was_carried_over_gives_the_fine_start_back(bridge):
    if bridge.certificate.tier != "exact":
        pytest.skip("only exact bridges keep every value")
    random = np.random.default_rng(4)
    moved = {id: float(random.uniform(0.1, 1.0)) for id in compile_model(bridge.fine).system.states}
    fine = start_values(bridge.fine, moved)
    coarse = start_values(bridge.coarse, bridge.carry(moved))
    for id, formula in bridge.lift.items():
        assert evaluate(formula, coarse) == pytest.approx(fine[id], rel=1e-9, abs=1e-9), id


def test_every_fine_species_has_a_lift_or_was_pruned(bridge):
    for species in bridge.fine.species:
        assert species.id in bridge.lift or (bridge.name in ("prune", "lump") and species.id in bridge.eliminated)
        names = symbols(bridge.lift.get(species.id, Symbol("t")))
        assert species.id not in bridge.lift or all(name in bridge.coarse for name in names)


def test_the_coarse_model_is_smaller_and_passes_check(bridge):
    assert compile_model(bridge.coarse).size < compile_model(bridge.fine).size or bridge.name == "prune"
    assert ms.check(bridge.coarse) == [] or len(ms.check(bridge.coarse)) <= len(ms.check(bridge.fine))


def test_units_are_kept(bridge):
    if check_units(bridge.fine).ok:
        assert check_units(bridge.coarse).ok
    for part in bridge.coarse.parts():
        if part.id in bridge.fine and hasattr(part, "units"):
            assert part.units == bridge.fine[part.id].units


def test_the_coarse_model_is_written_and_read_back_the_same(bridge, tmp_path):
    path = tmp_path / "coarse.xml"
    ms.write(bridge.coarse, path)
    again = ms.read(path)
    times = np.linspace(0.0, float(resolve(bridge.fine).horizon), 21)
    a, b = ms.simulate(bridge.coarse, times, rtol=1e-9), ms.simulate(again, times, rtol=1e-9)
    for id in compile_model(bridge.coarse).system.states:
        np.testing.assert_allclose(a[id], b[id], rtol=1e-6, atol=1e-9 * np.abs(a[id]).max())


def test_certificates_are_complete(bridge):
    certificate = bridge.certificate
    assert certificate.tier in TIERS and certificate.claim and certificate.source_hash
    assert certificate.recipe["method"] == bridge.name
    assert {a.status for a in certificate.assumptions} <= {"proved", "checked", "assumed"}


def test_original_models_are_left_alone(examples):
    model = ms.read(examples / "michaelis_menten_1925.ant")
    before = repr(dataclasses.astuple(model))
    crossed("conserve", model)
    assert repr(dataclasses.astuple(model)) == before


def renamed(model: ms.Model, names: dict[str, str], seed: int) -> ms.Model:
    """The same network with other species ids, in another order."""

    def formula(expr):
        return None if expr is None else substitute(expr, {a: Symbol(b) for a, b in names.items()})

    def side(parts):
        return tuple(dataclasses.replace(p, species=names[p.species]) for p in parts)

    species = [dataclasses.replace(s, id=names[s.id]) for s in model.species]
    random_module.Random(seed).shuffle(species)
    reactions = [
        dataclasses.replace(r, reactants=side(r.reactants), products=side(r.products), rate=formula(r.rate),
                            modifiers=tuple(names[m] for m in r.modifiers), modifier_meta=())
        for r in model.reactions
    ]  # fmt: skip
    random_module.Random(seed + 1).shuffle(reactions)
    rules = tuple(
        dataclasses.replace(r, variable=names.get(r.variable, r.variable), formula=formula(r.formula))
        for r in model.rules
    )
    return model.replace(species=tuple(species), reactions=tuple(reactions), rules=rules)


@pytest.mark.parametrize("example", ["michaelis_menten_1925", "huang_ferrell_1996", "vilar_2002"])
def test_conserved_totals_do_not_depend_on_names_or_order(examples, example):
    model = ms.read(examples / f"{example}.ant")
    names = {s.id: f"z{len(model.species) - k}" for k, s in enumerate(model.species)}
    other = renamed(model, names, 5)
    a, b = crossed("conserve", model), crossed("conserve", other)
    assert {names[id] for id in a.eliminated} == set(b.eliminated)
    total = lambda bridge, rename: {  # noqa: E731
        frozenset((rename.get(s, s), c) for s, c in law.items()) for law in bridge.certificate.recipe["laws"].values()
    }
    assert total(a, names) == total(b, {})


def test_chains_compose_and_keep_the_weakest_tier():
    model = ms.model(
        "both", species={"S": 10, "E": 1, "C": 0, "P": 0, "X": 1}, parameters={"kf": 10, "kr": 10, "kcat": 1},
        reactions=["b: S + E <-> C; kf*S*E - kr*C", "c: C -> E + P; kcat*C", "x: X -> ; kcat*X*P"],
    )  # fmt: skip
    question = resolve(model, ms.Question(observables=["P", "C"], horizon=20))
    first = prune.attempt(model, None, question)
    second = conserve.attempt(first.coarse, None, question)
    chain = second @ first
    assert [b.name for b in chain] == ["prune", "conserve"] and len(chain) == 2
    assert chain.tier == "exact" and chain.certificate.error.bound == 0.0
    assert compile_model(chain.coarse).size == 2
    assert "X" not in chain.lift and set(symbols(chain.lift["P"])) <= set(chain.coarse.by_id)
    assert compare(chain, question, {"S": 5.0, "E": 2.0, "kf": 3.0}).worst < 1e-6
    assert (Chain(model) @ Chain(model)).bridges == ()
    with pytest.raises(InputError, match="do not meet"):
        first @ second


def test_errors_of_a_chain_add_up():
    from manyscale.bridges.certificate import Certificate, ErrorStatement

    model = ms.model("m", species={"A": 1}, parameters={"k": 1}, reactions=["d: A -> ; k*A"])

    def step(bound):
        certificate = Certificate("estimated", "x", error=ErrorStatement("n", bound / 2, bound))
        return Bridge("quasi_steady", model, model, {}, {"A": Symbol("A")}, certificate)

    whole = Chain(model, (step(0.02), step(0.03))).certificate
    assert whole.tier == "estimated"
    assert whole.error.bound == pytest.approx(0.02 + 0.03 * 1.02)
    assert any("region of each step" in a.text for a in whole.assumptions)


def random_network(seed: int) -> ms.Model:
    """Mass action among species that are amounts or concentrations in two compartments, some with conversion factors."""
    random = np.random.default_rng(seed)
    size = int(random.integers(3, 9))
    ids = [f"x{k}" for k in range(size)]
    places = {"a": float(random.uniform(0.5, 2)), "b": float(random.uniform(0.5, 2))}
    reactions = []
    for k in range(int(random.integers(1, size))):
        left, right = (
            random.choice(ids, 2, replace=False),
            random.choice(ids, int(random.integers(1, 3)), replace=False),
        )
        counts = random.integers(1, 3, size=2)
        sides = [" + ".join(f"{n} {s}" for n, s in zip(counts, side)) for side in (left[: 1 + k % 2], right)]
        reactions.append(f"r{k}: {sides[0]} -> {sides[1]}; {random.uniform(0.1, 2):.3f}*{'*'.join(left[: 1 + k % 2])}")
    model = ms.model(
        f"random{seed}", species={s: f"{random.uniform(0.5, 2):.3f} in {'ab'[k % 2]}" for k, s in enumerate(ids)},
        compartments=places, parameters={"cf": 2.5}, reactions=reactions, rates="amount",
    )  # fmt: skip
    species = tuple(
        dataclasses.replace(s, only_substance=bool(random.random() < 0.3),
                            conversion_factor="cf" if random.random() < 0.2 else None)
        for s in model.species
    )  # fmt: skip
    return model.replace(species=species)


@pytest.mark.parametrize("seed", range(40))
def test_totals_of_random_networks_replace_equations_exactly(seed):
    model = random_network(seed)
    question = resolve(model, ms.Question(horizon=1.0))
    found = conserve.attempt(model, measure(model, question), question)
    if not isinstance(found, Bridge):
        assert "no sum of amounts" in found.reason
        return
    moved = {s.id: 0.3 + 0.1 * k for k, s in enumerate(model.species)}
    assert compare(found, question, moved).worst < 1e-6
    assert compile_model(found.coarse).size == compile_model(model).size - len(found.eliminated)
