"""Bounds on a log-evidence log p(x) from samples z ~ q(z | x) and their log-weights log p(x, z) - log q(z | x).

ELBO   E log w = log p(x) - KL(q || p(z | x))
IW_K   E log (1/K) sum_k w_k: between the ELBO and log p(x), and rising with K

Source: Burda, Grosse & Salakhutdinov 2016 (arXiv:1509.00519), eq. 8 and theorem 1.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import logsumexp


class Evidence(NamedTuple):
    """Two lower bounds on log p(x), for each x, in nats, with standard errors over their repetitions."""

    elbo: np.ndarray
    elbo_error: np.ndarray
    importance: np.ndarray  # IW_K
    importance_error: np.ndarray
    effective_samples: np.ndarray  # (sum w)^2 / sum w^2 over all samples: the bound is loose where this is near 1


def evidence(log_weights: ArrayLike, n_importance: int) -> Evidence:
    """Estimate the ELBO and the importance-weighted bound of K = ``n_importance`` samples.

    Parameters
    ----------
    log_weights : array of shape (..., n_samples)
        log p(x, z_s) - log q(z_s | x) for independent z_s ~ q(z | x).
    n_importance : int
        K, a divisor of n_samples and at most half of it; n_samples / K estimates of IW_K are averaged.

    Returns
    -------
    Evidence
        With arrays of shape (...).

    Raises
    ------
    ValueError
        When ``n_importance`` does not divide the samples, or a log-weight is not finite.
    """
    log_w = np.asarray(log_weights, np.float64)
    n = log_w.shape[-1] if log_w.ndim else 0
    if n_importance < 1 or n < 2 * n_importance or n % n_importance:
        raise ValueError(f"n_importance must divide the {n} samples and be at most half of them, got {n_importance}")
    if not np.isfinite(log_w).all():
        raise ValueError("log_weights must be finite: where q has mass, p(x, z) must have some")
    groups = log_w.reshape(*log_w.shape[:-1], n // n_importance, n_importance)
    bounds = logsumexp(groups, axis=-1) - np.log(n_importance)
    total = 2 * logsumexp(log_w, axis=-1) - logsumexp(2 * log_w, axis=-1)
    return Evidence(*_mean(log_w), *_mean(bounds), np.exp(total))


def _mean(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return x.mean(axis=-1), x.std(axis=-1, ddof=1) / np.sqrt(x.shape[-1])
