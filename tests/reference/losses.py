"""Losses, number by number, from their formulas."""

from math import exp, log, pi

import numpy as np


def squared_error(y, t):
    return [sum((y[n, i] - t[n, i]) ** 2 for i in range(y.shape[1])) for n in range(len(y))]


def cross_entropy(a, t):
    def of(x, target):
        p = 1 / (1 + exp(-x))
        return -target * log(p) - (1 - target) * log(1 - p)

    return [sum(of(a[n, i], t[n, i]) for i in range(a.shape[1])) for n in range(len(a))]


def softmax_cross_entropy(a, t):
    values = []
    for n in range(len(a)):
        weights = [exp(x) for x in a[n]]
        values.append(-sum(t[n, k] * log(weights[k] / sum(weights)) for k in range(a.shape[1])))
    return values


def gaussian(mean, s, t):
    def of(m, log_variance, x):
        return 0.5 * log(2 * pi * exp(log_variance)) + (x - m) ** 2 / (2 * exp(log_variance))

    return [sum(of(mean[n, i], s[n, i], t[n, i]) for i in range(t.shape[1])) for n in range(len(t))]


def kl_to_normal(mu, s):
    """The divergence of each row's normal distribution from N(0, I), by its integral over a fine grid."""
    values, z = [], np.linspace(-30, 30, 60001)
    for n in range(len(mu)):
        total = 0.0
        for j in range(mu.shape[1]):
            log_q = -0.5 * (s[n, j] + (z - mu[n, j]) ** 2 / exp(s[n, j]) + log(2 * pi))
            log_p = -0.5 * (z**2 + log(2 * pi))
            total += float(np.sum(np.exp(log_q) * (log_q - log_p)) * (z[1] - z[0]))
        values.append(total)
    return values


def sparsity(h, shares, rho, beta):
    total = 0.0
    for j in range(h.shape[1]):
        r = sum(shares[n] * h[n, j] for n in range(len(h)))
        total += rho * log(rho / r) + (1 - rho) * log((1 - rho) / (1 - r))
    return beta * total
