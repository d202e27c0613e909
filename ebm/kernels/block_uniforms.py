"""Uniforms of a block of neighbouring columns: along one row, or of four columns in many rows.

The numbers are those of ``philox.fill_uniforms``, which fills rows from their beginning.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba.extending import overload

from ebm.kernels.jit import FAST, _part_options, inner
from ebm.kernels.philox import philox, uniform32, uniform64

u64 = np.uint64
S32 = u64(32)
GROUP = 4  # places that share a call of the generator in float32 (two calls in float64)


def fill_block(noise: Any, first: Any, row: Any, step: Any, stream: Any, key: Any) -> None:
    """Fill ``noise`` with the uniforms of columns ``first``, first + 1, ... of a row; first is a multiple of GROUP."""
    raise TypeError("fill_block is a part of compiled loops; call it from one")


@inner
def _block_single(noise: Any, first: Any, row: Any, step: Any, stream: Any, key: Any) -> None:
    k0, k1, call = key & u64(0xFFFFFFFF), key >> S32, u64(first) // u64(4)
    for j in range(noise.size // 4):
        a, b, c, d = philox(call + u64(j), row, step, stream, k0, k1)
        noise[4 * j], noise[4 * j + 1] = uniform32(a), uniform32(b)
        noise[4 * j + 2], noise[4 * j + 3] = uniform32(c), uniform32(d)


@inner
def _block_double(noise: Any, first: Any, row: Any, step: Any, stream: Any, key: Any) -> None:
    k0, k1, call = key & u64(0xFFFFFFFF), key >> S32, u64(first) // u64(2)
    for j in range(noise.size // 2):
        a, b, c, d = philox(call + u64(j), row, step, stream, k0, k1)
        noise[2 * j], noise[2 * j + 1] = uniform64(a, b), uniform64(c, d)


@overload(fill_block, inline="always", jit_options=_part_options(FAST))
def _choose_block(noise, first, row, step, stream, key):  # type: ignore[no-untyped-def]
    if str(noise.dtype) == "float32":
        return lambda noise, first, row, step, stream, key: _block_single(noise, first, row, step, stream, key)
    return lambda noise, first, row, step, stream, key: _block_double(noise, first, row, step, stream, key)


def fill_group(noise: Any, column: Any, row: Any, step: Any, stream: Any, key: Any) -> None:
    """Fill noise[l, k] with the uniform of column + l in row + k, l from 0 to 3."""
    raise TypeError("fill_group is a part of compiled loops; call it from one")


@inner
def _group_single(noise: Any, column: Any, row: Any, step: Any, stream: Any, key: Any) -> None:
    k0, k1, call = key & u64(0xFFFFFFFF), key >> S32, u64(column) // u64(4)
    first, second, third, fourth = noise[0], noise[1], noise[2], noise[3]
    for k in range(noise.shape[1]):
        a, b, c, d = philox(call, row + u64(k), step, stream, k0, k1)
        first[k], second[k], third[k], fourth[k] = uniform32(a), uniform32(b), uniform32(c), uniform32(d)


@inner
def _group_double(noise: Any, column: Any, row: Any, step: Any, stream: Any, key: Any) -> None:
    k0, k1 = key & u64(0xFFFFFFFF), key >> S32
    for pair in range(2):
        call = u64(column) // u64(2) + u64(pair)
        first, second = noise[2 * pair], noise[2 * pair + 1]
        for k in range(noise.shape[1]):
            a, b, c, d = philox(call, row + u64(k), step, stream, k0, k1)
            first[k], second[k] = uniform64(a, b), uniform64(c, d)


@overload(fill_group, inline="always", jit_options=_part_options(FAST))
def _choose_group(noise, column, row, step, stream, key):  # type: ignore[no-untyped-def]
    if str(noise.dtype) == "float32":
        return lambda noise, column, row, step, stream, key: _group_single(noise, column, row, step, stream, key)
    return lambda noise, column, row, step, stream, key: _group_double(noise, column, row, step, stream, key)
