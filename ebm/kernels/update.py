"""A step of gradient ascent with momentum and weight decay.

velocity = momentum velocity + rate (d - l2 W - l1 sign W);  W += velocity

``d`` is the gradient of what is to grow. Rate and momentum stand in an array: a CUDA graph reads them anew.

Source: Hinton, "A practical guide to training restricted Boltzmann machines" (2010), sections 9 and 10.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ebm.kernels.jit import cell, core, cuda_loop, on_gpu
from ebm.kernels.threads import over_rows

if TYPE_CHECKING:
    from numba import cuda

u32 = np.uint32


@cell
def moved(velocity: Any, gradient: Any, w: Any, rate: Any, momentum: Any, l2: Any, l1: Any) -> Any:
    """Return the new velocity of one parameter."""
    zero = type(w)(0)
    sign = l1 if w > zero else (-l1 if w < zero else zero)
    return momentum * velocity + rate * (gradient - l2 * w - sign)


@core
def _cpu(w: Any, velocity: Any, gradient: Any, rates: Any, l2: Any, l1: Any, first: Any, last: Any) -> None:
    rate, momentum = rates[0], rates[1]
    for row in range(first, last):
        x, m, d = w[row], velocity[row], gradient[row]
        for j in range(x.size):
            m[j] = moved(m[j], d[j], x[j], rate, momentum, l2, l1)
            x[j] += m[j]


@cuda_loop
def _gpu(w: Any, velocity: Any, gradient: Any, n_columns: Any, rates: Any, l2: Any, l1: Any) -> None:
    """Update the first ``n_columns`` of every row; the three may be of different widths."""
    rate, momentum = rates[0], rates[1]
    for item in range(cuda.grid(1), w.shape[0] * n_columns, cuda.gridsize(1)):
        row, j = u32(item) // n_columns, u32(item) % n_columns
        velocity[row, j] = moved(velocity[row, j], gradient[row, j], w[row, j], rate, momentum, l2, l1)
        w[row, j] += velocity[row, j]


def update(w: Any, velocity: Any, gradient: Any, rates: Any, *, l2: float = 0.0, l1: float = 0.0) -> None:
    """Move parameters, and their velocities, in place.

    Parameters
    ----------
    w, velocity, gradient : arrays of one shape, (n,) or (n, m), C-contiguous, float32 or float64
        On the CPU or on the GPU.
    rates : array of shape (2,), of the same dtype and device
        Learning rate and momentum.
    l2, l1 : float
        Weight decay.

    Raises
    ------
    ValueError
        When shapes, dtypes or devices do not fit.
    """
    for a, name in ((velocity, "velocity"), (gradient, "gradient")):
        if (a.shape, a.dtype, on_gpu(a)) != (w.shape, w.dtype, on_gpu(w)):
            raise ValueError(f"{name} is {a.dtype}{a.shape}, but w is {w.dtype}{w.shape}; they must be alike")
    if (rates.shape, rates.dtype, on_gpu(rates)) != ((2,), w.dtype, on_gpu(w)):
        raise ValueError(f"rates must be {w.dtype}(2,), learning rate and momentum; got {rates.dtype}{rates.shape}")
    if not all(a.flags.c_contiguous for a in (w, velocity, gradient)):
        raise ValueError("w, velocity and gradient must be C-contiguous")
    kind = w.dtype.type
    w, velocity, gradient = (a.reshape(1, -1) if a.ndim == 1 else a for a in (w, velocity, gradient))
    if w.size == 0:
        pass
    elif on_gpu(w):
        on_device(w, velocity, gradient, w.shape[1], rates, kind(l2), kind(l1))
    else:
        over_rows(_cpu, (w, velocity, gradient, rates, kind(l2), kind(l1)), w.shape[0], w.size // 2)


def on_device(w: Any, velocity: Any, gradient: Any, n_columns: int, rates: Any, l2: Any, l1: Any) -> None:
    """Launch the CUDA loop; ``l2`` and ``l1`` of the arrays' dtype."""
    _gpu(w.shape[0] * n_columns, w, velocity, gradient, u32(n_columns), rates, l2, l1)
