"""Normalisation of each row x_r of n elements by its own mean and variance.

    m_r = sum_j x_rj / n,  v_r = sum_j (x_rj - m_r)^2 / n,  i_r = 1 / sqrt(v_r + eps),  xh = (x - m) i,  y = g xh + b
    dx_r = i_r (a - (sum_j a_j + xh sum_j a_j xh_j) / n),  a = g dy
    db = sum_r dy,  dg = sum_r dy xh

The derivative of xh is symmetric: that of y along dx is g i (dx - (sum_j dx_j + xh sum_j dx_j xh_j) / n).

Source: Ba, Kiros & Hinton 2016 (arXiv:1607.06450), eqs. 3 and 4.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ebm.kernels.batch_normalisation import normalised
from ebm.kernels.batch_statistics import inverse_root
from ebm.kernels.block import BLOCK, block_sum
from ebm.kernels.checks import check_floats, check_like
from ebm.kernels.column_totals import ROWS, add_row, column_totals
from ebm.kernels.jit import cell, core, cuda_loop, inner, on_gpu, summing
from ebm.kernels.reduce import row_sum
from ebm.kernels.threads import over_rows

if TYPE_CHECKING:
    from numba import cuda


@cell
def projected(a: Any, x: Any, mean: Any, inverse: Any, total: Any, product: Any) -> Any:
    """i (a - mean a - xh mean(a xh)), given those means."""
    return inverse * (a - (total + (x - mean) * inverse * product))


# ---- forward ----


@summing
def _squares(x: Any, mean: Any) -> Any:
    total = x.dtype.type(0)
    for j in range(x.size):
        total += (x[j] - mean) * (x[j] - mean)
    return total


@inner
def _normalise_row(x: Any, mean: Any, inverse: Any, scale: Any, shift: Any, out: Any) -> None:
    for j in range(x.size):
        out[j] = normalised(x[j], mean, inverse, scale[j], shift[j])


@core(allocates=False)
def _forward_cpu(
    x: Any, epsilon: Any, scale: Any, shift: Any, means: Any, inverses: Any, out: Any, first: Any, last: Any
) -> None:
    n = x.dtype.type(x.shape[1])
    for row in range(first, last):
        here = x[row]
        mean = row_sum(here, here.size) / n
        inverse = inverse_root(_squares(here, mean) / n, epsilon)
        means[row], inverses[row] = mean, inverse
        _normalise_row(here, mean, inverse, scale, shift, out[row])


@cuda_loop
def _forward_gpu(x: Any, epsilon: Any, scale: Any, shift: Any, means: Any, inverses: Any, out: Any) -> None:
    """One block of threads does one row."""
    n, zero = type(epsilon)(x.shape[1]), type(epsilon)(0)
    for row in range(cuda.blockIdx.x, x.shape[0], cuda.gridDim.x):
        total, squares = zero, zero
        for j in range(cuda.threadIdx.x, x.shape[1], cuda.blockDim.x):
            total += x[row, j]
        mean = block_sum(total) / n
        for j in range(cuda.threadIdx.x, x.shape[1], cuda.blockDim.x):
            squares += (x[row, j] - mean) * (x[row, j] - mean)
        inverse = inverse_root(block_sum(squares) / n, epsilon)
        for j in range(cuda.threadIdx.x, x.shape[1], cuda.blockDim.x):
            out[row, j] = normalised(x[row, j], mean, inverse, scale[j], shift[j])
        if cuda.threadIdx.x == 0:
            means[row], inverses[row] = mean, inverse


# ---- backward ----


@inner
def _multiply(x: Any, scale: Any, out: Any) -> None:
    for j in range(out.size):
        out[j] = x[j] * scale[j]


@inner
def _copy(x: Any, out: Any) -> None:
    for j in range(out.size):
        out[j] = x[j]


@summing
def _product(a: Any, x: Any, mean: Any) -> Any:
    total = a.dtype.type(0)
    for j in range(a.size):
        total += a[j] * (x[j] - mean)
    return total


@inner
def _project_row(x: Any, mean: Any, inverse: Any, total: Any, product: Any, out: Any) -> None:
    for j in range(x.size):
        out[j] = projected(out[j], x[j], mean, inverse, total, product)


@core(allocates=False)
def _derivative_cpu(
    x: Any, d: Any, means: Any, inverses: Any, scale: Any, backward: Any, out: Any, first: Any, last: Any
) -> None:
    """Project g d where it comes from above, or d itself and then multiply by g where it comes from below."""
    share = x.dtype.type(1) / x.dtype.type(x.shape[1])
    for row in range(first, last):
        here, target, mean, inverse = x[row], out[row], means[row], inverses[row]
        if backward:
            _multiply(d[row], scale, target)
        else:
            _copy(d[row], target)
        total = row_sum(target, target.size) * share
        product = _product(target, here, mean) * inverse * share
        _project_row(here, mean, inverse, total, product, target)
        if not backward:
            _multiply(target, scale, target)


@cuda_loop
def _derivative_gpu(x: Any, d: Any, means: Any, inverses: Any, scale: Any, backward: Any, out: Any) -> None:
    one = type(x[0, 0])(1)
    share = one / type(one)(x.shape[1])
    for row in range(cuda.blockIdx.x, x.shape[0], cuda.gridDim.x):
        mean, inverse, total, product = means[row], inverses[row], type(one)(0), type(one)(0)
        for j in range(cuda.threadIdx.x, x.shape[1], cuda.blockDim.x):
            a = d[row, j] * (scale[j] if backward else one)
            total += a
            product += a * (x[row, j] - mean)
        total, product = block_sum(total) * share, block_sum(product) * inverse * share
        for j in range(cuda.threadIdx.x, x.shape[1], cuda.blockDim.x):
            a = d[row, j] * (scale[j] if backward else one)
            found = projected(a, x[row, j], mean, inverse, total, product)
            out[row, j] = found * (one if backward else scale[j])


@inner
def _add_products(x: Any, dy: Any, mean: Any, inverse: Any, total: Any) -> None:
    for j in range(total.size):
        total[j] += dy[j] * ((x[j] - mean) * inverse)


@core(allocates=False)
def _products_cpu(x: Any, dy: Any, means: Any, inverses: Any, parts: Any, first: Any, last: Any) -> None:
    """Write the sums of dy, and of dy xh, of every block of rows."""
    n = x.shape[1]
    for k in range(first, last):
        total, products = parts[0, k], parts[1, k]
        for j in range(n):
            total[j] = 0
            products[j] = 0
        for row in range(k * ROWS, min((k + 1) * ROWS, x.shape[0])):
            add_row(dy[row], total)
            _add_products(x[row], dy[row], means[row], inverses[row], products)


@cuda_loop
def _products_gpu(x: Any, dy: Any, means: Any, inverses: Any, parts: Any) -> None:
    n, zero = x.shape[1], type(x[0, 0])(0)
    for item in range(cuda.grid(1), parts.shape[1] * n, cuda.gridsize(1)):
        k, j = item // n, item % n
        total, products = zero, zero
        for row in range(k * ROWS, min((k + 1) * ROWS, x.shape[0])):
            total += dy[row, j]
            products += dy[row, j] * ((x[row, j] - means[row]) * inverses[row])
        parts[0, k, j], parts[1, k, j] = total, products


# ---- what others call: x, dy and out are (rows, n), all C-contiguous, of one dtype and device ----


def normalise_rows(x: Any, scale: Any, shift: Any, means: Any, inverses: Any, out: Any, *, epsilon: float) -> None:
    """Write scale xh + shift, and each row's mean and inverse deviation.

    Parameters
    ----------
    x, out : array of shape (rows, n)
    scale, shift : array of shape (n,)
    means, inverses : array of shape (rows,)
    epsilon : float

    Raises
    ------
    ValueError
        When shapes, dtypes or devices do not fit.
    """
    check_floats(x, "x", 2)
    for a, name, shape in (
        (scale, "scale", x.shape[1:]), (shift, "shift", x.shape[1:]), (out, "out", x.shape),
        (means, "means", x.shape[:1]), (inverses, "inverses", x.shape[:1]),
    ):  # fmt: skip
        check_like(a, name, shape, x)
    arguments = (x, x.dtype.type(epsilon), scale, shift, means, inverses, out)
    if on_gpu(x):
        _forward_gpu(x.shape[0] * BLOCK, *arguments)
    else:
        over_rows(_forward_cpu, arguments, x.shape[0], 4 * x.size)


def derivative(x: Any, d: Any, means: Any, inverses: Any, scale: Any, out: Any, *, backward: bool) -> None:
    """Write dx given d = dy (``backward``), or dy given d = dx."""
    arguments = (x, d, means, inverses, scale, backward, out)
    if on_gpu(x):
        _derivative_gpu(x.shape[0] * BLOCK, *arguments)
    else:
        over_rows(_derivative_cpu, arguments, x.shape[0], 4 * x.size)


def parameter_gradients(
    x: Any, dy: Any, means: Any, inverses: Any, parts: Any, shift: Any, scale: Any, *, adds: tuple[bool, bool]
) -> None:
    """Write the gradients of shift and scale, or add to them; parts is (2, n_blocks(rows), n)."""
    if on_gpu(x):
        _products_gpu(parts.shape[1] * x.shape[1], x, dy, means, inverses, parts)
    else:
        over_rows(_products_cpu, (x, dy, means, inverses, parts), parts.shape[1], 2 * x.size)
    column_totals(parts[0], shift, add=adds[0])
    column_totals(parts[1], scale, add=adds[1])
