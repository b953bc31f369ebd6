"""Nondimensionalization: the way back is exact, and the published small parameters are found."""

from __future__ import annotations

import itertools
import json
import math

import numpy as np
import pytest

import manyscale as ms
from manyscale.bridges.bridge import Bridge, Chain
from manyscale.bridges.exact import scale
from manyscale.model.algebra import evaluate
from manyscale.model.parse import parse
from manyscale.scales.nondimensional.terms import split_terms
from manyscale.scales.nondimensional.weights import TIME, find_symmetries

MODELS = ("michaelis_menten_1925", "oregonator_1974", "fitzhugh_nagumo_1961", "sir_1927", "davis_skodje_1999",
          "goldbeter_koshland_1981", "ribosome_allocation_2015", "hodgkin_huxley_1952", "vilar_2002",
          "repressilator_2000", "toggle_2000")  # fmt: skip


def small(found) -> dict[str, float]:
    """Small parameters by formula."""
    return {one.formula: one.value for one in found.small}


def has(found, formula: str, **values: float) -> bool:
    """Whether a small parameter equals a formula, at the model's values and at others (so that it is no accident)."""
    wanted = parse(formula)
    for one in found.small:
        if all(abs(_at(one.formula, v) / evaluate(wanted, v) - 1) < 1e-9 for v in (values, _moved(values))):
            return True
    return False


def _moved(values):
    return {name: value * (1.1 + 0.37 * k) for k, (name, value) in enumerate(sorted(values.items()))}


def _at(text: str, values) -> float:
    try:
        return float(evaluate(parse(text.replace("(0)", "_0")), values))
    except Exception:
        return math.nan


def run_both(model, found, share=1.0, rtol=1e-11):
    times = np.linspace(0.0, share * float(found.question.horizon), 101)
    fine = ms.simulate(model, times, rtol=rtol)
    back = found.back(ms.simulate(found.model, found.times(times), rtol=rtol))
    np.testing.assert_allclose(back.pop("time"), times, rtol=1e-12)
    worst = 0.0
    for id, values in back.items():
        size = np.abs(fine[id]).max()
        if size > 0:
            worst = max(worst, float(np.abs(fine[id] - values).max() / size))
    return worst


@pytest.mark.parametrize("name", MODELS)
def test_a_dimensionless_run_multiplied_by_the_scales_is_a_run_of_the_model(examples, name):
    model = ms.read(examples / f"{name}.ant")
    found = ms.nondimensionalize(model)
    assert found.difference < 1e-12
    assert run_both(model, found, 0.3 if name == "oregonator_1974" else 1.0) < 1e-8


@pytest.mark.parametrize("name", MODELS)
def test_the_dimensionless_model_survives_sbml(examples, tmp_path, name):
    found = ms.nondimensionalize(examples / f"{name}.ant")
    assert ms.check(found.model) == []
    ms.write(found.model, tmp_path / "m.xml")
    again = ms.read(tmp_path / "m.xml")
    times = found.times(np.linspace(0.0, 0.1 * float(found.question.horizon), 11))
    one, other = ms.simulate(found.model, times, rtol=1e-10), ms.simulate(again, times, rtol=1e-10)
    for id in found.scales:
        np.testing.assert_allclose(one[id], other[id], rtol=1e-6, atol=1e-12 + 1e-8 * np.abs(one[id]).max())


@pytest.mark.parametrize("name", MODELS[:-1])  # the last has no dimensions
def test_the_bridge_holds_over_the_region(examples, name):
    model = ms.read(examples / f"{name}.ant")
    question = ms.Question(region=1.5)
    bridge = scale.attempt(model, None, question)
    assert isinstance(bridge, Bridge) and bridge.certificate.tier == "exact"
    checked = ms.verify(Chain(model, (bridge,)), question, points=3)
    assert checked.points >= 2 and checked.violations == 0


def test_a_tampered_scale_is_rejected_by_the_verifier(examples):
    import dataclasses

    from manyscale.model.expr import mul

    model = ms.read(examples / "sir_1927.ant")
    good = scale.attempt(model, None, ms.Question())
    for bad in (
        dataclasses.replace(good, clock=mul(1.1, good.clock)),
        dataclasses.replace(good, lift={**good.lift, "I": mul(1.1, good.lift["I"])}),
    ):
        assert ms.verify(Chain(model, (bad,)), ms.Question(), points=2).violations > 0


def test_groups_are_what_their_formulas_say(examples):
    for name in ("oregonator_1974", "ribosome_allocation_2015", "vilar_2002"):
        found = ms.nondimensionalize(examples / f"{name}.ant")
        start = ms.simulate(ms.read(examples / f"{name}.ant"), [0.0])
        values = {id: float(start[id][0]) for id in start.ids}
        values |= {f"{id}(0)": value for id, value in list(values.items())}
        for group in found.groups:
            assert evaluate(group.expression, values) == pytest.approx(group.value, rel=1e-9), group.id
            assert found.model[group.id].value == pytest.approx(group.value, rel=1e-9), group.id


# published scalings


def test_ribosome_allocation_gives_unbinding_against_growth():
    """r -> x with kb*S, back with ku + ke, both diluted with mu: in the pool R = r + x the free form relaxes with
    kb*S + ku + ke + mu and the pool is lost with mu, so eps = mu/(kb*S + ku + ke), and x = K*r with K = kb*S/(ku + ke),
    which is exact for the decaying pool: (r, x) = (ku + ke, kb*S) is an eigenvector, of eigenvalue -mu."""
    model = ms.model(
        "ribosomes",
        species={"r": "1 uM", "x": "0 uM"},
        parameters={"kb": "1 1/(uM min)", "S": "10 uM", "ku": "5 1/min", "ke": "20 1/min", "mu": "0.02 1/min",
                    "w": "0.4 uM/min"},
        reactions=["make: -> r; w", "bind: r -> x; kb*S*r", "unbind: x -> r; ku*x", "finish: x -> r; ke*x",
                   "dilute_r: r -> ; mu*r", "dilute_x: x -> ; mu*x"],
    )  # fmt: skip
    found = ms.nondimensionalize(model)
    values = {"kb": 1.0, "S": 10.0, "ku": 5.0, "ke": 20.0, "mu": 0.02}
    assert has(found, "mu/(kb*S + ku + ke)", **values)
    eps = next(one for one in found.small if one.name == "eps_r_binding")
    assert eps.value == pytest.approx(0.02 / 35)
    ratio = eps.meaning.split("x = ")[1].removesuffix("*r")
    assert evaluate(parse(ratio), values) == pytest.approx(10.0 / 25.0)
    assert "dilute_x against bind, unbind, finish" in eps.meaning and found.time.formula == "1/mu"
    decay = ms.simulate(model, [0.0, 50.0], values={"w": 0.0}, rtol=1e-10)
    assert decay["x"][-1] / decay["r"][-1] == pytest.approx(0.4, rel=1e-7)


def test_the_growing_cell_has_small_binding_parameters(examples):
    found = ms.nondimensionalize(examples / "ribosome_allocation_2015.ant")
    formulas = {one.name: one.formula for one in found.small}
    assert formulas["eps_m_r_binding"] == "growth/(kb*r + elongation/nr + ku)"
    assert found.count.unit_groups == found.count.quantities - 3


def test_michaelis_menten_has_its_two_numbers_and_three_groups(examples):
    """Five given quantities that matter (k_on, k_off, k_cat, S(0), E(0)), two dimensions (concentration, time): three
    groups. Segel & Slemrod: eps = E0/(S0 + Km); with it the other number, of the total form (Borghans et al.)."""
    found = ms.nondimensionalize(examples / "michaelis_menten_1925.ant")
    assert (found.count.symmetry_groups, len(found.invariants)) == (3, 3)
    assert {id: s.formula for id, s in found.scales.items()} == {"S": "S(0)", "E": "E(0)", "C": "E(0)", "P": "S(0)"}
    values = {"k_on": 10.0, "k_off": 10.0, "k_cat": 10.0, "S": 10.0, "E": 0.01, "C": 0.0}
    segel, borghans = found["eps_SegelSlemrod_E_S"], found["eps_Borghans_E_S"]
    assert segel.value == pytest.approx(0.01 / 12.0)
    assert evaluate(parse(segel.formula), values) == pytest.approx(segel.value)
    assert borghans.value == pytest.approx(1.0 * 0.01 / 12.01**2)
    assert small(found)["E(0)/S(0)"] == pytest.approx(1e-3)
    assert {g.formula for g in found.groups} >= {"k_off/k_cat", "S(0)/E(0)"}


def test_davis_skodje_gives_one_over_g(examples):
    found = ms.nondimensionalize(examples / "davis_skodje_1999.ant")
    assert small(found) == {"1/g": pytest.approx(0.01)}
    assert found.small[0].name == "eps_y" and found.time.formula == "1/rate"
    assert found.small[0].steady == 1.0 and found.small[0].range[1] <= 0.02 * (1 + 1e-9)


def test_van_der_pol_gives_one_over_mu_squared():
    """v' = mu (v - v^3/3 + w), w' = -v/mu: in time mu the first is eps v' = v - v^3/3 + w with eps = 1/mu^2."""
    model = ms.model("van_der_pol", parameters={"v": 2.0, "w": -0.6, "mu": 12.0},
                     rules=["v' = mu*(v - v^3/3 + w)", "w' = -v/mu"])  # fmt: skip
    found = ms.nondimensionalize(model, ms.Question(horizon=60.0))
    assert found["eps_v"].formula == "1/mu^2" and found["eps_v"].value == pytest.approx(1 / 144)
    assert found.time.formula == "mu"


def test_fitzhugh_nagumo_gives_recovery_against_excitation(examples):
    """With z and a shifts, v' = c (v - v^3/3 + w), w' = -(v + b w)/c: rates c and b/c, so b/c^2."""
    found = ms.nondimensionalize(examples / "fitzhugh_nagumo_1961.ant")
    assert found["eps_v"].formula == "b/c^2" and found["eps_v"].value == pytest.approx(0.8 / 9)


def test_oregonator_has_the_published_scaling(examples):
    """Tyson: x = 2 k4 X/(k3 A), y = k2 Y/(k3 A), z = kc k4 B Z/(k3 A)^2, time kc B t; then eps x' = q y - x y + x - x^2,
    eps' y' = -q y - x y + 2 f z, z' = x - z with the three numbers below (f here is half of Tyson's)."""
    found = ms.nondimensionalize(examples / "oregonator_1974.ant")
    values = {"k1": 1.28, "k2": 2.4e6, "k3": 33.6, "k4": 2400.0, "kc": 1.0, "A": 0.06, "B": 0.02, "f": 0.5}
    for formula, value in (("kc*B/(k3*A)", 9.92e-3), ("2*kc*k4*B/(k2*k3*A)", 1.98e-5), ("2*k1*k4/(k2*k3)", 7.62e-5)):
        assert evaluate(parse(formula), values) == pytest.approx(value, rel=5e-3)
        assert has(found, formula, **values), formula
    assert found.time.formula == "1/(B*kc)" and found.scales["X"].formula == "A*k3/(2*k4)"
    assert found.scales["Y"].formula == "A*k3/k2" and found.scales["Z"].formula == "A^2*k3^2/(B*k4*kc)"
    assert found.equations["Z'"] == "X - Z"


def test_epidemic_has_its_reproduction_number(examples):
    found = ms.nondimensionalize(examples / "sir_1927.ant")
    (threshold,) = found.thresholds
    assert threshold.id == "R0_I" and threshold.formula == "beta/rho"
    assert threshold.value == pytest.approx(1.66 / 0.44)
    assert found.time.formula == "1/rho" and found.scales["S"].formula == "N"


def test_epidemic_without_units_has_it_from_the_symmetries():
    model = ms.model("sir", species={"S": 990, "I": 10, "R": 0}, parameters={"beta": 0.0005, "rho": 0.1},
                     reactions=["infection: S + I -> 2 I; beta*S*I", "recovery: I -> R; rho*I"])  # fmt: skip
    found = ms.nondimensionalize(model)
    assert found.thresholds[0].formula == "(S(0) + I(0))*beta/rho"
    assert found.thresholds[0].value == pytest.approx(5.0)
    assert found.count.missing and "Units are not declared" in str(found)


# symmetries


def test_weights_are_those_of_the_units_and_more(examples):
    """Mass action A + B -> C: time and the common concentration scale freely, and nothing else but the volume."""
    model = ms.model("bind", species={"A": "1 uM", "B": "2 uM", "C": "0 uM"}, parameters={"k": "3 1/(uM s)"},
                     reactions=["r: A + B -> C; k*A*B"])  # fmt: skip
    found = find_symmetries(model)
    assert found.rank == 3
    for weights in found.weights:
        w = lambda q, weights=weights: weights.get(q, 0)  # noqa: E731
        assert w("A") == w("B") == w("C")
        assert w("k") == -w("A") - w(TIME)
        assert w("r") == w("A") + w("cell") - w(TIME)


@pytest.mark.parametrize(
    ("law", "free"),
    [("k*A", True), ("k*A/(K + A)", True), ("k*A^n/(K^n + A^n)", True), ("k*A/(1 + A)", False), ("k*exp(A)", False),
     ("k*exp(A/K)", True), ("k*A^n", False), ("k*max(A, K)", True), ("piecewise(k*A, A > K, 0)", True),
     ("piecewise(k*A, A > 2, 0)", False)],
)  # fmt: skip
def test_what_a_law_fixes_is_not_scaled(law, free):
    model = ms.model("law", species={"A": 1.0}, parameters={"k": 1.0, "K": 2.0, "n": 3.0},
                     reactions=[f"r: A -> ; {law}"], check_units=False)  # fmt: skip
    found = find_symmetries(model)
    assert any(w.get("A") for w in found.weights) is free
    assert "n" not in law or not any(w.get("n") for w in found.weights)


def test_terms_are_multiplied_out_but_not_what_may_vanish():
    constants = {"k", "a"}
    assert len(split_terms(parse("k*x*(a - y)"), constants)) == 2
    assert len(split_terms(parse("k*(a - x)/(exp(a - x) - 1)"), constants)) == 1
    assert len(split_terms(parse("k*(x - y)/(1 + x + y)"), constants)) == 2
    (pair,) = split_terms(parse("k*x*2"), constants)
    assert (str(pair[0]), str(pair[1])) == ("2*k", "x")


def test_events_delays_and_rules_are_scaled_too():
    model = ms.model("dosing", species={"A": "0 uM"}, parameters={"k": "0.1 1/s", "dose": "5 uM", "when": "20 s"},
                     reactions=["r: A -> ; k*A"], events=["at time > when: A = A + dose"])  # fmt: skip
    found = ms.nondimensionalize(model, ms.Question(horizon=60.0))
    assert run_both(model, found) < 1e-8
    assert found.time.formula == "1/k"


def test_values_that_make_a_scale_vanish_are_refused(examples):
    model = ms.read(examples / "michaelis_menten_1925.ant")
    bridge = scale.attempt(model, None, ms.Question())
    with pytest.raises(ms.InputError, match="a scale must be positive"):
        bridge.carry({"S": 0.0})


def test_a_model_without_units_says_so_and_one_without_scales_is_refused(examples):
    selkov = ms.nondimensionalize(examples / "selkov_1968.ant")
    assert selkov.count.symmetry_rank == 1  # the volume
    bare = ms.model("bare", parameters={"x": 1.0}, rules=["x' = 1 - x^2 - x"])
    answer = scale.attempt(bare, None, ms.Question())
    assert isinstance(answer, ms.Refusal) and "no scale" in answer.reason


def test_ranking_over_the_region_is_told(examples):
    found = ms.nondimensionalize(examples / "oregonator_1974.ant")
    values = [one.value for one in found.small]
    assert all(a <= b * (1 + 1e-5) for a, b in itertools.pairwise(values))
    for one in found.small:
        if one.range is not None:
            assert one.range[0] <= one.value * (1 + 1e-9) and one.value <= one.range[1] * (1 + 1e-9)
        assert one.ahead is None or 0.0 <= one.ahead <= 1.0


def test_the_page_for_users_runs(examples, tmp_path, monkeypatch):
    page = (examples.parent / "docs" / "nondimensional.md").read_text(encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "examples").symlink_to(examples)
    code = page.split("```python")[1].split("```")[0]
    exec(compile(code, "nondimensional.md", "exec"), space := {})
    assert space["found"]["eps_Y"].formula in code and (tmp_path / "dimensionless.xml").exists()


def test_text_html_json_and_files(examples, tmp_path, capsys):
    from manyscale import cli

    found = ms.nondimensionalize(examples / "michaelis_menten_1925.ant")
    assert "eps_SegelSlemrod_E_S" in str(found) and "<table>" in found._repr_html_()
    with pytest.raises(SystemExit) as end:
        cli.main(["nondimensionalize", str(examples / "michaelis_menten_1925.ant"), "-o", str(tmp_path), "--json"])
    assert end.value.code == 0
    data = json.loads(capsys.readouterr().out)
    assert data == json.loads((tmp_path / "dimensionless.json").read_text())
    assert data["scales"]["S"] == {"formula": "S(0)", "value": 10.0, "unit": "uM"}
    assert "E(0)/S(0)" in (tmp_path / "dimensionless.html").read_text()
    assert ms.read(tmp_path / "dimensionless.xml").id == "michaelis_menten_1925_dimensionless"


@pytest.mark.full
def test_every_published_model_gets_scales_or_a_reason(corpora):
    files = sorted((corpora / "biomodels").glob("*.xml"))
    assert files
    for path in files:
        found = ms.nondimensionalize(path)
        assert found.difference < 1e-9, path.stem
        assert str(found) and found._repr_html_() and found.to_dict()
