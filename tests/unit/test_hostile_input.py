"""Bad and hostile input: one line that says what, where and how to fix; never a crash, a hang or a bare traceback."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from manyscale.errors import InputError, ManyscaleError
from manyscale.formats import read

MATH = 'xmlns="http://www.w3.org/1998/Math/MathML"'
HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<sbml xmlns="http://www.sbml.org/sbml/level3/version2/core" level="3" version="2">\n<model id="m">'
)
TAIL = "</model></sbml>\n"
DEEP = 100_000


def rule(math: str) -> str:
    return (
        f'{HEAD}<listOfParameters><parameter id="x" constant="false"/></listOfParameters><listOfRules>'
        f'<assignmentRule variable="x"><math {MATH}>{math}</math></assignmentRule></listOfRules>{TAIL}'
    )


def level_1(formula: str) -> str:
    return (
        '<sbml xmlns="http://www.sbml.org/sbml/level1" level="1" version="2"><model name="m">'
        '<listOfCompartments><compartment name="c"/></listOfCompartments><listOfParameters>'
        '<parameter name="x"/></listOfParameters><listOfRules>'
        f'<parameterRule name="x" formula="{formula}"/></listOfRules></model></sbml>'
    )


def composed(levels: int, width: int, loop: bool = False) -> str:
    parts = []
    for i in range(levels):
        below = f"m{i + 1}" if i + 1 < levels else "m0" if loop else ""
        inner = "".join(f'<comp:submodel comp:id="s{j}" comp:modelRef="{below}"/>' for j in range(width))
        inner = f"<comp:listOfSubmodels>{inner}</comp:listOfSubmodels>" if below else ""
        parts.append(f'<comp:modelDefinition id="m{i}">{inner}</comp:modelDefinition>')
    return (
        '<sbml xmlns="http://www.sbml.org/sbml/level3/version1/core" xmlns:comp="http://www.sbml.org/sbml/level3/'
        'version1/comp/version1" level="3" version="1" comp:required="true"><model id="top"><comp:listOfSubmodels>'
        '<comp:submodel comp:id="A" comp:modelRef="m0"/></comp:listOfSubmodels></model>'
        f"<comp:listOfModelDefinitions>{''.join(parts)}</comp:listOfModelDefinitions></sbml>"
    )


LAUGHS = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, 10))
CELL = '<listOfCompartments><compartment id="c" size="{}" constant="true"/></listOfCompartments>'
TEXTS = {
    "formula 100,000 levels deep": (rule("<apply><sin/>" * DEEP + "<cn>1</cn>" + "</apply>" * DEEP), "levels deep"),
    "formula 300 levels deep": (rule("<apply><sin/>" * 300 + "<cn>1</cn>" + "</apply>" * 300), "levels deep"),
    "elements 100,000 levels deep": (HEAD + "<a>" * DEEP + "</a>" * DEEP + TAIL, "levels deep"),
    "entity bomb": (f'<!DOCTYPE x [<!ENTITY l0 "ha">{LAUGHS}]><sbml>&l9;</sbml>', "document type"),
    "external entity": ('<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]><sbml>&f;</sbml>', "document type"),
    "external document type": ('<!DOCTYPE x SYSTEM "http://localhost/x.dtd"><sbml/>', "document type"),
    "truncated": (rule("<cn>1</cn>")[:-30], "not well-formed"),
    "malformed": (rule("<cn>1</ci>"), "line 3: not well-formed"),
    "not SBML": ("<html><body/></html>", "XML but not SBML"),
    "no model": (HEAD.replace('<model id="m">', "") + "</sbml>", "no model"),
    "level 9": (rule("<cn>1</cn>").replace('level="3"', 'level="9"'), "level 9"),
    "namespace of another level": (rule("<cn>1</cn>").replace('level="3"', 'level="2"'), "not that of level 2"),
    "undefined name": (rule("<ci>nothing</ci>"), "line 3: the assignment rule for 'x' uses 'nothing'"),
    "undefined function": (rule("<apply><ci>x</ci><cn>1</cn></apply>"), "calls 'x', which is no function"),
    "wrong number of arguments": (rule("<apply><sin/></apply>"), r"'sin' takes 1 argument\(s\), not 0"),
    "no number": (rule("<cn>abc</cn>"), "'abc' is not a number"),
    "unknown operator": (rule("<apply><int/><cn>1</cn></apply>"), "'int' is not part of SBML"),
    "negative volume": (HEAD + CELL.format("-1") + TAIL, "give a positive size"),
    "volume that is no number": (HEAD + CELL.format("big") + TAIL, "'big' of 'compartment' is not a number"),
    "huge exponent": (rule('<cn type="e-notation">1<sep/>9e9</cn>'), "not a number of type"),
    "empty text": ("\n \n", "is empty"),
    "binary text": ("a\0b\n", "binary"),
    "level 1: brackets": (level_1("(" * DEEP + "x" + ")" * DEEP), "longer than"),
    "level 1: signs": (level_1("-" * DEEP + "x"), "longer than"),
    "level 1: no formula": (level_1("x+"), "is not a formula"),
    "submodels without end": (composed(3, 1, loop=True), "contains itself"),
    "submodels growing exponentially": (composed(40, 2), "unfolds to more than"),
    "submodels 500 levels deep": (composed(500, 1), "levels deep"),
    "Antimony: brackets": ("x = " + "(" * 9_000 + "1" + ")" * 9_000 + ";\n", "brackets inside each other"),
    "Antimony: long sum": ("y = 1; x := y" + "+y" * 50_000 + ";\n", "too long"),
    "Antimony: no grammar": ("S1 -> S2; k*S1*\n", "line 1: "),
    "Antimony: imports a secret": ('import "/etc/passwd"\n', "imports '/etc/passwd'"),
    "Antimony: 10^6 statements": ("x=1;\n" * 10**6, "larger than"),
    "net: brackets": (
        "begin parameters\n1 k " + "(" * DEEP + "1\nend parameters\nbegin species\n1 A() 1\nend species\n"
        "begin reactions\nend reactions\n", "levels deep",
    ),
    "net: cut off": ("begin species\n1 A() 1\n", "has no end"),
}  # fmt: skip


@pytest.mark.parametrize("name", TEXTS)
def test_hostile_text_gets_one_line(name):
    text, words = TEXTS[name]
    with pytest.raises(ManyscaleError, match=words) as caught:
        read(text)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 600


def test_a_million_species_are_refused_at_once():
    species = "".join(f'<species id="s{i}" compartment="c"/>' for i in range(10**6))
    with pytest.raises(InputError, match="1,000,000 species"):
        read(f"{HEAD}<listOfSpecies>{species}</listOfSpecies>{TAIL}")
    with pytest.raises(InputError, match="larger than"):
        read("".join(f"species s{i} in c; " for i in range(10**6)) + "\n")


def test_deep_notes_do_no_harm():
    notes = '<p xmlns="http://www.w3.org/1999/xhtml">' * DEEP + "</p>" * DEEP
    assert read(f"{HEAD}<notes>{notes}</notes>{TAIL}").meta.notes


FILES = {
    "missing": (lambda folder: folder / "missing.xml", "no such file"),
    "folder": (lambda folder: folder, "is a folder"),
    "device": (lambda folder: Path("/dev/zero"), "not an ordinary file"),
    "long name": (lambda folder: "x" * 5000, "cannot be read"),
    "number": (lambda folder: 3, "not from int"),
    "bytes": (lambda folder: b"<sbml/>", "decode bytes first"),
    "empty name": (lambda folder: "", "is empty"),
}


@pytest.mark.parametrize("name", FILES)
def test_bad_paths_get_one_line(name, tmp_path):
    make, words = FILES[name]
    with pytest.raises(InputError, match=words) as caught:
        read(make(tmp_path))
    assert "\n" not in str(caught.value)


CONTENTS = {
    "binary": ("a.xml", bytes(range(256)) * 20, "binary"),
    "empty": ("a.xml", b"", "is empty"),
    "not XML": ("a.xml", b"S1 -> S2; k", "does not start with '<'"),
    "prose": ("a.md", b"hello there", "neither SBML, Antimony nor"),
    "latin-1 that says UTF-8": (
        "a.xml",
        b'<?xml version="1.0" encoding="UTF-8"?>\n<sbml name="\xe9"/>',
        "line 2: text",
    ),
    "unknown encoding": ("a.xml", b'<?xml version="1.0" encoding="foo-8"?><sbml/>', "unknown encoding 'foo-8'"),
    "half a gzip": ("a.xml.gz", gzip.compress(b"x" * 100_000)[:-20], "not a whole gzip"),
    "gzip bomb": ("a.xml.gz", gzip.compress(b" " * (300 * 2**20), 1), "unpacks to more than"),
}


@pytest.mark.parametrize("name", CONTENTS)
def test_bad_files_get_one_line(name, tmp_path):
    file, data, words = CONTENTS[name]
    path = tmp_path / file
    path.write_bytes(data)
    with pytest.raises(InputError, match=words) as caught:
        read(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "iso-8859-1"])
def test_encodings_are_understood(encoding, tmp_path):
    text = rule("<cn>1</cn>").replace('id="m"', 'id="m" name="Förster"')
    path = tmp_path / "model.xml"
    path.write_bytes(text.replace("UTF-8", encoding.removesuffix("-sig").upper()).encode(encoding))
    assert read(path).name == "Förster"
    older = level_1("1").replace('name="m"', 'name="m"><notes><p xmlns="http://www.w3.org/1999/xhtml">é</p></notes', 1)
    path.write_bytes((f'<?xml version="1.0" encoding="{encoding.removesuffix("-sig")}"?>' + older).encode(encoding))
    assert "é" in read(path).meta.notes


def test_text_that_is_already_decoded_ignores_the_encoding_it_declares():
    text = rule("<cn>1</cn>").replace('id="m"', 'id="m" name="Förster"')
    assert read(text.replace("UTF-8", "ISO-8859-1")).name == "Förster"
