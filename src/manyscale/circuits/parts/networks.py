"""Small circuits that are used as parts: switches, oscillators, motifs, controllers."""

from __future__ import annotations

from manyscale.circuits.module import Module
from manyscale.errors import InputError
from manyscale.model.build import build

GARDNER = "Gardner TS, Cantor CR, Collins JJ (2000) Construction of a genetic toggle switch in Escherichia coli. Nature 403:339"
ELOWITZ = "Elowitz MB, Leibler S (2000) A synthetic oscillatory network of transcriptional regulators. Nature 403:335"
MANGAN = "Mangan S, Alon U (2003) Structure and function of the feed-forward loop network motif. PNAS 100:11980"
BASU = "Basu S et al. (2005) A synthetic multicellular system for programmed pattern formation. Nature 434:1130"
BRIAT = "Briat C, Gupta A, Khammash M (2016) Antithetic integral feedback. Cell Syst 2:15"


def toggle(first: str = "U", second: str = "V", *, production: str = "2 1/s", sites: str = "1 nM",
           decay: str = "0.01 1/s") -> Module:  # fmt: skip
    """Two repressors, each of which, as a dimer, switches the other's gene off. Both start apart, so it is bistable."""
    species, reactions = {}, []
    parameters = {"production": production, "decay": decay, "pair": "1 1/(nM s)", "part": "100 1/s", "on": "1 1/(nM s)",
                  "off": "10 1/s"}  # fmt: skip
    for own, other in ((first, second), (second, first)):
        site = f"P_{own}"
        species |= {own: "0 nM", f"{own}2": "0 nM", site: sites, f"{site}_{other}2": "0 nM"}
        reactions += [
            f"production_{own}: -> {own}; production*{site}",
            f"loss_{own}: {own} -> ; decay*{own}",
            f"dimer_{own}: 2 {own} <-> {own}2; pair*{own}*{own} - part*{own}2",
            f"bind_{own}: {site} + {other}2 <-> {site}_{other}2; on*{site}*{other}2 - off*{site}_{other}2",
        ]
    species[first] = "100 nM"
    model = build("toggle", species=species, parameters=parameters, reactions=reactions)
    return Module(model, inputs=[first, second], outputs=[first, second], source=GARDNER,
                  glyphs=("promoter", "cds", first, "represses", second))  # fmt: skip


def repressilator(names: tuple[str, str, str] = ("TetR", "LambdaCI", "LacI"), *, strength: float = 216.0,
                  leak: float = 0.216, ratio: float = 5.0, exponent: float = 2.0) -> Module:  # fmt: skip
    """Three genes that repress each other in a ring, in the paper's own units (mRNA lifetime, K_M, efficiency)."""
    parameters = {"alpha": strength, "alpha0": leak, "beta": ratio, "n": exponent}
    species, reactions = {}, []
    for k, name in enumerate(names):
        by = names[k - 1]
        species |= {f"m_{name}": [1.0, 0.0, 0.0][k], name: [5.0, 0.0, 15.0][k]}
        reactions += [
            f"transcription_{name}: -> m_{name}; alpha/(1 + {by}^n) + alpha0",
            f"decay_m_{name}: m_{name} -> ; m_{name}",
            f"translation_{name}: -> {name}; beta*m_{name}",
            f"decay_{name}: {name} -> ; beta*{name}",
        ]
    model = build("repressilator", species=species, parameters=parameters, reactions=reactions)
    return Module(
        model, outputs=list(names), source=ELOWITZ, glyphs=("promoter", "cds", names[0], "represses", names[2])
    )


def feed_forward(kind: str = "coherent", *, input: str = "X", middle: str = "Y", output: str = "Z") -> Module:
    """X acts on Z directly and through Y, with explicit binding and both needed (coherent: Y activates; incoherent: Y
    represses)."""
    if kind not in ("coherent", "incoherent"):
        raise InputError(f"feed_forward: kind {kind!r}; choose 'coherent' or 'incoherent'")
    x, y, z = input, middle, output
    on_state = f"P_{z}_{x}_{y}" if kind == "coherent" else f"P_{z}_{x}"
    states = {f"P_{z}": "1 nM", f"P_{z}_{x}": "0 nM", f"P_{z}_{y}": "0 nM", f"P_{z}_{x}_{y}": "0 nM"}
    pairs = [(f"P_{z}", x, f"P_{z}_{x}"), (f"P_{z}", y, f"P_{z}_{y}"), (f"P_{z}_{x}", y, f"P_{z}_{x}_{y}"),
             (f"P_{z}_{y}", x, f"P_{z}_{x}_{y}")]  # fmt: skip
    reactions = [
        f"bind_{y}: P_{y} + {x} <-> P_{y}_{x}; on*P_{y}*{x} - off*P_{y}_{x}",
        f"production_{y}: -> {y}; production*P_{y}_{x}",
        f"loss_{y}: {y} -> ; decay*{y}",
        *(f"bind_{z}_{i}: {a} + {u} <-> {b}; on*{a}*{u} - off*{b}" for i, (a, u, b) in enumerate(pairs, 1)),
        f"production_{z}: -> {z}; production*{on_state}",
        f"loss_{z}: {z} -> ; decay*{z}",
    ]
    model = build(
        f"{kind}_feed_forward",
        species={x: "0 nM", y: "0 nM", z: "0 nM", f"P_{y}": "1 nM", f"P_{y}_{x}": "0 nM", **states},
        parameters={"on": "1 1/(nM s)", "off": "10 1/s", "production": "1 1/s", "decay": "0.01 1/s"}, reactions=reactions,
    )  # fmt: skip
    return Module(model, inputs=[x], outputs=[z], source=MANGAN, glyphs=("promoter", "cds", z, "activates", x))


def band_detector(input: str = "A", output: str = "G") -> Module:
    """Answers to a middle range of its input only: a low input does not reach the activator's promoter; a high one makes
    a second repressor that shuts the output gene."""
    a, g = input, output
    model = build(
        "band_detector",
        species={a: "0 nM", "C": "0 nM", "L": "0 nM", g: "0 nM", "P_C": "1 nM", f"P_C_{a}": "0 nM", "P_L": "1 nM",
                 f"P_L_{a}": "0 nM", f"P_{g}": "1 nM", f"P_{g}_L": "0 nM", "C2": "0 nM", "L2": "0 nM",
                 f"P_{g}_C": "0 nM"},
        parameters={"on": "1 1/(nM s)", "off_low": "100 1/s", "off_high": "1 1/s", "off": "10 1/s", "decay": "0.01 1/s",
                    "production": "1 1/s", "pair": "1 1/(nM s)", "part": "10 1/s"},
        reactions=[
            f"sense_weak: P_C + {a} <-> P_C_{a}; on*P_C*{a} - off_low*P_C_{a}",
            f"make_C: -> C; production*P_C_{a}", "lose_C: C -> ; decay*C",
            f"sense_strong: P_L + {a} <-> P_L_{a}; on*P_L*{a} - off_high*P_L_{a}",
            "make_L: -> L; production*P_L", "lose_L: L -> ; decay*L",
            "dimer_C: 2 C <-> C2; pair*C*C - part*C2", "dimer_L: 2 L <-> L2; pair*L*L - part*L2",
            f"shut_by_L: P_{g} + L2 <-> P_{g}_L; on*P_{g}*L2 - off*P_{g}_L",
            f"shut_by_C: P_{g} + C2 <-> P_{g}_C; on*P_{g}*C2 - off*P_{g}_C",
            f"make_{g}: -> {g}; production*P_{g}", f"lose_{g}: {g} -> ; decay*{g}",
        ],
    )  # fmt: skip
    return Module(model, inputs=[a], outputs=[g], source=BASU, glyphs=("promoter", "cds", g, "represses", a))


def antithetic_controller(measured: str = "Y", actuator: str = "U") -> Module:
    """Integral control by two species that annihilate: Y settles at reference/sensing whatever the load."""
    y, u = measured, actuator
    model = build(
        "antithetic", species={y: "0 nM", "Z1": "0 nM", "Z2": "0 nM", u: "0 nM"},
        parameters={"reference": "1 nM/s", "sensing": "0.1 1/s", "annihilation": "1 1/(nM s)", "actuation": "0.1 1/s",
                    "decay": "0.1 1/s"},
        reactions=["make_Z1: -> Z1; reference", f"make_Z2: -> Z2; sensing*{y}", "annihilate: Z1 + Z2 -> ; annihilation*Z1*Z2",
                   f"actuate: -> {u}; actuation*Z1", f"loss_{u}: {u} -> ; decay*{u}"],
    )  # fmt: skip
    return Module(model, inputs=[y], outputs=[u], source=BRIAT, glyphs=("protein", "", u, "binds", y))
