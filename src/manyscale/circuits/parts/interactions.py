"""What proteins do to each other: degradation, dimers, titration, phosphorylation."""

from __future__ import annotations

from manyscale.circuits.module import Module
from manyscale.circuits.parts.promoters import DEL_VECCHIO
from manyscale.model.build import build

GOLDBETER = "Goldbeter A, Koshland DE (1981) An amplified sensitivity arising from covalent modification. PNAS 78:6840"
BUCHLER = (
    "Buchler NE, Louis M (2008) Molecular titration and ultrasensitivity in regulatory networks. J Mol Biol 384:1106"
)
COOKSON = "Cookson NA et al. (2011) Queueing up for enzymatic processing. Mol Syst Biol 7:561"


def degradation(input: str = "X", *, protease: str = "10 nM", on: str = "0.1 1/(nM s)", off: str = "1 1/s",
                turnover: str = "0.1 1/s") -> Module:  # fmt: skip
    """A protease with explicit binding, which different substrates queue up for."""
    x = input
    model = build(
        f"degradation_{x}", species={x: "0 nM", "Protease": protease, f"Protease_{x}": "0 nM"},
        parameters={f"grab_{x}": on, f"release_{x}": off, f"digest_{x}": turnover},
        reactions=[
            f"docking_{x}: {x} + Protease <-> Protease_{x}; grab_{x}*{x}*Protease - release_{x}*Protease_{x}",
            f"digestion_{x}: Protease_{x} -> Protease; digest_{x}*Protease_{x}",
        ],
    )  # fmt: skip
    return Module(
        model,
        inputs=[x],
        outputs=[f"Protease_{x}"],
        source=COOKSON,
        glyphs=("protein", "", f"Protease_{x}", "degrades", x),
    )


def dimerization(input: str = "X", output: str = "X2", *, on: str = "1 1/(nM s)", off: str = "10 1/s") -> Module:
    """Two copies of `input` form the dimer `output`."""
    x, d = input, output
    model = build(
        f"dimer_{d}", species={x: "0 nM", d: "0 nM"}, parameters={f"pair_{d}": on, f"part_{d}": off},
        reactions=[f"dimerization_{d}: 2 {x} <-> {d}; pair_{d}*{x}*{x} - part_{d}*{d}"],
    )  # fmt: skip
    return Module(model, inputs=[x], outputs=[d], source=BUCHLER, glyphs=("protein", "", d, "binds", x))


def sequestration(input: str = "X", partner: str = "A", *, total: str = "100 nM", on: str = "1 1/(nM s)",
                  off: str = "0.1 1/s") -> Module:  # fmt: skip
    """A partner of fixed total amount takes `input` away in an inactive complex."""
    x, a, c = input, partner, f"{input}_{partner}"
    model = build(
        f"sequestration_{x}", species={x: "0 nM", a: total, c: "0 nM"}, parameters={f"catch_{c}": on, f"free_{c}": off},
        reactions=[f"capture_{c}: {x} + {a} <-> {c}; catch_{c}*{x}*{a} - free_{c}*{c}"],
    )  # fmt: skip
    return Module(model, inputs=[x], outputs=[c], source=BUCHLER, glyphs=("protein", "", c, "binds", x))


def phosphorylation_cycle(kinase: str = "K", substrate: str = "Z", *, total: str = "100 nM", phosphatase: str = "1 nM",
                          on: str = "1 1/(nM s)", off: str = "9 1/s", turnover: str = "1 1/s") -> Module:  # fmt: skip
    """A substrate that `kinase` modifies and a phosphatase of fixed amount resets, with both enzyme complexes."""
    return _cycle(kinase, substrate, total, phosphatase, on, off, turnover, "cycle", GOLDBETER)


def insulation_device(input: str = "Z", substrate: str = "W", *, total: str = "20000 nM", phosphatase: str = "10000 nM",
                      on: str = "0.05 1/(nM s)", off: str = "10000 1/s", turnover: str = "1000 1/s") -> Module:  # fmt: skip
    """A fast phosphorylation cycle with much substrate between a module and its load.

    It binds its input weakly (little load upstream) and its own turnover is fast enough that a load on its output
    changes nothing that the slow upstream module can see: time-scale separation instead of high gain alone.
    """
    source = f"{DEL_VECCHIO}; Jayanthi S, Del Vecchio D (2011) IEEE Trans Automat Control 56:748"
    return _cycle(input, substrate, total, phosphatase, on, off, turnover, "insulation", source)


def _cycle(
    k: str, z: str, total: str, phosphatase: str, on: str, off: str, turnover: str, kind: str, source: str
) -> Module:
    zp, y, c1, c2 = f"{z}p", f"Phosphatase_{z}", f"{z}_{k}", f"{z}p_Phosphatase"
    model = build(
        f"{kind}_{z}",
        species={k: "0 nM", z: total, zp: "0 nM", y: phosphatase, c1: "0 nM", c2: "0 nM"},
        parameters={f"{n}_{z}": v for n, v in (("on", on), ("off", off), ("turnover", turnover), ("on_back", on), ("off_back", off),
                                               ("turnover_back", turnover))},
        reactions=[
            f"attack_{z}: {k} + {z} <-> {c1}; on_{z}*{k}*{z} - off_{z}*{c1}",
            f"forward_{z}: {c1} -> {k} + {zp}; turnover_{z}*{c1}",
            f"attack_back_{z}: {y} + {zp} <-> {c2}; on_back_{z}*{y}*{zp} - off_back_{z}*{c2}",
            f"back_{z}: {c2} -> {y} + {z}; turnover_back_{z}*{c2}",
        ],
    )  # fmt: skip
    return Module(model, inputs=[k], outputs=[zp], source=source, glyphs=("protein", "", zp, "modifies", k))
