"""Rows of sequences in time order: out of the whole data, by numbers, and back.

A batch of sequences is packed by time (see ``ebm.networks.packing``): first the frames of time 0, the longest sequence
first, then those of time 1 of the sequences that are long enough, and so on. Row f is the frame of time ``time[f]`` of
the sequence of rank ``rank[f]``, which is number ``order[rank[f]]`` of the batch.
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
def _load_cpu(
    data: Any, begins: Any, samples: Any, clock: Any, size: Any, order: Any, time: Any, rank: Any, out: Any,
    first: Any, last: Any,
) -> None:  # fmt: skip
    top = i64(clock[1]) * size
    for frame in range(first, last):
        sample = samples[top + order[rank[frame]]]
        source, target = data[begins[sample] + time[frame]], out[frame]
        for j in range(target.size):
            target[j] = source[j]


@core(allocates=False)
def _gather_cpu(source: Any, index: Any, out: Any, first: Any, last: Any) -> None:
    for row in range(first, last):
        x, y = source[index[row]], out[row]
        for j in range(y.size):
            y[j] = x[j]


@core(allocates=False)
def _scatter_cpu(source: Any, index: Any, add: Any, out: Any, first: Any, last: Any) -> None:
    for row in range(first, last):
        x, y = source[row], out[index[row]]
        if add:
            for j in range(y.size):
                y[j] += x[j]
        else:
            for j in range(y.size):
                y[j] = x[j]


@core(allocates=False)
def _copy_cpu(source: Any, out: Any, first: Any, last: Any) -> None:
    for row in range(first, last):
        x, y = source[row], out[row]
        for j in range(y.size):
            y[j] = x[j]


@core(allocates=False)
def _clear_cpu(out: Any, first: Any, last: Any) -> None:
    for row in range(first, last):
        y = out[row]
        for j in range(y.size):
            y[j] = 0


@cuda_loop
def _load_gpu(
    data: Any, begins: Any, samples: Any, clock: Any, size: Any, order: Any, time: Any, rank: Any, out: Any
) -> None:
    n, top = out.shape[1], i64(clock[1]) * i64(size)
    for item in range(cuda.grid(1), out.size, cuda.gridsize(1)):
        frame = item // n
        sample = samples[top + order[rank[frame]]]
        out[frame, item % n] = data[begins[sample] + time[frame], item % n]


@cuda_loop
def _gather_gpu(source: Any, index: Any, out: Any) -> None:
    n = out.shape[1]
    for item in range(cuda.grid(1), out.size, cuda.gridsize(1)):
        out[item // n, item % n] = source[index[item // n], item % n]


@cuda_loop
def _scatter_gpu(source: Any, index: Any, add: Any, out: Any) -> None:
    n = out.shape[1]
    for item in range(cuda.grid(1), source.size, cuda.gridsize(1)):
        x = source[item // n, item % n]
        if add:
            x += out[index[item // n], item % n]
        out[index[item // n], item % n] = x


@cuda_loop
def _copy_gpu(source: Any, out: Any) -> None:
    n = out.shape[1]
    for item in range(cuda.grid(1), out.size, cuda.gridsize(1)):
        out[item // n, item % n] = source[item // n, item % n]


@cuda_loop
def _clear_gpu(out: Any) -> None:
    n = out.shape[1]
    for item in range(cuda.grid(1), out.size, cuda.gridsize(1)):
        out[item // n, item % n] = 0


def load_frames(data: Any, begins: Any, samples: Any, clock: Any, size: int, packing: Any, out: Any) -> None:
    """Copy a batch's frames, packed by time.

    Parameters
    ----------
    data : array of shape (all frames, n), C-contiguous
        Sequences one after the other.
    begins : array of int64
        Where each begins.
    samples : array of int64
        Numbers of sequences, in the order of an epoch.
    clock : array of uint32
        clock[1] is the number of the batch.
    size : int
        Sequences of a full batch.
    packing : Packing
        How the batch's frames stand; on the same device.
    out : array of shape (frames of the batch, n), of the data's dtype
    """
    arguments = (data, begins, samples, clock, i64(size), packing.order, packing.time, packing.rank, out)
    if on_gpu(out):
        _load_gpu(out.size, *arguments)
    else:
        over_rows(_load_cpu, arguments, out.shape[0], out.size)


def gather_rows(source: Any, index: Any, out: Any) -> None:
    """out[r] = source[index[r]], for matrices (rows, n) and int64 numbers of rows."""
    if on_gpu(out):
        _gather_gpu(out.size, source, index, out)
    else:
        over_rows(_gather_cpu, (source, index, out), out.shape[0], out.size)


def scatter_rows(source: Any, index: Any, out: Any, *, add: bool = False) -> None:
    """out[index[r]] = source[r], or += that; the numbers differ from one another, other rows stay."""
    if on_gpu(out):
        _scatter_gpu(source.size, source, index, add, out)
    else:
        over_rows(_scatter_cpu, (source, index, add, out), source.shape[0], source.size)


def copy_rows(source: Any, out: Any) -> None:
    """out = source, for matrices of one shape."""
    if on_gpu(out):
        _copy_gpu(out.size, source, out)
    else:
        over_rows(_copy_cpu, (source, out), out.shape[0], out.size)


def clear_rows(out: Any) -> None:
    """out = 0, for a matrix."""
    if on_gpu(out):
        _clear_gpu(out.size, out)
    else:
        over_rows(_clear_cpu, (out,), out.shape[0], out.size)
