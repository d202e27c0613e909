"""Unit types by their definitions: every state of a small layer with its weight, and the energy as a sum of terms.

A layer of real numbers is a grid with quadrature weights: evenly spaced points on the line (the trapezoid rule, exact
to rounding for normal tails), Gauss-Legendre points on the half line.
"""

from itertools import product
from math import comb, exp, log

import numpy as np

HALF_WIDTH, POINTS = 9.0, 121


def one_unit(unit):
    """States of one unit, shape (n, columns), and their weights (sum or quadrature)."""
    if unit.name == "gaussian":
        x = np.linspace(-HALF_WIDTH, HALF_WIDTH, POINTS)
        return x[:, None], np.full(POINTS, x[1] - x[0])
    if unit.name == "relu":
        x, w = np.polynomial.legendre.leggauss(80)
        return (HALF_WIDTH / 2) * (x[:, None] + 1), (HALF_WIDTH / 2) * w
    if unit.name == "bernoulli":
        return np.array([[0.0], [1.0]]), np.ones(2)
    if unit.name == "spin":
        return np.array([[-1.0], [1.0]]), np.ones(2)
    if unit.name == "binomial":
        return np.arange(unit.n_copies + 1.0)[:, None], np.ones(unit.n_copies + 1)
    if unit.name == "categorical":
        return np.eye(unit.n_values), np.ones(unit.n_values)
    raise ValueError(unit.name)


def layer(unit, n_units):
    """All states of a layer, one a row, and their weights."""
    states, weights = one_unit(unit)
    choices = list(product(range(len(states)), repeat=n_units))
    rows = np.array([np.concatenate([states[k] for k in choice]) for choice in choices])
    return rows, np.array([np.prod([weights[k] for k in choice]) for choice in choices])


def base(unit, state):
    """-log m(s) of one layer's state."""
    total = 0.0
    precision = getattr(unit, "precision", None)
    for i, s in enumerate(state):
        if unit.name in ("gaussian", "relu"):
            total += (1.0 if precision is None else float(precision[i])) * s * s / 2
        if unit.name == "binomial":
            total -= log(comb(unit.n_copies, int(s)))
    return total


def energy(model, v, h):
    """E(v, h) term by term."""
    total = base(model.visible, v) + base(model.hidden, h)
    for i, v_i in enumerate(v):
        total -= float(model.visible_bias[i]) * v_i
        for j, h_j in enumerate(h):
            total -= v_i * float(model.weights[i, j]) * h_j
    for j, h_j in enumerate(h):
        total -= float(model.hidden_bias[j]) * h_j
    return total


class Table:
    """p(v, h) of a small model on the product of its layers' states."""

    def __init__(self, model, n_visible, n_hidden):
        self.v, self.v_weights = layer(model.visible, n_visible)
        self.h, self.h_weights = layer(model.hidden, n_hidden)
        energies = np.array([[energy(model, v, h) for h in self.h] for v in self.v])
        self.mass = np.exp(-energies) * self.v_weights[:, None] * self.h_weights
        self.z = self.mass.sum()
        self.joint = self.mass / self.z

    @property
    def log_z(self):
        return log(self.z)

    def free_energy(self):
        """-log sum_h e^{-E(v, h)} for every visible state."""
        return -np.log(self.mass.sum(axis=1) / self.v_weights)

    def hidden_mean(self):
        """E[h | v] for every visible state."""
        return self.joint @ self.h / self.joint.sum(axis=1, keepdims=True)

    def visible_mean(self):
        """E[v | h] for every hidden state."""
        return self.joint.T @ self.v / self.joint.sum(axis=0)[:, None]


def softplus_copies(x, n=400):
    """sum_{i = 1}^n log(1 + e^{x - i + 1/2}), by a loop."""
    return sum(log(1 + exp(x - i + 0.5)) for i in range(1, n + 1))
