"""Work that is cut short keeps what it has; parts that give up become refusals. Scales and methods are stand-ins here."""

from __future__ import annotations

import json
import sys
from types import ModuleType, SimpleNamespace

import pytest
from test_study_pictures import chain, models  # noqa: F401  (chain is a fixture)

import manyscale.scales
from manyscale import cli
from manyscale.errors import SimulationError
from manyscale.model.question import Question
from manyscale.study.analysis import analyze


def raises(error):
    def function(*_, **__):
        raise error

    return function


@pytest.fixture
def parts(chain, monkeypatch):  # noqa: F811
    """The functions that an analysis calls, replaced by ones that give known answers."""
    row = SimpleNamespace(t=0.0, time_scales=(60.0, 0.01), gap=6000.0, fast_species=("C",))
    found = SimpleNamespace(
        resolve=lambda model, question: Question(("S", "C", "P"), 50.0, 0.05, 2.0, resolved=True),
        measure=lambda model, question: SimpleNamespace(rows=[row], groups=(), number=None),
        reduce=lambda *_, **__: chain,
        verify=lambda *_, **__: SimpleNamespace(
            points=4, worst=0.002, violations=(), per_observable={"S": 0.002}, outside_band=None
        ),
    )
    for name in ("resolve", "measure"):
        monkeypatch.setattr(manyscale.scales, name, lambda *a, _n=name, **k: getattr(found, _n)(*a, **k), raising=False)
    for name, module in (("reduce", "search"), ("verify", "verify")):
        fake = ModuleType(f"manyscale.bridges.{module}")
        setattr(fake, name, lambda *a, _n=name, **k: getattr(found, _n)(*a, **k))
        monkeypatch.setitem(sys.modules, fake.__name__, fake)
    return found


def test_everything_found_is_in_the_record(parts):
    study = analyze(models()[0])
    assert study.dimension == {"full": 4, "conserved": 3, "proved": 3, "reduced": 2} and not study.stopped
    assert study.verified == {"points": 4, "worst_error": 0.002, "violations": 0}
    assert study.evidence["phase"] and study.evidence["trajectories"]
    assert study.scales[0]["fast_species"] == ["C"]


def test_interrupting_the_check_keeps_the_small_model_and_says_so(parts):
    parts.verify = raises(KeyboardInterrupt())
    study = analyze(models()[0])
    assert len(study.chain) == 2 and study.verified["points"] == 0 and "interrupted" in study.stopped


def test_interrupting_the_search_keeps_the_scales(parts):
    parts.reduce = raises(KeyboardInterrupt())
    study = analyze(models()[0])
    assert study.chain == () and study.scales and "interrupted" in study.stopped


def test_a_model_that_cannot_be_simulated_is_refused_with_the_reason(parts):
    parts.resolve = raises(SimulationError("step too small at t = 3"))
    study = analyze(models()[0])
    assert study.chain == () and study.refusals[0]["name"] == "simulate"
    assert "t = 3" in study.refusals[0]["reason"]


def test_the_command_line_tells_a_stop_and_still_writes_everything(parts, tmp_path, capsys, examples):
    parts.verify = raises(KeyboardInterrupt())
    with pytest.raises(SystemExit) as end:
        cli.main(["analyze", str(examples / "michaelis_menten_1925.ant"), "-o", str(tmp_path)])
    out = capsys.readouterr().out
    assert end.value.code == 0 and "stopped early: interrupted" in out
    assert "interrupted" in json.loads((tmp_path / "study.json").read_text(encoding="utf-8"))["stopped"]
    assert "Stopped early" in (tmp_path / "report.html").read_text(encoding="utf-8")
    assert (tmp_path / "reduced.xml").exists()
