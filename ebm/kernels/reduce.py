"""Sums over rows, sum_j log(1 + e^x_rj), the hidden units' part of a free energy; and sums over columns.

Source: Hinton, "A practical guide to training restricted Boltzmann machines" (2010), section 16.1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ebm.kernels.block import BLOCK, block_sum
from ebm.kernels.exponential import softplus
from ebm.kernels.jit import core, cuda_loop, inner, on_gpu, summing
from ebm.kernels.threads import over_rows

if TYPE_CHECKING:
    from numba import cuda

ROWS = 128  # rows that are summed before their sum joins the total: rounding errors grow with n / ROWS


@inner
def softplus_row(x: Any, n: Any) -> None:
    """x[:n] = log(1 + e^x[:n]) in place (apart from the sum: reordered, the exponential would lose digits)."""
    for j in range(n):
        x[j] = softplus(x[j])


@summing
def row_sum(x: Any, n: Any) -> Any:
    """sum_j x_j, j < n."""
    total = x.dtype.type(0)
    for j in range(n):
        total += x[j]
    return total


@core
def _softplus_cpu(inputs: Any, out: Any, first: Any, last: Any) -> None:
    terms = np.empty(inputs.shape[1], inputs.dtype)
    for row in range(first, last):
        for j in range(terms.size):  # a slice's assignment would compile its error message, 3 s
            terms[j] = inputs[row, j]
        softplus_row(terms, terms.size)
        out[row] = row_sum(terms, terms.size)


@cuda_loop
def _softplus_gpu(inputs: Any, out: Any) -> None:
    """One block sums one row."""
    for row in range(cuda.blockIdx.x, inputs.shape[0], cuda.gridDim.x):
        total = type(inputs[row, 0])(0)
        for j in range(cuda.threadIdx.x, inputs.shape[1], cuda.blockDim.x):
            total += softplus(inputs[row, j])
        total = block_sum(total)
        if cuda.threadIdx.x == 0:
            out[row] = total


@core
def _columns_cpu(a: Any, out: Any, first: Any, last: Any) -> None:
    part = np.empty(last - first, a.dtype)
    for top in range(0, a.shape[0], ROWS):
        part[:] = 0
        for row in range(top, min(top + ROWS, a.shape[0])):
            x = a[row, first:last]
            for j in range(x.size):
                part[j] += x[j]
        for j in range(part.size):
            out[first + j] += part[j]


@cuda_loop
def _columns_gpu(a: Any, out: Any) -> None:
    """One thread sums one column, neighbours side by side."""
    zero = type(a[0, 0])(0)
    for j in range(cuda.grid(1), a.shape[1], cuda.gridsize(1)):
        total = zero
        for top in range(0, a.shape[0], ROWS):
            part = zero
            for row in range(top, min(top + ROWS, a.shape[0])):
                part += a[row, j]
            total += part
        out[j] = total


def _contiguous(a: Any, name: str) -> Any:
    if a.ndim != 2 or a.dtype not in (np.float32, np.float64):
        raise ValueError(f"{name} is {a.dtype}{a.shape}; give a 2-D array of float32 or float64")
    return a if a.flags.c_contiguous else a.copy(order="C")


def softplus_rows(inputs: Any) -> Any:
    """Sum log(1 + e^x) over each row.

    Parameters
    ----------
    inputs : array of shape (rows, n), float32 or float64, on the CPU or the GPU

    Returns
    -------
    array of shape (rows,)
        Of the same dtype, on the same device.

    Raises
    ------
    ValueError
        When ``inputs`` is not a matrix of floats.
    """
    inputs = _contiguous(inputs, "inputs")
    out = np.zeros_like(inputs, shape=inputs.shape[:1])
    if inputs.size == 0:
        pass
    elif on_gpu(inputs):
        _softplus_gpu(inputs.shape[0] * BLOCK, inputs, out)
    else:
        over_rows(_softplus_cpu, (inputs, out), inputs.shape[0], 4 * inputs.size)
    return out


def column_sums(a: Any) -> Any:
    """Sum each column: out_j = sum_r a_rj, in the dtype of ``a``, a block of rows at a time.

    Parameters
    ----------
    a : array of shape (rows, n), float32 or float64, on the CPU or the GPU

    Returns
    -------
    array of shape (n,)
        Of the same dtype, on the same device.

    Raises
    ------
    ValueError
        When ``a`` is not a matrix of floats.
    """
    a = _contiguous(a, "a")
    out = np.zeros_like(a, shape=a.shape[1:])
    if a.size == 0:
        pass
    elif on_gpu(a):
        _columns_gpu(a.shape[1], a, out)
    else:
        over_rows(_columns_cpu, (a, out), a.shape[1], a.size // 4)
    return out
