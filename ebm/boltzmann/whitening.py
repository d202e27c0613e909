"""Whitening: the symmetric linear map after which features have unit variance and no correlation.

::

    z = (x - mean) K,   K = diag(1 / sigma) R^(-1/2),   R the correlations

Of all whitenings this one keeps z nearest to the standardised features, and has no signs left to chance. It does not
depend on the features' units.

Source: Kessy, Lewin & Strimmer 2018 (doi:10.1080/00031305.2016.1277159), section 3 ("ZCA-cor").
"""

from __future__ import annotations

import numpy as np

LEAST = 1e-12  # of the largest eigenvalue of the correlations: smaller ones are rounding errors
LEAST_DEVIATION = 1e-14  # of a feature's mean


def whitening(x: np.ndarray, share: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean and K, float64.

    Parameters
    ----------
    x : ndarray of shape (n_samples, n_features)
    share : ndarray of shape (n_samples,)
        Weights of sum 1.

    Raises
    ------
    ValueError
        When a feature is constant, or features depend on each other: then there is no such map.
    """
    mean, covariance = moments(x, share)
    deviation = np.sqrt(np.diag(covariance))
    constant = np.flatnonzero(deviation <= LEAST_DEVIATION * np.abs(mean))
    if constant.size:
        raise ValueError(
            f"X cannot be whitened: feature {constant[0]} is constant (n_samples={len(x)}); leave out features that are"
        )
    values, vectors = np.linalg.eigh(covariance / np.outer(deviation, deviation))
    rank = int((values > LEAST * values[-1]).sum())
    if rank < len(mean):
        raise ValueError(
            f"X cannot be whitened: its {len(mean)} features have rank {rank} (n_samples={len(x)}); leave out "
            f"features that depend on others, or put PCA(n_components={rank}) in front"
        )
    return mean, (vectors / np.sqrt(values)) @ vectors.T / deviation[:, None]


def moments(x: np.ndarray, share: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and covariance, float64."""
    mean = np.asarray(share @ x, np.float64)
    rest = x - mean
    return mean, (share * rest.T) @ rest
