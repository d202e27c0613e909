"""Dropout masks of whole sequences: one for each sequence, which all its frames share.

    m_ij = 0 with probability r, else 1 / (1 - r),    y_f = m_i x_f    for every frame f of sequence i

The uniform of column j and sequence i, by its number in the batch, is Philox's at (j, i, step, stream) under the seed,
where the step is clock[0], the number of the update.

Source: Gal & Ghahramani 2016 (arXiv:1512.05287), section 4.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ebm.kernels.corruption import UNIFORM, masked
from ebm.kernels.jit import core, cuda_loop, inner, on_gpu
from ebm.kernels.philox import columns_per_call, fill_uniforms, philox, uniform
from ebm.kernels.threads import over_rows

if TYPE_CHECKING:
    from numba import cuda

u32, u64 = np.uint32, np.uint64
ONE, FOUR = u32(1), u32(4)


@inner
def _mask_row(noise: Any, rate: Any, factor: Any, out: Any) -> None:
    one = out.dtype.type(1)
    for j in range(out.size):
        out[j] = masked(one, noise[j], rate, factor)


@core
def _draw_cpu(rate: Any, factor: Any, out: Any, clock: Any, stream: Any, key: Any, first: Any, last: Any) -> None:
    noise = np.empty(-(-out.shape[1] // 4) * 4, out.dtype)
    for row in range(first, last):
        fill_uniforms(noise, row, u64(clock[0]), stream, key)
        _mask_row(noise, rate, factor, out[row])


@core(allocates=False)
def _apply_cpu(x: Any, masks: Any, order: Any, rank: Any, out: Any, first: Any, last: Any) -> None:
    for frame in range(first, last):
        source, mask, target = x[frame], masks[order[rank[frame]]], out[frame]
        for j in range(target.size):
            target[j] = mask[j] * source[j]


@cuda_loop
def _draw_gpu(rate: Any, factor: Any, out: Any, clock: Any, stream: Any, k0: Any, k1: Any) -> None:
    n, width = u32(out.shape[1]), columns_per_call(out[0, 0])
    calls, words_each = (n + width - ONE) // width, FOUR // width
    for item in range(cuda.grid(1), out.shape[0] * calls, cuda.gridsize(1)):
        row, call = u32(item) // calls, u32(item) % calls
        words = philox(call, row, clock[0], stream, k0, k1)
        for lane in range(width):
            j = call * width + u32(lane)
            if j < n:
                u = uniform(rate, words[lane * words_each], words[(lane * words_each + 1) & 3])
                out[row, j] = masked(type(rate)(1), u, rate, factor)


@cuda_loop
def _apply_gpu(x: Any, masks: Any, order: Any, rank: Any, out: Any) -> None:
    n = out.shape[1]
    for item in range(cuda.grid(1), out.size, cuda.gridsize(1)):
        frame, j = item // n, item % n
        out[frame, j] = masks[order[rank[frame]], j] * x[frame, j]


def draw_masks(rate: float, noise: Any, out: Any) -> None:
    """Draw a mask for each sequence of a batch.

    Parameters
    ----------
    rate : float
        Probability of 0, in [0, 1).
    noise : Noise
        Where the uniforms stand.
    out : array of shape (n, columns), float32 or float64, on the CPU or the GPU
        Filled with 0 and 1 / (1 - rate).
    """
    numbers = tuple(out.dtype.type(number) for number in (rate, 1 / (1 - rate)))
    if on_gpu(out):
        words = (noise.stream, noise.seed, noise.seed >> 32)
        threads = out.shape[0] * -(-out.shape[1] // (16 // out.dtype.itemsize))
        _draw_gpu(threads, *numbers, out, noise.clock, *(u32(w & 0xFFFFFFFF) for w in words))
    else:
        place = (noise.clock, u64(noise.stream), u64(noise.seed))
        over_rows(_draw_cpu, (*numbers, out, *place), out.shape[0], UNIFORM * out.size)


def mask_frames(x: Any, masks: Any, packing: Any, out: Any) -> None:
    """Write every frame times its sequence's mask.

    Parameters
    ----------
    x, out : array of shape (n_frames, columns)
    masks : array of shape (n, columns)
        In the order of the batch.
    packing : Packing
    """
    arguments = (x, masks, packing.order, packing.rank, out)
    if on_gpu(x):
        _apply_gpu(out.size, *arguments)
    else:
        over_rows(_apply_cpu, arguments, out.shape[0], out.size)
