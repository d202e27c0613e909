"""Products and mixtures of experts as plain loops from their formulas."""

from math import exp, gamma, lgamma, log, pi, sqrt

import numpy as np


def potential(name, y):
    return log(1 + y * y / 2) if name == "student_t" else log(1 + exp(y)) + log(1 + exp(-y))


def slope(name, y):
    return y / (1 + y * y / 2) if name == "student_t" else (exp(y) - 1) / (exp(y) + 1)


def normaliser(name, alpha):
    """Integral of the expert over y."""
    if name == "student_t":
        return sqrt(2 * pi) * gamma(alpha - 0.5) / gamma(alpha)
    return exp(2 * lgamma(alpha) - lgamma(2 * alpha))


def energy(name, weights, bias, exponents, x):
    """sum_j alpha_j phi(b_j + sum_i x_i w_ij) of one state, and half the squared length of what no column of W sees."""
    total = 0.0
    for j in range(weights.shape[1]):
        y = bias[j]
        for i in range(weights.shape[0]):
            y += x[i] * weights[i, j]
        total += exponents[j] * potential(name, y)
    return total + 0.5 * sum(r * r for r in complement(weights, x))


def complement(weights, x):
    """Gram and Schmidt: x less its part along each column of W."""
    basis, rest = [], list(x)
    if weights.shape[1] >= weights.shape[0]:
        return [0.0] * len(rest)
    for column in weights.T:
        c = list(column)
        for b in basis:
            along = sum(p * q for p, q in zip(b, c, strict=True))
            c = [p - along * q for p, q in zip(c, b, strict=True)]
        length = sqrt(sum(p * p for p in c))
        basis.append([p / length for p in c])
    for b in basis:
        along = sum(p * q for p, q in zip(b, rest, strict=True))
        rest = [p - along * q for p, q in zip(rest, b, strict=True)]
    return rest


def bernoulli_responsibilities(weights, means, x):
    """p(k | x) of one state."""
    joint = []
    for weight, mean in zip(weights, means, strict=True):
        p = weight
        for m, value in zip(mean, x, strict=True):
            p *= m if value == 1 else 1 - m
        joint.append(p)
    return np.array(joint) / sum(joint)
