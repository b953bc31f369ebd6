"""The path of a reduction told in words."""

from __future__ import annotations

import manyscale as ms
from manyscale.bridges.explain import explain
from manyscale.cli import app
from manyscale.scales import resolve

ENZYME = """
model enzyme
  compartment c = 1; species S in c, E in c, C in c, P in c;
  S = 10; E = 0.01; C = 0; P = 0; k1 = 10; back = 50; k2 = 50;
  bind: S + E -> C; c*(k1*E*S - back*C);
  turn: C => P + E; c*k2*C;
end
"""


def test_reduce_prints_what_was_assumed_why_what_it_costs_and_where_it_breaks(capsys):
    ms.reduce(ENZYME, ms.Question(horizon=20), explain=True)
    text = capsys.readouterr().out
    for words in ("Asked: S, E, C, P of enzyme", "Region:", "Step 1, conserve (exact)", "Assumed fast: C", "Why: they relax in",
                  "times faster than the rest", "Cost: at most", "Where it breaks: before t = 1", "Result: 4 equations became 1"):  # fmt: skip
        assert words in text, words


def test_nothing_is_printed_unless_asked(capsys):
    ms.reduce(ENZYME, ms.Question(horizon=20))
    assert capsys.readouterr().out == ""


def test_a_refusal_tells_the_number_that_failed_and_what_was_tried():
    text = "z' = -z*(1 + 1e-6*y); y' = -12*y + (11*z + 12*z^2)/(1 + z)^2; z = 2; y = 1"
    question = ms.Question(horizon=6, tolerance=0.001, region=1.5)
    chain = ms.reduce(text, question)
    lines = explain(chain, resolve(ms.read(text), question))
    assert any(line.startswith("Refused, quasi_steady:") and "needed 0.001" in line for line in lines)
    assert lines[-1].startswith("Result: nothing could be reduced")


def test_the_command_tells_it_too(tmp_path):
    from typer.testing import CliRunner

    path = tmp_path / "enzyme.ant"
    path.write_text(ENZYME)
    told = CliRunner().invoke(app, ["reduce", str(path), "--horizon", "20", "--explain", "-o", str(tmp_path / "r.xml")])
    assert told.exit_code == 0, told.output
    assert "Assumed fast: C" in told.output and "Cost: at most" in told.output
