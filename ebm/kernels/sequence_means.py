"""The mean of every sequence's frames, and its gradient.

    m = (1/T) sum_{t<=T} x_t,    dx_t = dm / T

Frames are packed by time (see ``ebm.networks.packing``): the frame of time t of the sequence of rank r is row
starts[t] + r, and ends[r + 1] - ends[r] is that sequence's length. Terms are added in time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ebm.kernels.jit import core, cuda_loop, on_gpu
from ebm.kernels.threads import over_rows

if TYPE_CHECKING:
    from numba import cuda


@core(allocates=False)
def _mean_cpu(x: Any, starts: Any, ends: Any, order: Any, out: Any, first: Any, last: Any) -> None:
    one = x.dtype.type(1)
    for rank in range(first, last):
        length, mean = ends[rank + 1] - ends[rank], out[order[rank]]
        share = one / x.dtype.type(length)
        for j in range(mean.size):
            mean[j] = 0
        for t in range(length):
            frame = x[starts[t] + rank]
            for j in range(mean.size):
                mean[j] += frame[j]
        for j in range(mean.size):
            mean[j] *= share


@core(allocates=False)
def _spread_cpu(dy: Any, rank: Any, ends: Any, order: Any, out: Any, first: Any, last: Any) -> None:
    one = dy.dtype.type(1)
    for row in range(first, last):
        r = rank[row]
        above, below = dy[order[r]], out[row]
        share = one / dy.dtype.type(ends[r + 1] - ends[r])
        for j in range(below.size):
            below[j] = above[j] * share


@cuda_loop
def _mean_gpu(x: Any, starts: Any, ends: Any, order: Any, out: Any) -> None:
    n, one = x.shape[1], x.dtype.type(1)
    for item in range(cuda.grid(1), out.size, cuda.gridsize(1)):
        rank, j = item // n, item % n
        length, total = ends[rank + 1] - ends[rank], x.dtype.type(0)
        for t in range(length):
            total += x[starts[t] + rank, j]
        out[order[rank], j] = total * (one / x.dtype.type(length))


@cuda_loop
def _spread_gpu(dy: Any, rank: Any, ends: Any, order: Any, out: Any) -> None:
    n, one = dy.shape[1], dy.dtype.type(1)
    for item in range(cuda.grid(1), out.size, cuda.gridsize(1)):
        r = rank[item // n]
        out[item // n, item % n] = dy[order[r], item % n] * (one / dy.dtype.type(ends[r + 1] - ends[r]))


def mean_frames(x: Any, packing: Any, out: Any) -> None:
    """Write the mean of each sequence's frames.

    Parameters
    ----------
    x : array of shape (n_frames, m), on the CPU or the GPU
    packing : Packing
    out : array of shape (n, m)
        Filled, in the order of the batch.
    """
    arguments = (x, packing.starts, packing.ends, packing.order, out)
    if on_gpu(x):
        _mean_gpu(out.size, *arguments)
    else:
        over_rows(_mean_cpu, arguments, out.shape[0], x.size)


def spread_means(dy: Any, packing: Any, out: Any) -> None:
    """Write the gradient of all frames (n_frames, m), given that of the means (n, m)."""
    arguments = (dy, packing.rank, packing.ends, packing.order, out)
    if on_gpu(dy):
        _spread_gpu(out.size, *arguments)
    else:
        over_rows(_spread_cpu, arguments, out.shape[0], out.size)
