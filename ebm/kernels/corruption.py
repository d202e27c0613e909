"""Corruption of inputs x, element by element, with noise that is drawn anew in every update.

    Gaussian noise     x + s z,  z ~ N(0, 1)
    masking            0 with probability r, else f x      (f = 1; dropout is masking with f = 1 / (1 - r))
    salt and pepper    low with probability r / 2, high with probability r / 2, else x

The uniform u of column j and row i is Philox's at (j, i, step, stream) under the seed, where the step is clock[0], the
number of the update: an element is masked where u < r, becomes low where u < r / 2 and high where r / 2 <= u < r.

Source: Vincent, Larochelle, Lajoie, Bengio & Manzagol 2010 (JMLR 11:3371), section 3.3; Srivastava, Hinton, Krizhevsky,
Sutskever & Salakhutdinov 2014 (JMLR 15:1929), section 4, for dropout.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ebm.kernels.box_muller import WORK, normal_row, radius
from ebm.kernels.box_muller import cos_turn as cosine
from ebm.kernels.box_muller import sin_turn as sine
from ebm.kernels.jit import cell, core, cuda_loop, inner, on_gpu
from ebm.kernels.philox import columns_per_call, fill_uniforms, philox, uniform
from ebm.kernels.threads import over_rows

if TYPE_CHECKING:
    from numba import cuda

u32, u64 = np.uint32, np.uint64
ONE, TWO, FOUR = u32(1), u32(2), u32(4)
UNIFORM = 6  # a uniform costs about as much as so many plain elements


@cell
def masked(x: Any, u: Any, rate: Any, factor: Any) -> Any:
    """Return 0 with probability ``rate``, else factor x."""
    kept = factor * x
    return type(x)(0) if u < rate else kept


@cell
def salted(x: Any, u: Any, rate: Any, low: Any, high: Any) -> Any:
    """Return low or high, each with probability rate / 2, else x."""
    extreme = low if u < type(x)(0.5) * rate else high
    return extreme if u < rate else x


# ---- CPU ----


@inner
def _mask_row(x: Any, noise: Any, rate: Any, factor: Any, out: Any) -> None:
    for j in range(x.size):
        out[j] = masked(x[j], noise[j], rate, factor)


@inner
def _salt_row(x: Any, noise: Any, rate: Any, low: Any, high: Any, out: Any) -> None:
    for j in range(x.size):
        out[j] = salted(x[j], noise[j], rate, low, high)


@inner
def _add_row(x: Any, z: Any, scale: Any, out: Any) -> None:
    for j in range(x.size):
        out[j] = x[j] + scale * z[j]


@core
def _mask_cpu(
    x: Any, rate: Any, factor: Any, out: Any, clock: Any, stream: Any, key: Any, first: Any, last: Any
) -> None:
    noise = np.empty(-(-x.shape[1] // 4) * 4, x.dtype)
    for row in range(first, last):
        fill_uniforms(noise, row, u64(clock[0]), stream, key)
        _mask_row(x[row], noise, rate, factor, out[row])


@core
def _salt_cpu(
    x: Any, rate: Any, low: Any, high: Any, out: Any, clock: Any, stream: Any, key: Any, first: Any, last: Any
) -> None:
    noise = np.empty(-(-x.shape[1] // 4) * 4, x.dtype)
    for row in range(first, last):
        fill_uniforms(noise, row, u64(clock[0]), stream, key)
        _salt_row(x[row], noise, rate, low, high, out[row])


@core
def _gauss_cpu(x: Any, scale: Any, out: Any, clock: Any, stream: Any, key: Any, first: Any, last: Any) -> None:
    noise, z = np.empty(-(-x.shape[1] // 4) * 4, x.dtype), np.empty(x.shape[1], x.dtype)
    for row in range(first, last):
        fill_uniforms(noise, row, u64(clock[0]), stream, key)
        normal_row(noise, z)
        _add_row(x[row], z, scale, out[row])


# ---- GPU: one thread does the columns that share a call of the generator ----


@cuda_loop
def _mask_gpu(x: Any, rate: Any, factor: Any, out: Any, clock: Any, stream: Any, k0: Any, k1: Any) -> None:
    n, width = u32(x.shape[1]), columns_per_call(x[0, 0])
    calls, words_each = (n + width - ONE) // width, FOUR // width
    for item in range(cuda.grid(1), x.shape[0] * calls, cuda.gridsize(1)):
        row, call = u32(item) // calls, u32(item) % calls
        words = philox(call, row, clock[0], stream, k0, k1)
        for lane in range(width):
            j = call * width + u32(lane)
            if j < n:
                u = uniform(rate, words[lane * words_each], words[(lane * words_each + 1) & 3])
                out[row, j] = masked(x[row, j], u, rate, factor)


@cuda_loop
def _salt_gpu(x: Any, rate: Any, low: Any, high: Any, out: Any, clock: Any, stream: Any, k0: Any, k1: Any) -> None:
    n, width = u32(x.shape[1]), columns_per_call(x[0, 0])
    calls, words_each = (n + width - ONE) // width, FOUR // width
    for item in range(cuda.grid(1), x.shape[0] * calls, cuda.gridsize(1)):
        row, call = u32(item) // calls, u32(item) % calls
        words = philox(call, row, clock[0], stream, k0, k1)
        for lane in range(width):
            j = call * width + u32(lane)
            if j < n:
                u = uniform(rate, words[lane * words_each], words[(lane * words_each + 1) & 3])
                out[row, j] = salted(x[row, j], u, rate, low, high)


@cuda_loop
def _gauss_gpu(x: Any, scale: Any, out: Any, clock: Any, stream: Any, k0: Any, k1: Any) -> None:
    n, width = u32(x.shape[1]), columns_per_call(x[0, 0])
    calls, words_each = (n + width - ONE) // width, FOUR // width
    for item in range(cuda.grid(1), x.shape[0] * calls, cuda.gridsize(1)):
        row, call = u32(item) // calls, u32(item) % calls
        words = philox(call, row, clock[0], stream, k0, k1)
        for pair in range(width // TWO):
            at = TWO * u32(pair) * words_each
            r = radius(uniform(scale, words[at], words[(at + ONE) & 3]))
            u = uniform(scale, words[at + words_each], words[(at + words_each + ONE) & 3])
            j = call * width + TWO * u32(pair)
            if j < n:
                out[row, j] = x[row, j] + scale * (r * cosine(u))
            if j + ONE < n:
                out[row, j + ONE] = x[row, j + ONE] + scale * (r * sine(u))


# ---- what others call ----


def _matrices(x: Any, out: Any) -> tuple[Any, Any]:
    """Return x and out as matrices of one sample a row."""
    if x.ndim < 2 or x.dtype not in (np.float32, np.float64) or not x.flags.c_contiguous:
        raise ValueError(f"x is {x.dtype}{x.shape}; give samples in rows, float32 or float64, C-contiguous")
    if (out.shape, out.dtype, on_gpu(out)) != (x.shape, x.dtype, on_gpu(x)) or not out.flags.c_contiguous:
        raise ValueError(f"out is {out.dtype}{out.shape}, but x asks for {x.dtype}{x.shape}, C-contiguous, beside it")
    return x.reshape(x.shape[0], -1), out.reshape(x.shape[0], -1)


def _run(cpu: Any, gpu: Any, x: Any, numbers: tuple[float, ...], out: Any, noise: Any, work: int) -> None:
    x, out = _matrices(x, out)
    own = tuple(x.dtype.type(number) for number in numbers)
    if x.size == 0:
        pass
    elif on_gpu(x):
        words = (noise.stream, noise.seed, noise.seed >> 32)
        threads = x.shape[0] * -(-x.shape[1] // (16 // x.dtype.itemsize))
        gpu(threads, x, *own, out, noise.clock, *(u32(w & 0xFFFFFFFF) for w in words))
    else:
        place = (noise.clock, u64(noise.stream), u64(noise.seed))
        over_rows(cpu, (x, *own, out, *place), x.shape[0], work * x.size)


def mask(x: Any, out: Any, noise: Any, *, rate: float, factor: float = 1.0) -> None:
    """Write x with elements set to 0 at random, each with probability ``rate``, and the others times ``factor``.

    Parameters
    ----------
    x, out : array of shape (rows, ...), float32 or float64, C-contiguous, on the CPU or the GPU
        ``out`` may be ``x`` itself.
    noise : Noise
        Where the uniforms stand: seed, stream, and the clock whose first number is the step.
    rate : float
        In [0, 1].
    factor : float, default=1.0

    Raises
    ------
    ValueError
        When ``x`` is no array of float samples, or ``out`` does not fit it.
    """
    _run(_mask_cpu, _mask_gpu, x, (rate, factor), out, noise, UNIFORM)


def salt_and_pepper(x: Any, out: Any, noise: Any, *, rate: float, low: float, high: float) -> None:
    """Write x with elements set to ``low`` or ``high``, each with probability rate / 2; otherwise as :func:`mask`."""
    _run(_salt_cpu, _salt_gpu, x, (rate, low, high), out, noise, UNIFORM)


def add_noise(x: Any, out: Any, noise: Any, *, scale: float) -> None:
    """Write x + scale z with z ~ N(0, 1), independent for every element; otherwise as :func:`mask`."""
    _run(_gauss_cpu, _gauss_gpu, x, (scale,), out, noise, WORK)
