"""Machine code of a kernel against what it replaces."""

import numpy as np

import manyscale as ms
from manyscale.kernels import compile_model


def ring(count: int):
    """A ring of `count` conversions with as many bimolecular exchanges."""
    steps = [f"r{k}: S{k} -> S{(k + 1) % count}; {1 + k % 5}*S{k}" for k in range(count)]
    steps += [
        f"q{k}: S{k} + S{(k + 3) % count} -> 2 S{(k + 1) % count}; 0.1*S{k}*S{(k + 3) % count}" for k in range(count)
    ]
    return ms.read("; ".join([*steps, *(f"S{k} = {k % 3}" for k in range(count))]))


def test_a_table_of_some_hundred_reactions_becomes_code_with_the_same_values():
    times, model = np.linspace(0.0, 3.0, 7), ring(40)
    before = ms.simulate(model, times, rtol=1e-9)
    kernel = compile_model(model)
    y, p = kernel.initial()
    slopes, slope_matrix = kernel.rhs(0.0, y, p), kernel.jacobian(0.0, y, p)
    many = {"S1": np.linspace(0.5, 2.0, 12)}
    lanes = ms.simulate_ensemble(model, times, values=many)
    kernel.compile()
    assert kernel.data.operations[1] > 0  # no table any more
    np.testing.assert_allclose(kernel.rhs(0.0, y, p), slopes, rtol=1e-13, atol=1e-13)
    np.testing.assert_allclose(kernel.jacobian(0.0, y, p), slope_matrix, rtol=1e-13, atol=1e-13)
    np.testing.assert_allclose(ms.simulate(model, times, rtol=1e-9).states, before.states, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(ms.simulate_ensemble(model, times, values=many)["S3"], lanes["S3"], rtol=1e-4, atol=1e-6)
