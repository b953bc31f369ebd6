"""Units at the border: quantities written by people to plain floats and SBML units, and back.

Common biological units are read by a small table; everything else by pint, which is imported only then.
Amounts in moles and in molecules are different units here; `convert` goes between them with Avogadro's number, the unit
check never does so silently.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, NoReturn

from manyscale.errors import InputError, UnitsError
from manyscale.model.dimensions import (
    BASES,
    KINDS,
    PREFIXES,
    Unit,
    parts_text,
    unit_of_parts,
    unit_text,
)
from manyscale.model.parts import UnitDefinition, UnitPart

if TYPE_CHECKING:
    from manyscale.model.model import Model
    from manyscale.model.unit_check import UnitsReport

__all__ = [
    "AVOGADRO", "Quantity", "check_units", "convert", "definition", "from_pint", "parse_quantity", "parse_units",
    "registry", "to_pint", "unit_label", "units_of",
]  # fmt: skip
AVOGADRO = 6.02214076e23  # per mole, exact since 2019
MOLE, ITEM = BASES.index("mole"), BASES.index("item")  # positions in a unit's exponents
Parts = tuple[UnitPart, ...]


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number with its unit as SBML writes it; `parts` is None where no unit was given, () for a pure number."""

    value: float
    parts: Parts | None = None

    @property
    def unit(self) -> Unit | None:
        return None if self.parts is None else unit_of_parts(self.parts)

    def to(self, units: str | Parts) -> float:
        """The number in other units. Raises UnitsError when this quantity has none or the dimensions differ."""
        if self.parts is None:
            raise UnitsError(f"{self.value:g} has no units; write for example '{self.value:g} {_shown(units)}'")
        return convert(self.value, self.parts, units)

    def __str__(self) -> str:
        return f"{self.value:g}" if self.parts is None else f"{self.value:g} {parts_text(self.parts)}"


_PREFIX_OF = {**{text: power for power, text in PREFIXES.items()}, "µ": -6, "μ": -6}
_PLAIN = {  # spelled-out and irregular names -> parts
    "min": ("second", 60.0), "minute": ("second", 60.0), "h": ("second", 3600.0), "hr": ("second", 3600.0),
    "hour": ("second", 3600.0), "d": ("second", 86400.0), "day": ("second", 86400.0), "sec": ("second", 1.0),
    "second": ("second", 1.0), "mole": ("mole", 1.0), "litre": ("litre", 1.0), "liter": ("litre", 1.0),
    "molecule": ("item", 1.0), "item": ("item", 1.0), "copy": ("item", 1.0), "copies": ("item", 1.0),
    "particle": ("item", 1.0), "cell": ("item", 1.0), "kg": ("kilogram", 1.0),
    "dimensionless": ("dimensionless", 1.0), "micron": ("metre", 1e-6),
}  # fmt: skip
_PREFIXABLE = {
    "s": "second", "mol": "mole", "M": "molar", "molar": "molar", "L": "litre", "l": "litre", "m": "metre", "g": "gram",
    "K": "kelvin", "V": "volt", "A": "ampere", "S": "siemens", "F": "farad", "J": "joule", "N": "newton", "W": "watt",
    "Pa": "pascal", "Hz": "hertz", "ohm": "ohm", "C": "coulomb", "Da": "dalton",
}  # fmt: skip
_DALTON = 1.66053906892e-24  # grams; CODATA 2022
_UNIT_TOKEN = re.compile(
    r"\s*(?:(?P<name>[A-Za-zµμΩ%°]+)|(?P<number>\d+(?:\.\d*)?(?:[eE][+-]?\d+)?)"
    r"|(?P<power>\*\*|\^)|(?P<sign>[*/()·-])|(?P<super>[⁰¹²³⁴⁵⁶⁷⁸⁹⁻]+))"
)
_NUMBER = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|[+-]?inf|nan)\s*(.*)\Z", re.DOTALL)
_SUPER = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")


def parse_quantity(text: str | float | int | Quantity) -> Quantity:
    """A number with units from text such as "10 uM", "1e6 1/(M s)", "3 min", "5"; plain numbers have no units.

    Raises InputError for what is not a number and UnitsError for unknown units.
    """
    if isinstance(text, Quantity):
        return text
    if isinstance(text, int | float) and not isinstance(text, bool):
        return Quantity(float(text))
    if not isinstance(text, str):
        raise InputError(f"{text!r} is not a quantity; write a number or text such as '10 uM'")
    match = _NUMBER.match(text)
    if match is None:
        raise InputError(f"{text!r} is not a quantity; write a number, then its unit, such as '10 uM'")
    value, rest = float(match[1]), match[2].strip()
    return Quantity(value, parse_units(rest) if rest else None)


def parse_units(text: str) -> Parts:
    """Parts of an SBML unit from text such as "uM", "1/(M s)", "mol L^-1 s^-1", "uA/cm^2".

    Multiplication is a space or *; one / divides by the next factor only (as in SBML and pint), parentheses group.
    Raises UnitsError when a unit is not known.
    """
    if not isinstance(text, str) or len(text) > 300:
        raise UnitsError(f"{str(text)[:60]!r} is not a unit")
    return _parse_units(text.strip())


@cache
def _parse_units(text: str) -> Parts:
    try:
        return merged(_UnitParser(text).whole())
    except KeyError:
        return _through_pint(text)


class _UnitParser:
    """Products, quotients and powers of unit names. Raises KeyError for what the table does not know."""

    def __init__(self, text: str):
        self.text, self.at = text, 0
        self.tokens: list[tuple[str, str]] = []
        position = 0
        while position < len(text):
            match = _UNIT_TOKEN.match(text, position)
            if match is None:
                raise UnitsError(f"{text[position:].strip()[:20]!r} is not part of a unit in {text!r}")
            kind = str(match.lastgroup)
            self.tokens.append((kind, match[kind]))
            position = match.end()
        self.tokens.append(("end", ""))

    def fail(self) -> NoReturn:
        raise UnitsError(f"{self.text!r} is not a unit; write for example '1/(uM s)'")

    def whole(self) -> list[UnitPart]:
        parts = self.product()
        if self.tokens[self.at][0] != "end":
            self.fail()
        return parts

    def product(self) -> list[UnitPart]:
        parts, sign = list(self.factor()), 1.0
        while True:
            kind, word = self.tokens[self.at]
            if kind == "end" or word == ")":
                return parts
            sign = -1.0 if word == "/" else 1.0
            if word in ("/", "*", "·"):
                self.at += 1
            parts += _raised(self.factor(), sign)

    def factor(self) -> list[UnitPart]:
        kind, word = self.tokens[self.at]
        self.at += 1
        if word == "(":
            if self.at > 40:
                self.fail()
            parts = self.product()
            if self.tokens[self.at][1] != ")":
                self.fail()
            self.at += 1
        elif kind == "number":
            value = float(word)
            parts = [] if value == 1.0 else [UnitPart("dimensionless", multiplier=value)]
        elif kind == "name":
            parts = _named(word)
        else:
            self.fail()
        return _raised(parts, self.exponent())

    def exponent(self) -> float:
        kind, word = self.tokens[self.at]
        if kind == "super":
            self.at += 1
            return float(word.translate(_SUPER))
        if kind != "power":
            return 1.0
        self.at += 1
        sign = -1.0 if self.tokens[self.at][1] == "-" else 1.0
        grouped = self.tokens[self.at][1] == "("
        if sign < 0 or grouped:
            self.at += 1
        if grouped and self.tokens[self.at][1] == "-":
            sign, self.at = -1.0, self.at + 1
        kind, word = self.tokens[self.at]
        if kind != "number":
            self.fail()
        self.at += 1
        if grouped:
            if self.tokens[self.at][1] != ")":
                self.fail()
            self.at += 1
        return sign * float(word)


def _raised(parts: Iterable[UnitPart], exponent: float) -> list[UnitPart]:
    if exponent == 1.0:
        return list(parts)
    return [UnitPart(p.kind, p.exponent * exponent, p.scale, p.multiplier) for p in parts]


def _named(name: str) -> list[UnitPart]:
    """Parts of one unit name with an optional prefix. Raises KeyError."""
    if name in KINDS:
        return [UnitPart(name)]
    for word in (name, name.removesuffix("s")):
        if word in _PLAIN:
            kind, multiplier = _PLAIN[word]
            return [UnitPart(kind, multiplier=multiplier)]
        if word in KINDS and word != "siemen":
            return [UnitPart(word)]
    for length in (0, 1):
        prefix, symbol = name[:length], name[length:]
        if symbol in _PREFIXABLE and (prefix in _PREFIX_OF):
            return _scaled(_PREFIXABLE[symbol], _PREFIX_OF[prefix])
    raise KeyError(name)


def _scaled(kind: str, scale: int) -> list[UnitPart]:
    if kind == "molar":
        return [UnitPart("mole", scale=scale), UnitPart("litre", -1.0)]
    if kind == "dalton":
        return [UnitPart("gram", scale=scale, multiplier=_DALTON)]
    return [UnitPart(kind, scale=scale)]


def merged(parts: Iterable[UnitPart]) -> Parts:
    """Parts of equal kind and size joined into one, ones dropped."""
    powers: dict[tuple, float] = {}
    for part in parts:
        if part.kind == "dimensionless" and part.scale == 0 and part.multiplier == 1.0:
            continue
        key = (part.kind, part.scale, part.multiplier)
        powers[key] = powers.get(key, 0.0) + part.exponent
    return tuple(UnitPart(k, power, s, m) for (k, s, m), power in powers.items() if power)


# pint


@cache
def registry() -> Any:
    """The registry of units (pint) that this package uses, with `molecule` and `item` for single particles."""
    from pint import UnitRegistry

    units: Any = UnitRegistry()
    units.define("item = [item_count] = molecule = copies = molecules")
    units.define("Da = 1.66053906892e-24 gram")
    return units


def _through_pint(text: str) -> Parts:
    try:
        return from_pint(registry().Unit(text) if re.match(r"[A-Za-z]", text) else registry()(text))
    except UnitsError:
        raise
    except Exception as error:
        reason = str(error).split("\n")[0][:100]
        raise UnitsError(f"{text!r} is not a unit that is known ({reason}); write for example '1/(uM s)'") from None


_FROM_PINT = {
    "meter": "metre", "kilogram": "kilogram", "second": "second", "ampere": "ampere", "kelvin": "kelvin", "mole": "mole",
    "candela": "candela", "item": "item",
}  # fmt: skip


def from_pint(unit: Any) -> Parts:
    """SBML parts of a pint unit or quantity. Raises UnitsError for units with an offset or outside SBML."""
    base = (1 * unit).to_base_units()
    if (2 * unit).to_base_units().magnitude != 2 * base.magnitude:
        raise UnitsError(f"{unit} has an offset; use kelvin")
    parts = []
    for name, power in base.units._units.items():
        if name in ("radian", "count"):
            continue  # pure numbers
        if name not in _FROM_PINT:
            raise UnitsError(f"the unit {unit} contains {name}, which SBML cannot write")
        parts.append(UnitPart(_FROM_PINT[name], float(power)))
    factor = float(base.magnitude)
    if not math.isclose(factor, 1.0, rel_tol=1e-14):
        parts.insert(0, UnitPart("dimensionless", multiplier=factor))
    return tuple(parts)


def to_pint(units: str | Parts | UnitDefinition) -> Any:
    """The unit as a pint quantity (its size times a pint unit)."""
    unit = units_of(units)
    names = {"metre": "meter"}
    result = unit.factor * registry().dimensionless
    for base, power in zip(BASES, unit.exponents):
        if power:
            result = result * registry()(names.get(base, base)) ** power
    return result


# Conversion and text


def units_of(units: str | Parts | UnitDefinition | Unit) -> Unit:
    """Exponents and factor of a unit in any of its written forms."""
    if isinstance(units, Unit):
        return units
    if isinstance(units, str):
        return unit_of_parts(parse_units(units))
    return unit_of_parts(units.parts if isinstance(units, UnitDefinition) else units)


def convert(value: float, source: str | Parts | Unit, target: str | Parts | Unit) -> float:
    """A number from one unit to another; moles and molecules through Avogadro's number.

    Raises UnitsError when the dimensions differ (an amount is never taken for a concentration).
    """
    a, b = units_of(source), units_of(target)
    if not a.same_dimension(b):
        a, b = in_moles(a), in_moles(b)
    if not a.same_dimension(b):
        raise UnitsError(f"{_shown(source)} cannot be converted to {_shown(target)}: different dimensions")
    if math.isclose(a.factor, b.factor, rel_tol=1e-14):
        return value
    if a.factor >= b.factor:
        return value * _whole(a.factor / b.factor)
    return value / _whole(b.factor / a.factor)


def _whole(ratio: float) -> float:
    """The ratio without the rounding of powers of ten, where it is a whole number."""
    nearest = float(round(ratio)) if ratio < 1e15 else ratio
    return nearest if math.isclose(ratio, nearest, rel_tol=1e-14) else ratio


def in_moles(unit: Unit) -> Unit:
    """The unit with molecules counted in moles."""
    items = unit.exponents[7]
    exponents = (*unit.exponents[:5], unit.exponents[5] + items, unit.exponents[6], 0.0)
    return Unit(exponents, unit.factor / AVOGADRO**items)


def _shown(units: str | Parts | UnitDefinition | Unit) -> str:
    if isinstance(units, str):
        return units
    if isinstance(units, Unit):
        return unit_text(units)
    return parts_text(units.parts if isinstance(units, UnitDefinition) else units)


def definition(units: str | Parts, id: str | None = None) -> UnitDefinition:
    """A unit definition with a readable id ("uM", "per_uM_per_s") unless one is given."""
    parts = parse_units(units) if isinstance(units, str) else tuple(units)
    if id is None:
        text = parts_text(parts)
        id = re.sub(r"\W+", "_", text.replace("1/(", "per_").replace("1/", "per_").replace("/(", "_per_")
                    .replace("/", "_per_").replace("^", "").replace(" ", "_")).strip("_")  # fmt: skip
        if not id or id[0].isdigit() or id in KINDS:
            id = f"unit_{id}"
    return UnitDefinition(id, parts or (UnitPart("dimensionless"),))


def unit_label(model: Model, id: str | None) -> str:
    """Text of a unit id of the model; empty where no unit is declared."""
    if not id:
        return ""
    found = next((d for d in model.units if d.id == id), None)
    return parts_text(found.parts if found else (UnitPart(id),)) if found or id in KINDS else id


def check_units(model: Model) -> UnitsReport:
    """Dimensions of every rate law, rule, event and initial assignment: see `model.unit_check`."""
    from manyscale.model.unit_check import check_units as check

    return check(model)


def molecules_per_unit(unit: Unit) -> float | None:
    """Molecules in one unit of an amount; None if it is no amount of moles or items (mass, dimensionless)."""
    exponents = list(unit.exponents)
    for place, each in ((MOLE, AVOGADRO), (ITEM, 1.0)):
        if exponents[place] == 1.0 and not any(e for k, e in enumerate(exponents) if k != place):
            return unit.factor * each
    return None
