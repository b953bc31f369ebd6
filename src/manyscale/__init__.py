"""manyscale: scales, certified reductions and simulation of models of living systems.

    import manyscale as ms

    model = ms.read("model.xml")
    question = ms.Question(observables=["P"], horizon="100 s", tolerance=0.05)
    chain = ms.reduce(model, question)
    checked = ms.verify(chain, question)
    ms.write(chain.coarse, "reduced.xml")

Names are imported on first use, so that importing the package costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module

__version__ = "0.1.0"
TYPE_CHECKING = False  # as in `typing`, whose import would be most of the cost of this file

if TYPE_CHECKING:
    from manyscale.analysis.master_equation import first_passage, stationary
    from manyscale.analysis.steady import steady_state
    from manyscale.bridges.audit import audit
    from manyscale.bridges.bridge import Bridge, Chain
    from manyscale.bridges.certificate import Certificate, Refusal
    from manyscale.bridges.rigorous import prove
    from manyscale.bridges.search import reduce
    from manyscale.bridges.verify import verify
    from manyscale.circuits.burden import burden
    from manyscale.circuits.connect import connect
    from manyscale.circuits.cooperativity import steepness
    from manyscale.circuits.module import Module
    from manyscale.circuits.retroactivity import load
    from manyscale.engines.ensemble import simulate_ensemble
    from manyscale.engines.simulate import simulate
    from manyscale.errors import InputError, ManyscaleError, SimulationError, UnitsError, UnsupportedError
    from manyscale.formats.read import read
    from manyscale.formats.write import write
    from manyscale.model.check import check
    from manyscale.model.model import Model
    from manyscale.model.question import Question
    from manyscale.reports.drawing import draw
    from manyscale.reports.html import report
    from manyscale.scales import measure
    from manyscale.scales.nondimensional import nondimensionalize
    from manyscale.study.analysis import analyze
    from manyscale.study.change_level import change_level
    from manyscale.study.record import Study
    from manyscale.study.replaying import replay

_PUBLIC = {  # public name -> module that defines it
    "Bridge": "bridges.bridge",
    "Certificate": "bridges.certificate",
    "Chain": "bridges.bridge",
    "InputError": "errors",
    "ManyscaleError": "errors",
    "Model": "model.model",
    "Module": "circuits.module",
    "Question": "model.question",
    "Refusal": "bridges.certificate",
    "SimulationError": "errors",
    "Study": "study",
    "UnitsError": "errors",
    "UnsupportedError": "errors",
    "analyze": "study",
    "audit": "bridges.audit",
    "burden": "circuits.burden",
    "change_level": "study.change_level",
    "check": "model.check",
    "connect": "circuits.connect",
    "draw": "reports.drawing",
    "first_passage": "analysis.master_equation",
    "load": "circuits.retroactivity",
    "measure": "scales",
    "nondimensionalize": "scales.nondimensional",
    "prove": "bridges.rigorous",
    "read": "formats",
    "reduce": "bridges.search",
    "replay": "study",
    "report": "reports",
    "simulate": "engines.simulate",
    "simulate_ensemble": "engines.ensemble",
    "stationary": "analysis.master_equation",
    "steady_state": "analysis.steady",
    "steepness": "circuits.cooperativity",
    "verify": "bridges.verify",
    "write": "formats",
}

__all__ = [  # `model` is the folder, and can be called: see model/__init__.py
    "Bridge",
    "Certificate",
    "Chain",
    "InputError",
    "ManyscaleError",
    "Model",
    "Module",
    "Question",
    "Refusal",
    "SimulationError",
    "Study",
    "UnitsError",
    "UnsupportedError",
    "__version__",
    "analyze",
    "audit",
    "burden",
    "change_level",
    "check",
    "connect",
    "draw",
    "first_passage",
    "load",
    "measure",
    "model",
    "nondimensionalize",
    "prove",
    "read",
    "reduce",
    "replay",
    "report",
    "simulate",
    "simulate_ensemble",
    "stationary",
    "steady_state",
    "steepness",
    "verify",
    "write",
]


def __getattr__(name: str) -> object:
    if name in _PUBLIC:
        value = getattr(import_module(f"manyscale.{_PUBLIC[name]}"), name)
        globals()[name] = value
        return value
    if name == "model":
        return import_module("manyscale.model")
    raise AttributeError(f"module 'manyscale' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
