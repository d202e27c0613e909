"""Losses of one number against another, summed over a sample's features: squared error, Bernoulli cross-entropy.

    squared error    sum_i (y_i - t_i)^2                                     slope  2 (y_i - t_i)
    cross-entropy    sum_i log(1 + e^a_i) - t_i a_i,  t_i in [0, 1]          slope  sigma(a_i) - t_i

There is no half in the first, and the second is that of p = sigma(a) from the logit a, written as
log(1 + e^-abs(a)) + max(a, 0) - t a, in which nothing large cancels. Slopes are multiplied by the sample's share.

Source: Goodfellow, Bengio & Courville, "Deep learning" (2016), sections 6.2.1.1 and 6.2.2.2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ebm.kernels.block import BLOCK, block_sum
from ebm.kernels.checks import check_floats, check_like
from ebm.kernels.exponential import exponential, softplus
from ebm.kernels.jit import cell, core, cuda_loop, inner, on_gpu
from ebm.kernels.reduce import row_sum
from ebm.kernels.threads import over_rows

if TYPE_CHECKING:
    from numba import cuda

SQUARED_ERROR, CROSS_ENTROPY = np.int64(0), np.int64(1)
WORK = {0: 1, 1: 6}  # what an element costs, in plain ones


@cell
def cross_entropy(a: Any, t: Any) -> Any:
    """log(1 + e^a) - t a."""
    return softplus(-abs(a)) + (max(a, type(a)(0)) - t * a)


@cell
def logistic(a: Any) -> Any:
    """sigma(a) by e^-abs(a), which the compiler takes from the cross-entropy beside it."""
    one, t = type(a)(1), exponential(-abs(a))
    return (one if a >= type(a)(0) else t) / (one + t)


@inner
def squared_row(y: Any, t: Any, share: Any, terms: Any, d: Any) -> None:
    """Write (y - t)^2 and share 2 (y - t)."""
    for j in range(y.size):
        e = y[j] - t[j]
        terms[j] = e * e
        d[j] = share * (e + e)


@inner
def cross_entropy_row(a: Any, t: Any, share: Any, terms: Any, d: Any) -> None:
    """Write log(1 + e^a) - t a and share (sigma(a) - t)."""
    for j in range(a.size):
        terms[j] = cross_entropy(a[j], t[j])
        d[j] = share * (logistic(a[j]) - t[j])


@core
def _squared_cpu(output: Any, target: Any, shares: Any, values: Any, d_output: Any, first: Any, last: Any) -> None:
    """Without rows in ``d_output`` there are values alone, and no shares (a loop for each loss: fits compile one)."""
    terms, unwanted = np.empty(output.shape[1], output.dtype), np.empty(output.shape[1], output.dtype)
    for row in range(first, last):
        share, d = output.dtype.type(1), unwanted
        if d_output.shape[0] > 0:
            share, d = shares[row], d_output[row]
        squared_row(output[row], target[row], share, terms, d)
        values[row] = row_sum(terms, terms.size)


@core
def _cross_entropy_cpu(
    output: Any, target: Any, shares: Any, values: Any, d_output: Any, first: Any, last: Any
) -> None:
    terms, unwanted = np.empty(output.shape[1], output.dtype), np.empty(output.shape[1], output.dtype)
    for row in range(first, last):
        share, d = output.dtype.type(1), unwanted
        if d_output.shape[0] > 0:
            share, d = shares[row], d_output[row]
        cross_entropy_row(output[row], target[row], share, terms, d)
        values[row] = row_sum(terms, terms.size)


@cuda_loop
def _gpu(output: Any, target: Any, shares: Any, kind: Any, values: Any, d_output: Any, wanted: Any) -> None:
    """One block does one row."""
    for row in range(cuda.blockIdx.x, output.shape[0], cuda.gridDim.x):
        total = type(output[row, 0])(0)
        for j in range(cuda.threadIdx.x, output.shape[1], cuda.blockDim.x):
            a, t = output[row, j], target[row, j]
            if kind == SQUARED_ERROR:
                total += (a - t) * (a - t)
                slope = (a - t) + (a - t)
            else:
                total += cross_entropy(a, t)
                slope = logistic(a) - t
            if wanted:
                d_output[row, j] = shares[row] * slope
        total = block_sum(total)
        if cuda.threadIdx.x == 0:
            values[row] = total


def pointwise_loss(
    kind: np.int64, output: Any, target: Any, values: Any, *, shares: Any = None, d_output: Any = None
) -> None:
    """Write the loss of every sample and, where asked for, the gradient of their weighted sum.

    Parameters
    ----------
    kind : {SQUARED_ERROR, CROSS_ENTROPY}
    output, target : arrays of shape (n, m), C-contiguous, float32 or float64
        Numbers, or logits and probabilities.
    values : array of shape (n,), of the same dtype and device
        Filled.
    shares : array of shape (n,), optional
        Weight of each sample in the batch's loss; with ``d_output`` only.
    d_output : array of shape (n, m), optional
        Filled with shares[n] d values[n] / d output[n].

    Raises
    ------
    ValueError
        When shapes, dtypes or devices do not fit.
    """
    check_floats(output, "output", 2)
    n = output.shape[0]
    check_like(target, "target", output.shape, output)
    check_like(values, "values", (n,), output)
    if d_output is not None:
        check_like(shares, "shares", (n,), output)
        check_like(d_output, "d_output", output.shape, output)
    shares = values if d_output is None else shares  # whatever is an array: it is not read
    if output.size == 0:
        raise ValueError(f"output is {output.dtype}{output.shape}; a loss needs samples and features")
    if on_gpu(output):
        wanted = np.int32(d_output is not None)
        d_output = output if d_output is None else d_output
        _gpu(n * BLOCK, output, target, shares, np.int32(kind), values, d_output, wanted)
    else:
        d_output = np.empty((0, output.shape[1]), output.dtype) if d_output is None else d_output
        loop = _squared_cpu if kind == SQUARED_ERROR else _cross_entropy_cpu
        over_rows(loop, (output, target, shares, values, d_output), n, WORK[int(kind)] * output.size)
