"""The products of a convolution, on whichever device its arrays are: what both convolutional layers are made of.

On the CPU convolutions are loops of their own; on the GPU patches become rows of a matrix (``columns``) and the
device's product does the rest.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ebm.kernels import activations, convolution, convolution_device, convolution_gradient, dense
from ebm.kernels.activations import IDENTITY
from ebm.kernels.column_totals import column_totals
from ebm.kernels.jit import on_gpu
from ebm.kernels.window import Window
from ebm.networks.context import Context


def _room_for_weights(w: Any, depth: int, n: int, context: Context) -> Any:
    return context.empty((convolution.packed_size(w.shape[0] * w.shape[1], depth, n, w.dtype),), w.dtype)


def columns(x: Any, window: Window, context: Context) -> Any:
    """Return the patches of images as rows on the GPU, and None on the CPU, which needs none."""
    if not on_gpu(x):
        return None
    outputs = window.output(*x.shape[1:3])
    depth = window.kernel[0] * window.kernel[1] * x.shape[3]
    patches = context.empty((x.shape[0] * outputs[0] * outputs[1], depth), x.dtype)
    convolution_device.write_patches(x, window, outputs, patches)
    return patches


def convolve(x: Any, patches: Any, w: Any, bias: Any, window: Window, kind: Any, context: Context) -> Any:
    """Return f(convolution of x + bias), where bias is None without both; ``patches`` are of x (:func:`columns`)."""
    n_out = w.shape[3]
    out = context.empty((x.shape[0], *window.output(*x.shape[1:3]), n_out), x.dtype)
    if on_gpu(x):
        flat = out.reshape(-1, n_out)
        context.device.matmul(patches, w.reshape(-1, n_out), flat)
        if bias is not None:
            activations.activate(flat, kind, flat, bias)
        return out
    bias, kind = (np.zeros(n_out, x.dtype), IDENTITY) if bias is None else (bias, kind)
    packed = _room_for_weights(w, w.shape[2], n_out, context)
    convolution.convolve(x, w, bias, window, kind, out, packed)
    return out


def convolve_transposed(
    y: Any, w: Any, bias: Any, window: Window, kind: Any, image: tuple[int, int], context: Context
) -> Any:
    """Return f(transposed convolution of y + bias), images of height and width ``image``; bias as of convolve."""
    channels = w.shape[2]
    out = context.empty((y.shape[0], *image, channels), y.dtype)
    if on_gpu(y):
        rows = context.empty((y.size // y.shape[3], w.size // w.shape[3]), y.dtype)
        context.device.matmul(y.reshape(-1, y.shape[3]), w.reshape(-1, w.shape[3]).T, rows)
        convolution_device.sum_patches(rows, window, y.shape[1:3], out)
        if bias is not None:
            flat = out.reshape(-1, channels)
            activations.activate(flat, kind, flat, bias)
        return out
    bias, kind = (np.zeros(channels, y.dtype), IDENTITY) if bias is None else (bias, kind)
    packed = _room_for_weights(w, w.shape[3], channels, context)
    convolution.convolve_transposed(y, w, bias, window, kind, out, packed)
    return out


def slopes(y: Any, dy: Any, kind: Any, db: Any, context: Context) -> Any:
    """Return da = dy f'(a) and write its sums over all pixels, the gradient of the bias, into ``db``."""
    da = dy if kind == IDENTITY else context.empty(dy.shape, dy.dtype)
    sums = context.empty((y.shape[0], y.shape[3]), y.dtype)
    add = context.adds(db)
    if on_gpu(y):
        if kind != IDENTITY:
            rows, rows_dy, rows_da = (a.reshape(-1, a.shape[3]) for a in (y, dy, da))
            activations.backward(rows, rows_dy, kind, rows_da)
        convolution_device.sum_pixels(da, sums)
        column_totals(sums, db, add=add)
    else:
        convolution_gradient.slopes(y, dy, kind, da, sums)
        convolution_gradient.bias_gradient(sums, add, db)
    return da


def times_slope(y: Any, da: Any, kind: Any) -> Any:
    """Multiply da by f'(a) in place and return it."""
    if kind != IDENTITY:
        flat = da.reshape(-1, da.shape[3])
        activations.backward(y.reshape(flat.shape), flat, kind, flat)
    return da


def weight_gradient(x: Any, patches: Any, da: Any, window: Window, dw: Any, context: Context) -> None:
    """Write d loss / d w of a convolution of x whose output has gradient da; ``patches`` are x's :func:`columns`."""
    add = context.adds(dw)
    if not on_gpu(x):
        convolution_gradient.weight_gradient(x, da, window, add, dw)
        return
    flat, total = da.reshape(-1, da.shape[3]), dw.reshape(-1, dw.shape[3])
    target = context.empty(total.shape, total.dtype) if add else total
    context.device.matmul(patches.T, flat, target)
    if add:
        dense.add_into(target, total)
