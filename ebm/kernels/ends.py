"""Where each direction ends: of frames [forward, backward], the left half of a sequence's last, the right of its first.

A network that goes backward in time has read the whole sequence at the first frame, as one that goes forward has at the
last. Frames are packed by time (see ``ebm.networks.packing``), so the first ones are rows 0 to n - 1, by rank.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ebm.kernels.frames import clear_rows
from ebm.kernels.jit import core, cuda_loop, on_gpu
from ebm.kernels.recurrence import copy_row
from ebm.kernels.threads import over_rows

if TYPE_CHECKING:
    from numba import cuda


@core(allocates=False)
def _take_cpu(x: Any, ends: Any, order: Any, out: Any, first: Any, last: Any) -> None:
    half, n = x.shape[1] // 2, x.shape[1]
    for rank in range(first, last):
        sequence = order[rank]
        copy_row(x[ends[sequence], 0:half], out[sequence, 0:half])
        copy_row(x[rank, half:n], out[sequence, half:n])


@core(allocates=False)
def _put_cpu(dy: Any, ends: Any, order: Any, out: Any, first: Any, last: Any) -> None:
    half, n = dy.shape[1] // 2, dy.shape[1]
    for rank in range(first, last):
        sequence = order[rank]
        copy_row(dy[sequence, 0:half], out[ends[sequence], 0:half])
        copy_row(dy[sequence, half:n], out[rank, half:n])


@cuda_loop
def _take_gpu(x: Any, ends: Any, order: Any, out: Any) -> None:
    n = x.shape[1]
    for item in range(cuda.grid(1), out.size, cuda.gridsize(1)):
        rank, j = item // n, item % n
        sequence = order[rank]
        out[sequence, j] = x[ends[sequence], j] if j < n // 2 else x[rank, j]


@cuda_loop
def _put_gpu(dy: Any, ends: Any, order: Any, out: Any) -> None:
    n = dy.shape[1]
    for item in range(cuda.grid(1), dy.size, cuda.gridsize(1)):
        rank, j = item // n, item % n
        sequence = order[rank]
        if j < n // 2:
            out[ends[sequence], j] = dy[sequence, j]
        else:
            out[rank, j] = dy[sequence, j]


def take_ends(x: Any, packing: Any, out: Any) -> None:
    """Write what stands at the end of each direction.

    Parameters
    ----------
    x : array of shape (n_frames, 2 m), on the CPU or the GPU
    packing : Packing
    out : array of shape (n, 2 m)
        Filled, in the order of the batch.
    """
    arguments = (x, packing.last, packing.order, out)
    if on_gpu(x):
        _take_gpu(out.size, *arguments)
    else:
        over_rows(_take_cpu, arguments, out.shape[0], out.size)


def put_ends(dy: Any, packing: Any, out: Any) -> None:
    """Write the gradient of all frames: the reverse of `take_ends`, and zero where nothing was taken."""
    clear_rows(out)
    arguments = (dy, packing.last, packing.order, out)
    if on_gpu(dy):
        _put_gpu(dy.size, *arguments)
    else:
        over_rows(_put_cpu, arguments, dy.shape[0], dy.size)
