"""exp, sigma and softplus: as accurate as their docstrings say, and decided at the extremes."""

import numba
import numpy as np
import pytest

from ebm.kernels import exponential as cells

EPS = {np.float32: 2.0**-23, np.float64: 2.0**-52}


def over_array(cell):
    @numba.njit
    def loop(x, out):
        for i in range(x.size):
            out[i] = cell(x[i])

    def run(x):
        out = np.empty_like(x)
        loop(x, out)
        return out

    return run


CELLS = {
    (name, dtype): over_array(getattr(cells, f"{name}{bits}"))
    for name in ("exp", "sigmoid", "softplus")
    for dtype, bits in ((np.float32, 32), (np.float64, 64))
}


def exact(name, x):
    x = x.astype(np.longdouble)
    if name == "exp":
        return np.exp(x)
    if name == "sigmoid":
        return 1 / (1 + np.exp(-x))
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", ["exp", "sigmoid", "softplus"])
def test_relative_error(name, dtype):
    limit = 87 if dtype == np.float32 else 708
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.uniform(-limit, limit, 200_000), rng.normal(size=200_000), np.linspace(-20, 20, 4001)])
    x = x.astype(dtype)
    error = np.abs(CELLS[name, dtype](x) / exact(name, x) - 1)
    assert error.max() < 3 * EPS[dtype]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_extremes(dtype):
    limit = 87 if dtype == np.float32 else 708
    huge = np.array([limit + 1, 1e30, np.finfo(dtype).max, np.inf], dtype)
    np.testing.assert_allclose(CELLS["exp", dtype](huge), np.exp(dtype(limit)), rtol=1e-6)  # saturates
    np.testing.assert_allclose(CELLS["exp", dtype](-huge), np.exp(dtype(-limit)), rtol=1e-6)
    np.testing.assert_array_equal(CELLS["sigmoid", dtype](huge), 1)
    low = CELLS["sigmoid", dtype](-huge)
    assert (low > 0).all()
    assert low.max() < 2e-38
    np.testing.assert_array_equal(CELLS["softplus", dtype](huge), huge)
    low = CELLS["softplus", dtype](-huge)
    assert (low > 0).all()
    assert low.max() < 2e-38
    tiny = np.array([0.0, -0.0, np.finfo(dtype).smallest_subnormal, np.finfo(dtype).tiny], dtype)
    np.testing.assert_array_equal(CELLS["exp", dtype](tiny), 1)
    np.testing.assert_array_equal(CELLS["sigmoid", dtype](tiny), 0.5)
    np.testing.assert_allclose(CELLS["softplus", dtype](tiny), np.log(2), rtol=2 * EPS[dtype])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", ["exp", "sigmoid", "softplus"])
def test_nan_stays_nan(name, dtype):
    x = np.full(67, np.nan, dtype)  # vector registers and what is left
    x[::5] = 1
    np.testing.assert_array_equal(np.isnan(CELLS[name, dtype](x)), np.isnan(x))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", ["exp", "sigmoid", "softplus"])
def test_they_never_fall(name, dtype):
    x = np.sort(np.random.default_rng(1).uniform(-30, 30, 100_000).astype(dtype))
    y = CELLS[name, dtype](x)
    assert (np.diff(y) >= -2 * EPS[dtype] * y[1:]).all()  # but for rounding
