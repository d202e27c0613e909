"""Steps of descent along a gradient g, over one flat vector w of all parameters: SGD and RMSprop.

With g' = scale g + decay w (decay of the first ``n_decayed`` entries only: biases are not decayed) and the rate r:

    SGD        m = mu m + g',   w -= r m,   Nesterov: w -= r (g' + mu m),   without momentum w -= r g'
    RMSprop    v = rho v + (1 - rho) g'^2,   d = g' / (sqrt v + eps);   w -= r d,   or m = mu m + d,   w -= r m

The rate is a row of a table, number clock[1] (or the last, where there are fewer): what changes from update to update.

Source: Sutskever et al. 2013, "On the importance of initialization and momentum in deep learning", eqs. 1 to 4 (with
the rate outside the velocity); Tieleman & Hinton 2012, "Lecture 6.5: RMSprop".
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

NOTHING = 1e-30
CHUNK = 4096  # entries that a thread does at a time


@cell
def along(g: Any, w: Any, scale: Any, decay: Any) -> Any:
    """Return the gradient, scaled, with decay."""
    return scale * g + decay * w


@cell
def settled(x: Any) -> Any:
    """Return x, or 0 where it is next to nothing: without a gradient means shrink to subnormal numbers, and stay there.

    (These make many processors a hundred times slower. NaN stays NaN.)
    """
    return type(x)(0) if abs(x) < type(x)(NOTHING) else x


@cell
def averaged(v: Any, x: Any, keep: Any, take: Any) -> Any:
    """Return keep v + take x, with take = 1 - keep, which in float32 would lose digits."""
    return settled(keep * v + take * x)


@cell
def moved(m: Any, d: Any, momentum: Any) -> Any:
    """Return momentum m + d."""
    return settled(momentum * m + d)


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
        m[i] = moved(m[i], d, momentum)
        w[i] -= rate * (keep * m[i] + ahead * d)


@inner
def rmsprop_part(w: Any, g: Any, v: Any, rate: Any, scale: Any, decay: Any, keep: Any, take: Any, epsilon: Any) -> None:
    """Move a slice without momentum."""
    for i in range(w.size):
        d = along(g[i], w[i], scale, decay)
        v[i] = averaged(v[i], d * d, keep, take)
        w[i] -= rate * (d / (math.sqrt(v[i]) + epsilon))


@inner
def rmsprop_momentum_part(
    w: Any, g: Any, v: Any, m: Any, rate: Any, scale: Any, decay: Any, keep: Any, take: Any, epsilon: Any,
    momentum: Any,
) -> None:  # fmt: skip
    """Move a slice with momentum."""
    for i in range(w.size):
        d = along(g[i], w[i], scale, decay)
        v[i] = averaged(v[i], d * d, keep, take)
        m[i] = moved(m[i], d / (math.sqrt(v[i]) + epsilon), momentum)
        w[i] -= rate * m[i]


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
    take: Any, epsilon: Any, momentum: Any, first: Any, last: Any,
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
                rmsprop_part(x, d, s, rate, scale[0], weight, keep, take, epsilon)
            else:
                rmsprop_momentum_part(x, d, s, m[here:there], rate, scale[0], weight, keep, take, epsilon, momentum)


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
            m[i] = moved(m[i], d, momentum)
            w[i] -= rate * (keep * m[i] + ahead * d)


@cuda_loop
def _rmsprop_gpu(
    w: Any, g: Any, v: Any, m: Any, table: Any, clock: Any, scale: Any, n_decayed: Any, decay: Any, keep: Any,
    take: Any, epsilon: Any, momentum: Any,
) -> None:  # fmt: skip
    rate, zero = table[min(np.int64(clock[1]), table.shape[0] - 1), 0], type(decay)(0)
    for i in range(cuda.grid(1), w.size, cuda.gridsize(1)):
        d = along(g[i], w[i], scale[0], decay if i < n_decayed else zero)
        v[i] = averaged(v[i], d * d, keep, take)
        d /= math.sqrt(v[i]) + epsilon
        if m.size > 0:
            m[i] = moved(m[i], d, momentum)
            d = m[i]
        w[i] -= rate * d


def check_step(
    w: Any, g: Any, slots: dict[str, Any], table: Any, columns: int, clock: Any, scale: Any, n: int
) -> None:  # fmt: skip
    """Refuse arrays of a step that do not fit its weights ``w``, of which the first ``n`` decay."""
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


def run_step(cpu: Any, gpu: Any, arrays: tuple[Any, ...], n_decayed: int, numbers: tuple[float, ...]) -> None:
    """Run a step's loop on the device of its arrays; ``numbers`` take their dtype."""
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
    check_step(weights, gradient, {} if velocity is None else {"velocity": velocity}, table, 1, clock, scale, n_decayed)
    velocity = np.empty_like(weights, shape=(0,)) if velocity is None else velocity
    arrays = (weights, gradient, velocity, table, clock, scale)
    run_step(_sgd_cpu, _sgd_gpu, arrays, n_decayed, (decay, momentum, float(nesterov)))


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
    check_step(weights, gradient, slots, table, 1, clock, scale, n_decayed)
    velocity = np.empty_like(weights, shape=(0,)) if velocity is None else velocity
    arrays = (weights, gradient, squares, velocity, table, clock, scale)
    run_step(_rmsprop_cpu, _rmsprop_gpu, arrays, n_decayed, (decay, keep, 1.0 - keep, epsilon, momentum))
