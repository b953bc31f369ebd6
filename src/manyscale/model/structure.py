"""What the stoichiometry alone says: conservation laws, rank, connected parts. Exact, over the rationals.

Everywhere, stoichiometry is a list of (species index, reaction index, value) in amounts, as lowering gives it.
Semi-positive laws are found as extreme rays of the cone {y >= 0, y N = 0} (double description: Motzkin et al. 1953;
for metabolic networks Schuster & Hoefer, J. Chem. Soc. Faraday Trans. 87:2561, 1991).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from manyscale.model.elimination import (
    Echelon,
    Row,
    TooDense,
    canonical,
    distinct,
    independent,
    null_space,
    rank,
    whole,
)
from manyscale.model.expr import Expr, Number, Symbol, add, mul
from manyscale.model.naming import total_names
from manyscale.model.rays import TooManyRays, extreme_rays

__all__ = [
    "ConservationLaw", "components", "conservation_laws", "dependent_species", "integer_null_space", "left_null_space",
    "solve_totals", "stoichiometry_rank",
]  # fmt: skip
SPARSE_BUDGET = 500_000  # entries written by sparse elimination; far more than published networks need

MAX_PROGRAMS = 60  # linear programs for one block of coupled laws with too many extreme rays

Entries = Iterable[tuple[int, int, Fraction | int]]


@dataclass(frozen=True)
class ConservationLaw:
    """The sum of coefficient * amount over the species never changes.

    Coefficients are coprime whole numbers; `semi_positive`: all are positive, so the sum counts copies of something.
    """

    coefficients: Mapping[str, Fraction]
    name: str
    semi_positive: bool

    @property
    def species(self) -> tuple[str, ...]:
        return tuple(self.coefficients)

    @property
    def trivial(self) -> bool:
        """A single species, which no reaction changes."""
        return len(self.coefficients) == 1

    def total(self, amounts: Mapping[str, float]) -> float:
        """Value of the conserved sum for amounts by species id."""
        return sum(float(c) * amounts[s] for s, c in self.coefficients.items())

    def expression(self, amounts: Mapping[str, Expr] | None = None) -> Expr:
        """The conserved sum as a formula; `amounts` gives the amount of a species (default: its own symbol)."""
        amounts = amounts or {}
        return add(*(mul(Number(float(c)), amounts.get(s, Symbol(s))) for s, c in self.coefficients.items()))

    def __str__(self) -> str:
        return f"{self.name} = {self.expression()}"


def _reactions(entries: Entries) -> list[dict[int, Fraction | int]]:
    columns: dict[int, dict[int, Fraction | int]] = {}
    for i, j, value in entries:
        if value:
            column = columns.setdefault(j, {})
            column[i] = column.get(i, 0) + value
    return list(columns.values())


def stoichiometry_rank(entries: Entries) -> int:
    """Rank of the stoichiometric matrix."""
    rows = distinct(whole(column) for column in _reactions(entries))
    try:
        return rank(rows, SPARSE_BUDGET)
    except TooDense:
        from flint import fmpz_mat

        columns = sorted({i for row in rows for i in row})
        return fmpz_mat([[row.get(i, 0) for i in columns] for row in rows]).rank()


def left_null_space(entries: Entries, size: int) -> list[Row]:
    """Basis of all y with y N = 0, as rows {species index: whole number}; `size` species."""
    return _null_space([whole(column) for column in _reactions(entries)], size)


def _null_space(rows: list[Row], size: int) -> list[Row]:
    """Sparse elimination, which is fast on real networks; where it fills in, the dense one of FLINT."""
    try:
        return null_space(rows, size, budget=SPARSE_BUDGET)
    except TooDense:
        return dense_null_space(rows, size)


def dense_null_space(rows: list[Row], size: int) -> list[Row]:
    """The same as `null_space`, by the reduced echelon form of the dense matrix."""
    from flint import fmpz_mat

    matrix, denominator, rank_found = fmpz_mat([[r.get(j, 0) for j in range(size)] for r in distinct(rows)]).rref()
    reduced_rows = [{j: int(v) for j in range(size) if (v := matrix[i, j]) != 0} for i in range(rank_found)]
    pivots = [min(row) for row in reduced_rows]
    scale = int(denominator)
    free = sorted(set(range(size)) - set(pivots))
    vectors = {j: {j: scale} for j in free}
    for row, pivot in zip(reduced_rows, pivots):
        for j, value in row.items():
            if j != pivot:
                vectors[j][pivot] = -value
    return [whole(v if scale > 0 else {j: -x for j, x in v.items()}) for v in vectors.values()]


def integer_null_space(rows: list[Row], size: int, largest: int = 40_000) -> list[Row]:
    """Basis of the lattice of all whole vectors v of length `size` with row . v = 0 for every row, short ones first.

    The lattice is the saturated one: by the Hermite normal form of [A^T | 1], whose rows with nothing under A^T span
    it, made short by LLL. Where that matrix has more than `largest` entries: sparse elimination, then as `null_space`.
    """
    from flint import fmpz_mat

    rows = distinct(rows)
    basis = _null_space(rows, size)
    touched = sorted({j for v in basis for j in v})
    if len(basis) < 2 or len(touched) * (len(touched) + len(rows)) > largest:
        return short_vectors(basis)[len(basis) :] or basis if 1 < len(basis) < 60 else basis
    inside = [{j: v for j, v in row.items() if j in set(touched)} for row in rows]
    inside = distinct(row for row in inside if row)
    width = len(inside)
    work = fmpz_mat(
        [[row.get(j, 0) for row in inside] + [int(j == k) for k in touched] for j in touched]
    ).hnf()  # fmt: skip
    lattice = [
        [work[i, width + k] for k in range(len(touched))]
        for i in range(work.nrows())
        if all(work[i, k] == 0 for k in range(width))
    ]
    short = fmpz_mat(lattice).lll()
    found = [
        {j: int(short[i, k]) for k, j in enumerate(touched) if short[i, k] != 0} for i in range(short.nrows())
    ]  # fmt: skip
    return sorted(found, key=lambda v: (len(v), sum(abs(x) for x in v.values()), min(v)))


def components(entries: Entries, size: int) -> list[list[int]]:
    """Species that reactions connect: a list of sorted lists of species indices, together all `size` species."""
    return _blocks(_reactions(entries), range(size))


def _blocks(groups: Iterable[Iterable[int]], items: Iterable[int]) -> list[list[int]]:
    """Partition of the items into those connected by the groups."""
    parent = {i: i for i in items}

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    for group in groups:
        first = None
        for i in group:
            if first is None:
                first = root(i)
            else:
                parent[root(i)] = first
    found: dict[int, list[int]] = {}
    for i in parent:
        found.setdefault(root(i), []).append(i)
    return list(found.values())


def conservation_laws(
    stoichiometry: Entries,
    ids: Sequence[str],
    *,
    names: Mapping[str, str] | None = None,
    changed_otherwise: Collection[int] = (),
) -> tuple[ConservationLaw, ...]:
    """All conservation laws of the network: a basis, semi-positive and sparse first.

    ids: species (states) by index. names: display names for naming the totals. changed_otherwise: indices of states
    that something other than these reactions changes (rate rules, events, variable stoichiometry); no law contains
    them. A species that no reaction changes makes a law of its own (`trivial`).
    """
    reactions = [whole(column) for column in _reactions(stoichiometry)]
    reactions += [{i: 1} for i in changed_otherwise]
    basis = _null_space(reactions, len(ids))
    laws: list[Row] = []
    for block in _blocks(basis, {i for vector in basis for i in vector}):
        members = set(block)
        laws += readable_basis([v for v in basis if next(iter(v)) in members])
    laws.sort(key=lambda v: (min(v.values()) < 0, len(v) == 1, min(v)))
    chosen = [{ids[i]: Fraction(v[i]) for i in sorted(v)} for v in laws]
    titles = total_names(chosen, names or {}, ids)
    return tuple(ConservationLaw(law, title, all(c > 0 for c in law.values())) for law, title in zip(chosen, titles))


def readable_basis(basis: list[Row]) -> list[Row]:
    """Another basis of the same space: semi-positive vectors where they exist, few and small entries first."""
    candidates = [v for v in basis if min(v.values()) > 0]
    if len(candidates) < len(basis):
        try:
            candidates += extreme_rays(basis)
        except TooManyRays:
            candidates += positive_vectors(basis, MAX_PROGRAMS)
    chosen = independent(sorted(candidates, key=_effort), len(basis))
    if len(chosen) < len(basis):
        rest = sorted((_oriented(v) for v in short_vectors(basis)), key=_effort)
        chosen = independent([*chosen, *rest], len(basis))
    return chosen if len(chosen) == len(basis) else basis


def _effort(vector: Row) -> tuple:
    return len(vector), sum(abs(v) for v in vector.values()), min(vector), sorted(vector)


def _oriented(vector: Row) -> Row:
    return vector if sum(v > 0 for v in vector.values()) * 2 >= len(vector) else {j: -v for j, v in vector.items()}


def short_vectors(basis: list[Row]) -> list[Row]:
    """The basis and a shorter one of the same space (LLL), as candidates."""
    from flint import fmpz_mat

    columns = sorted({j for v in basis for j in v})
    if len(basis) < 2 or len(basis) * len(columns) > 40_000:
        return basis
    matrix = fmpz_mat([[v.get(j, 0) for j in columns] for v in basis]).lll()
    short = []
    for i in range(matrix.nrows()):
        entries = {j: int(matrix[i, k]) for k, j in enumerate(columns) if matrix[i, k] != 0}
        if entries:
            short.append(canonical(entries))
    return [*basis, *short]


def positive_vectors(basis: list[Row], programs: int | None = None) -> list[Row]:
    """Semi-positive vectors of the space, found one at a time: for every column the sparsest that a linear program
    gives, made exact on its support. May miss some (above all after `programs` programs); every vector returned is
    exact."""
    import numpy as np
    from scipy.optimize import linprog

    columns = sorted({j for v in basis for j in v})
    matrix = np.array([[float(v.get(j, 0)) for v in basis] for j in columns])
    covered: set[int] = set()
    found = []
    for k, j in enumerate(columns):
        if j in covered or programs == 0:
            continue
        programs = None if programs is None else programs - 1
        answer = linprog(matrix.sum(axis=0), A_ub=-matrix, b_ub=np.zeros(len(columns)), A_eq=matrix[k : k + 1],
                         b_eq=[1.0], bounds=(None, None))  # fmt: skip
        if answer.status != 0:
            continue
        support = {c for c, value in zip(columns, matrix @ answer.x) if value > 1e-7}
        for vector in _restricted(basis, support):
            if min(vector.values()) > 0:
                found.append(vector)
                covered |= set(vector)
    return found


def _restricted(basis: list[Row], support: set[int]) -> list[Row]:
    """Basis of the vectors of the space that vanish outside the support."""
    outside: dict[int, Row] = {}
    for k, vector in enumerate(basis):
        for j, value in vector.items():
            if j not in support:
                outside.setdefault(j, {})[k] = value
    result = []
    for weights in null_space(outside.values(), len(basis)):
        total: dict[int, Fraction | int] = {}
        for k, weight in weights.items():
            for j, value in basis[k].items():
                total[j] = total.get(j, 0) + weight * value
        result.append(whole({j: v for j, v in total.items() if v}))
    return result


def dependent_species(laws: Sequence[ConservationLaw], weights: Mapping[str, float] | None = None) -> tuple[str, ...]:
    """One species per law to be computed from the totals instead of integrated, in the order of the laws.

    Species of large weight are preferred (give typical amounts: the most abundant one loses least by subtraction).
    The choice is always solvable: the laws' coefficients on these species have full rank.
    """
    weights = weights or {}
    rank_of = {s: weights.get(s, 0.0) for law in laws for s in law.coefficients}
    columns = {s: {i: int(law.coefficients[s]) for i, law in enumerate(laws) if s in law.coefficients} for s in rank_of}
    echelon = Echelon()
    chosen: list[str] = []
    for species in sorted(rank_of, key=lambda s: (-rank_of[s], len(columns[s]), s)):
        if len(chosen) < len(laws) and echelon.add(columns[species]):
            chosen.append(species)
    return _assigned(laws, chosen)


def _assigned(laws: Sequence[ConservationLaw], chosen: list[str]) -> tuple[str, ...]:
    """The chosen species, each beside a law that contains it (bipartite matching; one exists: full rank)."""
    owner: dict[str, int] = {}

    def place(i: int, seen: set[str]) -> bool:
        for species in chosen:
            if species in laws[i].coefficients and species not in seen:
                seen.add(species)
                if species not in owner or place(owner[species], seen):
                    owner[species] = i
                    return True
        return False

    for i in range(len(laws)):
        place(i, set())
    return tuple(sorted(owner, key=owner.__getitem__))


def solve_totals(
    laws: Sequence[ConservationLaw], dependent: Sequence[str]
) -> dict[str, tuple[dict[int, Fraction], dict[str, Fraction]]]:
    """Each dependent species as sum(a * total of law i) + sum(b * other species): {species: ({i: a}, {other: b})}.

    Exact, in amounts. Raises ValueError when the laws do not determine these species.
    """
    from flint import fmpq, fmpq_mat

    others = sorted({s for law in laws for s in law.coefficients} - set(dependent))
    entry = lambda law, s: law.coefficients.get(s, Fraction(0))  # noqa: E731
    as_flint = lambda f: fmpq(f.numerator, f.denominator)  # noqa: E731
    left = fmpq_mat([[as_flint(entry(law, s)) for s in dependent] for law in laws])
    if len(dependent) != len(laws) or left.det() == 0:
        raise ValueError("the conservation laws do not determine these species")
    inverse = left.inv()
    rest = inverse * fmpq_mat(len(laws), len(others), [as_flint(entry(law, s)) for law in laws for s in others])
    result = {}
    for row, species in enumerate(dependent):
        totals = {i: Fraction(int(v.p), int(v.q)) for i in range(len(laws)) if (v := inverse[row, i]) != 0}
        shares = {s: -Fraction(int(v.p), int(v.q)) for k, s in enumerate(others) if (v := rest[row, k]) != 0}
        result[species] = (totals, shares)
    return result
