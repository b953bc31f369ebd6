"""SBML: each level's defaults made explicit, packages refused or left out by name, everything else kept."""

from __future__ import annotations

import math

import pytest

from manyscale.errors import InputError, UnsupportedError
from manyscale.formats import read, to_text
from manyscale.formats.sbml.convert import check_text
from manyscale.model.expr import AVOGADRO, Call, Delay, Logic, Number, Power, RateOf, Relation, Symbol, Time

MATH = 'xmlns="http://www.w3.org/1998/Math/MathML"'
SYMBOLS = "http://www.sbml.org/sbml/symbols/"


def document(
    inside: str, level: int = 3, version: int = 2, root: str = "", model: str = 'id="m"', after: str = ""
) -> str:
    """SBML text around the lists of a model."""
    space = (
        f"level3/version{version}/core"
        if level == 3
        else f"level{level}" + (f"/version{version}" if level > 1 and version > 1 else "")
    )
    return (
        f'<?xml version="1.0"?>\n<sbml xmlns="http://www.sbml.org/sbml/{space}" level="{level}" version="{version}"{root}>'
        f"\n<model {model}>\n{inside}\n</model>{after}\n</sbml>\n"
    )


def formula_of(math_ml: str, root: str = "") -> object:
    """The expression of one formula, given as MathML content."""
    parameters = "".join(f'<parameter id="{name}" constant="false" value="1"/>' for name in "xyz")
    text = document(
        f"<listOfParameters>{parameters}</listOfParameters><listOfRules>"
        f'<assignmentRule variable="x"><math {MATH}>{math_ml}</math></assignmentRule></listOfRules>',
        root=root,
    )
    return read(text).rules[0].formula


CELL = '<listOfCompartments><compartment id="c" {}/></listOfCompartments>'
Y, Z = Symbol("y"), Symbol("z")
ci_y, ci_z = "<ci> y </ci>", "<ci>z</ci>"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('<cn type="e-notation"> 1.5 <sep/> -3 </cn>', Number(1.5e-3)),
        ('<cn type="rational"> 1 <sep/> 4 </cn>', Number(0.25)),
        ('<cn type="integer" base="16"> ff </cn>', Number(255.0)),
        ("<pi/>", Number(math.pi)),
        (f'<csymbol encoding="text" definitionURL="{SYMBOLS}time"> t </csymbol>', Time()),
        (f'<csymbol encoding="text" definitionURL="{SYMBOLS}avogadro"> N </csymbol>', Number(AVOGADRO)),
        (
            f'<apply><csymbol encoding="text" definitionURL="{SYMBOLS}delay"> d </csymbol>{ci_y}<cn>2</cn></apply>',
            Delay(Y, Number(2.0)),
        ),
        (
            f'<apply><csymbol encoding="text" definitionURL="{SYMBOLS}rateOf"> r </csymbol>{ci_y}</apply>',
            RateOf("y"),
        ),
        (f"<apply><minus/>{ci_y}{ci_z}</apply>", Y - Z),
        (f"<apply><divide/>{ci_y}{ci_z}</apply>", Y / Z),
        (f"<apply><root/>{ci_y}</apply>", Power(Y, Number(0.5))),
        (f"<apply><root/><degree><cn>4</cn></degree>{ci_y}</apply>", Power(Y, Number(0.25))),
        (f"<apply><log/>{ci_y}</apply>", Call("log10", (Y,))),
        (f"<apply><log/><logbase><cn>10</cn></logbase>{ci_y}</apply>", Call("log10", (Y,))),
        (f"<apply><log/><logbase>{ci_z}</logbase>{ci_y}</apply>", Call("ln", (Y,)) / Call("ln", (Z,))),
        (f"<apply><ceiling/>{ci_y}</apply>", Call("ceil", (Y,))),
        (
            f"<apply><lt/>{ci_y}{ci_z}<cn>3</cn></apply>",
            Logic("and", (Relation("<", Y, Z), Relation("<", Z, Number(3.0)))),
        ),
        (f"<apply><implies/>{ci_y}{ci_z}</apply>", Logic("implies", (Y, Z))),
        ("<apply><plus/></apply>", Number(0.0)),
        ("<apply><times/></apply>", Number(1.0)),
        (f"<apply><max/>{ci_y}{ci_z}<cn>3</cn></apply>", Call("max", (Y, Z, Number(3.0)))),
        (f"<semantics>{ci_y}<annotation>ignored <ci>w</ci></annotation></semantics>", Y),
    ],
)
def test_mathml_elements(text, expected):
    assert formula_of(text) == expected


def test_units_of_numbers_are_kept():
    text = '<cn xmlns:s="http://www.sbml.org/sbml/level3/version2/core" s:units="mole"> 3 </cn>'
    assert formula_of(text) == Number(3.0, "mole")


def test_level_1_defaults_and_formulas():
    text = document(
        '<listOfCompartments><compartment name="c"/></listOfCompartments>'
        '<listOfSpecies><species name="S" compartment="c" initialAmount="3"/></listOfSpecies>'
        '<listOfReactions><reaction name="r"><listOfReactants>'
        '<speciesReference species="S" stoichiometry="1" denominator="2"/></listOfReactants>'
        '<kineticLaw formula="k*S"><listOfParameters><parameter name="k" value="2"/></listOfParameters>'
        "</kineticLaw></reaction></listOfReactions>",
        level=1, version=2, model='name="m"',
    )  # fmt: skip
    model = read(text)
    assert model["c"].size == 1.0 and model.volume_units == "litre" and model.time_units == "second"
    assert model["S"].initial == 3.0 and model["S"].initial_kind == "amount"
    assert model["r"].rate == Symbol("k") * Symbol("S")
    assert model["r"].reactants[0].stoichiometry == 0.5


def test_level_2_defaults():
    text = document(
        CELL.format("")
        + '<listOfSpecies><species id="S" compartment="c" charge="2" spatialSizeUnits="volume"/></listOfSpecies>'
        '<listOfParameters><parameter id="k" units="substance"/></listOfParameters>'
        '<listOfReactions><reaction id="r" fast="true"><listOfProducts><speciesReference species="S"/></listOfProducts>'
        f'<kineticLaw><math {MATH}><ci>k</ci></math></kineticLaw></reaction></listOfReactions>'
        f'<listOfEvents><event><trigger><math {MATH}><true/></math></trigger></event></listOfEvents>',
        level=2, version=4,
    )  # fmt: skip
    model = read(text)
    assert model["c"].dimensions == 3.0 and model["c"].constant and model["c"].size is None
    species = model["S"]
    assert not (species.only_substance or species.boundary or species.constant) and species.initial is None
    assert model["k"].constant and model["k"].value is None and model["k"].units == "mole"
    assert model["r"].reversible and model["r"].fast and model["r"].products[0].stoichiometry == 1.0
    event = model["event_1"]
    assert event.initial_value and event.persistent and event.use_trigger_values
    assert (model.substance_units, model.volume_units, model.time_units) == ("mole", "litre", "second")
    assert any("charge" in remark for remark in model.remarks)
    assert any("spatialSizeUnits" in remark for remark in model.remarks)


def test_level_2_built_in_units_may_be_redefined():
    unit = '<listOfUnits><unit kind="mole" scale="-6"/></listOfUnits>'
    text = document(
        f'<listOfUnitDefinitions><unitDefinition id="substance">{unit}</unitDefinition></listOfUnitDefinitions>'
        '<listOfCompartments><compartment id="c" spatialDimensions="2" size="1"/></listOfCompartments>',
        level=2, version=4,
    )  # fmt: skip
    model = read(text)
    assert model.substance_units == model.extent_units == "substance"
    assert model.area_units == "area" and model.units[1].parts[0].exponent == 2.0
    assert read(to_text(model)) == model and check_text(to_text(model)) == []


def test_level_2_variable_stoichiometry_becomes_a_rule():
    text = document(
        CELL.format('size="1"') + '<listOfSpecies><species id="S" compartment="c" initialAmount="1"/></listOfSpecies>'
        '<listOfParameters><parameter id="k" value="1"/></listOfParameters>'
        '<listOfReactions><reaction id="r"><listOfProducts><speciesReference species="S"><stoichiometryMath>'
        f"<math {MATH}><apply><times/><cn>2</cn><ci>k</ci></apply></math></stoichiometryMath></speciesReference>"
        f"</listOfProducts><kineticLaw><math {MATH}><ci>k</ci></math></kineticLaw></reaction></listOfReactions>",
        level=2, version=4,
    )  # fmt: skip
    model = read(text)
    product = model["r"].products[0]
    assert product.id and not product.constant and product.stoichiometry is None
    assert model.rules[0].variable == product.id and model.rules[0].formula == 2.0 * Symbol("k")


def test_level_3_guesses_nothing():
    model = read(document(CELL.format('constant="true"') + '<listOfParameters><parameter id="k" constant="true"/>'
                          "</listOfParameters>"))  # fmt: skip
    assert model["c"].size is None and model["c"].dimensions is None and model["c"].units is None
    assert model["k"].value is None and model.time_units is None and model.substance_units is None


def test_names_notes_annotations_and_terms_are_kept():
    notes = '<notes><body xmlns="http://www.w3.org/1999/xhtml"><p>a &amp; b</p></body></notes>'
    annotation = '<annotation><x:y z="1"><x:w/></x:y></annotation>'
    inside = (
        '<listOfParameters><parameter id="k" name="a &lt;b&gt; &quot;c&quot;" metaid="meta" sboTerm="SBO:0000009"'
        f' constant="true">{notes}{annotation}</parameter></listOfParameters>'
    )
    model = read(document(inside, root=' xmlns:x="urn:x"'))
    part = model["k"]
    assert part.name == 'a <b> "c"' and part.meta.sbo == "SBO:0000009" and part.meta.meta_id == "meta"
    assert part.meta.notes == notes
    assert part.meta.annotation == '<annotation><x:y xmlns:x="urn:x" z="1"><x:w/></x:y></annotation>'
    assert read(to_text(model)) == model and check_text(to_text(model)) == []


@pytest.mark.parametrize("name", ["qual", "spatial", "multi", "distrib", "arrays", "dyn", "unheard"])
def test_packages_that_change_the_mathematics_are_refused_by_name(name):
    uri = f"http://www.sbml.org/sbml/level3/version1/{name}/version1"
    text = document(f"<{name}:listOfThings/>", root=f' xmlns:{name}="{uri}" {name}:required="true"')
    with pytest.raises(UnsupportedError, match=f"package '{name}'") as caught:
        read(text)
    assert caught.value.element == name


@pytest.mark.parametrize("name", ["layout", "render", "groups"])
def test_packages_that_only_decorate_are_left_out_with_a_remark(name):
    uri = f"http://www.sbml.org/sbml/level3/version1/{name}/version1"
    model = read(document(f"<{name}:listOfThings/>", root=f' xmlns:{name}="{uri}" {name}:required="false"'))
    assert any(name in remark for remark in model.remarks)


def test_flux_balance_models_are_refused_and_kinetic_ones_with_fbc_are_not():
    root = ' xmlns:fbc="http://www.sbml.org/sbml/level3/version1/fbc/version2" fbc:required="false"'
    reaction = '<listOfReactions><reaction id="r" reversible="false">{}</reaction></listOfReactions>'
    flux = "<fbc:listOfObjectives/>" + reaction.format("")
    with pytest.raises(UnsupportedError, match="flux balance"):
        read(document(flux, root=root))
    law = f"<kineticLaw><math {MATH}><cn>1</cn></math></kineticLaw>"
    model = read(document("<fbc:listOfObjectives/>" + reaction.format(law), root=root))
    assert any("fbc" in remark for remark in model.remarks)


def test_a_composed_model_is_flattened(tmp_path):
    root = ' xmlns:comp="http://www.sbml.org/sbml/level3/version1/comp/version1" comp:required="true"'
    submodel = '<comp:listOfSubmodels><comp:submodel comp:id="A" comp:modelRef="inner"/></comp:listOfSubmodels>'
    inner = '<model{} id="inner"><listOfParameters><parameter id="k" value="4" constant="true"/></listOfParameters></model{}>'
    listed = "<comp:listOfModelDefinitions>{}</comp:listOfModelDefinitions>".format(
        inner.format("X", "X").replace("modelX", "comp:modelDefinition")
    )
    assert read(document(submodel, version=1, root=root, after=listed))["A__k"].value == 4.0
    external = (
        '<comp:listOfExternalModelDefinitions><comp:externalModelDefinition comp:id="inner" comp:source="{}"'
        ' comp:modelRef="inner"/></comp:listOfExternalModelDefinitions>'
    )
    top = tmp_path / "top.xml"
    top.write_text(document(submodel, version=1, root=root, after=external.format("other.xml")))
    with pytest.raises(InputError, match=r"'other.xml', which is not in"):
        read(top)
    (tmp_path / "other.xml").write_text(
        document("", version=1).replace('<model id="m">\n\n</model>', inner.format("", ""))
    )
    assert read(top)["A__k"].value == 4.0
    top.write_text(document(submodel, version=1, root=root, after=external.format("../other.xml")))
    with pytest.raises(InputError, match="put that file into"):
        read(top)


def test_functions_with_elementary_names_stay_apart_from_them():
    text = document(
        '<listOfFunctionDefinitions><functionDefinition id="max">'
        f"<math {MATH}><lambda><bvar><ci>u</ci></bvar><ci>u</ci></lambda></math></functionDefinition>"
        '</listOfFunctionDefinitions><listOfParameters><parameter id="x" constant="false"/></listOfParameters>'
        f'<listOfRules><assignmentRule variable="x"><math {MATH}><apply><ci>max</ci><cn>2</cn></apply></math>'
        "</assignmentRule></listOfRules>"
    )
    model = read(text)
    assert model.functions[0].id == "max_" and model.rules[0].formula == Call("max_", (Number(2.0),))
    assert read(to_text(model)) == model


def test_fast_reactions_are_written_in_the_version_that_has_them():
    text = document(
        CELL.format('size="1" constant="true" spatialDimensions="3"')
        + '<listOfSpecies><species id="S" compartment="c" initialAmount="1" hasOnlySubstanceUnits="true"'
        ' boundaryCondition="false" constant="false"/></listOfSpecies>'
        '<listOfReactions><reaction id="r" reversible="false" fast="true"><listOfProducts>'
        '<speciesReference species="S" stoichiometry="1" constant="true"/></listOfProducts><kineticLaw>'
        f"<math {MATH}><apply><min/><cn>1</cn><cn>2</cn></apply></math></kineticLaw></reaction></listOfReactions>",
        version=1,
    )
    model = read(text)
    assert model["r"].fast
    assert 'version="1"' in to_text(model) and read(to_text(model)) == model
    assert check_text(to_text(model)) == []


@pytest.mark.parametrize(
    ("inside", "words"),
    [
        ('<listOfParameters><parameter id="k"/><parameter id="k"/></listOfParameters>', "'k' is used twice"),
        ('<listOfSpecies><species id="S" compartment="cc"/></listOfSpecies>', "'cc', which is no compartment"),
        (CELL.format('size="-2" constant="true"'), "size -2; give a positive size"),
        ('<listOfParameters><parameter id="k" units="furlong"/></listOfParameters>', "unit 'furlong'"),
        (
            '<listOfParameters><parameter id="k" value="1,5"/></listOfParameters>',
            "'1,5' of 'parameter' is not a number",
        ),
        (f'<listOfRules><rateRule variable="q"><math {MATH}><cn>1</cn></math></rateRule></listOfRules>', "sets 'q'"),
        (f"<listOfRules><algebraicRule><math {MATH}><ci>q</ci></math></algebraicRule></listOfRules>", "uses 'q'"),
    ],
)
def test_errors_say_what_and_where(inside, words):
    with pytest.raises(InputError, match=words) as caught:
        read(document(inside))
    assert str(caught.value).startswith("model text") and "\n" not in str(caught.value)


def test_level_2_is_read_as_libsbml_converts_it(corpora):
    """Two independent ways: our own reading of level 2, and libSBML's conversion to level 3."""
    import libsbml

    files = sorted((corpora / "biomodels").glob("*.xml"))[::6]
    for path in files:
        text = path.read_text(encoding="utf-8")
        if 'level="2"' not in text[:1000]:
            continue
        converted = libsbml.readSBMLFromString(text)
        assert converted.setLevelAndVersion(3, 2, False)
        ours, theirs = read(path), read(libsbml.writeSBMLToString(converted))
        assert [r.rate for r in ours.reactions] == [r.rate for r in theirs.reactions]
        assert [(s.id, s.initial, s.initial_kind, s.only_substance, s.boundary, s.constant) for s in ours.species] == [
            (s.id, s.initial, s.initial_kind, s.only_substance, s.boundary, s.constant) for s in theirs.species
        ]
        assert [(p.id, p.value, p.constant) for p in ours.parameters] == [
            (p.id, p.value, p.constant) for p in theirs.parameters
        ]
        assert [(c.id, c.size, c.dimensions) for c in ours.compartments] == [
            (c.id, c.size, c.dimensions) for c in theirs.compartments
        ]
        assert [(v.trigger, v.assignments, v.delay) for v in ours.events] == [
            (v.trigger, v.assignments, v.delay) for v in theirs.events
        ]


def test_attributes_of_a_required_package_count_as_use():
    uri = "http://www.sbml.org/sbml/level3/version1/multi/version1"
    root = f' xmlns:multi="{uri}" multi:required="true"'
    assert read(document(CELL.format('constant="true"'), root=root))["c"]
    with pytest.raises(UnsupportedError, match="multi"):
        read(document(CELL.format('constant="true" multi:isType="true"'), root=root))


def test_what_is_left_out_is_said():
    text = document(
        '<listOfParameters><notes><p xmlns="http://www.w3.org/1999/xhtml">x</p></notes></listOfParameters>'
        '<listOfCompartments><compartment id="c"/><compartment id="d" outside="c"/></listOfCompartments>',
        level=2,
        version=4,
    )
    remarks = " ".join(read(text).remarks)
    assert "listOfParameters" in remarks and "outside" in remarks


def test_a_number_that_holds_another_element_is_refused():
    import manyscale as ms

    text = (
        '<sbml xmlns="http://www.sbml.org/sbml/level3/version2/core" level="3" version="2"><model>'
        '<listOfParameters><parameter id="x" constant="false"/></listOfParameters><listOfRules>'
        '<assignmentRule variable="x"><math xmlns="http://www.w3.org/1998/Math/MathML"><cn><lambda/>5</cn></math>'
        "</assignmentRule></listOfRules></model></sbml>"
    )
    with pytest.raises(ms.InputError, match="sep"):
        ms.read(text)
