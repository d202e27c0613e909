"""Gradients of a convolution's weights and bias, and of its activation.

    dw[s, t, c, o] = sum_{n, i, j} x[n, i sh - top + s, j sw - left + t, c] da[n, i, j, o],    da = dy f'(a)
    db[o]          = sum_{n, i, j} da[n, i, j, o]

The first is the product of all patches, transposed, with da: the tile of ``patches`` with the places of a patch's
elements as its rows, and the places of the patches as its steps. Threads share out elements of w, so each is one
thread's sum in a fixed order: over the pixels of a group of images first, then over groups.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ebm.kernels.activations import IDENTITY, slope_row
from ebm.kernels.convolution import NONE, strip_width
from ebm.kernels.convolution_parts import SPARE, copy_padded, list_patches
from ebm.kernels.convolution_plan import (
    BAND,
    CHANNELS,
    FIRST,
    GROUP,
    HEIGHT,
    LAST,
    LEFT,
    OUT_HEIGHT,
    OUT_WIDTH,
    REACH,
    ROW_STEP,
    TOP,
    WIDTH,
    forward_plan,
)  # fmt: skip
from ebm.kernels.jit import core, inner
from ebm.kernels.patches import ROWS, tile_patches
from ebm.kernels.processor import VECTOR_BYTES
from ebm.kernels.threads import over_rows
from ebm.kernels.vector import at
from ebm.kernels.window import Window


@inner
def copy_strip(da: Any, sizes: Any, low: Any, high: Any, image: Any, images: Any, column: Any, strip: Any) -> None:
    """Copy columns of pixels in rows [low, high) of some images, in the order of patches; zeros beyond the last."""
    width = strip.shape[1]
    here, columns, per_image = (high - low) * sizes[OUT_WIDTH], min(width, da.shape[1] - column), sizes[OUT_HEIGHT]
    for i in range(images):
        first = ((image + i) * per_image + low) * sizes[OUT_WIDTH]
        for r in range(here):
            source, target = da[first + r, column : column + columns], strip[i * here + r]
            for j in range(source.size):
                target[j] = source[j]
            for j in range(columns, width):
                target[j] = 0


@inner
def write_sums(sums: Any, dw: Any, tile: Any, column: Any, add: Any) -> None:
    """Write the sums of a tile into dw (patch elements, n_out), or add them."""
    columns = min(sums.shape[1], dw.shape[1] - column)
    for r in range(min(ROWS, dw.shape[0] - tile * ROWS)):
        source, target = sums[r], dw[tile * ROWS + r, column : column + columns]
        if add:
            for j in range(target.size):
                target[j] += source[j]
        else:
            for j in range(target.size):
                target[j] = source[j]


@core
def _weights_cpu(
    x: Any, da: Any, rows: Any, columns: Any, sizes: Any, elements: Any, width: Any, add: Any, dw: Any,
    first: Any, last: Any,
) -> None:  # fmt: skip
    """Sum items [first, last): tiles of w's rows, strip after strip of its columns."""
    group, band, low0, end, channels = sizes[GROUP], sizes[BAND], sizes[FIRST], sizes[LAST], sizes[CHANNELS]
    tiles = (elements.size + ROWS - 1) // ROWS
    most = group * band * sizes[OUT_WIDTH]
    copy = np.empty(group * sizes[HEIGHT] * sizes[WIDTH] * channels, x.dtype)
    places, strip = np.empty(most + SPARE, np.int32), np.empty((most, width), x.dtype)
    sums = np.zeros((last - first, ROWS, width), x.dtype)
    for image in range(0, x.shape[0], group):
        images = min(group, x.shape[0] - image)
        for low in range(low0, end, band):
            high = min(end, low + band)
            height = (high - low - 1) * sizes[ROW_STEP] + sizes[REACH]
            top = sizes[TOP] + low * sizes[ROW_STEP]
            copy_padded(x, channels, image, images, top, height, sizes[LEFT], sizes[WIDTH], copy)
            count = list_patches(sizes, rows[0], columns[0], low, high, images, height, channels, places)
            for item in range(first, last):
                tile, column = item % tiles, item // tiles * width
                if item == first or tile == 0:
                    copy_strip(da, sizes, low, high, image, images, column, strip)
                here = sums[item - first]
                tile_patches(
                    at(copy, NONE), at(elements, tile * ROWS), at(places, NONE), at(strip, NONE),
                    width * x.itemsize // VECTOR_BYTES, width, count, at(here, NONE), width, at(here, NONE),
                    min(ROWS, elements.size - tile * ROWS),
                )  # fmt: skip
    for item in range(first, last):
        write_sums(sums[item - first], dw, item % tiles, item // tiles * width, add)


@core(allocates=False)
def _slopes_cpu(y: Any, dy: Any, kind: Any, da: Any, sums: Any, first: Any, last: Any) -> None:
    """da = dy f'(a), and its sums over the pixels of each image; with the identity ``da`` is ``dy``."""
    for image in range(first, last):
        total = sums[image]
        for j in range(total.size):
            total[j] = 0
        for pixel in range(y.shape[1]):
            row = da[image, pixel]
            if kind != IDENTITY:
                slope_row(y[image, pixel], dy[image, pixel], row, kind)
            for j in range(total.size):
                total[j] += row[j]


@core(allocates=False)
def _bias_cpu(sums: Any, add: Any, db: Any, first: Any, last: Any) -> None:
    """Sum the images' sums."""
    if not add:
        for j in range(first, last):
            db[j] = 0
    for image in range(sums.shape[0]):
        source, target = sums[image, first:last], db[first:last]
        for j in range(target.size):
            target[j] += source[j]


def slopes(y: np.ndarray, dy: np.ndarray, kind: int, da: np.ndarray, sums: np.ndarray) -> None:
    """Write da = dy f'(a), and its sums over the pixels of each image, on the CPU.

    Parameters
    ----------
    y, dy, da : ndarray of shape (n, height, width, channels)
        Outputs, the gradient with respect to them, and room for da: ``dy`` itself where the activation is the identity.
    kind : int
        The activation, one of ``activations.KINDS``.
    sums : ndarray of shape (n, channels)
    """
    n, width = y.shape[0], y.shape[3]
    flat = [a.reshape(n, -1, width) for a in (y, dy, da)]
    over_rows(_slopes_cpu, (*flat[:2], np.int64(kind), flat[2], sums), n, y.size)


def bias_gradient(sums: np.ndarray, add: bool, db: np.ndarray) -> None:
    """Write db (channels,), or add to it, from the sums (n, channels) of :func:`slopes`, on the CPU."""
    over_rows(_bias_cpu, (sums, np.int64(add), db), db.size, sums.size)


def weight_gradient(x: np.ndarray, da: np.ndarray, window: Window, add: bool, dw: np.ndarray) -> None:
    """Write dw, or add to it, on the CPU.

    Parameters
    ----------
    x : ndarray of shape (n, height, width, channels), float32 or float64
    da : ndarray of shape (n, *window.output(height, width), n_out)
    window : Window
    add : bool
    dw : ndarray of shape (*window.kernel, channels, n_out)

    Raises
    ------
    ValueError
        When shapes or dtypes do not fit.
    """
    outputs, n_out, width = window.output(*x.shape[1:3]), da.shape[3], strip_width(da.shape[3], x.dtype)
    if da.shape[:3] != (x.shape[0], *outputs) or dw.shape != (*window.kernel, x.shape[3], n_out):
        raise ValueError(f"images {x.shape}, gradient {da.shape} and weights {dw.shape} do not fit {window}")
    if not x.dtype == da.dtype == dw.dtype:
        raise ValueError(f"dtypes are {x.dtype}, {da.dtype} and {dw.dtype}; give one")
    plan = forward_plan(window, x.shape[3], outputs, x.itemsize)
    arguments = (
        x.reshape(*x.shape[:2], -1), da.reshape(-1, n_out), plan.rows, plan.columns, plan.sizes, plan.steps,
        np.int64(width), np.int64(add), dw.reshape(-1, n_out),
    )  # fmt: skip
    tiles = -(-plan.steps.size // ROWS) * -(-n_out // width)
    over_rows(_weights_cpu, arguments, tiles, da.size // n_out * dw.size // 64)
