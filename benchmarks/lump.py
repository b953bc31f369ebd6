"""Exact lumping: proteins with n independent sites, from file to small network, against recorded times of CLUE.

    manyscale bench lump [--sites 6] [--format net|xml] [--nets DIR]

Each site is free, phosphorylated, or bound to the kinase or the phosphatase: 4^n + 2 species and 6 n 4^(n-1) reactions. The
enzymes are observed; whatever n, they see one site: 6 variables (12 with the 6 rate constants, which CLUE counts as
variables). CLUE is not on PyPI; its times were recorded on the same
kind of machine (2 cores) with version 1.7.3 and Python 3.11: reading its own format, and lumping. Ratios are of the sums. What is
timed here: reading the file, and `lump`: matrices, closure, small network, comparison of both models' right-hand sides.

--nets DIR: also every BioNetGen network of a folder, each of its groups observed in turn.
"""

from __future__ import annotations

import argparse
import gc
import itertools
import sys
import tempfile
import time
from pathlib import Path

RECORDED = {2: (0.06, 0.02), 3: (0.30, 0.09), 4: (1.34, 0.50), 5: (6.81, 2.69)}  # sites -> seconds to read, to lump
SIZE = 6  # variables that are left, whatever the number of sites


def network(sites: int) -> str:
    """The protein as a BioNetGen network."""
    states = ["".join(s) for s in itertools.product("upef", repeat=sites)]
    number = {s: k + 3 for k, s in enumerate(states)}
    lines = [
        "begin parameters",
        *(f"{k} k{k} {0.5 + 0.25 * k}" for k in range(1, 7)),
        "end parameters",
        "begin species",
    ]
    lines += ["1 E() 1", "2 F() 2", *(f"{number[s]} S({s}) {5 * (s == 'u' * sites)}" for s in states), "end species"]
    lines.append("begin reactions")
    k = 0
    for s, i in itertools.product(states, range(sites)):
        if s[i] in "ef":
            continue
        enzyme, bound, done, first = (1, "e", "p", 1) if s[i] == "u" else (2, "f", "u", 4)
        complex_, product = (number[s[:i] + x + s[i + 1 :]] for x in (bound, done))
        for left, right, rate in (
            (f"{enzyme},{number[s]}", f"{complex_}", first), (f"{complex_}", f"{enzyme},{number[s]}", first + 1),
            (f"{complex_}", f"{enzyme},{product}", first + 2),
        ):  # fmt: skip
            k += 1
            lines.append(f"{k} {left} {right} k{rate}")
    return "\n".join([*lines, "end reactions", ""])


def timed(action) -> tuple[float, object]:
    gc.collect()
    begin = time.perf_counter()
    result = action()
    return time.perf_counter() - begin, result


def proteins(most: int, suffix: str) -> bool:
    """One row per number of sites; False where a size is wrong."""
    import manyscale as ms
    from manyscale.bridges.exact.lump import lump
    from manyscale.kernels import compile_model

    good = True
    print("sites species reactions  left  read/s  lump/s  recorded read/s lump/s  ratio")
    with tempfile.TemporaryDirectory() as folder:
        lump(ms.read(network(2)), ["S1", "S2"])  # what is imported on first use
        for sites in range(2, most + 1):
            path = Path(folder) / f"protein{sites}.net"
            path.write_text(network(sites))
            if suffix == "xml":
                ms.write(ms.read(path), path := path.with_suffix(".xml"))
            reading, model = timed(lambda path=path: ms.read(path))
            lumping, bridge = timed(lambda model=model: lump(model, ["S1", "S2"]))
            left = compile_model(bridge.coarse).size
            proved = bridge.certificate.assumptions[0].status == "proved"
            good = good and left == SIZE and len(bridge.coarse.reactions) == 6 and proved
            known = RECORDED.get(sites)
            told = (
                f"{known[0]:15.2f} {known[1]:6.2f} {sum(known) / (reading + lumping):6.1f}" if known else f"{'-':>15}"
            )
            print(
                f"{sites:5} {len(model.species):7} {len(model.reactions):9} {left:5} {reading:7.2f} {lumping:7.2f} {told}"
            )
    return good


def networks(folder: Path) -> None:
    import manyscale as ms
    from manyscale.bridges.bridge import Bridge
    from manyscale.bridges.exact import lump as method
    from manyscale.kernels import compile_model
    from manyscale.model.question import Question
    from manyscale.scales import resolve

    print("\nnetwork             observed          variables  left  seconds")
    for path in sorted(folder.rglob("*.net")):
        try:
            model = ms.read(path)
            size = compile_model(model).size
        except ms.ManyscaleError as error:
            print(f"{path.stem:20} not read: {str(error).splitlines()[0][:80]}")
            continue
        for group in [rule.variable for rule in model.rules if rule.kind == "assignment"][:12]:
            question = resolve(model, Question(observables=(group,), horizon=1.0))
            seconds, found = timed(lambda model=model, question=question: method.attempt(model, None, question))
            left = compile_model(found.coarse).size if isinstance(found, Bridge) else found.reason
            print(f"{path.stem:20}{group:18}{size:9} {left!s:>5} {seconds:8.2f}")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--sites", type=int, default=6)
    options.add_argument("--format", choices=("net", "xml"), default="net")
    options.add_argument("--nets", type=Path)
    chosen = options.parse_args()
    good = proteins(chosen.sites, chosen.format)
    if chosen.nets is not None:
        networks(chosen.nets)
    if not good:
        sys.exit("a size is wrong")


if __name__ == "__main__":
    main()
