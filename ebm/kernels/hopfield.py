"""Asynchronous recall in a Hopfield network: one unit after the other, fields kept up to date at flips only.

    s_i <- +1 if h_i >= -tolerance_i else -1,   h_i = sum_j w_ij s_j - theta_i

When unit i flips, h moves by -2 s_i w_i. (s_i before the flip), a row of W: a sweep over N units costs N comparisons
and N additions a flip, not N^2. The energy is E = -1/2 sum_i s_i (h_i - theta_i), so it needs no W either.

The tolerance takes for zero what is zero but for rounding, in which additions in another order differ. It acts as
thresholds lower by as much, so recall still goes downhill; E itself may rise by 2 tolerance_i at a flip to +1.

Source: Hopfield 1982 (doi:10.1073/pnas.79.8.2554), eqs. 1 and 7 (his units are 0 and 1).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ebm.kernels.block import BLOCK, block_sum
from ebm.kernels.jit import cell, core, cuda_loop, inner, on_gpu, summing
from ebm.kernels.threads import over_rows

if TYPE_CHECKING:
    from numba import cuda


@cell
def flips_now(spin: Any, field: Any, tolerance: Any) -> Any:
    """Tell whether a unit is not where its field sends it; a field of zero, within the tolerance, sends it to +1."""
    zero = type(field)(0)
    return (field >= -tolerance) != (spin > zero)


@inner
def add_row(fields: Any, step: Any, row: Any) -> None:
    """Add step times a row of W to the fields."""
    for j in range(fields.size):
        fields[j] += step * row[j]


@summing
def energy_of(spins: Any, fields: Any, thresholds: Any) -> Any:
    """E = -1/2 sum_i s_i (h_i - theta_i) of one row."""
    total = spins.dtype.type(0)
    for j in range(spins.size):
        total += spins[j] * (thresholds[j] - fields[j])
    return total * spins.dtype.type(0.5)


@inner
def visit(weights: Any, tolerances: Any, order: Any, spins: Any, fields: Any) -> Any:
    """Update the units of ``order`` in turn and count the flips."""
    flips = 0
    for k in range(order.size):
        i = order[k]
        if flips_now(spins[i], fields[i], tolerances[i]):
            add_row(fields, -(spins[i] + spins[i]), weights[i])
            spins[i] = -spins[i]
            flips += 1
    return flips


@core
def _cpu(
    weights: Any, thresholds: Any, tolerances: Any, orders: Any, states: Any, fields: Any,
    energies: Any, points: Any, sweeps: Any, flips: Any, done: Any, first: Any, last: Any,
) -> None:  # fmt: skip
    n = states.shape[1]
    for row in range(first, last):
        for k in range(orders.shape[0]):
            if done[row]:
                break
            flipped = 0
            for p in range(points):
                part = orders[k, n * p // points : n * (p + 1) // points]
                flipped += visit(weights, tolerances, part, states[row], fields[row])
                if energies.shape[0] > 0:
                    energies[k * points + p, row] = energy_of(states[row], fields[row], thresholds)
            sweeps[row] += 1
            flips[row] += flipped
            if flipped == 0:
                done[row] = True


@cuda_loop
def _gpu(
    weights: Any, thresholds: Any, tolerances: Any, orders: Any, states: Any, fields: Any,
    energies: Any, points: Any, sweeps: Any, flips: Any, done: Any,
) -> None:  # fmt: skip
    """One block recalls one row: its threads look at the same unit, and share out the fields when it flips."""
    n, zero = states.shape[1], type(states[0, 0])(0)
    half = type(states[0, 0])(0.5)
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
                    if flips_now(spin, fields[row, i], tolerances[i]):
                        cuda.syncthreads()  # all have read the unit before it changes
                        for j in range(cuda.threadIdx.x, n, cuda.blockDim.x):
                            fields[row, j] -= (spin + spin) * weights[i, j]
                        if cuda.threadIdx.x == 0:
                            states[row, i] = -spin
                        cuda.syncthreads()
                        flipped += 1
                if energies.shape[0] > 0:
                    total = zero
                    for j in range(cuda.threadIdx.x, n, cuda.blockDim.x):
                        total += states[row, j] * (thresholds[j] - fields[row, j])
                    total = block_sum(total)
                    if cuda.threadIdx.x == 0:
                        energies[k * points + p, row] = total * half
            at_rest = flipped == 0
            if cuda.threadIdx.x == 0:
                sweeps[row] += 1
                flips[row] += flipped
        cuda.syncthreads()  # all have read done[row]
        if cuda.threadIdx.x == 0 and at_rest:
            done[row] = True


def asynchronous(
    weights: Any, thresholds: Any, tolerances: Any, orders: Any, states: Any, fields: Any, done: Any,
    *, points: int = 0,
) -> tuple[Any, Any, Any]:  # fmt: skip
    """Update every row's units in the given orders, until the orders end or a sweep flips nothing.

    Parameters
    ----------
    weights : array of shape (n, n), float32 or float64, on the CPU or the GPU
        W; the network's is symmetric with a zero diagonal, which is not checked here.
    thresholds : array of shape (n,) of the same dtype
        theta.
    tolerances : array of shape (n,) of the same dtype
        A field of at least minus this sends its unit to +1.
    orders : array of shape (n_sweeps, n), int64
        Each row the numbers 0 to n - 1 in some order.
    states : array of shape (rows, n) of the same dtype
        Spins -1 and +1, changed in place.
    fields : array of shape (rows, n) of the same dtype
        ``states @ weights - thresholds``, kept up to date in place.
    done : array of shape (rows,), bool
        Rows at a fixed point: left alone, and set.
    points : int
        Energies to note in a sweep, at even distances; 0 for none.

    Returns
    -------
    sweeps, flips : array of shape (rows,), int64
        Done here, for each row; the last sweep of a row that is done flipped nothing.
    energies : array of shape (n_sweeps * points, rows)
        NaN where a row was at rest.

    Raises
    ------
    ValueError
        When shapes, dtypes, memory layouts or devices do not fit.
    """
    if states.ndim != 2 or states.dtype not in (np.float32, np.float64):
        raise ValueError(f"states are {states.dtype}{states.shape}; give a 2-D array of float32 or float64")
    rows, n = states.shape
    wanted = {
        "weights": (weights, (n, n), states.dtype),
        "thresholds": (thresholds, (n,), states.dtype),
        "tolerances": (tolerances, (n,), states.dtype),
        "orders": (orders, (len(orders), n), np.int64),
        "states": (states, (rows, n), states.dtype),
        "fields": (fields, (rows, n), states.dtype),
        "done": (done, (rows,), np.bool_),
    }
    for name, (array, shape, dtype) in wanted.items():
        check_array(name, array, shape, dtype, on_gpu(states))
    if points < 0 or points > n:
        raise ValueError(f"points must be between 0 and the {n} units, got {points}")
    sweeps, flips = (np.zeros_like(states, shape=(rows,), dtype=np.int64) for _ in range(2))
    energies = np.full_like(states, np.nan, shape=(len(orders) * points, rows))
    noted = np.int64(max(points, 1))
    arguments = (weights, thresholds, tolerances, orders, states, fields, energies, noted, sweeps, flips, done)
    if states.size == 0 or len(orders) == 0:
        pass
    elif on_gpu(states):
        _gpu(rows * BLOCK, *arguments)
    else:
        over_rows(_cpu, arguments, rows, states.size * max(len(orders), n // 16))
    return sweeps, flips, energies


def check_array(name: str, array: Any, shape: tuple[int, ...], dtype: Any, gpu: bool) -> None:
    """Refuse an array that is not as a kernel needs it, by a ValueError that names it."""
    if array.shape != shape or array.dtype != dtype or on_gpu(array) != gpu:
        want = f"{np.dtype(dtype)}{shape} on the device of the states"
        raise ValueError(f"{name} is {array.dtype}{array.shape}, but must be {want}")
    if not array.flags.c_contiguous:
        raise ValueError(f"{name} must be C-contiguous, its strides are {array.strides}")
