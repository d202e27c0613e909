"""Distances of Gaussians in closed form.

KL(N0 || N1) = (tr(S1^-1 S0) + (m1 - m0)^T S1^-1 (m1 - m0) - d + log det S1 - log det S0) / 2
W2^2(N0, N1) = (m0 - m1)^T (m0 - m1) + tr(S0 + S1 - 2 (S1^1/2 S0 S1^1/2)^1/2)

Source: Rasmussen & Williams, "Gaussian Processes for Machine Learning" (2006), eq. A.23; Givens & Shortt 1984
(doi:10.1307/mmj/1029003026), proposition 7, for W2.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import cho_solve, cholesky


def _gaussian(mean: ArrayLike, covariance: ArrayLike, number: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return mean (d,), covariance (d, d) and its lower Cholesky factor."""
    m, s = np.atleast_1d(np.asarray(mean, np.float64)), np.asarray(covariance, np.float64)
    if s.ndim < 2:
        s = np.diag(np.broadcast_to(s, m.shape))
    if m.ndim != 1 or s.shape != (m.size, m.size):
        raise ValueError(f"mean{number} {m.shape} and covariance{number} {s.shape} do not fit: give (d,) and (d, d)")
    if not np.isfinite(m).all() or not np.isfinite(s).all():
        raise ValueError(f"mean{number} and covariance{number} must be finite")
    if np.abs(s - s.T).max() > 1e-8 * np.abs(s).max():
        raise ValueError(f"covariance{number} must be symmetric")
    try:
        return m, s, cholesky(s, lower=True)
    except (np.linalg.LinAlgError, ValueError) as error:
        raise ValueError(f"covariance{number} must be positive definite: {error}") from error


def _both(mean0: ArrayLike, covariance0: ArrayLike, mean1: ArrayLike, covariance1: ArrayLike) -> tuple:
    first, second = _gaussian(mean0, covariance0, 0), _gaussian(mean1, covariance1, 1)
    if first[0].size != second[0].size:
        raise ValueError(f"the Gaussians have {first[0].size} and {second[0].size} dimensions; give as many")
    return first, second


def kl_gaussian(mean0: ArrayLike, covariance0: ArrayLike, mean1: ArrayLike, covariance1: ArrayLike) -> float:
    """Return KL(N(mean0, covariance0) || N(mean1, covariance1)) in nats.

    Parameters
    ----------
    mean0, mean1 : array of shape (d,), or a number
    covariance0, covariance1 : array of shape (d, d), or (d,) or a number for the variances of a diagonal one

    Returns
    -------
    float

    Raises
    ------
    ValueError
        When shapes do not fit, or a covariance is not symmetric and positive definite.
    """
    (m0, s0, root0), (m1, _, root1) = _both(mean0, covariance0, mean1, covariance1)
    apart = m1 - m0
    trace = np.trace(cho_solve((root1, True), s0))
    distance = apart @ cho_solve((root1, True), apart)
    log_ratio = 2 * (np.log(np.diag(root1)).sum() - np.log(np.diag(root0)).sum())
    return float(trace + distance - m0.size + log_ratio) / 2


def wasserstein_gaussian(mean0: ArrayLike, covariance0: ArrayLike, mean1: ArrayLike, covariance1: ArrayLike) -> float:
    """Return W2 between two Gaussians, in the units of their values; parameters and errors as of ``kl_gaussian``.

    With R0, R1 the Cholesky factors, tr (S1^1/2 S0 S1^1/2)^1/2 is the sum of the singular values of R1^T R0. A distance
    below 1e-8 of the Gaussians' widths is lost in rounding.
    """
    (m0, s0, root0), (m1, s1, root1) = _both(mean0, covariance0, mean1, covariance1)
    shared = np.linalg.svd(root1.T @ root0, compute_uv=False).sum()
    return float(np.sqrt(max(((m0 - m1) ** 2).sum() + np.trace(s0) + np.trace(s1) - 2 * shared, 0.0)))
