"""Hopfield networks and their storage rules by their formulas, as loops over units."""

from math import exp, log

import numpy as np


def energy(weights, thresholds, s):
    """E = -1/2 sum_ij w_ij s_i s_j + sum_i theta_i s_i, in Python's floats."""
    total = 0.0
    for i in range(len(s)):
        total += float(thresholds[i]) * float(s[i])
        for j in range(len(s)):
            total -= 0.5 * float(weights[i, j]) * float(s[i]) * float(s[j])
    return total


def asynchronous(weights, thresholds, s, orders):
    """Update units in turn from scratch; returns the state, sweeps, flips, and the energy after every sweep."""
    s, flips, energies = [float(x) for x in s], 0, []
    for sweep, order in enumerate(orders):
        flipped = 0
        for i in order:
            total = sum(float(weights[i, j]) * s[j] for j in range(len(s)))
            new = 1.0 if total >= float(thresholds[i]) else -1.0
            flipped += new != s[i]
            s[i] = new
        flips += flipped
        energies.append(energy(weights, thresholds, s))
        if flipped == 0:
            return s, sweep + 1, flips, energies
    return s, len(orders), flips, energies


def synchronous(weights, thresholds, s, n_steps):
    """All units at once, every state on the way."""
    states = [list(map(float, s))]
    for _ in range(n_steps):
        old = states[-1]
        inputs = [sum(float(weights[i, j]) * old[j] for j in range(len(old))) for i in range(len(old))]
        states.append([1.0 if inputs[i] >= float(thresholds[i]) else -1.0 for i in range(len(old))])
    return states


def hebb(patterns):
    n = patterns.shape[1]
    w = np.zeros((n, n))
    for x in patterns:
        for i in range(n):
            for j in range(n):
                if i != j:
                    w[i, j] += x[i] * x[j] / n
    return w


def storkey(patterns):
    n = patterns.shape[1]
    w = np.zeros((n, n))
    for x in patterns:
        old = w.copy()
        for i in range(n):
            for j in range(n):
                if i != j:
                    h_ij = sum(old[i, k] * x[k] for k in range(n) if k not in (i, j))
                    h_ji = sum(old[j, k] * x[k] for k in range(n) if k not in (i, j))
                    w[i, j] += (x[i] * x[j] - x[i] * h_ji - h_ij * x[j]) / n
    return w


def modern_energy(patterns, beta, z):
    largest = max(sum(a * a for a in x) for x in patterns)
    total = sum(exp(beta * sum(a * b for a, b in zip(x, z, strict=True))) for x in patterns)
    return -log(total) / beta + 0.5 * sum(a * a for a in z) + log(len(patterns)) / beta + 0.5 * largest


def modern_update(patterns, beta, z):
    weights = [exp(beta * sum(a * b for a, b in zip(x, z, strict=True))) for x in patterns]
    return [sum(w * x[j] for w, x in zip(weights, patterns, strict=True)) / sum(weights) for j in range(len(z))]


def pair_energy(weights, x, y):
    return -sum(x[i] * float(weights[i, j]) * y[j] for i in range(len(x)) for j in range(len(y)))


def dense_sum(patterns, degree, rectified, s):
    """sum_p F(x_p.s) in whole numbers."""
    total = 0
    for x in patterns:
        product = sum(int(a) * int(b) for a, b in zip(x, s, strict=True))
        total += (max(product, 0) if rectified else product) ** degree
    return total


def dense_energy(patterns, degree, rectified, s):
    """E = -N sum_p F(x_p.s / N)."""
    return -len(s) * dense_sum(patterns, degree, rectified, s) / len(s) ** degree


def dense_asynchronous(patterns, degree, rectified, s, orders):
    """Each unit takes the sign under which the energy is lower, +1 where both are alike."""
    s, flips = [int(x) for x in s], 0
    for sweep, order in enumerate(orders):
        flipped = 0
        for i in order:
            old, sums = s[i], {}
            for s[i] in (-1, 1):
                sums[s[i]] = dense_sum(patterns, degree, rectified, s)
            s[i] = 1 if sums[1] >= sums[-1] else -1
            flipped += s[i] != old
        flips += flipped
        if flipped == 0:
            return s, sweep + 1, flips
    return s, len(orders), flips
