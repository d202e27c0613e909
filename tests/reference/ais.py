"""Annealed importance sampling by loops, for the numbers that ``ebm`` must reproduce from the same uniforms."""

from math import exp, log

import numpy as np

from tests.reference.philox import uniforms

BASE, VISIBLE, HIDDEN = 9, 7, 8  # streams


def softplus(x):
    return log(1.0 + exp(x))


def log_f(model, base, beta, v):
    """log f_beta(v) = ((1 - beta) b0 + beta b) . v + sum_j log(1 + e^{beta (c_j + sum_i v_i W_ij)})."""
    total = sum(((1 - beta) * base[i] + beta * model.visible_bias[i]) * v[i] for i in range(len(v)))
    for j in range(len(model.hidden_bias)):
        x = model.hidden_bias[j] + sum(v[i] * model.weights[i, j] for i in range(len(v)))
        total += softplus(beta * x)
    return total


def sweep(model, base, beta, v, seed, step):
    """One sweep of Gibbs at beta, for all chains: h given v, then v given h."""
    n, (n_visible, n_hidden) = len(v), model.weights.shape
    u_h = uniforms(n, n_hidden, seed, HIDDEN, step, np.float64)
    u_v = uniforms(n, n_visible, seed, VISIBLE, step, np.float64)
    new = np.zeros_like(v)
    for r in range(n):
        x = model.hidden_bias + v[r] @ model.weights
        h = [float(u_h[r, j] < 1 / (1 + exp(-beta * x[j]))) for j in range(n_hidden)]
        for i in range(n_visible):
            x_i = model.visible_bias[i] + sum(model.weights[i, j] * h[j] for j in range(n_hidden))
            x_i = (1 - beta) * base[i] + beta * x_i
            new[r, i] = float(u_v[r, i] < 1 / (1 + exp(-x_i)))
    return new


def log_weights(model, base, v, betas, seed, first_step=0):
    """Move along betas, in either direction, and sum log f_new - log f_old."""
    total = np.zeros(len(v))
    for k in range(1, len(betas)):
        for r in range(len(v)):
            total[r] += log_f(model, base, betas[k], v[r]) - log_f(model, base, betas[k - 1], v[r])
        v = sweep(model, base, betas[k], v, seed, first_step + k)
    return total


def base_states(base, n_chains, seed):
    u = uniforms(n_chains, len(base), seed, BASE, 0, np.float64)
    return np.array([[float(u[r, i] < 1 / (1 + exp(-base[i]))) for i in range(len(base))] for r in range(n_chains)])
