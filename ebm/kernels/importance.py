"""Codes drawn from a normal posterior q(z given x) = N(mu, diag e^s), and how much likelier they are under N(0, I).

    z_j = mu_j + e^{s_j / 2} eps_j            log p(z) - log q(z given x) = 1/2 sum_j s_j + eps_j^2 - z_j^2

Every row has a name and a step, which say where its noise stands: so what a sample draws depends neither on its place
among others nor on how rows are cut into blocks.

Source: Burda, Grosse & Salakhutdinov 2016 (arXiv:1509.00519), eq. 8.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ebm.kernels.block import BLOCK, block_sum
from ebm.kernels.box_muller import cos_turn, normal_row, radius, sin_turn
from ebm.kernels.checks import check_floats, check_like
from ebm.kernels.jit import cell, core, cuda_loop, inner, on_gpu
from ebm.kernels.philox import columns_per_call, fill_uniforms, philox, uniform
from ebm.kernels.reduce import row_sum
from ebm.kernels.threads import over_rows
from ebm.kernels.variational import DRAW_WORK, deviation, moved_row

if TYPE_CHECKING:
    from numba import cuda

    from ebm.random import Draw

u32, u64 = np.uint32, np.uint64
ONE, TWO, FOUR = u32(1), u32(2), u32(4)


@cell
def ratio(s: Any, eps: Any, z: Any) -> Any:
    """log p(z) - log q(z) of one unit."""
    return type(s)(0.5) * ((s + eps * eps) - z * z)


@inner
def ratio_row(s: Any, eps: Any, z: Any, terms: Any) -> None:
    """Write each unit's log ratio."""
    for j in range(s.size):
        terms[j] = ratio(s[j], eps[j], z[j])


@core
def _cpu(
    posterior: Any, names: Any, steps: Any, z: Any, ratios: Any, stream: Any, key: Any, first: Any, last: Any
) -> None:  # fmt: skip
    m = z.shape[1]
    noise, eps, terms = np.empty(-(-m // 4) * 4, z.dtype), np.empty(m, z.dtype), np.empty(m, z.dtype)
    for row in range(first, last):
        fill_uniforms(noise, names[row], u64(steps[row]), stream, key)
        normal_row(noise, eps)
        s = posterior[row, m : 2 * m]
        moved_row(posterior[row, 0:m], s, eps, z[row])
        ratio_row(s, eps, z[row], terms)
        ratios[row] = row_sum(terms, m)


@cuda_loop
def _gpu(posterior: Any, names: Any, steps: Any, z: Any, ratios: Any, stream: Any, k0: Any, k1: Any) -> None:
    """One block does one row, one thread the columns that share a call."""
    m, width = u32(z.shape[1]), columns_per_call(z[0, 0])
    calls, words_each = (m + width - ONE) // width, FOUR // width
    zero = type(z[0, 0])(0)
    for row in range(cuda.blockIdx.x, z.shape[0], cuda.gridDim.x):
        total = zero
        for call in range(cuda.threadIdx.x, calls, cuda.blockDim.x):
            words = philox(u32(call), u32(names[row]), u32(steps[row]), stream, k0, k1)
            for pair in range(width // TWO):
                at = TWO * u32(pair) * words_each
                r = radius(uniform(zero, words[at], words[(at + ONE) & 3]))
                u = uniform(zero, words[at + words_each], words[(at + words_each + ONE) & 3])
                j = u32(call) * width + TWO * u32(pair)
                if j < m:
                    eps, s = r * cos_turn(u), posterior[row, m + j]
                    z[row, j] = posterior[row, j] + deviation(s) * eps
                    total += ratio(s, eps, z[row, j])
                if j + ONE < m:
                    eps, s = r * sin_turn(u), posterior[row, m + j + ONE]
                    z[row, j + ONE] = posterior[row, j + ONE] + deviation(s) * eps
                    total += ratio(s, eps, z[row, j + ONE])
        total = block_sum(total)
        if cuda.threadIdx.x == 0:
            ratios[row] = total


def draw_codes(posterior: Any, names: Any, steps: Any, draw: Draw, z: Any, ratios: Any) -> None:
    """Draw a code for every row, and write log p(z) - log q(z given x).

    Parameters
    ----------
    posterior : array of shape (n, 2 m), C-contiguous, float32 or float64
        m means, then m log-variances.
    names, steps : arrays of shape (n,), int64
        Where a row's noise stands: (column, name, step, stream) under the seed; both in [0, 2**32).
    draw : Draw
        The seed and the stream; its step and first row are not read.
    z : array of shape (n, m)
        Filled.
    ratios : array of shape (n,)
        Filled.

    Raises
    ------
    ValueError
        When shapes, dtypes or devices do not fit.
    """
    check_floats(posterior, "posterior", 2)
    n, m = posterior.shape[0], posterior.shape[1] // 2
    if posterior.size == 0 or posterior.shape[1] % 2:
        raise ValueError(f"posterior is {posterior.dtype}{posterior.shape}; give m means and m log-variances a row")
    check_like(z, "z", (n, m), posterior)
    check_like(ratios, "ratios", (n,), posterior)
    check_like(names, "names", (n,), posterior, np.int64)
    check_like(steps, "steps", (n,), posterior, np.int64)
    arguments = posterior, names, steps, z, ratios
    if on_gpu(posterior):
        _gpu(n * BLOCK, *arguments, *(u32(w & 0xFFFFFFFF) for w in (draw.stream, draw.seed, draw.seed >> 32)))
    else:
        over_rows(_cpu, (*arguments, u64(draw.stream), u64(draw.seed)), n, DRAW_WORK * z.size)
