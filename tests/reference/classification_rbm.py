"""A classification RBM by its definition: the energy, and sums over all states of whatever is summed."""

from dataclasses import dataclass
from math import exp, fsum, log

import numpy as np

from tests.reference.rbm import states


@dataclass
class SlowClassificationRBM:
    """E(v, y, h) = -sum b_i v_i - sum c_j h_j - d_y - sum v_i W_ij h_j - sum U_yj h_j."""

    weights: np.ndarray
    label_weights: np.ndarray
    visible_bias: np.ndarray
    hidden_bias: np.ndarray
    label_bias: np.ndarray

    def energy(self, v, y, h):
        total = -float(self.label_bias[y])
        for i, v_i in enumerate(v):
            total -= float(self.visible_bias[i]) * v_i
            for j, h_j in enumerate(h):
                total -= v_i * float(self.weights[i, j]) * h_j
        for j, h_j in enumerate(h):
            total -= (float(self.hidden_bias[j]) + float(self.label_weights[y, j])) * h_j
        return total

    def visible_states(self):
        return states(len(self.visible_bias))

    def hidden_states(self):
        return states(len(self.hidden_bias))

    def labels(self):
        return range(len(self.label_bias))

    def joint(self):
        """p(v, y, h), shape (2^n_visible, n_classes, 2^n_hidden), and log Z."""
        factors = [
            [[exp(-self.energy(v, y, h)) for h in self.hidden_states()] for y in self.labels()]
            for v in self.visible_states()
        ]
        z = fsum(fsum(row) for table in factors for row in table)
        return np.array(factors) / z, log(z)

    def joint_free_energy(self, v, y):
        return -log(fsum(exp(-self.energy(v, y, h)) for h in self.hidden_states()))

    def class_probabilities(self, v):
        """p(y | v), by sums over h."""
        weights = [fsum(exp(-self.energy(v, y, h)) for h in self.hidden_states()) for y in self.labels()]
        return np.array(weights) / fsum(weights)

    def class_probabilities_given_hidden(self, h):
        """p(y | h), by sums over v."""
        weights = [fsum(exp(-self.energy(v, y, h)) for v in self.visible_states()) for y in self.labels()]
        return np.array(weights) / fsum(weights)

    def hidden_given(self, v, y=None):
        """P(h_j = 1 | v, y), or P(h_j = 1 | v), by sums over h (and y)."""
        given = self.labels() if y is None else [y]
        weights = [(h, fsum(exp(-self.energy(v, y, h)) for y in given)) for h in self.hidden_states()]
        z = fsum(w for _, w in weights)
        return np.array([fsum(w * h[j] for h, w in weights) / z for j in range(len(self.hidden_bias))])
