"""Units as people write them."""

from __future__ import annotations

import math
from collections.abc import Mapping

from manyscale.model.model import Model
from manyscale.model.parts import Compartment, Parameter, Species, UnitPart

PREFIXES = {-15: "f", -12: "p", -9: "n", -6: "µ", -3: "m", 0: "", 3: "k", 6: "M", 9: "G"}
SYMBOLS = {
    "mole": "mol", "second": "s", "litre": "L", "liter": "L", "metre": "m", "meter": "m", "gram": "g", "kilogram": "kg",
    "kelvin": "K", "volt": "V", "ampere": "A", "siemens": "S", "farad": "F", "joule": "J", "newton": "N", "pascal": "Pa",
    "hertz": "Hz", "ohm": "Ω", "coulomb": "C", "watt": "W", "item": "molecules", "avogadro": "N_A",
}  # fmt: skip
TIMES = {1.0: "s", 60.0: "min", 3600.0: "h", 86400.0: "d", 1e-3: "ms", 1e-6: "µs"}


def unit_label(model: Model, id: str | None) -> str:
    """Text of a unit id of the model; empty for dimensionless and for units that are not declared."""
    if not id:
        return ""
    found = next((unit for unit in model.units if unit.id == id), None)
    parts = found.parts if found else (UnitPart(id),)
    return _combined(parts) or ""


def labels(model: Model) -> dict[str, str]:
    """Unit text by id for everything that has a value, and "time"."""
    found = {"time": unit_label(model, model.time_units)}
    for part in (*model.parameters, *model.compartments):
        if isinstance(part, (Parameter, Compartment)):
            volume = model.volume_units if isinstance(part, Compartment) else None
            found[part.id] = unit_label(model, part.units or volume)
    for one in model.species:
        found[one.id] = _species(model, one)
    return found


def _species(model: Model, one: Species) -> str:
    parts = _parts(model, one.substance_units or model.substance_units)
    if parts is None:
        return ""
    if one.only_substance:
        return _combined(parts) or ""
    compartment = next((c for c in model.compartments if c.id == one.compartment), None)
    volume = _parts(model, (compartment.units if compartment else None) or model.volume_units)
    if volume is None:
        return ""
    below = tuple(UnitPart(p.kind, -p.exponent, p.scale, p.multiplier) for p in volume)
    return _combined((*parts, *below)) or ""


def _parts(model: Model, id: str | None) -> tuple[UnitPart, ...] | None:
    if not id:
        return None
    found = next((unit for unit in model.units if unit.id == id), None)
    return found.parts if found else (UnitPart(id),)


def _combined(parts: tuple[UnitPart, ...]) -> str | None:
    factor = 1.0
    powers: dict[str, float] = {}
    for part in parts:
        factor *= (part.multiplier * 10.0**part.scale) ** part.exponent
        if part.kind != "dimensionless":
            kind = {"liter": "litre", "meter": "metre"}.get(part.kind, part.kind)
            powers[kind] = powers.get(kind, 0.0) + part.exponent
    powers = {kind: power for kind, power in powers.items() if power}
    if "metre" in powers and powers.get("metre") == -3 and powers.get("mole") == 1:
        powers = {**{k: v for k, v in powers.items() if k != "metre"}, "litre": -1.0}
        factor *= 1e-3
    if not powers:
        return "" if math.isclose(factor, 1.0) else f"×{factor:g}"
    if powers == {"second": 1.0}:
        return next((text for size, text in TIMES.items() if math.isclose(size, factor)), None) or _scaled("s", factor)
    if powers == {"mole": 1.0, "litre": -1.0}:
        return _scaled("M", factor)
    return _general(powers, factor)


def _general(powers: Mapping[str, float], factor: float) -> str:
    """Any product of units, with minutes, hours, molar and square centimetres where these make the number simple."""
    powers = dict(powers)
    if abs(powers.get("mole", 0.0)) == 1 and powers.get("litre") == -powers["mole"]:
        powers = {"molar": powers.pop("mole"), **{k: v for k, v in powers.items() if k != "litre"}}
    symbols = {**SYMBOLS, "molar": "M"}
    if powers.get("metre") == -2 and not _is_prefix(factor / 1.0) and _is_prefix(factor * 1e-4):
        factor, symbols["metre"] = factor * 1e-4, "cm"
    time = powers.get("second", 0.0)
    for size in (60.0, 3600.0, 86400.0, 1e-3) if time else ():
        simple = math.isclose(factor, size**time) if len(powers) == 1 else _is_prefix(factor / size**time)
        if simple and (len(powers) == 1 or not _is_prefix(factor)):
            factor, symbols["second"] = factor / size**time, TIMES[size]
            break
    ordered = sorted(powers.items(), key=lambda item: (-item[1], item[0] == "second"))
    pieces = [_power(symbols.get(kind, kind), power) for kind, power in ordered]
    for place, (kind, power) in enumerate(ordered):
        if math.isclose(factor, 1.0) or abs(power) != 1 or (kind == "second" and len(ordered) > 1):
            continue
        if _is_prefix(factor**power) and symbols.get(kind) not in ("molecules", "kg"):
            pieces[place] = _power(_scaled(symbols.get(kind, kind), factor**power), power)
            factor = 1.0
    return " ".join(pieces) if math.isclose(factor, 1.0) else f"{factor:g} {' '.join(pieces)}"


def _is_prefix(factor: float) -> bool:
    return factor > 0 and any(math.isclose(factor, 10.0**power, rel_tol=1e-9) for power in PREFIXES)


def _scaled(symbol: str, factor: float) -> str:
    for power, prefix in PREFIXES.items():
        if math.isclose(factor, 10.0**power, rel_tol=1e-9):
            if prefix and symbol in ("molecules", "kg"):
                break
            return prefix + symbol
    return f"{factor:g} {symbol}"


def _power(symbol: str, power: float) -> str:
    if power == 1:
        return symbol
    digits = str(int(power)) if power == int(power) else f"{power:g}"
    return symbol + "".join("⁻" if c == "-" else "⁰¹²³⁴⁵⁶⁷⁸⁹"[int(c)] if c.isdigit() else c for c in digits)
