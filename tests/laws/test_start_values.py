"""Start values with overrides, recomputed in part, are those computed as a whole."""

import random

import numpy as np
import pytest

import manyscale as ms
from manyscale.errors import InputError
from manyscale.kernels import compile_model
from manyscale.kernels.initial import initial_values

NAMES = ["0010", "0009", "0056", "0073", "0140", "0235", "0297", "0470"]


def settable(model) -> list[str]:
    local = [f"{r.id}.{k.id}" for r in model.reactions for k in r.local]
    return [*(part.id for part in (*model.species, *model.parameters, *model.compartments)), *local]


@pytest.mark.parametrize("name", NAMES)
def test_an_override_changes_what_depends_on_it_and_nothing_else(corpora, name):
    model = ms.read(corpora / "biomodels" / f"BIOMD000000{name}.xml")
    kernel, draw = compile_model(model), random.Random(name)
    ids = settable(model)
    tried = 0
    for _ in range(60):
        values = {id: draw.uniform(0.1, 3.0) for id in draw.sample(ids, min(len(ids), draw.choice([1, 1, 2, 5])))}
        try:
            expected = initial_values(kernel.model, kernel.system, values)
        except InputError as wrong:
            with pytest.raises(InputError, match=r".*"):
                kernel.initial(values)
            assert str(wrong)
            continue
        tried += 1
        for got, want in zip(kernel.initial(values), expected, strict=True):
            np.testing.assert_array_equal(got, want)
    assert tried >= 10


def test_initial_assignments_follow_an_override_through_a_chain():
    model = ms.read("a = 2; b := a*c; c = 3; S = b + a; T = 2*S; J: S -> T; k*S; k = a")
    kernel = compile_model(model)
    base, _ = kernel.initial()
    changed, p = kernel.initial({"a": 5})
    states = kernel.system.states
    assert dict(zip(states, base, strict=True)) == {"S": 8.0, "T": 16.0}
    assert dict(zip(states, changed, strict=True)) == {"S": 20.0, "T": 40.0}
    assert p[kernel.system.parameters.index("k")] == 5.0
