"""Fast binding around a cut: which complexes follow at once, and what they hold of each free species.

Every complex of a reversible association is taken to follow its quasi-steady state (with detailed balance: the binding
equilibrium). For each free species x_j that takes part, the total T_j = x_j + sum_c w_jc c is slow, and

    dT/dx = I + R + S,   (I + R + S) dx/dt = h(x, u) - M du/dt,

with R from complexes of the upstream module, S and M from those downstream (Del Vecchio, Ninfa & Sontag, Mol Syst Biol
4:161, 2008; Gyorgy & Del Vecchio, PLoS Comput Biol 10:e1003486, 2014). For promoters with binding polynomials P_i,
R_jk = sum_i total_i Cov_i(n_j, n_k)/x_k with the numbers n of bound copies.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from manyscale.errors import InputError
from manyscale.kernels import compile_model
from manyscale.kernels.kernel import Kernel
from manyscale.model.model import Model
from manyscale.model.structure import conservation_laws
from manyscale.scales.conservation import laws as all_laws
from manyscale.scales.conservation import row_factors


@dataclass(frozen=True)
class FastBinding:
    """What is fast around the cut, in positions of the kernel's states.

    fast: complexes (and forms that follow them). binders: complex -> reactions that make it. ligands: free species with
    a slow total each; holds: (ligand, state) -> copies of the ligand in one copy of the state. sites: free forms of
    closed totals; closed: (site, state) -> copies. outside: constants and boundary species that bind (columns of M).
    """

    kernel: Kernel
    fast: tuple[int, ...]
    binders: dict[int, tuple[int, ...]]
    ligands: tuple[int, ...]
    holds: np.ndarray  # (ligands, n)
    sites: tuple[int, ...]
    closed: np.ndarray  # (sites, n)
    outside: tuple[str, ...] = ()
    inner: int = 0  # the first so many ligands belong to the upstream module; the others are inputs to the cut

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(self.kernel.system.states[i] for i in self.ligands)

    @property
    def complexes(self) -> tuple[str, ...]:
        return tuple(self.kernel.system.states[i] for i in self.fast)


def reversible_associations(kernel: Kernel) -> dict[int, tuple[int, ...]]:
    """Complex (state) -> the reactions that make and unmake it, for every association that goes both ways.

    An association lowers the number of molecules (A + B <-> C, 2 A <-> C) or joins something to a fixed species
    (A <-> C with a boundary species as reactant). Both ways: one reaction whose rate can be negative, or two reactions.
    """
    model, net = kernel.model, kernel.system.columns
    groups: dict[tuple, list[int]] = {}
    for j, column in enumerate(net):
        if column:
            sign = 1 if column[min(column)] > 0 else -1
            groups.setdefault(tuple(sorted((i, sign * x) for i, x in column.items())), []).append(j)
    found: dict[int, list[int]] = {}
    for column, members in groups.items():
        backward = any(_two_ways(kernel, j) for j in members) or len(
            {net[j][column[0][0]] > 0 for j in members}
        ) == 2  # fmt: skip
        if not backward:
            continue
        up = [i for i, x in column if x > 0]
        down = [i for i, x in column if x < 0]
        gained, lost = sum(x for _, x in column if x > 0), -sum(x for _, x in column if x < 0)
        fixed = _joined_to_fixed(model, net, members)
        if not up or not down:
            continue
        if fixed is not None:
            found.setdefault(fixed, []).extend(members)
        elif len(up) == 1 and lost > gained:
            found.setdefault(up[0], []).extend(members)
        elif len(down) == 1 and gained > lost:
            found.setdefault(down[0], []).extend(members)
    return {c: tuple(sorted(set(js))) for c, js in found.items()}


def _joined_to_fixed(model: Model, net: Sequence[Mapping[int, Fraction]], members: Sequence[int]) -> int | None:
    """What one species becomes by taking up a fixed one, None where no fixed species takes part on one side only."""
    for j in members:
        reaction = model.reactions[j]
        sides = [any(_is_fixed(model, p.species) for p in side) for side in (reaction.reactants, reaction.products)]
        if sides[0] != sides[1]:
            sign = 1 if sides[0] else -1
            made = [i for i, x in net[j].items() if sign * x > 0]
            if len(made) == 1:
                return made[0]
    return None


def _is_fixed(model: Model, id: str) -> bool:
    part = model.by_id.get(id)
    return bool(getattr(part, "boundary", False) or getattr(part, "constant", False))


def _two_ways(kernel: Kernel, j: int) -> bool:
    """The rate has a negative part: it is reversible as it stands (checked at two states, one without products)."""
    reaction = kernel.model.reactions[j]
    if not reaction.reversible and len(reaction.reactants) == 0:
        return False
    slopes = kernel.rate_jacobian(0.0, np.full(kernel.size, 1.0), _ones(kernel))[j]
    return bool((slopes < 0).any() and (slopes > 0).any())


def _ones(kernel: Kernel) -> np.ndarray:
    _, p = kernel.initial()
    return np.where(np.isfinite(p) & (p != 0), p, 1.0)


def find(model: Model, ports: Collection[str], inside: Collection[str]) -> FastBinding:
    """The fast binding of a connected model.

    ports: shared species; inside: ids of the upstream module's species. Errors: InputError where nothing binds a port.
    """
    kernel = compile_model(model)
    system, net = kernel.system, kernel.system.columns
    if system.mass is not None or system.delays:
        raise InputError(
            f"{model.id!r}: models with algebraic equations, declared fast reactions or delays are not split"
        )
    binders = reversible_associations(kernel)
    fast = set(binders)
    free = [system.state_index.get(id) for id in ports]
    if any(i is None for i in free):
        raise InputError("a port is held fixed or follows a rule, so that no load can change it: nothing to compute")
    fast -= {i for i in free if i is not None}
    binders = {c: js for c, js in binders.items() if c in fast}
    chosen = sorted({j for js in binders.values() for j in js})
    chosen, extra = _with_turnover(kernel, net, chosen, fast, inside)
    basis = _laws(kernel, chosen)
    whole = [set(law.coefficients) for law in all_laws(model, system)]
    ligands, sites, closed, others = [], [], [], []
    y, p = kernel.initial()
    amounts = 1.0 / row_factors(kernel, y, p)
    for law in basis:
        members = {system.states.index(s): float(c) for s, c in law.coefficients.items()}
        if len(members) < 2 or not law.semi_positive:
            continue
        heads = [i for i in members if i not in fast and i not in extra]
        head = next((i for i in heads if i in free), heads[0] if heads else None)
        if head is None:
            continue
        row = np.zeros(kernel.size)
        for i, c in members.items():
            row[i] = c * amounts[i] / (members[head] * amounts[head])
        is_closed = any(set(law.coefficients) == w for w in whole) and head not in free
        if is_closed:
            sites.append(head)
            closed.append(row)
        else:
            (ligands if head in free or system.states[head] in inside else others).append((head, row))
    ligands.sort(key=lambda pair: (pair[0] not in free, pair[0]))
    every = [*ligands, *others]
    missing = [system.states[i] for i in free if i not in {h for h, _ in ligands}]
    if missing:
        raise InputError(
            f"nothing downstream binds {', '.join(missing)} reversibly (it is only read, or only consumed), so there is no "
            "load to compute: a species that only appears in rate laws loads nothing"
        )
    return FastBinding(
        kernel, tuple(sorted(fast | extra)), binders, tuple(h for h, _ in every),
        np.array([r for _, r in every]).reshape(len(every), kernel.size), tuple(sites),
        np.array(closed).reshape(len(sites), kernel.size), _outside(kernel, chosen), len(ligands),
    )  # fmt: skip


def _laws(kernel: Kernel, chosen: Sequence[int]):
    wanted = set(chosen)
    entries = [(i, j, x) for i, j, x in kernel.system.stoichiometry if j in wanted]
    return conservation_laws(entries, kernel.system.states)


def _with_turnover(kernel: Kernel, net, chosen: list[int], fast: set[int], inside: Collection[str]):
    """Reactions among downstream forms that leave every total of the free species as it is (catalysis, resets), and the
    forms that they make fast beside the complexes."""
    states = kernel.system.states
    whole = {s for law in all_laws(kernel.model, kernel.system) for s in law.coefficients if len(law.coefficients) > 1}
    totals = [
        {states.index(s): float(c) for s, c in law.coefficients.items()}
        for law in _laws(kernel, chosen)
        if any(s in inside for s in law.coefficients)
    ]
    touched = {i for j in chosen for i in net[j]}
    found, changed = set(chosen), True
    while changed:
        changed = False
        for j, column in enumerate(net):
            if j in found or not (any(x > 0 for x in column.values()) and any(x < 0 for x in column.values())):
                continue
            own = [i for i in column if states[i] not in inside]
            if not own or not all(states[i] in whole or i in touched for i in own):
                continue
            if any(abs(sum(total.get(i, 0.0) * float(x) for i, x in column.items())) > 1e-12 for total in totals):
                continue
            found.add(j)
            touched |= set(column)
            changed = True
    added = sorted(found - set(chosen))
    heads = set()  # one form per closed total stays free, the others follow
    for law in _laws(kernel, sorted(found)):
        forms = [states.index(s) for s in law.coefficients]
        forms = [i for i in forms if i not in fast and states[i] not in inside]
        if any(i in net[j] for j in added for i in forms):
            heads |= set(forms[1:])
    return sorted(found), heads


def _outside(kernel: Kernel, chosen: Sequence[int]) -> tuple[str, ...]:
    """Fixed species that take part in the binding reactions: inputs whose change is mixed in."""
    model, found = kernel.model, []
    for j in chosen:
        for one in (*model.reactions[j].reactants, *model.reactions[j].products):
            if _is_fixed(model, one.species):
                found.append(one.species)
    return tuple(dict.fromkeys(found))


def relax(part: FastBinding, y: np.ndarray, p: np.ndarray) -> np.ndarray:
    """The state with the same free ligands and closed totals whose fast part is in its quasi-steady state."""
    kernel, unknown = part.kernel, [*part.fast, *part.sites]
    if not unknown:
        return y.copy()
    y, targets = y.copy(), part.closed @ y
    for _ in range(200):
        residual = np.concatenate([kernel.rhs(0.0, y, p)[list(part.fast)], part.closed @ y - targets])
        matrix = _matrix(part, kernel.jacobian(0.0, y, p))[:, unknown]
        scale = np.abs(matrix).max(axis=1)
        scale[scale == 0] = 1.0
        change = np.linalg.lstsq(matrix / scale[:, None], -residual / scale, rcond=None)[0]
        new = y[unknown] + change
        limit = 0.1 * y[unknown]
        y[unknown] = np.where(new < 0, limit, new)
        if np.abs(change).max() <= 1e-14 * max(np.abs(y).max(), 1e-300):
            break
    return y


def _matrix(part: FastBinding, jacobian: np.ndarray) -> np.ndarray:
    return np.vstack([jacobian[list(part.fast)], part.closed])


def slopes(part: FastBinding, y: np.ndarray, p: np.ndarray) -> np.ndarray:
    """d(fast, sites)/d(ligands), as (n, ligands) changes of the whole state (free ligand itself: 1)."""
    unknown = [*part.fast, *part.sites]
    jacobian = part.kernel.jacobian(0.0, y, p)
    matrix = _matrix(part, jacobian)
    right = -matrix[:, list(part.ligands)]
    result = np.zeros((part.kernel.size, len(part.ligands)))
    result[unknown] = _solve(matrix[:, unknown], right)
    result[list(part.ligands), np.arange(len(part.ligands))] = 1.0
    return result


def outside_slopes(part: FastBinding, y: np.ndarray, p: np.ndarray) -> np.ndarray:
    """d(state)/d(fixed species that bind), shape (n, outside); by central differences of the equations."""
    kernel, unknown = part.kernel, [*part.fast, *part.sites]
    matrix = _matrix(part, kernel.jacobian(0.0, y, p))[:, unknown]
    result = np.zeros((kernel.size, len(part.outside)))
    for k, id in enumerate(part.outside):
        index = kernel.system.parameter_index.get(id)
        if index is None:
            continue
        step = 1e-6 * (abs(p[index]) or 1.0)
        high, low = p.copy(), p.copy()
        high[index] += step
        low[index] -= step
        change = (kernel.rhs(0.0, y, high) - kernel.rhs(0.0, y, low))[list(part.fast)] / (2 * step)
        result[unknown, k] = _solve(matrix, -np.concatenate([change, np.zeros(len(part.sites))]))
    return result


def _solve(matrix: np.ndarray, right: np.ndarray) -> np.ndarray:
    scale = np.abs(matrix).max(axis=1)
    scale[scale == 0] = 1.0
    shaped = right / (scale[:, None] if right.ndim == 2 else scale)
    if matrix.shape[0] == matrix.shape[1]:
        try:
            return np.linalg.solve(matrix / scale[:, None], shaped)
        except np.linalg.LinAlgError:
            pass
    return np.linalg.lstsq(matrix / scale[:, None], shaped, rcond=None)[0]


def reduced_jacobian(part: FastBinding, y: np.ndarray, p: np.ndarray) -> tuple[np.ndarray, list[int]]:
    """(A, states): dz/dt = A z for small changes of the slow variables, totals of ligands and other slow states.

    `states` gives for each row the free ligand or the slow state itself.
    """
    kernel = part.kernel
    gone = {*part.fast, *part.sites, *part.ligands}
    rest = [i for i in range(kernel.size) if i not in gone]
    weights = np.vstack([part.holds, np.eye(kernel.size)[rest]])
    jacobian = kernel.jacobian(0.0, y, p)
    matrix = np.vstack([jacobian[list(part.fast)], part.closed, weights])
    right = np.vstack([np.zeros((len(part.fast) + len(part.sites), len(weights))), np.eye(len(weights))])
    if matrix.shape[0] != kernel.size:
        raise InputError("the fast binding here is not one that totals describe (a complex without a free form)")
    lift = _solve(matrix, right)
    return weights @ jacobian @ lift, [*part.ligands, *rest]


def fast_rates(part: FastBinding, y: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Decay rates of the fast part at fixed totals (positive: decays), slowest first."""
    kernel = part.kernel
    jacobian = kernel.jacobian(0.0, y, p)
    gone = [*part.fast]
    if not gone:
        return np.empty(0)
    heads = [*part.sites, *part.ligands]
    sums = np.vstack([part.closed, part.holds])
    embed = np.zeros((kernel.size, len(gone)))
    embed[gone, np.arange(len(gone))] = 1.0
    embed[heads] = -_solve(sums[:, heads], sums[:, gone])
    return np.sort(-np.linalg.eigvals(jacobian[gone] @ embed).real)
