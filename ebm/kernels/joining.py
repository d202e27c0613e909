"""Arrays side by side: a sample's values and a context of its own, such as its class, as one input.

    out[r, p, :] = a[r, p, :] | b[r, :]          for every pixel p of sample r (one pixel where samples are rows)

The gradient along a is that along out in the first columns (`take_left`), summed over pixels along b in the last
(`take_right`, for rows).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ebm.kernels.checks import check_floats, check_like
from ebm.kernels.jit import core, cuda_loop, on_gpu
from ebm.kernels.threads import over_rows

if TYPE_CHECKING:
    from numba import cuda


@core(allocates=False)
def _join_cpu(a: Any, b: Any, pixels: Any, out: Any, first: Any, last: Any) -> None:
    """One row is one pixel."""
    c = a.shape[1]
    for row in range(first, last):
        x, context = a[row], b[row // pixels]
        left, right = out[row, 0:c], out[row, c : c + b.shape[1]]
        for j in range(x.size):
            left[j] = x[j]
        for j in range(context.size):
            right[j] = context[j]


@core(allocates=False)
def _part_cpu(joined: Any, begin: Any, out: Any, first: Any, last: Any) -> None:
    for row in range(first, last):
        source, target = joined[row, begin : begin + out.shape[1]], out[row]
        for j in range(target.size):
            target[j] = source[j]


@cuda_loop
def _join_gpu(a: Any, b: Any, pixels: Any, out: Any) -> None:
    c, n = a.shape[1], out.shape[1]
    for item in range(cuda.grid(1), out.size, cuda.gridsize(1)):
        row, j = item // n, item % n
        out[row, j] = a[row, j] if j < c else b[row // pixels, j - c]


@cuda_loop
def _part_gpu(joined: Any, begin: Any, out: Any) -> None:
    n = out.shape[1]
    for item in range(cuda.grid(1), out.size, cuda.gridsize(1)):
        out[item // n, item % n] = joined[item // n, begin + item % n]


def join(a: Any, b: Any, out: Any) -> None:
    """Write each sample's values and its context side by side.

    Parameters
    ----------
    a : array of shape (n, ..., c), C-contiguous, float32 or float64
        Rows (n, c), or images (n, height, width, c).
    b : array of shape (n, k), of the same dtype
        Contexts; every pixel of an image gets its sample's.
    out : array of shape (n, ..., c + k)
        Filled.

    Raises
    ------
    ValueError
        When shapes, dtypes or devices do not fit.
    """
    check_floats(a, "a", a.ndim)
    check_floats(b, "b", 2)
    n, c, k = a.shape[0], a.shape[-1], b.shape[1]
    check_like(b, "b", (n, k), a)
    check_like(out, "out", (*a.shape[:-1], c + k), a)
    rows = a.size // c
    arguments = a.reshape(rows, c), b, np.int64(rows // n), out.reshape(rows, c + k)
    if on_gpu(a):
        _join_gpu(out.size, *arguments)
    else:
        over_rows(_join_cpu, arguments, rows, out.size)


def take_left(joined: Any, out: Any) -> None:
    """Write the first columns of rows: what `join` makes of a gradient on its way back to the values.

    Parameters
    ----------
    joined : array of shape (n, c + k), C-contiguous, float32 or float64
    out : array of shape (n, c)
        Filled.

    Raises
    ------
    ValueError
        When shapes, dtypes or devices do not fit.
    """
    _take(joined, out, 0)


def take_right(joined: Any, out: Any) -> None:
    """Write the last columns of rows, those of the context; otherwise as `take_left`."""
    _take(joined, out, max(joined.shape[-1] - out.shape[-1], 0))


def _take(joined: Any, out: Any, begin: int) -> None:
    check_floats(joined, "joined", 2)
    check_like(out, "out", (joined.shape[0], min(out.shape[-1], joined.shape[1])), joined)
    if on_gpu(joined):
        _part_gpu(out.size, joined, np.int64(begin), out)
    else:
        over_rows(_part_cpu, (joined, np.int64(begin), out), out.shape[0], out.size)
