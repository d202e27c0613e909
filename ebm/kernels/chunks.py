"""Windows of a batch's sequences, out of the whole data: where a window stands is read anew by every update.

Update u of an epoch is of the samples from ``places[u, 0]`` on in the epoch's order, and of their frames from time
``places[u, 1]`` on, packed by time (``ebm.networks.packing``).
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
def _cpu(
    data: Any, begins: Any, samples: Any, places: Any, clock: Any, known: Any, order: Any, time: Any, rank: Any,
    out: Any, first: Any, last: Any,
) -> None:  # fmt: skip
    update = i64(clock[1])
    top, shift = places[update, 0], places[update, 1]
    for frame in range(first, last):
        target = out[frame]
        if time[frame] < known:
            for j in range(target.size):
                target[j] = 0
        else:
            source = data[begins[samples[top + order[rank[frame]]]] + shift + time[frame]]
            for j in range(target.size):
                target[j] = source[j]


@cuda_loop
def _gpu(
    data: Any, begins: Any, samples: Any, places: Any, clock: Any, known: Any, order: Any, time: Any, rank: Any,
    out: Any,
) -> None:  # fmt: skip
    update, n = i64(clock[1]), out.shape[1]
    top, shift = places[update, 0], places[update, 1]
    for item in range(cuda.grid(1), out.size, cuda.gridsize(1)):
        frame, j = item // n, item % n
        x = type(out[0, 0])(0)
        if time[frame] >= known:
            x = data[begins[samples[top + order[rank[frame]]]] + shift + time[frame], j]
        out[frame, j] = x


def load_chunk(
    data: Any, begins: Any, samples: Any, places: Any, clock: Any, packing: Any, out: Any, *, known: int = 0
) -> None:
    """Copy a window's frames, packed by time.

    Parameters
    ----------
    data : array of shape (all frames, n), C-contiguous
        Sequences one after the other.
    begins : array of int64
        Where each begins.
    samples : array of int64
        Numbers of sequences, in the order of an epoch.
    places : array of int64 of shape (updates, 2)
        Of each update: where its samples stand in that order, and the time of the window's first frame.
    clock : array of uint32
        clock[1] is the number of the update.
    packing : Packing
        How the window's frames stand, with times counted from 0; on the same device.
    out : array of shape (frames of the window, n), of the data's dtype
    known : int, default=0
        Rows of so many times of the window become 0: what belongs to them was read before.
    """
    arguments = (data, begins, samples, places, clock, i64(known), packing.order, packing.time, packing.rank, out)
    if on_gpu(out):
        _gpu(out.size, *arguments)
    else:
        over_rows(_cpu, arguments, out.shape[0], out.size)
