"""Parallel tempering of a Bernoulli RBM, one unit and one pair after the other."""

import math

import numpy as np

from ebm.kernels.philox import uniforms
from ebm.random import Stream


def sigma(x):
    return 1 / (1 + math.exp(-x))


class SlowTempering:
    """Replicas of one or more ladders; ``place[l][k]`` is the replica of ladder l that stands at level k."""

    def __init__(self, model, base, betas, states, seed):
        self.w, self.b, self.c = (
            np.asarray(a, np.float64) for a in (model.weights, model.visible_bias, model.hidden_bias)
        )
        self.base, self.betas, self.seed = base, betas, seed
        self.v, self.h = (list(map(list, part)) for part in np.split(states, [len(self.b)], axis=1))
        self.place = [list(range(len(betas))) for _ in range(len(states) // len(betas))]
        self.accepted, self.trips = [0] * (len(betas) - 1), 0
        self.last = [["" for _ in betas] for _ in self.place]
        self.note()

    def beta_of(self, row):
        ladder, replica = divmod(row, len(self.betas))
        return self.betas[self.place[ladder].index(replica)]

    def sweep(self, step):
        n = len(self.v)
        u_v = uniforms((n, len(self.b)), self.seed, step, Stream.TEMPERED_VISIBLE, np.float64)
        u_h = uniforms((n, len(self.c)), self.seed, step, Stream.TEMPERED_HIDDEN, np.float64)
        for r in range(n):
            beta = self.beta_of(r)
            for i in range(len(self.b)):
                x = self.b[i] + sum(self.w[i, j] * self.h[r][j] for j in range(len(self.c)))
                self.v[r][i] = float(u_v[r, i] < sigma(beta * x + (1 - beta) * self.base[i]))
            for j in range(len(self.c)):
                x = self.c[j] + sum(self.w[i, j] * self.v[r][i] for i in range(len(self.b)))
                self.h[r][j] = float(u_h[r, j] < sigma(beta * x))

    def log_f(self, row, beta):
        v, h = self.v[row], self.h[row]
        energy = (
            -sum(self.b * v) - sum(self.c * h) - sum(v[i] * self.w[i, j] * h[j] for i, j in np.ndindex(*self.w.shape))
        )
        return -(1 - beta) * -sum(self.base * v) - beta * energy

    def swap(self, step):
        u = uniforms((len(self.place), len(self.betas) - 1), self.seed, step, Stream.SWAP, np.float64)
        for ladder, place in enumerate(self.place):
            for k in range(step % 2, len(self.betas) - 1, 2):
                a, b = (ladder * len(self.betas) + place[level] for level in (k, k + 1))
                low, high = self.betas[k], self.betas[k + 1]
                change = self.log_f(b, low) + self.log_f(a, high) - self.log_f(a, low) - self.log_f(b, high)
                if math.log(u[ladder, k]) < change:
                    place[k], place[k + 1] = place[k + 1], place[k]
                    self.accepted[k] += 1
        self.note()

    def note(self):
        for place, last in zip(self.place, self.last, strict=True):
            top, base = place[-1], place[0]
            self.trips += last[top] == "base"
            last[top] = "top"
            last[base] = "base" if last[base] == "top" else last[base]
