"""A^T B over very many rows: weight gradients of networks that go through time.

out[i, j] = sum_f a[f, i] b[f, j], in blocks of rows f that stay in the cache: a block of b is copied into a panel, and
register tiles add a block's part to ``out``. Blocks go in order and a column belongs to one thread, so sums do not
depend on threads.

Source: Goto & van de Geijn 2008 (doi:10.1145/1356052.1356053), the loop over blocks of the inner index.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ebm.kernels.dense import MULTIPLY
from ebm.kernels.jit import core, inner
from ebm.kernels.linear import tile_rows
from ebm.kernels.processor import aligned, panel_width
from ebm.kernels.threads import over_rows
from ebm.kernels.vector import at

DEPTH = 256  # rows of a block


@inner
def _copy_block(b: Any, top: Any, rows: Any, left: Any, n: Any, panel: Any) -> None:
    for k in range(rows):
        source, target = b[top + k, left : left + n], panel[k]
        for j in range(n):
            target[j] = source[j]


@inner
def _add_whole(a: Any, top: Any, rows: Any, panel: Any, out: Any, left: Any) -> None:
    """Add to columns [left, left + width) of out, all of which are there."""
    width, half = panel.shape[1], panel.shape[1] // 2
    for h in range(0, width, half):
        tile_rows(
            at(a, top * a.shape[1]), np.int64(1), a.shape[1], at(panel, h), width, rows,
            at(out, left + h), out.shape[1], out.shape[0],
        )  # fmt: skip


@inner
def _add_part(a: Any, top: Any, rows: Any, panel: Any, out: Any, left: Any, n: Any, block: Any) -> None:
    """Add to the last columns of out, fewer than a panel's: through a block that is as wide."""
    width, half = panel.shape[1], panel.shape[1] // 2
    for begin in range(0, out.shape[0], block.shape[0]):
        here = min(block.shape[0], out.shape[0] - begin)
        for r in range(here):
            row = block[r]
            for j in range(width):
                row[j] = 0
        for h in range(0, n, half):
            tile_rows(
                at(a, top * a.shape[1] + begin), np.int64(1), a.shape[1], at(panel, h), width, rows,
                at(block, h), block.shape[1], here,
            )  # fmt: skip
        for r in range(here):
            source, target = block[r, :n], out[begin + r, left : left + n]
            for j in range(n):
                target[j] += source[j]


@core(allocates=False)
def _outer(
    a: Any, b: Any, begin: Any, end: Any, add: Any, panels: Any, blocks: Any, out: Any, first: Any, last: Any
) -> None:
    """Do panels [first, last) of the columns [begin, end)."""
    width = panels.shape[2]
    left, right = begin + first * width, min(begin + last * width, end)
    if not add:
        for i in range(out.shape[0]):
            row = out[i, left:right]
            for j in range(row.size):
                row[j] = 0
    for top in range(0, a.shape[0], panels.shape[1]):
        rows = min(panels.shape[1], a.shape[0] - top)
        for p in range(first, last):
            here = begin + p * width
            n = min(width, end - here)
            _copy_block(b, top, rows, here, n, panels[first])
            if n == width:
                _add_whole(a, top, rows, panels[first], out, here)
            else:
                _add_part(a, top, rows, panels[first], out, here, n, blocks[first])


def working_shapes(n: int, dtype: Any) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    """Shapes of the two working arrays for n columns."""
    width = panel_width(dtype)
    return (-(-n // width), DEPTH, width), (-(-n // width), 48, width + 16)


def outer(
    a: np.ndarray, b: np.ndarray, out: np.ndarray, *, add: bool = False, working: Any = None,
    columns: tuple[int, int] | None = None,
) -> None:  # fmt: skip
    """Write a^T b into ``out``, or add it.

    Parameters
    ----------
    a : ndarray of shape (rows, m), C-contiguous
    b : ndarray of shape (rows, at least n), C-contiguous
    out : ndarray of shape (m, n)
    add : bool, default=False
    working : tuple of ndarray, optional
        Of ``working_shapes``, zeros at first; allocated by default.
    columns : tuple of int, optional
        Begin and end of the columns, of b and of ``out``, that are wanted; by default all n.
    """
    begin, end = columns or (0, out.shape[1])
    panels, blocks = working or (aligned(shape, a.dtype) for shape in working_shapes(end - begin, a.dtype))
    size = out.shape[0] * (end - begin)
    work = a.shape[0] * size // MULTIPLY + size
    over_rows(_outer, (a, b, begin, end, add, panels, blocks, out), panels.shape[0], work)
