"""A study is a record that survives saving, and a replay finds what has changed."""

from __future__ import annotations

import dataclasses
import json
import math

import numpy as np
import pytest
from sample_study import sample

from manyscale.errors import InputError
from manyscale.model.expr import Piecewise, Power, Relation, Symbol, Time
from manyscale.study.formulas import encode, size
from manyscale.study.record import dumps, load, plain
from manyscale.study.replaying import compare


def test_a_study_comes_back_from_its_file(tmp_path):
    study = sample()
    found = load(study.save(tmp_path / "a" / "study.json"))
    assert found.to_dict() == study.to_dict()


def test_numbers_that_json_has_no_word_for_do_not_break_the_file():
    text = dumps(
        plain({"a": math.nan, "b": [math.inf, -math.inf], "c": np.array([1.0, np.nan]), "d": np.int64(3), "e": {2, 1}})
    )
    assert json.loads(text) == {"a": None, "b": ["inf", "-inf"], "c": [1.0, None], "d": 3, "e": [1, 2]}


@pytest.mark.parametrize("text", ["", "[1]", "{}", '{"format": 99}', '{"format": 1}', "{broken"])
def test_files_that_are_no_studies_are_refused_with_the_reason(text, tmp_path):
    (tmp_path / "study.json").write_text(text)
    with pytest.raises(InputError, match=r"study|version"):
        load(tmp_path / "study.json")


def test_replay_finds_what_differs_and_forgives_rounding():
    old = sample()
    assert compare(old, sample()) == []
    assert compare(old, sample(verified={**old.verified, "worst_error": 0.012 * (1 + 1e-5)})) == []
    assert "worst_error" in compare(old, sample(verified={**old.verified, "worst_error": 0.02}))[0]
    assert "dimension" in compare(old, sample(dimension={"full": 4, "conserved": 2, "reduced": 2}))[0]
    other = ({**old.chain[0]}, {**old.chain[1], "eliminated": ["S"], "tier": "measured"})
    assert len(compare(old, sample(chain=other))) == 2


def test_a_study_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        sample().stopped = "x"


def test_formulas_are_kept_as_plain_lists():
    a, b = Symbol("a"), Symbol("b")
    assert encode(a - b / 2.0) == ["+", "a", ["*", -0.5, "b"]]
    assert encode(Power(a, b)) == ["^", "a", "b"]
    assert encode(Piecewise(((a, Relation("<", Time(), b)),), None)) == [
        "piecewise",
        [["a", ["relation", "<", ["time"], "b"]]],
        None,
    ]
    assert size(encode(a * b + 1.0)) == 7


def test_analysis_keeps_everything_for_a_replay(examples):
    from manyscale.study import analyze

    study = analyze(examples / "michaelis_menten_1925.ant", points=2, values={"k_cat": 5.0})
    assert study.source["changes"] == {"k_cat": 5.0} and study.source["text"].startswith("//")
    assert study.versions["manyscale"] and study.options["seed"] == 0
    assert study.coarse is not None and study.reduction is not None
    json.dumps(study.to_dict(), allow_nan=False)


def test_a_tampered_model_is_not_replayed(examples, tmp_path):
    from manyscale.study import analyze, replay

    path = analyze(examples / "michaelis_menten_1925.ant", points=2, pictures=False).save(tmp_path / "study.json")
    data = json.loads(path.read_text(encoding="utf-8"))
    data["source"]["text"] = data["source"]["text"].replace("k_cat = 10", "k_cat = 90")
    path.write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(InputError, match="hash"):
        replay(path)
