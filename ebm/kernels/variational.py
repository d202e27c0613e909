"""A normal posterior N(mu, diag e^s): its divergence from N(0, 1), and draws through which gradients go.

    KL = 1/2 sum_j e^s_j + mu_j^2 - 1 - s_j        dKL/dmu_j = mu_j,   dKL/ds_j = 1/2 (e^s_j - 1)
    z_j = mu_j + e^{s_j / 2} eps_j                 dmu_j = dz_j,       ds_j = 1/2 dz_j eps_j e^{s_j / 2}

A posterior is a row of m means and m log-variances, as a layer with 2 m outputs makes them. The weight beta of the
divergence stands in an array, one number or one a batch, since it may grow while a network learns.

Source: Kingma & Welling 2014 (arXiv:1312.6114), appendix B and section 2.4; beta is that of Higgins et al. 2017.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ebm.kernels.block import BLOCK, block_sum
from ebm.kernels.box_muller import cos_turn, normal_row, radius, sin_turn
from ebm.kernels.checks import check_floats, check_like
from ebm.kernels.exponential import exponential
from ebm.kernels.jit import cell, core, cuda_loop, inner, on_gpu
from ebm.kernels.philox import columns_per_call, fill_uniforms, philox, uniform
from ebm.kernels.reduce import row_sum
from ebm.kernels.threads import over_rows

if TYPE_CHECKING:
    from numba import cuda

u32, u64 = np.uint32, np.uint64
ONE, TWO, FOUR = u32(1), u32(2), u32(4)
WORK, DRAW_WORK = 5, 20  # what an element costs, in plain ones


@cell
def divergence(mu: Any, s: Any) -> Any:
    """KL(N(mu, e^s) || N(0, 1))."""
    return type(s)(0.5) * ((exponential(s) - type(s)(1) - s) + mu * mu)


@cell
def spread_slope(s: Any) -> Any:
    """d divergence / d s."""
    return type(s)(0.5) * (exponential(s) - type(s)(1))


@cell
def deviation(s: Any) -> Any:
    """e^{s / 2}, the standard deviation."""
    return exponential(type(s)(0.5) * s)


@inner
def divergence_row(mu: Any, s: Any, terms: Any) -> None:
    """Write each unit's divergence."""
    for j in range(mu.size):
        terms[j] = divergence(mu[j], s[j])


@inner
def divergence_slopes(mu: Any, s: Any, factor: Any, d_mu: Any, d_s: Any) -> None:
    """Write the slopes of factor KL."""
    for j in range(mu.size):
        d_mu[j] = factor * mu[j]
        d_s[j] = factor * spread_slope(s[j])


@inner
def moved_row(mu: Any, s: Any, eps: Any, z: Any) -> None:
    """Write mu + e^{s / 2} eps."""
    for j in range(mu.size):
        z[j] = mu[j] + deviation(s[j]) * eps[j]


@inner
def add_slopes(s: Any, eps: Any, dz: Any, d_mu: Any, d_s: Any) -> None:
    """Add the gradients that come through z."""
    half = s.dtype.type(0.5)
    for j in range(s.size):
        d_mu[j] += dz[j]
        d_s[j] += half * dz[j] * (eps[j] * deviation(s[j]))


@core
def _divergence_cpu(
    posterior: Any, shares: Any, betas: Any, clock: Any, values: Any, d_posterior: Any, first: Any, last: Any
) -> None:  # fmt: skip
    """Without rows in ``d_posterior`` there are values alone, and no shares."""
    m = posterior.shape[1] // 2
    terms = np.empty(m, posterior.dtype)
    beta = betas[min(np.int64(clock[1]), betas.size - 1)]
    for row in range(first, last):
        mu, s = posterior[row, 0:m], posterior[row, m : 2 * m]
        divergence_row(mu, s, terms)
        values[row] = row_sum(terms, m)
        if d_posterior.shape[0] > 0:
            divergence_slopes(mu, s, beta * shares[row], d_posterior[row, 0:m], d_posterior[row, m : 2 * m])


@core
def _draw_cpu(
    posterior: Any, z: Any, eps: Any, clock: Any, stream: Any, key: Any, first: Any, last: Any
) -> None:  # fmt: skip
    m = z.shape[1]
    noise = np.empty(-(-m // 4) * 4, z.dtype)
    for row in range(first, last):
        fill_uniforms(noise, row, u64(clock[0]), stream, key)
        normal_row(noise, eps[row])
        moved_row(posterior[row, 0:m], posterior[row, m : 2 * m], eps[row], z[row])


@core(allocates=False)
def _back_cpu(posterior: Any, eps: Any, dz: Any, d_posterior: Any, first: Any, last: Any) -> None:
    m = eps.shape[1]
    for row in range(first, last):
        s, d = posterior[row, m : 2 * m], d_posterior[row]
        add_slopes(s, eps[row], dz[row], d[0:m], d[m : 2 * m])


@cuda_loop
def _divergence_gpu(
    posterior: Any, shares: Any, betas: Any, clock: Any, values: Any, d_posterior: Any, wanted: Any
) -> None:  # fmt: skip
    """One block does one row."""
    m = posterior.shape[1] // 2
    beta = betas[min(np.int64(clock[1]), betas.size - 1)]
    for row in range(cuda.blockIdx.x, posterior.shape[0], cuda.gridDim.x):
        total = type(beta)(0)
        for j in range(cuda.threadIdx.x, m, cuda.blockDim.x):
            mu, s = posterior[row, j], posterior[row, m + j]
            total += divergence(mu, s)
            if wanted:
                d_posterior[row, j] = beta * shares[row] * mu
                d_posterior[row, m + j] = beta * shares[row] * spread_slope(s)
        total = block_sum(total)
        if cuda.threadIdx.x == 0:
            values[row] = total


@cuda_loop
def _draw_gpu(posterior: Any, z: Any, eps: Any, clock: Any, stream: Any, k0: Any, k1: Any) -> None:
    """One thread does the columns that share a call."""
    m, width = u32(z.shape[1]), columns_per_call(z[0, 0])
    calls, words_each = (m + width - ONE) // width, FOUR // width
    zero = type(z[0, 0])(0)
    for item in range(cuda.grid(1), z.shape[0] * calls, cuda.gridsize(1)):
        row, call = u32(item) // calls, u32(item) % calls
        words = philox(call, row, clock[0], stream, k0, k1)
        for pair in range(width // TWO):
            at = TWO * u32(pair) * words_each
            r = radius(uniform(zero, words[at], words[(at + ONE) & 3]))
            u = uniform(zero, words[at + words_each], words[(at + words_each + ONE) & 3])
            j = call * width + TWO * u32(pair)
            if j < m:
                eps[row, j] = r * cos_turn(u)
                z[row, j] = posterior[row, j] + deviation(posterior[row, m + j]) * eps[row, j]
            if j + ONE < m:
                eps[row, j + ONE] = r * sin_turn(u)
                z[row, j + ONE] = posterior[row, j + ONE] + deviation(posterior[row, m + j + ONE]) * eps[row, j + ONE]


@cuda_loop
def _back_gpu(posterior: Any, eps: Any, dz: Any, d_posterior: Any) -> None:
    m = eps.shape[1]
    for item in range(cuda.grid(1), eps.size, cuda.gridsize(1)):
        row, j = item // m, item % m
        s = posterior[row, m + j]
        d_posterior[row, j] += dz[row, j]
        d_posterior[row, m + j] += type(s)(0.5) * dz[row, j] * (eps[row, j] * deviation(s))


def _check_posterior(posterior: Any, clock: Any) -> None:
    check_floats(posterior, "posterior", 2)
    if posterior.size == 0 or posterior.shape[1] % 2:
        raise ValueError(f"posterior is {posterior.dtype}{posterior.shape}; give m means and m log-variances a row")
    check_like(clock, "clock", (2,), posterior, np.uint32)


def kl_to_normal(
    posterior: Any, clock: Any, values: Any, *, shares: Any = None, betas: Any = None, d_posterior: Any = None
) -> None:
    """Write KL(N(mu, diag e^s) || N(0, I)) of every sample and, where asked for, beta times its gradient.

    Parameters
    ----------
    posterior : array of shape (n, 2 m), C-contiguous, float32 or float64
        m means, then m log-variances.
    clock : array of shape (2,), uint32
    values : array of shape (n,)
        Filled; beta is not in them.
    shares : array of shape (n,), optional
        Weight of each sample in the batch's loss; with ``d_posterior`` only.
    betas : array of shape (k,), optional
        The batch takes number min(clock[1], k - 1); with ``d_posterior`` only.
    d_posterior : array of shape (n, 2 m), optional
        Filled with beta shares[n] d values[n] / d posterior[n].

    Raises
    ------
    ValueError
        When shapes, dtypes or devices do not fit.
    """
    _check_posterior(posterior, clock)
    n = posterior.shape[0]
    check_like(values, "values", (n,), posterior)
    if d_posterior is None:
        shares, betas = values, values  # whatever is an array: they are not used
    else:
        check_floats(betas, "betas", 1)
        check_like(betas, "betas", (max(betas.size, 1),), posterior)
        check_like(shares, "shares", (n,), posterior)
        check_like(d_posterior, "d_posterior", posterior.shape, posterior)
    arguments = (posterior, shares, betas, clock, values)
    if on_gpu(posterior):
        wanted = np.int32(d_posterior is not None)
        _divergence_gpu(n * BLOCK, *arguments, posterior if d_posterior is None else d_posterior, wanted)
    else:
        d_posterior = np.empty((0, posterior.shape[1]), posterior.dtype) if d_posterior is None else d_posterior
        over_rows(_divergence_cpu, (*arguments, d_posterior), n, WORK * posterior.size)


def reparameterise(posterior: Any, noise: Any, z: Any, eps: Any) -> None:
    """Draw z = mu + e^{s / 2} eps, eps ~ N(0, I).

    Parameters
    ----------
    posterior : array of shape (n, 2 m), C-contiguous, float32 or float64
        m means, then m log-variances.
    noise : Noise
        Where eps stands: (column, row, step clock[0], stream) under the seed.
    z, eps : arrays of shape (n, m)
        Filled; the way back needs eps.

    Raises
    ------
    ValueError
        When shapes, dtypes or devices do not fit.
    """
    _check_posterior(posterior, noise.clock)
    n, m = posterior.shape[0], posterior.shape[1] // 2
    check_like(z, "z", (n, m), posterior)
    check_like(eps, "eps", (n, m), posterior)
    if on_gpu(posterior):
        words = (u32(w & 0xFFFFFFFF) for w in (noise.stream, noise.seed, noise.seed >> 32))
        _draw_gpu(n * -(-m // (16 // z.dtype.itemsize)), posterior, z, eps, noise.clock, *words)
    else:
        arguments = (posterior, z, eps, noise.clock, u64(noise.stream), u64(noise.seed))
        over_rows(_draw_cpu, arguments, n, DRAW_WORK * z.size)


def add_through_draw(posterior: Any, eps: Any, dz: Any, d_posterior: Any) -> None:
    """Add to the posterior's gradients what comes through z: dmu += dz, ds += 1/2 dz eps e^{s / 2}.

    Parameters
    ----------
    posterior, d_posterior : arrays of shape (n, 2 m)
    eps, dz : arrays of shape (n, m)

    Raises
    ------
    ValueError
        When shapes, dtypes or devices do not fit.
    """
    check_floats(eps, "eps", 2)
    n, m = eps.shape
    for a, name, width in ((posterior, "posterior", 2 * m), (dz, "dz", m), (d_posterior, "d_posterior", 2 * m)):
        check_like(a, name, (n, width), eps)
    if on_gpu(eps):
        _back_gpu(eps.size, posterior, eps, dz, d_posterior)
    else:
        over_rows(_back_cpu, (posterior, eps, dz, d_posterior), n, WORK * eps.size)
