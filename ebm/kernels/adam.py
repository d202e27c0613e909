"""Adam: steps along the running mean m of gradients g, over the root of the running mean v of their squares.

    m = b1 m + (1 - b1) g',   v = b2 v + (1 - b2) g'^2,
    w -= (r / (1 - b1^t)) m / (sqrt v / sqrt(1 - b2^t) + eps)

with g' = scale g + decay w (decay of the first ``n_decayed`` entries only), or for AdamW g' = scale g and -r decay w
apart from it. A table's row (r, 1 / (1 - b1^t), 1 / sqrt(1 - b2^t)) holds what changes from update to update.

Source: Kingma & Ba 2015 (arXiv:1412.6980), algorithm 1; Loshchilov & Hutter 2019 (arXiv:1711.05101), algorithm 2.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ebm.kernels.jit import cell, core, cuda_loop, inner
from ebm.kernels.steps import CHUNK, along, averaged, check_step, run_step

if TYPE_CHECKING:
    from numba import cuda


@cell
def adaptive(m: Any, v: Any, correct_m: Any, correct_v: Any, epsilon: Any) -> Any:
    """Return Adam's direction."""
    return correct_m * m / (math.sqrt(v) * correct_v + epsilon)


@inner
def adam_part(
    w: Any, g: Any, m: Any, v: Any, rate: Any, correct_m: Any, correct_v: Any, scale: Any, decay: Any, shrink: Any,
    keep_m: Any, take_m: Any, keep_v: Any, take_v: Any, epsilon: Any,
) -> None:  # fmt: skip
    """Move a slice: ``decay`` joins the gradient, ``shrink`` is the part of w that decoupled decay takes."""
    for i in range(w.size):
        d = along(g[i], w[i], scale, decay)
        m[i] = averaged(m[i], d, keep_m, take_m)
        v[i] = averaged(v[i], d * d, keep_v, take_v)
        w[i] -= rate * adaptive(m[i], v[i], correct_m, correct_v, epsilon) + shrink * w[i]


@core(allocates=False)
def _cpu(
    w: Any, g: Any, m: Any, v: Any, table: Any, clock: Any, scale: Any, n_decayed: Any, decay: Any, decoupled: Any,
    keep_m: Any, take_m: Any, keep_v: Any, take_v: Any, epsilon: Any, first: Any, last: Any,
) -> None:  # fmt: skip
    """Do chunks; ``decay`` joins the gradient, ``decoupled`` does not."""
    now = table[min(np.int64(clock[1]), table.shape[0] - 1)]
    zero = w.dtype.type(0)
    for chunk in range(first, last):
        left, right = chunk * CHUNK, min((chunk + 1) * CHUNK, w.size)
        middle = min(max(left, n_decayed), right)
        for part in range(2):
            here, there = (left, middle) if part == 0 else (middle, right)
            weight, shrink = (decay, now[0] * decoupled) if part == 0 else (zero, zero)
            adam_part(
                w[here:there], g[here:there], m[here:there], v[here:there], now[0], now[1], now[2], scale[0],
                weight, shrink, keep_m, take_m, keep_v, take_v, epsilon,
            )  # fmt: skip


@cuda_loop
def _gpu(
    w: Any, g: Any, m: Any, v: Any, table: Any, clock: Any, scale: Any, n_decayed: Any, decay: Any, decoupled: Any,
    keep_m: Any, take_m: Any, keep_v: Any, take_v: Any, epsilon: Any,
) -> None:  # fmt: skip
    row, zero = min(np.int64(clock[1]), table.shape[0] - 1), type(decay)(0)
    rate, correct_m, correct_v = table[row, 0], table[row, 1], table[row, 2]
    for i in range(cuda.grid(1), w.size, cuda.gridsize(1)):
        d = along(g[i], w[i], scale[0], decay if i < n_decayed else zero)
        m[i] = averaged(m[i], d, keep_m, take_m)
        v[i] = averaged(v[i], d * d, keep_v, take_v)
        shrink = rate * decoupled if i < n_decayed else zero
        w[i] -= rate * adaptive(m[i], v[i], correct_m, correct_v, epsilon) + shrink * w[i]


def adam_step(
    weights: Any, gradient: Any, means: Any, squares: Any, table: Any, clock: Any, scale: Any, n_decayed: int,
    *, decay: float, decoupled: bool, beta1: float, beta2: float, epsilon: float,
) -> None:  # fmt: skip
    """Move parameters by Adam, in place.

    Parameters
    ----------
    weights, gradient, clock, scale, n_decayed
        As of :func:`ebm.kernels.steps.sgd_step`.
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
    check_step(weights, gradient, {"means": means, "squares": squares}, table, 3, clock, scale, n_decayed)
    arrays = (weights, gradient, means, squares, table, clock, scale)
    decays = (0.0, decay) if decoupled else (decay, 0.0)
    run_step(_cpu, _gpu, arrays, n_decayed, (*decays, beta1, 1.0 - beta1, beta2, 1.0 - beta2, epsilon))
