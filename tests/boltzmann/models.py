"""Small models with nothing at zero or one, and the test of counts against probabilities."""

import numpy as np
from scipy.stats import chi2

from ebm.boltzmann.rbm import RBM
from tests.reference.rbm import SlowRBM


def small_model(n_visible, n_hidden, *, dtype=np.float64, seed=0, scale=1.0):
    rng = np.random.default_rng(seed)
    shapes = (n_visible, n_hidden), (n_visible,), (n_hidden,)
    return RBM(*((scale * rng.normal(size=shape)).astype(dtype) for shape in shapes))


def slow(model):
    return SlowRBM(*(np.asarray(a, np.float64) for a in (model.weights, model.visible_bias, model.hidden_bias)))


def row_numbers(states):
    """Numbers of states in the order of ``Bernoulli.states``."""
    return np.asarray(states, np.int64) @ (1 << np.arange(states.shape[1]))


def p_value(counts, probabilities):
    """Pearson's chi-square test that ``counts`` come from ``probabilities``; rare cells are put together."""
    expected = counts.sum() * probabilities
    order = np.argsort(expected)
    rare = order[np.cumsum(expected[order]) < 10]
    often = np.setdiff1d(order, rare)
    observed = np.append(counts[often], counts[rare].sum())
    wanted = np.maximum(np.append(expected[often], expected[rare].sum()), 1e-9)
    statistic = ((observed - wanted) ** 2 / wanted).sum()
    return float(chi2.sf(statistic, len(wanted) - 1))
