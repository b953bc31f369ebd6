"""From a model to numerical functions: lowering to symbols, then machine code (or the interpreter)."""

from __future__ import annotations


def compile_model(model):
    """The `Kernel` of a model (cached per Model object)."""
    from manyscale.kernels.kernel import compile_model as compile_

    return compile_(model)
