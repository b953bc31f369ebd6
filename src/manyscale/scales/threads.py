"""One thread for small linear algebra.

The matrices here have a few hundred rows at most: threads of the linear algebra library do not make that faster, and
on a busy machine they wait for each other a hundred times longer than the work takes.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

_NAMES = ("scipy_openblas_{}_num_threads64_", "scipy_openblas_{}_num_threads", "openblas_{}_num_threads64_",
          "openblas_{}_num_threads")  # fmt: skip


@cache
def _libraries() -> tuple[tuple[Callable, Callable], ...]:
    """(get, set) of the OpenBLAS copies that come with NumPy and SciPy; none where they use something else."""
    import numpy
    import scipy

    found = []
    for package in (numpy, scipy):
        folder = Path(str(package.__file__)).parent
        for path in (*folder.parent.glob(f"{folder.name}.libs/*openblas*"), *folder.glob(".dylibs/*openblas*")):
            try:
                library = ctypes.CDLL(str(path))
            except OSError:
                continue
            for name in _NAMES:
                get, put = (getattr(library, name.format(verb), None) for verb in ("get", "set"))
                if get is not None and put is not None:
                    get.restype, put.argtypes = ctypes.c_int, [ctypes.c_int]
                    found.append((get, put))
                    break
    return tuple(found)


@contextmanager
def one_thread() -> Iterator[None]:
    """Linear algebra on one thread inside the block, as before after it."""
    before = [(put, get()) for get, put in _libraries()]
    for put, _ in before:
        put(1)
    try:
        yield
    finally:
        for put, count in before:
            put(count)
