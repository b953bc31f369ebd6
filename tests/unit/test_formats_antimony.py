"""Antimony in and out."""

from __future__ import annotations

import pytest

from manyscale.errors import InputError
from manyscale.formats import antimony, read, to_text
from manyscale.model.expr import Symbol

TEXT = """model cell
  compartment c = 2
  species S in c, $B in c
  v1: S -> B; k*S*c
  S = 3; B = 0; k = 0.5
  at time > 5: k = 1
end
"""


def test_text_becomes_a_model():
    model = read(TEXT)
    assert model.id == "cell" and model["c"].size == 2.0 and model["S"].initial == 3.0
    assert model["B"].boundary and model["v1"].rate == Symbol("k") * Symbol("S") * Symbol("c")
    assert len(model.events) == 1


def test_a_model_becomes_text_and_comes_back_the_same():
    model = read(TEXT)
    again = read(to_text(model, "antimony"))
    assert [r.rate for r in again.reactions] == [r.rate for r in model.reactions]
    assert [(s.id, s.initial, s.boundary) for s in again.species] == [
        (s.id, s.initial, s.boundary) for s in model.species
    ]


def test_submodels_are_translated_in_a_process_of_their_own():
    model = read("model a()\n k = 3\nend\nmodel b()\n A: a(); B: a()\nend\n")
    assert {"A_k", "B_k"} <= set(model.by_id)


def test_imports_come_from_beside_the_file_only(tmp_path):
    (tmp_path / "inner.ant").write_text("model a()\n k = 3\nend\n")
    top = tmp_path / "top.ant"
    top.write_text('import "inner.ant"\nmodel b()\n A: a()\nend\n')
    assert read(top)["A_k"].value == 3.0
    top.write_text('import "../inner.ant"\nmodel b()\n A: a()\nend\n')
    with pytest.raises(InputError, match="put it there"):
        read(top)
    with pytest.raises(InputError, match="read it from a file"):
        read('import "inner.ant"\n')


def test_errors_carry_the_line():
    with pytest.raises(InputError, match=r"model text, line 3: ") as caught:
        read("k = 1\nS = 2\nS -> T; k*S*\n")
    assert "\n" not in str(caught.value)


def test_a_translation_that_never_ends_is_ended(monkeypatch):
    monkeypatch.setattr(antimony, "TIME_LIMIT", 3.0)
    levels = "\n".join(f"model m{i}()\n A: m{i - 1}(); B: m{i - 1}()\nend" for i in range(1, 30))
    with pytest.raises(InputError, match="took longer than"):
        read(f"model m0()\n k = 1\nend\n{levels}\n")
