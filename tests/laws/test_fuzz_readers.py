"""Whatever is done to the text of a model, reading it gives a model or one of our own errors."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from manyscale.errors import ManyscaleError
from manyscale.formats import read, to_text

ROOT = Path(__file__).resolve().parent.parent.parent
CORPORA = Path(os.environ.get("MANYSCALE_CORPORA", ROOT.parent / "shared" / "corpora"))
CHECKS = list(HealthCheck)

ANTIMONY = """// a small model of everything
model cell()
  compartment c = 2; species S in c, $B in c, E in c
  const k = 0.5; var p = 1; unit mM = 1e-3 mole/litre
  function mm(s, v, m)
    v*s/(m + s)
  end
  v1: S -> 2 B; c*mm(S, k, p)
  v2: S + E => ; k*S*E - (p^2)/3
  S = 3; B = 0; E := sin(time) + piecewise(1, S > 2, 0)
  p' = -p*ln(2)
  at 2 after S < 1, priority = 3: k = 1, p = p + 1
  S has mM
end
"""
LEVEL_2 = """<?xml version="1.0" encoding="UTF-8"?>
<sbml xmlns="http://www.sbml.org/sbml/level2/version4" level="2" version="4"><model id="m" name="a name">
<notes><p xmlns="http://www.w3.org/1999/xhtml">text</p></notes>
<listOfFunctionDefinitions><functionDefinition id="f"><math xmlns="http://www.w3.org/1998/Math/MathML"><lambda>
<bvar><ci> u </ci></bvar><apply><power/><ci>u</ci><cn>2</cn></apply></lambda></math></functionDefinition>
</listOfFunctionDefinitions><listOfUnitDefinitions><unitDefinition id="substance"><listOfUnits>
<unit kind="mole" exponent="1" scale="-3" multiplier="1"/></listOfUnits></unitDefinition></listOfUnitDefinitions>
<listOfCompartments><compartment id="c" size="1.5" constant="false"/></listOfCompartments>
<listOfSpecies><species id="S" compartment="c" initialConcentration="1e-3" boundaryCondition="false"/>
<species id="P" compartment="c" initialAmount="2" hasOnlySubstanceUnits="true"/></listOfSpecies>
<listOfParameters><parameter id="k" value="0.1" units="second"/><parameter id="x" constant="false"/></listOfParameters>
<listOfInitialAssignments><initialAssignment symbol="x"><math xmlns="http://www.w3.org/1998/Math/MathML">
<cn type="e-notation"> 1 <sep/> -3 </cn></math></initialAssignment></listOfInitialAssignments>
<listOfRules><rateRule variable="c"><math xmlns="http://www.w3.org/1998/Math/MathML"><piecewise><piece><cn>1</cn>
<apply><lt/><csymbol encoding="text" definitionURL="http://www.sbml.org/sbml/symbols/time"> t </csymbol><cn>5</cn></apply>
</piece><otherwise><cn>0</cn></otherwise></piecewise></math></rateRule></listOfRules>
<listOfReactions><reaction id="r" reversible="false"><listOfReactants><speciesReference species="S" stoichiometry="2"/>
</listOfReactants><listOfProducts><speciesReference species="P"/></listOfProducts><kineticLaw>
<math xmlns="http://www.w3.org/1998/Math/MathML"><apply><times/><ci>k</ci><ci>c</ci><apply><ci>f</ci><ci>S</ci></apply>
</apply></math></kineticLaw></reaction></listOfReactions>
<listOfEvents><event id="e"><trigger><math xmlns="http://www.w3.org/1998/Math/MathML"><apply><gt/><ci>P</ci><cn>1</cn>
</apply></math></trigger><listOfEventAssignments><eventAssignment variable="k">
<math xmlns="http://www.w3.org/1998/Math/MathML"><cn>1</cn></math></eventAssignment></listOfEventAssignments></event>
</listOfEvents></model></sbml>
"""
NET = """begin parameters
 1 k 1e-3
 2 A0 k*100
end parameters
begin functions
 1 f() if(time()>1,k,2*k)
end functions
begin species
 1 A(b) A0
 2 $B() 5
end species
begin reactions
 1 1 2 k #r
 2 1,1 2 0.5*f
 3 1,2 2 Sat k A0
end reactions
begin groups
 1 tot 1,2*2
end groups
"""
_TOKENS = re.compile(r"\s+|[A-Za-z_]\w*|[\d.]+|.", re.DOTALL)
NASTY = (
    "", "\0", "<", ">", "&", "&amp;", "&x;", "]]>", "<!--", "<![CDATA[", "<?x?>", '"', "'", "(", ")", "((((", "-", "^", "/0",
    "NaN", "INF", "-1", "1e999", "1e-999", "99999999999999999999", "0", "true", "\n", ";", "->", "=", ":=", "é", "\ud7ff",
    "<math>", "</math>", "<apply>", "</apply>", "<apply/>", "<cn/>", "<ci/>", "<lambda/>", "<sep/>", "<bvar/>", "time", "end",
    "model m()", "S", "k", "f", "c", "level=\"1\"", "level=\"3\"",
)  # fmt: skip


@st.composite
def mutated(draw, text: str, most: int = 6) -> str:
    """The text with some tokens deleted, doubled, swapped, replaced by nasty ones, or with its end cut off."""
    tokens = _TOKENS.findall(text)
    for _ in range(draw(st.integers(1, most))):
        if not tokens:
            break
        at = draw(st.integers(0, len(tokens) - 1))
        other = draw(st.integers(0, len(tokens) - 1))
        match draw(st.sampled_from(("delete", "double", "swap", "insert", "replace", "move", "cut"))):
            case "delete":
                del tokens[at : at + draw(st.integers(1, 8))]
            case "double":
                tokens[at:at] = tokens[at : at + draw(st.integers(1, 30))]
            case "swap":
                tokens[at], tokens[other] = tokens[other], tokens[at]
            case "insert":
                tokens.insert(at, draw(st.sampled_from(NASTY)))
            case "replace":
                tokens[at] = draw(st.sampled_from(NASTY))
            case "move":
                tokens[other:other] = tokens[at : at + 5]
            case "cut":
                if draw(st.integers(0, 9)) == 0:
                    tokens = tokens[:at]
    return "".join(tokens) + "\n"


def reads_or_is_refused(text: str) -> None:
    try:
        model = read(text)
    except ManyscaleError as error:
        assert str(error) and "\n" not in str(error)
        return
    written = to_text(model)
    assert read(written) == model


@given(mutated(LEVEL_2))
@settings(max_examples=400, deadline=None, suppress_health_check=CHECKS)
def test_mutated_sbml(text):
    reads_or_is_refused(text)


@given(mutated(NET))
@settings(max_examples=300, deadline=None, suppress_health_check=CHECKS)
def test_mutated_net(text):
    reads_or_is_refused(text)


@given(mutated(ANTIMONY))
@settings(max_examples=150, deadline=None, suppress_health_check=CHECKS)
def test_mutated_antimony(text):
    reads_or_is_refused(text)


@given(st.text(max_size=200))
@settings(max_examples=100, deadline=None, suppress_health_check=CHECKS)
def test_any_text(text):
    reads_or_is_refused(text + "\n")


@pytest.mark.full
@given(st.data())
@settings(max_examples=3000, deadline=None, suppress_health_check=CHECKS)
def test_mutated_corpus_models(corpora, data):
    files = [path for path in sorted(CORPORA.glob("sbmlts/semantic/*/*-sbml-*.xml")) if path.stat().st_size < 40_000]
    if not files:
        pytest.skip(f"no models in {corpora}")
    text = data.draw(st.sampled_from(files)).read_text(encoding="utf-8")
    reads_or_is_refused(data.draw(mutated(text, most=12)))


@pytest.mark.full
@given(mutated(LEVEL_2, most=30))
@settings(max_examples=5000, deadline=None, suppress_health_check=CHECKS)
def test_heavily_mutated_sbml(text):
    reads_or_is_refused(text)


@pytest.mark.full
@given(mutated(ANTIMONY, most=20))
@settings(max_examples=3000, deadline=None, suppress_health_check=CHECKS)
def test_heavily_mutated_antimony(text):
    reads_or_is_refused(text)


@pytest.mark.full
@given(mutated(NET, most=20))
@settings(max_examples=5000, deadline=None, suppress_health_check=CHECKS)
def test_heavily_mutated_net(text):
    reads_or_is_refused(text)
