"""Named rate laws as text for `manyscale.model(reactions=[...])`: what papers write, in one line.

Every function takes names (or any formula text) of rate constants and returns text: whole reactions
("A + 2 B -> C; k1*A*B^2") where a reaction is given, a rate alone ("Vmax*S/(Km + S)") where a species is given.
"""

from __future__ import annotations

from manyscale.errors import InputError
from manyscale.model.reaction_text import split_equation

__all__ = [
    "hill_activation", "hill_repression", "mass_action", "michaelis_menten", "reversible_michaelis_menten",
]  # fmt: skip


def mass_action(reaction: str, forward: str | float, backward: str | float | None = None) -> str:
    """Mass action (Guldberg & Waage 1864): "A + 2 B -> C" with "k1" gives the rate k1*A*B^2.

    With `backward` the reaction is reversible: kf*A*B^2 - kr*C. Raises InputError where a stoichiometry is not a
    whole number.
    """
    head, equation = _head(reaction)
    left, right, reversible = split_equation(equation, f"reaction {reaction!r}")
    if reversible and backward is None:
        raise InputError(f"mass_action({reaction!r}): the arrow is reversible; give the backward constant too")
    rate = _product(forward, left, reaction)
    if backward is not None:
        rate = f"{rate} - {_product(backward, right, reaction)}"
        equation = equation.replace("->", "<->", 1) if not reversible else equation
    return f"{head}{equation.strip()}; {rate}"


def michaelis_menten(reaction: str, vmax: str | float, km: str | float, enzyme: str | None = None) -> str:
    """Michaelis & Menten (1913): Vmax*S/(Km + S), S the only reactant; with `enzyme`, Vmax is kcat times the enzyme."""
    head, equation = _head(reaction)
    left, _, reversible = split_equation(equation, f"reaction {reaction!r}")
    if len(left) != 1 or reversible:
        raise InputError(f"michaelis_menten({reaction!r}): needs exactly one reactant and the arrow ->")
    substrate = left[0][1]
    top = _factor(vmax) if enzyme is None else f"{_factor(vmax)}*{_factor(enzyme)}"
    return f"{head}{equation.strip()}; {top}*{substrate}/({km} + {substrate})"


def reversible_michaelis_menten(
    reaction: str, forward: str | float, km_forward: str | float, backward: str | float, km_backward: str | float
) -> str:
    """Haldane (1930): (Vf*S/Ks - Vr*P/Kp)/(1 + S/Ks + P/Kp), one reactant S and one product P."""
    head, equation = _head(reaction)
    left, right, _ = split_equation(equation, f"reaction {reaction!r}")
    if len(left) != 1 or len(right) != 1:
        raise InputError(f"reversible_michaelis_menten({reaction!r}): needs one reactant and one product")
    s, p = f"{left[0][1]}/{_factor(km_forward)}", f"{right[0][1]}/{_factor(km_backward)}"
    if "<" not in equation:
        equation = equation.replace("->", "<->", 1)
    return f"{head}{equation.strip()}; ({_factor(forward)}*{s} - {_factor(backward)}*{p})/(1 + {s} + {p})"


def hill_activation(regulator: str, vmax: str | float, half: str | float, exponent: str | float = 1) -> str:
    """Hill (1910), rising: Vmax*X^n/(K^n + X^n)."""
    x, k, n = _factor(regulator), _factor(half), _factor(exponent)
    return f"{_factor(vmax)}*{x}^{n}/({k}^{n} + {x}^{n})"


def hill_repression(regulator: str, vmax: str | float, half: str | float, exponent: str | float = 1) -> str:
    """Hill (1910), falling: Vmax*K^n/(K^n + X^n)."""
    x, k, n = _factor(regulator), _factor(half), _factor(exponent)
    return f"{_factor(vmax)}*{k}^{n}/({k}^{n} + {x}^{n})"


def _head(reaction: str) -> tuple[str, str]:
    """("v1: ", "A -> B") of "v1: A -> B"."""
    head, colon, equation = reaction.rpartition(":")
    return (f"{head}{colon} ", equation) if colon else ("", equation)


def _factor(text: str | float) -> str:
    """Text that can stand in a product."""
    shown = str(text)
    return shown if shown.replace("_", "").replace(".", "").isalnum() else f"({shown})"


def _product(constant: str | float, side: list[tuple[str, str]], reaction: str) -> str:
    parts = [_factor(constant)]
    for count, species in side:
        if not count.isdigit():
            raise InputError(
                f"mass_action({reaction!r}): the stoichiometry {count} is not a whole number; write the rate"
            )
        parts.append(species if count == "1" else f"{species}^{count}")
    return "*".join(parts)
