"""Dimensionless groups of the given quantities of a model: the lattice of its invariants, short ones first.

Buckingham, Phys. Rev. 4:345 (1914), from units; Hubert & Labahn (2013), from the symmetries of the equations, which
may leave fewer groups than units do. Short: Lenstra, Lenstra & Lovasz, Math. Ann. 261:515 (1982).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from manyscale.model.declared_units import Declarations
from manyscale.model.dimensions import BASES, Unit
from manyscale.model.elimination import rank, whole
from manyscale.model.expr import Symbol
from manyscale.model.model import Model
from manyscale.model.structure import integer_null_space
from manyscale.scales.nondimensional.monomial import Monomial, monomial, product, start
from manyscale.scales.nondimensional.weights import Symmetries

MOST = 200  # quantities, above which groups are counted only


@dataclass(frozen=True)
class Count:
    """quantities: given positive ones (constants, initial values). symmetry_rank, symmetry_groups: from the equations.
    unit_rank, unit_groups: from declared units (None: not all are declared). missing: ids without units."""

    quantities: int
    symmetry_rank: int
    symmetry_groups: int
    unit_rank: int | None
    unit_groups: int | None
    missing: tuple[str, ...]


def given(model: Model, symmetries: Symmetries, values: Mapping[str, float], system) -> dict[str, Monomial]:
    """Positive constants and initial values, by quantity."""
    found = {}
    states = dict(zip(system.state_symbols, system.states))
    for id in symmetries.quantities:
        value = values.get(id, 0.0)
        if not 0 < value < float("inf"):
            continue
        if id in states:
            found[id] = monomial(start(id))
        elif id in system.parameter_index:
            found[id] = monomial(Symbol(id))
    return found


def invariants(symmetries: Symmetries, quantities: Mapping[str, Monomial]) -> tuple[Monomial, ...]:
    """A short basis of all products of whole powers of the quantities that no symmetry changes."""
    names = tuple(quantities)
    if len(names) > MOST:
        return ()
    rows = [{i: w[q] for i, q in enumerate(names) if w.get(q)} for w in symmetries.weights]
    lattice = integer_null_space([whole(row) for row in rows if row], len(names))
    return tuple(product((quantities[names[i]], Fraction(e)) for i, e in sorted(vector.items())) for vector in lattice)


def count(model: Model, symmetries: Symmetries, quantities: Mapping[str, Monomial]) -> Count:
    """How many groups the equations leave, and how many the declared units."""
    names = tuple(quantities)
    rows = [{i: w[q] for i, q in enumerate(names) if w.get(q)} for w in symmetries.weights]
    found = rank([whole(row) for row in rows if row])
    units, missing = _units(model, names)
    unit_rank = None
    if not missing:
        matrix = [
            whole({i: Fraction(units[q].exponents[b]).limit_denominator(100) for i, q in enumerate(names)})
            for b in range(len(BASES))
        ]
        unit_rank = rank([row for row in matrix if row])
    groups = None if unit_rank is None else len(names) - unit_rank
    return Count(len(names), found, len(names) - found, unit_rank, groups, missing)


def _units(model: Model, names: tuple[str, ...]) -> tuple[dict[str, Unit], tuple[str, ...]]:
    declared = Declarations(model)
    local = {f"{r.id}.{k.id}": k.units for r in model.reactions for k in r.local}
    found, missing = {}, []
    for name in names:
        unit = declared.declared(local[name], name) if name in local else declared.of(name).unit
        if unit is None:
            missing.append(name)
        else:
            found[name] = unit
    return found, tuple(missing)
