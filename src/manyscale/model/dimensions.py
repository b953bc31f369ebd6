"""Units as exponent vectors over the SI base quantities and single items, times a factor."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from manyscale.errors import UnitsError
from manyscale.model.parts import UnitDefinition, UnitPart

BASES = ("metre", "kilogram", "second", "ampere", "kelvin", "mole", "candela", "item")
SBML_AVOGADRO = 6.02214179e23  # the value of the unit `avogadro` in SBML level 3 version 1


@dataclass(frozen=True, slots=True)
class Unit:
    """factor * product of BASES ** exponents."""

    exponents: tuple[float, ...]
    factor: float = 1.0

    def __mul__(self, other: Unit) -> Unit:
        return Unit(tuple(a + b for a, b in zip(self.exponents, other.exponents)), self.factor * other.factor)

    def __truediv__(self, other: Unit) -> Unit:
        return Unit(tuple(a - b for a, b in zip(self.exponents, other.exponents)), self.factor / other.factor)

    def __pow__(self, exponent: float) -> Unit:
        return Unit(tuple(a * exponent for a in self.exponents), self.factor**exponent)

    def same_dimension(self, other: Unit) -> bool:
        return all(abs(a - b) < 1e-9 for a, b in zip(self.exponents, other.exponents))

    def same(self, other: Unit) -> bool:
        """Same dimension and same size."""
        return self.same_dimension(other) and math.isclose(self.factor, other.factor, rel_tol=1e-6)

    @property
    def dimensionless(self) -> bool:
        return all(abs(a) < 1e-9 for a in self.exponents)


def _unit(factor: float = 1.0, **powers: float) -> Unit:
    names = {"m": 0, "kg": 1, "s": 2, "A": 3, "K": 4, "mol": 5, "cd": 6, "item": 7}
    exponents = [0.0] * len(BASES)
    for name, power in powers.items():
        exponents[names[name]] = float(power)
    return Unit(tuple(exponents), factor)


NONE = _unit()
KINDS: dict[str, Unit] = {  # the base units of SBML
    "ampere": _unit(A=1), "avogadro": _unit(SBML_AVOGADRO), "becquerel": _unit(s=-1), "candela": _unit(cd=1),
    "coulomb": _unit(A=1, s=1), "dimensionless": NONE, "farad": _unit(A=2, s=4, kg=-1, m=-2), "gram": _unit(1e-3, kg=1),
    "gray": _unit(m=2, s=-2), "henry": _unit(kg=1, m=2, s=-2, A=-2), "hertz": _unit(s=-1), "item": _unit(item=1),
    "joule": _unit(kg=1, m=2, s=-2), "katal": _unit(mol=1, s=-1), "kelvin": _unit(K=1), "kilogram": _unit(kg=1),
    "litre": _unit(1e-3, m=3), "lumen": _unit(cd=1), "lux": _unit(cd=1, m=-2), "metre": _unit(m=1),
    "mole": _unit(mol=1), "newton": _unit(kg=1, m=1, s=-2), "ohm": _unit(kg=1, m=2, s=-3, A=-2),
    "pascal": _unit(kg=1, m=-1, s=-2), "radian": NONE, "second": _unit(s=1), "siemens": _unit(A=2, s=3, kg=-1, m=-2),
    "sievert": _unit(m=2, s=-2), "steradian": NONE, "tesla": _unit(kg=1, s=-2, A=-1), "volt": _unit(kg=1, m=2, s=-3, A=-1),
    "watt": _unit(kg=1, m=2, s=-3), "weber": _unit(kg=1, m=2, s=-2, A=-1),
}  # fmt: skip
KINDS["liter"], KINDS["meter"] = KINDS["litre"], KINDS["metre"]


def unit_of_parts(parts: Iterable[UnitPart]) -> Unit:
    """The product of the parts of a unit definition."""
    total = NONE
    for part in parts:
        kind = KINDS.get(part.kind)
        if kind is None:
            raise UnitsError(f"{part.kind!r} is not a base unit of SBML; use one of {', '.join(sorted(KINDS))}")
        scale = part.multiplier * 10.0**part.scale
        if not scale > 0:
            raise UnitsError(f"a unit of {part.kind} with multiplier {part.multiplier:g}: it must be positive")
        total = total * (Unit(kind.exponents, kind.factor * scale) ** part.exponent)
    return total


def base_parts(unit: Unit) -> tuple[UnitPart, ...]:
    """A unit definition in base units."""
    parts = [] if unit.factor == 1.0 else [UnitPart("dimensionless", multiplier=unit.factor)]
    return (*parts, *(UnitPart(base, power) for base, power in zip(BASES, unit.exponents) if power))


def units_by_id(definitions: Iterable[UnitDefinition]) -> dict[str, Unit]:
    """Every unit id of a model: its definitions and the base units."""
    return {**KINDS, **{d.id: unit_of_parts(d.parts) for d in definitions}}


# Text

PREFIXES = {
    -18: "a", -15: "f", -12: "p", -9: "n", -6: "u", -3: "m", -2: "c", -1: "d", 0: "", 3: "k", 6: "M", 9: "G",
}  # fmt: skip
SYMBOLS = {
    "mole": "mol", "second": "s", "litre": "L", "liter": "L", "metre": "m", "meter": "m", "gram": "g", "kilogram": "kg",
    "kelvin": "K", "volt": "V", "ampere": "A", "siemens": "S", "farad": "F", "joule": "J", "newton": "N", "pascal": "Pa",
    "hertz": "Hz", "ohm": "ohm", "coulomb": "C", "watt": "W", "item": "molecule", "molar": "M", "candela": "cd",
}  # fmt: skip
TIMES = {60.0: "min", 3600.0: "h", 86400.0: "d"}
_THOUSANDS = {k: v for k, v in PREFIXES.items() if k % 3 == 0}


def parts_text(parts: Iterable[UnitPart]) -> str:
    """Text of a unit definition, part by part as it was written: "uM", "1/(uM s)", "uA/cm^2"."""
    parts = tuple(parts)
    pieces: list[tuple[str, float, float]] = []  # kind, exponent, factor of the symbol
    for part in parts:
        if part.kind in ("dimensionless", "radian", "steradian"):
            if part.multiplier * 10.0**part.scale != 1.0:
                return unit_text(unit_of_parts(parts))
            continue
        pieces.append((part.kind, part.exponent, part.multiplier * 10.0**part.scale))
    return _join(_as_molar(pieces)) or unit_text(unit_of_parts(parts))


def _as_molar(pieces: list[tuple[str, float, float]]) -> list[tuple[str, float, float]]:
    """mol/L and 1/(mol/L) written as molar."""
    substance = [p for p in pieces if p[0] == "mole"]
    volume = [p for p in pieces if p[0] in ("litre", "liter")]
    if len(substance) != 1 or len(volume) != 1 or substance[0][1] != -volume[0][1]:
        return pieces
    place = pieces.index(substance[0])
    rest = [p for p in pieces if p not in (substance[0], volume[0])]
    rest.insert(min(place, len(rest)), ("molar", substance[0][1], substance[0][2] / volume[0][2]))
    return rest


def _join(pieces: list[tuple[str, float, float]]) -> str | None:
    """None when a factor has no name of its own."""
    above: list[str] = []
    below: list[str] = []
    for kind, exponent, factor in pieces:
        symbol = _prefixed(kind, factor)
        if symbol is None:
            return None
        size = abs(exponent)
        text = symbol if size == 1 else f"{symbol}^{size:g}"
        (above if exponent > 0 else below).append(text)
    if not above and not below:
        return "dimensionless"
    top = " ".join(above) or "1"
    return top if not below else f"{top}/{below[0]}" if len(below) == 1 else f"{top}/({' '.join(below)})"


def _prefixed(kind: str, factor: float) -> str | None:
    if math.isclose(factor, 1.0, rel_tol=1e-9):
        return SYMBOLS.get(kind, kind)
    if kind == "second":
        for size, name in TIMES.items():
            if math.isclose(factor, size, rel_tol=1e-9):
                return name
    if kind in ("item", "kilogram"):
        return None
    table = PREFIXES if kind in ("metre", "meter") else _THOUSANDS
    for power, prefix in table.items():
        if math.isclose(factor, 10.0**power, rel_tol=1e-9):
            return prefix + SYMBOLS.get(kind, kind)
    return None


_NAMED = ("volt", "siemens", "farad", "joule", "watt", "newton", "pascal", "ohm", "coulomb")


def unit_text(unit: Unit) -> str:
    """Text of any unit, with molar, litres, minutes and prefixes where they make the factor simple."""
    for kind in _NAMED:
        if unit.same_dimension(KINDS[kind]):
            text = _prefixed(kind, unit.factor / KINDS[kind].factor)
            if text:
                return text
    powers = {base: power for base, power in zip(BASES, unit.exponents) if abs(power) > 1e-9}
    factor = unit.factor
    length, substance = powers.get("metre", 0.0), powers.get("mole", 0.0)
    if substance and length == -3 * substance:
        factor /= 1000.0**substance
        powers = {("molar" if k == "mole" else k): v for k, v in powers.items() if k != "metre"}
    elif length and length % 3 == 0:
        factor /= 1e-3 ** (length / 3)
        powers = {("litre" if k == "metre" else k): (v / 3 if k == "metre" else v) for k, v in powers.items()}
    order = ("item", "mole", "molar", "kilogram", "litre", "metre", "ampere", "kelvin", "candela", "second")
    kinds = sorted(powers, key=order.index)
    for time in (1.0, *TIMES) if "second" in powers else (1.0,):
        rest = factor / time ** powers.get("second", 0.0)
        for scaled in (None, *kinds):
            share = 1.0 if scaled is None else rest ** (1 / powers[scaled])
            if scaled is None and not math.isclose(rest, 1.0, rel_tol=1e-9):
                continue
            sizes = {"second": time, **({scaled: share * (time if scaled == "second" else 1.0)} if scaled else {})}
            text = _join([(k, powers[k], sizes.get(k, 1.0)) for k in kinds])
            if text is not None:
                return text
    return f"{factor:g} {_join([(k, powers[k], 1.0) for k in kinds])}"
