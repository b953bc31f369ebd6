"""Bridges in number: means, linear noise, and noise without fast species; refusals where means or noise are wrong."""

from pathlib import Path

import numpy as np
import pytest

import manyscale as ms
from manyscale.bridges.number import mean_field, noise
from manyscale.bridges.number.noise_elimination import noise_without

GENE = "s: -> m; 2; t: -> p; 20*m; u: m -> ; 5*m; v: p -> ; p; m = 0; p = 0"
VIRUS = (  # Haseltine & Rawlings, J. Chem. Phys. 117:6959, 2002, without packaging
    "a: T -> T + G; T; b: G -> T; 0.025*G; c: T -> T + S; 1000*T; d: T -> ; 0.25*T; e: S -> ; 1.99*S;"
    "f: G + S -> V; 7.5e-6*G*S; T = 1; G = 0; S = 0; V = 0"
)


def dimers(size: float) -> str:
    return f"i: -> X; {size}; d: X + X -> ; {1 / size}*X*X; o: X -> ; 0.5*X; X = {int(size)}"


def test_rate_equations_of_many_molecules_are_certified_and_the_bound_holds():
    model = ms.read(dimers(400))
    question = ms.Question(horizon=5.0, tolerance=0.05)
    bridge = mean_field.attempt(model, None, question, counts=True, paths=2000, seed=1)
    assert isinstance(bridge, ms.Bridge) and bridge.coarse.level == "ode"
    fresh = ms.simulate(model, np.linspace(0, 5, 11), level="jump", replicates=4000, seed=77, counts=True)
    flow = ms.simulate(model, np.linspace(0, 5, 11))
    assert np.abs(fresh["X"].mean(0) - flow["X"]).max() / flow["X"].max() <= bridge.certificate.error.bound


def test_few_molecules_that_meet_in_pairs_are_refused_and_the_shift_falls_with_the_size():
    refused = mean_field.attempt(
        ms.read(dimers(3)), None, ms.Question(horizon=5.0, tolerance=0.02), counts=True, seed=1
    )
    assert isinstance(refused, ms.Refusal) and refused.value > 0.02
    shifts = []
    for size in (100, 400):
        bridge = mean_field.attempt(
            ms.read(dimers(size)), None, ms.Question(horizon=5.0, tolerance=0.2), counts=True, paths=500, seed=1
        )
        shifts.append(next(g.value for g in bridge.certificate.groups if g.name == "displacement"))
    assert shifts[0] / shifts[1] == pytest.approx(4.0, rel=0.1)


def test_a_virus_that_may_die_out_is_refused_with_the_share_of_paths_that_did():
    refused = mean_field.attempt(
        ms.read(VIRUS),
        None,
        ms.Question(horizon=60.0, observables=("T", "G"), tolerance=0.05),
        counts=True,
        paths=400,
        seed=2,
    )
    assert isinstance(refused, ms.Refusal)
    share = float(refused.reason.split(" % of the paths")[0].split(": ")[-1])
    assert share == pytest.approx(25, abs=7)


def test_linear_networks_have_exactly_linear_noise():
    question = ms.Question(horizon=4.0, tolerance=0.1)
    bridge = noise.attempt(ms.read(GENE), None, question, counts=True, paths=12000, seed=3)
    assert isinstance(bridge, ms.Bridge) and bridge.coarse.level == "lna"
    assert bridge.certificate.error.measured < 0.05


def test_a_switch_has_no_linear_noise():
    """Schloegl between its two states: the spread is that of both, not of one."""
    schlogl = (
        "p: 2 X -> 3 X; c1*X*(X - 1)/2; q: 3 X -> 2 X; c2*X*(X - 1)*(X - 2)/6; r: -> X; c3; s: X -> ; c4*X;"
        "c1 = 0.03; c2 = 1e-4; c3 = 200; c4 = 3.5; X = 250"
    )
    question = ms.Question(horizon=8.0, tolerance=0.1)
    assert isinstance(noise.attempt(ms.read(schlogl), None, question, counts=True, paths=1000, seed=3), ms.Refusal)
    refused = mean_field.attempt(ms.read(schlogl), None, question, counts=True, paths=1000, seed=3)
    assert isinstance(refused, ms.Refusal)


def test_without_its_mrna_a_gene_keeps_its_noise_only_if_that_is_handed_on():
    """Fano of the protein: 1 + b/(1 + eta) with b = 4, eta = 1/5; reduced 1 + b; naive 1."""
    found = noise_without(ms.read(GENE), ["m"], counts=True)
    full, reduced, naive = found.variance("p")
    assert full / 8.0 == pytest.approx(1 + 4 / 1.2, rel=1e-9)
    assert reduced / 8.0 == pytest.approx(1 + 2 * 4 / 2, rel=1e-9)
    assert naive / 8.0 == pytest.approx(1.0, rel=1e-9)
    assert found.naive_error > 3 * found.error


@pytest.mark.parametrize(
    ("rates", "expected"),
    [
        ((0.25, 10, 50, 50, 0.01), (17.498, 17.5, 20)),
        ((0.25, 10, 0.5, 99.5, 0.01), (3.6427, 3.6429, 4.4818)),
        ((0.4, 10, 5, 95, 0.005), (295.11, 295.11, 337.78)),
        ((0.25, 10, 99.5, 0.5, 1), (19.732, 19.975, 20)),
        ((0.8, 1000, 10, 1, 1), (0.08127, 0.2168, 0.22)),
    ],
)
def test_michaelis_menten_with_inflow(rates, expected):
    """Variances of the substrate: full, slow-scale linear noise, propensities alone; the last row has a gap of 323 and a
    large alignment, and is wrong by a factor of 2.7."""
    inflow, on, off, turn, enzyme = rates
    model = ms.read(
        f"i: -> S; {inflow}; f: S + E -> C; {on}*S*E; r: C -> S + E; {off}*C; k: C -> E + P; {turn}*C; o: P -> ; P;"
        f"S = 0; E = {enzyme}; C = 0; P = 0"
    )
    found = noise_without(model, ["C", "E"], counts=True)
    assert found.variance("S")[:2] == pytest.approx(expected[:2], rel=2e-3)
    if expected[1] / expected[0] > 2:
        assert found.alignment > 1.0 or found.error > 1.0


def test_the_page_on_noise_runs(capsys):
    page = Path(__file__).resolve().parents[2] / "docs" / "noise.md"
    lines = page.read_text(encoding="utf-8").splitlines()
    exec("\n".join(line[4:] for line in lines if line.startswith("    ")), {})
    assert "probability of any event differs" in capsys.readouterr().out
