"""Products with packed panels for dense layers: y = x W + b, dx = dy W^T, dW = x^T dy.

Every product is A B with B in panels (see ``linear``), A read by rows or by columns, written or added. Rows of 0 and 1
are taken as lists of their ones where few are on, with the same result bit for bit. Each element is summed by one
thread, in the order of the inner index.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ebm.kernels.jit import core, cuda_loop, inner, on_gpu
from ebm.kernels.linear import BLOCK, NONE, activate_rows, list_binary, tile_rows
from ebm.kernels.processor import VECTOR_BYTES, panel_width
from ebm.kernels.threads import over_rows
from ebm.kernels.vector import at, transpose_square

if TYPE_CHECKING:
    from numba import cuda

MULTIPLY = 64  # multiplications that count as one element of work


# ---- packing ----


@core(allocates=False)
def _pack(matrix: Any, panels: Any, first: Any, last: Any) -> None:
    """panels[p, k, :] = matrix[k, p width : (p + 1) width]."""
    depth, width = panels.shape[1], panels.shape[2]
    for p in range(first, last):
        left = p * width
        n = min(width, matrix.shape[1] - left)
        for k in range(depth):
            source, target = matrix[k, left : left + n], panels[p, k]
            for j in range(n):
                target[j] = source[j]


@inner
def _copy_transposed(matrix: Any, target: Any, top: Any, n: Any, left: Any, m: Any) -> None:
    for k in range(m):
        row = target[left + k]
        for j in range(n):
            row[j] = matrix[top + j, left + k]


@core(allocates=False)
def _pack_transposed(matrix: Any, panels: Any, lanes: Any, first: Any, last: Any) -> None:
    """panels[p, k, :] = matrix[p width : (p + 1) width, k], by squares turned over in registers."""
    depth, width, columns = panels.shape[1], panels.shape[2], matrix.shape[1]
    for p in range(first, last):
        top = p * width
        n = min(width, matrix.shape[0] - top)
        whole = n // lanes * lanes
        for left in range(0, depth, lanes):
            m = min(lanes, depth - left)
            if m == lanes:
                for j in range(0, whole, lanes):
                    source = at(matrix, (top + j) * columns + left)
                    transpose_square(source, columns, at(panels, (p * depth + left) * width + j), width)
                if whole < n:
                    _copy_transposed(matrix, panels[p, :, whole:], top + whole, n - whole, left, m)
            else:
                _copy_transposed(matrix, panels[p], top, n, left, m)


def panels_shape(depth: int, n: int, dtype: Any) -> tuple[int, int, int]:
    """Shape of the panels of a (depth, n) matrix."""
    width = panel_width(dtype)
    return -(-n // width), depth, width


def pack_into(matrix: np.ndarray, panels: np.ndarray) -> None:
    """Copy a (depth, n) matrix into panels of that shape, whose padding stays as it is (zeros)."""
    over_rows(_pack, (matrix, panels), panels.shape[0], panels.size)


def pack_transposed(matrix: np.ndarray, panels: np.ndarray) -> None:
    """Copy the transpose of an (n, depth) matrix into panels, whose padding stays as it is (zeros)."""
    lanes = np.int64(VECTOR_BYTES // matrix.itemsize)
    over_rows(_pack_transposed, (matrix, panels, lanes), panels.shape[0], 2 * panels.size)


# ---- products ----


@core
def _affine(x: Any, panels: Any, bias: Any, out: Any, first: Any, last: Any) -> None:
    """out = x W + b for rows [first, last)."""
    depth, columns, n = panels.shape[1], panels.shape[0] * panels.shape[2], out.shape[1]
    rows = min(BLOCK, last - first)
    block, start = np.empty((rows, columns + 16), x.dtype), np.zeros(columns, x.dtype)
    for j in range(bias.size):
        start[j] = bias[j]
    ones, counts = np.empty((rows, depth), np.int32), np.empty(rows, np.int64)
    for top in range(first, last, rows):
        here = min(rows, last - top)
        for r in range(here):
            counts[r] = list_binary(x[top + r], depth, ones[r])
        activate_rows(x[top : top + here], ones, counts, panels, start, block, NONE, here, NONE, panels.shape[0])
        for r in range(here):
            source, target = block[r, :n], out[top + r]
            for j in range(n):
                target[j] = source[j]


@core
def _product(a: Any, by_columns: Any, panels: Any, add: Any, out: Any, first: Any, last: Any) -> None:
    """out = A B, or out += A B, for rows [first, last) of A, which is ``a`` or its transpose."""
    depth, width, n = panels.shape[1], panels.shape[2], out.shape[1]
    rows, half = min(BLOCK, last - first), width // 2
    block = np.empty((rows, width + 16), a.dtype)
    a_row, a_step = (1, a.shape[1]) if by_columns else (a.shape[1], 1)
    for top in range(first, last, rows):
        here = min(rows, last - top)
        for p in range(panels.shape[0]):
            for r in range(here):
                row = block[r]
                for j in range(width):
                    row[j] = 0
            used = min(width, n - p * width)
            for h in range(0, used, half):
                tile_rows(
                    at(a, top * a_row), a_row, a_step, at(panels, p * depth * width + h), width, depth,
                    at(block, h), block.shape[1], here,
                )  # fmt: skip
            _put(block, out, add, here, top, p * width, used)


@inner
def _put(block: Any, out: Any, add: Any, rows: Any, top: Any, left: Any, n: Any) -> None:
    for r in range(rows):
        source, target = block[r, :n], out[top + r, left : left + n]
        if add:
            for j in range(n):
                target[j] += source[j]
        else:
            for j in range(n):
                target[j] = source[j]


def affine(x: np.ndarray, panels: np.ndarray, bias: np.ndarray, out: np.ndarray) -> None:
    """Write x W + b.

    Parameters
    ----------
    x : ndarray of shape (rows, depth), float32 or float64, C-contiguous
    panels : ndarray
        W, packed.
    bias : ndarray of shape (n,), or (0,) for none
    out : ndarray of shape (rows, n)
    """
    work = x.shape[0] * x.shape[1] * out.shape[1] // MULTIPLY + 4 * out.size
    over_rows(_affine, (x, panels, bias, out), x.shape[0], work)


def product(a: np.ndarray, panels: np.ndarray, out: np.ndarray, *, transposed: bool = False, add: bool = False) -> None:
    """Write A B into ``out``, or add it: A is ``a``, or its transpose, B is packed in panels."""
    work = out.shape[0] * panels.shape[1] * out.shape[1] // MULTIPLY + out.size
    over_rows(_product, (a, transposed, panels, add, out), out.shape[0], work)


@cuda_loop
def _add_gpu(a: Any, out: Any) -> None:
    n = a.shape[1]
    for item in range(cuda.grid(1), a.size, cuda.gridsize(1)):
        out[item // n, item % n] += a[item // n, item % n]


@core(allocates=False)
def _add_cpu(a: Any, out: Any, first: Any, last: Any) -> None:
    for row in range(first, last):
        source, target = a[row], out[row]
        for j in range(source.size):
            target[j] += source[j]


def add_into(a: Any, out: Any) -> None:
    """Add a matrix to another of its shape, on either device."""
    if on_gpu(a):
        _add_gpu(a.size, a, out)
    else:
        over_rows(_add_cpu, (a, out), a.shape[0], a.size)
