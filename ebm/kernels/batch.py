"""Mini-batches out of the whole data: row r of batch k is sample order[k size + r], where k is read from a clock.

clock[1] is the number of the batch, so that a recorded update takes the next one each time it is replayed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ebm.kernels.jit import core, cuda_loop, on_gpu
from ebm.kernels.threads import over_rows

if TYPE_CHECKING:
    from numba import cuda

i64 = np.int64  # uint64 + int64 would be float64


@core(allocates=False)
def _dense_cpu(data: Any, order: Any, clock: Any, size: Any, out: Any, first: Any, last: Any) -> None:
    top = i64(clock[1]) * size
    for row in range(first, last):
        source, target = data[order[top + row]], out[row]
        for j in range(target.size):
            target[j] = source[j]


@core(allocates=False)
def _lists_cpu(
    starts: Any, indices: Any, values: Any, order: Any, clock: Any, size: Any, out: Any, first: Any, last: Any
) -> None:
    top = i64(clock[1]) * size
    for row in range(first, last):
        target, sample = out[row], order[top + row]
        for j in range(target.size):
            target[j] = 0
        for e in range(starts[sample], starts[sample + 1]):
            if values.size > 0:
                target[indices[e]] = values[e]
            else:
                target[indices[e]] = 1


@cuda_loop
def _dense_gpu(data: Any, order: Any, clock: Any, size: Any, out: Any) -> None:
    n, top = out.shape[1], i64(clock[1]) * i64(size)
    for item in range(cuda.grid(1), out.size, cuda.gridsize(1)):
        out[item // n, item % n] = data[order[top + item // n], item % n]


@cuda_loop
def _lists_gpu(starts: Any, indices: Any, values: Any, order: Any, clock: Any, size: Any, out: Any) -> None:
    """One block does a row."""
    top = i64(clock[1]) * i64(size)
    one = type(out[0, 0])(1)
    for row in range(cuda.blockIdx.x, out.shape[0], cuda.gridDim.x):
        for j in range(cuda.threadIdx.x, out.shape[1], cuda.blockDim.x):
            out[row, j] = 0
        cuda.syncthreads()
        sample = order[top + row]
        for e in range(starts[sample] + cuda.threadIdx.x, starts[sample + 1], cuda.blockDim.x):
            out[row, indices[e]] = values[e] if values.size > 0 else one
        cuda.syncthreads()


def load_dense(data: Any, order: Any, clock: Any, size: int, out: Any) -> None:
    """Copy the batch's samples.

    Parameters
    ----------
    data : array of shape (n_samples, n), C-contiguous
    order : array of int64
        Sample numbers, in the order of an epoch.
    clock : array of uint32
        clock[1] is the number of the batch.
    size : int
        Rows of a full batch.
    out : array of shape (rows, n)
        rows <= size: the last batch may be shorter.
    """
    if on_gpu(out):
        _dense_gpu(out.size, data, order, clock, i64(size), out)
    else:
        over_rows(_dense_cpu, (data, order, clock, i64(size), out), out.shape[0], out.size)


def load_lists(starts: Any, indices: Any, values: Any, order: Any, clock: Any, size: int, out: Any) -> None:
    """Do the same from lists of stored values (see ``ebm.data.TrainingData``); without ``values`` all are 1."""
    if on_gpu(out):
        _lists_gpu(out.shape[0] * 32, starts, indices, values, order, clock, i64(size), out)
    else:
        over_rows(_lists_cpu, (starts, indices, values, order, clock, i64(size), out), out.shape[0], out.size)
