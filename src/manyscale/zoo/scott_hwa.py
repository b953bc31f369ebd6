"""Growth laws of a proteome in three sectors (and a foreign one): ribosomes R, metabolism P, the rest Q.

Scott M, Gunderson CW, Mateescu EM, Zhang Z, Hwa T (2010) Interdependence of cell growth and gene expression: origins and
consequences. Science 330:1099.

Shares sum to one. Growth is what active ribosomes translate, growth = kappa_t (phi_R - phi_0), and what metabolism can
feed, growth = kappa_n phi_P; with phi_R + phi_P = phi_max - phi_H these fix the shares that a balanced cell gives each
sector, and each share relaxes to its own by synthesis and dilution: phi_i' = growth (f_i - phi_i). At steady state
growth = kappa_t kappa_n (phi_max - phi_H - phi_0)/(kappa_t + kappa_n): linear in phi_R over nutrients (slope 1/kappa_t),
linear with falling phi_R over translation inhibition (slope -1/kappa_n), and 1 - phi_H/(phi_max - phi_0) of the
unburdened cell's under foreign protein.

The constants are those under which the laws of E. coli are known: RNA to protein r = 0.087 + growth/4.5 (grams per gram,
growth per hour), 0.76 gram of ribosomal protein (with its affiliates) per gram of RNA, phi_max = 0.55. They were compared
with other implementations of this model, not read off the paper's own tables. With them the fastest growth that
translation allows, kappa_t (phi_max - phi_0) = 2.87 per hour, is a doubling time of 14.5 minutes. kappa_n = 3 per hour
stands for one nutrient and is no measured value.
"""

from __future__ import annotations

from manyscale.model.build import build
from manyscale.model.model import Model
from manyscale.zoo import Problem

__all__ = ["PROBLEM", "SECTORS", "SOURCE", "growth", "model"]

SOURCE = "Scott M, Gunderson CW, Mateescu EM, Zhang Z, Hwa T (2010) Science 330:1099, doi:10.1126/science.1192588"
SECTORS = ("phi_R", "phi_P", "phi_Q", "phi_H")
# RNA/protein 0.087 + growth/4.5 per hour, times 0.76 gram of ribosomal protein per gram of RNA
PHI_0, KAPPA_T, KAPPA_N, PHI_MAX = 0.76 * 0.087, 4.5 / 0.76, 3.0, 0.55


def growth(kappa_n: float = KAPPA_N, kappa_t: float = KAPPA_T, phi_0: float = PHI_0, phi_max: float = PHI_MAX,
           phi_h: float = 0.0) -> float:  # fmt: skip
    """The balanced growth rate per hour, by formula."""
    return kappa_t * kappa_n * (phi_max - phi_h - phi_0) / (kappa_t + kappa_n)


def model(*, kappa_n: float = KAPPA_N, kappa_t: float = KAPPA_T, phi_h: float = 0.0) -> Model:
    """The shares as species (dimensionless), time in hours; `growth` is the growth rate.

    kappa_n: quality of the nutrient, kappa_t: speed of translation (per hour); phi_h: share of foreign protein made.
    """
    shares = {"R": "f_R", "P": "(phi_max - foreign - f_R)", "Q": "(1 - phi_max)", "H": "foreign"}
    reactions = [f"make_{x}: -> phi_{x}; growth*{share}" for x, share in shares.items()]
    reactions += [f"dilute_{x}: phi_{x} -> ; growth*phi_{x}" for x in shares]
    return build(
        "scott_hwa", species={"phi_R": 0.2, "phi_P": 0.35, "phi_Q": 0.45, "phi_H": 0.0},
        parameters={"kappa_n": kappa_n, "kappa_t": kappa_t, "phi_0": PHI_0, "phi_max": PHI_MAX, "foreign": phi_h},
        reactions=reactions, amounts=True, check_units=False,
        rules=["growth = kappa_t*(phi_R - phi_0)",
               "f_R = phi_0 + kappa_n*(phi_max - foreign - phi_0)/(kappa_t + kappa_n)"],
    )  # fmt: skip


PROBLEM = Problem(
    "scott_hwa", model, "How fast does a cell grow whose proteome is shared by three sectors?",
    {"growth": growth()}, {"growth": "1/h"}, SOURCE,
)  # fmt: skip
