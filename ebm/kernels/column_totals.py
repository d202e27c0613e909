"""Totals over rows, out_j = sum_r a_rj, of matrices that hold the sums of blocks of rows.

A sum over a batch's rows is taken in two steps: each block of ``ROWS`` rows is summed by one thread, into a row of its
own, and here the rows are added up. The blocks are the same for any number of threads, so are the results. On a GPU
``block_sums`` does the first step where nothing else is to be done with a block.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ebm.kernels.block import BLOCK, block_sum
from ebm.kernels.jit import core, cuda_loop, inner, on_gpu
from ebm.kernels.threads import over_rows

if TYPE_CHECKING:
    from numba import cuda

ROWS = 64  # rows of a batch that one thread sums


def n_blocks(n_rows: int) -> int:
    """Count the blocks of a batch of so many rows."""
    return -(-n_rows // ROWS)


@inner
def add_row(x: Any, total: Any) -> None:
    """Add x to the total."""
    for j in range(total.size):
        total[j] += x[j]


@core(allocates=False)
def _cpu(a: Any, add: Any, out: Any, first: Any, last: Any) -> None:
    total = out[first:last]
    if not add:
        for j in range(total.size):
            total[j] = 0
    for row in range(a.shape[0]):
        add_row(a[row, first:last], total)


@cuda_loop
def _gpu(a: Any, add: Any, out: Any) -> None:
    """One block sums one column."""
    for j in range(cuda.blockIdx.x, out.size, cuda.gridDim.x):
        total = type(a[0, 0])(0)
        for row in range(cuda.threadIdx.x, a.shape[0], cuda.blockDim.x):
            total += a[row, j]
        total = block_sum(total)
        if cuda.threadIdx.x == 0:
            out[j] = out[j] + total if add else total


@cuda_loop
def _blocks_gpu(a: Any, sums: Any) -> None:
    """One thread sums one column of one block of rows."""
    n = a.shape[1]
    for item in range(cuda.grid(1), sums.size, cuda.gridsize(1)):
        block, j = item // n, item % n
        total = type(a[0, 0])(0)
        for row in range(block * ROWS, min((block + 1) * ROWS, a.shape[0])):
            total += a[row, j]
        sums[block, j] = total


def block_sums(a: Any, sums: Any) -> None:
    """Write the sum of each column of each block of rows, on a GPU.

    Parameters
    ----------
    a : array of shape (rows, n), float32 or float64, C-contiguous, on the GPU
    sums : array of shape (n_blocks(rows), n), of the same dtype
    """
    _blocks_gpu(sums.size, a, sums)


def column_totals(a: Any, out: Any, *, add: bool = False) -> None:
    """Write the sum of each column, or add it to what is there.

    Parameters
    ----------
    a : array of shape (rows, at least n), float32 or float64, C-contiguous, on the CPU or the GPU
    out : array of shape (n,), of the same dtype and device
    add : bool, default=False

    Raises
    ------
    ValueError
        When ``out`` does not fit.
    """
    if out.ndim != 1 or out.size > a.shape[1] or out.dtype != a.dtype or on_gpu(out) != on_gpu(a):
        raise ValueError(f"out is {out.dtype}{out.shape}, but the columns of {a.dtype}{a.shape} are to be summed")
    if on_gpu(a):
        _gpu(out.size * BLOCK, a, add, out)
    else:
        over_rows(_cpu, (a, add, out), out.size, a.size)
