"""The command line: what it prints where, which files it leaves, how it fails."""

from __future__ import annotations

import csv
import json
import subprocess
import sys

import pytest

from manyscale import cli, terminal

QUAL = """<?xml version="1.0"?>
<sbml xmlns="http://www.sbml.org/sbml/level3/version1/core" level="3" version="1"
 xmlns:qual="http://www.sbml.org/sbml/level3/version1/qual/version1" qual:required="true"><model id="m">
 <qual:listOfQualitativeSpecies><qual:qualitativeSpecies qual:id="a" qual:compartment="c" qual:constant="false"/>
 </qual:listOfQualitativeSpecies></model></sbml>"""
SLOW = """model slow
 species A, B; A = 1; B = 0
 go: A -> B; k*A*(1 + 0.01*B)
 back: B -> ; 0.7*k*B
 k = 1
end
"""
KEYS = {"model", "question", "scales", "dimension", "chain", "refusals", "verified", "timings"}


def call(*words, capsys) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of a command in this process."""
    with pytest.raises(SystemExit) as end:
        cli.main([str(word) for word in words])
    out = capsys.readouterr()
    return end.value.code, out.out, out.err


def shell(*words) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "manyscale", *map(str, words)], capture_output=True, text=True, timeout=300
    )


def one_line_error(err: str) -> str:
    lines = [line for line in err.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1 and err.rstrip().splitlines()[-1] == lines[0], err
    assert "Traceback" not in err
    return lines[0]


@pytest.mark.parametrize("code", ["import manyscale", "from manyscale.cli import main; main(['--help'])"])
def test_import_and_help_load_nothing_heavy(code):
    heavy = [
        "numpy",
        "scipy",
        "libsbml",
        "antimony",
        "llvmlite",
        "flint",
        "pint",
        "sympy",
        "xarray",
        "pandas",
        "jinja2",
        "matplotlib",
    ]
    check = (
        f"import sys\ntry:\n    {code}\nexcept SystemExit:\n    pass\nprint([m for m in {heavy} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip().endswith("[]"), done.stdout + done.stderr


def test_version_is_that_of_the_installed_package(capsys):
    from importlib.metadata import version

    assert call("--version", capsys=capsys) == (0, f"manyscale {version('manyscale')}\n", "")


def test_every_command_has_help(capsys):
    for name in ["analyze", "replay", "simulate", "measure", "reduce", "verify", "convert", "examples", "bench"]:
        code, out, _ = call(name, "--help", capsys=capsys)
        assert code == 0 and "Usage:" in out


def test_analyze_json_prints_one_object_and_all_else_goes_to_stderr(examples, tmp_path):
    done = shell("analyze", examples / "michaelis_menten_1925.ant", "-o", tmp_path, "--points", 4, "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert set(found) == KEYS
    assert found["model"]["id"] == "michaelis_menten_1925" and found["model"]["units_ok"] in (True, False, None)
    assert set(found["dimension"]) == {"full", "conserved", "proved", "reduced"}
    for bridge in found["chain"]:
        assert {"name", "tier", "claim", "eliminated", "groups", "error"} <= set(bridge)
        assert {"bound", "measured", "norm"} <= set(bridge["error"])
    for refusal in found["refusals"]:
        assert {"name", "reason", "value", "threshold"} <= set(refusal)
    assert "question" in done.stderr


def test_analyze_of_an_enzyme_leaves_a_report_a_study_and_a_small_model(examples, tmp_path, capsys):
    import manyscale as ms

    code, out, _ = call("analyze", examples / "michaelis_menten_1925.ant", "-o", tmp_path, "--points", 4, capsys=capsys)
    lines = out.rstrip().splitlines()
    assert code == 0
    assert lines[-2] == f"report: {tmp_path / 'report.html'}" and lines[-1] == f"reduced: {tmp_path / 'reduced.xml'}"
    assert (tmp_path / "report.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    small = ms.read(tmp_path / "reduced.xml")
    assert {"S", "P"} <= set(small.by_id)
    study = json.loads((tmp_path / "study.json").read_text(encoding="utf-8"))
    assert study["dimension"]["reduced"] < study["dimension"]["full"] == 4
    assert any(bridge["name"] not in ("conserve", "prune") for bridge in study["chain"])


def test_refusal_is_a_result_and_removes_an_old_small_model(tmp_path, capsys):
    model = tmp_path / "slow.ant"
    model.write_text(SLOW)
    out = tmp_path / "out"
    out.mkdir()
    (out / "reduced.xml").write_text("old")
    code, text, _ = call("analyze", model, "-o", out, "--points", 2, capsys=capsys)
    assert code == 0
    assert not (out / "reduced.xml").exists()
    assert json.loads((out / "study.json").read_text())["chain"] == []
    assert "refused:" in text and text.rstrip().splitlines()[-1].startswith("reduced: none")


@pytest.mark.parametrize(
    "words, said",
    [
        (["analyze", "nowhere.xml"], "nowhere.xml"),
        (["analyze", "MODEL", "--observables", "Sx"], "Sx"),
        (["analyze", "MODEL", "--set", "k_on"], "--set k1=2"),
        (["analyze", "MODEL", "--set", "k_onn=2"], "k_onn"),
        (["analyze", "MODEL", "--set", "k_on=nan"], "finite"),
        (["analyze", "MODEL", "--region", "0.5"], "at least 1"),
        (["analyze", "MODEL", "--region", "k=1"], "ID=LOW:HIGH"),
        (["analyze", "MODEL", "--horizon", "soon"], "soon"),
        (["analyze", "MODEL", "--tolerance", "x"], "tolerance"),
        (["simulate", "MODEL", "--end", "10", "-o", "x.docx"], ".csv"),
        (["simulate", "MODEL", "--end", "10", "--observables", "nope"], "nope"),
        (["convert", "MODEL", "x.docx"], ".docx"),
        (["replay", "nowhere.json"], "nowhere.json"),
        (["examples", "copy", "nope"], "huang_ferrell_1996"),
        (["bench", "nope"], "ode"),
        (["nope"], "nope"),
    ],
)
def test_bad_input_is_one_line_with_exit_code_two(words, said, examples, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    words = [str(examples / "michaelis_menten_1925.ant") if word == "MODEL" else word for word in words]
    code, _, err = call(*words, capsys=capsys)
    assert code == 2
    assert said in one_line_error(err)


def test_unsupported_elements_are_named_with_exit_code_three(tmp_path, capsys):
    (tmp_path / "m.xml").write_text(QUAL)
    code, _, err = call("analyze", tmp_path / "m.xml", "-o", tmp_path, capsys=capsys)
    assert code == 3 and "qual" in one_line_error(err)


def test_unexpected_errors_are_one_line_too_and_debug_shows_them(monkeypatch, capsys):
    def broken(*_):
        raise ZeroDivisionError("inside")

    monkeypatch.setattr(terminal, "example_rows", broken)
    monkeypatch.setattr(cli, "example_rows", broken)
    code, _, err = call("examples", capsys=capsys)
    assert code == 1 and "ZeroDivisionError" in one_line_error(err) and "--debug" in err
    with pytest.raises(ZeroDivisionError):
        cli.main(["examples", "--debug"])


def test_errors_are_an_object_too_with_json(tmp_path, capsys):
    code, out, err = call("analyze", tmp_path / "none.xml", "--json", capsys=capsys)
    assert code == 2 and json.loads(out)["exit_code"] == 2 and one_line_error(err)


def test_simulate_writes_tables_and_pictures(examples, tmp_path, capsys):
    model = examples / "michaelis_menten_1925.ant"
    code, out, _ = call(
        "simulate", model, "--end", 10, "--steps", 20, "--observables", "S,P", "--set", "S=5", capsys=capsys
    )
    rows = list(csv.reader(out.splitlines()))
    assert code == 0 and rows[0] == ["time", "S", "P"] and len(rows) == 22 and float(rows[1][1]) == 5.0
    for suffix in ("csv", "nc", "png", "svg"):
        assert call("simulate", model, "--end", 10, "-o", tmp_path / f"run.{suffix}", capsys=capsys)[0] == 0
        assert (tmp_path / f"run.{suffix}").stat().st_size > 100
    code, out, _ = call("simulate", model, "--end", 10, "--steps", 4, "--json", capsys=capsys)
    assert json.loads(out)["times"] == [0.0, 2.5, 5.0, 7.5, 10.0]


def test_convert_goes_both_ways(examples, tmp_path, capsys):
    assert call("convert", examples / "vilar_2002.ant", tmp_path / "v.xml", capsys=capsys)[0] == 0
    assert call("convert", tmp_path / "v.xml", tmp_path / "v.ant", capsys=capsys)[0] == 0
    assert "sequester" in (tmp_path / "v.ant").read_text()


def test_measure_shows_what_is_fast(examples, capsys):
    code, out, _ = call("measure", examples / "michaelis_menten_1925.ant", "--json", capsys=capsys)
    found = json.loads(out)
    assert code == 0 and any("C" in row["fast_species"] for row in found["scales"])


def test_reduce_writes_only_the_small_model(examples, tmp_path, capsys):
    target = tmp_path / "small.ant"
    code, out, _ = call("reduce", examples / "michaelis_menten_1925.ant", "-o", target, "--points", 2, capsys=capsys)
    assert code == 0 and target.exists() and "reduced:" in out


def test_replay_and_verify_work_from_the_study_alone(examples, tmp_path, capsys):
    call(
        "analyze",
        examples / "michaelis_menten_1925.ant",
        "-o",
        tmp_path,
        "--points",
        4,
        "--set",
        "k_cat=5",
        capsys=capsys,
    )
    code, out, _ = call("replay", tmp_path / "study.json", capsys=capsys)
    assert code == 0 and "agree" in out
    code, out, _ = call("verify", tmp_path / "study.json", "--points", 3, "--json", capsys=capsys)
    assert code == 0 and json.loads(out)["points"] == 3


def test_examples_are_listed_and_copied(tmp_path, capsys):
    code, out, _ = call("examples", capsys=capsys)
    assert code == 0 and "huang_ferrell_1996" in out and len(out.splitlines()) >= 12
    assert call("examples", "copy", "huang", "-o", tmp_path, capsys=capsys)[0] == 0
    assert (tmp_path / "huang_ferrell_1996.ant").exists()


def test_region_and_values_are_understood():
    assert terminal.parse_region(None) == 2.0
    assert terminal.parse_region(["3"]) == 3.0
    assert terminal.parse_region(["k=0.5:2", "S=1 nM:4 nM"]) == {"k": (0.5, 2.0), "S": ("1 nM", "4 nM")}
    assert terminal.parse_values(["k=2", "S=1e-3"]) == {"k": 2.0, "S": 1e-3}
    assert terminal.split(["a,b", "c"]) == ("a", "b", "c")
