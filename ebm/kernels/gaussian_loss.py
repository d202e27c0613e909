"""-log N(t; mu, diag e^s): Gaussian negative log-likelihood of mean mu and log-variance s, and its slopes.

    L = 1/2 sum_i s_i + (t_i - mu_i)^2 e^-s_i + log 2 pi,    dL/dmu_i = (mu_i - t_i) e^-s_i,
    dL/ds_i = 1/2 (1 - (t_i - mu_i)^2 e^-s_i)

s counts as min(max(s, lowest), highest): a feature that never changes would drive it to -infinity. Beyond a bound its
slope is that at the bound where descent leads back, and 0 where it leads further out.

Log-variances are the second half of a sample's output, or one vector for all samples; the gradient of that is summed
over samples.

Source: Kingma & Welling 2014 (arXiv:1312.6114), appendix C.2.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ebm.kernels.block import BLOCK, block_sum
from ebm.kernels.checks import check_floats, check_like
from ebm.kernels.exponential import exponential
from ebm.kernels.jit import cell, core, cuda_loop, inner, on_gpu
from ebm.kernels.reduce import row_sum
from ebm.kernels.threads import over_rows

if TYPE_CHECKING:
    from numba import cuda

LOG_TWO_PI = math.log(2.0 * math.pi)
WORK = 5  # what an element costs, in plain ones


@cell
def held(s: Any, lowest: Any, highest: Any) -> Any:
    """Return s within its bounds; NaN stays NaN."""
    return min(max(s, lowest), highest)


@cell
def inward(slope: Any, s: Any, lowest: Any, highest: Any) -> Any:
    """Return the slope along s, but 0 where s is out of bounds and descent leads further out."""
    zero = type(s)(0)
    stuck = ((s < lowest) & (slope > zero)) | ((s > highest) & (slope < zero))
    return zero if stuck else slope


@cell
def surprise(e: Any, precision: Any, s: Any) -> Any:
    """-log N of a deviation e, with s within bounds and e^-s."""
    return type(e)(0.5) * (s + e * e * precision + type(e)(LOG_TWO_PI))


@cell
def spread_slope(e: Any, precision: Any) -> Any:
    """d surprise / d s."""
    return type(e)(0.5) - type(e)(0.5) * (e * e * precision)


@inner
def precision_row(s: Any, lowest: Any, highest: Any, precision: Any) -> None:
    """Write e^-s."""
    for j in range(s.size):
        precision[j] = exponential(-held(s[j], lowest, highest))


@inner
def surprise_row(mean: Any, t: Any, s: Any, precision: Any, lowest: Any, highest: Any, terms: Any) -> None:
    """Write each feature's part of the loss."""
    for j in range(mean.size):
        terms[j] = surprise(t[j] - mean[j], precision[j], held(s[j], lowest, highest))


@inner
def mean_row(mean: Any, t: Any, precision: Any, share: Any, d: Any) -> None:
    """Write share dL/dmu."""
    for j in range(mean.size):
        d[j] = share * ((mean[j] - t[j]) * precision[j])


@inner
def spread_row(mean: Any, t: Any, s: Any, precision: Any, lowest: Any, highest: Any, share: Any, d: Any) -> None:
    """Write share dL/ds."""
    for j in range(mean.size):
        d[j] = share * inward(spread_slope(mean[j] - t[j], precision[j]), s[j], lowest, highest)


@core
def _cpu(
    output: Any, target: Any, shares: Any, lowest: Any, highest: Any, values: Any, d_output: Any, first: Any, last: Any
) -> None:
    """Without rows in ``d_output`` there are values alone, and no shares."""
    m = target.shape[1]
    terms, precision = np.empty(m, output.dtype), np.empty(m, output.dtype)
    for row in range(first, last):
        mean, s, t = output[row, 0:m], output[row, m : 2 * m], target[row]
        precision_row(s, lowest, highest, precision)
        surprise_row(mean, t, s, precision, lowest, highest, terms)
        values[row] = row_sum(terms, m)
        if d_output.shape[0] > 0:
            mean_row(mean, t, precision, shares[row], d_output[row, 0:m])
            spread_row(mean, t, s, precision, lowest, highest, shares[row], d_output[row, m : 2 * m])


@core
def _shared_cpu(
    output: Any, s: Any, target: Any, shares: Any, lowest: Any, highest: Any, values: Any, d_output: Any,
    first: Any, last: Any,
) -> None:  # fmt: skip
    m = target.shape[1]
    terms, precision = np.empty(m, output.dtype), np.empty(m, output.dtype)
    precision_row(s, lowest, highest, precision)
    for row in range(first, last):
        surprise_row(output[row], target[row], s, precision, lowest, highest, terms)
        values[row] = row_sum(terms, m)
        if d_output.shape[0] > 0:
            mean_row(output[row], target[row], precision, shares[row], d_output[row])


@inner
def add_spread(mean: Any, t: Any, precision: Any, share: Any, part: Any) -> None:
    """Add share dL/ds of one sample."""
    for j in range(mean.size):
        part[j] += share * spread_slope(mean[j] - t[j], precision[j])


@inner
def write_inward(part: Any, s: Any, lowest: Any, highest: Any, add: Any, out: Any) -> None:
    """Write the sums of slopes, or add them."""
    for j in range(part.size):
        before = out[j] if add else part.dtype.type(0)
        out[j] = before + inward(part[j], s[j], lowest, highest)


@core
def _spread_cpu(
    output: Any, s: Any, target: Any, shares: Any, lowest: Any, highest: Any, add: Any, out: Any, first: Any, last: Any
) -> None:
    """Sum the slopes along the shared log-variances over samples, for a range of features."""
    part, precision = np.zeros(last - first, output.dtype), np.empty(last - first, output.dtype)
    precision_row(s[first:last], lowest, highest, precision)
    for row in range(output.shape[0]):
        add_spread(output[row, first:last], target[row, first:last], precision, shares[row], part)
    write_inward(part, s[first:last], lowest, highest, add, out[first:last])


@cuda_loop
def _gpu(
    output: Any, spread: Any, target: Any, shares: Any, lowest: Any, highest: Any, values: Any, d_output: Any,
    shared: Any, wanted: Any,
) -> None:  # fmt: skip
    """One block does one row; ``spread`` is (1, m) where log-variances are shared, else the output itself."""
    m = target.shape[1]
    for row in range(cuda.blockIdx.x, target.shape[0], cuda.gridDim.x):
        total, share = type(lowest)(0), shares[row]
        for j in range(cuda.threadIdx.x, m, cuda.blockDim.x):
            raw = spread[0, j] if shared else spread[row, m + j]
            s, e = held(raw, lowest, highest), output[row, j] - target[row, j]
            precision = exponential(-s)
            total += surprise(e, precision, s)
            if wanted:
                d_output[row, j] = share * (e * precision)
            if wanted and not shared:
                d_output[row, m + j] = share * inward(spread_slope(e, precision), raw, lowest, highest)
        total = block_sum(total)
        if cuda.threadIdx.x == 0:
            values[row] = total


@cuda_loop
def _spread_gpu(
    output: Any, s: Any, target: Any, shares: Any, lowest: Any, highest: Any, add: Any, out: Any
) -> None:  # fmt: skip
    """One thread sums one feature, neighbours side by side."""
    for j in range(cuda.grid(1), s.size, cuda.gridsize(1)):
        precision, part = exponential(-held(s[j], lowest, highest)), type(lowest)(0)
        for row in range(output.shape[0]):
            part += shares[row] * spread_slope(output[row, j] - target[row, j], precision)
        before = out[j] if add else type(lowest)(0)
        out[j] = before + inward(part, s[j], lowest, highest)


def _checked(output: Any, target: Any, values: Any, shares: Any, d_output: Any, halves: int) -> None:
    check_floats(output, "output", 2)
    check_floats(target, "target", 2)
    n, m = target.shape
    check_like(output, "output", (n, halves * m), target)
    check_like(values, "values", (n,), output)
    if d_output is not None:
        check_like(shares, "shares", (n,), output)
        check_like(d_output, "d_output", output.shape, output)
    if output.size == 0:
        raise ValueError(f"output is {output.dtype}{output.shape}; a loss needs samples and features")


def gaussian_loss(
    output: Any, target: Any, bounds: tuple[float, float], values: Any, *, shares: Any = None, d_output: Any = None
) -> None:
    """Write -log N(target) of every sample and, where asked for, the gradient of their weighted sum.

    Parameters
    ----------
    output : array of shape (n, 2 m), C-contiguous, float32 or float64
        m means, then m log-variances.
    target : array of shape (n, m), of the same dtype
    bounds : tuple of two floats
        Between which log-variances are held.
    values : array of shape (n,)
        Filled.
    shares : array of shape (n,), optional
        Weight of each sample in the batch's loss; with ``d_output`` only.
    d_output : array of shape (n, 2 m), optional
        Filled with shares[n] d values[n] / d output[n].

    Raises
    ------
    ValueError
        When shapes, dtypes or devices do not fit.
    """
    _checked(output, target, values, shares, d_output, 2)
    shares, limits = values if d_output is None else shares, [output.dtype.type(b) for b in bounds]
    if on_gpu(output):
        rest = (shares, *limits, values, output if d_output is None else d_output)
        flags = np.int32(0), np.int32(d_output is not None)
        _gpu(target.shape[0] * BLOCK, output, output, target, *rest, *flags)
    else:
        d_output = np.empty((0, output.shape[1]), output.dtype) if d_output is None else d_output
        over_rows(_cpu, (output, target, shares, *limits, values, d_output), target.shape[0], WORK * output.size)


def shared_gaussian_loss(
    output: Any,
    log_variance: Any,
    target: Any,
    bounds: tuple[float, float],
    values: Any,
    *,
    shares: Any = None,
    d_output: Any = None,
    d_log_variance: Any = None,
    add: bool = False,
) -> None:
    """Do as :func:`gaussian_loss` with one vector of log-variances for all samples.

    Parameters
    ----------
    output, target : arrays of shape (n, m), C-contiguous, float32 or float64
        Means, and what they are to be.
    log_variance : array of shape (m,)
    bounds, values, shares, d_output
        As there; ``d_output`` is (n, m).
    d_log_variance : array of shape (m,), optional
        Filled with the gradient along ``log_variance``, summed over samples; with ``d_output`` only.
    add : bool, default=False
        Add to ``d_log_variance`` instead.

    Raises
    ------
    ValueError
        When shapes, dtypes or devices do not fit.
    """
    _checked(output, target, values, shares, d_output, 1)
    n, m = target.shape
    check_like(log_variance, "log_variance", (m,), output)
    limits = [output.dtype.type(b) for b in bounds]
    if d_output is not None:
        check_like(d_log_variance, "d_log_variance", (m,), output)
        last = (output, log_variance, target, shares, *limits, np.int64(add), d_log_variance)
        if on_gpu(output):
            _spread_gpu(m, *last)
        else:
            over_rows(_spread_cpu, last, m, output.size)
    shares = values if d_output is None else shares
    if on_gpu(output):
        rest = (target, shares, *limits, values, output if d_output is None else d_output)
        _gpu(n * BLOCK, output, log_variance.reshape(1, m), *rest, np.int32(1), np.int32(d_output is not None))
    else:
        d_output = np.empty((0, m), output.dtype) if d_output is None else d_output
        over_rows(_shared_cpu, (output, log_variance, target, shares, *limits, values, d_output), n, WORK * output.size)
