"""s ~ Bernoulli(p),  p = sigma(a + b): bias, logistic function and draw in one pass.

u < sigma(x)  <=>  u (1 + e^-x) < 1, which saves the division where only states are wanted. The uniform u of
column j and row r is Philox's at (j, r, step, stream) under the seed, whatever thread or device draws it.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

from ebm.kernels.exponential import exponential, sigmoid
from ebm.kernels.jit import cell, core, cuda_loop, inner, on_gpu
from ebm.kernels.philox import columns_per_call, fill_uniforms, philox, uniform
from ebm.kernels.threads import over_rows

if TYPE_CHECKING:
    from numba import cuda  # the launcher puts it into the loop's globals: importing it costs 0.3 s

    from ebm.random import Draw

u32, u64 = np.uint32, np.uint64
ONE, FOUR = u32(1), u32(4)
STATES, PROBABILITIES = 1, 2  # bits of what is wanted


@cell
def state(x: Any, u: Any) -> Any:
    """Draw s ~ Bernoulli(sigma(x)) from a uniform u."""
    one = type(x)(1)
    return one if u * (one + exponential(-x)) < one else type(x)(0)


@inner
def draw_row(x: Any, n: Any, noise: Any) -> None:
    """x[:n] ~ Bernoulli(sigma(x[:n])) in place (two arrays that may be one become scalar code)."""
    for j in range(n):
        x[j] = state(x[j], noise[j])
    for j in range(n, x.size):
        x[j] = 0


@inner
def sigmoid_row(x: Any, n: Any) -> None:
    """x[:n] = sigma(x[:n]) in place; the rest becomes zero."""
    for j in range(n):
        x[j] = sigmoid(x[j])
    for j in range(n, x.size):
        x[j] = 0


@inner
def add_bias(inputs: Any, bias: Any, out: Any) -> None:
    """Write inputs + bias for one row."""
    for j in range(inputs.size):
        out[j] = inputs[j] + bias[j]


@inner
def copy_row(x: Any, out: Any) -> None:
    """Write x for one row."""
    for j in range(x.size):
        out[j] = x[j]


@core
def _cpu(
    inputs: Any, bias: Any, states: Any, probabilities: Any,
    row0: Any, step: Any, stream: Any, key: Any, first: Any, last: Any,
) -> None:  # fmt: skip
    n = inputs.shape[1]
    noise = np.empty(-(-n // 4) * 4, inputs.dtype)
    for row in range(first, last):
        if probabilities.shape[0] > 0:  # either output may stand in the inputs' place: both take them first
            add_bias(inputs[row], bias, probabilities[row])
        if states.shape[0] > 0:
            if probabilities.shape[0] > 0:
                copy_row(probabilities[row], states[row])
            else:
                add_bias(inputs[row], bias, states[row])
            fill_uniforms(noise, row0 + row, step, stream, key)
            draw_row(states[row], n, noise)
        if probabilities.shape[0] > 0:
            sigmoid_row(probabilities[row], n)


@cuda_loop
def _gpu(
    inputs: Any, bias: Any, states: Any, probabilities: Any, wanted: Any,
    clock: Any, step: Any, stream: Any, row0: Any, k0: Any, k1: Any,
) -> None:  # fmt: skip
    """One thread does the columns that share a call; clock[0] is the part of the step that a graph reads anew."""
    n, width = u32(bias.size), columns_per_call(inputs[0, 0])
    calls, words_each = (n + width - ONE) // width, FOUR // width
    for item in range(cuda.grid(1), inputs.shape[0] * calls, cuda.gridsize(1)):
        row, call = u32(item) // calls, u32(item) % calls
        words = philox(call, row + row0, step + clock[0], stream, k0, k1)
        for lane in range(width):
            j = call * width + u32(lane)
            if j < n:
                x = inputs[row, j] + bias[j]
                if wanted & PROBABILITIES:
                    probabilities[row, j] = sigmoid(x)
                if wanted & STATES:
                    high, low = words[lane * words_each], words[(lane * words_each + 1) & 3]
                    states[row, j] = state(x, uniform(x, high, low))


def _checked(a: Any, name: str, inputs: Any) -> Any:
    if a.shape != inputs.shape or a.dtype != inputs.dtype or on_gpu(a) != on_gpu(inputs):
        want = f"{inputs.dtype}{inputs.shape} on the same device"
        raise ValueError(f"{name} is {a.dtype}{a.shape}, but inputs ask for {want}")
    if not a.flags.c_contiguous:
        raise ValueError(f"{name} must be C-contiguous, its strides are {a.strides}")
    return a


_NOWHERE = SimpleNamespace(seed=0, stream=0, step=0, first_row=0)  # where only probabilities are wanted


def bernoulli(inputs: Any, bias: Any, draw: Draw | None, *, states: Any = None, probabilities: Any = None) -> Any:
    """Draw s ~ Bernoulli(sigma(inputs + bias)), compute sigma(inputs + bias), or both.

    Parameters
    ----------
    inputs : array of shape (rows, n), float32 or float64, on the CPU or the GPU
    bias : array of shape (n,) of the same dtype, or None for zeros
    draw : Draw or None
        Where the uniforms stand (seed, stream, step, first_row); None where only probabilities are wanted.
    states, probabilities : array of shape (rows, n), C-contiguous, optional
        Filled in place; ``inputs`` itself may be given as one of them. Without both, states are made.

    Returns
    -------
    array of shape (rows, n)
        The states, or else the probabilities.

    Raises
    ------
    ValueError
        When dtypes, shapes or devices do not fit, or states are wanted without a draw.
    """
    if inputs.ndim != 2 or inputs.dtype not in (np.float32, np.float64):
        raise ValueError(f"inputs are {inputs.dtype}{inputs.shape}; give a 2-D array of float32 or float64")
    n_rows, n = inputs.shape
    bias = np.zeros_like(inputs, shape=(n,)) if bias is None else bias
    if bias.shape != (n,) or bias.dtype != inputs.dtype or on_gpu(bias) != on_gpu(inputs):
        raise ValueError(f"bias {bias.dtype}{bias.shape} does not fit inputs {inputs.dtype}{inputs.shape}")
    inputs = inputs if inputs.flags.c_contiguous else inputs.copy(order="C")
    if states is None and probabilities is None:
        states = np.empty_like(inputs)
    for a, name in ((states, "states"), (probabilities, "probabilities")):
        if a is not None:
            _checked(a, name, inputs)
    if draw is None and states is not None:
        raise ValueError("draw is None, but states are wanted: say where their uniforms stand")
    place: Any = draw or _NOWHERE
    if inputs.size == 0:
        pass
    elif on_gpu(inputs):
        clock = np.zeros_like(inputs, shape=(1,), dtype=u32)
        on_device(inputs, bias, states, probabilities, place, clock)
    else:
        none = np.empty((0, n), inputs.dtype)
        outputs = (none if states is None else states, none if probabilities is None else probabilities)
        counters = (np.int64(place.first_row), u64(place.step), u64(place.stream), u64(place.seed))
        over_rows(_cpu, (inputs, bias, *outputs, *counters), n_rows, inputs.size)
    return probabilities if states is None else states


def on_device(inputs: Any, bias: Any, states: Any, probabilities: Any, draw: Any, clock: Any) -> None:
    """Launch the CUDA loop on rows of at least ``bias.size`` columns, at step draw.step + clock[0]."""
    wanted = np.int32(STATES * (states is not None) | PROBABILITIES * (probabilities is not None))
    outputs = (inputs if states is None else states, inputs if probabilities is None else probabilities)
    words = (draw.step, draw.stream, draw.first_row, draw.seed, draw.seed >> 32)
    threads = inputs.shape[0] * -(-bias.size // (16 // inputs.dtype.itemsize))
    _gpu(threads, inputs, bias, *outputs, wanted, clock, *(u32(w & 0xFFFFFFFF) for w in words))
