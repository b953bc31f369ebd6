"""Claims about dimensionless groups and copy numbers."""

import pytest

import manyscale as ms
from manyscale.scales import measure


def groups(model, **question):
    return {g.name: g for g in measure(model, ms.Question(**question)).groups}


def test_ribosome_binding_against_growth_is_found_from_the_dimensional_model(examples):
    found = groups(examples / "ribosome_allocation_2015.ant")["eps_r_binding"]
    assert found.formula == "growth/(kb*m_r + kb*m_t + kb*m_m + kb*m_q + elongation/nx + ku)"
    assert found.value == pytest.approx(6.156e-5, rel=0.01)
    assert found.range[0] <= found.value <= found.range[1]


def test_one_mrna_and_ribosomes_give_the_textbook_ratio():
    model = ms.model(
        "ribosomes", species={"R": 10, "S": "100 fixed", "C": 0},
        parameters={"kb": 1, "ku": 1, "ke": 2, "mu": 0.02, "p": 0.2},
        reactions=["make: -> R; p", "bind: R + S <-> C; kb*R*S - ku*C", "translate: C -> R + S; ke*C",
                   "dilute_R: R -> ; mu*R", "dilute_C: C -> S; mu*C"],
    )  # fmt: skip
    found = groups(model)
    assert [g.value for g in found.values()] and found["eps_R_binding"].value == pytest.approx(0.02 / 103)


@pytest.mark.parametrize(("E0", "S0", "kr", "kcat", "segel", "borghans", "ratio"), [
    (1, 100, 1, 1, 0.0098, 9.43e-5, 1), (10, 1, 1, 1, 3.333, 5.92e-2, 10), (1, 1, 100, 0.1, 0.00989, 9.59e-6, 10),
])  # fmt: skip
def test_enzyme_groups_have_their_textbook_values(E0, S0, kr, kcat, segel, borghans, ratio):
    model = ms.model("mm", species={"S": S0, "E": E0, "C": 0, "P": 0}, parameters={"k1": 1, "kr": kr, "kcat": kcat},
                     reactions=["b: S + E <-> C; k1*S*E - kr*C", "c: C -> E + P; kcat*C"])  # fmt: skip
    found = groups(model)
    assert found["eps_SegelSlemrod_E_S"].value == pytest.approx(segel, rel=0.01)
    assert found["eps_Borghans_E_S"].value == pytest.approx(borghans, rel=0.01)
    assert found["E_over_K_E_S"].value == pytest.approx(ratio, rel=0.01)


def test_fast_mrna_of_an_autoregulated_gene(examples):
    found = groups(examples / "autoregulation_2002.ant")
    assert found["eps_m"].formula == "mu/gamma_m"
    assert found["eps_m"].value == pytest.approx(0.01155 / 0.3466, rel=1e-3)
    assert found["saturation_p_transcription"].formula == "p/K"


def test_copy_numbers_come_from_declared_units_only(examples):
    plain = measure(ms.model("plain", species={"A": 1}, parameters={"k": 1}, reactions=["d: A -> ; k*A"]))
    assert not plain.number.known and "does not declare" in str(plain.number)
    counted = measure(examples / "autoregulation_2002.ant")
    assert counted.number.known and "m" in counted.number.few


def test_moles_and_volumes_give_molecules():
    model = ms.model("cell", species={"A": "1 nM"}, parameters={"k": "1 1/s"}, compartments={"cell": "1 fL"},
                     reactions=["d: A -> ; k*A"])  # fmt: skip
    low, high = measure(model).number.copies["A"]
    assert high == pytest.approx(0.602, rel=0.01) and low < high
