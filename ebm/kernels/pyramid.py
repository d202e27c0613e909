"""Blurring and subsampling by 2 along an axis, the way back, and the adjoints of both.

    blur by w = (1, 4, 6, 4, 1) / 16 on the fine grid of n places: (B x)_a = sum_m w_m x_{r(a + m)},  m from -2 to 2
    down     y_k = (B x)_{2k},  k < (n + 1) / 2         adjoint  dx_i = sum_k B_{2k, i} dy_k
    up       y_i = 2 sum_k B_{i, 2k} x_k                 adjoint  dx_k = 2 sum_i B_{i, 2k} dy_i

where r reflects places beyond an edge about the place at the edge (-1 to 1, n to n - 2). That keeps the parity, so that
down and up leave constant images as they are. (Where n = 1 there is nothing between places, and up has the factor 1.)
Images are resampled along their height and along their width.

All four are sum_s W_{rs} x_s over places s within 2 fine places of r: at most five terms.

Source: Burt & Adelson 1983 (doi:10.1109/TCOM.1983.1095851), eqs. 1 and 2, with a = 3/8: binomial
weights.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ebm.kernels.jit import cell, core, cuda_loop, inner, on_gpu
from ebm.kernels.threads import over_rows

if TYPE_CHECKING:
    from numba import cuda

DOWN, UP, DOWN_ADJOINT, UP_ADJOINT = range(4)
TAPS = 5


@cell
def reflected(i: Any, n: Any) -> Any:
    """Return the place of n to which one is reflected that lies beyond the edges by two at most."""
    i = -i if i < 0 else i
    i = 2 * n - 2 - i if i >= n else i
    i = -i if i < 0 else i
    return min(i, n - 1)


@cell
def blur_weight(a: Any, b: Any, n: Any, zero: Any) -> Any:
    """B_ab: the weight of place b in the blurred value at place a."""
    real = type(zero)
    total = real(6) if a == b else zero
    total += real(4) if reflected(a - 1, n) == b else zero
    total += real(4) if reflected(a + 1, n) == b else zero
    total += real(1) if reflected(a - 2, n) == b else zero
    total += real(1) if reflected(a + 2, n) == b else zero
    return total * real(0.0625)


@cell
def weight(kind: Any, r: Any, s: Any, n: Any, zero: Any) -> Any:
    """W_rs of one of the four, for an output r and an input s, with n places of the fine grid."""
    doubled = kind in (UP, UP_ADJOINT) and n > 1
    fine, other = (2 * r, s) if kind in (DOWN, UP_ADJOINT) else (r, 2 * s)
    a, b = (fine, other) if kind in (DOWN, UP) else (other, fine)
    w = blur_weight(a, b, n, zero)
    return w + w if doubled else w


@cell
def first_place(kind: Any, r: Any) -> Any:
    """Return the first of the five inputs that may have a weight for output r; it may lie below 0."""
    return 2 * r - 2 if kind in (DOWN, UP_ADJOINT) else r // 2 - 1


@inner
def _tables(kind: Any, n: Any, n_out: Any, n_in: Any, places: Any, weights: Any) -> None:
    """Write five places and weights for every output; where it has fewer, the first again, with weight 0."""
    zero = weights.dtype.type(0)
    for r in range(n_out):
        found = 0
        for s in range(max(first_place(kind, r), 0), min(first_place(kind, r) + TAPS, n_in)):
            w = weight(kind, r, s, n, zero)
            if w != zero:
                places[r, found], weights[r, found] = s, w
                found += 1
        for t in range(found, TAPS):
            places[r, t], weights[r, t] = places[r, 0], zero


@inner
def _five(a: Any, b: Any, c: Any, d: Any, e: Any, w: Any, out: Any) -> None:
    w0, w1, w2, w3, w4 = w[0], w[1], w[2], w[3], w[4]
    for j in range(out.size):
        out[j] = w0 * a[j] + w1 * b[j] + w2 * c[j] + w3 * d[j] + w4 * e[j]


@core
def _cpu(x: Any, kind: Any, n: Any, out: Any, first: Any, last: Any) -> None:
    places, weights = np.empty((out.shape[1], TAPS), np.int64), np.empty((out.shape[1], TAPS), x.dtype)
    _tables(kind, n, out.shape[1], x.shape[1], places, weights)
    for o in range(first, last):
        source, target = x[o], out[o]
        for r in range(out.shape[1]):
            p = places[r]
            _five(source[p[0]], source[p[1]], source[p[2]], source[p[3]], source[p[4]], weights[r], target[r])


@cuda_loop
def _gpu(x: Any, kind: Any, n: Any, out: Any) -> None:
    rows, width, zero = out.shape[1], out.shape[2], type(x[0, 0, 0])(0)
    for item in range(cuda.grid(1), out.size, cuda.gridsize(1)):
        o, r, j = item // (rows * width), item // width % rows, item % width
        start, total = first_place(kind, r), zero
        for s in range(max(start, 0), min(start + TAPS, x.shape[1])):
            total += weight(kind, r, s, n, zero) * x[o, s, j]
        out[o, r, j] = total


def coarse(n: int) -> int:
    """Places that are left of n."""
    return -(-n // 2)


def resample(x: Any, out: Any, kind: int) -> None:
    """Apply one of the four along the middle axis.

    Parameters
    ----------
    x, out : array of shape (outer, places, inner), float32 or float64, C-contiguous, on the CPU or the GPU
        Of one dtype; the finer of the two has n places, the other ``coarse(n)``.
    kind : int
        DOWN, UP, DOWN_ADJOINT or UP_ADJOINT.

    Raises
    ------
    ValueError
        When shapes, dtypes or devices do not fit.
    """
    narrows = kind in (DOWN, UP_ADJOINT)
    fine, small = (x.shape[1], out.shape[1]) if narrows else (out.shape[1], x.shape[1])
    fits = x.ndim == out.ndim == 3 and x.shape[::2] == out.shape[::2] and small == coarse(fine)
    if not fits or x.dtype != out.dtype or on_gpu(x) != on_gpu(out):
        raise ValueError(f"out {out.dtype}{out.shape} does not fit x {x.dtype}{x.shape}: {fine} and {small} places")
    if x.size == 0:
        pass
    elif on_gpu(x):
        _gpu(out.size, x, np.int64(kind), np.int64(fine), out)
    else:
        over_rows(_cpu, (x, np.int64(kind), fine, out), x.shape[0], 3 * out.size)
