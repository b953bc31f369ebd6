"""Lowering: what is a state, a parameter, a variable, and what changes how, as SBML defines it."""

from __future__ import annotations

import pickle
from fractions import Fraction

import numpy as np
import pytest

from manyscale.errors import InputError
from manyscale.kernels import compile_model
from manyscale.kernels.lower import lower
from manyscale.model.expr import Call, Delay, Number, Piecewise, RateOf, Relation, Symbol, Time
from manyscale.model.model import Model
from manyscale.model.parts import (
    Compartment,
    Event,
    Function,
    InitialAssignment,
    Parameter,
    Participant,
    Reaction,
    Rule,
    Species,
)

S = Symbol
CELL = Compartment("c", 2.0)


def reaction(id, reactants, products, rate, **more):
    def parts(ids):
        return tuple(p if isinstance(p, Participant) else Participant(p) for p in ids)

    return Reaction(id, parts(reactants), parts(products), rate=rate, **more)


def start(model, values=None):
    kernel = compile_model(model)
    return (kernel, *kernel.initial(values))


def decay(**more):
    """A -> B in a compartment of size 2 at rate k*A*c."""
    given = {
        "compartments": (CELL,),
        "species": (Species("A", "c", 3.0), Species("B", "c", 0.0)),
        "parameters": (Parameter("k", 0.5),),
        "reactions": (reaction("r", ["A"], ["B"], S("k") * S("A") * S("c")),),
    }
    return Model(**{**given, **more})


def test_concentrations_change_by_rate_over_volume():
    kernel, y, p = start(decay())
    assert kernel.system.states == ("A", "B")
    assert not any(kernel.system.state_is_amount)
    np.testing.assert_allclose(kernel.rhs(0.0, y, p), [-1.5, 1.5])
    np.testing.assert_allclose(kernel.rates(0.0, y, p), [3.0])


def test_species_in_amounts_change_by_the_rate_itself():
    species = (Species("A", "c", 6.0, "amount", only_substance=True), Species("B", "c", 0.0, only_substance=True))
    kernel, y, p = start(decay(species=species))
    assert kernel.system.state_is_amount == (True, True)
    np.testing.assert_allclose(kernel.rhs(0.0, y, p), [-6.0, 6.0])


def test_conversion_factors_of_model_and_species():
    species = (Species("A", "c", 3.0, conversion_factor="f"), Species("B", "c", 0.0))
    parameters = (Parameter("k", 0.5), Parameter("f", 10.0), Parameter("g", 100.0))
    kernel, y, p = start(decay(species=species, parameters=parameters, conversion_factor="g"))
    np.testing.assert_allclose(kernel.rhs(0.0, y, p), [-15.0, 150.0])


def test_boundary_and_constant_species_are_parameters():
    species = (Species("A", "c", 3.0, boundary=True), Species("B", "c", 0.0), Species("C", "c", 1.0, constant=True))
    kernel, _y, _p = start(decay(species=species))
    assert kernel.system.states == ("B",)
    assert {"A", "C"} <= set(kernel.system.parameters)


def test_growing_compartments_dilute_but_conserve_amounts():
    cell = Compartment("c", 2.0, constant=False)
    rules = (Rule("rate", Number(0.1) * S("c"), "c"),)
    kernel, y, p = start(
        decay(compartments=(cell,), rules=rules, reactions=(reaction("r", ["A"], ["B"], Number(0.0)),))
    )
    assert kernel.system.states == ("A", "B", "c")
    assert kernel.system.state_is_amount == (True, True, False)
    np.testing.assert_allclose(y, [6.0, 0.0, 2.0])
    np.testing.assert_allclose(kernel.rhs(0.0, y, p), [0.0, 0.0, 0.2])
    y[2] = 3.0
    assert kernel.values(0.0, y, p)["A"] == pytest.approx(2.0)


def test_an_event_on_a_volume_keeps_amounts_those_it_assigns_included():
    cell = Compartment("c", 2.0, constant=False)
    event = Event("e", Relation(">", Time(), Number(1.0)), (("c", Number(4.0)), ("B", Number(5.0))))
    kernel, y, p = start(decay(compartments=(cell,), events=(event,)))
    y, p = kernel.apply_event(0, kernel.event_values(0, 1.0, y, p), 1.0, y, p)
    values = kernel.values(1.0, y, p)
    assert values["c"] == 4.0
    assert values["A"] == pytest.approx(1.5)
    assert values["B"] == pytest.approx(2.5)  # set at the volume before, then diluted with everything else


def test_assignment_rules_in_any_order_and_reaction_rates_as_symbols():
    parameters = (*(Parameter(x, constant=False) for x in "uvw"), Parameter("k", 0.5))
    rules = (
        Rule("assignment", S("v") + 1.0, "u"),
        Rule("assignment", 2.0 * S("w"), "v"),
        Rule("assignment", S("r") * 3.0, "w"),
    )
    kernel, y, p = start(decay(parameters=parameters, rules=rules))
    assert kernel.values(0.0, y, p)["u"] == pytest.approx(1.0 + 2.0 * 3.0 * 3.0)


def test_circular_rules_are_refused_by_name():
    parameters = (Parameter("u", constant=False), Parameter("v", constant=False))
    rules = (Rule("assignment", S("v"), "u"), Rule("assignment", S("u"), "v"))
    with pytest.raises(InputError, match=r"circle: .*u -> v|circle: .*v -> u"):
        lower(Model(parameters=parameters, rules=rules))


def test_functions_are_inlined_within_each_other_and_recursion_is_refused():
    functions = (
        Function("f", ("x", "y"), Call("g", (S("x"),)) + S("y")),
        Function("g", ("y",), S("y") * S("y")),
    )
    rate = Call("f", (S("A"), S("k")))
    kernel, y, p = start(decay(functions=functions, reactions=(reaction("r", ["A"], ["B"], rate),)))
    np.testing.assert_allclose(kernel.rates(0.0, y, p), [9.5])
    endless = (Function("f", ("x",), Call("f", (S("x"),))),)
    with pytest.raises(InputError, match="calls itself"):
        lower(decay(functions=endless, reactions=(reaction("r", ["A"], [], Call("f", (S("A"),))),)))


def test_local_parameters_hide_global_ones():
    local = (Parameter("k", 7.0),)
    model = decay(reactions=(reaction("r", ["A"], ["B"], S("k") * S("A"), local=local),))
    kernel, y, p = start(model)
    np.testing.assert_allclose(kernel.rates(0.0, y, p), [21.0])
    kernel, y, p = start(model, {"r.k": 2.0})
    np.testing.assert_allclose(kernel.rates(0.0, y, p), [6.0])


def test_linear_algebraic_rules_become_assignments():
    parameters = (Parameter("k", 0.5), Parameter("T", 10.0), Parameter("F", constant=False))
    rules = (Rule("algebraic", S("T") - S("A") - S("B") - 2.0 * S("F")),)
    kernel, y, p = start(decay(parameters=parameters, rules=rules))
    assert kernel.system.mass is None
    assert kernel.values(0.0, y, p)["F"] == pytest.approx(3.5)


def test_nonlinear_algebraic_rules_become_equations():
    parameters = (Parameter("k", 0.5), Parameter("F", 1.0, constant=False))
    rules = (Rule("algebraic", S("F") ** 2.0 - S("A")),)
    kernel, y, p = start(decay(parameters=parameters, rules=rules))
    assert kernel.system.states[-1] == "F"
    np.testing.assert_allclose(kernel.mass(p), np.diag([1.0, 1.0, 0.0]))
    np.testing.assert_allclose(kernel.rhs(0.0, y, p)[-1], 1.0 - 3.0)
    np.testing.assert_allclose(kernel.jacobian(0.0, y, p)[-1], [-1.0, 0.0, 2.0])


def test_too_many_algebraic_rules_are_refused():
    rules = (Rule("algebraic", S("A") - 1.0),)
    with pytest.raises(InputError, match="overdetermined"):
        lower(decay(rules=rules))


def test_initial_assignments_in_any_order_with_rates_and_overrides():
    parameters = (Parameter("k", 0.5), Parameter("a", 1.0), Parameter("b", 1.0))
    initial = (
        InitialAssignment("a", S("b") + S("r")),
        InitialAssignment("b", 2.0 * S("A")),
        InitialAssignment("A", S("k") * 8.0),
    )
    model = decay(parameters=parameters, initial_assignments=initial)
    kernel, y, p = start(model)
    at = dict(zip(kernel.system.parameters, p))
    assert y[0] == 4.0
    assert at["b"] == 8.0
    assert at["a"] == pytest.approx(8.0 + 0.5 * 4.0 * 2.0)
    kernel, y, p = start(model, {"A": 1.0})
    assert dict(zip(kernel.system.parameters, p))["b"] == 2.0


def test_unknown_overrides_are_refused_with_near_matches():
    with pytest.raises(InputError, match=r"kk.*did you mean k"):
        compile_model(decay()).initial({"kk": 1.0})


def test_amounts_and_concentrations_at_the_start():
    species = (Species("A", "c", 3.0, "amount"), Species("B", "c", 5.0, only_substance=True))
    _, y, _ = start(decay(species=species))
    np.testing.assert_allclose(y, [1.5, 10.0])
    _, y, _ = start(decay(species=species), {"c": 4.0, "B": 7.0})
    np.testing.assert_allclose(y, [0.75, 7.0])


def test_stoichiometry_is_exact_and_may_vary():
    half = Participant("B", 0.1)
    kernel, *_ = start(decay(reactions=(reaction("r", ["A"], [half], S("k")),)))
    assert kernel.system.stoichiometry == ((0, 0, Fraction(-1)), (1, 0, Fraction(1, 10)))
    moving = Participant("B", 1.0, id="s", constant=False)
    rules = (Rule("assignment", 2.0 * S("A"), "s"),)
    kernel, y, p = start(decay(reactions=(reaction("r", ["A"], [moving], S("k")),), rules=rules))
    np.testing.assert_allclose(kernel.rhs(0.0, y, p), [-0.25, 1.5])
    np.testing.assert_allclose(kernel.jacobian(0.0, y, p), [[0.0, 0.0], [0.5, 0.0]])


def test_ids_of_constant_stoichiometries_have_values():
    fixed = Participant("B", 3.0, id="s")
    kernel, y, p = start(decay(reactions=(reaction("r", ["A"], [fixed], S("k") * S("s")),)))
    assert kernel.values(0.0, y, p)["s"] == 3.0
    np.testing.assert_allclose(kernel.rates(0.0, y, p), [1.5])
    with pytest.raises(InputError, match="constant stoichiometry"):
        kernel.initial({"s": 2.0})


def test_rate_of_is_the_derivative():
    parameters = (Parameter("k", 0.5), Parameter("u", constant=False), Parameter("v", constant=False))
    rules = (Rule("assignment", RateOf("A"), "u"), Rule("assignment", RateOf("k"), "v"))
    kernel, y, p = start(decay(parameters=parameters, rules=rules))
    values = kernel.values(0.0, y, p)
    assert values["u"] == pytest.approx(-1.5)
    assert values["v"] == 0.0


def test_rate_of_a_variable_follows_the_chain_rule():
    parameters = (Parameter("k", 0.5), Parameter("q", constant=False), Parameter("u", constant=False))
    rules = (Rule("assignment", S("A") ** 2.0 + Time(), "q"), Rule("assignment", RateOf("q"), "u"))
    kernel, y, p = start(decay(parameters=parameters, rules=rules))
    assert kernel.values(0.0, y, p)["u"] == pytest.approx(2.0 * 3.0 * -1.5 + 1.0)


def test_fast_reactions_are_projected():
    species = (Species("A", "c", 3.0), Species("B", "c", 1.0), Species("P", "c", 0.0))
    model = decay(
        species=species,
        reactions=(
            reaction("fast", ["A"], ["B"], S("k") * (S("A") - 2.0 * S("B")), fast=True),
            reaction("slow", ["B"], ["P"], S("B")),
        ),
    )
    kernel, y, p = start(model)
    mass = kernel.mass(p)
    assert np.linalg.matrix_rank(mass) == 2
    amounts = np.array([mass[:2].sum(axis=0).any(), 0.0, CELL.size])  # the row of A + B counts amounts already
    np.testing.assert_allclose(amounts @ kernel.rhs(0.0, y, p), 0.0, atol=1e-14)
    zero = ~mass.any(axis=1)
    np.testing.assert_allclose(np.abs(kernel.rhs(0.0, y, p)[zero]), [0.5])


def test_delays_become_the_last_parameters():
    rate = Delay(S("A"), Number(2.0)) * S("k")
    kernel, _y, p = start(decay(reactions=(reaction("r", ["A"], ["B"], rate),)))
    assert kernel.system.parameters[-1] == kernel.system.delays[0].symbol
    assert p[-1] == 3.0  # before the start, the value at the start


def test_switches_of_triggers_pieces_and_floors_are_roots():
    parameters = (Parameter("k", 0.5), Parameter("x", constant=False))
    pieces = Piecewise(((Number(1.0), Relation("<", S("x"), Number(5.0))),), Call("floor", (S("A"),)))
    model = decay(
        parameters=parameters,
        rules=(Rule("assignment", 2.0 * Time(), "x"),),
        reactions=(reaction("r", ["A"], ["B"], pieces),),
        events=(Event("e", Relation(">=", S("A"), S("k")), ()),),
    )
    kernel, y, p = start(model)
    assert len(kernel.system.roots) == 3
    got = kernel.roots(1.0, y, p)
    assert any(abs(g - (2.0 - 5.0)) < 1e-12 for g in got)
    assert any(abs(g - (3.0 - 0.5)) < 1e-12 for g in got)


def test_kernels_are_kept_per_model_and_survive_pickling():
    model = decay()
    kernel = compile_model(model)
    assert compile_model(model) is kernel
    again = pickle.loads(pickle.dumps(kernel))
    y, p = again.initial()
    np.testing.assert_array_equal(again.rhs(0.0, y, p), kernel.rhs(0.0, y, p))


def test_values_over_time_come_in_one_call():
    kernel, _y, p = start(decay())
    states = np.array([[3.0, 0.0], [2.0, 1.0], [1.0, 2.0]])
    times = np.array([0.0, 1.0, 2.0])
    got = kernel.observe(["r", "A", "k"], times, states, p)
    np.testing.assert_allclose(got, [[3.0, 2.0, 1.0], [3.0, 2.0, 1.0], [0.5, 0.5, 0.5]])
    with pytest.raises(InputError, match="no 'Q'"):
        kernel.observe(["Q"], times, states, p)


def test_ensembles_start_like_their_members():
    initial = (InitialAssignment("B", S("A") * S("k")),)
    kernel = compile_model(decay(initial_assignments=initial))
    k, a = np.array([0.1, 0.2, 0.3]), np.array([1.0, 2.0, 3.0])
    states, parameters = kernel.initial_many({"k": k, "A": a, "c": 4.0}, 3)
    for row in range(3):
        y, p = kernel.initial({"k": k[row], "A": a[row], "c": 4.0})
        np.testing.assert_array_equal(states[row], y)
        np.testing.assert_array_equal(parameters[row], p)
    with pytest.raises(InputError, match="one number or 3"):
        kernel.initial_many({"k": np.ones(2)}, 3)


def test_functions_that_grow_without_end_are_refused():
    functions = [Function("f0", ("x",), S("x") + S("x") * 2.0)]
    for level in range(1, 60):
        inner = Call(f"f{level - 1}", (S("x"),))
        functions.append(Function(f"f{level}", ("x",), inner * inner + inner))
    rate = Call("f59", (S("A"),))
    with pytest.raises(InputError, match="more than"):
        lower(decay(functions=tuple(functions), reactions=(reaction("r", ["A"], [], rate),)))
    chain = [Function("f0", ("x",), S("x") + 1.0)]
    for level in range(1, 3000):
        chain.append(Function(f"f{level}", ("x",), Call("exp", (Call(f"f{level - 1}", (S("x"),)),))))
    with pytest.raises(InputError, match="nested too deeply"):
        lower(decay(functions=tuple(chain), reactions=(reaction("r", ["A"], [], Call("f2999", (S("A"),))),)))


def test_parameters_that_events_set_and_delays_look_back_at_have_a_past():
    parameters = (Parameter("k", 0.5), Parameter("q", 1.0, constant=False), Parameter("u", constant=False))
    event = Event("e", Relation(">", Time(), Number(1.0)), (("q", Number(4.0)),))
    rules = (Rule("assignment", Delay(S("q"), Number(2.0)), "u"),)
    kernel, y, p = start(decay(parameters=parameters, rules=rules, events=(event,)))
    assert kernel.system.states == ("A", "B", "q")
    assert kernel.rhs(0.0, y, p)[2] == 0.0
