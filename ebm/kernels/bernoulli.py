"""s ~ Bernoulli(p),  p = sigma(a + b): bias, logistic function and draw in one pass.

u < sigma(x)  <=>  u (1 + e^-x) < 1, which saves the division where only states are wanted. The uniform u of column j
and row r is Philox's at (j, r, step, stream) under the seed, whatever thread or device draws it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ebm.kernels.exponential import exponential, sigmoid
from ebm.kernels.jit import cell, core, cuda_loop, inner, on_gpu
from ebm.kernels.philox import fill_uniforms, philox, uniform32, uniform64
from ebm.kernels.threads import over_rows

if TYPE_CHECKING:
    from numba import cuda  # the launcher puts it into the loop's globals: importing it costs 0.3 s

u32, u64 = np.uint32, np.uint64


@cell
def state(x: Any, u: Any) -> Any:
    """Draw s ~ Bernoulli(sigma(x)) from a uniform u."""
    one = type(x)(1)
    return one if u * (one + exponential(-x)) < one else type(x)(0)


@inner
def draw_row(x: Any, n: Any, noise: Any) -> None:
    """x[:n] ~ Bernoulli(sigma(x[:n])) in place (of two arrays that may be one the compiler makes scalar code)."""
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
    """out = inputs + bias for one row."""
    for j in range(inputs.size):
        out[j] = inputs[j] + bias[j]


@core
def _cpu(
    inputs: Any, bias: Any, states: Any, probabilities: Any, row0: Any, step: Any, stream: Any, key: Any, first: Any, last: Any
) -> None:
    n = inputs.shape[1]
    noise = np.empty(-(-n // 4) * 4, inputs.dtype)
    for row in range(first, last):
        if probabilities.shape[0] > 0:
            add_bias(inputs[row], bias, probabilities[row])
            sigmoid_row(probabilities[row], n)
        if states.shape[0] > 0:
            add_bias(inputs[row], bias, states[row])
            fill_uniforms(noise, row0 + row, step, stream, key)
            draw_row(states[row], n, noise)


@cuda_loop
def _gpu(inputs: Any, bias: Any, states: Any, probabilities: Any, row0: Any, step: Any, stream: Any, k0: Any, k1: Any) -> None:
    """One thread draws four neighbouring columns; ``step`` stands in an array, so that a captured graph stays valid."""
    n = u32(inputs.shape[1])
    quads = (n + u32(3)) // u32(4)
    for item in range(cuda.grid(1), inputs.shape[0] * quads, cuda.gridsize(1)):
        row, quad = u32(item // quads), u32(item % quads)
        for pair in range(2):
            if inputs.itemsize == 4:
                a, b, c, d = philox(quad, row + u32(row0), step[0], stream, k0, k1)
            else:
                a, b, c, d = philox(u32(2) * quad + u32(pair), row + u32(row0), step[0], stream, k0, k1)
            for half in range(2):
                j = u32(4) * quad + u32(2 * pair + half)
                if j < n:
                    x = inputs[row, j] + bias[j]
                    if probabilities.shape[0] > 0:
                        probabilities[row, j] = sigmoid(x)
                    if states.shape[0] > 0:
                        if inputs.itemsize == 4:
                            low, high = (a, c) if pair == 0 else (c, a)
                            word = (a if half == 0 else b) if pair == 0 else (c if half == 0 else d)
                            states[row, j] = state(x, uniform32(word))
                        elif half == 0:
                            states[row, j] = state(x, uniform64(a, b))
                        else:
                            states[row, j] = state(x, uniform64(c, d))
