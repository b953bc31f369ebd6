"""Published full -> reduced pairs: which variables a human eliminated and which manyscale did.

manyscale bench pairs [--results benchmarks/pairs.json]
"""

from __future__ import annotations

import argparse
import csv

from ode import CORPORA

import manyscale as ms


def dynamic_species(model) -> set[str]:
    changed = {p.species for r in model.reactions for p in (*r.reactants, *r.products)}
    ruled = {rule.variable for rule in model.rules if rule.kind == "assignment"}
    rates = {rule.variable for rule in model.rules if rule.kind == "rate"}
    return {
        s.id for s in model.species if s.id in changed and not (s.boundary or s.constant) and s.id not in ruled
    } | rates


def labels(model, ids: set[str]) -> set[str]:
    """Names rather than ids, since the members of a pair rarely share ids."""
    return {(getattr(model.by_id[i], "name", "") or i).lower() for i in ids if i in model.by_id}


def main(argv: list[str] | None = None) -> None:
    argparse.ArgumentParser(description=__doc__).parse_args(argv)
    horizons = {
        r["id"]: float(r["horizon"]) for r in csv.DictReader((CORPORA / "biomodels_40.tsv").open(), delimiter="\t")
    }
    for row in csv.DictReader((CORPORA / "fast_slow_pairs.tsv").open(), delimiter="\t"):
        path = CORPORA / "biomodels" / f"BIOMD000000{row['full']}.xml"
        if not path.exists():
            continue
        full = ms.read(path)
        question = ms.Question(horizon=horizons.get(row["full"]))
        chain = ms.reduce(full, question)
        own = sorted(s for bridge in chain.bridges for s in bridge.eliminated)
        print(f"\n{row['full']} -> {row['reduced'] or '(paper)'}: {row['note']}")
        print("  full has", len(dynamic_species(full)), "dynamic variables")
        other = CORPORA / "biomodels" / f"BIOMD000000{row['reduced']}.xml"
        if row["reduced"] and other.exists():
            reduced = ms.read(other)
            gone = labels(full, dynamic_species(full)) - labels(reduced, dynamic_species(reduced))
            print(
                f"  the authors keep {len(dynamic_species(reduced))}; gone by name: {', '.join(sorted(gone)) or 'none'}"
            )
        print(f"  manyscale eliminates: {', '.join(own) or 'nothing'}")
        for refusal in chain.refusals[:3]:
            print(f"  refused {refusal.name}: {refusal.reason}")


if __name__ == "__main__":
    main()
