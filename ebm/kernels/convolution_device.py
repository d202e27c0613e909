"""Convolution on the GPU: patches as rows of a matrix, which the device's product meets, and images from such rows.

    columns[(n, i, j), (s, t, c)] = x[n, i sh - top + s, j sw - left + t, c]
    x[n, i, j, c]                 = sum_{s, t} columns[(n, (i + top - s) / sh, (j + left - t) / sw), (s, t, c)]

The second is the first one's transpose. It is taken by gathering: one thread sums what an element receives, so nothing
is added at once by two, and sums have one order.

Source: Chellapilla, Puri & Simard, "High performance convolutional neural networks for document processing" (2006),
section 3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ebm.kernels.jit import cuda_loop
from ebm.kernels.window import Window

if TYPE_CHECKING:
    from numba import cuda


@cuda_loop
def _patches_gpu(
    x: Any, rows: Any, columns: Any, kernel_width: Any, stride_y: Any, stride_x: Any, top: Any, left: Any, out: Any
) -> None:
    """Write the patches of images (n, height, width, channels); outputs are ``rows`` x ``columns``."""
    channels, depth = x.shape[3], out.shape[1]
    zero = type(x[0, 0, 0, 0])(0)
    for item in range(cuda.grid(1), out.size, cuda.gridsize(1)):
        pixel, k = item // depth, item % depth
        tap, c = k // channels, k % channels
        image, place = pixel // (rows * columns), pixel % (rows * columns)
        i = place // columns * stride_y - top + tap // kernel_width
        j = place % columns * stride_x - left + tap % kernel_width
        inside = i >= 0 and i < x.shape[1] and j >= 0 and j < x.shape[2]
        out[pixel, k] = x[image, i, j, c] if inside else zero


@cuda_loop
def _images_gpu(
    patches: Any, rows: Any, columns: Any, kernel_height: Any, kernel_width: Any, stride_y: Any, stride_x: Any,
    top: Any, left: Any, out: Any,
) -> None:  # fmt: skip
    """Sum what every element of images receives from its patches, of which an image has ``rows`` x ``columns``."""
    height, width, channels = out.shape[1], out.shape[2], out.shape[3]
    for item in range(cuda.grid(1), out.size, cuda.gridsize(1)):
        c, pixel = item % channels, item // channels
        j, i, image = pixel % width, pixel // width % height, pixel // (width * height)
        total = type(patches[0, 0])(0)
        for s in range((i + top) % stride_y, kernel_height, stride_y):
            y = (i + top - s) // stride_y
            if y >= 0 and y < rows:
                for t in range((j + left) % stride_x, kernel_width, stride_x):
                    x = (j + left - t) // stride_x
                    if x >= 0 and x < columns:
                        total += patches[(image * rows + y) * columns + x, (s * kernel_width + t) * channels + c]
        out[image, i, j, c] = total


@cuda_loop
def _sums_gpu(da: Any, sums: Any) -> None:
    """Sum the pixels of every image: da (n, pixels, channels), sums (n, channels)."""
    n = sums.shape[1]
    for item in range(cuda.grid(1), sums.size, cuda.gridsize(1)):
        image, j = item // n, item % n
        total = type(da[0, 0, 0])(0)
        for pixel in range(da.shape[1]):
            total += da[image, pixel, j]
        sums[image, j] = total


def write_patches(x: Any, window: Window, outputs: tuple[int, int], out: Any) -> None:
    """Write the patches of x (n, height, width, channels) into ``out`` (n * outputs, kernel * channels), on the GPU."""
    numbers = (window.kernel[1], *window.stride, window.padding[0], window.padding[2])
    _patches_gpu(out.size, x, *(np.int64(k) for k in (*outputs, *numbers)), out)


def sum_patches(patches: Any, window: Window, outputs: tuple[int, int], out: Any) -> None:
    """Write the images (n, height, width, channels) that receive these patches, on the GPU."""
    numbers = (*window.kernel, *window.stride, window.padding[0], window.padding[2])
    _images_gpu(out.size, patches, *(np.int64(k) for k in (*outputs, *numbers)), out)


def sum_pixels(da: Any, sums: Any) -> None:
    """Write sums (n, channels) over the pixels of da (n, height, width, channels), on the GPU."""
    _sums_gpu(sums.size, da.reshape(sums.shape[0], -1, sums.shape[1]), sums)
