"""Pre-activations: start + x @ W for a range of rows, from W packed in panels.

Two ways, chosen for every block of rows by the density measured there, with bit for bit the same result:
dense, a register tile over all of W; or, for 0/1 rows, the sum of those rows of W that are switched on.
Panel p of a packed W (depth, n) is ``panels[p, k, :] = W[k, p*width : (p+1)*width]``, padded with zeros.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ebm.kernels.jit import inner
from ebm.kernels.processor import ROWS, aligned, panel_width
from ebm.kernels.vector import at, beyond, gather_sum, tile_large, tile_one, tile_third

DENSE_TENTHS = 4  # tenths of ones above which the dense tile is the faster way
BLOCK = 96  # rows that take one panel after the other while it is in the cache
THIRD = ROWS // 3
NONE, NEXT = np.int64(0), np.int64(1)  # typed, or each literal compiles its own version


def pack(matrix: np.ndarray) -> np.ndarray:
    """Copy a (depth, n) matrix into panels (ceil(n / width), depth, width), padded with zeros."""
    depth, n = matrix.shape
    width = panel_width(matrix.dtype)
    panels = aligned((-(-n // width), depth, width), matrix.dtype)
    for p in range(panels.shape[0]):
        part = matrix[:, p * width : (p + 1) * width]
        panels[p, :, : part.shape[1]] = part
    return panels


def unpack(panels: np.ndarray, n: int) -> np.ndarray:
    """Copy panels back into a (depth, n) matrix."""
    return np.ascontiguousarray(panels.transpose(1, 0, 2).reshape(panels.shape[1], -1)[:, :n])


def padded(bias: np.ndarray, panels: np.ndarray) -> np.ndarray:
    """Copy a bias and fill it with zeros to the width of all panels together."""
    out = aligned((panels.shape[0] * panels.shape[2],), panels.dtype)
    out[: bias.size] = bias
    return out


@inner
def list_ones(x: Any, n: Any, ones: Any) -> Any:
    """Write the places j < n with x[j] != 0 into ``ones`` and count them (no branch: the store moves on or not)."""
    count = 0
    for j in range(n):
        ones[count] = j
        count += x[j] != 0
    return count


@inner
def list_binary(x: Any, n: Any, ones: Any) -> Any:
    """List the ones of a 0/1 row and count them; -1 where the row is not 0/1."""
    other = 0
    for j in range(n):
        other += (x[j] != 0) & (x[j] != 1)
    return list_ones(x, n, ones) if other == 0 else -1


@inner
def tile_rows(a: Any, a_row: Any, a_step: Any, b: Any, b_step: Any, depth: Any, c: Any, c_row: Any, rows: Any) -> None:
    """C[rows, 2V] += A[rows, depth] @ B[depth, 2V]; every matrix is a pointer and strides in elements."""
    i = 0
    while rows - i >= ROWS:
        tile_large(beyond(a, i * a_row), a_row, a_step, b, b_step, depth, beyond(c, i * c_row), c_row)
        i += ROWS
    while rows - i >= THIRD:
        tile_third(beyond(a, i * a_row), a_row, a_step, b, b_step, depth, beyond(c, i * c_row), c_row)
        i += THIRD
    while i < rows:
        tile_one(beyond(a, i * a_row), a_row, a_step, b, b_step, depth, beyond(c, i * c_row), c_row)
        i += 1


@inner
def is_dense(counts: Any, depth: Any, first: Any, last: Any) -> Any:
    """Tell whether lists of ones are so long that the dense tile pays; a count below zero marks a row not 0/1."""
    total = 0
    for row in range(first, last):
        if counts[row] < 0:
            return True
        total += counts[row]
    return 10 * total > DENSE_TENTHS * depth * (last - first)


@inner
def activate_rows(
    x: Any, ones: Any, counts: Any, panels: Any, start: Any, out: Any, first: Any, last: Any, left: Any, right: Any
) -> None:
    """out[row] = start + x[row] @ W for rows [first, last) and panels [left, right) of W.

    ``start`` is as long as all panels are wide together.
    """
    _, depth, width = panels.shape
    half = width // 2
    for top in range(first, last, BLOCK):
        bottom = min(top + BLOCK, last)
        dense = is_dense(counts, depth, top, bottom)
        for p in range(left, right):
            panel, column = p * depth * width, p * width
            if dense:
                bias = start[column : column + width]
                for row in range(top, bottom):
                    target = out[row, column : column + width]
                    for j in range(width):
                        target[j] = bias[j]
                for h in range(0, width, half):
                    tile_rows(
                        at(x, top * x.shape[1]), x.shape[1], NEXT, at(panels, panel + h), width, depth,
                        at(out, top * out.shape[1] + column + h), out.shape[1], bottom - top,
                    )  # fmt: skip
            else:
                for row in range(top, bottom):
                    gather_sum(
                        at(panels, panel), width, at(ones, row * ones.shape[1]), counts[row],
                        at(start, column), at(out, row * out.shape[1] + column),
                    )  # fmt: skip
