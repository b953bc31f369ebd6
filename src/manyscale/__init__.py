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

_PUBLIC = {  # public name -> module that defines it
    "Bridge": "bridges.bridge",
    "Certificate": "bridges.certificate",
    "Chain": "bridges.bridge",
    "InputError": "errors",
    "ManyscaleError": "errors",
    "Model": "model.model",
    "Question": "model.question",
    "Refusal": "bridges.certificate",
    "SimulationError": "errors",
    "Study": "study",
    "UnitsError": "errors",
    "UnsupportedError": "errors",
    "analyze": "study",
    "check": "model.check",
    "measure": "scales",
    "read": "formats",
    "reduce": "bridges.search",
    "replay": "study",
    "report": "reports",
    "simulate": "engines",
    "steady_state": "analysis.steady",
    "verify": "bridges.verify",
    "write": "formats",
}

__all__ = ["__version__", "model", *sorted(_PUBLIC)]  # `model` is the folder, and callable: see model/__init__.py


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
