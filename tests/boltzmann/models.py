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
    """Pearson's chi-square test that ``counts`` come from ``probabilities``.

    All cells that are expected fewer than ten times are put together into one.
    """
    expected = counts.sum() * probabilities
    often = expected >= 10
    observed, wanted = counts[often], expected[often]
    if not often.all():
        observed = np.append(observed, counts[~often].sum())
        wanted = np.append(wanted, max(expected[~often].sum(), 1e-9))  # where nothing may be, anything is too much
    statistic = ((observed - wanted) ** 2 / wanted).sum()
    return float(chi2.sf(statistic, len(wanted) - 1))
