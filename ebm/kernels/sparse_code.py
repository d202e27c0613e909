"""The penalty of a sparse code: its units' mean activations r are to be rho.

    r_j = sum_n w_n h_nj,    penalty = beta sum_j KL(rho || r_j),
    KL(rho || r) = rho log(rho / r) + (1 - rho) log((1 - rho) / (1 - r)),
    d penalty / d h_nj = beta w_n (-rho / r_j + (1 - rho) / (1 - r_j))

for codes in (0, 1), w the samples' shares in the batch. r is held within [1e-6, 1 - 1e-6].

Source: Ng, "Sparse autoencoder" (CS294A lecture notes, 2011), section 3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ebm.kernels.block import BLOCK, block_sum
from ebm.kernels.checks import check_floats, check_like
from ebm.kernels.jit import cell, core, cuda_loop, inner, on_gpu
from ebm.kernels.logarithm import log
from ebm.kernels.reduce import row_sum
from ebm.kernels.threads import over_rows

if TYPE_CHECKING:
    from numba import cuda

EDGE = 1e-6


@cell
def within(r: Any) -> Any:
    """Return a mean activation, held away from 0 and 1; NaN stays NaN."""
    edge = type(r)(EDGE)
    return min(max(r, edge), type(r)(1) - edge)


@cell
def divergence(rho: Any, r: Any) -> Any:
    """KL(rho || r) of two coins."""
    one = type(r)(1)
    return rho * log(rho / r) + (one - rho) * log((one - rho) / (one - r))


@cell
def slope(rho: Any, r: Any) -> Any:
    """d KL / d r."""
    one = type(r)(1)
    return (one - rho) / (one - r) - rho / r


@inner
def add_row(h: Any, share: Any, part: Any) -> None:
    """Part += share h."""
    for j in range(h.size):
        part[j] += share * h[j]


@inner
def penalty_row(r: Any, rho: Any, beta: Any, terms: Any, slopes: Any) -> None:
    """Write each unit's penalty and its slope."""
    for j in range(r.size):
        x = within(r[j])
        terms[j] = beta * divergence(rho, x)
        slopes[j] = beta * slope(rho, x)


@core
def _means_cpu(
    h: Any, shares: Any, rho: Any, beta: Any, terms: Any, slopes: Any, first: Any, last: Any
) -> None:  # fmt: skip
    """Do a range of units."""
    means = np.zeros(last - first, h.dtype)
    for row in range(h.shape[0]):
        add_row(h[row, first:last], shares[row], means)
    penalty_row(means, rho, beta, terms[first:last], slopes[first:last])


@core(allocates=False)
def _sum_cpu(terms: Any, penalty: Any, first: Any, last: Any) -> None:
    for i in range(first, last):
        penalty[i] = row_sum(terms, terms.size)


@core(allocates=False)
def _slopes_cpu(slopes: Any, shares: Any, dh: Any, first: Any, last: Any) -> None:
    for row in range(first, last):
        add_row(slopes, shares[row], dh[row])


@cuda_loop
def _means_gpu(h: Any, shares: Any, rho: Any, beta: Any, terms: Any, slopes: Any) -> None:
    """One thread does one unit, neighbours side by side."""
    for j in range(cuda.grid(1), h.shape[1], cuda.gridsize(1)):
        mean = type(rho)(0)
        for row in range(h.shape[0]):
            mean += shares[row] * h[row, j]
        x = within(mean)
        terms[j] = beta * divergence(rho, x)
        slopes[j] = beta * slope(rho, x)


@cuda_loop
def _sum_gpu(terms: Any, penalty: Any) -> None:
    """One block does it all."""
    if cuda.blockIdx.x == 0:
        total = type(terms[0])(0)
        for j in range(cuda.threadIdx.x, terms.size, cuda.blockDim.x):
            total += terms[j]
        total = block_sum(total)
        if cuda.threadIdx.x == 0:
            penalty[0] = total


@cuda_loop
def _slopes_gpu(slopes: Any, shares: Any, dh: Any) -> None:
    m = dh.shape[1]
    for item in range(cuda.grid(1), dh.size, cuda.gridsize(1)):
        row, j = item // m, item % m
        dh[row, j] += shares[row] * slopes[j]


def sparsity_penalty(
    h: Any, shares: Any, rho: float, beta: float, penalty: Any, terms: Any, slopes: Any, dh: Any = None
) -> None:
    """Write the penalty of a batch's codes, and add its gradient to theirs.

    Parameters
    ----------
    h : array of shape (n, m), C-contiguous, float32 or float64
        Codes in (0, 1).
    shares : array of shape (n,)
        Weights of the samples, with sum 1.
    rho : float
        Mean activation that is wanted, in (0, 1).
    beta : float
        Weight of the penalty.
    penalty : array of shape (1,)
        Filled.
    terms, slopes : arrays of shape (m,)
        Filled with each unit's part of the penalty, and its slope along the mean activation.
    dh : array of shape (n, m), optional
        Added to.

    Raises
    ------
    ValueError
        When shapes, dtypes or devices do not fit, or there are no codes.
    """
    check_floats(h, "h", 2)
    n, m = h.shape
    for a, name, shape in ((shares, "shares", (n,)), (penalty, "penalty", (1,)), (terms, "terms", (m,)),
                           (slopes, "slopes", (m,))):  # fmt: skip
        check_like(a, name, shape, h)
    if h.size == 0:
        raise ValueError(f"h is {h.dtype}{h.shape}; a penalty needs samples and units")
    means = (h, shares, h.dtype.type(rho), h.dtype.type(beta), terms, slopes)
    if on_gpu(h):
        _means_gpu(m, *means)
        _sum_gpu(BLOCK, terms, penalty)
    else:
        over_rows(_means_cpu, means, m, h.size)
        over_rows(_sum_cpu, (terms, penalty), 1, m)
    if dh is None:
        return
    check_like(dh, "dh", (n, m), h)
    if on_gpu(h):
        _slopes_gpu(dh.size, slopes, shares, dh)
    else:
        over_rows(_slopes_cpu, (slopes, shares, dh), n, h.size)
