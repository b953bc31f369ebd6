"""Claims about variables that have a formula of their own."""

import numpy as np
import pytest

import manyscale as ms
from manyscale.bridges.bridge import Bridge, Chain
from manyscale.bridges.certificate import Refusal
from manyscale.bridges.exact import conserve, solve
from manyscale.bridges.exact.signs import Signs
from manyscale.errors import InputError
from manyscale.kernels import compile_model
from manyscale.model.parse import parse
from manyscale.scales import resolve


def attempt(text_or_model, **options):
    model = ms.read(text_or_model) if isinstance(text_or_model, str) else text_or_model
    question = resolve(model, ms.Question(horizon=5, **options))
    return solve.attempt(model, None, question), question


DRUG = """
model drug
  compartment cell = 2; species D in cell, T in cell, X in cell, Y in cell, P in cell;
  D = 3; T = 0; X = 0; Y = 0; P = 1; kd = 0.7; s = 0.4; g = 0.2; a = 1.5; b = 0.3; K = 2; m = 0.6;
  decay: D -> ; cell*kd*D;
  make: -> T; cell*s; lose: T -> ; cell*g*T;
  x: -> X; cell*a*P^2/(K + P + D); xx: X -> ; cell*m*X;
  y: -> Y; cell*b*P^2/(K + P + D); yy: Y -> ; cell*m*Y;
  p: P -> ; cell*P*D*T;
end
"""


def test_linear_equations_and_rates_in_proportion_are_solved():
    bridge, question = attempt(DRUG)
    assert isinstance(bridge, Bridge)
    assert set(bridge.eliminated) == {"D", "T", "Y"}
    assert set(compile_model(bridge.coarse).system.states) == {"X", "P"}
    assert bridge.certificate.tier == "exact"
    found = ms.verify(Chain(bridge.fine, (bridge,)), question, points=16)
    assert found.ok and found.worst < 1e-5


def test_the_formulas_are_the_closed_ones():
    bridge, _ = attempt(DRUG)
    times = np.linspace(0.0, 4.0, 9)
    run = ms.simulate(bridge.coarse, times, rtol=1e-9)
    assert np.allclose(run["D"], 3 * np.exp(-0.7 * times), rtol=1e-7)
    assert np.allclose(run["T"], 0.4 / 0.2 * (1 - np.exp(-0.2 * times)), rtol=1e-7, atol=1e-12)
    assert np.allclose(run["Y"], 0.2 * run["X"], rtol=1e-7)


def test_a_difference_at_the_start_decays_or_stays():
    bridge, question = attempt(DRUG.replace("X = 0; Y = 0;", "X = 0.5; Y = 2;"))
    assert "Y" in bridge.eliminated
    assert ms.verify(Chain(bridge.fine, (bridge,)), question, points=8).worst < 1e-5
    assert bridge.carry({"X": 1.0})["Y_rest"] == pytest.approx(2 - 0.2 * 1.0)
    sums = (
        "model s; species A, B, C; A = 1; B = 0; C = 4; k = 2; q = 3; A -> ; A*C; r: -> B; k*A*C; c: -> C; q*A*C; end"
    )
    bridge, question = attempt(sums)  # coefficients of these conserved sums are rate constants
    assert compile_model(bridge.coarse).size == 1
    assert ms.verify(Chain(bridge.fine, (bridge,)), question, points=8).worst < 1e-5


def test_a_constant_input_gives_a_straight_line():
    bridge, question = attempt("model l; species A, B; A = 1; B = 2; f = 0.3; feed: -> A; f; out: B -> ; B*A; end")
    assert bridge.eliminated == ("A",)
    assert ms.verify(Chain(bridge.fine, (bridge,)), question, points=8).worst < 1e-5


def test_local_parameters_can_stand_in_the_formulas():
    text = """<?xml version="1.0"?><sbml xmlns="http://www.sbml.org/sbml/level3/version1/core" level="3" version="1"><model id="l">
    <listOfCompartments><compartment id="c" size="1" constant="true"/></listOfCompartments><listOfSpecies>
    <species id="A" compartment="c" initialConcentration="2" hasOnlySubstanceUnits="false" boundaryCondition="false" constant="false"/>
    <species id="B" compartment="c" initialConcentration="1" hasOnlySubstanceUnits="false" boundaryCondition="false" constant="false"/>
    </listOfSpecies><listOfReactions><reaction id="r" reversible="false" fast="false"><listOfReactants>
    <speciesReference species="A" stoichiometry="1" constant="true"/></listOfReactants><kineticLaw><math xmlns="http://www.w3.org/1998/Math/MathML">
    <apply><times/><ci>k</ci><ci>A</ci></apply></math><listOfLocalParameters><localParameter id="k" value="0.5"/></listOfLocalParameters>
    </kineticLaw></reaction><reaction id="s" reversible="false" fast="false"><listOfReactants>
    <speciesReference species="B" stoichiometry="1" constant="true"/></listOfReactants><kineticLaw><math xmlns="http://www.w3.org/1998/Math/MathML">
    <apply><times/><ci>A</ci><ci>B</ci><ci>B</ci></apply></math></kineticLaw></reaction></listOfReactions></model></sbml>"""
    bridge, question = attempt(ms.read(text))
    assert bridge.eliminated == ("A",) and "r.k" not in {k.id for k in bridge.coarse.parameters}
    assert ms.verify(Chain(bridge.fine, (bridge,)), question, points=8).worst < 1e-5


def test_what_events_change_or_differs_in_decay_is_not_solved():
    changed = DRUG.replace("end", "at (time > 1): kd = 2; at (time > 2): X = 1; end")
    bridge, _ = attempt(changed)
    assert set(bridge.eliminated) == {"T"}
    bridge, _ = attempt(DRUG.replace("yy: Y -> ; cell*m*Y", "yy: Y -> ; cell*(m + 0.1)*Y"))
    assert "Y" not in bridge.eliminated


def test_a_rate_that_may_vanish_in_the_region_is_not_divided_by():
    text = "model v; species A, B; A = 1; B = 2; k = 1; q = 1; feed: -> A; k - q*A; out: B -> ; B*A; end"
    bridge, _ = attempt(text, region={"k": (0.5, 2.0)})
    assert bridge.eliminated == ("A",)
    found, _ = attempt(text.replace("feed: -> A; k - q*A", "feed: A -> ; (k - q)*A"))
    assert isinstance(found, Refusal)
    found, _ = attempt(text, region={"q": ("0", "1")})
    assert isinstance(found, Refusal)


def test_the_small_model_refuses_a_start_for_which_it_was_not_made():
    bridge, _ = attempt(DRUG)
    with pytest.raises(InputError, match="Y = 1"):
        bridge.carry({"Y": 1.0})


def test_a_model_without_such_variables_is_refused():
    found, _ = attempt("model n; species A, B; A = 1; B = 2; k = 1; r: A + B -> ; k*A*B*A; q: -> B; A; end")
    assert isinstance(found, Refusal) and "linear equation of its own" in found.reason


def test_biomodels_whose_variables_have_formulas(corpora):
    for name, before, after in (("226", 13, 12), ("313", 11, 7)):
        model = ms.read(corpora / "biomodels" / f"BIOMD0000000{name}.xml")
        chain = ms.reduce(model, ms.Question(horizon=30.0), time_limit=0.5)
        step = next(b for b in chain if b.name == "solve")
        assert compile_model(step.fine).size == before and compile_model(step.coarse).size == after


TURNOVER = """
model turnover
  compartment c = 1.5; species A in c, B in c, AB in c, X in c;
  A = 2; B = 0.5; AB = 0.1; X = 1; s = 0.8; d = 0.3; u = 1.2; e = 0.45; on = 2; off = 0.7; V = 1.1; K = 0.4;
  make: -> A; c*s; a: A -> ; c*d*A; bmake: -> B; c*u; b: B -> ; c*e*B;
  bind: A + B -> AB; c*(on*A*B - off*AB); ab: AB -> B; c*d*AB; ba: AB -> A; c*e*AB;
  x: X -> ; c*V*X*AB/(K + X);
end
"""


def test_all_forms_of_what_is_made_and_lost_at_one_rate_are_a_sum_with_a_formula():
    bridge, question = attempt(TURNOVER)
    assert set(compile_model(bridge.coarse).system.states) == {"AB", "X"}
    assert ms.verify(Chain(bridge.fine, (bridge,)), question, points=16).worst < 1e-5
    carried = bridge.carry({"A": 1.0, "AB": 0.25})
    assert carried["A_rest"] == pytest.approx(1.25) and carried["B_rest"] == pytest.approx(0.75)


def test_a_form_that_is_lost_at_another_rate_breaks_the_sum():
    other = TURNOVER.replace("ab: AB -> B; c*d*AB", "ab: AB -> B; c*(d + 0.01)*AB")
    bridge, _ = attempt(other)
    assert set(bridge.eliminated) == {"B"} or set(bridge.eliminated) == {"AB"}


def test_a_sum_that_needs_equal_values_of_two_constants_is_not_taken():
    same = TURNOVER.replace("e = 0.45", "e = 0.45; f = 0.3").replace("ab: AB -> B; c*d*AB", "ab: AB -> B; c*f*AB")
    bridge, _ = attempt(same)
    assert len(bridge.eliminated) == 1


def test_the_sums_of_a_cell_cycle_model(corpora):
    model = ms.read(corpora / "biomodels" / "BIOMD0000000056.xml")
    bridge, question = attempt(model)
    assert len(bridge.eliminated) == 3
    assert ms.verify(Chain(model, (bridge,)), question, points=4).ok


@pytest.mark.parametrize(
    ("text", "solved"),
    [
        ("-> X; c; X -> ; k*X; X = 1; c = 2; k = 3", True),
        ("-> X; c; X -> ; k*X; X = 1; c = 2; j = 2; k = j - 1", False),  # k changes its sign where j is below 1
        ("-> X; c; X -> ; k*X; X = 1; c = 2; j = 2; k = j + 1", True),
        ("-> X; c; X -> ; ln(k)*X; X = 1; c = 2; k = 1.5", False),
    ],
)
def test_what_is_divided_by_keeps_its_sign_over_the_region(text, solved):
    model = ms.read(text + "\n-> Z; X*Z; Z -> ; Z^2; Z = 1")
    question = ms.Question(horizon=5.0, observables=("Z",))
    found = ms.reduce(model, question, time_limit=1.0)
    assert ("X" in {id for b in found.bridges if b.name == "solve" for id in b.eliminated}) == solved


@pytest.mark.parametrize(("total", "sign"), [("A + B", 1.0), ("B - A", 0.0)])
def test_a_total_has_the_sign_of_what_it_is_made_of(total, sign):
    """With factors of two B - A is positive at one corner of the region and negative at another."""
    change = "A -> B; k*A; B -> A; k*B" if total == "A + B" else "A + B -> ; k*A*B"
    model = ms.read(f"{change}; A = 3; B = 2; k = 1; m = -2")
    question = resolve(model, ms.Question(horizon=2.0))
    step = conserve.attempt(model, None, question)
    before = Chain(model, (step,))
    (name,) = [id for id in step.restrict if id not in model]
    signs = Signs(step.coarse, question.box, before)
    assert signs.of(parse(f"k*{name}")) == sign
    assert signs.of(parse(f"-k*{name}/(1 + {name})")) == -sign
    assert signs.of(parse("m")) == 0.0 and signs.of(parse("exp(m)*k")) == 1.0 and signs.of(parse("ln(k + 1)")) == 0.0
    assert signs.of(parse("k - 0.1")) == 0.0
