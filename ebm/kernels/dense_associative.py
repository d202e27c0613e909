"""Asynchronous recall in a dense associative memory: an energy of higher degree than two in the spins.

    E(s) = -sum_p m_p^d,   m_p = unit x_p.s
    s_i <- +1 if sum_p (m_p with s_i = +1)^d - (m_p with s_i = -1)^d >= 0 else -1

The overlaps m are kept up to date at flips; a visit of a unit costs P powers. With a unit that is a power of two they
are exact, however many flips there are. Rectified, a power counts only where m is above zero.

Source: Krotov & Hopfield 2016, "Dense associative memory for pattern recognition" (arXiv:1606.01164), section 2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ebm.kernels.block import BLOCK, block_sum
from ebm.kernels.hopfield import check_array
from ebm.kernels.jit import cell, core, cuda_loop, inner, on_gpu, summing
from ebm.kernels.threads import over_rows

if TYPE_CHECKING:
    from numba import cuda


@cell
def base(overlap: Any, rectified: Any) -> Any:
    """Return the overlap, or zero where it is negative and rectified."""
    zero = type(overlap)(0)
    return zero if rectified and overlap < zero else overlap


@inner
def powers(overlaps: Any, x: Any, change: Any, degree: Any, rectified: Any, out: Any) -> None:
    """out_p = (m_p + change x_p)^d."""
    for p in range(out.size):
        out[p] = base(overlaps[p] + change * x[p], rectified)
    for _ in range(degree - 1):
        for p in range(out.size):
            out[p] *= base(overlaps[p] + change * x[p], rectified)


@summing
def difference(a: Any, b: Any) -> Any:
    """sum_p a_p - b_p: term by term, as both sums are large and alike."""
    total = a.dtype.type(0)
    for p in range(a.size):
        total += a[p] - b[p]
    return total


@summing
def total_of(a: Any) -> Any:
    """sum_p a_p."""
    total = a.dtype.type(0)
    for p in range(a.size):
        total += a[p]
    return total


@inner
def move(overlaps: Any, change: Any, x: Any) -> None:
    """m_p += change x_p."""
    for p in range(overlaps.size):
        overlaps[p] += change * x[p]


@inner
def visit(
    columns: Any, order: Any, spins: Any, overlaps: Any, unit: Any, degree: Any, rectified: Any, here: Any, there: Any
) -> Any:
    """Update the units of ``order`` in turn and count the flips."""
    flips, zero = 0, spins.dtype.type(0)
    for k in range(order.size):
        i = order[k]
        spin = spins[i]
        change = -(spin + spin) * unit
        powers(overlaps, columns[i], zero, degree, rectified, here)
        powers(overlaps, columns[i], change, degree, rectified, there)
        gain = difference(there, here)  # of -E by the flip
        if gain > zero or (gain == zero and spin < zero):
            move(overlaps, change, columns[i])
            spins[i] = -spin
            flips += 1
    return flips


@core
def _cpu(
    columns: Any, orders: Any, states: Any, overlaps: Any, unit: Any, degree: Any, rectified: Any,
    energies: Any, points: Any, sweeps: Any, flips: Any, done: Any, first: Any, last: Any,
) -> None:  # fmt: skip
    n = states.shape[1]
    here, there = np.empty(overlaps.shape[1], states.dtype), np.empty(overlaps.shape[1], states.dtype)
    for row in range(first, last):
        for k in range(orders.shape[0]):
            if done[row]:
                break
            flipped = 0
            for p in range(points):
                part = orders[k, n * p // points : n * (p + 1) // points]
                flipped += visit(columns, part, states[row], overlaps[row], unit, degree, rectified, here, there)
                if energies.shape[0] > 0:
                    powers(overlaps[row], columns[0], states.dtype.type(0), degree, rectified, here)
                    energies[k * points + p, row] = -total_of(here)
            sweeps[row] += 1
            flips[row] += flipped
            if flipped == 0:
                done[row] = True


@cuda_loop
def _gpu(
    columns: Any, orders: Any, states: Any, overlaps: Any, unit: Any, degree: Any, rectified: Any,
    energies: Any, points: Any, sweeps: Any, flips: Any, done: Any,
) -> None:  # fmt: skip
    """One block recalls one row: its threads share out the patterns."""
    n, n_patterns, zero = states.shape[1], overlaps.shape[1], type(states[0, 0])(0)
    for row in range(cuda.blockIdx.x, states.shape[0], cuda.gridDim.x):
        at_rest = done[row]
        for k in range(orders.shape[0]):
            if at_rest:
                break
            flipped = 0
            for p in range(points):
                for place in range(n * p // points, n * (p + 1) // points):
                    i = orders[k, place]
                    spin = states[row, i]
                    change = -(spin + spin) * unit
                    gain = zero
                    for q in range(cuda.threadIdx.x, n_patterns, cuda.blockDim.x):
                        low = base(overlaps[row, q], rectified)
                        high = base(overlaps[row, q] + change * columns[i, q], rectified)
                        before, after = low, high
                        for _ in range(degree - 1):
                            before *= low
                            after *= high
                        gain += after - before
                    gain = block_sum(gain)  # all have read the unit when it returns
                    if gain > zero or (gain == zero and spin < zero):
                        for q in range(cuda.threadIdx.x, n_patterns, cuda.blockDim.x):
                            overlaps[row, q] += change * columns[i, q]
                        if cuda.threadIdx.x == 0:
                            states[row, i] = -spin
                        cuda.syncthreads()
                        flipped += 1
                if energies.shape[0] > 0:
                    total = zero
                    for q in range(cuda.threadIdx.x, n_patterns, cuda.blockDim.x):
                        low = base(overlaps[row, q], rectified)
                        before = low
                        for _ in range(degree - 1):
                            before *= low
                        total += before
                    total = block_sum(total)
                    if cuda.threadIdx.x == 0:
                        energies[k * points + p, row] = -total
            at_rest = flipped == 0
            if cuda.threadIdx.x == 0:
                sweeps[row] += 1
                flips[row] += flipped
        cuda.syncthreads()  # all have read done[row]
        if cuda.threadIdx.x == 0 and at_rest:
            done[row] = True


def dense_asynchronous(
    columns: Any, orders: Any, states: Any, overlaps: Any, done: Any,
    *, unit: float, degree: int, rectified: bool, points: int = 0,
) -> tuple[Any, Any, Any]:  # fmt: skip
    """Update every row's units in the given orders, until the orders end or a sweep flips nothing.

    Parameters
    ----------
    columns : array of shape (n, n_patterns), float32 or float64, on the CPU or the GPU
        Patterns as columns, -1 and +1.
    orders : array of shape (n_sweeps, n), int64
        Each row the numbers 0 to n - 1 in some order.
    states : array of shape (rows, n) of the same dtype
        Spins -1 and +1, changed in place.
    overlaps : array of shape (rows, n_patterns) of the same dtype
        ``states @ columns * unit``, kept up to date in place.
    done : array of shape (rows,), bool
        Rows at a fixed point: left alone, and set.
    unit : float
        What an overlap of one unit is; a power of two keeps overlaps exact, and about 1 / n keeps powers small.
    degree : int
        d, at least 1.
    rectified : bool
        Whether negative overlaps count as zero.
    points : int
        Energies to note in a sweep, at even distances; 0 for none.

    Returns
    -------
    sweeps, flips : array of shape (rows,), int64
    energies : array of shape (n_sweeps * points, rows)
        NaN where a row was at rest.

    Raises
    ------
    ValueError
        When shapes, dtypes, memory layouts or devices do not fit, or a number is out of range.
    """
    if states.ndim != 2 or states.dtype not in (np.float32, np.float64):
        raise ValueError(f"states are {states.dtype}{states.shape}; give a 2-D array of float32 or float64")
    (rows, n), n_patterns = states.shape, columns.shape[-1]
    wanted = {
        "columns": (columns, (n, n_patterns), states.dtype),
        "orders": (orders, (len(orders), n), np.int64),
        "states": (states, (rows, n), states.dtype),
        "overlaps": (overlaps, (rows, n_patterns), states.dtype),
        "done": (done, (rows,), np.bool_),
    }
    for name, (array, shape, dtype) in wanted.items():
        check_array(name, array, shape, dtype, on_gpu(states))
    if points < 0 or points > n or degree < 1:
        raise ValueError(f"points must be between 0 and the {n} units and degree at least 1, got {points} and {degree}")
    sweeps, flips = (np.zeros_like(states, shape=(rows,), dtype=np.int64) for _ in range(2))
    energies = np.full_like(states, np.nan, shape=(len(orders) * points, rows))
    numbers = (states.dtype.type(unit), np.int64(degree), bool(rectified))
    arguments = (columns, orders, states, overlaps, *numbers, energies, np.int64(max(points, 1)), sweeps, flips, done)
    if states.size == 0 or len(orders) == 0:
        pass
    elif on_gpu(states):
        _gpu(rows * BLOCK, *arguments)
    else:
        over_rows(_cpu, arguments, rows, states.size * n_patterns * degree)
    return sweeps, flips, energies
