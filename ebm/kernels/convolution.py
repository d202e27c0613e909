"""Convolution of images (n, height, width, channels), and its transpose, with bias and activation.

    y[i, j, o] = f(b_o + sum_{s, t, c} x[i sh - top + s, j sw - left + t, c] w[s, t, c, o])             (convolution)
    x[i, j, c] = f(b_c + sum_{s, t, o} y[(i + top - s) / sh, (j + left - t) / sw, o] w[s, t, c, o])     (transposed)

x is zero outside the image, and the second sum goes over whole quotients only; without b and f it is the first one's
gradient with respect to x. Both are loops over phases (``window``), in each of which patches of a padded copy of a few
images meet a panel of weights in registers (``patches``): nothing is written twice, and patches are never copied out.

Source: Dumoulin & Visin 2016 (arXiv:1603.07285), chapters 2 and 4.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ebm.kernels.convolution_narrow import narrow_block, pack_narrow
from ebm.kernels.convolution_parts import SPARE, copy_padded, list_patches, list_targets, write_rows
from ebm.kernels.convolution_plan import (
    BAND,
    CHANNELS,
    FIRST,
    GROUP,
    HEIGHT,
    LAST,
    LEFT,
    REACH,
    ROW_STEP,
    TAPS,
    TOP,
    WIDTH,
    Plan,
    forward_plan,
    transposed_plan,
)  # fmt: skip
from ebm.kernels.jit import core, inner
from ebm.kernels.patches import LEAST, ROWS, tile_patches
from ebm.kernels.processor import VECTOR_BYTES
from ebm.kernels.threads import over_rows
from ebm.kernels.vector import at
from ebm.kernels.window import Window

DEPTH = 128  # elements of a patch whose products are summed before they join the total: rounding errors stay small
TILES = 4  # tiles whose outputs are activated and written together
NONE = np.int64(0)


def strip_width(n: int, dtype: Any) -> int:
    """Columns of a packed strip of ``n`` columns: two vector registers, or one where it is enough."""
    lanes = VECTOR_BYTES // np.dtype(dtype).itemsize
    return lanes if n <= lanes else 2 * lanes


def few(plan: Plan, n: int, dtype: Any) -> bool:
    """Tell whether outputs are so few, and a patch's rows so long, that products along patches are faster."""
    return bool(2 * n <= strip_width(1, dtype) and plan.chunk_counts[0] >= 0)


def packed_size(taps: int, depth: int, n: int, dtype: Any) -> int:
    """Count the elements of packed weights: strips of columns, filled up with zeros."""
    width = strip_width(n, dtype)
    return taps * depth * -(-n // width) * width


@core(allocates=False)
def _pack_cpu(w: Any, taps: Any, transposed: Any, packed: Any, width: Any, first: Any, last: Any) -> None:
    """Write the weights (kernel, channels, out) of taps [first, last) into strips, phase after phase."""
    depth, n = (w.shape[2], w.shape[1]) if transposed else (w.shape[1], w.shape[2])
    strips = (n + width - 1) // width
    for t in range(first, last):
        place, begin, count = taps[t, 0], taps[t, 1], taps[t, 2]
        source = w[place]
        for strip in range(strips):
            start = (begin * strips + strip * count + t - begin) * depth * width
            columns = min(width, n - strip * width)
            for d in range(depth):
                row = packed[start + d * width : start + (d + 1) * width]
                for j in range(columns):
                    row[j] = source[strip * width + j, d] if transposed else source[d, strip * width + j]
                for j in range(columns, width):
                    row[j] = 0


@inner
def wide_block(
    copy: Any, places: Any, top: Any, here: Any, steps: Any, begin: Any, depth: Any, packed: Any, strip: Any,
    strips: Any, start: Any, block: Any,
) -> None:  # fmt: skip
    """Make a strip of outputs of patches [top, top + here) by tiles."""
    width = block.shape[1]
    vectors = width * block.itemsize // VECTOR_BYTES
    for k in range(0, max(depth, 1), DEPTH):
        before = at(start, strip * width) if k == 0 else at(block, NONE)
        tile_patches(
            at(copy, NONE), at(places, top), at(steps, begin + k),
            at(packed, (begin * strips + strip * depth + k) * width), vectors, width, min(DEPTH, depth - k),
            before, width * min(k, 1), at(block, NONE), (here + LEAST - 1) // LEAST * LEAST,
        )  # fmt: skip


@inner
def convolve_phase(
    copy: Any, places: Any, targets: Any, count: Any, steps: Any, begin: Any, depth: Any, packed: Any,
    start: Any, block: Any, kind: Any, narrow: Any, out: Any,
) -> None:  # fmt: skip
    """Make all outputs of one phase from its patches; ``begin`` steps belong to phases before."""
    rows, width = block.shape
    strips = (out.shape[1] + width - 1) // width
    for strip in range(strips):
        for top in range(0, count, rows):
            here = min(rows, count - top)
            if narrow:
                narrow_block(copy, places, top, here, steps, begin, depth, packed, out.shape[1], start, block)
            else:
                wide_block(copy, places, top, here, steps, begin, depth, packed, strip, strips, start, block)
            write_rows(block, targets[top : top + here], here, out, strip * width, kind)


@core
def _convolve_cpu(
    x: Any, packed: Any, bias: Any, rows: Any, columns: Any, sizes: Any, steps: Any, counts: Any, kind: Any,
    narrow: Any, width: Any, out: Any, first: Any, last: Any,
) -> None:  # fmt: skip
    """Do items [first, last), bands of rows of groups of images; x (n, height, width * channels), out (pixels, n)."""
    group, band, low0, end, channels = sizes[GROUP], sizes[BAND], sizes[FIRST], sizes[LAST], sizes[CHANNELS]
    strips = (out.shape[1] + width - 1) // width
    most = group * band * (sizes[WIDTH] + 1)
    copy = np.empty(group * sizes[HEIGHT] * sizes[WIDTH] * channels, x.dtype)
    places, targets = np.empty(most + SPARE, np.int32), np.empty(most, np.int64)
    block, start = np.empty((TILES * ROWS, width), x.dtype), np.zeros(strips * width, x.dtype)
    for j in range(bias.size):
        start[j] = bias[j]
    bands = (end - low0 + band - 1) // band
    for item in range(first, last):
        image, low = item // bands * group, low0 + item % bands * band
        images, high = min(group, x.shape[0] - image), min(end, low + band)
        height = (high - low - 1) * sizes[ROW_STEP] + sizes[REACH]
        top = sizes[TOP] + low * sizes[ROW_STEP]
        copy_padded(x, channels, image, images, top, height, sizes[LEFT], sizes[WIDTH], copy)
        begin = 0
        for p in range(rows.shape[0]):
            for q in range(columns.shape[0]):
                row, column = rows[p], columns[q]
                count = list_patches(sizes, row, column, low, high, images, height, channels, places)
                list_targets(sizes, row, column, low, high, image, images, targets)
                depth = counts[p * columns.shape[0] + q] if narrow else row[TAPS] * column[TAPS] * channels
                convolve_phase(
                    copy, places, targets, count, steps, begin, depth, packed, start, block, kind, narrow, out
                )
                begin += depth


def _pack(w: np.ndarray, plan: Plan, backwards: bool, narrow: bool, packed: np.ndarray) -> None:
    """Write weights (*kernel, channels, n_out) as the loops meet them."""
    taps, n = w.shape[0] * w.shape[1], w.shape[2] if backwards else w.shape[3]
    kernels, flip = w.reshape(taps, *w.shape[2:]), np.int64(backwards)
    if narrow:
        over_rows(pack_narrow, (kernels, plan.elements, flip, packed), n, 4 * w.size)
    else:
        over_rows(_pack_cpu, (kernels, plan.taps, flip, packed, np.int64(strip_width(n, w.dtype))), taps, 4 * w.size)


def _run(
    x: np.ndarray, w: np.ndarray, bias: np.ndarray, plan: Plan, kind: int, out: np.ndarray, packed: np.ndarray,
    backwards: bool,
) -> None:  # fmt: skip
    n, n_out = x.shape[0], out.shape[3]
    narrow, width = few(plan, n_out, x.dtype), strip_width(n_out, x.dtype)
    _pack(w, plan, backwards, narrow, packed)
    images, pixels = x.reshape(*x.shape[:2], -1), out.reshape(-1, n_out)
    arguments = (
        images, packed, bias, plan.rows, plan.columns, plan.sizes, plan.chunks if narrow else plan.steps,
        plan.chunk_counts, np.int64(kind), np.int64(narrow), np.int64(width), pixels,
    )  # fmt: skip
    bands = -(-(plan.sizes[LAST] - plan.sizes[FIRST]) // plan.sizes[BAND])
    work = max(x.size // x.shape[3], pixels.shape[0]) * w.size // 64
    over_rows(_convolve_cpu, arguments, int(-(-n // plan.sizes[GROUP]) * bands), work)


def _check(x: Any, w: Any, bias: Any, out: Any, packed: Any, sides: tuple[int, int], window: Window) -> None:
    """Refuse arrays that do not fit: loops would read beyond their ends."""
    depth, n = (w.shape[2 + side] for side in sides) if w.ndim == 4 else (0, 0)
    fits = x.ndim == out.ndim == w.ndim == 4 and w.shape[:2] == window.kernel and x.shape[0] == out.shape[0]
    if not fits or x.shape[3] != depth or out.shape[3] != n or bias.shape != (n,):
        raise ValueError(
            f"images {x.shape}, weights {w.shape} for a kernel {window.kernel}, bias {bias.shape} and output "
            f"{out.shape} do not fit together"
        )
    room = packed_size(w.shape[0] * w.shape[1], depth, n, x.dtype)
    if packed.shape != (room,):
        raise ValueError(f"packed is {packed.shape}; these weights take {(room,)}")
    if not x.dtype == w.dtype == bias.dtype == out.dtype == packed.dtype or x.dtype not in (np.float32, np.float64):
        raise ValueError(f"dtypes are {x.dtype}, {w.dtype}, {bias.dtype}, {out.dtype}; give one, float32 or float64")


def convolve(
    x: np.ndarray, w: np.ndarray, bias: np.ndarray, window: Window, kind: int, out: np.ndarray, packed: Any
) -> None:
    """Write f(convolution of x with w + bias) into ``out``, on the CPU.

    Parameters
    ----------
    x : ndarray of shape (n, height, width, channels), float32 or float64
    w : ndarray of shape (*window.kernel, channels, n_out)
    bias : ndarray of shape (n_out,)
    window : Window
    kind : int
        The activation, one of ``activations.KINDS``.
    out : ndarray of shape (n, *window.output(height, width), n_out)
    packed : ndarray of shape (packed_size(taps, channels, n_out, dtype),)
        Room for the weights in strips. All arrays are C-contiguous and of one dtype.

    Raises
    ------
    ValueError
        When shapes or dtypes do not fit.
    """
    _check(x, w, bias, out, packed, (0, 1), window)
    if out.shape[1:3] != window.output(*x.shape[1:3]):
        raise ValueError(f"out is {out.shape}, but images {x.shape} give {window.output(*x.shape[1:3])}")
    _run(x, w, bias, forward_plan(window, x.shape[3], out.shape[1:3], x.itemsize), kind, out, packed, False)


def convolve_transposed(
    y: np.ndarray, w: np.ndarray, bias: np.ndarray, window: Window, kind: int, out: np.ndarray, packed: Any
) -> None:
    """Write f(transposed convolution of y with w + bias) into ``out``, on the CPU.

    Parameters
    ----------
    y : ndarray of shape (n, *window.output(height, width), n_out), float32 or float64
    w : ndarray of shape (*window.kernel, channels, n_out)
        The weights of the convolution whose transpose this is.
    bias : ndarray of shape (channels,)
    window, kind
        As of :func:`convolve`.
    out : ndarray of shape (n, height, width, channels)
    packed : ndarray of shape (packed_size(taps, n_out, channels, dtype),)

    Raises
    ------
    ValueError
        When shapes or dtypes do not fit.
    """
    _check(y, w, bias, out, packed, (1, 0), window)
    if y.shape[1:3] != window.output(*out.shape[1:3]):
        raise ValueError(f"out is {out.shape}, of which {window.output(*out.shape[1:3])} are made, but y is {y.shape}")
    _run(y, w, bias, transposed_plan(window, y.shape[3], out.shape[1:3], y.itemsize), kind, out, packed, True)
