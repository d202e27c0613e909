"""Normalisation, softmax, embedding, pyramids and corruption, element by element in float64."""

import math

import numpy as np

from tests.reference.philox import uniforms

BINOMIAL = (1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16)


def normalised(x, scale, shift, epsilon):
    """The columns of a matrix normalised by their own means and variances, and these two."""
    n, c = x.shape
    y, means, variances = np.zeros((n, c)), np.zeros(c), np.zeros(c)
    for j in range(c):
        values = [float(v) for v in x[:, j]]
        means[j] = sum(values) / n
        variances[j] = sum((v - means[j]) ** 2 for v in values) / n
        for r in range(n):
            y[r, j] = scale[j] * (values[r] - means[j]) / math.sqrt(variances[j] + epsilon) + shift[j]
    return y, means, variances


def layer_normalised(x, scale, shift, epsilon):
    y = np.zeros(x.shape)
    for r, row in enumerate(x):
        mean = sum(float(v) for v in row) / row.size
        variance = sum((float(v) - mean) ** 2 for v in row) / row.size
        for j, v in enumerate(row):
            y[r, j] = scale[j] * (float(v) - mean) / math.sqrt(variance + epsilon) + shift[j]
    return y


def softmax(x):
    y = np.zeros(x.shape)
    for r, row in enumerate(x):
        weights = [math.exp(float(v) - max(map(float, row))) for v in row]
        y[r] = [w / sum(weights) for w in weights]
    return y


def table_gradient(tokens, dy, n_tokens):
    gradient = np.zeros((n_tokens, dy.shape[-1]))
    for p, token in enumerate(tokens.ravel()):
        for j in range(dy.shape[-1]):
            gradient[token, j] += float(dy.reshape(-1, dy.shape[-1])[p, j])
    return gradient


def reflect(i, n):
    while n > 1 and not 0 <= i < n:
        i = -i if i < 0 else 2 * (n - 1) - i
    return i if n > 1 else 0


def pyramid_down(image):
    """Burt & Adelson 1983, eq. 1, of an image (height, width), edges reflected."""
    h, w = image.shape
    out = np.zeros((math.ceil(h / 2), math.ceil(w / 2)))
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            for m in range(-2, 3):
                for n in range(-2, 3):
                    value = float(image[reflect(2 * i + m, h), reflect(2 * j + n, w)])
                    out[i, j] += BINOMIAL[m + 2] * BINOMIAL[n + 2] * value
    return out


def pyramid_up(image, size):
    """Burt & Adelson 1983, eq. 2: zeros between the pixels, the blur, and a factor 4 (2 along each axis)."""
    spread, out = np.zeros(size), np.zeros(size)
    spread[::2, ::2] = image
    factor = (1 if size[0] == 1 else 2) * (1 if size[1] == 1 else 2)
    for i in range(size[0]):
        for j in range(size[1]):
            for m in range(-2, 3):
                for n in range(-2, 3):
                    value = spread[reflect(i + m, size[0]), reflect(j + n, size[1])]
                    out[i, j] += factor * BINOMIAL[m + 2] * BINOMIAL[n + 2] * value
    return out


def corrupted(x, noise, step, change):
    """change(x_ij, u_ij) of a matrix, with the uniforms that stand at ``noise``."""
    u = uniforms(*x.shape, noise.seed, noise.stream, step, x.dtype)
    out = np.zeros(x.shape)
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            out[i, j] = change(float(x[i, j]), float(u[i, j]))
    return out


def gaussian(x, noise, step, scale):
    """x + scale z by Box and Muller, a pair of columns from a pair of uniforms."""
    columns = x.shape[1] + x.shape[1] % 2
    u = uniforms(x.shape[0], columns, noise.seed, noise.stream, step, x.dtype)
    out = np.zeros(x.shape)
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            first, second = float(u[i, j // 2 * 2]), float(u[i, j // 2 * 2 + 1])
            turn = (math.cos, math.sin)[j % 2](2 * math.pi * second)
            out[i, j] = float(x[i, j]) + scale * math.sqrt(-2 * math.log(first)) * turn
    return out
