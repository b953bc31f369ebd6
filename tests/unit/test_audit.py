"""The audit of quasi-steady-state laws: published verdicts, numbers and words."""

from __future__ import annotations

import json

import pytest

import manyscale as ms
from manyscale.cli import app


def enzyme(E0, S0, k1, back, k2) -> str:
    return f"""
    model enzyme
      compartment c = 1; species S in c, E in c, C in c, P in c;
      S = {S0}; E = {E0}; C = 0; P = 0; k1 = {k1}; back = {back}; k2 = {k2};
      bind: S + E -> C; c*(k1*E*S - back*C);
      turn: C => P + E; c*k2*C;
    end
    """


# E0, S0, k1, k-1, k2, horizon, E0/(Km + S0), K E0/(E0 + S0 + Km)^2, which of the standard and the total form hold
GRID = [
    (1, 100, 1, 1, 1, 109.16, 0.0098, 9.43e-5, True, True),
    (0.1, 10, 1, 1, 1, 193.04, 0.00833, 6.83e-4, True, True),
    (10, 10, 1, 1, 1, 5.4354, 0.8333, 2.07e-2, False, True),
    (100, 10, 1, 1, 1, 4.6632, 8.333, 7.97e-3, False, True),
    (1, 1, 1, 100, 0.1, 4665.6, 0.00989, 9.59e-6, True, True),
    (1, 1, 1, 0, 1, 7.4071, 0.5, 0.1111, False, False),
]


@pytest.mark.parametrize("E0, S0, k1, back, k2, horizon, standard, total, holds, total_holds", GRID)
def test_the_verdict_on_an_enzyme_is_that_of_its_exact_errors(
    E0, S0, k1, back, k2, horizon, standard, total, holds, total_holds
):
    found = ms.audit(enzyme(E0, S0, k1, back, k2), ms.Question(horizon=horizon))
    first, second, third = found.findings
    assert first.value == pytest.approx(standard, rel=5e-3) and second.value == pytest.approx(total, rel=5e-3)
    assert first.valid is holds and second.valid is total_holds
    assert first.error is not None and (first.error <= 0.05) is holds
    assert third.valid is (back > 0 and k2 / back < 0.1)
    assert found.invalid == tuple(one for one in found.findings if not one.valid)


def test_binding_in_two_reactions_is_the_same_mechanism():
    text = enzyme(1, 100, 1, 1, 1).replace(
        "bind: S + E -> C; c*(k1*E*S - back*C);", "on: S + E => C; c*k1*E*S; off: C => S + E; c*back*C;"
    )
    found = ms.audit(text, ms.Question(horizon=109.16))
    assert [one.value for one in found.findings] == pytest.approx([0.0098, 9.43e-5, 1.0], rel=1e-2)
    assert found.findings[0].reactions == ("on", "off", "turn")


def test_an_enzyme_that_two_substrates_share_counts_all_that_is_bound():
    text = """
    compartment c = 1; species S in c, T in c, E in c, C in c, D in c, P in c; S = 10; T = 20; E = 1; C = 0; D = 0; P = 0;
    a: S + E -> C; c*(E*S - C); b: C => P + E; c*C; d: T + E -> D; c*(E*T - D); e: D => P + E; c*D;
    """
    found = ms.audit(text, ms.Question(horizon=50))
    values = {one.what: one.value for one in found.findings if one.law.startswith("standard")}
    assert values == pytest.approx({"E on S": 1 / 12, "E on T": 1 / 22}, rel=1e-3)


def test_sequestration_without_turnover_is_no_enzyme():
    assert not ms.audit(
        "compartment c=1; species A in c, B in c, C in c; A=1; B=1; C=0; r: A + B -> C; c*(A*B - C)"
    ).findings


WRITTEN = """
compartment c = 1; species S in c, E in c, P in c; S = {S}; E = {E}; P = 0; kcat = 2; Km = 5; V = 3; K = 2;
turn: S => P; c*kcat*E*S/(Km + S); back: P => S; c*V*P/(K + P);
"""


@pytest.mark.parametrize("S, E, valid", [(10.0, 0.1, True), (10.0, 8.0, False)])
def test_a_written_law_is_judged_where_the_enzyme_is_in_the_model(S, E, valid):
    text = WRITTEN.format(S=S, E=E).replace("c*kcat", "c*kcat").replace("turn: S => P", "turn: S => P")
    first, second = ms.audit(text, ms.Question(horizon=10)).findings
    assert (first.what, first.valid) == ("E on S", valid)
    assert first.value == pytest.approx(E / (5 + S), rel=1e-6)
    assert second.valid is None and "how much enzyme" in second.sentence


def test_hill_laws_without_sites_cannot_be_told():
    text = "compartment c = 1; species X in c, Y in c; X = 1; Y = 0; K = 2; r: => Y; c*X^4/(K^4 + X^4); d: Y => ; c*Y"
    (one,) = ms.audit(text, ms.Question(horizon=5)).findings
    assert one.law == "Hill law" and one.valid is None and "sites" in one.sentence


def test_a_published_cascade_misuses_its_laws(corpora):
    """Kholodenko's MAPK cascade counts enzymes that are substrates of the next level, at K_M far below them."""
    found = ms.audit(corpora / "biomodels" / "BIOMD0000000010.xml")
    judged = {one.reactions[0]: one.valid for one in found.findings if one.valid is not None}
    assert judged and not any(judged.values())


def test_the_command_prints_sentences_and_data(tmp_path):
    from typer.testing import CliRunner

    path = tmp_path / "enzyme.ant"
    path.write_text(enzyme(10, 10, 1, 1, 1))
    told = CliRunner().invoke(app, ["audit", str(path), "--horizon", "5.4"])
    assert told.exit_code == 0 and "NOT VALID" in told.output
    data = json.loads(CliRunner().invoke(app, ["audit", str(path), "--horizon", "5.4", "--json"]).stdout)
    assert [one["valid"] for one in data["findings"]] == [False, True, False]


def test_a_model_without_such_laws_says_so():
    assert "no enzyme mechanism" in str(ms.audit("x' = -x; x = 1"))
