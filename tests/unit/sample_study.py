"""A small study made by hand, so that reports can be tested without any simulation."""

from __future__ import annotations

import numpy as np

from manyscale.study.record import Study

T = np.linspace(0.0, 100.0, 51)
S = 10.0 * np.exp(-T / 40.0)
C = 0.01 * S / (2.0 + S)


def species(id: str, state: str) -> dict:
    return {"id": id, "name": f"the {id}", "state": state}


def sample(**changes) -> Study:
    network = {
        "species": [species("S", "kept"), species("E", "conserved"), species("C", "eliminated"), species("P", "pruned")],
        "reactions": [
            {"id": "bind", "reactants": ["S", "E"], "products": ["C"], "modifiers": [], "reversible": True, "kept": False,
             "text": "bind: S + E ⇌ C"},
            {"id": "turn", "reactants": ["C"], "products": ["P", "E"], "modifiers": [], "reversible": False, "kept": True,
             "text": "turn: C → P + E <b>"},
        ],
    }  # fmt: skip
    series = [
        {
            "id": "S",
            "name": "substrate",
            "unit": "µM",
            "fine": S,
            "coarse": 1.01 * S,
            "eliminated": False,
            "observed": True,
        },
        {"id": "C", "name": "", "unit": "µM", "fine": C, "coarse": C, "eliminated": True, "observed": True},
    ]
    evidence = {
        "units": {"time": "s", "S": "µM"},
        "network": network,
        "conserved": [{"id": "E_T", "name": "total E", "formula": ["+", "E", "C"], "value": 0.01, "unit": "µM"}],
        "trajectories": {"times": T, "series": series, "omitted": 0, "layer_time": 0.05, "ylabel": "value (µM)"},
        "phase": {
            "slow": "S", "fast": "C", "slow_unit": "µM", "fast_unit": "µM", "fine": {"x": S, "y": C},
            "coarse": {"x": S, "y": C}, "manifold": {"x": S, "y": C}, "others": [{"x": S, "y": 0.5 * C}],
        },
        "equations": {
            "count": 1, "omitted": 0, "implicit": 0,
            "states": [{"id": "S", "formula": ["*", -1.0, "k_cat", "E_T", "S", ["^", ["+", "K_m", "S"], -1.0]]}],
            "rules": [{"id": "C", "formula": ["piecewise", [[0.0, ["relation", "<", "S", 0.0]]], ["call", "exp", "S"]]}],
        },
        "parameters": [{"id": "K_m", "formula": ["*", ["+", "k_off", "k_cat"], ["^", "k_on", -1.0]], "value": 2.0, "unit": "µM"}],
        "certificates": [
            {"assumptions": [{"text": "closed", "status": "proved"}], "domain": {}, "alternatives": []},
            {"assumptions": [{"text": "attracting", "status": "checked"}], "spectrum": {"gap": 512.0, "attractivity": 40.0,
             "alignment": 0.003}, "defect": 1e-3, "layer_time": 0.05, "points": 16, "effectivity": 2.0,
             "domain": {"S": [5.0, 20.0]}, "alternatives": ["partial equilibrium: 4 %"]},
        ],
        "errors": {"S": 0.01},
    }  # fmt: skip
    group = {"name": "eps", "formula": "E_T/(K_m + S)", "value": 8e-4, "threshold": 0.1, "margin": 120.0,
             "meaning": "share of the substrate that is bound", "range": [1e-4, 3e-3]}  # fmt: skip
    fields = {
        "model": {"id": "enzyme", "name": "An enzyme", "species": 4, "reactions": 2, "parameters": 3, "events": 0, "units_ok": True},
        "question": {"observables": ["S", "C"], "horizon": 100.0, "tolerance": 0.05, "region": 2.0, "entry": 0.05,
                     "norm": "max", "derived": ["horizon"]},
        "scales": tuple({"t": t, "time_scales": [40.0, 0.02], "gap": 2000.0, "fast_species": ["C"]} for t in (0.0, 1.0, 50.0, 100.0)),
        "dimension": {"full": 4, "conserved": 2, "reduced": 1},
        "chain": (
            {"name": "conserve", "tier": "exact", "claim": "Two totals.", "eliminated": ["E"], "groups": [],
             "error": {"bound": 0.0, "measured": 0.0, "norm": "max"}},
            {"name": "quasi_steady", "tier": "estimated", "claim": "C follows S.", "eliminated": ["C"], "groups": [group],
             "error": {"bound": 0.03, "measured": 0.011, "norm": "max"}},
        ),
        "refusals": ({"name": "partial_equilibrium", "reason": "binding is not fast", "value": 1.0, "threshold": 0.1, "where": "bind"},),
        "verified": {"points": 32, "worst_error": 0.012, "violations": 0},
        "timings": {"total": 1.0},
        "evidence": evidence,
        "source": {"name": "enzyme.ant", "sha256": "0" * 64, "notes": "Briggs <GE>, Haldane JBS (1925)"},
        "options": {"asked": {}, "points": 32, "seed": 0, "time_limit": None},
        "versions": {"manyscale": "0.1.0"},
    }  # fmt: skip
    return Study(**{**fields, **changes})


def refused() -> Study:
    """A study in which nothing could be reduced."""
    evidence = {"units": {"time": "s"}, "network": sample().evidence["network"]}
    return sample(
        chain=(), dimension={"full": 4, "conserved": 4, "reduced": 4}, evidence=evidence,
        verified={"points": 0, "worst_error": None, "violations": 0},
        scales=tuple({"t": t, "time_scales": [2.0, 1.0], "gap": None, "fast_species": []} for t in (0.0, 1.0)),
    )  # fmt: skip
