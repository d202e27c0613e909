"""Normalisation of each column of a batch (n, c), x_rj, by a mean m_j and an inverse deviation i_j.

    xh = (x - m) i,  y = g xh + b
    db = sum_r dy,  dg = sum_r dy xh,  dx = g i (dy - (db + xh dg) / n)

where m and i are the batch's own (``batch_statistics``); where they are given, as at prediction, without the 1 / n.
The derivative is symmetric: the change of y along dx is dx along the change of y.

Source: Ioffe & Szegedy 2015 (arXiv:1502.03167), algorithm 1, and section 3 for dx.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ebm.kernels.checks import check_floats, check_like
from ebm.kernels.column_totals import ROWS, add_row, column_totals
from ebm.kernels.jit import cell, core, cuda_loop, inner, on_gpu
from ebm.kernels.threads import over_rows

if TYPE_CHECKING:
    from numba import cuda


@cell
def normalised(x: Any, mean: Any, inverse: Any, scale: Any, shift: Any) -> Any:
    """g (x - m) i + b."""
    return scale * ((x - mean) * inverse) + shift


@cell
def pulled_back(dy: Any, x: Any, mean: Any, inverse: Any, scale: Any, total: Any, product: Any, share: Any) -> Any:
    """g i (dy - share (sum dy + xh sum dy xh))."""
    return scale * inverse * (dy - share * (total + (x - mean) * inverse * product))


# ---- forward ----


@inner
def _normalise_row(x: Any, mean: Any, inverse: Any, scale: Any, shift: Any, out: Any) -> None:
    for j in range(x.size):
        out[j] = normalised(x[j], mean[j], inverse[j], scale[j], shift[j])


@core(allocates=False)
def _forward_cpu(x: Any, mean: Any, inverse: Any, scale: Any, shift: Any, out: Any, first: Any, last: Any) -> None:
    for row in range(first, last):
        _normalise_row(x[row], mean, inverse, scale, shift, out[row])


@cuda_loop
def _forward_gpu(x: Any, mean: Any, inverse: Any, scale: Any, shift: Any, out: Any) -> None:
    n = x.shape[1]
    for item in range(cuda.grid(1), x.size, cuda.gridsize(1)):
        row, j = item // n, item % n
        out[row, j] = normalised(x[row, j], mean[j], inverse[j], scale[j], shift[j])


# ---- backward ----


@inner
def _add_products(x: Any, dy: Any, mean: Any, inverse: Any, total: Any) -> None:
    for j in range(total.size):
        total[j] += dy[j] * ((x[j] - mean[j]) * inverse[j])


@core(allocates=False)
def _products_cpu(x: Any, dy: Any, mean: Any, inverse: Any, parts: Any, first: Any, last: Any) -> None:
    """Write the sums of dy, and of dy xh, of every block of rows."""
    n = x.shape[1]
    for k in range(first, last):
        total, products = parts[k, :n], parts[k, n:]
        for j in range(n):
            total[j] = 0
            products[j] = 0
        for row in range(k * ROWS, min((k + 1) * ROWS, x.shape[0])):
            add_row(dy[row], total)
            _add_products(x[row], dy[row], mean, inverse, products)


@cuda_loop
def _products_gpu(x: Any, dy: Any, mean: Any, inverse: Any, parts: Any) -> None:
    n, zero = x.shape[1], type(x[0, 0])(0)
    for item in range(cuda.grid(1), parts.shape[0] * n, cuda.gridsize(1)):
        k, j = item // n, item % n
        total, products = zero, zero
        for row in range(k * ROWS, min((k + 1) * ROWS, x.shape[0])):
            total += dy[row, j]
            products += dy[row, j] * ((x[row, j] - mean[j]) * inverse[j])
        parts[k, j], parts[k, n + j] = total, products


@inner
def _pull_row(
    x: Any, dy: Any, mean: Any, inverse: Any, scale: Any, total: Any, products: Any, share: Any, out: Any
) -> None:
    for j in range(x.size):
        out[j] = pulled_back(dy[j], x[j], mean[j], inverse[j], scale[j], total[j], products[j], share)


@core(allocates=False)
def _backward_cpu(
    x: Any, dy: Any, mean: Any, inverse: Any, scale: Any, totals: Any, share: Any, out: Any, first: Any, last: Any
) -> None:
    n = x.shape[1]
    for row in range(first, last):
        _pull_row(x[row], dy[row], mean, inverse, scale, totals[:n], totals[n:], share, out[row])


@cuda_loop
def _backward_gpu(x: Any, dy: Any, mean: Any, inverse: Any, scale: Any, totals: Any, share: Any, out: Any) -> None:
    n = x.shape[1]
    for item in range(cuda.grid(1), x.size, cuda.gridsize(1)):
        row, j = item // n, item % n
        out[row, j] = pulled_back(dy[row, j], x[row, j], mean[j], inverse[j], scale[j], totals[j], totals[n + j], share)


# ---- what others call: x, dy and out are (n, c), the rest (c,), all C-contiguous, of one dtype and device ----


def normalise(x: Any, mean: Any, inverse: Any, scale: Any, shift: Any, out: Any) -> None:
    """Write scale (x - mean) inverse + shift, each by columns.

    Raises
    ------
    ValueError
        When shapes, dtypes or devices do not fit.
    """
    check_floats(x, "x", 2)
    for a, name in ((mean, "mean"), (inverse, "inverse"), (scale, "scale"), (shift, "shift")):
        check_like(a, name, x.shape[1:], x)
    check_like(out, "out", x.shape, x)
    if on_gpu(x):
        _forward_gpu(x.size, x, mean, inverse, scale, shift, out)
    else:
        over_rows(_forward_cpu, (x, mean, inverse, scale, shift, out), x.shape[0], 2 * x.size)


def products(x: Any, dy: Any, mean: Any, inverse: Any, parts: Any, totals: Any) -> None:
    """Write sum_r dy and, after it, sum_r dy xh into ``totals``, (2 c,); ``parts`` as for a batch's statistics."""
    if on_gpu(x):
        _products_gpu(parts.shape[0] * x.shape[1], x, dy, mean, inverse, parts)
    else:
        over_rows(_products_cpu, (x, dy, mean, inverse, parts), parts.shape[0], 2 * x.size)
    column_totals(parts, totals)


def pull_back(
    x: Any, dy: Any, mean: Any, inverse: Any, scale: Any, totals: Any, out: Any, *, own_statistics: bool
) -> None:
    """Write dx, given the totals of :func:`products`; ``own_statistics`` where mean and inverse are those of x."""
    share = x.dtype.type(1 / x.shape[0] if own_statistics else 0)
    if on_gpu(x):
        _backward_gpu(x.size, x, dy, mean, inverse, scale, totals, share, out)
    else:
        over_rows(_backward_cpu, (x, dy, mean, inverse, scale, totals, share, out), x.shape[0], 3 * x.size)
