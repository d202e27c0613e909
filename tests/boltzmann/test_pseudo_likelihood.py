"""The pseudo-likelihood is the sum over all conditionals, and its stochastic version is unbiased."""

import numpy as np
import pytest

from ebm.boltzmann.pseudo_likelihood import log_pseudo_likelihood, stochastic_log_pseudo_likelihood
from ebm.boltzmann.rbm import RBM
from ebm.random import Random
from tests.boltzmann.models import slow, small_model


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float32, 2e-5), (np.float64, 1e-12)])
def test_it_is_the_sum_of_all_conditionals(dtype, tolerance):
    model = small_model(5, 3, dtype=dtype, scale=1.5)
    v = model.visible.states(5, dtype)
    wanted = [slow(model).log_pseudo_likelihood([int(x) for x in row]) for row in v]
    values = log_pseudo_likelihood(model, v)
    assert values.dtype == np.float64
    np.testing.assert_allclose(values, wanted, atol=tolerance)


def test_of_independent_units_it_is_the_likelihood():
    b = np.linspace(-2, 3, 40)
    model = RBM(np.zeros((40, 2)), b, np.ones(2))
    v = (np.random.default_rng(0).random((600, 40)) < 0.4).astype(float)  # more rows than a block
    wanted = (v * b - np.log1p(np.exp(b))).sum(axis=1)
    np.testing.assert_allclose(log_pseudo_likelihood(model, v), wanted, rtol=1e-13)


def test_the_stochastic_version_is_unbiased():
    model = small_model(7, 4, scale=1.5)
    v = model.visible.states(7)[[3, 90, 127]]
    rows = np.repeat(v, 4000, axis=0)
    drawn = stochastic_log_pseudo_likelihood(model, rows, Random(1)).reshape(3, 4000)
    error = drawn.std(axis=1) / np.sqrt(4000)
    assert (np.abs(drawn.mean(axis=1) - log_pseudo_likelihood(model, v)) < 4 * error).all()
    assert (error > 0).all()


def test_the_stochastic_version_draws_every_unit_alike_and_anew():
    # with weights zero, log p(v_i) tells which unit was drawn
    model = RBM(np.zeros((5, 1)), np.linspace(0.5, 4.5, 5), np.zeros(1))
    rows = np.ones((20000, 5))
    first, again, other = (stochastic_log_pseudo_likelihood(model, rows, Random(2), s) for s in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first != other).mean() > 0.7
    counts = np.unique(first, return_counts=True)[1]
    assert len(counts) == 5
    assert np.abs(counts - 4000).max() < 5 * np.sqrt(4000)
