"""Maximum mean discrepancy, MMD^2 = E k(x, x') + E k(y, y') - 2 E k(x, y), with a Gaussian kernel.

k(x, y) = exp(-(x - y)^T (x - y) / (2 s^2)).

Source: Gretton, Borgwardt, Rasch, Schoelkopf & Smola 2012 (JMLR 13:723), eq. 3 (unbiased) and eq. 5 (biased); the
median distance as bandwidth is theirs, section 8.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial.distance import cdist, pdist


def _rows(values: ArrayLike, name: str, least: int) -> np.ndarray:
    x = np.asarray(values, np.float64)
    if x.ndim != 2 or x.shape[0] < least or not np.isfinite(x).all():
        raise ValueError(f"{name} must be a finite 2-D array of at least {least} rows, got shape {x.shape}")
    return x


def mmd2(x: ArrayLike, y: ArrayLike, *, bandwidth: float | None = None, unbiased: bool = True) -> float:
    """Estimate MMD^2 between two samples, in time and memory quadratic in the rows: (n + m)^2 float64.

    Parameters
    ----------
    x : array of shape (n, d)
    y : array of shape (m, d)
    bandwidth : float, optional
        s, in the units of x; by default the median distance between two rows of the joint sample.
    unbiased : bool
        Leave a row's kernel with itself out: unbiased, and below zero at times when the distributions are equal.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        When samples do not fit each other or are too small, or the bandwidth is not positive.
    """
    least = 2 if unbiased else 1
    a, b = _rows(x, "x", least), _rows(y, "y", least)
    if a.shape[1] != b.shape[1]:
        raise ValueError(f"x has {a.shape[1]} columns and y has {b.shape[1]}; give as many")
    both = np.concatenate([a, b])
    if bandwidth is None:
        bandwidth = float(np.median(pdist(both)))
    if not bandwidth > 0:
        raise ValueError(f"bandwidth must be positive, got {bandwidth} (of a sample whose rows are mostly equal?)")
    k, n, m = np.exp(-cdist(both, both, "sqeuclidean") / (2 * bandwidth**2)), len(a), len(b)
    within = [k[:n, :n].sum(), k[n:, n:].sum()]
    if unbiased:
        return float((within[0] - n) / (n * (n - 1)) + (within[1] - m) / (m * (m - 1)) - 2 * k[:n, n:].mean())
    return float(within[0] / n**2 + within[1] / m**2 - 2 * k[:n, n:].mean())
