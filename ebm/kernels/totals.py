"""What an update leaves for the epoch: running totals of losses, and the clock.

A total is a sum and what its roundings have lost, so that thousands of updates in float32 add up as they should:

    y = x + lost,    s' = s + y,    lost' = (s - s') + y   where abs(s) >= abs(y), else   (y - s') + s

Source: Kahan 1965 (doi:10.1145/363707.363723), with the case distinction of Neumaier 1974
(doi:10.1002/zamm.19740540106).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ebm.kernels.block import BLOCK, block_sum
from ebm.kernels.checks import check_floats, check_like
from ebm.kernels.jit import cell, core, cuda_loop, on_gpu, summing
from ebm.kernels.threads import over_rows

if TYPE_CHECKING:
    from numba import cuda


@cell
def lost(s: Any, x: Any) -> Any:
    """Return what s + x loses by rounding."""
    moved = s + x
    return (s - moved) + x if abs(s) >= abs(x) else (x - moved) + s


@summing
def weighted_sum(values: Any, weights: Any) -> Any:
    """sum_n w_n v_n."""
    total = values.dtype.type(0)
    for i in range(values.size):
        total += weights[i] * values[i]
    return total


@core(allocates=False)
def _cpu(values: Any, weights: Any, out: Any, index: Any, first: Any, last: Any) -> None:
    for _ in range(first, last):
        y = weighted_sum(values, weights) + out[index, 1]
        out[index, 1] = lost(out[index, 0], y)
        out[index, 0] += y


@cuda_loop
def _gpu(values: Any, weights: Any, out: Any, index: Any) -> None:
    """One block does it all."""
    if cuda.blockIdx.x == 0:
        x = type(out[0, 0])(0)
        for i in range(cuda.threadIdx.x, values.size, cuda.blockDim.x):
            x += weights[i] * values[i]
        x = block_sum(x)
        if cuda.threadIdx.x == 0:
            x += out[index, 1]
            out[index, 1] = lost(out[index, 0], x)
            out[index, 0] += x


@core(allocates=False)
def _tick_cpu(clock: Any, first: Any, last: Any) -> None:
    for _ in range(first, last):
        clock[0] += np.uint32(1)
        clock[1] += np.uint32(1)


@cuda_loop
def _tick_gpu(clock: Any) -> None:
    """One thread does it."""
    if cuda.grid(1) == 0:
        clock[0] += np.uint32(1)
        clock[1] += np.uint32(1)


def add_total(values: Any, weights: Any, out: Any, index: int = 0) -> None:
    """Add sum_n weights[n] values[n] to a running total.

    Parameters
    ----------
    values, weights : arrays of shape (n,), float32 or float64
    out : array of shape (k, 2), of the same dtype and device
        Running totals, each a sum and what it lost: start with zeros, and the total is ``out[index].sum()``.
    index : int, default=0
        Which of them.

    Raises
    ------
    ValueError
        When shapes, dtypes or devices do not fit, or there is no such total.
    """
    check_floats(values, "values", 1)
    check_like(weights, "weights", values.shape, values)
    check_floats(out, "out", 2)
    if not 0 <= index < out.shape[0]:
        raise ValueError(f"index must be in [0, {out.shape[0]}), got {index}")
    check_like(out, "out", (out.shape[0], 2), values)
    if on_gpu(values):
        _gpu(BLOCK, values, weights, out, np.int64(index))
    else:
        over_rows(_cpu, (values, weights, out, np.int64(index)), 1, values.size)


def tick(clock: Any) -> None:
    """Add one to the number of the update, clock[0], and to that of the batch, clock[1].

    Parameters
    ----------
    clock : array of shape (2,), uint32, on either device

    Raises
    ------
    ValueError
        When it is something else.
    """
    check_like(clock, "clock", (2,), clock, np.uint32)
    if on_gpu(clock):
        _tick_gpu(1, clock)
    else:
        over_rows(_tick_cpu, (clock,), 1, 1)
