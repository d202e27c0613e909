"""Rows of a table by their numbers, y_p = E[k_p], and the gradient dE[t] = sum over p with k_p = t of dy_p.

Sums are over positions p in their order. On the CPU a thread has some tokens, and looks at all positions for them. On
the GPU positions of the same token are linked, each to the next, and a thread follows the links of one column.

A number outside the table must have been refused before, since a check would stop a recorded update. Here it gives NaN,
which no learner takes for a result, and never memory that is another's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ebm.kernels.checks import check_floats, check_like
from ebm.kernels.column_totals import add_row
from ebm.kernels.jit import core, cuda_loop, inner, on_gpu
from ebm.kernels.threads import over_rows

if TYPE_CHECKING:
    from numba import cuda

END = -1


@inner
def _copy(x: Any, out: Any) -> None:
    for j in range(x.size):
        out[j] = x[j]


@inner
def _fill(x: Any, value: Any) -> None:
    for j in range(x.size):
        x[j] = value


@core(allocates=False)
def _forward_cpu(table: Any, indices: Any, out: Any, first: Any, last: Any) -> None:
    for p in range(first, last):
        token = np.int64(indices[p])
        if 0 <= token < table.shape[0]:
            _copy(table[token], out[p])
        else:
            _fill(out[p], table.dtype.type(np.nan))


@core(allocates=False)
def _gradient_cpu(dy: Any, indices: Any, add: Any, out: Any, first: Any, last: Any) -> None:
    """Write the gradient of tokens [first, last)."""
    if not add:
        for row in range(first, last):
            _fill(out[row], out.dtype.type(0))
    for p in range(indices.size):
        token = np.int64(indices[p])
        if first <= token < last:
            add_row(dy[p], out[token])


@cuda_loop
def _forward_gpu(indices: Any, table: Any, out: Any) -> None:
    n = table.shape[1]
    for item in range(cuda.grid(1), out.size, cuda.gridsize(1)):
        p, j = item // n, item % n
        token = np.int64(indices[p])
        if 0 <= token < table.shape[0]:
            out[p, j] = table[token, j]
        else:
            out[p, j] = type(table[0, 0])(np.nan)


@cuda_loop
def _link_gpu(indices: Any, links: Any) -> None:
    """links[0, p]: whether p is the first of its token; links[1, p]: the next position of the same token, or END."""
    for p in range(cuda.grid(1), indices.size, cuda.gridsize(1)):
        before, after = p - 1, p + 1
        while before >= 0 and indices[before] != indices[p]:
            before -= 1
        while after < indices.size and indices[after] != indices[p]:
            after += 1
        links[0, p] = before < 0
        links[1, p] = after if after < indices.size else END


@cuda_loop
def _clear_gpu(out: Any) -> None:
    n = out.shape[1]
    for item in range(cuda.grid(1), out.size, cuda.gridsize(1)):
        out[item // n, item % n] = 0


@cuda_loop
def _gradient_gpu(indices: Any, links: Any, dy: Any, out: Any) -> None:
    """One thread does one column of one token, at its first position."""
    n = dy.shape[1]
    for item in range(cuda.grid(1), dy.size, cuda.gridsize(1)):
        p, j = np.int64(item // n), item % n
        token = np.int64(indices[p])
        if links[0, p] == 1 and 0 <= token < out.shape[0]:
            total = out[token, j]
            while p != END:
                total += dy[p, j]
                p = links[1, p]
            out[token, j] = total


def look_up(indices: Any, table: Any, out: Any) -> None:
    """Write the table's rows.

    Parameters
    ----------
    indices : array of shape (positions,), int32 or int64, C-contiguous, on the CPU or the GPU
    table : array of shape (n_tokens, width), float32 or float64
    out : array of shape (positions, width)

    Raises
    ------
    ValueError
        When shapes, dtypes or devices do not fit.
    """
    check_floats(table, "table", 2)
    check_like(out, "out", (indices.size, table.shape[1]), table)
    check_like(indices, "indices", (indices.size,), table, indices.dtype)
    if on_gpu(table):
        _forward_gpu(out.size, indices, table, out)
    else:
        over_rows(_forward_cpu, (table, indices, out), out.shape[0], out.size)


def table_gradient(indices: Any, dy: Any, links: Any, out: Any, *, add: bool) -> None:
    """Write the gradient of the table, or add it to what is there.

    Parameters
    ----------
    indices : array of shape (positions,), int32 or int64
    dy : array of shape (positions, width), float32 or float64
    links : array of shape (2, positions), int32
        Written on the GPU; not used on the CPU.
    out : array of shape (n_tokens, width)
    add : bool
    """
    if on_gpu(dy):
        _link_gpu(indices.size, indices, links)
        if not add:
            _clear_gpu(out.size, out)
        _gradient_gpu(dy.size, indices, links, dy, out)
    else:
        over_rows(_gradient_cpu, (dy, indices, add, out), out.shape[0], dy.size + out.size)
