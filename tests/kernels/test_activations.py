"""Activations and their slopes against NumPy's."""

import numpy as np
import pytest

from ebm.kernels.activations import KINDS, activate, backward

RIGHT = {
    "identity": lambda a: a,
    "sigmoid": lambda a: 1 / (1 + np.exp(-a)),
    "tanh": np.tanh,
    "relu": lambda a: np.maximum(a, 0),
    "leaky_relu": lambda a: np.where(a > 0, a, 0.01 * a),
    "softplus": lambda a: np.logaddexp(a, 0),
    "elu": lambda a: np.where(a > 0, a, np.expm1(np.minimum(a, 0))),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", KINDS)
def test_values_and_slopes(name, dtype):
    a = np.linspace(-12, 12, 4 * 37).reshape(4, 37)  # an even number: 0, where some have no slope, is left out
    dy = np.random.default_rng(0).normal(size=a.shape)
    eps = np.finfo(dtype).eps
    y, given = np.empty(a.shape, dtype), a.astype(dtype)
    activate(given, KINDS[name], y)
    np.testing.assert_allclose(y, RIGHT[name](given.astype(np.float64)), rtol=8 * eps, atol=4 * eps)
    out = np.empty_like(y)
    backward(y, dy.astype(dtype), KINDS[name], out)
    step = 1e-6
    right = dy * (RIGHT[name](a + step) - RIGHT[name](a - step)) / (2 * step)
    np.testing.assert_allclose(out, right, rtol=max(50 * eps, 1e-6), atol=max(20 * eps, 1e-9))
    activate(given, KINDS[name], given)
    np.testing.assert_allclose(given, y, rtol=4 * eps)  # in place


@pytest.mark.parametrize("name", KINDS)
def test_nan_stays_nan(name):
    y = np.array([[np.nan, 1.0]])
    activate(y, KINDS[name], y)
    assert np.isnan(y[0, 0])
    backward(y, y, KINDS[name], y)
    assert np.isnan(y[0, 0])
