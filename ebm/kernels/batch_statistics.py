"""Means and variances of the columns of a batch (n, c), and running ones that follow them.

    m_j = sum_r x_rj / n,  v_j = sum_r (x_rj - m_j)^2 / n,  i_j = 1 / sqrt(v_j + eps)
    running mean += momentum (m - running mean),  and the variance alike, towards v n / (n - 1), which has no bias

Blocks of rows have means and variances of their own, which are joined, so that x is read once:
v n = sum_k [v_k n_k + n_k (m_k - m)^2].

Source: Ioffe & Szegedy 2015 (arXiv:1502.03167), algorithms 1 and 2; the joining is Chan, Golub & LeVeque 1983
(doi:10.1080/00031305.1983.10483115).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ebm.kernels.block import BLOCK, block_sum
from ebm.kernels.column_totals import ROWS, add_row
from ebm.kernels.jit import cell, core, cuda_loop, inner, on_gpu
from ebm.kernels.threads import over_rows

if TYPE_CHECKING:
    from numba import cuda


@cell
def inverse_root(variance: Any, epsilon: Any) -> Any:
    """1 / sqrt(v + eps)."""
    return type(variance)(1) / math.sqrt(variance + epsilon)


# ---- statistics of a batch ----


@inner
def _add_squares(x: Any, mean: Any, total: Any) -> None:
    for j in range(total.size):
        d = x[j] - mean[j]
        total[j] += d * d


@inner
def _multiply_row(x: Any, factor: Any) -> None:
    for j in range(x.size):
        x[j] *= factor


@core(allocates=False)
def _blocks_cpu(x: Any, parts: Any, first: Any, last: Any) -> None:
    """Write the mean, and the sum of squares about it, of every block of rows."""
    n = x.shape[1]
    for k in range(first, last):
        mean, squares = parts[k, :n], parts[k, n:]
        top, end = k * ROWS, min((k + 1) * ROWS, x.shape[0])
        for j in range(n):
            mean[j] = 0
            squares[j] = 0
        for row in range(top, end):
            add_row(x[row], mean)
        _multiply_row(mean, x.dtype.type(1) / x.dtype.type(end - top))
        for row in range(top, end):
            _add_squares(x[row], mean, squares)


@inner
def _add_scaled(x: Any, factor: Any, total: Any) -> None:
    for j in range(total.size):
        total[j] += factor * x[j]


@inner
def _join_squares(squares: Any, mean: Any, count: Any, whole: Any, total: Any) -> None:
    for j in range(total.size):
        d = mean[j] - whole[j]
        total[j] += squares[j] + count * (d * d)


@inner
def _finish(squares: Any, share: Any, epsilon: Any) -> None:
    for j in range(squares.size):
        squares[j] = inverse_root(squares[j] * share, epsilon)


@inner
def _follow(running: Any, x: Any, factor: Any, momentum: Any) -> None:
    for j in range(running.size):
        running[j] += momentum * (factor * x[j] - running[j])


@core(allocates=False)
def _join_cpu(
    parts: Any, n_rows: Any, epsilon: Any, momentum: Any, mean: Any, inverse: Any,
    running_mean: Any, running_variance: Any, first: Any, last: Any,
) -> None:  # fmt: skip
    """Join the blocks' statistics for columns [first, last)."""
    n, real = parts.shape[1] // 2, parts.dtype.type
    whole, total = mean[first:last], inverse[first:last]
    one = real(1)
    for j in range(whole.size):
        whole[j] = 0
        total[j] = 0
    for k in range(parts.shape[0]):
        _add_scaled(parts[k, first:last], real(min(ROWS, n_rows - k * ROWS)), whole)
    _multiply_row(whole, one / real(n_rows))
    for k in range(parts.shape[0]):
        count = real(min(ROWS, n_rows - k * ROWS))
        _join_squares(parts[k, n + first : n + last], parts[k, first:last], count, whole, total)
    _follow(running_mean[first:last], whole, one, momentum)
    _follow(running_variance[first:last], total, one / real(n_rows - 1), momentum)
    _finish(total, one / real(n_rows), epsilon)


@cuda_loop
def _blocks_gpu(x: Any, parts: Any) -> None:
    """One thread does one column of one block of rows."""
    n, zero = x.shape[1], type(x[0, 0])(0)
    for item in range(cuda.grid(1), parts.shape[0] * n, cuda.gridsize(1)):
        k, j = item // n, item % n
        top, end = k * ROWS, min((k + 1) * ROWS, x.shape[0])
        total, squares = zero, zero
        for row in range(top, end):
            total += x[row, j]
        mean = total / type(zero)(end - top)
        for row in range(top, end):
            squares += (x[row, j] - mean) * (x[row, j] - mean)
        parts[k, j], parts[k, n + j] = mean, squares


@cuda_loop
def _join_gpu(
    parts: Any, n_rows: Any, epsilon: Any, momentum: Any, mean: Any, inverse: Any,
    running_mean: Any, running_variance: Any,
) -> None:  # fmt: skip
    """One block of threads joins one column."""
    n, real = parts.shape[1] // 2, type(epsilon)
    rows = real(n_rows)
    for j in range(cuda.blockIdx.x, n, cuda.gridDim.x):
        total, squares = real(0), real(0)
        for k in range(cuda.threadIdx.x, parts.shape[0], cuda.blockDim.x):
            total += real(min(ROWS, n_rows - k * ROWS)) * parts[k, j]
        whole = block_sum(total) / rows
        for k in range(cuda.threadIdx.x, parts.shape[0], cuda.blockDim.x):
            d = parts[k, j] - whole
            squares += parts[k, n + j] + real(min(ROWS, n_rows - k * ROWS)) * (d * d)
        squares = block_sum(squares)
        if cuda.threadIdx.x == 0:
            mean[j], inverse[j] = whole, inverse_root(squares / rows, epsilon)
            running_mean[j] += momentum * (whole - running_mean[j])
            running_variance[j] += momentum * (squares / real(n_rows - 1) - running_variance[j])


# ---- statistics that are given ----


@core(allocates=False)
def _inverse_cpu(variance: Any, epsilon: Any, inverse: Any, first: Any, last: Any) -> None:
    source, target = variance[first:last], inverse[first:last]
    for j in range(target.size):
        target[j] = inverse_root(source[j], epsilon)


@cuda_loop
def _inverse_gpu(variance: Any, epsilon: Any, inverse: Any) -> None:
    for j in range(cuda.grid(1), inverse.size, cuda.gridsize(1)):
        inverse[j] = inverse_root(variance[j], epsilon)


# ---- what others call: all C-contiguous, of one dtype and device ----


def batch_statistics(
    x: Any, parts: Any, mean: Any, inverse: Any, running: tuple[Any, Any], *, epsilon: float, momentum: float
) -> None:
    """Write a batch's means and inverse deviations, and move the running means and variances.

    Parameters
    ----------
    x : array of shape (n, c), with n > 1
    parts : array of shape (n_blocks(n), 2 c)
        For statistics of blocks.
    mean, inverse : array of shape (c,)
        Written: m and 1 / sqrt(v + epsilon).
    running : tuple of two arrays of shape (c,)
        Running means and variances, moved in place.
    epsilon, momentum : float
    """
    real = x.dtype.type
    numbers = (x.shape[0], real(epsilon), real(momentum))
    if on_gpu(x):
        _blocks_gpu(parts.shape[0] * x.shape[1], x, parts)
        _join_gpu(x.shape[1] * BLOCK, parts, np.int64(numbers[0]), *numbers[1:], mean, inverse, *running)
    else:
        over_rows(_blocks_cpu, (x, parts), parts.shape[0], 2 * x.size)
        over_rows(_join_cpu, (parts, *numbers, mean, inverse, *running), x.shape[1], 2 * parts.size)


def inverse_deviations(variance: Any, inverse: Any, *, epsilon: float) -> None:
    """Write 1 / sqrt(variance + epsilon)."""
    arguments = (variance, variance.dtype.type(epsilon), inverse)
    if on_gpu(variance):
        _inverse_gpu(variance.size, *arguments)
    else:
        over_rows(_inverse_cpu, arguments, variance.size, 8 * variance.size)
