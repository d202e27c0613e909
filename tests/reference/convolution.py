"""Convolution and its transpose as loops over the equations."""

import numpy as np


def convolve(x, w, bias, stride, padding):
    """y[i, j, o] = b_o + sum x[i sh - top + s, j sw - left + t, c] w[s, t, c, o]."""
    (n, height, width, _), (kh, kw, _, n_out), (top, bottom, left, right) = x.shape, w.shape, padding
    rows, columns = (height + top + bottom - kh) // stride[0] + 1, (width + left + right - kw) // stride[1] + 1
    y = np.zeros((n, rows, columns, n_out))
    for i in range(rows):
        for j in range(columns):
            for s in range(kh):
                for t in range(kw):
                    a, b = i * stride[0] - top + s, j * stride[1] - left + t
                    if 0 <= a < height and 0 <= b < width:
                        y[:, i, j] += x[:, a, b].astype(np.float64) @ w[s, t]
    return y + bias


def convolve_transposed(y, w, bias, stride, padding, image):
    """Spread y over an image: each output gives to the inputs that it was made of."""
    (n, rows, columns, _), (kh, kw, channels, _), (top, _, left, _) = y.shape, w.shape, padding
    x = np.zeros((n, *image, channels))
    for i in range(rows):
        for j in range(columns):
            for s in range(kh):
                for t in range(kw):
                    a, b = i * stride[0] - top + s, j * stride[1] - left + t
                    if 0 <= a < image[0] and 0 <= b < image[1]:
                        x[:, a, b] += y[:, i, j].astype(np.float64) @ w[s, t].T
    return x + bias


def weight_gradient(x, dy, kernel, stride, padding):
    """Sum over outputs the products of what they were made of and their gradients."""
    (_, height, width, channels), (top, _, left, _) = x.shape, padding
    dw = np.zeros((*kernel, channels, dy.shape[3]))
    for i in range(dy.shape[1]):
        for j in range(dy.shape[2]):
            for s in range(kernel[0]):
                for t in range(kernel[1]):
                    a, b = i * stride[0] - top + s, j * stride[1] - left + t
                    if 0 <= a < height and 0 <= b < width:
                        dw[s, t] += x[:, a, b].astype(np.float64).T @ dy[:, i, j]
    return dw
