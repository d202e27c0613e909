"""Storkey's rule as one pass over W for each pattern.

    w_ij += rate (x_i g_j + g_i x_j + 2 w_ij),   g = x / 2 - W x

and while a row is at hand, its product with the pattern that comes next, which is that pattern's W x. Element (i, j)
and its mirror add the same two numbers, so W stays symmetric to the last bit. On the CPU only.

Source: Storkey 1997 (doi:10.1007/BFb0020196), section 2; see ``ebm.boltzmann.storage_rules.storkey``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ebm.kernels.jit import core, inner, summing
from ebm.kernels.threads import over_rows


@inner
def move_row(row: Any, x: Any, g: Any, x_i: Any, g_i: Any, rate: Any) -> None:
    """Move one row of W; x is -1 and +1, so its products are exact."""
    for j in range(row.size):
        row[j] += rate * (x_i * g[j] + g_i * x[j] + (row[j] + row[j]))


@summing
def dot(a: Any, b: Any) -> Any:
    """sum_j a_j b_j."""
    total = a.dtype.type(0)
    for j in range(a.size):
        total += a[j] * b[j]
    return total


@core
def _cpu(weights: Any, x: Any, g: Any, following: Any, products: Any, rate: Any, first: Any, last: Any) -> None:
    zero = weights.dtype.type(0)
    for i in range(first, last):
        move_row(weights[i], x, g, x[i], g[i], rate)
        weights[i, i] = zero
        products[i] = dot(weights[i], following)


def storkey_step(weights: np.ndarray, x: np.ndarray, g: np.ndarray, following: np.ndarray, rate: float) -> np.ndarray:
    """Add the pattern x to the weights, in place, and return W ``following``.

    Parameters
    ----------
    weights : ndarray of shape (n, n), float32 or float64, C-contiguous
        W, changed in place; its diagonal becomes zero.
    x : ndarray of shape (n,)
        Spins -1 and +1, of the same dtype as all.
    g : ndarray of shape (n,)
        x / 2 - W x.
    following : ndarray of shape (n,)
        The pattern whose product is wanted.
    rate : float
        1 / n; 0 leaves W as it is.

    Returns
    -------
    ndarray of shape (n,)

    Raises
    ------
    ValueError
        When shapes, dtypes or memory layouts do not fit.
    """
    n = len(weights)
    fits = weights.shape == (n, n) and weights.flags.c_contiguous and weights.dtype in (np.float32, np.float64)
    for name, a in {"x": x, "g": g, "following": following}.items():
        if not fits or a.shape != (n,) or a.dtype != weights.dtype:
            theirs = f"C-contiguous weights {weights.dtype}{weights.shape}"
            raise ValueError(f"{name} is {a.dtype}{a.shape}, which does not fit {theirs} of float32 or float64")
    products = np.empty(n, weights.dtype)
    lines = (np.ascontiguousarray(a) for a in (x, g, following))
    over_rows(_cpu, (weights, *lines, products, weights.dtype.type(rate)), n, weights.size)
    return products
