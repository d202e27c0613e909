"""Pairs of unit types for tests that hold for all of them: a small model, its exact log Z, and exact samples."""

import numpy as np
from scipy.special import logsumexp

from ebm.boltzmann.rbm import RBM
from ebm.boltzmann.unit_types import Binomial, Categorical, Gaussian, ReLU, Spin
from ebm.boltzmann.units import Bernoulli
from ebm.random import Random

# (name, visible units, hidden units, scale of the weights): the hidden side is enumerated, so its units must have
# states; the scale makes log weights spread, and no more than twelve temperatures bear.
PAIRS = [
    ("bernoulli-bernoulli", Bernoulli(), Bernoulli(), 3.0),
    ("spin-spin", Spin(), Spin(), 1.5),
    ("bernoulli-spin", Bernoulli(), Spin(), 2.5),
    ("gaussian-bernoulli", Gaussian(), Bernoulli(), 1.5),
    ("gaussian-spin", Gaussian(), Spin(), 0.35),
    ("relu-bernoulli", ReLU(), Bernoulli(), 1.5),
    ("binomial-bernoulli", Binomial(3), Bernoulli(), 1.5),
    ("categorical-bernoulli", Categorical(3), Bernoulli(), 3.0),
    ("bernoulli-binomial", Bernoulli(), Binomial(2), 1.5),
    ("bernoulli-categorical", Bernoulli(), Categorical(3), 3.0),
]


def pair_model(visible, hidden, n_visible, n_hidden, *, dtype=np.float64, seed=0, scale=1.0):
    """Return an RBM with nothing at zero or one; weights are of a size that every pair of units bears."""
    n_visible, n_hidden = n_visible * _columns(visible), n_hidden * _columns(hidden)
    rng = np.random.default_rng(seed)
    weights = scale * rng.normal(size=(n_visible, n_hidden)) / np.sqrt(np.sqrt(n_visible * n_hidden))
    biases = 0.5 * rng.normal(size=n_visible), 0.5 * rng.normal(size=n_hidden)
    return RBM(*(part.astype(dtype) for part in (weights, *biases)), visible, hidden)


def _columns(unit):
    return 1 if unit.levels is None else unit.levels.shape[1]


def hidden_log_weights(model):
    """log sum_v e^{-E(v, h)} of all hidden states h, and these states."""
    double = model.astype(np.float64)
    h = double.hidden.states(double.n_hidden, np.float64)
    return -double.hidden_free_energy(h), h


def exact_log_z(model):
    return float(logsumexp(hidden_log_weights(model)[0]))


def exact_visible(model, n, seed=0):
    """Exact samples of v, by way of p(h)."""
    log_p, h = hidden_log_weights(model)
    drawn = np.random.default_rng(seed).choice(len(h), n, p=np.exp(log_p - logsumexp(log_p)))
    return model.sample_visible(h[drawn].astype(model.dtype), Random(seed).at(6))


def visible_mean(model):
    """E[v], by way of p(h), float64."""
    log_p, h = hidden_log_weights(model)
    return np.exp(log_p - logsumexp(log_p)) @ model.astype(np.float64).visible_mean(h)
