"""Variational autoencoders from their formulas, one number after the other."""

import math

import numpy as np

from ebm.random import Random, Stream


def joined(a, b):
    """Every pixel's channels, and its sample's context after them."""
    n, pixels, c = a.shape[0], int(np.prod(a.shape[1:-1])), a.shape[-1]
    flat = a.reshape(n, pixels, c)
    rows = [[[*flat[i, p], *b[i]] for p in range(pixels)] for i in range(n)]
    return np.array(rows).reshape(*a.shape[:-1], c + b.shape[1])


def log_normal(x, mean, log_variance):
    """log N(x; mean, e^log_variance) of one number."""
    return -0.5 * (math.log(2 * math.pi) + log_variance + (x - mean) ** 2 / math.exp(log_variance))


def log_ratio(posterior, z):
    """log p(z) - log q(z) of one code, from the two densities."""
    m, total = len(z), 0.0
    for j in range(m):
        total += log_normal(z[j], 0.0, 0.0) - log_normal(z[j], posterior[j], posterior[m + j])
    return total


def divergence(posterior):
    """KL(q || N(0, I)) of one posterior."""
    m, total = len(posterior) // 2, 0.0
    for j in range(m):
        mu, s = posterior[j], posterior[m + j]
        total += 0.5 * (math.exp(s) + mu**2 - 1 - s)
    return total


def noise_of(seed, name, step, m, dtype=np.float64):
    """The noise of one row in the stream of importance bounds, from uniforms by Box and Muller."""
    columns = -(-m // 4) * 4
    u = Random(seed).uniform((name + 1, columns), Stream.IMPORTANCE, step, dtype)[name].astype(float)
    out = []
    for j in range(0, columns, 2):
        r = math.sqrt(-2 * math.log(u[j]))
        out += [r * math.cos(2 * math.pi * u[j + 1]), r * math.sin(2 * math.pi * u[j + 1])]
    return np.array(out[:m])


def bernoulli_log(x, logits):
    """sum_i x_i log p_i + (1 - x_i) log(1 - p_i)."""
    p = [1 / (1 + math.exp(-a)) for a in logits]
    return sum(xi * math.log(pi) + (1 - xi) * math.log(1 - pi) for xi, pi in zip(x, p, strict=True))
