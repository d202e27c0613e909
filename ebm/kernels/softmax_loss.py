"""Cross-entropy of classes from logits a: L = -sum_k t_k log p_k, p = softmax(a), and its slopes.

    L = (sum_k t_k) log sum_l e^{a_l - max a} - sum_k t_k (a_k - max a),    dL/da_k = (sum_l t_l) p_k - t_k

Targets t are probabilities (one-hot, or any), or the number c of the class, which is t_k = [k = c]. A number that is no
class's makes the loss and its slopes NaN: a compiled loop cannot complain.

Source: Goodfellow, Bengio & Courville, "Deep learning" (2016), section 6.2.2.3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ebm.kernels.block import BLOCK, block_max, block_sum
from ebm.kernels.checks import check_floats, check_like
from ebm.kernels.exponential import exponential
from ebm.kernels.jit import core, cuda_loop, inner, on_gpu, summing
from ebm.kernels.logarithm import log
from ebm.kernels.reduce import row_sum
from ebm.kernels.threads import over_rows

if TYPE_CHECKING:
    from numba import cuda

WORK = 6  # what an element costs, in plain ones


@inner
def largest(a: Any) -> Any:
    """max_k a_k."""
    peak = a[0]
    for k in range(a.size):
        peak = max(peak, a[k])
    return peak


@inner
def weigh_row(a: Any, peak: Any, weights: Any) -> None:
    """Write e^{a - peak}."""
    for k in range(a.size):
        weights[k] = exponential(a[k] - peak)


@summing
def dot_below(t: Any, a: Any, peak: Any) -> Any:
    """sum_k t_k (a_k - peak)."""
    total = a.dtype.type(0)
    for k in range(a.size):
        total += t[k] * (a[k] - peak)
    return total


@inner
def slope_row(weights: Any, t: Any, factor: Any, share: Any, d: Any) -> None:
    """Write factor weights - share t."""
    for k in range(weights.size):
        d[k] = factor * weights[k] - share * t[k]


@core
def _cpu(output: Any, target: Any, shares: Any, values: Any, d_output: Any, first: Any, last: Any) -> None:
    """Without rows in ``d_output`` there are values alone, and no shares."""
    weights = np.empty(output.shape[1], output.dtype)
    for row in range(first, last):
        a, t = output[row], target[row]
        peak = largest(a)
        weigh_row(a, peak, weights)
        total, mass = row_sum(weights, weights.size), row_sum(t, t.size)
        values[row] = mass * log(total) - dot_below(t, a, peak)
        if d_output.shape[0] > 0:
            slope_row(weights, t, shares[row] * mass / total, shares[row], d_output[row])


@inner
def scaled_row(weights: Any, factor: Any, d: Any) -> None:
    """Write factor weights."""
    for k in range(weights.size):
        d[k] = factor * weights[k]


@core
def _labels_cpu(output: Any, labels: Any, shares: Any, values: Any, d_output: Any, first: Any, last: Any) -> None:
    weights = np.empty(output.shape[1], output.dtype)
    for row in range(first, last):
        a, label = output[row], labels[row]
        known = 0 <= label < a.size
        peak = largest(a)
        weigh_row(a, peak, weights)
        total = row_sum(weights, weights.size)
        one = output.dtype.type(1 if known else np.nan)
        values[row] = one * (log(total) - (a[label if known else 0] - peak))
        if d_output.shape[0] > 0:
            scaled_row(weights, one * shares[row] / total, d_output[row])
            d_output[row, label if known else 0] -= one * shares[row]


@cuda_loop
def _gpu(output: Any, target: Any, labels: Any, shares: Any, values: Any, d_output: Any, wanted: Any) -> None:
    """One block does one row; targets are numbers of classes where there are any ``labels``."""
    zero, numbered = type(output[0, 0])(0), labels.size > 0
    m = output.shape[1]
    for row in range(cuda.blockIdx.x, output.shape[0], cuda.gridDim.x):
        peak = output[row, 0]
        for k in range(cuda.threadIdx.x, m, cuda.blockDim.x):
            peak = max(peak, output[row, k])
        peak = block_max(peak)
        total, mass, below = zero, zero, zero
        for k in range(cuda.threadIdx.x, m, cuda.blockDim.x):
            total += exponential(output[row, k] - peak)
            t = type(peak)(k == labels[row]) if numbered else target[row, k]
            mass += t
            below += t * (output[row, k] - peak)
        total, mass, below = block_sum(total), block_sum(mass), block_sum(below)
        if numbered and mass == zero:  # no such class
            mass = type(peak)(np.nan)
        if cuda.threadIdx.x == 0:
            values[row] = mass * log(total) - below
        if wanted:
            for k in range(cuda.threadIdx.x, m, cuda.blockDim.x):
                t = type(peak)(k == labels[row]) if numbered else target[row, k]
                p = exponential(output[row, k] - peak) / total
                d_output[row, k] = shares[row] * (mass * p - t)


def softmax_loss(output: Any, target: Any, values: Any, *, shares: Any = None, d_output: Any = None) -> None:
    """Write the cross-entropy of every sample and, where asked for, the gradient of their weighted sum.

    Parameters
    ----------
    output : array of shape (n, m), C-contiguous, float32 or float64
        Logits.
    target : array of shape (n, m) of the same dtype, or of shape (n,), int64
        Probabilities, or numbers of classes in [0, m).
    values : array of shape (n,), of the logits' dtype and device
        Filled; NaN where a class's number is none.
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
    numbered = target.ndim == 1
    check_like(target, "target", (n,) if numbered else output.shape, output, np.int64 if numbered else None)
    check_like(values, "values", (n,), output)
    if d_output is not None:
        check_like(shares, "shares", (n,), output)
        check_like(d_output, "d_output", output.shape, output)
    shares = values if d_output is None else shares  # whatever is an array: it is not read
    if output.size == 0:
        raise ValueError(f"output is {output.dtype}{output.shape}; a loss needs samples and classes")
    if on_gpu(output):
        labels = target if numbered else np.empty_like(output, shape=(0,), dtype=np.int64)
        wanted = np.int32(d_output is not None)
        there = (output if numbered else target, labels, shares, values)
        _gpu(n * BLOCK, output, *there, output if d_output is None else d_output, wanted)
        return
    d_output = np.empty((0, output.shape[1]), output.dtype) if d_output is None else d_output
    over_rows(_labels_cpu if numbered else _cpu, (output, target, shares, values, d_output), n, WORK * output.size)
