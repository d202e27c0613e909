"""Standard normal numbers, two from two uniforms: z = sqrt(-2 log u_1) (cos 2 pi u_2, sin 2 pi u_2).

Columns 2j and 2j + 1 of a row are made from the uniforms of the same two columns, so a number depends on its place
(column, row, step, stream) and the seed alone, as uniforms do.

Source: Box & Muller 1958 (doi:10.1214/aoms/1177706645), eq. 1.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ebm.kernels.jit import cell, core, cuda_loop, inner, on_gpu
from ebm.kernels.philox import columns_per_call, fill_uniforms, philox, uniform
from ebm.kernels.threads import over_rows

if TYPE_CHECKING:
    from numba import cuda

    from ebm.random import Draw

u32, u64 = np.uint32, np.uint64
ONE, TWO, FOUR = u32(1), u32(2), u32(4)
WORK = 20  # a number costs about as much as so many plain elements


@cell
def radius(u: Any) -> Any:
    """sqrt(-2 log u)."""
    return math.sqrt(type(u)(-2) * math.log(u))


@cell
def angle(u: Any) -> Any:
    """2 pi u."""
    return type(u)(2 * math.pi) * u


@inner
def normal_row(noise: Any, out: Any) -> None:
    """Turn a row of uniforms (an even number) into normal numbers."""
    for j in range(out.size // 2):
        r, a = radius(noise[2 * j]), angle(noise[2 * j + 1])
        out[2 * j], out[2 * j + 1] = r * math.cos(a), r * math.sin(a)
    if out.size % 2 == 1:
        last = out.size - 1
        out[last] = radius(noise[last]) * math.cos(angle(noise[last + 1]))


@core
def _cpu(out: Any, row0: Any, step: Any, stream: Any, key: Any, first: Any, last: Any) -> None:
    noise = np.empty(-(-out.shape[1] // 4) * 4, out.dtype)
    for row in range(first, last):
        fill_uniforms(noise, row0 + row, step, stream, key)
        normal_row(noise, out[row])


@cuda_loop
def _gpu(out: Any, step: Any, stream: Any, row0: Any, k0: Any, k1: Any) -> None:
    """One thread does the columns that share a call."""
    n, width = u32(out.shape[1]), columns_per_call(out[0, 0])
    calls, words_each = (n + width - ONE) // width, FOUR // width
    zero = type(out[0, 0])(0)
    for item in range(cuda.grid(1), out.shape[0] * calls, cuda.gridsize(1)):
        row, call = u32(item) // calls, u32(item) % calls
        words = philox(call, row + row0, step, stream, k0, k1)
        for pair in range(width // TWO):
            at = TWO * u32(pair) * words_each
            r = radius(uniform(zero, words[at], words[(at + ONE) & 3]))
            a = angle(uniform(zero, words[at + words_each], words[(at + words_each + ONE) & 3]))
            j = call * width + TWO * u32(pair)
            if j < n:
                out[row, j] = r * math.cos(a)
            if j + ONE < n:
                out[row, j + ONE] = r * math.sin(a)


def normals(n_rows: int, n_columns: int, draw: Draw, like: Any) -> Any:
    """Draw standard normal numbers.

    Parameters
    ----------
    n_rows, n_columns : int
    draw : Draw
        Where they stand: seed, stream, step, and the number of the first row.
    like : array, float32 or float64
        Tells the dtype and the device.

    Returns
    -------
    array of shape (n_rows, n_columns)
        float32 numbers lie within 5.8 (23 bits of a uniform), float64 ones within 8.6.

    Raises
    ------
    ValueError
        When ``like`` is of another dtype.
    """
    if like.dtype not in (np.float32, np.float64):
        raise ValueError(f"like is {like.dtype}; normal numbers are float32 or float64")
    out = np.empty_like(like, shape=(n_rows, n_columns))
    if out.size == 0:
        pass
    elif on_gpu(out):
        words = (draw.step, draw.stream, draw.first_row, draw.seed, draw.seed >> 32)
        threads = n_rows * -(-n_columns // (16 // out.dtype.itemsize))
        _gpu(threads, out, *(u32(w & 0xFFFFFFFF) for w in words))
    else:
        counters = (np.int64(draw.first_row), u64(draw.step), u64(draw.stream), u64(draw.seed))
        over_rows(_cpu, (out, *counters), n_rows, WORK * out.size)
    return out
