"""Categorical (Potts) units: groups of q columns of which one is 1, by a softmax over the group.

p(s = k) = e^{x_k} / sum_l e^{x_l},   cumulant log sum_l e^{x_l},   both relative to the largest x of the group

A state is drawn by one uniform u: the first k where the sum of the weights passes u times the whole sum. Unit g of a
row takes the uniform of column g.

Source: Salakhutdinov, Mnih & Hinton 2007, "Restricted Boltzmann machines for collaborative filtering", section 2.1.
"""

from __future__ import annotations

from math import log
from typing import TYPE_CHECKING, Any

import numpy as np

from ebm.kernels.exponential import exponential
from ebm.kernels.jit import core, cuda_loop, inner, on_gpu
from ebm.kernels.philox import columns_per_call, fill_uniforms, philox, uniform
from ebm.kernels.threads import over_rows

if TYPE_CHECKING:
    from numba import cuda

    from ebm.random import Draw

STATES, MEAN, CUMULANT = range(3)
u32, u64 = np.uint32, np.uint64
ONE, FOUR = u32(1), u32(4)


@inner
def weigh(x: Any, q: Any) -> Any:
    """x[:q] = e^{x - max x} in place; return the largest x and the sum."""
    peak = x[0]
    for k in range(1, q):
        peak = max(peak, x[k])
    total = x.dtype.type(0)
    for k in range(q):
        x[k] = exponential(x[k] - peak)
        total += x[k]
    return peak, total


@inner
def choose(x: Any, q: Any, mark: Any) -> None:
    """Put a one at the first place where the sum of the weights passes ``mark`` (or at the last), zeros elsewhere."""
    one, zero = x.dtype.type(1), x.dtype.type(0)
    below, chosen = zero, q - 1
    for k in range(q):
        above = below + x[k]
        if below <= mark < above:
            chosen = k
        below = above
    for k in range(q):
        x[k] = one if k == chosen else zero


@core
def _cpu(
    inputs: Any, q: Any, wanted: Any, out: Any, row0: Any, step: Any, stream: Any, key: Any, first: Any, last: Any
) -> None:
    groups = inputs.shape[1] // q
    noise = np.empty(-(-groups // 4) * 4, inputs.dtype)
    x = np.empty(q, inputs.dtype)
    for r in range(first, last):
        if wanted == STATES:
            fill_uniforms(noise, row0 + r, step, stream, key)
        for g in range(groups):
            here = inputs[r, g * q : (g + 1) * q]
            for k in range(q):
                x[k] = here[k]
            peak, total = weigh(x, q)
            if wanted == CUMULANT:
                out[r, 0] += peak + log(total)
                continue
            if wanted == STATES:
                choose(x, q, noise[g] * total)
                total = x.dtype.type(1)
            target = out[r, g * q : (g + 1) * q]
            for k in range(q):
                target[k] = x[k] / total


@cuda_loop
def _gpu(inputs: Any, q: Any, wanted: Any, out: Any, step: Any, stream: Any, row0: Any, k0: Any, k1: Any) -> None:
    """One thread does one unit, in three passes over its columns; cumulants stand in its first column."""
    groups, width = u32(inputs.shape[1] // q), columns_per_call(inputs[0, 0])
    words_each = FOUR // width
    one, zero = type(inputs[0, 0])(1), type(inputs[0, 0])(0)
    for item in range(cuda.grid(1), inputs.shape[0] * groups, cuda.gridsize(1)):
        row, group = u32(item) // groups, u32(item) % groups
        left = group * q
        peak = inputs[row, left]
        for k in range(1, q):
            peak = max(peak, inputs[row, left + k])
        total = zero
        for k in range(q):
            total += exponential(inputs[row, left + k] - peak)
        if wanted == MEAN:
            for k in range(q):
                out[row, left + k] = exponential(inputs[row, left + k] - peak) / total
        elif wanted == CUMULANT:
            for k in range(q):
                out[row, left + k] = zero
            out[row, left] = peak + log(total)
        else:
            words = philox(group // width, row + row0, step, stream, k0, k1)
            lane = group % width
            high, low = words[lane * words_each], words[(lane * words_each + ONE) & u32(3)]
            mark = uniform(peak, high, low) * total
            below, chosen = zero, q - 1
            for k in range(q):
                weight = exponential(inputs[row, left + k] - peak)
                if below <= mark < below + weight:
                    chosen = k
                below += weight
            for k in range(q):
                out[row, left + k] = one if k == chosen else zero


def _run(inputs: Any, q: int, wanted: int, draw: Draw | None = None) -> Any:
    if inputs.ndim != 2 or inputs.dtype not in (np.float32, np.float64) or inputs.shape[1] % q:
        right = f"a 2-D array of float32 or float64 with a multiple of {q} columns"
        raise ValueError(f"inputs are {inputs.dtype}{inputs.shape}; give {right}")
    inputs = inputs if inputs.flags.c_contiguous else inputs.copy(order="C")
    seed, stream, step, row0 = (draw.seed, draw.stream, draw.step, draw.first_row) if draw else (0, 0, 0, 0)
    if on_gpu(inputs):
        out = np.empty_like(inputs)
        words = (u32(w & 0xFFFFFFFF) for w in (step, stream, row0, seed, seed >> 32))
        if inputs.size:
            _gpu(inputs.size // q, inputs, np.int32(q), np.int32(wanted), out, *words)
        return out.sum(axis=1) if wanted == CUMULANT else out
    out = np.zeros((inputs.shape[0], 1 if wanted == CUMULANT else inputs.shape[1]), inputs.dtype)
    if inputs.size:
        numbers = (np.int64(q), np.int64(wanted), out, np.int64(row0), u64(step), u64(stream), u64(seed))
        over_rows(_cpu, (inputs, *numbers), inputs.shape[0], 4 * inputs.size)
    return out[:, 0] if wanted == CUMULANT else out


def states(inputs: Any, q: int, draw: Draw) -> Any:
    """Draw one of q columns in every group.

    Parameters
    ----------
    inputs : array of shape (rows, units * q), float32 or float64, on the CPU or the GPU
    q : int
        Columns a unit.
    draw : Draw
        Where the uniforms stand, one a unit.

    Returns
    -------
    array of shape (rows, units * q)
        Zeros, and a one in every group.

    Raises
    ------
    ValueError
        When ``inputs`` is no matrix of floats, or its columns are no multiple of q.
    """
    return _run(inputs, q, STATES, draw)


def means(inputs: Any, q: int) -> Any:
    """Return the softmax over every group; parameters and errors as of :func:`states`."""
    return _run(inputs, q, MEAN)


def cumulants(inputs: Any, q: int) -> Any:
    """Return the sum over groups of log sum_l e^{x_l}, shape (rows,); otherwise as :func:`states`."""
    return _run(inputs, q, CUMULANT)
