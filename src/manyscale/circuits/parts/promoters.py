"""Promoters with explicit binding, and binding sites that express nothing."""

from __future__ import annotations

from manyscale.circuits.module import Module
from manyscale.errors import InputError
from manyscale.model.build import build

DEL_VECCHIO = "Del Vecchio D, Ninfa AJ, Sontag ED (2008) Modular cell biology. Mol Syst Biol 4:161"
BINTU = "Bintu L et al. (2005) Transcriptional regulation by the numbers: models. Curr Opin Genet Dev 15:116"


def constitutive(output: str = "X", *, production: str = "1 nM/s", decay: str = "0.01 1/s") -> Module:
    """A gene that is always on: `output` is made at a constant rate, diluted and degraded."""
    y = output
    model = build(
        f"constitutive_{y}", species={y: "0 nM"}, parameters={f"make_{y}": production, f"decay_{y}": decay},
        reactions=[f"production_{y}: -> {y}; make_{y}", f"loss_{y}: {y} -> ; decay_{y}*{y}"],
    )  # fmt: skip
    return Module(model, inputs=[f"make_{y}"], outputs=[y], source=DEL_VECCHIO, glyphs=("promoter", "cds", y))


def inducible(input: str = "U", output: str = "Y", *, sites: str = "10 nM", on: str = "1 1/(nM s)", off: str = "10 1/s",
              production: str = "0.1 1/s", leak: str = "0 1/s", decay: str = "0.01 1/s") -> Module:  # fmt: skip
    """A promoter that an activator switches on: free sites express at `leak`, bound ones at `production`."""
    return _regulated(input, output, sites, on, off, leak, production, decay, "inducible")


def repressible(input: str = "U", output: str = "Y", *, sites: str = "10 nM", on: str = "1 1/(nM s)",
                off: str = "10 1/s", production: str = "0.1 1/s", leak: str = "0 1/s", decay: str = "0.01 1/s"
                ) -> Module:  # fmt: skip
    """A promoter that a repressor switches off: free sites express at `production`, bound ones at `leak`."""
    return _regulated(input, output, sites, on, off, production, leak, decay, "repressible")


def _regulated(u: str, y: str, sites: str, on: str, off: str, free: str, bound: str, decay: str, kind: str) -> Module:
    site, held = f"P_{y}", f"P_{y}_{u}"
    model = build(
        f"{kind}_{y}", species={u: "0 nM", site: sites, held: "0 nM", y: "0 nM"},
        parameters={f"on_{y}": on, f"off_{y}": off, f"free_{y}": free, f"bound_{y}": bound, f"decay_{y}": decay},
        reactions=[
            f"bind_{y}: {u} + {site} <-> {held}; on_{y}*{u}*{site} - off_{y}*{held}",
            f"production_{y}: -> {y}; free_{y}*{site} + bound_{y}*{held}",
            f"loss_{y}: {y} -> ; decay_{y}*{y}",
        ],
    )  # fmt: skip
    arrow = "activates" if kind == "inducible" else "represses"
    return Module(model, inputs=[u], outputs=[y], source=BINTU, glyphs=("promoter", "cds", y, arrow, u))


def clients(input: str = "X", *, sites: str = "10 nM", on: str = "10 1/(nM s)", off: str = "10 1/s",
            bound_decay: str | None = None, name: str = "load") -> Module:  # fmt: skip
    """Binding sites that express nothing: the load of downstream promoters or decoys.

    bound_decay: rate at which the bound protein is degraded on the site (which stays); default: it is protected.
    """
    x, site, held = input, f"{name}_sites", f"{name}_bound"
    reactions = [f"{name}_binding: {x} + {site} <-> {held}; {name}_on*{x}*{site} - {name}_off*{held}"]
    parameters = {f"{name}_on": on, f"{name}_off": off}
    if bound_decay is not None:
        parameters[f"{name}_loss"] = bound_decay
        reactions.append(f"{name}_degradation: {held} -> {site}; {name}_loss*{held}")
    model = build(name, species={x: "0 nM", site: sites, held: "0 nM"}, parameters=parameters, reactions=reactions)
    return Module(model, inputs=[x], outputs=[held], source=DEL_VECCHIO, glyphs=("operator", "", held, "binds", x))


def scaffold(sites: int = 2, input: str = "L", *, total: str = "1 nM", affinity: str = "10 nM") -> Module:
    """A scaffold with `sites` equal, independent sites for a ligand; the output is the one with all sites taken.

    State i holds i ligands; statistical factors count the free and the taken sites. In equilibrium the output is
    total (L/(L + affinity))^sites, whose Hill slope at half saturation is 2 sites (1 - 2^(-1/sites)).
    """
    if not 1 <= sites <= 12:
        raise InputError(f"scaffold: {sites} sites; choose 1 to 12")
    states = [f"S{i}" for i in range(sites + 1)]
    reactions = [
        f"bind{i + 1}: {states[i]} + {input} <-> {states[i + 1]}; "
        f"{sites - i}*on*{states[i]}*{input} - {i + 1}*on*affinity*{states[i + 1]}"
        for i in range(sites)
    ]
    model = build(
        f"scaffold{sites}", species={input: f"{affinity} fixed", **dict.fromkeys(states, "0 nM"), "S0": total},
        parameters={"on": "1 1/(nM s)", "affinity": affinity}, reactions=reactions,
    )  # fmt: skip
    source = "Adair GS (1925) The hemoglobin system VI. J Biol Chem 63:529"
    return Module(
        model, inputs=[input], outputs=[states[-1]], source=source, glyphs=("operator", "", states[-1], "binds", input)
    )
