"""The parts of a model, as frozen data. Names follow SBML where SBML has a name for the thing."""

from __future__ import annotations

from dataclasses import dataclass

from manyscale.model.expr import Expr


@dataclass(frozen=True, slots=True)
class Meta:
    """What a part says about itself to people and databases; carried along, never interpreted."""

    notes: str = ""  # XML text
    annotation: str = ""  # XML text
    sbo: str = ""  # "SBO:0000009"
    meta_id: str = ""


@dataclass(frozen=True, slots=True)
class UnitPart:
    kind: str  # an SBML base unit: "mole", "second", "litre", ...
    exponent: float = 1.0
    scale: int = 0
    multiplier: float = 1.0


@dataclass(frozen=True, slots=True)
class UnitDefinition:
    """Product over the parts of (multiplier * 10**scale * kind)**exponent."""

    id: str
    parts: tuple[UnitPart, ...]
    name: str = ""
    meta: Meta | None = None


@dataclass(frozen=True, slots=True)
class Compartment:
    id: str
    size: float | None = None
    units: str | None = None
    dimensions: float | None = 3.0
    constant: bool = True
    name: str = ""
    meta: Meta | None = None


@dataclass(frozen=True, slots=True)
class Species:
    """A pool of molecules in one compartment.

    In formulas its id stands for an amount if `only_substance` (SBML hasOnlySubstanceUnits), else for a
    concentration. `initial` is an amount or a concentration, as `initial_kind` says.
    """

    id: str
    compartment: str
    initial: float | None = None
    initial_kind: str = "concentration"  # or "amount"
    substance_units: str | None = None
    only_substance: bool = False
    boundary: bool = False
    constant: bool = False
    conversion_factor: str | None = None
    name: str = ""
    meta: Meta | None = None


@dataclass(frozen=True, slots=True)
class Parameter:
    id: str
    value: float | None = None
    units: str | None = None
    constant: bool = True
    name: str = ""
    meta: Meta | None = None


@dataclass(frozen=True, slots=True)
class Participant:
    """A species in a reaction with its stoichiometry. With an `id` the stoichiometry is a symbol of the model."""

    species: str
    stoichiometry: float | Expr | None = 1.0
    id: str | None = None
    constant: bool = True
    name: str = ""
    meta: Meta | None = None


@dataclass(frozen=True, slots=True)
class Reaction:
    """`rate` is in amount per time; `local` parameters hide global names inside it."""

    id: str
    reactants: tuple[Participant, ...] = ()
    products: tuple[Participant, ...] = ()
    modifiers: tuple[str, ...] = ()
    rate: Expr | None = None
    local: tuple[Parameter, ...] = ()
    reversible: bool = False
    fast: bool = False
    compartment: str | None = None
    name: str = ""
    meta: Meta | None = None
    modifier_meta: tuple[tuple[str, Meta], ...] = ()  # (species, what its modifier reference says about itself)
    rate_meta: Meta | None = None


@dataclass(frozen=True, slots=True)
class InitialAssignment:
    symbol: str
    formula: Expr
    meta: Meta | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """kind "assignment": variable = formula; "rate": d(variable)/dt = formula; "algebraic": 0 = formula."""

    kind: str
    formula: Expr
    variable: str | None = None
    name: str = ""
    meta: Meta | None = None


@dataclass(frozen=True, slots=True)
class Event:
    id: str
    trigger: Expr
    assignments: tuple[tuple[str, Expr], ...]
    delay: Expr | None = None
    priority: Expr | None = None
    initial_value: bool = True  # value of the trigger just before t = 0
    persistent: bool = True
    use_trigger_values: bool = True  # evaluate assignments when triggered rather than when executed
    name: str = ""
    meta: Meta | None = None


@dataclass(frozen=True, slots=True)
class Constraint:
    condition: Expr
    message: str = ""
    meta: Meta | None = None


@dataclass(frozen=True, slots=True)
class Function:
    """A function defined by the model: `id(arguments) = body`."""

    id: str
    arguments: tuple[str, ...]
    body: Expr
    name: str = ""
    meta: Meta | None = None
