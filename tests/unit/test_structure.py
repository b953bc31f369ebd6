"""Conservation laws are exact, complete, semi-positive where possible, named and solvable."""

from __future__ import annotations

import random
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from manyscale.model.elimination import null_space
from manyscale.model.structure import (
    components,
    conservation_laws,
    dense_null_space,
    dependent_species,
    left_null_space,
    positive_vectors,
    readable_basis,
    solve_totals,
    stoichiometry_rank,
)


def entries(reactions: list[dict[int, int]]) -> list[tuple[int, int, Fraction]]:
    return [(i, j, Fraction(v)) for j, column in enumerate(reactions) for i, v in column.items() if v]


def network(text: str) -> tuple[list, list[str]]:
    """Species and entries of "S + E -> ES; ES -> E + P"."""
    ids: list[str] = []
    columns = []
    for reaction in text.split(";"):
        column: dict[int, int] = {}
        for sign, side in zip((-1, 1), reaction.split("->")):
            for term in side.split("+"):
                *count, name = term.split()
                if name == "0":
                    continue
                if name not in ids:
                    ids.append(name)
                column[ids.index(name)] = column.get(ids.index(name), 0) + sign * int(*count or "1")
        columns.append(column)
    return entries(columns), ids


def by_name(text: str, **options) -> dict[str, dict[str, int]]:
    stoichiometry, ids = network(text)
    laws = conservation_laws(stoichiometry, ids, **options)
    return {law.name: {s: int(c) for s, c in law.coefficients.items()} for law in laws}


def test_enzyme_and_substrate_are_found_and_named_after_their_free_forms():
    assert by_name("S + E -> ES; ES -> S + E; ES -> E + P") == {
        "total E": {"E": 1, "ES": 1}, "total S": {"S": 1, "ES": 1, "P": 1},
    }  # fmt: skip


def test_totals_are_named_after_the_common_part_of_their_members():
    found = by_name("MAPK + MKK -> MAPK_MKK; MAPK_MKK -> MAPK_P + MKK; MAPK_P -> MAPK")
    assert found == {"total MAPK": {"MAPK": 1, "MAPK_MKK": 1, "MAPK_P": 1}, "total MKK": {"MKK": 1, "MAPK_MKK": 1}}


def test_stoichiometric_multiplicities_become_coefficients():
    assert by_name("2 A -> B; B + A -> C") == {"total A": {"A": 1, "B": 2, "C": 3}}


def test_laws_without_a_positive_form_are_found_too():
    stoichiometry, ids = network("A + B -> 0; 0 -> A + B")
    (law,) = conservation_laws(stoichiometry, ids)
    assert not law.semi_positive
    assert sorted(law.coefficients.values()) == [-1, 1]


def test_unchanged_species_are_conserved_by_themselves_unless_something_else_changes_them():
    stoichiometry, ids = network("A + K -> B + K")
    laws = {law.name: law for law in conservation_laws(stoichiometry, ids)}
    assert laws["constant K"].trivial
    assert not laws["total A"].trivial
    assert [law.name for law in conservation_laws(stoichiometry, ids, changed_otherwise=[ids.index("K")])] == [
        "total A"
    ]


def test_open_networks_have_no_laws():
    assert by_name("0 -> A; A -> B; B -> 0") == {}


def test_display_names_are_used_and_prefixes_of_all_names_are_not():
    text = "species_1 + species_2 -> species_3"
    assert set(by_name(text)) == {"total species_1", "total species_2"}
    named = by_name(text, names={"species_1": "Raf", "species_2": "Ras", "species_3": "Raf-Ras"})
    assert set(named) == {"total Raf", "total Ras"}


def test_a_semi_positive_basis_is_found_where_the_first_basis_has_negative_entries():
    # three carriers exchanged pairwise: elimination alone gives differences
    found = by_name("A1 + B2 -> A2 + B1; B1 + C2 -> B2 + C1; A1 + C2 -> A2 + C1")
    assert all(min(law.values()) > 0 for law in found.values())
    assert {tuple(sorted(law)) for law in found.values()} >= {("A1", "A2"), ("B1", "B2"), ("C1", "C2")}


matrices = st.lists(
    st.dictionaries(st.integers(0, 6), st.integers(-2, 2).filter(bool), min_size=1, max_size=4), min_size=1, max_size=7
)  # fmt: skip


@given(matrices)
@settings(max_examples=300, deadline=None)
def test_laws_are_exact_and_as_many_as_the_rank_leaves(reactions):
    from flint import fmpq_mat, fmpz_mat

    ids = [f"X{i}" for i in range(7)]
    laws = conservation_laws(entries(reactions), ids)
    dense = fmpz_mat([[reactions[j].get(i, 0) for j in range(len(reactions))] for i in range(7)])
    assert stoichiometry_rank(entries(reactions)) == dense.rank()
    assert len(laws) == 7 - dense.rank() == len(left_null_space(entries(reactions), 7))
    for law in laws:
        for column in reactions:
            assert sum(law.coefficients.get(ids[i], 0) * v for i, v in column.items()) == 0
        assert law.semi_positive == all(c > 0 for c in law.coefficients.values())
    if laws:
        assert fmpq_mat([[int(law.coefficients.get(s, 0)) for s in ids] for law in laws]).rank() == len(laws)
    assert len({law.name for law in laws}) == len(laws)


@given(matrices)
@settings(max_examples=150, deadline=None)
def test_sparse_and_dense_elimination_span_the_same_space(reactions):
    from flint import fmpq_mat

    sparse, dense = null_space(reactions, 7), dense_null_space(reactions, 7)
    assert len(sparse) == len(dense)
    for vector in dense:
        assert all(sum(vector.get(i, 0) * v for i, v in column.items()) == 0 for column in reactions)
    if sparse:
        assert fmpq_mat([[v.get(i, 0) for i in range(7)] for v in [*sparse, *dense]]).rank() == len(sparse)


def test_networks_on_which_elimination_fills_in_are_solved_too():
    """A random network, unlike any of chemistry: sparse elimination gives up, the dense one takes over."""
    choose = random.Random(1)
    reactions = [dict(zip(choose.sample(range(500), 4), (-1, -1, 1, 1))) for _ in range(1500)]
    (law,) = conservation_laws(entries(reactions), [f"X{i}" for i in range(500)])
    assert set(law.coefficients.values()) == {1} and len(law.coefficients) == 500
    assert stoichiometry_rank(entries(reactions)) == 499


@given(matrices)
@settings(max_examples=150, deadline=None)
def test_no_semi_positive_law_is_missed(reactions):
    """As many independent semi-positive laws as linear programs find."""
    from flint import fmpq_mat

    basis = left_null_space(entries(reactions), 7)
    chosen = [v for v in readable_basis(basis) if min(v.values()) > 0] if basis else []
    other = [v for v in positive_vectors(basis) if min(v.values()) > 0] if basis else []
    dense = [[v.get(i, 0) for i in range(7)] for v in [*chosen, *other]]
    assert len(chosen) == (fmpq_mat(dense).rank() if dense else 0)


@given(matrices, st.lists(st.floats(0.1, 100.0), min_size=7, max_size=7))
@settings(max_examples=150, deadline=None)
def test_totals_give_back_the_dependent_species(reactions, amounts):
    ids = [f"X{i}" for i in range(7)]
    state = dict(zip(ids, amounts))
    laws = conservation_laws(entries(reactions), ids)
    dependent = dependent_species(laws, state)
    assert len(dependent) == len(set(dependent)) == len(laws)
    assert all(s in law.coefficients for s, law in zip(dependent, laws))
    for species, (totals, others) in solve_totals(laws, dependent).items():
        value = sum(float(a) * laws[i].total(state) for i, a in totals.items())
        value += sum(float(b) * state[s] for s, b in others.items())
        assert value == pytest.approx(state[species], rel=1e-6, abs=1e-6)
        assert not set(others) & set(dependent)


def test_the_most_abundant_species_are_made_dependent():
    stoichiometry, ids = network("S + E -> ES; ES -> E + P")
    laws = conservation_laws(stoichiometry, ids)
    chosen = dependent_species(laws, {"S": 100.0, "E": 0.1, "ES": 1.0, "P": 5.0})
    assert set(chosen) == {"S", "ES"}


def test_species_that_the_laws_do_not_determine_are_refused():
    stoichiometry, ids = network("S + E -> ES; ES -> E + P")
    with pytest.raises(ValueError, match="do not determine"):
        solve_totals(conservation_laws(stoichiometry, ids), ["S", "P"])


def test_connected_parts_are_separated():
    stoichiometry, ids = network("A -> B; C + D -> E; F -> 0")
    assert [sorted(ids[i] for i in part) for part in components(stoichiometry, len(ids))] == [
        ["A", "B"],
        ["C", "D", "E"],
        ["F"],
    ]


def test_large_stiffly_coupled_cones_end_quickly():
    """A grid of exchanges has exponentially many extreme rays; the basis is found all the same."""
    reactions = [{2 * i: -1, 2 * i + 1: 1, 2 * i + 2: 1, 2 * i + 3: -1} for i in range(0, 120)]
    laws = conservation_laws(entries(reactions), [f"X{i}" for i in range(242)])
    assert len(laws) == 242 - 120
    assert all(law.semi_positive for law in laws)


def test_a_law_is_a_formula_in_amounts():
    stoichiometry, ids = network("2 A -> B")
    (law,) = conservation_laws(stoichiometry, ids)
    assert str(law) == "total A = A + 2*B"
    assert law.total({"A": 3.0, "B": 1.0}) == 5.0


def test_laws_of_published_networks_hold_exactly(corpora):
    from manyscale.formats import read
    from manyscale.kernels.lower import lower

    for path in sorted((corpora / "nets").glob("*.net")):
        model = read(path)
        system = lower(model)
        laws = conservation_laws(system.stoichiometry, system.states, names={s.id: s.name for s in model.species})
        assert len(laws) == system.size - stoichiometry_rank(system.stoichiometry)
        index = {s: i for i, s in enumerate(system.states)}
        for law in laws:
            assert law.semi_positive
            weights = {index[s]: c for s, c in law.coefficients.items()}
            balance: dict[int, Fraction] = {}
            for i, j, v in system.stoichiometry:
                balance[j] = balance.get(j, Fraction(0)) + weights.get(i, 0) * v
            assert not any(balance.values())
