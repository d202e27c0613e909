"""A layer given another: inputs x W + b and what follows from them, in one pass over packed weights.

inputs    a = x W + b
mean      sigma(a)
states    ~ Bernoulli(sigma(a))
cumulant  sum_j log(1 + e^{a_j}), the log of the sum over all states of the layer

A block of rows stays in the cache between the product and its epilogue. The rows' density decides how the product is
taken (see ``linear``); the result is the same, bit for bit, and does not depend on the number of threads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ebm.kernels.bernoulli import draw_row, sigmoid_row
from ebm.kernels.jit import core
from ebm.kernels.linear import BLOCK, NONE, activate_rows, list_binary, padded, unpack
from ebm.kernels.philox import fill_uniforms
from ebm.kernels.processor import HAS_FMA, plain
from ebm.kernels.reduce import row_sum, softplus_row
from ebm.kernels.threads import over_rows

if TYPE_CHECKING:
    from ebm.random import Draw

INPUTS, MEAN, STATES, CUMULANT = 0, 1, 2, 3
u64 = np.uint64


@core
def _conditional(
    x: Any,
    panels: Any,
    start: Any,
    n: Any,
    wanted: Any,
    out: Any,
    row0: Any,
    step: Any,
    stream: Any,
    key: Any,
    first: Any,
    last: Any,
) -> None:
    depth, columns = panels.shape[1], panels.shape[0] * panels.shape[2]
    rows = min(BLOCK, last - first)
    block = np.empty((rows, columns + 16), x.dtype)
    ones, counts = np.empty((rows, depth), np.int32), np.empty(rows, np.int64)
    noise = np.empty(-(-n // 4) * 4, x.dtype)
    for top in range(first, last, rows):
        here = min(rows, last - top)
        for r in range(here):
            counts[r] = list_binary(x[top + r], depth, ones[r])
        activate_rows(x[top : top + here], ones, counts, panels, start, block, NONE, here, NONE, panels.shape[0])
        for r in range(here):
            a = block[r]
            if wanted == CUMULANT:
                softplus_row(a, n)
                out[top + r, 0] = row_sum(a, n)
                continue
            if wanted == MEAN:
                sigmoid_row(a, n)
            elif wanted == STATES:
                fill_uniforms(noise, row0 + top + r, step, stream, key)
                draw_row(a, n, noise)
            target = out[top + r]
            for j in range(n):
                target[j] = a[j]


def _run(x: np.ndarray, panels: np.ndarray, bias: np.ndarray, wanted: int, draw: Draw | None = None) -> np.ndarray:
    fits = x.ndim == 2 and x.shape[1] == panels.shape[1] and x.dtype == panels.dtype == bias.dtype
    if not fits or -(-bias.size // panels.shape[2]) != panels.shape[0]:
        raise ValueError(
            f"x {x.dtype}{x.shape} and bias {bias.dtype}{bias.shape} do not fit "
            f"weights {panels.dtype} of depth {panels.shape[1]}"
        )
    out = np.empty((x.shape[0], 1 if wanted == CUMULANT else bias.size), x.dtype)
    place = (0, 0, 0, 0) if draw is None else (draw.first_row, draw.step, draw.stream, draw.seed)
    arguments = (
        plain(x),
        panels,
        padded(bias, panels),
        bias.size,
        wanted,
        out,
        place[0],
        *(u64(p) for p in place[1:]),
    )
    over_rows(_conditional, arguments, x.shape[0], x.shape[0] * x.shape[1] * bias.size // 64)
    return out


def inputs(x: np.ndarray, panels: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """Return x W + b.

    Parameters
    ----------
    x : ndarray of shape (n_rows, depth), float32 or float64
    panels : ndarray from :func:`ebm.kernels.linear.pack`, same dtype
    bias : ndarray of shape (n,), same dtype

    Returns
    -------
    ndarray of shape (n_rows, n)

    Raises
    ------
    ValueError
        When shapes or dtypes do not fit.
    """
    if not HAS_FMA:  # BLAS has better ways for such a processor than a tile of separate products and sums
        return x @ unpack(panels, bias.size) + bias
    return _run(x, panels, bias, INPUTS)


def mean(x: np.ndarray, panels: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """Return sigma(x W + b); parameters and errors as of :func:`inputs`."""
    return _run(x, panels, bias, MEAN)


def states(x: np.ndarray, panels: np.ndarray, bias: np.ndarray, draw: Draw) -> np.ndarray:
    """Draw from Bernoulli(sigma(x W + b)) with the uniforms at ``draw``; otherwise as :func:`inputs`."""
    return _run(x, panels, bias, STATES, draw)


def cumulant(x: np.ndarray, panels: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """Return sum_j log(1 + e^{(x W + b)_j}), shape (n_rows,); otherwise as :func:`inputs`."""
    return _run(x, panels, bias, CUMULANT)[:, 0]
