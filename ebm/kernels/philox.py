"""Philox4x32-10, a counter-based random generator, and uniforms made of its words.

One call turns a counter of four words and a key of two into four random words: no state, so the same numbers
come whatever thread, tile, worker or device asks. Here the counter is (column // 4, row, step, stream) and
the key is the seed, so four neighbouring columns share a call (in float64 two: column // 2).

Source: Salmon, Moraes, Dror & Shaw, "Parallel random numbers: as easy as 1, 2, 3" (SC 2011), section 3.3.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ebm.kernels.jit import by_precision, cell, inner, rows_by_precision

u32, u64, i32, i64, f32, f64 = np.uint32, np.uint64, np.int32, np.int64, np.float32, np.float64
M0, M1 = u64(0xD2511F53), u64(0xCD9E8D57)
W0, W1 = u32(0x9E3779B9), u32(0xBB67AE85)
S5, S7, S9, S32 = u32(5), u32(7), u32(9), u64(32)
TWO, FOUR = u32(2), u32(4)
HALF, TWO_M23 = f32(0.5), f32(2.0**-23)
HALF_D, TWO_M52, TWO_25 = f64(0.5), f64(2.0**-52), f64(2.0**25)


@cell
def philox(c0: Any, c1: Any, c2: Any, c3: Any, k0: Any, k1: Any) -> Any:
    """Turn a counter and a key into four uint32 words.

    Give key and step as uint64 on the CPU (LLVM then keeps 64-bit lanes) and as uint32 on the GPU.
    """
    c0, c1, c2, c3, k0, k1 = u32(c0), u32(c1), u32(c2), u32(c3), u32(k0), u32(k1)
    for _ in range(10):
        p0 = M0 * u64(c0)
        p1 = M1 * u64(c2)
        c0, c1, c2, c3 = (u32(u32(p1 >> S32) ^ c1 ^ k0), u32(p1), u32(u32(p0 >> S32) ^ c3 ^ k1), u32(p0))
        k0 = u32(k0 + W0)
        k1 = u32(k1 + W1)
    return c0, c1, c2, c3


@cell
def uniform32(word: Any) -> Any:
    """((w >> 9) + 1/2) 2^-23 in float32: exact, so never 0 or 1 (with one bit more the largest rounds to 1)."""
    return (f32(i32(u32(word) >> S9)) + HALF) * TWO_M23


@cell
def uniform64(high: Any, low: Any) -> Any:
    """((52 bits) + 1/2) 2^-52 in float64, of two words: exact, so never 0 or 1."""
    return (f64(i32(u32(high) >> S5)) * TWO_25 + f64(i32(u32(low) >> S7)) + HALF_D) * TWO_M52


@cell
def uniform_single(x: Any, high: Any, low: Any) -> Any:
    """One word is enough; ``x`` only tells the precision."""
    return uniform32(high)


@cell
def uniform_double(x: Any, high: Any, low: Any) -> Any:
    """Two words make 52 bits."""
    return uniform64(high, low)


@cell
def four(x: Any) -> Any:
    """Columns that share a call in float32."""
    return FOUR


@cell
def two(x: Any) -> Any:
    """Columns that share a call in float64."""
    return TWO


uniform = by_precision(uniform_single, uniform_double)
columns_per_call = by_precision(four, two)


@inner
def fill_single(noise: Any, row: Any, step: Any, stream: Any, key: Any) -> None:
    """One word a column: call j serves columns 4j to 4j+3."""
    k0, k1 = key & u64(0xFFFFFFFF), key >> S32
    for j in range(noise.size // 4):
        a, b, c, d = philox(j, row, step, stream, k0, k1)
        noise[4 * j], noise[4 * j + 1] = uniform32(a), uniform32(b)
        noise[4 * j + 2], noise[4 * j + 3] = uniform32(c), uniform32(d)


@inner
def fill_double(noise: Any, row: Any, step: Any, stream: Any, key: Any) -> None:
    """Two words a column: call j serves columns 2j and 2j+1."""
    k0, k1 = key & u64(0xFFFFFFFF), key >> S32
    for j in range(noise.size // 2):
        a, b, c, d = philox(j, row, step, stream, k0, k1)
        noise[2 * j], noise[2 * j + 1] = uniform64(a, b), uniform64(c, d)


fill_uniforms = rows_by_precision(fill_single, fill_double)  # (noise, row, step, stream, key): a multiple of 4 long


def uniforms(
    shape: tuple[int, int], seed: int, step: int, stream: int, dtype: Any = np.float32, first_row: int = 0
) -> np.ndarray:
    """Uniforms in (0, 1) of shape (rows, columns), float32 (23 bits) or float64 (52 bits).

    The cells themselves, on whole arrays instead of in a compiled loop: for a fit's few numbers, compiling costs more.
    """
    rows, columns = shape
    single = np.dtype(dtype) == np.float32
    calls = max(-(-columns // (4 if single else 2)), 2)  # NumPy 2.0 makes numbers of arrays of one number, and warns
    counter = (
        np.arange(calls, dtype=u32),
        np.arange(first_row, first_row + rows).astype(u32)[:, None],
        np.array([step], u32),
        np.array([stream], u32),
    )
    key = np.array([seed & 0xFFFFFFFF], u32), np.array([seed >> 32], u32)
    words = philox.py_func(*counter, *key)
    if single:
        parts = [uniform32.py_func(word) for word in words]
    else:
        parts = [uniform64.py_func(*words[:2]), uniform64.py_func(*words[2:])]
    parts = [np.broadcast_to(part, (rows, calls)) for part in parts]
    return np.stack(parts, axis=2).reshape(rows, -1)[:, :columns].astype(dtype)
