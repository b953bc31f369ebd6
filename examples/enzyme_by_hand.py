"""An enzyme built in Python: may the enzyme-substrate complex be left out, with little enzyme and with much?

    python examples/enzyme_by_hand.py

Segel LA, Slemrod M (1989) The quasi-steady-state assumption: a case study in perturbation. SIAM Rev 31:446-477: with
little enzyme the Michaelis-Menten law replaces the complex; with as much enzyme as substrate it does not, and the
total of free and bound substrate is the slow variable instead (Borghans, de Boer, Segel 1996, Bull Math Biol 58:43-63).
"""

import manyscale as ms


def enzyme(total: str) -> ms.Model:
    return ms.model(
        "enzyme",
        species={"S": "10 uM", "E": total, "C": "0 uM", "P": "0 uM"},
        parameters={"k_on": "1 1/(uM s)", "k_off": "10 1/s", "k_cat": "0.1 1/s"},
        reactions=["bind: S + E <-> C; k_on*S*E - k_off*C", "turn: C -> P + E; k_cat*C"],
    )


question = ms.Question(observables=["P"], tolerance=0.05)
for total in ("0.01 uM", "10 uM"):
    chain = ms.reduce(enzyme(total), question)
    checked = ms.verify(chain, question, points=8)
    print(f"\n{total} of enzyme: largest error at {checked.points} points {100 * checked.worst:.2g} %")
    for bridge in chain.bridges:
        print(f"  {bridge.name}: {bridge.certificate.claim}")
    for refusal in chain.refusals:
        print(f"  refused {refusal.name}: {refusal.reason}")
