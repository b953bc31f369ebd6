"""The linear noise approximation is exact for linear networks: closed forms, and limits as the system grows."""

import numpy as np
import pytest

import manyscale as ms
from manyscale.errors import InputError, UnsupportedError


def counted(id, species, parameters, reactions, **more):
    start = {name: f"{value} molecules" for name, value in species.items()}
    return ms.model(id, species=start, parameters=parameters, reactions=reactions, check_units=False, **more)


def telegraph(on=1.0, off=2.0, r=60.0, d=1.0):
    return counted(
        "telegraph", {"G": 1, "A": 0, "M": 0}, {"on": on, "off": off, "r": r, "d": d},
        ["open: G -> A; on*G", "shut: A -> G; off*A", "make: -> M; r*A", "lose: M -> ; d*M"],
    )  # fmt: skip


def two_stage(b=10.0, k=2.0, d=1.0, dp=0.05):
    return counted(
        "gene", {"M": 0, "P": 0}, {"k": k, "d": d, "kp": b * d, "dp": dp},
        ["m: -> M; k", "md: M -> ; d*M", "p: -> P; kp*M", "pd: P -> ; dp*P"],
    )  # fmt: skip


def test_birth_and_death_is_poisson_at_all_times():
    model = counted("bd", {"X": 0}, {"k": 10.0, "g": 0.1}, ["make: -> X; k", "lose: X -> ; g*X"])
    times = np.array([1.0, 5.0, 20.0, 80.0])
    run = ms.simulate(model, times, level="lna", rtol=1e-9)
    mean = 100.0 * (1 - np.exp(-0.1 * times))
    assert run["X"] == pytest.approx(mean, rel=1e-7)
    assert run.std("X") ** 2 == pytest.approx(mean, rel=1e-7)
    assert run.fano("X") == pytest.approx(1.0, rel=1e-7)


def test_linear_birth_and_death_from_a_known_number():
    model = counted("bd", {"X": 100}, {"k": 0.1, "m": 0.11}, ["birth: X -> 2 X; k*X", "death: X -> ; m*X"])
    run = ms.simulate(model, [49.0], level="lna", rtol=1e-9)  # DSMTS 001-01
    assert run["X"][0] == pytest.approx(61.26264, rel=1e-6)
    assert run.std("X")[0] == pytest.approx(22.32403, rel=1e-6)


def test_telegraph_promoter():
    run = ms.simulate(telegraph(), [60.0], level="lna", rtol=1e-9)
    assert run["M"][0] == pytest.approx(20.0, rel=1e-6)
    assert run.fano("M")[0] == pytest.approx(11.0, rel=1e-6)
    expected = [220.0, 171.776795095, 112.742714338, 43.0594154180]
    assert run.autocovariance("M", [0.0, 0.5, 1.0, 2.0]) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(("switching", "fano"), [(0.01, 5.90196), (1.0, 2.666667), (100.0, 1.0248756)])
def test_fano_factor_of_a_promoter_that_switches_slowly_or_fast(switching, fano):
    run = ms.simulate(telegraph(switching, switching, 10.0, 1.0), [3000.0], level="lna", rtol=1e-9)
    assert run.fano("M")[0] == pytest.approx(fano, rel=1e-5)
    assert fano == pytest.approx(1 + 10.0 * switching / (2 * switching * (2 * switching + 1)), rel=1e-5)


def test_two_stage_gene():
    b, d, dp = 10.0, 1.0, 0.05
    run = ms.simulate(two_stage(b, 2.0, d, dp), [2000.0], level="lna", rtol=1e-9)
    assert run.fano("P")[0] == pytest.approx(1 + b / (1 + dp / d), rel=1e-6)
    assert run.fano("M")[0] == pytest.approx(1.0, rel=1e-6)


def test_promoter_and_two_stages():
    model = counted(
        "three", {"G": 1, "A": 0, "M": 0, "P": 0}, {"on": 1.0, "off": 2.0, "r": 60.0, "d": 1.0, "kp": 10.0, "dp": 0.1},
        ["a: G -> A; on*G", "b: A -> G; off*A", "c: -> M; r*A", "e: M -> ; d*M", "f: -> P; kp*M", "g: P -> ; dp*P"],
    )  # fmt: skip
    run = ms.simulate(model, [800.0], level="lna", rtol=1e-10)
    assert run["P"][0] == pytest.approx(2000.0, rel=1e-6)
    assert run.fano("P")[0] == pytest.approx(130.325513196, rel=1e-6)
    covariance = dict(zip(run.species, run.covariance(800.0)[run.species.index("P")]))
    assert covariance["M"] == pytest.approx(2586.51026393, rel=1e-6)


def test_the_spectrum_integrates_to_the_variance_and_is_that_of_a_lorentzian():
    model = counted("bd", {"X": 50}, {"k": 10.0, "g": 0.2}, ["make: -> X; k", "lose: X -> ; g*X"])
    run = ms.simulate(model, [200.0], level="lna", rtol=1e-9)
    f = np.tan(np.linspace(-np.pi / 2, np.pi / 2, 2001)[1:-1]) * 0.2
    spectrum = run.spectrum("X", f)
    assert spectrum == pytest.approx(2 * 10.0 / (0.2**2 + (2 * np.pi * f) ** 2), rel=1e-6)
    assert np.trapezoid(spectrum, f) == pytest.approx(50.0, rel=1e-2)


def test_units_do_not_matter():
    """The same dimerisation in molecules, and in moles and litres."""
    volume, avogadro = 1e-15, 6.02214076e23
    few = counted("few", {"A": 60, "D": 0}, {"k": 0.002, "u": 0.1}, ["d: 2 A -> D; k*A*A", "r: D -> 2 A; u*D"])
    mole = ms.model(
        "mole", species={"A": f"{60 / avogadro / volume} M", "D": "0 M"}, compartments={"cell": f"{volume} L"},
        parameters={"k": f"{0.002 * avogadro * volume} 1/(M s)", "u": "0.1 1/s"},
        reactions=["d: 2 A -> D; k*A*A", "r: D -> 2 A; u*D"],
    )  # fmt: skip
    a, b = (ms.simulate(one, [0.5, 5.0, 50.0], level="lna", rtol=1e-9) for one in (few, mole))
    for id in ("A", "D"):
        assert b[id] * avogadro * volume == pytest.approx(a[id], rel=1e-6)
        assert b.std(id) * avogadro * volume == pytest.approx(a.std(id), rel=1e-6)
        assert b.fano(id) == pytest.approx(a.fano(id), rel=1e-6)
        assert b.displacement(id) * avogadro * volume == pytest.approx(a.displacement(id), rel=1e-6)


def dimers(size):
    """Dimerisation in a volume: rates scale so that concentrations do not."""
    return counted(
        "dimers", {"P": 2 * size, "D": 0}, {"k": 0.05 / size, "u": 0.1}, ["d: 2 P -> D; k*P*P", "r: D -> 2 P; u*D"]
    )


def exact_dimers(size, t):
    """Mean and variance of P by the matrix exponential of the master equation."""
    from scipy.linalg import expm

    states = np.arange(size + 1)  # dimers
    monomers = 2.0 * size - 2 * states
    make, part = 0.05 / size * monomers * (monomers - 1), 0.1 * states
    generator = np.diag(-make - part) + np.diag(make[:-1], -1) + np.diag(part[1:], 1)
    law = expm(generator * t)[:, 0]
    mean = law @ monomers
    return mean, law @ monomers**2 - mean**2


def test_means_approach_the_ode_with_order_one_and_the_displacement_is_the_difference():
    sizes, errors, left, spread = (20, 40, 80, 160), [], [], []
    for size in sizes:
        mean, variance = exact_dimers(size, 8.0)
        run = ms.simulate(dimers(size), [8.0], level="lna", rtol=1e-10)
        errors.append(abs(run["P"][0] - mean) / size)
        left.append(abs(run["P"][0] + run.displacement("P")[0] - mean) / size)
        spread.append(abs(run.std("P")[0] ** 2 - variance) / size)
    slope = lambda e: np.polyfit(np.log(sizes), np.log(e), 1)[0]  # noqa: E731
    assert slope(errors) == pytest.approx(-1.0, abs=0.05)
    assert slope(left) == pytest.approx(-2.0, abs=0.15)
    assert slope(spread) == pytest.approx(-1.0, abs=0.15)


def test_paths_approach_the_ode_with_order_one_half():
    sizes, widths = (50, 200, 800), []
    for size in sizes:
        run = ms.simulate(dimers(size), [8.0], level="jump", replicates=400, seed=1)
        mean = ms.simulate(dimers(size), [8.0])["P"][0]
        widths.append(np.abs(run["P"][:, 0] - mean).mean() / size)
    assert np.polyfit(np.log(sizes), np.log(widths), 1)[0] == pytest.approx(-0.5, abs=0.06)


def test_a_law_that_is_combinatorial_already_has_the_same_limit():
    a = counted("a", {"P": 40, "D": 0}, {"k": 0.01}, ["d: 2 P -> D; k*P*P"])
    b = counted("b", {"P": 40, "D": 0}, {"k": 0.01}, ["d: 2 P -> D; k*P*(P - 1)"])
    one, two = (ms.simulate(m, [1.0, 5.0], level="lna", rtol=1e-9) for m in (a, b))
    assert two["P"] == pytest.approx(one["P"], rel=1e-7)
    assert two.std("P") == pytest.approx(one.std("P"), rel=1e-7)
    assert two.displacement("P") == pytest.approx(one.displacement("P"), rel=1e-7)


def test_events_at_given_times_reset_the_noise_of_what_they_set():
    model = counted(
        "pulse", {"X": 0}, {"k": 10.0, "g": 0.1}, ["make: -> X; k", "lose: X -> ; g*X"],
        events=["at time > 20: X = 30", "at time > 40: X = 2*X"],
    )  # fmt: skip
    run = ms.simulate(model, [21.0, 39.99999, 40.00001], level="lna", rtol=1e-9)
    decay = np.exp(-0.1)
    assert run.std("X")[0] ** 2 == pytest.approx(30 * decay * (1 - decay) + 100 * (1 - decay), rel=1e-5)
    assert run.std("X")[2] == pytest.approx(2 * run.std("X")[1], rel=1e-4)


def test_what_has_no_such_approximation_is_refused():
    model = counted("e", {"X": 0}, {"k": 10.0}, ["make: -> X; k"], events=["at X > 20: X = 0"])
    with pytest.raises(UnsupportedError, match="another time on every path"):
        ms.simulate(model, [1.0], level="lna")
    with pytest.raises(InputError, match="leave out replicates"):
        ms.simulate(telegraph(), [1.0], level="lna", replicates=3)
    growing = counted("g", {"X": 5}, {"k": 1.0}, ["make: X -> 2 X; k*X"])
    with pytest.raises(InputError, match="does not end in a stationary state"):
        ms.simulate(growing, [3.0], level="lna").spectrum("X", [1.0])
