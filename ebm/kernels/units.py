"""Units that are not binary: draw, mean and cumulant of s under p(s) proportional to m(s) e^{s x}.

spin       s in {-1, 1}                        E[s] = tanh x,       log sum = log(2 cosh x)
gaussian   m(s) = e^{-a s^2 / 2}               E[s] = x / a,        x^2 / (2 a) + log(2 pi / a) / 2
relu       the same on s >= 0, t = -x/sqrt a   E[s] = tail_mean(t) / sqrt a,  log R(t) - log(a) / 2
noisy_relu s = max(0, x + sqrt(sigma(x)) z)    z ~ N(0, 1), for the sum over i of units sigma(x - i + 1/2)
binomial   s in {0, ..., a}, m(s) = C(a, s)    E[s] = a sigma(x),   a log(1 + e^x)

Each takes one uniform a unit, by inversion, at the place that Bernoulli units take it.

Source: Welling, Rosen-Zvi & Hinton 2005, "Exponential family harmoniums", section 2; noisy_relu after Nair & Hinton
2010, "Rectified linear units improve restricted Boltzmann machines", section 2; binomial after Teh & Hinton 2001,
"Rate-coded restricted Boltzmann machines for face recognition".
"""

from __future__ import annotations

from math import log, pi, sqrt
from typing import TYPE_CHECKING, Any

import numpy as np

from ebm.kernels.exponential import exponential, sigmoid, softplus
from ebm.kernels.jit import cell, core, cuda_loop, inner, on_gpu
from ebm.kernels.normal import log_tail, normal_cdf, quantile, tail_draw, tail_mean
from ebm.kernels.philox import columns_per_call, fill_uniforms, philox, uniform
from ebm.kernels.reduce import row_sum
from ebm.kernels.threads import over_rows

if TYPE_CHECKING:
    from numba import cuda

    from ebm.random import Draw

SPIN, GAUSSIAN, RELU, NOISY_RELU, BINOMIAL = range(5)
STATES, MEAN, CUMULANT = range(3)
TWO_PI, ROOT_TWO_PI = 2.0 * pi, sqrt(2.0 * pi)
LAST = 40.0  # steps of noisy_relu's sum beyond x: softplus(-40) is below the rounding of 1
u32, u64 = np.uint32, np.uint64
ONE, FOUR = u32(1), u32(4)


@cell
def spin_state(x: Any, u: Any) -> Any:
    """1 with probability sigma(2 x), else -1."""
    one = type(x)(1)
    return one if u * (one + exponential(type(x)(-2) * x)) < one else -one


@cell
def noisy_mean(x: Any) -> Any:
    """E[max(0, x + d z)] = d (m Phi(m) + phi(m)), d = sqrt(sigma(x)), m = x / d."""
    kind = type(x)
    d = sqrt(sigmoid(x))
    m = x / d
    return max(x * normal_cdf(m) + d * exponential(kind(-0.5) * m * m) / kind(ROOT_TWO_PI), kind(0))


@cell
def noisy_cumulant(x: Any) -> Any:
    """sum_{i >= 1} log(1 + e^{x - i + 1/2}): all the copies that are not off for certain."""
    kind = type(x)
    total = kind(0)
    for i in range(int(max(x, kind(0)) + kind(LAST))):
        total += softplus(x - kind(i) - kind(0.5))
    return total


@cell
def binomial_state(x: Any, n: Any, u: Any) -> Any:
    """Invert the distribution function of Binomial(n, sigma(x)), counting from the likelier end."""
    kind = type(x)
    one = kind(1)
    odds = exponential(-abs(x))
    term = exponential(-n * softplus(-abs(x)))
    below, k, grows = term, kind(0), True
    while u > below and k < n and grows:  # in float32 the sum may stay below u for ever
        term *= odds * (n - k) / (k + one)
        k += one
        grows = below + term > below
        below += term
    return k if x < kind(0) else n - k


@cell
def state_of(kind: Any, x: Any, a: Any, u: Any) -> Any:
    """Draw one unit of any kind."""
    s = x
    if kind == SPIN:
        s = spin_state(x, u)
    elif kind == GAUSSIAN:
        s = (x + sqrt(a) * quantile(u)) / a
    elif kind == RELU:
        s = tail_draw(-x / sqrt(a), u) / sqrt(a)
    elif kind == NOISY_RELU:
        s = max(x + sqrt(sigmoid(x)) * quantile(u), type(x)(0))
    else:
        s = binomial_state(x, a, u)
    return s


@cell
def mean_of(kind: Any, x: Any, a: Any) -> Any:
    """E[s] of one unit of any kind."""
    s = x
    if kind == SPIN:
        s = type(x)(2) * sigmoid(type(x)(2) * x) - type(x)(1)
    elif kind == GAUSSIAN:
        s = x / a
    elif kind == RELU:
        s = tail_mean(-x / sqrt(a)) / sqrt(a)
    elif kind == NOISY_RELU:
        s = noisy_mean(x)
    else:
        s = a * sigmoid(x)
    return s


@cell
def cumulant_of(kind: Any, x: Any, a: Any) -> Any:
    """log of the sum (or integral) over the states of one unit of any kind."""
    half, value = type(x)(0.5), x
    if kind == SPIN:
        value = softplus(type(x)(2) * x) - x
    elif kind == GAUSSIAN:
        value = half * x * x / a + half * log(type(x)(TWO_PI) / a)
    elif kind == RELU:
        value = log_tail(-x / sqrt(a)) - half * log(a)
    elif kind == NOISY_RELU:
        value = noisy_cumulant(x)
    else:
        value = a * softplus(x)
    return value


@inner
def state_row(x: Any, a: Any, kind: Any, n: Any, noise: Any) -> None:
    """Draw a row of states in place of its inputs."""
    for j in range(n):
        x[j] = state_of(kind, x[j], a[j], noise[j])


@inner
def mean_row(x: Any, a: Any, kind: Any, n: Any) -> None:
    """Put the means in place of the inputs."""
    for j in range(n):
        x[j] = mean_of(kind, x[j], a[j])


@inner
def cumulant_row(x: Any, a: Any, kind: Any, n: Any) -> None:
    """Put every unit's cumulant in place of its input."""
    for j in range(n):
        x[j] = cumulant_of(kind, x[j], a[j])


@core
def _cpu(
    inputs: Any, a: Any, kind: Any, wanted: Any, out: Any,
    row0: Any, step: Any, stream: Any, key: Any, first: Any, last: Any,
) -> None:  # fmt: skip
    n = inputs.shape[1]
    row = np.empty(n, inputs.dtype)
    noise = np.empty(-(-n // 4) * 4, inputs.dtype)
    for r in range(first, last):
        x = inputs[r]
        for j in range(n):
            row[j] = x[j]
        if wanted == CUMULANT:
            cumulant_row(row, a, kind, n)
            out[r, 0] = row_sum(row, n)
            continue
        if wanted == MEAN:
            mean_row(row, a, kind, n)
        else:
            fill_uniforms(noise, row0 + r, step, stream, key)
            state_row(row, a, kind, n, noise)
        target = out[r]
        for j in range(n):
            target[j] = row[j]


@cuda_loop
def _gpu(
    inputs: Any, a: Any, kind: Any, wanted: Any, out: Any, step: Any, stream: Any, row0: Any, k0: Any, k1: Any
) -> None:
    """One thread does the columns that share a call of Philox; cumulants are summed over rows afterwards."""
    n, width = u32(inputs.shape[1]), columns_per_call(inputs[0, 0])
    calls, words_each = (n + width - ONE) // width, FOUR // width
    for item in range(cuda.grid(1), inputs.shape[0] * calls, cuda.gridsize(1)):
        row, call = u32(item) // calls, u32(item) % calls
        words = philox(call, row + row0, step, stream, k0, k1)
        for lane in range(width):
            j = call * width + u32(lane)
            if j < n:
                x = inputs[row, j]
                if wanted == STATES:
                    high, low = words[lane * words_each], words[(lane * words_each + 1) & 3]
                    out[row, j] = state_of(kind, x, a[j], uniform(x, high, low))
                elif wanted == MEAN:
                    out[row, j] = mean_of(kind, x, a[j])
                else:
                    out[row, j] = cumulant_of(kind, x, a[j])


def _run(inputs: Any, a: Any, kind: int, wanted: int, draw: Draw | None = None) -> Any:
    if inputs.ndim != 2 or inputs.dtype not in (np.float32, np.float64):
        raise ValueError(f"inputs are {inputs.dtype}{inputs.shape}; give a 2-D array of float32 or float64")
    if a.shape != inputs.shape[1:] or a.dtype != inputs.dtype or on_gpu(a) != on_gpu(inputs):
        raise ValueError(f"the units' parameter {a.dtype}{a.shape} does not fit inputs {inputs.dtype}{inputs.shape}")
    inputs = inputs if inputs.flags.c_contiguous else inputs.copy(order="C")
    seed, stream, step, row0 = (draw.seed, draw.stream, draw.step, draw.first_row) if draw else (0, 0, 0, 0)
    if on_gpu(inputs):
        out = np.empty_like(inputs)
        words = (u32(w & 0xFFFFFFFF) for w in (step, stream, row0, seed, seed >> 32))
        threads = inputs.shape[0] * -(-inputs.shape[1] // (16 // inputs.dtype.itemsize))
        if inputs.size:
            _gpu(threads, inputs, a, np.int32(kind), np.int32(wanted), out, *words)
        return out.sum(axis=1) if wanted == CUMULANT else out
    out = np.zeros((inputs.shape[0], 1 if wanted == CUMULANT else inputs.shape[1]), inputs.dtype)
    if inputs.size:
        numbers = (np.int64(kind), np.int64(wanted), out, np.int64(row0), u64(step), u64(stream), u64(seed))
        over_rows(_cpu, (inputs, np.ascontiguousarray(a), *numbers), inputs.shape[0], 4 * inputs.size)
    return out[:, 0] if wanted == CUMULANT else out


def states(inputs: Any, a: Any, kind: int, draw: Draw) -> Any:
    """Draw s for every natural input.

    Parameters
    ----------
    inputs : array of shape (rows, n), float32 or float64, on the CPU or the GPU
        x.
    a : array of shape (n,), same dtype and device
        The units' parameter: precision (gaussian, relu), number of copies (binomial); elsewhere not read.
    kind : {SPIN, GAUSSIAN, RELU, NOISY_RELU, BINOMIAL}
    draw : Draw
        Where the uniforms stand, one a unit.

    Returns
    -------
    array of shape (rows, n)

    Raises
    ------
    ValueError
        When shapes, dtypes or devices do not fit.
    """
    return _run(inputs, a, kind, STATES, draw)


def means(inputs: Any, a: Any, kind: int) -> Any:
    """Return E[s] for every natural input; parameters and errors as of :func:`states`."""
    return _run(inputs, a, kind, MEAN)


def cumulants(inputs: Any, a: Any, kind: int) -> Any:
    """Return the log of the sum over all states of each row, shape (rows,); otherwise as :func:`states`."""
    return _run(inputs, a, kind, CUMULANT)
