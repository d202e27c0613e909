"""Three rules that store patterns in the weights of a Hopfield network: Hebb, Storkey, and the pseudo-inverse.

Each is local in time: patterns can be added to weights that hold others already.

Source: Hebb 1949; Storkey 1997, "Increasing the capacity of a Hopfield network without sacrificing functionality"
(doi:10.1007/BFb0020196), section 2; Personnaz, Guyon & Dreyfus 1985 (doi:10.1051/jphyslet:01985004608035900) and
Kanter & Sompolinsky 1987 (doi:10.1103/PhysRevA.35.380) for the projection.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg import qr

from ebm.kernels.storkey import storkey_step


def hebb(patterns: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """Add patterns by Hebb's rule, dw_ij = x_i x_j / N for i != j.

    With the rate eta = 1 / N this is a step dw_ij = -eta dE/dw_ij down the energy of the pattern, where w_ij = w_ji is
    one parameter: the energy of what is stored is lowered. It recalls about 0.138 N random patterns.

    Parameters
    ----------
    patterns : ndarray of shape (n_patterns, n_units), float32 or float64
        Spins -1 and +1.
    weights : ndarray of shape (n_units, n_units), optional
        Weights to add to (a new array is made), as this function left them; zeros by default.

    Returns
    -------
    ndarray of shape (n_units, n_units)
        Symmetric, zero diagonal. They are whole numbers over N, which is used: patterns added in any portions give
        the same weights, bit for bit.

    Raises
    ------
    ValueError
        When patterns or weights are not as described.
    """
    n = _n_units(patterns, weights)
    sums = patterns.T @ patterns
    if weights is not None:
        sums += np.rint(weights * patterns.dtype.type(n))
    np.fill_diagonal(sums, 0)
    return sums / patterns.dtype.type(n)


def storkey(patterns: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """Add patterns by Storkey's rule, one after the other.

    ::

        dw_ij = (x_i x_j - x_i h_ji - h_ij x_j) / N,   h_ij = sum_{k != i, j} w_ik x_k

    It takes away what the weights predict already, so it holds more patterns, of moderate correlations too. As spins
    have square one, h_ij = h_i - w_ij x_j with h = W x, and the sum is x_i x_j - x_i h_j - h_i x_j + 2 w_ij.

    Parameters
    ----------
    patterns : ndarray of shape (n_patterns, n_units), float32 or float64
        Spins -1 and +1.
    weights : ndarray of shape (n_units, n_units), optional
        Weights to add to (a new array is made); zeros by default.

    Returns
    -------
    ndarray of shape (n_units, n_units)
        Symmetric, zero diagonal.

    Raises
    ------
    ValueError
        When patterns or weights are not as described.
    """
    n = _n_units(patterns, weights)
    w = np.zeros((n, n), patterns.dtype) if weights is None else weights.copy(order="C")
    h = storkey_step(w, patterns[0], patterns[0], patterns[0], 0.0)
    for x, following in zip(patterns, [*patterns[1:], patterns[-1]], strict=True):
        h = storkey_step(w, x, patterns.dtype.type(0.5) * x - h, following, 1 / n)
    return w


def pattern_basis(patterns: np.ndarray, basis: np.ndarray | None = None) -> np.ndarray:
    """Return an orthonormal basis of the patterns' span, or extend one by the patterns.

    Parameters
    ----------
    patterns : ndarray of shape (n_patterns, n_units), float32 or float64
    basis : ndarray of shape (rank, n_units), float64, optional
        Of the patterns stored before.

    Returns
    -------
    ndarray of shape (rank, n_units), float64
        Rows are orthonormal; those of ``basis`` come first. Patterns that depend on others add none.
    """
    known = np.zeros((0, patterns.shape[1])) if basis is None else basis
    new = patterns.astype(np.float64)
    for _ in range(2):  # once more, for what rounding left
        new = new - (new @ known.T) @ known
    directions, triangle, _ = qr(new.T, mode="economic", pivoting=True)  # a tenth of an SVD's time
    independent = np.abs(triangle.diagonal()) > 1e-8 * np.sqrt(patterns.shape[1])
    return np.concatenate([known, directions.T[independent]])


def projection(basis: np.ndarray) -> np.ndarray:
    """Return the orthogonal projection onto the span of a basis, without its diagonal.

    Parameters
    ----------
    basis : ndarray of shape (rank, n_units)
        Orthonormal rows.

    Returns
    -------
    ndarray of shape (n_units, n_units)
        W = B^T B with zeros on the diagonal; symmetric.
    """
    w = basis.T @ basis
    np.fill_diagonal(w, 0)
    return w


def pseudo_inverse(patterns: np.ndarray) -> np.ndarray:
    """Store patterns by the projection W = X^+ X onto their span, its diagonal taken out.

    W x = x for every pattern; without the diagonal the field is (1 - W_ii) x_i, which has the same sign, so all
    patterns are fixed points, however alike they are, while their number is below N.

    Parameters
    ----------
    patterns : ndarray of shape (n_patterns, n_units), float32 or float64
        Spins -1 and +1.

    Returns
    -------
    ndarray of shape (n_units, n_units)
        Symmetric, zero diagonal, in the dtype of the patterns; computed in float64.

    Raises
    ------
    ValueError
        When the patterns are not as described.
    """
    _n_units(patterns, None)
    return projection(pattern_basis(patterns)).astype(patterns.dtype)


def _n_units(patterns: np.ndarray, weights: np.ndarray | None) -> int:
    if patterns.ndim != 2 or len(patterns) == 0 or patterns.dtype not in (np.float32, np.float64):
        raise ValueError(
            f"patterns are {patterns.dtype}{patterns.shape}; give (n_patterns, n_units) of float32 or float64"
        )
    if not (np.abs(patterns) == 1).all():
        raise ValueError("patterns must be -1 and +1")
    n = patterns.shape[1]
    if weights is not None and (weights.shape != (n, n) or weights.dtype != patterns.dtype):
        raise ValueError(f"weights are {weights.dtype}{weights.shape}, the patterns ask for {patterns.dtype}{(n, n)}")
    return n
