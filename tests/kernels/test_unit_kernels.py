"""Quantiles, tails and the loops of unit types, against SciPy; for any number of threads."""

import numpy as np
import pytest
from scipy.special import erfcx, log_ndtr, ndtri
from scipy.stats import binom, kstest, norm, truncnorm

from ebm.kernels import categorical, normal, units
from ebm.kernels.jit import core
from ebm.kernels.philox import uniforms
from ebm.kernels.threads import limit_threads
from ebm.random import Draw

DTYPES = [np.float32, np.float64]
DRAW = Draw(seed=(5 << 32) + 9, stream=3, step=11, first_row=100)


@core
def _normal_cells(u, t, quantile, ratio, mean, log_tail, drawn):
    for i in range(u.size):
        quantile[i] = normal.quantile(u[i])
        ratio[i] = normal.tail_ratio(t[i])
        mean[i] = normal.tail_mean(t[i])
        log_tail[i] = normal.log_tail(t[i])
        drawn[i] = normal.tail_draw(t[i], u[i])


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_normal_distribution_is_scipys(dtype):
    u = ((np.arange(20_001) + 0.5) / 20_001).astype(dtype)
    t = np.linspace(-40, 60, u.size).astype(dtype)
    quantile, ratio, mean, log_tail, drawn = outs = [np.empty_like(u) for _ in range(5)]
    _normal_cells(u, t, *outs)
    wide_u, wide_t, eps = u.astype(float), t.astype(float), np.finfo(dtype).eps
    np.testing.assert_allclose(quantile, ndtri(wide_u), rtol=8 * eps, atol=8 * eps)
    near = wide_t > -8
    np.testing.assert_allclose(ratio[near], np.sqrt(np.pi / 2) * erfcx(wide_t[near] / np.sqrt(2)), rtol=100 * eps)
    middle = np.abs(wide_t) < 6  # beyond, SciPy's own mean loses digits
    exact = 1 / (np.sqrt(np.pi / 2) * erfcx(wide_t[middle] / np.sqrt(2))) - wide_t[middle]
    np.testing.assert_allclose(mean[middle], exact, rtol=1e-5 if dtype == np.float32 else 1e-12)
    far = wide_t > 20  # 1/t - 2/t^3 + 10/t^5
    series = 1 / wide_t[far] - 2 / wide_t[far] ** 3 + 10 / wide_t[far] ** 5
    np.testing.assert_allclose(mean[far], series, rtol=1e-5)
    exact = log_ndtr(-wide_t) + wide_t**2 / 2 + 0.5 * np.log(2 * np.pi)
    np.testing.assert_allclose(log_tail, exact, rtol=20 * eps, atol=20 * eps if dtype == np.float32 else 1e-12)
    survival = np.exp(log_ndtr(-(drawn.astype(float) + wide_t)) - log_ndtr(-wide_t))
    np.testing.assert_allclose(survival, wide_u, atol=5e-4)  # where t > 30 the tail is taken as an exponential one
    np.testing.assert_allclose(survival[wide_t < 30], wide_u[wide_t < 30], atol=5e-4 if dtype == np.float32 else 1e-12)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("x", [-9.0, -1.3, 0.4, 7.0])
def test_draws_have_the_distributions_of_scipy(dtype, x):
    inputs, a = np.full((20_000, 1), x, dtype), np.array([1.7], dtype)
    drawn = units.states(inputs, a, units.GAUSSIAN, DRAW)[:, 0]
    assert kstest(drawn, norm(x / 1.7, 1.7**-0.5).cdf).pvalue > 1e-3
    drawn = units.states(inputs, a, units.RELU, DRAW)[:, 0]
    mean, deviation = x / 1.7, 1.7**-0.5
    assert kstest(drawn, truncnorm(-mean / deviation, np.inf, mean, deviation).cdf).pvalue > 1e-3
    counts = units.states(inputs, np.array([5], dtype), units.BINOMIAL, DRAW)[:, 0].astype(int)
    expected = 20_000 * binom(5, 1 / (1 + np.exp(-x))).pmf(np.arange(6))
    found = np.bincount(counts, minlength=6)
    assert (np.abs(found - expected) < 4.5 * np.sqrt(expected + 1)).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_uniforms_near_one_make_no_impossible_counts(dtype):
    """The sum of probabilities in float32 may end below the uniform: that is no reason to draw all copies."""
    drawn = units.states(np.full((300, 10_000), 0.04, dtype), np.full(10_000, 100, dtype), units.BINOMIAL, DRAW)
    assert drawn.min() > 15  # 20 has a probability below 1e-10
    assert drawn.max() < 85


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_category_is_where_the_uniform_falls(dtype):
    inputs = 3 * np.random.default_rng(0).normal(size=(60, 12)).astype(dtype)
    u = uniforms((160, 3), DRAW.seed, DRAW.step, DRAW.stream, dtype)[100:].astype(float)
    groups = inputs.astype(float).reshape(60, 3, 4)
    p = np.exp(groups - groups.max(axis=2, keepdims=True))
    p /= p.sum(axis=2, keepdims=True)
    expected = (u[..., None] > np.cumsum(p, axis=2)).sum(axis=2)
    drawn = categorical.states(inputs, 4, DRAW).reshape(60, 3, 4)
    assert (drawn.sum(axis=2) == 1).all()
    np.testing.assert_array_equal(drawn.argmax(axis=2), expected)
    np.testing.assert_allclose(categorical.means(inputs, 4).reshape(60, 3, 4), p, rtol=1e-5)
    far = categorical.cumulants(np.full((2, 4), 500, dtype), 4)
    np.testing.assert_allclose(far, 500 + np.log(4), rtol=1e-6)


@pytest.mark.parametrize("kind", [*range(5), "categorical"])
def test_threads_layout_and_place_do_not_change_results(kind):
    inputs, a = 2 * np.random.default_rng(0).normal(size=(1200, 300)).astype(np.float32), np.full(300, 3, np.float32)
    room, which = (categorical, (3,)) if kind == "categorical" else (units, (a, kind))

    def states(x, draw):
        return room.states(x, *which, draw)

    def means(x):
        return room.means(x, *which)

    def cumulants(x):
        return room.cumulants(x, *which)

    with limit_threads(1):
        expected = states(inputs, DRAW), means(inputs), cumulants(inputs)
    with limit_threads(2):
        for one, two in zip(expected, (states(inputs, DRAW), means(inputs), cumulants(inputs)), strict=True):
            np.testing.assert_array_equal(one, two)
            assert one.dtype == np.float32
    np.testing.assert_array_equal(states(np.asfortranarray(inputs), DRAW), expected[0])
    below = states(inputs[400:], Draw(DRAW.seed, DRAW.stream, DRAW.step, DRAW.first_row + 400))
    np.testing.assert_array_equal(below, expected[0][400:])


def test_what_does_not_fit_is_refused():
    x = np.zeros((2, 3), np.float32)
    with pytest.raises(ValueError, match=r"parameter float32\(2,\) does not fit"):
        units.means(x, x[0, :2], units.SPIN)
    with pytest.raises(ValueError, match="int64"):
        units.states(x.astype(int), x[0], units.SPIN, DRAW)
