"""Annealing from one RBM to another, by loops: the RBM at beta has the parameters in between."""

import numpy as np

from tests.reference.ais import HIDDEN, VISIBLE, log_f
from tests.reference.philox import uniforms
from tests.reference.rbm import SlowRBM


def at(first, last, beta):
    parts = ("weights", "visible_bias", "hidden_bias")
    return SlowRBM(*((1 - beta) * getattr(first, name) + beta * getattr(last, name) for name in parts))


def sweep(model, v, seed, step):
    n, (n_visible, n_hidden) = len(v), model.weights.shape
    u_h = uniforms(n, n_hidden, seed, HIDDEN, step, np.float64)
    u_v = uniforms(n, n_visible, seed, VISIBLE, step, np.float64)
    new = np.zeros_like(v)
    for r in range(n):
        h = np.zeros(n_hidden)
        for j in range(n_hidden):
            x = model.hidden_bias[j] + sum(v[r, i] * model.weights[i, j] for i in range(n_visible))
            h[j] = u_h[r, j] < 1 / (1 + np.exp(-x))
        for i in range(n_visible):
            x = model.visible_bias[i] + sum(model.weights[i, j] * h[j] for j in range(n_hidden))
            new[r, i] = u_v[r, i] < 1 / (1 + np.exp(-x))
    return new


def log_weights(first, last, v, betas, seed):
    total = np.zeros(len(v))
    for k in range(1, len(betas)):
        old, new = at(first, last, betas[k - 1]), at(first, last, betas[k])
        for r in range(len(v)):
            total[r] += log_f(new, new.visible_bias, 1.0, v[r]) - log_f(old, old.visible_bias, 1.0, v[r])
        v = sweep(new, v, seed, k)
    return total
