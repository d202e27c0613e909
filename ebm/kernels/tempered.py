"""Bernoulli states of rows that each have their own inverse temperature, in one pass.

::

    s ~ Bernoulli(sigma(beta_r (a + b) + (1 - beta_r) b0))   for row r,

a layer's conditional under p_beta ~ exp(-(1 - beta) E_0 - beta E), with inputs a + b of the model and b0 of the base.

Source: Neal 2001 (doi:10.1023/A:1008923215028), section 2, eq. 3 (geometric bridges), for a layer of binary units.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ebm.kernels.bernoulli import draw_row, state
from ebm.kernels.jit import cell, core, cuda_loop, inner, on_gpu
from ebm.kernels.philox import columns_per_call, fill_uniforms, philox, uniform
from ebm.kernels.threads import over_rows

if TYPE_CHECKING:
    from numba import cuda

    from ebm.random import Draw

u32, u64 = np.uint32, np.uint64
ONE, FOUR = u32(1), u32(4)


@cell
def mixed(x: Any, base: Any, beta: Any) -> Any:
    """Beta x + (1 - beta) b0."""
    return beta * x + (type(x)(1) - beta) * base


@inner
def mix_row(x: Any, base: Any, beta: Any, n: Any) -> None:
    """x[:n] = beta x + (1 - beta) b0 in place."""
    for j in range(n):
        x[j] = mixed(x[j], base[j], beta)


@core
def _cpu(
    inputs: Any, base: Any, betas: Any, states: Any, row0: Any, step: Any, stream: Any, key: Any, first: Any, last: Any
) -> None:
    n = base.size
    noise = np.empty(-(-n // 4) * 4, inputs.dtype)
    for row in range(first, last):
        x, out = inputs[row], states[row]
        for j in range(n):
            out[j] = x[j]
        mix_row(out, base, betas[row], n)
        fill_uniforms(noise, row0 + row, step, stream, key)
        draw_row(out, n, noise)


@cuda_loop
def _gpu(
    inputs: Any, base: Any, betas: Any, states: Any, step: Any, stream: Any, row0: Any, k0: Any, k1: Any
) -> None:  # fmt: skip
    """One thread does the columns that share a call of Philox."""
    n, width = u32(base.size), columns_per_call(base[0])
    calls, words_each = (n + width - ONE) // width, FOUR // width
    for item in range(cuda.grid(1), inputs.shape[0] * calls, cuda.gridsize(1)):
        row, call = u32(item) // calls, u32(item) % calls
        words = philox(call, row + row0, step, stream, k0, k1)
        for lane in range(width):
            j = call * width + u32(lane)
            if j < n:
                x = mixed(inputs[row, j], base[j], betas[row])
                high, low = words[lane * words_each], words[(lane * words_each + 1) & 3]
                states[row, j] = state(x, uniform(x, high, low))


def tempered_bernoulli(inputs: Any, base: Any, betas: Any, draw: Draw) -> Any:
    """Draw s ~ Bernoulli(sigma(beta inputs + (1 - beta) base)), each row at its own beta.

    Parameters
    ----------
    inputs : array of shape (rows, n), float32 or float64, on the CPU or the GPU
        Natural inputs at beta = 1, biases included.
    base : array of shape (n,) of the same dtype and device
        Natural inputs at beta = 0.
    betas : array of shape (rows,) of the same dtype and device
    draw : Draw
        Where the uniforms stand.

    Returns
    -------
    array of shape (rows, n)
        0 and 1 in the dtype of the inputs.

    Raises
    ------
    ValueError
        When dtypes, shapes or devices do not fit.
    """
    if inputs.ndim != 2 or inputs.dtype not in (np.float32, np.float64):
        raise ValueError(f"inputs are {inputs.dtype}{inputs.shape}; give a 2-D array of float32 or float64")
    rows, n = inputs.shape
    for a, name, shape in ((base, "base", (n,)), (betas, "betas", (rows,))):
        if a.shape != shape or a.dtype != inputs.dtype or on_gpu(a) != on_gpu(inputs):
            want = f"{inputs.dtype}{shape} on the same device"
            raise ValueError(f"{name} is {a.dtype}{a.shape}, but inputs ask for {want}")
    inputs = inputs if inputs.flags.c_contiguous else inputs.copy(order="C")
    states = np.empty_like(inputs)
    if inputs.size == 0:
        return states
    if on_gpu(inputs):
        words = (draw.step, draw.stream, draw.first_row, draw.seed, draw.seed >> 32)
        threads = rows * -(-n // (16 // inputs.dtype.itemsize))
        _gpu(threads, inputs, base, betas, states, *(u32(w & 0xFFFFFFFF) for w in words))
    else:
        counters = (np.int64(draw.first_row), u64(draw.step), u64(draw.stream), u64(draw.seed))
        over_rows(_cpu, (inputs, base, betas, states, *counters), rows, inputs.size)
    return states
