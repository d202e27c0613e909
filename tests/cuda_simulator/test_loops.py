"""Every CUDA loop equals its CPU loop, or NumPy where there is none."""

import numpy as np
import pytest

from ebm.kernels import bernoulli as bernoulli_file
from ebm.kernels import categorical, units
from ebm.kernels.bernoulli import bernoulli
from ebm.kernels.philox import uniforms
from ebm.kernels.product import product
from ebm.kernels.reduce import column_sums, softplus_rows
from ebm.kernels.update import update
from ebm.random import Draw

DTYPES = [np.float32, np.float64]
DRAW = Draw(seed=(5 << 32) + 9, stream=3, step=11, first_row=100)


def noise(shape, dtype, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", [1, 4, 6, 9])
def test_bernoulli_equals_the_cpu(device, dtype, n):
    inputs, bias = 2 * noise((7, n), dtype), noise(n, dtype, seed=1)
    probabilities, there = np.empty_like(inputs), device.zeros((7, n), dtype)
    expected = bernoulli(inputs, bias, DRAW, states=np.empty_like(inputs), probabilities=probabilities)
    states = device.zeros((7, n), dtype)
    bernoulli(device.upload(inputs), device.upload(bias), DRAW, states=states, probabilities=there)
    np.testing.assert_array_equal(device.download(states), expected)
    np.testing.assert_allclose(device.download(there), probabilities, rtol=16 * np.finfo(dtype).eps)


@pytest.mark.parametrize("kind", range(5))
@pytest.mark.parametrize("dtype", DTYPES)
def test_units_equal_the_cpu(device, dtype, kind):
    inputs, a = 3 * noise((3, 6), dtype), np.full(6, {units.BINOMIAL: 4, units.GAUSSIAN: 1.7}.get(kind, 0.8), dtype)
    there = device.upload(inputs), device.upload(a)
    tolerance = {"rtol": 200 * np.finfo(dtype).eps, "atol": 20 * np.finfo(dtype).eps}
    np.testing.assert_allclose(
        device.download(units.states(*there, kind, DRAW)), units.states(inputs, a, kind, DRAW), **tolerance
    )
    np.testing.assert_allclose(device.download(units.means(*there, kind)), units.means(inputs, a, kind), **tolerance)
    cumulants = device.download(units.cumulants(*there, kind))
    np.testing.assert_allclose(cumulants, units.cumulants(inputs, a, kind), **tolerance)


@pytest.mark.parametrize("q", [2, 3, 5])
@pytest.mark.parametrize("dtype", DTYPES)
def test_categorical_units_equal_the_cpu(device, dtype, q):
    inputs = 2 * noise((4, 3 * q), dtype)
    there = device.upload(inputs)
    np.testing.assert_array_equal(
        device.download(categorical.states(there, q, DRAW)), categorical.states(inputs, q, DRAW)
    )
    tolerance = {"rtol": 50 * np.finfo(dtype).eps, "atol": 10 * np.finfo(dtype).eps}
    np.testing.assert_allclose(device.download(categorical.means(there, q)), categorical.means(inputs, q), **tolerance)
    cumulants = device.download(categorical.cumulants(there, q))
    np.testing.assert_allclose(cumulants, categorical.cumulants(inputs, q), **tolerance)


@pytest.mark.parametrize("dtype", DTYPES)
def test_uniforms_are_those_of_the_cpu(device, dtype):
    """States on either side of the CPU's own uniforms tell what the device's are."""
    u = uniforms((104, 6), DRAW.seed, DRAW.step, DRAW.stream, dtype)[100:].astype(np.float64)
    inputs, narrow = np.log(u) - np.log1p(-u), 1e-5 if dtype == np.float32 else 1e-12
    for shift, state in ((-narrow, 0), (narrow, 1)):
        drawn = bernoulli(device.upload((inputs + shift).astype(dtype)), None, DRAW)
        np.testing.assert_array_equal(device.download(drawn), np.full((4, 6), state))


def test_bernoulli_in_place_of_a_transposed_matrix_and_one_output_only(device):
    inputs = noise((6, 5), np.float32)
    states, expected = device.upload(inputs), bernoulli(inputs, None, DRAW)
    bernoulli(states, None, DRAW, states=states)
    np.testing.assert_array_equal(device.download(states), expected)
    transposed = bernoulli(device.upload(inputs.T).T, None, DRAW)
    np.testing.assert_array_equal(device.download(transposed), expected)
    mean = bernoulli(device.upload(inputs), None, None, probabilities=device.zeros((6, 5), np.float32))
    np.testing.assert_allclose(device.download(mean), 1 / (1 + np.exp(-inputs)), rtol=1e-6)


def test_the_clock_joins_the_step(device):
    inputs, bias = noise((3, 5), np.float32), np.zeros(5, np.float32)
    expected = bernoulli(inputs, bias, Draw(7, 2, step=10))
    states, clock = device.zeros((3, 5), np.float32), device.upload(np.array([8, 0], np.uint32))
    bernoulli_file.on_device(device.upload(inputs), device.upload(bias), states, None, Draw(7, 2, step=2), clock)
    np.testing.assert_array_equal(device.download(states), expected)


def test_arrays_of_two_devices_are_refused(device):
    inputs = noise((3, 5), np.float32)
    with pytest.raises(ValueError, match="states is float32"):
        bernoulli(device.upload(inputs), None, DRAW, states=inputs.copy())


@pytest.mark.parametrize("dtype", DTYPES)
def test_sums_equal_the_cpu(device, dtype):
    a = 3 * noise((131, 3), dtype)
    np.testing.assert_allclose(device.download(softplus_rows(device.upload(a[:9]))), softplus_rows(a[:9]), rtol=1e-6)
    np.testing.assert_allclose(device.download(column_sums(device.upload(a))), column_sums(a), rtol=1e-5)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(5,), (4, 5)])
def test_update_equals_the_cpu(device, dtype, shape):
    w, velocity, gradient = (noise(shape, dtype, seed) for seed in range(3))
    rates = np.array([0.1, 0.5], dtype)
    there = [device.upload(part) for part in (w, velocity, gradient, rates)]
    expected = 0.5 * velocity + rates[0] * (gradient - dtype(0.2) * w - dtype(0.3) * np.sign(w))
    update(w, velocity, gradient, rates, l2=0.2, l1=0.3)
    update(*there, l2=0.2, l1=0.3)
    np.testing.assert_allclose(velocity, expected, rtol=1e-5)
    for here, moved in zip((w, velocity), there, strict=False):
        np.testing.assert_allclose(device.download(moved), here, rtol=16 * np.finfo(dtype).eps)


@pytest.mark.parametrize("shape", [(5, 7, 6), (66, 17, 3)])
def test_our_own_product_equals_numpys(device, shape):
    m, k, n = shape
    a, b = noise((k, m), np.float64).T, noise((k, n), np.float64, seed=1)
    out = device.zeros((m, n), np.float64)
    product(device.upload(a.T).T, device.upload(b), out)
    np.testing.assert_allclose(device.download(out), a @ b, rtol=1e-12)
    with pytest.raises(ValueError, match="does not fit"):
        product(out, out, out)
