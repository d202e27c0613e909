"""An RBM by its definition: the energy, and sums over all states of whatever is summed."""

from dataclasses import dataclass
from itertools import product
from math import exp, fsum, log

import numpy as np


@dataclass
class SlowRBM:
    """E(v, h) = -sum b_i v_i - sum c_j h_j - sum v_i W_ij h_j, at inverse temperature 1."""

    weights: np.ndarray
    visible_bias: np.ndarray
    hidden_bias: np.ndarray

    def energy(self, v, h):
        total = 0.0
        for i, v_i in enumerate(v):
            total -= float(self.visible_bias[i]) * v_i
            for j, h_j in enumerate(h):
                total -= v_i * float(self.weights[i, j]) * h_j
        for j, h_j in enumerate(h):
            total -= float(self.hidden_bias[j]) * h_j
        return total

    def visible_states(self):
        return states(len(self.visible_bias))

    def hidden_states(self):
        return states(len(self.hidden_bias))

    def free_energy(self, v):
        return -log(fsum(exp(-self.energy(v, h)) for h in self.hidden_states()))

    def joint(self):
        """p(v, h), shape (2^n_visible, 2^n_hidden), and log Z."""
        factors = [[exp(-self.energy(v, h)) for h in self.hidden_states()] for v in self.visible_states()]
        z = fsum(fsum(row) for row in factors)
        return np.array(factors) / z, log(z)

    def hidden_given(self, v):
        """P(h_j = 1 | v), by the ratio of sums over h."""
        weights = [(h, exp(-self.energy(v, h))) for h in self.hidden_states()]
        z = fsum(w for _, w in weights)
        return np.array([fsum(w * h[j] for h, w in weights) / z for j in range(len(self.hidden_bias))])

    def visible_given(self, h):
        """P(v_i = 1 | h), by the ratio of sums over v."""
        weights = [(v, exp(-self.energy(v, h))) for v in self.visible_states()]
        z = fsum(w for _, w in weights)
        return np.array([fsum(w * v[i] for v, w in weights) / z for i in range(len(self.visible_bias))])

    def log_pseudo_likelihood(self, v):
        """sum_i log p(v_i | v_{-i}), each conditional by summing h and both values of v_i."""
        total = 0.0
        for i in range(len(v)):
            other = list(v)
            other[i] = 1 - other[i]
            here, there = exp(-self.free_energy(v)), exp(-self.free_energy(other))
            total += log(here / (here + there))
        return total


def states(n):
    """All states, unit 0 the fastest: row r has the bits of r."""
    return [tuple(reversed(bits)) for bits in product((0, 1), repeat=n)]
