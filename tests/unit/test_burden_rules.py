"""Circuits with rules and constraints, put into a host."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import manyscale as ms
from manyscale.circuits.as_reactions import as_reactions
from manyscale.kernels import compile_model
from manyscale.model.parse import parse
from manyscale.model.parts import Constraint, Participant, Rule

PARAMETERS = {"k": "2 nM/s", "d": "0.002 1/s", "K": "50 nM", "c": "0.1 1/s", "u": "0.05 1/s"}
WRITTEN = ["a: -> A; k/(1 + B/K)", "la: A -> ; d*A", "b: -> B; k", "lb: B -> ; d*B"]


def circuit(reactions, rules=(), parameters=None, species=("A", "B")):
    return ms.model("circuit", species=dict.fromkeys(species, "0 nM"), parameters=parameters or PARAMETERS,
                    reactions=list(reactions), rules=list(rules))  # fmt: skip


def same_growth(one, other):
    a, b = ms.burden(one), ms.burden(other)
    assert a.growth_rate == pytest.approx(b.growth_rate, rel=1e-9)
    for id in ("A", "B"):
        assert a.values[id] == pytest.approx(b.values[id], rel=1e-6)


@pytest.mark.parametrize("rule", ["B' = k - d*B", "B' = d*(k/d - B)", "B' = -(d*B - k)"])
def test_rates_of_change_of_species_cost_what_reactions_cost(rule):
    same_growth(circuit(WRITTEN), circuit(WRITTEN[:2], [rule]))


def test_rates_of_change_become_reactions_with_the_same_equations():
    model = circuit(WRITTEN[:2], ["B' = k*A/(K + A) - d*B*(1 + A/K) + (c - u)*B"])
    found = as_reactions(model)
    assert len(found.reactions) == len(model.reactions) + 5 and not found.rules
    y = np.array([30.0, 70.0])
    for one in (model, found):
        kernel = compile_model(one)
        order = [kernel.system.states.index(id) for id in ("A", "B")]
        state = np.empty(2)
        state[order] = y
        rates = kernel.rhs(0.0, state, kernel.initial()[1])[order]
        assert rates == pytest.approx([2 / (1 + 70 / 50) - 0.06, 2 * 30 / 80 - 0.14 * 1.6 + 0.05 * 70], rel=1e-12)


def test_a_reaction_does_not_change_what_has_a_rate_of_change():
    model = circuit(WRITTEN[:2], ["B' = k - d*B"])
    use = replace(model["la"], id="use", reactants=(Participant("B", 1.0),), rate=parse("c*B"))
    boundary = tuple(replace(s, boundary=s.id == "B") for s in model.species)
    model = model.replace(species=boundary, reactions=(*model.reactions, use))
    assert not as_reactions(model)["use"].reactants


def test_an_inducer_that_decays_does_so_in_the_time_of_the_host():
    """A rate of change per second of the circuit is sixty times that per minute of the host."""
    parameters = {**PARAMETERS, "I": "3", "r": "0.001 1/s"}
    model = circuit(["a: -> A; k*I/(1 + I)", "la: A -> ; d*A"], ["I' = -r*I"], parameters, species=("A",))
    found = ms.burden(model)
    times = np.linspace(0.0, 60.0, 13)
    run = ms.simulate(found.model, times, rtol=1e-8)
    assert run["I"] == pytest.approx(3 * np.exp(-0.06 * times), rel=1e-6)
    standing = circuit(["a: -> A; k*I/(1 + I)", "la: A -> ; d*A"], (), parameters, species=("A",))
    assert run["A"][0] == pytest.approx(ms.simulate(ms.burden(standing).model, [0.0, 1.0])["A"][0], rel=1e-6)


def test_an_algebraic_rule_with_a_formula_is_that_formula():
    """F (1 + B/K) = k."""
    parameters = {**PARAMETERS, "F": "1 nM/s"}
    model = circuit(["a: -> A; F", *WRITTEN[1:]], (), parameters)
    model = model.replace(
        parameters=tuple(replace(p, constant=p.id != "F") for p in model.parameters),
        rules=(Rule("algebraic", parse("F*(1 + B/K) - k")),),
    )
    same_growth(circuit(WRITTEN), model)


@pytest.mark.parametrize(
    ("rule", "message"), [("A*A + A*B - K*K", "sets 'A'"), ("F*F*F*F*F + F + B/K - k", "without a formula")]
)
def test_algebraic_rules_without_a_formula_for_a_parameter_are_refused(rule, message):
    model = circuit(["b: -> B; k", "lb: B -> ; d*B"], (), {**PARAMETERS, "F": "1"})
    model = model.replace(
        parameters=tuple(replace(p, constant=p.id != "F") for p in model.parameters),
        rules=(Rule("algebraic", parse(rule)),),
    )
    if "F" in rule:
        model = model.replace(species=tuple(s for s in model.species if s.id != "A"))
    with pytest.raises(ms.InputError, match=message):
        ms.burden(model)


def test_constraints_are_looked_at_in_the_host():
    model = circuit(WRITTEN).replace(constraints=(Constraint(parse("A < 0.5*K"), "too much A"),))
    found = ms.burden(model)
    assert found.values["A"] > 0.5 * 50 * 0.602214
    assert any("too much A" in remark for remark in ms.simulate(found.model, [0.0, 1.0]).remarks)
    held = circuit(WRITTEN).replace(constraints=(Constraint(parse("A < 1000*K"), "too much A"),))
    assert not any("too much A" in remark for remark in ms.simulate(ms.burden(held).model, [0.0, 1.0]).remarks)


def test_delays_are_refused_with_the_reason():
    model = circuit(WRITTEN)
    first, *rest = model.reactions
    late = replace(first, rate=parse("k/(1 + delay(B, 5)/K)"))
    with pytest.raises(ms.InputError, match="delays"):
        ms.burden(model.replace(reactions=(late, *rest)))
