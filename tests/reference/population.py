"""Populations that resample, by loops, along any path with ``move``."""

from math import exp, floor, log

import numpy as np


def systematic(weights, u):
    """Chain i of n is drawn at every (k + u) / n that falls into its piece of the unit interval."""
    n, total, chosen, so_far = len(weights), sum(weights), [], 0.0
    for i in range(n):
        lower, so_far = so_far, so_far + weights[i] / total
        chosen += [i] * (floor(so_far * n - u + 1e-12) - floor(lower * n - u + 1e-12))
    return chosen


def population(path, n_populations, n, paths_and_betas, random, uniforms):
    """Follow every path; return log Z of each population and the states.

    ``uniforms(step)`` gives one uniform for each population.
    """
    states, step = path.start(n_populations * n, random), 0
    log_z, gathered = [path.log_base] * n_populations, np.zeros((n_populations, n))
    for along, betas in paths_and_betas:
        for k in range(1, len(betas)):
            step += 1
            states, gain = along.move(states, betas[k - 1], betas[k], random, step)
            gathered += gain.reshape(n_populations, n)
        for p in range(n_populations):
            w = [exp(x) for x in gathered[p]]
            if sum(w) ** 2 < 0.5 * n * sum(x * x for x in w):
                chosen = systematic(w, uniforms(step)[p])
                states[p * n : (p + 1) * n] = states[p * n : (p + 1) * n][chosen]
                log_z[p] += log(sum(w) / n)
                gathered[p] = 0.0
    return [z + log(sum(exp(x) for x in g) / n) for z, g in zip(log_z, gathered, strict=True)], states
