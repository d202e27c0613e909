"""Keeping a gradient g within bounds: by its norm, scale = min(1, largest / norm), or each entry by itself.

Squares are summed a chunk at a time, and the sums of chunks after them, so the norm is the same for any number of
threads. A gradient with NaN keeps its NaN, and scale is 1; one so large that its squares overflow has scale 0.

Source: Pascanu, Mikolov & Bengio 2013 (arXiv:1211.5063), algorithm 1.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from ebm.kernels.block import BLOCK, block_sum
from ebm.kernels.checks import check_floats, check_like
from ebm.kernels.jit import cell, core, cuda_loop, inner, on_gpu, summing
from ebm.kernels.reduce import row_sum
from ebm.kernels.steps import CHUNK
from ebm.kernels.threads import over_rows

if TYPE_CHECKING:
    from numba import cuda


@cell
def shrinking(squares: Any, largest: Any) -> Any:
    """min(1, largest / sqrt(squares))."""
    norm = math.sqrt(squares)
    return largest / norm if norm > largest else type(norm)(1)


@summing
def square_sum(x: Any) -> Any:
    """sum_i x_i^2."""
    total = x.dtype.type(0)
    for i in range(x.size):
        total += x[i] * x[i]
    return total


@core(allocates=False)
def _squares_cpu(g: Any, parts: Any, first: Any, last: Any) -> None:
    for chunk in range(first, last):
        parts[chunk] = square_sum(g[chunk * CHUNK : min((chunk + 1) * CHUNK, g.size)])


@core(allocates=False)
def _scale_cpu(parts: Any, largest: Any, scale: Any, first: Any, last: Any) -> None:
    for i in range(first, last):
        scale[i] = shrinking(row_sum(parts, parts.size), largest)


@cuda_loop
def _squares_gpu(g: Any, parts: Any) -> None:
    """One block does one chunk."""
    for chunk in range(cuda.blockIdx.x, parts.size, cuda.gridDim.x):
        total, left = type(g[0])(0), chunk * CHUNK
        for i in range(left + cuda.threadIdx.x, min(left + CHUNK, g.size), cuda.blockDim.x):
            total += g[i] * g[i]
        total = block_sum(total)
        if cuda.threadIdx.x == 0:
            parts[chunk] = total


@cuda_loop
def _scale_gpu(parts: Any, largest: Any, scale: Any) -> None:
    """One block does it all."""
    if cuda.blockIdx.x == 0:
        total = type(largest)(0)
        for i in range(cuda.threadIdx.x, parts.size, cuda.blockDim.x):
            total += parts[i]
        total = block_sum(total)
        if cuda.threadIdx.x == 0:
            scale[0] = shrinking(total, largest)


@cell
def clipped(x: Any, largest: Any) -> Any:
    """Return x within [-largest, largest]; NaN stays NaN."""
    return min(max(x, -largest), largest)


@inner
def clip_part(x: Any, largest: Any) -> None:
    """Clip a slice in place."""
    for i in range(x.size):
        x[i] = clipped(x[i], largest)


@core(allocates=False)
def _values_cpu(g: Any, largest: Any, first: Any, last: Any) -> None:
    for chunk in range(first, last):
        clip_part(g[chunk * CHUNK : min((chunk + 1) * CHUNK, g.size)], largest)


@cuda_loop
def _values_gpu(g: Any, largest: Any) -> None:
    for i in range(cuda.grid(1), g.size, cuda.gridsize(1)):
        g[i] = clipped(g[i], largest)


def n_chunks(n: int) -> int:
    """Count the chunks of a vector of ``n`` entries."""
    return -(-n // CHUNK)


def clip_by_norm(gradient: Any, largest: float, scale: Any, parts: Any) -> None:
    """Write min(1, largest / norm) for a gradient, which is left as it is: the step multiplies by it.

    Parameters
    ----------
    gradient : array of shape (n,), C-contiguous, float32 or float64
    largest : float
        Norm that it may have.
    scale : array of shape (1,), of the same dtype and device
        Filled.
    parts : array of shape (n_chunks(n),)
        Filled with sums of squares.

    Raises
    ------
    ValueError
        When shapes, dtypes or devices do not fit.
    """
    check_floats(gradient, "gradient", 1)
    check_like(scale, "scale", (1,), gradient)
    check_like(parts, "parts", (n_chunks(gradient.size),), gradient)
    bound = gradient.dtype.type(largest)
    if on_gpu(gradient):
        _squares_gpu(parts.size * BLOCK, gradient, parts)
        _scale_gpu(BLOCK, parts, bound, scale)
    else:
        over_rows(_squares_cpu, (gradient, parts), parts.size, gradient.size // 2)
        over_rows(_scale_cpu, (parts, bound, scale), 1, parts.size)


def clip_by_value(gradient: Any, largest: float) -> None:
    """Hold every entry of a gradient within [-largest, largest], in place.

    Parameters
    ----------
    gradient : array of shape (n,), C-contiguous, float32 or float64
    largest : float

    Raises
    ------
    ValueError
        When the gradient is no such array.
    """
    check_floats(gradient, "gradient", 1)
    bound = gradient.dtype.type(largest)
    if on_gpu(gradient):
        _values_gpu(gradient.size, gradient, bound)
    else:
        over_rows(_values_cpu, (gradient, bound), n_chunks(gradient.size), gradient.size // 2)
