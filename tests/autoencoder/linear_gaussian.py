"""A linear decoder with normal noise, whose log p(x) and posterior are known: x = W z + b + noise of variance s.

W has orthogonal columns, so that the exact posterior has a diagonal covariance and an encoder can be it.
"""

import numpy as np
from scipy.stats import multivariate_normal

from ebm.autoencoder.likelihood import GaussianLikelihood
from ebm.autoencoder.variational_layout import variational_layout
from ebm.autoencoder.variational_model import VariationalModel

D, K, S = 5, 2, 0.4


def known_model(*, shift=0.0, widening=0.0, seed=0):
    """Return a model whose encoder is the exact posterior, but for a shift of means and a widening of log-variances."""
    rng = np.random.default_rng(seed)
    w = np.linalg.qr(rng.normal(size=(D, K)))[0] * [1.5, 0.7]
    b, lengths = rng.normal(size=D), np.array([1.5, 0.7]) ** 2
    to_mean, log_variance = w / (lengths + S), np.log(S / (lengths + S))
    parameters = {
        "encoder.0.weights": np.hstack([to_mean, np.zeros((D, K))]),
        "encoder.0.bias": np.concatenate([-b @ to_mean + shift, log_variance + widening]),
        "decoder.0.weights": np.ascontiguousarray(w.T),
        "decoder.0.bias": b,
        "decoder.log_variance": np.log([S]),
    }
    layout = variational_layout(D, K, likelihood=GaussianLikelihood())
    return VariationalModel(layout, parameters)


def exact_log_p(model, x):
    """log N(x; b, W W^T + s I)."""
    w, b = model.parameters["decoder.0.weights"], model.parameters["decoder.0.bias"]
    return multivariate_normal(b, w.T @ w + S * np.eye(D)).logpdf(x)


def exact_divergence(shift, widening):
    """KL(q || the exact posterior) of one sample, which is what the ELBO lacks."""
    lengths = np.array([1.5, 0.7]) ** 2
    variance = S / (lengths + S)
    return 0.5 * np.sum(np.exp(widening) - 1 - widening + shift**2 / variance)


def some_data(model, n, seed=1):
    """Samples of the model."""
    rng = np.random.default_rng(seed)
    w, b = model.parameters["decoder.0.weights"], model.parameters["decoder.0.bias"]
    return rng.normal(size=(n, K)) @ w + b + np.sqrt(S) * rng.normal(size=(n, D))
