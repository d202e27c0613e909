"""Standard normal numbers, two from two uniforms: z = sqrt(-2 log u_1) (cos 2 pi u_2, sin 2 pi u_2).

Columns 2j and 2j + 1 of a row are made from the uniforms of the same two columns, so a number depends on its place
(column, row, step, stream) and the seed alone, as uniforms do. Sine and cosine are those of an angle within an eighth
of a turn, by their Taylor series (to degree 9 in float32, 16 in float64), and a count of quarter turns.

Source: Box & Muller 1958 (doi:10.1214/aoms/1177706645), eq. 1.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ebm.kernels.jit import by_precision, cell, core, cuda_loop, inner, on_gpu
from ebm.kernels.logarithm import log
from ebm.kernels.philox import columns_per_call, fill_uniforms, philox, uniform
from ebm.kernels.threads import over_rows

if TYPE_CHECKING:
    from numba import cuda

    from ebm.random import Draw

u32, u64, i32, i64, f32, f64 = np.uint32, np.uint64, np.int32, np.int64, np.float32, np.float64
ONE, TWO, FOUR = u32(1), u32(2), u32(4)
WORK = 20  # a number costs about as much as so many plain elements


QUARTER_S, HALF_S, FOUR_S, ONE_S = f32(math.pi / 2), f32(0.5), f32(4), f32(1)
C2, S3, C4, S5, C6, S7, C8, S9 = (f32((-1.0) ** (k // 2) / math.factorial(k)) for k in range(2, 10))
QUARTER_D, HALF_D, FOUR_D, ONE_D = f64(math.pi / 2), f64(0.5), f64(4), f64(1)
K2, K3, K4, K5, K6, K7, K8, K9, K10, K11, K12, K13, K14, K15, K16 = (
    f64((-1.0) ** (k // 2) / math.factorial(k)) for k in range(2, 17)
)


@cell
def sine32(r: Any) -> Any:
    """Return sin r for r within a quarter turn's half, in float32."""
    q = r * r
    return r * ((((S9 * q + S7) * q + S5) * q + S3) * q + ONE_S)


@cell
def cosine32(r: Any) -> Any:
    """Return cos r for r within a quarter turn's half, in float32."""
    q = r * r
    return (((C8 * q + C6) * q + C4) * q + C2) * q + ONE_S


@cell
def sine64(r: Any) -> Any:
    """Return sin r for r within a quarter turn's half, in float64."""
    q = r * r
    return r * (((((((K15 * q + K13) * q + K11) * q + K9) * q + K7) * q + K5) * q + K3) * q + ONE_D)


@cell
def cosine64(r: Any) -> Any:
    """Return cos r for r within a quarter turn's half, in float64."""
    q = r * r
    return (((((((K16 * q + K14) * q + K12) * q + K10) * q + K8) * q + K6) * q + K4) * q + K2) * q + ONE_D


@cell
def cos_turn32(u: Any) -> Any:
    """cos 2 pi u for u in [0, 1], in float32."""
    quarters = i32(u * FOUR_S + HALF_S)
    r = (u * FOUR_S - f32(quarters)) * QUARTER_S
    odd, sign = f32(quarters & 1), ONE_S - f32((quarters + 1) & 2)
    return sign * (odd * sine32(r) + (ONE_S - odd) * cosine32(r))


@cell
def cos_turn64(u: Any) -> Any:
    """cos 2 pi u for u in [0, 1], in float64."""
    quarters = i64(u * FOUR_D + HALF_D)
    r = (u * FOUR_D - f64(quarters)) * QUARTER_D
    odd, sign = f64(quarters & 1), ONE_D - f64((quarters + 1) & 2)
    return sign * (odd * sine64(r) + (ONE_D - odd) * cosine64(r))


@cell
def sin_turn32(u: Any) -> Any:
    """sin 2 pi u for u in [0, 1], in float32."""
    quarters = i32(u * FOUR_S + HALF_S)
    r = (u * FOUR_S - f32(quarters)) * QUARTER_S
    odd, sign = f32(quarters & 1), ONE_S - f32(quarters & 2)
    return sign * (odd * cosine32(r) + (ONE_S - odd) * sine32(r))


@cell
def sin_turn64(u: Any) -> Any:
    """sin 2 pi u for u in [0, 1], in float64."""
    quarters = i64(u * FOUR_D + HALF_D)
    r = (u * FOUR_D - f64(quarters)) * QUARTER_D
    odd, sign = f64(quarters & 1), ONE_D - f64(quarters & 2)
    return sign * (odd * cosine64(r) + (ONE_D - odd) * sine64(r))


cos_turn = by_precision(cos_turn32, cos_turn64)
sin_turn = by_precision(sin_turn32, sin_turn64)


@cell
def radius(u: Any) -> Any:
    """sqrt(-2 log u)."""
    return math.sqrt(type(u)(-2) * log(u))


@inner
def normal_row(noise: Any, out: Any) -> None:
    """Turn a row of uniforms (an even number) into normal numbers."""
    for j in range(out.size // 2):
        r, u = radius(noise[2 * j]), noise[2 * j + 1]
        out[2 * j], out[2 * j + 1] = r * cos_turn(u), r * sin_turn(u)
    if out.size % 2 == 1:
        last = out.size - 1
        out[last] = radius(noise[last]) * cos_turn(noise[last + 1])


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
            u = uniform(zero, words[at + words_each], words[(at + words_each + ONE) & 3])
            j = call * width + TWO * u32(pair)
            if j < n:
                out[row, j] = r * cos_turn(u)
            if j + ONE < n:
                out[row, j + ONE] = r * sin_turn(u)


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
