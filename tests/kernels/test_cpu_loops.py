"""CPU loops that stand by themselves: sums, Bernoulli states, a step of gradient ascent."""

import numpy as np
import pytest

from ebm.kernels.bernoulli import bernoulli
from ebm.kernels.philox import uniforms
from ebm.kernels.reduce import column_sums, softplus_rows
from ebm.kernels.threads import limit_threads
from ebm.kernels.update import update
from ebm.random import Draw

DTYPES = [np.float32, np.float64]
DRAW = Draw(seed=(5 << 32) + 9, stream=3, step=11, first_row=100)


def noise(shape, dtype, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
def test_softplus_is_exact_to_rounding_from_minus_20_to_20(dtype):
    """Also where it is small: a sum that may be reordered must not reorder the exponential."""
    x = np.linspace(-20, 20, 4001).astype(dtype)[:, None]
    np.testing.assert_allclose(
        softplus_rows(x)[:, None], np.logaddexp(0, x.astype(np.float64)), rtol=4 * np.finfo(dtype).eps
    )


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(0, 3), (1, 1), (3, 0), (300, 37)])
def test_sums_equal_numpys(dtype, shape):
    a = 3 * noise(shape, dtype)
    exact = a.astype(np.float64)
    tolerance = {"rtol": 50 * np.finfo(dtype).eps, "atol": 1000 * np.finfo(dtype).eps}
    np.testing.assert_allclose(softplus_rows(a), np.logaddexp(0, exact).sum(axis=1), **tolerance)
    np.testing.assert_allclose(column_sums(a), exact.sum(axis=0), **tolerance)
    assert softplus_rows(a).dtype == column_sums(a).dtype == dtype
    np.testing.assert_array_equal(softplus_rows(np.asfortranarray(a)), softplus_rows(a))


@pytest.mark.parametrize("function", [softplus_rows, column_sums])
def test_what_cannot_be_summed_is_refused(function):
    with pytest.raises(ValueError, match=r"int64\(2,\)"):
        function(np.arange(2))


@pytest.mark.parametrize("dtype", DTYPES)
def test_states_are_ones_where_the_uniform_is_below_the_probability(dtype):
    inputs, bias = 2 * noise((50, 13), dtype), noise(13, dtype, 1)
    probabilities = np.empty_like(inputs)
    states = bernoulli(inputs, bias, DRAW, states=np.empty_like(inputs), probabilities=probabilities)
    exact = 1 / (1 + np.exp(-(inputs.astype(np.float64) + bias)))
    u = uniforms((150, 13), DRAW.seed, DRAW.step, DRAW.stream, dtype)[100:]
    np.testing.assert_allclose(probabilities, exact, rtol=8 * np.finfo(dtype).eps)
    np.testing.assert_array_equal(states, u < exact)
    np.testing.assert_array_equal(bernoulli(inputs, bias, DRAW), states)
    only = bernoulli(inputs, bias, None, probabilities=np.empty_like(inputs))
    np.testing.assert_array_equal(only, probabilities)


def test_threads_layout_and_place_do_not_change_states():
    inputs = noise((900, 500), np.float32)
    with limit_threads(1):
        expected = bernoulli(inputs, None, DRAW)
    with limit_threads(2):
        np.testing.assert_array_equal(bernoulli(inputs, None, DRAW), expected)
    np.testing.assert_array_equal(bernoulli(np.asfortranarray(inputs), None, DRAW), expected)
    below = bernoulli(inputs[400:], None, Draw(DRAW.seed, DRAW.stream, DRAW.step, DRAW.first_row + 400))
    np.testing.assert_array_equal(below, expected[400:])
    bernoulli(inputs, None, DRAW, states=inputs)
    np.testing.assert_array_equal(inputs, expected)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"inputs": np.zeros(3, np.float32)}, "2-D"),
        ({"inputs": np.zeros((2, 3), int)}, "int64"),
        ({"bias": np.zeros(4, np.float32)}, r"bias float32\(4,\)"),
        ({"states": np.zeros((2, 4), np.float32)}, "states is"),
        ({"probabilities": np.zeros((2, 3))}, "probabilities is float64"),
        ({"states": np.zeros((3, 2), np.float32).T}, "C-contiguous"),
        ({"draw": None}, "draw is None"),
    ],
)
def test_what_does_not_fit_is_refused(arguments, message):
    given = {"inputs": np.zeros((2, 3), np.float32), "bias": None, "draw": DRAW} | arguments
    with pytest.raises(ValueError, match=message):
        bernoulli(**given)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(0,), (5,), (700, 500)])
def test_update_follows_its_formula(dtype, shape):
    w, velocity, gradient = (noise(shape, dtype, seed) for seed in range(3))
    w.flat[:2] = 0
    rates = np.array([0.1, 0.5], dtype)
    expected = 0.5 * velocity + rates[0] * (gradient - dtype(0.2) * w - dtype(0.3) * np.sign(w))
    moved = w + expected
    update(w, velocity, gradient, rates, l2=0.2, l1=0.3)
    np.testing.assert_allclose(velocity, expected, rtol=0, atol=8 * np.finfo(dtype).eps)
    np.testing.assert_allclose(w, moved, rtol=0, atol=32 * np.finfo(dtype).eps)


def test_an_update_that_does_not_fit_is_refused():
    a, rates = np.zeros((2, 3)), np.zeros(2)
    with pytest.raises(ValueError, match="gradient is"):
        update(a, a, np.zeros((2, 4)), rates)
    with pytest.raises(ValueError, match="rates must be"):
        update(a, a, a, np.zeros(3))
    with pytest.raises(ValueError, match="C-contiguous"):
        update(a.T, a.T, a.T, rates)
