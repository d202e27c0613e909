"""Steps of descent along a gradient g, over one flat vector w of all parameters: SGD, RMSprop, Adam.

With g' = scale g + decay w (decay of the first ``n_decayed`` entries only: biases are not decayed) and the rate r:

    SGD        m = mu m + g',   w -= r m,   Nesterov: w -= r (g' + mu m),   without momentum w -= r g'
    RMSprop    v = rho v + (1 - rho) g'^2,   d = g' / (sqrt v + eps);   w -= r d,   or m = mu m + d,   w -= r m
    Adam       m = b1 m + (1 - b1) g',   v = b2 v + (1 - b2) g'^2,
               w -= (r / (1 - b1^t)) m / (sqrt v / sqrt(1 - b2^t) + eps)
    AdamW      the same with g' = scale g, after w -= r decay w

What changes from update to update is a row of a table, number clock[1] (or the last, where there are fewer): (r,), or for
Adam (r, 1 / (1 - b1^t), 1 / sqrt(1 - b2^t)).

Source: Sutskever et al. 2013, "On the importance of initialization and momentum in deep learning", eqs. 1 to 4 (with the
rate outside the velocity); Tieleman & Hinton 2012, lecture 6.5; Kingma & Ba 2015 (arXiv:1412.6980), algorithm 1;
Loshchilov & Hutter 2019 (arXiv:1711.05101), algorithm 2.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ebm.kernels.checks import check_floats, check_like
from ebm.kernels.jit import cell, core, cuda_loop, inner, on_gpu
from ebm.kernels.threads import over_rows

if TYPE_CHECKING:
    from numba import cuda

CHUNK = 4096  # entries that a thread does at a time


@cell
def along(g: Any, w: Any, scale: Any, decay: Any) -> Any:
    """Return the gradient, scaled, with decay."""
    return scale * g + decay * w


@cell
def averaged(v: Any, x: Any, keep: Any) -> Any:
    """Return keep v + (1 - keep) x."""
    return keep * v + (type(x)(1) - keep) * x


@cell
def adaptive(m: Any, v: Any, correct_m: Any, correct_v: Any, epsilon: Any) -> Any:
    """Return Adam's direction."""
    return correct_m * m / (math.sqrt(v) * correct_v + epsilon)


@inner
def sgd_part(w: Any, g: Any, rate: Any, scale: Any, decay: Any) -> None:
    """Move a slice without momentum."""
    for i in range(w.size):
        w[i] -= rate * along(g[i], w[i], scale, decay)


@inner
def momentum_part(w: Any, g: Any, m: Any, rate: Any, scale: Any, decay: Any, momentum: Any, ahead: Any) -> None:
    """Move a slice; the step is m + ahead (g' + (momentum - 1) m), with ``ahead`` 1 for Nesterov's, else 0."""
    one = w.dtype.type(1)
    keep = one - ahead + ahead * momentum
    for i in range(w.size):
        d = along(g[i], w[i], scale, decay)
        m[i] = momentum * m[i] + d
        w[i] -= rate * (keep * m[i] + ahead * d)


@inner
def rmsprop_part(w: Any, g: Any, v: Any, rate: Any, scale: Any, decay: Any, keep: Any, epsilon: Any) -> None:
    """Move a slice without momentum."""
    for i in range(w.size):
        d = along(g[i], w[i], scale, decay)
        v[i] = averaged(v[i], d * d, keep)
        w[i] -= rate * (d / (math.sqrt(v[i]) + epsilon))


@inner
def rmsprop_momentum_part(
    w: Any, g: Any, v: Any, m: Any, rate: Any, scale: Any, decay: Any, keep: Any, epsilon: Any, momentum: Any
) -> None:
    """Move a slice with momentum."""
    for i in range(w.size):
        d = along(g[i], w[i], scale, decay)
        v[i] = averaged(v[i], d * d, keep)
        m[i] = momentum * m[i] + d / (math.sqrt(v[i]) + epsilon)
        w[i] -= rate * m[i]


@inner
def adam_part(
    w: Any, g: Any, m: Any, v: Any, rate: Any, correct_m: Any, correct_v: Any, scale: Any, decay: Any, shrink: Any,
    keep_m: Any, keep_v: Any, epsilon: Any,
) -> None:  # fmt: skip
    """Move a slice: ``decay`` joins the gradient, ``shrink`` is what decoupled decay leaves of w."""
    for i in range(w.size):
        d = along(g[i], w[i], scale, decay)
        m[i] = averaged(m[i], d, keep_m)
        v[i] = averaged(v[i], d * d, keep_v)
        w[i] = shrink * w[i] - rate * adaptive(m[i], v[i], correct_m, correct_v, epsilon)


@core(allocates=False)
def _sgd_cpu(
    w: Any, g: Any, m: Any, table: Any, clock: Any, scale: Any, n_decayed: Any, decay: Any, momentum: Any, ahead: Any,
    first: Any, last: Any,
) -> None:  # fmt: skip
    """Do chunks; without a velocity there is no momentum."""
    rate, zero = table[min(np.int64(clock[1]), table.shape[0] - 1), 0], w.dtype.type(0)
    for chunk in range(first, last):
        left, right = chunk * CHUNK, min((chunk + 1) * CHUNK, w.size)
        middle = min(max(left, n_decayed), right)
        for part in range(2):
            here, there = (left, middle) if part == 0 else (middle, right)
            x, d, weight = w[here:there], g[here:there], decay if part == 0 else zero
            if m.size == 0:
                sgd_part(x, d, rate, scale[0], weight)
            else:
                momentum_part(x, d, m[here:there], rate, scale[0], weight, momentum, ahead)


@core(allocates=False)
def _rmsprop_cpu(
    w: Any, g: Any, v: Any, m: Any, table: Any, clock: Any, scale: Any, n_decayed: Any, decay: Any, keep: Any,
    epsilon: Any, momentum: Any, first: Any, last: Any,
) -> None:  # fmt: skip
    """Do chunks; without a velocity there is no momentum."""
    rate, zero = table[min(np.int64(clock[1]), table.shape[0] - 1), 0], w.dtype.type(0)
    for chunk in range(first, last):
        left, right = chunk * CHUNK, min((chunk + 1) * CHUNK, w.size)
        middle = min(max(left, n_decayed), right)
        for part in range(2):
            here, there = (left, middle) if part == 0 else (middle, right)
            x, d, s, weight = w[here:there], g[here:there], v[here:there], decay if part == 0 else zero
            if m.size == 0:
                rmsprop_part(x, d, s, rate, scale[0], weight, keep, epsilon)
            else:
                rmsprop_momentum_part(x, d, s, m[here:there], rate, scale[0], weight, keep, epsilon, momentum)


@core(allocates=False)
def _adam_cpu(
    w: Any, g: Any, m: Any, v: Any, table: Any, clock: Any, scale: Any, n_decayed: Any, decay: Any, decoupled: Any,
    keep_m: Any, keep_v: Any, epsilon: Any, first: Any, last: Any,
) -> None:  # fmt: skip
    """Do chunks; ``decay`` joins the gradient, ``decoupled`` does not."""
    now = table[min(np.int64(clock[1]), table.shape[0] - 1)]
    zero, one = w.dtype.type(0), w.dtype.type(1)
    for chunk in range(first, last):
        left, right = chunk * CHUNK, min((chunk + 1) * CHUNK, w.size)
        middle = min(max(left, n_decayed), right)
        for part in range(2):
            here, there = (left, middle) if part == 0 else (middle, right)
            weight, shrink = (decay, one - now[0] * decoupled) if part == 0 else (zero, one)
            adam_part(
                w[here:there], g[here:there], m[here:there], v[here:there], now[0], now[1], now[2], scale[0],
                weight, shrink, keep_m, keep_v, epsilon,
            )  # fmt: skip


@cuda_loop
def _sgd_gpu(
    w: Any, g: Any, m: Any, table: Any, clock: Any, scale: Any, n_decayed: Any, decay: Any, momentum: Any, ahead: Any
) -> None:  # fmt: skip
    rate, zero, one = table[min(np.int64(clock[1]), table.shape[0] - 1), 0], type(decay)(0), type(decay)(1)
    keep = one - ahead + ahead * momentum
    for i in range(cuda.grid(1), w.size, cuda.gridsize(1)):
        d = along(g[i], w[i], scale[0], decay if i < n_decayed else zero)
        if m.size == 0:
            w[i] -= rate * d
        else:
            m[i] = momentum * m[i] + d
            w[i] -= rate * (keep * m[i] + ahead * d)


@cuda_loop
def _rmsprop_gpu(
    w: Any, g: Any, v: Any, m: Any, table: Any, clock: Any, scale: Any, n_decayed: Any, decay: Any, keep: Any,
    epsilon: Any, momentum: Any,
) -> None:  # fmt: skip
    rate, zero = table[min(np.int64(clock[1]), table.shape[0] - 1), 0], type(decay)(0)
    for i in range(cuda.grid(1), w.size, cuda.gridsize(1)):
        d = along(g[i], w[i], scale[0], decay if i < n_decayed else zero)
        v[i] = averaged(v[i], d * d, keep)
        d /= math.sqrt(v[i]) + epsilon
        if m.size > 0:
            m[i] = momentum * m[i] + d
            d = m[i]
        w[i] -= rate * d


@cuda_loop
def _adam_gpu(
    w: Any, g: Any, m: Any, v: Any, table: Any, clock: Any, scale: Any, n_decayed: Any, decay: Any, decoupled: Any,
    keep_m: Any, keep_v: Any, epsilon: Any,
) -> None:  # fmt: skip
    row, zero, one = min(np.int64(clock[1]), table.shape[0] - 1), type(decay)(0), type(decay)(1)
    rate, correct_m, correct_v = table[row, 0], table[row, 1], table[row, 2]
    for i in range(cuda.grid(1), w.size, cuda.gridsize(1)):
        d = along(g[i], w[i], scale[0], decay if i < n_decayed else zero)
        m[i] = averaged(m[i], d, keep_m)
        v[i] = averaged(v[i], d * d, keep_v)
        shrink = one - rate * decoupled if i < n_decayed else one
        w[i] = shrink * w[i] - rate * adaptive(m[i], v[i], correct_m, correct_v, epsilon)


def _check(w: Any, g: Any, slots: dict[str, Any], table: Any, columns: int, clock: Any, scale: Any, n: int) -> None:
    check_floats(w, "weights", 1)
    check_like(g, "gradient", w.shape, w)
    for name, slot in slots.items():
        check_like(slot, name, w.shape, w)
    if table.ndim != 2 or table.shape[0] == 0:
        raise ValueError(f"table is {table.dtype}{table.shape}; give a row for every update")
    check_like(table, "table", (table.shape[0], columns), w)
    check_like(clock, "clock", (2,), w, np.uint32)
    check_like(scale, "scale", (1,), w)
    if not 0 <= n <= w.size:
        raise ValueError(f"n_decayed must be in [0, {w.size}], got {n}")


def _run(cpu: Any, gpu: Any, arrays: tuple[Any, ...], n_decayed: int, numbers: tuple[float, ...]) -> None:
    w = arrays[0]
    arguments = (*arrays, np.int64(n_decayed), *(w.dtype.type(x) for x in numbers))
    if w.size == 0:
        raise ValueError("weights is empty; a step needs parameters")
    if on_gpu(w):
        gpu(w.size, *arguments)
    else:
        over_rows(cpu, arguments, -(-w.size // CHUNK), w.size)


def sgd_step(
    weights: Any, gradient: Any, velocity: Any, table: Any, clock: Any, scale: Any, n_decayed: int,
    *, decay: float, momentum: float, nesterov: bool,
) -> None:  # fmt: skip
    """Move parameters by stochastic gradient descent, in place.

    Parameters
    ----------
    weights, gradient : arrays of shape (n,), C-contiguous, float32 or float64
    velocity : array of shape (n,), or None without momentum
        Moved too.
    table : array of shape (n_updates, 1), of the same dtype and device
        Learning rates; row min(clock[1], n_updates - 1) is read.
    clock : array of shape (2,), uint32
    scale : array of shape (1,)
        Multiplies the gradient.
    n_decayed : int
        How many parameters, the first ones, decay.
    decay, momentum : float
    nesterov : bool

    Raises
    ------
    ValueError
        When shapes, dtypes or devices do not fit.
    """
    _check(weights, gradient, {} if velocity is None else {"velocity": velocity}, table, 1, clock, scale, n_decayed)
    velocity = np.empty_like(weights, shape=(0,)) if velocity is None else velocity
    arrays = (weights, gradient, velocity, table, clock, scale)
    _run(_sgd_cpu, _sgd_gpu, arrays, n_decayed, (decay, momentum, float(nesterov)))


def rmsprop_step(
    weights: Any, gradient: Any, squares: Any, velocity: Any, table: Any, clock: Any, scale: Any, n_decayed: int,
    *, decay: float, keep: float, epsilon: float, momentum: float,
) -> None:  # fmt: skip
    """Move parameters by RMSprop, in place.

    Parameters
    ----------
    weights, gradient, velocity, table, clock, scale, n_decayed, decay, momentum
        As of :func:`sgd_step`.
    squares : array of shape (n,)
        Running means of squared gradients; moved too.
    keep : float
        What these keep of themselves in an update.
    epsilon : float

    Raises
    ------
    ValueError
        When shapes, dtypes or devices do not fit.
    """
    slots = {"squares": squares} if velocity is None else {"squares": squares, "velocity": velocity}
    _check(weights, gradient, slots, table, 1, clock, scale, n_decayed)
    velocity = np.empty_like(weights, shape=(0,)) if velocity is None else velocity
    arrays = (weights, gradient, squares, velocity, table, clock, scale)
    _run(_rmsprop_cpu, _rmsprop_gpu, arrays, n_decayed, (decay, keep, epsilon, momentum))


def adam_step(
    weights: Any, gradient: Any, means: Any, squares: Any, table: Any, clock: Any, scale: Any, n_decayed: int,
    *, decay: float, decoupled: bool, beta1: float, beta2: float, epsilon: float,
) -> None:  # fmt: skip
    """Move parameters by Adam, in place.

    Parameters
    ----------
    weights, gradient, clock, scale, n_decayed
        As of :func:`sgd_step`.
    means, squares : arrays of shape (n,)
        Running means of gradients and of their squares; moved too.
    table : array of shape (n_updates, 3)
        Learning rate, 1 / (1 - beta1^t) and 1 / sqrt(1 - beta2^t); the row as there.
    decay : float
    decoupled : bool
        Whether decay shrinks the weights themselves (AdamW) rather than joining the gradient.
    beta1, beta2, epsilon : float

    Raises
    ------
    ValueError
        When shapes, dtypes or devices do not fit.
    """
    _check(weights, gradient, {"means": means, "squares": squares}, table, 3, clock, scale, n_decayed)
    arrays = (weights, gradient, means, squares, table, clock, scale)
    decays = (0.0, decay) if decoupled else (decay, 0.0)
    _run(_adam_cpu, _adam_gpu, arrays, n_decayed, (*decays, beta1, beta2, epsilon))
