"""Rows handed to the frame before or after: out_r = source[index_r], or what belongs to the whole sequence at its end.

With ``index`` the row of the same sequence's next frame, what stands there goes a step back in time, for all frames at
once; where there is none (-1), the last frame takes the sequence's row of ``ends``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ebm.kernels.jit import core, cuda_loop, on_gpu
from ebm.kernels.threads import over_rows

if TYPE_CHECKING:
    from numba import cuda


@core(allocates=False)
def _cpu(source: Any, index: Any, ends: Any, numbers: Any, out: Any, first: Any, last: Any) -> None:
    for row in range(first, last):
        y = out[row]
        if index[row] >= 0 and source.shape[0] > 0:
            x = source[index[row]]
            for j in range(y.size):
                y[j] = x[j]
        elif index[row] < 0 and ends.shape[0] > 0:
            x = ends[numbers[row]]
            for j in range(y.size):
                y[j] = x[j]
        else:
            for j in range(y.size):
                y[j] = 0


@cuda_loop
def _gpu(source: Any, index: Any, ends: Any, numbers: Any, out: Any) -> None:
    n = out.shape[1]
    for item in range(cuda.grid(1), out.size, cuda.gridsize(1)):
        row, j = item // n, item % n
        x = type(out[0, 0])(0)
        if index[row] >= 0 and source.shape[0] > 0:
            x = source[index[row], j]
        elif index[row] < 0 and ends.shape[0] > 0:
            x = ends[numbers[row], j]
        out[row, j] = x


def shift_rows(source: Any, index: Any, ends: Any, numbers: Any, out: Any) -> None:
    """out[r] = source[index[r]], or ends[numbers[r]] where index[r] is -1.

    Parameters
    ----------
    source : array of shape (n_rows, n), or (0, n) for zeros
    index : array of int64 of shape (n_rows,)
    ends : array of shape (n_sequences, n), or (0, n) for zeros
    numbers : array of int64 of shape (n_rows,)
        The sequence of each row.
    out : array of shape (n_rows, n)
    """
    if on_gpu(out):
        _gpu(out.size, source, index, ends, numbers, out)
    else:
        over_rows(_cpu, (source, index, ends, numbers, out), out.shape[0], out.size)
