"""The Boltzmann machine as its formulas say, in plain loops over units, edges and states."""

import itertools
import math

import numpy as np


class SlowMachine:
    """E(s) = -b.s - sum_{i<j} W_ij s_i s_j, p(s) = exp(-beta E(s)) / Z."""

    def __init__(self, couplings, bias, visible, beta):
        self.couplings, self.bias, self.beta = np.asarray(couplings, float), np.asarray(bias, float), beta
        self.visible = [bool(v) for v in visible]
        self.n = len(bias)
        self.states = [s[::-1] for s in itertools.product((0, 1), repeat=self.n)]  # unit i is bit i

    def energy(self, s):
        total = 0.0
        for i in range(self.n):
            total -= self.bias[i] * s[i]
            for j in range(i + 1, self.n):
                total -= self.couplings[i, j] * s[i] * s[j]
        return total

    def log_partition(self):
        return math.log(math.fsum(math.exp(-self.beta * self.energy(s)) for s in self.states))

    def joint(self):
        log_z = self.log_partition()
        return np.array([math.exp(-self.beta * self.energy(s) - log_z) for s in self.states])

    def mean(self):
        return sum(p * np.array(s, float) for p, s in zip(self.joint(), self.states, strict=True))

    def pairs(self):
        return sum(p * np.outer(s, s) for p, s in zip(self.joint(), self.states, strict=True))

    def log_likelihood(self, v):
        """log p(v), every state of the hidden units added up."""
        total = 0.0
        for p, s in zip(self.joint(), self.states, strict=True):
            if all(a == b for a, b in zip(v, itertools.compress(s, self.visible), strict=True)):
                total += p
        return math.log(total)

    def conditional(self, s, i):
        """p(s_i = 1 | the others), from the energies of both states."""
        off, on = list(s), list(s)
        off[i], on[i] = 0, 1
        return 1 / (1 + math.exp(self.beta * (self.energy(on) - self.energy(off))))

    def log_pseudo_likelihood(self, s):
        total = 0.0
        for i in range(self.n):
            p = self.conditional(s, i)
            total += math.log(p if s[i] else 1 - p)
        return total
