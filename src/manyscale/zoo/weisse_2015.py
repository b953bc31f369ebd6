"""A growing cell that shares energy, ribosomes and mass between transporter, enzyme, ribosomes and the rest.

Weisse AY, Oyarzun DA, Danos V, Swain PS (2015) Mechanistic links between cellular trade-offs, gene expression, and
growth. PNAS 112:E1038, equations 1 to 12 and the values of table S1; without antibiotic and foreign protein.

Molecules per cell, minutes, lengths in amino acids. The mass of all proteins, with ribosomes bound to mRNA counted in
full, is  mass = n_r (r + c_r + c_t + c_m + c_q) + n_x (e_t + e_m + q).  Translation adds elongation * (all c) to it and
dilution takes growth * mass; as growth = elongation * (all c) / M, it follows that mass' = growth (M - mass).
"""

from __future__ import annotations

from manyscale.model.build import build
from manyscale.model.model import Model
from manyscale.zoo import Problem

__all__ = ["LENGTHS", "PROBLEM", "SOURCE", "STARTS", "VALUES", "model"]

SOURCE = (
    "Weisse AY, Oyarzun DA, Danos V, Swain PS (2015) Mechanistic links between cellular trade-offs, gene expression, and "
    "growth. PNAS 112:E1038, doi:10.1073/pnas.1416533112"
)
VALUES = {
    "ns": "0.5", "s0": "1e4 molecules", "vt": "726 1/min", "Kt": "1000 molecules", "vm": "5800 1/min",
    "Km": "1000 molecules", "wr": "929.9678874564831 molecules/min", "we": "4.139172187824451 molecules/min",
    "wq": "948.9349882947897 molecules/min", "theta_r": "426.8693338968694 molecules",
    "theta_x": "4.379733394834643 molecules", "Kq": "152219.0403737490 molecules", "hq": "4", "gmax": "1260 1/min",
    "K_elongation": "6.994645103024143 molecules", "mass_total": "1e8 molecules", "n_r": "7549", "n_x": "300",
    "kb": "1 1/(molecules min)", "ku": "1 1/min", "dm": "0.1 1/min",
}  # fmt: skip
LENGTHS = {"r": "n_r", "et": "n_x", "em": "n_x", "q": "n_x"}  # protein -> its length in amino acids
STARTS = {  # near the steady state of the default nutrient
    "si": 128.4, "a": 10.7, "r": 24.3, "et": 7307.0, "em": 7307.0, "q": 230000.0, "m_r": 10.0, "m_t": 10.0, "m_m": 10.0,
    "m_q": 300.0, "c_r": 800.0, "c_t": 70.0, "c_m": 70.0, "c_q": 2200.0,
}  # fmt: skip


def model() -> Model:
    """The cell as a model of 14 amounts; `growth` is the growth rate per minute, `ns` the quality of the nutrient."""
    reactions = [
        "uptake: -> si; et*vt*s0/(Kt + s0)",
        "catabolism: si -> ; em*vm*si/(Km + si)",
        "energy: -> a; ns*em*vm*si/(Km + si)",
        "transcribe_r: -> m_r; wr*a/(theta_r + a)",
        "transcribe_t: -> m_t; we*a/(theta_x + a)",
        "transcribe_m: -> m_m; we*a/(theta_x + a)",
        "transcribe_q: -> m_q; wq*a/(theta_x + a)/(1 + (q/Kq)^hq)",
    ]
    for short, protein, length in (("r", "r", 7549), ("t", "et", 300), ("m", "em", 300), ("q", "q", 300)):
        made = "2 r" if protein == "r" else f"r + {protein}"
        reactions += [
            f"bind_{short}: r + m_{short} <-> c_{short}; kb*r*m_{short} - ku*c_{short}",
            f"translate_{short}: c_{short} + {length} a -> m_{short} + {made}; elongation*c_{short}/{LENGTHS[protein]}",
            f"decay_{short}: m_{short} -> ; dm*m_{short}",
        ]
    reactions += [f"dilute_{id}: {id} -> ; growth*{id}" for id in STARTS]
    return build(
        "weisse_2015", species={id: f"{value:g} molecules" for id, value in STARTS.items()},
        parameters=VALUES,
        rules=["elongation = gmax*a/(K_elongation + a)", "translating = c_r + c_t + c_m + c_q",
               "growth = elongation*translating/mass_total", "mass = n_r*(r + translating) + n_x*(et + em + q)"],
        reactions=reactions, compartments={"cell": "1 fL"}, amounts=True, time="min", substance="molecules", volume="fL",
    )  # fmt: skip


PROBLEM = Problem(
    "weisse_2015", model,
    "How fast does the cell grow, and how much of its protein is ribosome, in a nutrient of quality ns = 0.5?",
    {"growth": 0.0241145, "ribosome_fraction": 0.240711, "elongation": 762.06, "et": 7307.44, "si": 128.4046, "a": 10.7048},
    {"growth": "1/min", "elongation": "1/min", "et": "molecules", "si": "molecules", "a": "molecules"}, SOURCE,
)  # fmt: skip
