"""Softmax of each row, y_j = e^{x_j} / sum_k e^{x_k}, relative to the row's largest x, and its derivative.

dx_j = y_j (dy_j - sum_k y_k dy_k); the derivative is symmetric, so that the change of y along dx is the same.

Source: Bridle 1990, "Probabilistic interpretation of feedforward classification network outputs"
(doi:10.1007/978-3-642-76153-9_28).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ebm.kernels.block import BLOCK, block_max, block_sum
from ebm.kernels.checks import check_floats, check_like
from ebm.kernels.exponential import exponential
from ebm.kernels.jit import core, cuda_loop, inner, on_gpu, summing
from ebm.kernels.reduce import row_sum
from ebm.kernels.softmax_loss import largest, weigh_row
from ebm.kernels.threads import over_rows

if TYPE_CHECKING:
    from numba import cuda


@inner
def _multiply_row(x: Any, factor: Any) -> None:
    for j in range(x.size):
        x[j] *= factor


@summing
def _product(x: Any, y: Any) -> Any:
    total = x.dtype.type(0)
    for j in range(x.size):
        total += x[j] * y[j]
    return total


@inner
def _slope_row(y: Any, d: Any, product: Any, out: Any) -> None:
    for j in range(y.size):
        out[j] = y[j] * (d[j] - product)


@core(allocates=False)
def _forward_cpu(x: Any, out: Any, first: Any, last: Any) -> None:
    for row in range(first, last):
        target = out[row]
        weigh_row(x[row], largest(x[row]), target)
        _multiply_row(target, x.dtype.type(1) / row_sum(target, target.size))


@core(allocates=False)
def _backward_cpu(y: Any, d: Any, out: Any, first: Any, last: Any) -> None:
    for row in range(first, last):
        _slope_row(y[row], d[row], _product(y[row], d[row]), out[row])


@cuda_loop
def _forward_gpu(x: Any, out: Any) -> None:
    """One block of threads does one row."""
    for row in range(cuda.blockIdx.x, x.shape[0], cuda.gridDim.x):
        peak, total = x[row, 0], type(x[row, 0])(0)
        for j in range(cuda.threadIdx.x, x.shape[1], cuda.blockDim.x):
            peak = max(peak, x[row, j])
        peak = block_max(peak)
        for j in range(cuda.threadIdx.x, x.shape[1], cuda.blockDim.x):
            total += exponential(x[row, j] - peak)
        total = block_sum(total)
        for j in range(cuda.threadIdx.x, x.shape[1], cuda.blockDim.x):
            out[row, j] = exponential(x[row, j] - peak) / total


@cuda_loop
def _backward_gpu(y: Any, d: Any, out: Any) -> None:
    for row in range(cuda.blockIdx.x, y.shape[0], cuda.gridDim.x):
        product = type(y[row, 0])(0)
        for j in range(cuda.threadIdx.x, y.shape[1], cuda.blockDim.x):
            product += y[row, j] * d[row, j]
        product = block_sum(product)
        for j in range(cuda.threadIdx.x, y.shape[1], cuda.blockDim.x):
            out[row, j] = y[row, j] * (d[row, j] - product)


def softmax(x: Any, out: Any) -> None:
    """Write the softmax of each row.

    Parameters
    ----------
    x, out : array of shape (rows, n), n > 0, float32 or float64, C-contiguous, on the CPU or the GPU

    Raises
    ------
    ValueError
        When ``x`` is no matrix with columns, or ``out`` does not fit it.
    """
    check_floats(x, "x", 2)
    check_like(out, "out", x.shape, x)
    if x.shape[1] == 0:
        raise ValueError(f"x is {x.dtype}{x.shape}: a softmax needs at least one column")
    if on_gpu(x):
        _forward_gpu(x.shape[0] * BLOCK, x, out)
    else:
        over_rows(_forward_cpu, (x, out), x.shape[0], 4 * x.size)


def softmax_derivative(y: Any, d: Any, out: Any) -> None:
    """Write y (d - sum y d) for each row: dx where d is dy, and dy where it is dx; arrays as of :func:`softmax`."""
    if on_gpu(y):
        _backward_gpu(y.shape[0] * BLOCK, y, d, out)
    else:
        over_rows(_backward_cpu, (y, d, out), y.shape[0], 2 * y.size)
