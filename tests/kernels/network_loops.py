"""Calls to the loops of losses, codes, steps and clipping, so that each knows its signature."""

import numpy as np

from ebm.kernels import clipping, steps, totals, variational
from ebm.kernels.adam import adam_step
from ebm.kernels.gaussian_loss import gaussian_loss, shared_gaussian_loss
from ebm.kernels.losses import CROSS_ENTROPY, pointwise_loss
from ebm.kernels.softmax_loss import softmax_loss
from ebm.kernels.sparse_code import sparsity_penalty
from ebm.networks.context import Noise

BOUNDS = (-12.0, 12.0)


def use_losses(dtype):
    a, n = np.full((3, 4), 0.5, dtype), 3
    d, wide, d_wide = np.zeros((n, 4), dtype), np.zeros((n, 8), dtype), np.zeros((n, 8), dtype)
    values, shares, row = np.zeros(n, dtype), np.full(n, 1 / n, dtype), np.zeros(4, dtype)
    clock = np.zeros(2, np.uint32)
    pointwise_loss(CROSS_ENTROPY, a, a, values, shares=shares, d_output=d)
    softmax_loss(a, a, values, shares=shares, d_output=d)
    softmax_loss(a, np.arange(n), values, shares=shares, d_output=d)
    gaussian_loss(wide, a, BOUNDS, values, shares=shares, d_output=d_wide)
    shared_gaussian_loss(a, row, a, BOUNDS, values, shares=shares, d_output=d, d_log_variance=row.copy())
    variational.kl_to_normal(wide, clock, values, shares=shares, betas=np.ones(1, dtype), d_posterior=d_wide)
    variational.reparameterise(wide, Noise(0, 0, clock), d, a.copy())
    variational.add_through_draw(wide, a, a, d_wide)
    sparsity_penalty(a, shares, 0.05, 1.0, np.zeros(1, dtype), row.copy(), row.copy(), d)
    totals.add_total(values, shares, np.zeros((1, 2), dtype))
    totals.tick(clock)


def use_steps(dtype):
    w, g, m, v = np.zeros((4, 20), dtype)
    clock, scale, rates = np.zeros(2, np.uint32), np.ones(1, dtype), np.ones((1, 1), dtype)
    steps.sgd_step(w, g, m, rates, clock, scale, 10, decay=0.1, momentum=0.9, nesterov=True)
    steps.rmsprop_step(w, g, v, m, rates, clock, scale, 10, decay=0.1, keep=0.9, epsilon=1e-8, momentum=0.9)
    table, moments = np.ones((1, 3), dtype), {"beta1": 0.9, "beta2": 0.99, "epsilon": 1e-8}
    adam_step(w, g, m, v, table, clock, scale, 10, decay=0.1, decoupled=True, **moments)
    clipping.clip_by_norm(g, 1.0, scale, np.zeros(1, dtype))
    clipping.clip_by_value(g, 1.0)
