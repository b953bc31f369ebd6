"""Fast variables as formulas of slow ones: each block of equations solved exactly, or left as equations.

Order of preference for a block of coupled steady-state equations: one unknown that enters linearly or quadratically;
few unknowns that enter linearly (Cramer's rule, expanded, so that by the matrix-tree theorem only positive terms are
left: King & Altman, J. Phys. Chem. 60:1375, 1956; Feliu & Wiuf, SIAM J. Appl. Math. 72:959, 2012); many that enter
linearly (elimination without subtraction: Grassmann, Taksar & Heyman, Oper. Res. 33:1107, 1985). Everything else stays
an equation for the solver. Of the two roots of a quadratic a y^2 - b y + c the attracting one of y' = a y^2 - b y + c is
taken, as 2 c / (b + sqrt(b^2 - 4 a c)), which does not cancel.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from manyscale.model.expr import Expr, Symbol, add, mul, power, substitute, symbols
from manyscale.model.polynomial import (
    UNIT,
    Fraction,
    NotPolynomial,
    Polynomial,
    Ring,
    TooLarge,
    negative,
    nodes,
    plus,
    positive,
    times,
)

LONGEST = 3_000  # nodes of all formulas of a block
EXPANDED = 3  # unknowns up to which Cramer's rule is used


@dataclass(frozen=True)
class Closure:
    """`rules`: unknown (or dependent) -> formula, which may use other unknowns (never in a circle); `equations`:
    unknown -> what has to vanish; `how`: unknown -> "linear", "quadratic" or "numeric"."""

    rules: Mapping[str, Expr]
    equations: Mapping[str, Expr]
    how: Mapping[str, str] = field(default_factory=dict)

    @property
    def explicit(self) -> bool:
        return not self.equations


def eliminate(equations: Mapping[str, Expr], dependents: Mapping[str, Expr]) -> Closure:
    """Solve equations[y] = 0 for the unknowns y.

    dependents: names in the equations with formulas in unknowns (conserved totals minus bound forms and the like).
    """
    rules: dict[str, Expr] = {}
    left: dict[str, Expr] = {}
    how: dict[str, str] = {}
    full = {y: substitute(g, dependents) for y, g in equations.items()}
    for block in blocks(full):
        moved = {v: f for v, f in dependents.items() if symbols(f) & set(block)}
        own = {y: substitute(equations[y], moved) for y in block}
        found, word = _block(block, own, {y: equations[y] for y in block}, moved)
        if found is None:
            left.update({y: equations[y] for y in block})
        else:
            rules.update(found)
        how.update(dict.fromkeys(block, word))
    return Closure(rules, left, how)


def blocks(equations: Mapping[str, Expr]) -> list[list[str]]:
    """Unknowns that have to be solved together, in an order in which each block needs only earlier ones (Tarjan)."""
    needs = {y: sorted(symbols(g) & set(equations)) for y, g in equations.items()}
    number: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    result: list[list[str]] = []
    for root in equations:
        if root in number:
            continue
        work = [(root, iter(needs[root]))]
        number[root] = low[root] = len(number)
        stack.append(root)
        while work:
            y, rest = work[-1]
            for z in rest:
                if z not in number:
                    number[z] = low[z] = len(number)
                    stack.append(z)
                    work.append((z, iter(needs[z])))
                    break
                if z in stack:
                    low[y] = min(low[y], number[z])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[y])
                if low[y] == number[y]:
                    at = stack.index(y)
                    result.append(sorted(stack[at:], key=list(equations).index))
                    del stack[at:]
    return result


def _block(block: list[str], inlined: Mapping[str, Expr], kept: Mapping[str, Expr], dependents: Mapping[str, Expr]):
    """(rules, how) of one block; rules None where it has to stay numeric."""
    try:
        if len(block) == 1:
            found = _scalar(block[0], inlined[block[0]])
        elif len(block) <= EXPANDED:
            found = _cramer(block, inlined), "linear"
        else:
            found = None, "numeric"
        if found[0] is None and len(block) > 1:
            found = _subtraction_free(block, kept, dependents), "linear"
    except (NotPolynomial, TooLarge):
        found = None, "numeric"
    rules, word = found
    if rules is None or sum(nodes(f) for f in rules.values()) > LONGEST:
        return None, "numeric"
    return rules, word


def _scalar(name: str, equation: Expr) -> tuple[dict[str, Expr] | None, str]:
    ring = Ring([name])
    part = ring.read(equation)
    powers = ring.coefficients(part.above, 0)
    degree = max((e for e, c in powers.items() if c), default=0)
    if degree == 1:
        below = negative(powers[1])
        above = powers.get(0, {})
        if below and not positive(below) and positive(negative(below)):
            above, below = negative(above), negative(below)
        return {name: ring.quotient(above, below)}, "linear"
    if degree == 2 and part.below == {UNIT: 1.0}:
        return {name: _root(ring, powers)}, "quadratic"
    return None, "numeric"


def _root(ring: Ring, powers: Mapping[int, Polynomial]) -> Expr:
    """The attracting root of y' = a y^2 - b y + c."""
    a, b, c = (ring.formula(p) for p in (powers[2], negative(powers.get(1, {})), powers.get(0, {})))
    root = power(add(power(b, 2.0), mul(-4.0, a, c)), 0.5)
    return mul(2.0, c, power(add(b, root), -1.0))


def _affine(ring: Ring, names: Iterable[str], equations: Mapping[str, Expr]):
    """(constant, slopes) per name, or None."""
    rows = []
    for name in names:
        part: Fraction = ring.read(equations[name])
        row = ring.affine(part.above) if part.below == {UNIT: 1.0} else None
        if row is None:
            return None
        rows.append(row)
    return rows


def _cramer(block: list[str], equations: Mapping[str, Expr]) -> dict[str, Expr] | None:
    ring = Ring(block)
    rows = _affine(ring, block, equations)
    if rows is None:
        return None
    size = len(block)
    matrix = [[rows[i][1].get(j, {}) for j in range(size)] for i in range(size)]
    right = [negative(rows[i][0]) for i in range(size)]
    whole = _determinant(matrix)
    if not whole:
        return None
    result = {}
    for k, name in enumerate(block):
        replaced = [[right[i] if j == k else matrix[i][j] for j in range(size)] for i in range(size)]
        above, below = _determinant(replaced), whole
        if sum(below.values()) < 0 or (not positive(below) and positive(negative(below))):
            above, below = negative(above), negative(below)
        result[name] = ring.quotient(above, below)
    return result


def _determinant(matrix: list[list[Polynomial]]) -> Polynomial:
    if len(matrix) == 1:
        return matrix[0][0]
    total: Polynomial = {}
    for j, entry in enumerate(matrix[0]):
        if entry:
            minor = [[x for c, x in enumerate(row) if c != j] for row in matrix[1:]]
            total = plus(total, times(entry, _determinant(minor)), -1.0 if j % 2 else 1.0)
    return total


def _subtraction_free(
    block: list[str], equations: Mapping[str, Expr], dependents: Mapping[str, Expr]
) -> dict[str, Expr] | None:
    """Many unknowns that enter linearly, with the dependents (free enzymes) as sources; None where a sign is wrong."""
    used = [v for v in dependents if any(v in symbols(g) for g in equations.values())]
    ring = Ring([*block, *used])
    rows = _affine(ring, block, equations)
    sums = _affine(ring, used, dependents)
    if rows is None or sums is None:
        return None
    size = len(block)
    network = _Network(ring, rows, size)
    if not network.positive or not all(_is_total(row, size) for row in sums):
        return None
    return network.solve(block, used, sums)


def _is_total(row, size: int) -> bool:
    """total - sum of positive numbers times unknowns, and no other dependent."""
    return all(k < size and set(slope) == {UNIT} and slope[UNIT] < 0 for k, slope in row[1].items())


class _Network:
    """Linear flows between unknowns: d_i y_i = b_i + sum_j a_ij y_j + sum_v s_iv v, all terms positive."""

    def __init__(self, ring: Ring, rows, size: int):
        self.ring, self.size = ring, size
        inflow = {(i, j): p for i in range(size) for j, p in rows[i][1].items() if j != i and p}
        leaks = []
        for i in range(size):
            leak = negative(rows[i][1].get(i, {}))
            for k in range(size):
                if k != i and (k, i) in inflow:
                    leak = plus(leak, inflow[k, i], -1.0)
            leaks.append(leak)
        self.positive = all(map(positive, [*inflow.values(), *leaks, *(row[0] for row in rows)]))
        self.flow: dict[tuple[int, int], Expr] = {key: ring.formula(p) for key, p in inflow.items()}
        self.leak: list[Expr] = [ring.formula(p) for p in leaks]
        self.constant: list[Expr] = [ring.formula(row[0]) for row in rows]

    def solve(self, block: list[str], used: list[str], sums) -> dict[str, Expr] | None:
        """Eliminate the unknowns one by one, least connected first; then the dependents."""
        flow, open_ = self.flow, list(range(self.size))
        totals = _Totals([(self.ring.formula(total), slopes) for total, slopes in sums], self.size)
        names = [*block, *used]
        rules: dict[str, Expr] = {}
        while open_:
            k = min(open_, key=lambda k: sum((i, k) in flow for i in open_) * sum((k, i) in flow for i in open_))
            open_.remove(k)
            out = [i for i in open_ if (i, k) in flow]
            whole = add(self.leak[k], *(flow[i, k] for i in out))
            sources = [j for j in [*open_, *range(self.size, len(names))] if (k, j) in flow]
            over = power(whole, -1.0)
            rules[names[k]] = mul(add(self.constant[k], *(flow[k, j] * Symbol(names[j]) for j in sources)), over)
            for i in out:
                share = mul(flow[i, k], over)
                self.constant[i] = add(self.constant[i], mul(share, self.constant[k]))
                for j in sources:
                    if j != i:
                        flow[i, j] = add(flow.get((i, j), 0.0), mul(share, flow[k, j]))
            for i in sources:
                if i < self.size:
                    self.leak[i] = add(self.leak[i], mul(flow[k, i], self.leak[k], over))
            totals.remove(k, over, self.constant[k], {j: flow[k, j] for j in sources})
            if sum(nodes(f) for f in rules.values()) > LONGEST:
                return None
        found = totals.solve(used, self.size)
        return None if found is None else {**rules, **found}


class _Totals:
    """Rows v + sum_j c_j y_j = R of the dependents, while the unknowns are eliminated."""

    def __init__(self, sums: list[tuple[Expr, Mapping[int, Polynomial]]], size: int):
        self.rows: list[dict[int, Expr]] = []
        self.free: list[Expr] = [total for total, _ in sums]
        for k, (_, slopes) in enumerate(sums):
            row: dict[int, Expr] = {j: add(-slope[UNIT]) for j, slope in slopes.items()}
            row[size + k] = add(1.0)
            self.rows.append(row)

    def remove(self, k: int, over: Expr, constant: Expr, sources: Mapping[int, Expr]) -> None:
        for number, row in enumerate(self.rows):
            if k in row:
                share = mul(row.pop(k), over)
                self.free[number] = add(self.free[number], mul(-1.0, share, constant))
                for j, a in sources.items():
                    row[j] = add(row.get(j, 0.0), mul(share, a))

    def solve(self, used: list[str], size: int) -> dict[str, Expr] | None:
        """Formulas of the dependents; None where they are coupled among themselves."""
        result = {}
        for k, name in enumerate(used):
            if set(self.rows[k]) != {size + k}:
                return None
            result[name] = mul(self.free[k], power(self.rows[k][size + k], -1.0))
        return result
